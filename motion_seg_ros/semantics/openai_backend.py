"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp's server, or a cloud."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

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


class _Way(NamedTuple):
    """How a server is asked, in what not every server knows: for log-probabilities, and for which form."""

    logprobs: bool
    form: str


# What tells most comes first. What a server refuses is not tried again; one that fails before it has ever
# answered is asked in each way by turns, and stays with the first that it answers.
_WAYS = (
    _Way(True, "json_schema"),
    _Way(False, "json_schema"),
    _Way(True, "json_object"),
    _Way(False, "json_object"),
    _Way(False, ""),
)


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
        self._way = 0
        # Whether the server has answered when it was asked in this way.
        self._understood = False
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
        way = self._way
        try:
            body = await self._client.complete(self._arguments(question, _WAYS[way]))
        except Refused as refused:
            raise self._another_way(way, refused) from None
        self._understood = self._understood or way == self._way
        return body

    def _arguments(self, question: Question, way: _Way) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._settings.model,
            "messages": messages(question, self._settings),
            "temperature": self._settings.temperature,
            "max_tokens": REPLY_TOKENS,
        }
        if way.form == "json_schema":
            named = {"name": "comparison", "strict": True, "schema": SCHEMA}
            arguments["response_format"] = {"type": way.form, "json_schema": named}
        elif way.form:
            # Those of llama-cpp-python hold to the schema, too.
            arguments["response_format"] = {"type": way.form, "schema": SCHEMA}
        if way.logprobs:
            arguments |= {"logprobs": True, "top_logprobs": 5}
        return arguments

    def _another_way(self, way: int, refused: Refused) -> BackendError:
        """What a refusal means; of something that the server does not know it is not the end."""
        unknown, last = refused.status in (400, 422), way == len(_WAYS) - 1
        # What some servers do not know is to them a failure of their own.
        failed = refused.status == 500 and not self._understood
        if not failed and (not unknown or last):
            return refused
        # Several requests may be refused for one thing.
        if self._way == way:
            self._way, self._understood = (way + 1) % len(_WAYS), False
        logprobs, form = _WAYS[self._way]
        told = f"{form or 'any text'}{' and log-probabilities' if logprobs else ''}"
        # Who does not know is not ill, and need not be left alone.
        return BackendError(f"{refused}: it is asked for {told} from now on", True, 0.0 if unknown else None)
