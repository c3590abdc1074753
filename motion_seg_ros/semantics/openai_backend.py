"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp's server, or a cloud."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import openai

from motion_seg_ros.semantics.conversation import (
    PROMPT,
    REPLY_TOKENS,
    SCHEMA,
    ServerSettings,
    messages,
    read,
)
from motion_seg_ros.semantics.protocol import Answer, BackendError, Question

# Longest reply that is read (bytes), and longest wait that a server may ask for (s).
_LONGEST_REPLY, _LONGEST_WAIT = 256 * 1024, 3600.0
# Asking again does not help: a request that is not understood, wrong key, no rights, no such model.
_LASTING = (400, 401, 403, 404, 422)
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
        address = urlsplit(settings.base_url)
        if settings.base_url and (address.scheme not in ("http", "https") or not address.hostname):
            raise ValueError("oracle.base_url must be an http or https address")
        if address.username or address.password:
            raise ValueError(f"oracle.base_url must not hold a key: put it into ${settings.key_variable}")
        key = os.environ.get(settings.key_variable, "").strip()
        # The error of a header that cannot be sent would quote it.
        if not key.isascii() or not key.isprintable():
            raise ValueError(f"the key in ${settings.key_variable} is not plain text")
        if not key and not settings.base_url:
            raise ValueError(f"OpenAI needs a key in ${settings.key_variable}")
        self._settings = settings
        # Whoever asks retries, counts and limits the time. Refusals are read before the library reads all of
        # what may come with them.
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=settings.base_url or None,
            max_retries=0,
            timeout=300.0,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [_look]}),
        )
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
        create = self._client.chat.completions.with_streaming_response.create
        options = self._options
        body = b""
        # "from None" throughout: what a server or a library writes may quote the key.
        try:
            async with create(**self._arguments(question)) as response:
                async for part in response.iter_bytes():
                    body += part
                    if len(body) > _LONGEST_REPLY:
                        raise BackendError(f"the server's reply is longer than {_LONGEST_REPLY} bytes")
        except Exception as error:
            # Some versions of the library wrap what is raised while they look at a reply.
            for told in (error, error.__cause__):
                if isinstance(told, _Refused):
                    raise self._without(options, told) from None
            if isinstance(error, BackendError):
                raise
            raise BackendError(f"the server cannot be reached ({type(error).__name__})") from None
        return body

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

    def _without(self, options: tuple[str, ...], refused: _Refused) -> BackendError:
        """What a refusal means; for an option that the server does not know it is not the end."""
        if refused.status not in (400, 422) or not options:
            return refused
        # Several requests may be refused for one option.
        if self._options == options:
            self._options = options[1:]
        return BackendError(f"{refused}: it is asked without {options[0]} from now on")


class _Refused(BackendError):
    """The server answered with an error."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"the server refused (HTTP {status})", status not in _LASTING, retry_after)
        self.status = status


async def _look(response: Any) -> None:
    """Raise a refusal before its body is read: the status says enough."""
    status = response.status_code
    if status >= 400:
        raise _Refused(status, _retry_after(response.headers) if status in (429, 503) else None)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone for; a date is compared with the one that it sent."""
    told = headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(told) - parsedate_to_datetime(headers["date"])).total_seconds()
        except (ValueError, TypeError, KeyError, OverflowError):
            return None
    # Written so that NaN fails too.
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None
