"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp's server, or a cloud."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from motion_seg_ros.semantics.chat import ChatClient, Refused
from motion_seg_ros.semantics.conversation import (
    PROMPT,
    REPLY_TOKENS,
    SCHEMA,
    ServerSettings,
    messages,
    read,
)
from motion_seg_ros.semantics.protocol import Answer, BackendError, Question

# What a server may not know, in the order in which it is left out.
_OPTIONS: tuple[str, ...] = ("logprobs", "schema")


class OpenAIBackend:
    """Asks a server. The key comes from the environment and goes nowhere but into the request.

    Raises
    ------
    ValueError : no model is named, or the address or the key cannot be used.
    """

    def __init__(self, settings: ServerSettings) -> None:
        if not settings.model:
            raise ValueError("the backend openai needs the name of a model (oracle.model)")
        self._settings = settings
        self._client = ChatClient(settings.base_url, settings.key_variable, "oracle.")
        self._options = _OPTIONS
        self.name = f"llm:{settings.model}"
        said = (settings.base_url, settings.model, settings.shows, settings.prompt or PROMPT)
        numbers = (settings.temperature, settings.same_right, settings.different_right)
        self.fingerprint = hashlib.sha256(repr((said, numbers)).encode()).hexdigest()

    async def ask(self, question: Question) -> Answer:
        body = await self._request(question)
        try:
            completion = json.loads(body)
        except (ValueError, RecursionError):
            raise BackendError("the server's reply is not JSON") from None
        return read(completion, self._settings, self.name)

    async def close(self) -> None:
        await self._client.close()

    async def _request(self, question: Question) -> bytes:
        options = self._options
        try:
            return await self._client.complete(self._arguments(question))
        except Refused as refused:
            raise self._without(options, refused) from None

    def _arguments(self, question: Question) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._settings.model,
            "messages": messages(question, self._settings),
            "temperature": self._settings.temperature,
            "max_tokens": REPLY_TOKENS,
        }
        if "schema" in self._options:
            named = {"name": "comparison", "strict": True, "schema": SCHEMA}
            arguments["response_format"] = {"type": "json_schema", "json_schema": named}
        if "logprobs" in self._options:
            arguments |= {"logprobs": True, "top_logprobs": 5}
        return arguments

    def _without(self, options: tuple[str, ...], refused: Refused) -> BackendError:
        """What a refusal means; for an option that the server does not know it is not the end."""
        if refused.status not in (400, 422) or not options:
            return refused
        # Several requests may be refused for one option.
        if self._options == options:
            self._options = options[1:]
        return BackendError(f"{refused}: it is asked without {options[0]} from now on")
