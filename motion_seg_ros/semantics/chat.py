"""A client of any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp's server, or a cloud.

What a server or a library writes may quote the key, so no error tells more than its kind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import openai

from motion_seg_ros.semantics.protocol import BackendError

# Longest reply that is read (bytes), and longest wait that a server may ask for (s).
_LONGEST_REPLY, _LONGEST_WAIT = 256 * 1024, 3600.0
# Asking again does not help: another address, a request that is not understood, wrong key, no rights, no
# such model.
_LASTING = (301, 302, 307, 308, 400, 401, 403, 404, 422)


class ChatClient:
    """Sends conversations. The key comes from the environment and goes nowhere but into the request.

    Parameters
    ----------
    base_url : address of the server; "" for OpenAI's.
    key_variable : environment variable that holds the key, if one is needed.
    prefix : of the settings that these come from, for messages ("oracle.").

    Raises
    ------
    ValueError : the address or the key cannot be used.
    """

    def __init__(self, base_url: str, key_variable: str, prefix: str) -> None:
        address = urlsplit(base_url)
        if base_url and (address.scheme not in ("http", "https") or not address.hostname):
            raise ValueError(f"{prefix}base_url must be an http or https address")
        if address.username or address.password:
            raise ValueError(f"{prefix}base_url must not hold a key: put it into ${key_variable}")
        key = os.environ.get(key_variable, "").strip()
        # The error of a header that cannot be sent would quote it.
        if not key.isascii() or not key.isprintable():
            raise ValueError(f"the key in ${key_variable} is not plain text")
        if not key and not base_url:
            raise ValueError(f"OpenAI needs a key in ${key_variable}")
        # Whoever asks retries, counts and limits the time. Refusals are read before the library reads all of
        # what may come with them. What a person is seen to do goes to the server that is named, and nowhere
        # that it may point to.
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=base_url or None,
            max_retries=0,
            timeout=300.0,
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False, event_hooks={"response": [_look]}
            ),
        )
        # Parts of the library are imported only here: that takes long, and must not happen beside frames.
        self._create = self._client.chat.completions.with_streaming_response.create

    async def complete(self, arguments: Mapping[str, Any]) -> bytes:
        """The body of the reply to a request with these arguments.

        Raises
        ------
        Refused : the server answered with an error.
        BackendError : it cannot be reached, or says too much.
        """
        body = b""
        try:
            # What comes in the extra body is sent as it is. Every other value the library compares with its
            # types, and keeps Python's lock meanwhile, for longer than all the rest of a request takes.
            async with self._create(
                model=arguments["model"], messages=[], extra_body=dict(arguments)
            ) as response:
                async for part in response.iter_bytes():
                    body += part
                    if len(body) > _LONGEST_REPLY:
                        raise BackendError(f"the server's reply is longer than {_LONGEST_REPLY} bytes")
        except Exception as error:
            # Some versions of the library wrap what is raised while they look at a reply.
            for told in (error, error.__cause__):
                if isinstance(told, Refused):
                    raise told from None
            if isinstance(error, BackendError):
                raise
            raise BackendError(f"the server cannot be reached ({type(error).__name__})") from None
        return body

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()


class Refused(BackendError):
    """The server answered with an error."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"the server refused (HTTP {status})", status not in _LASTING, retry_after)
        self.status = status


async def _look(response: Any) -> None:
    """Raise a refusal before its body is read: the status says enough."""
    status = response.status_code
    if status >= 300:
        raise Refused(status, _retry_after(response.headers) if status in (429, 503) else None)


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
