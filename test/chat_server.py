"""A server that speaks OpenAI's chat completions, as badly as a test wants it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["_Handler"], None]


class ChatServer:
    """A context manager; ``reply`` serves each request and may be replaced at any time.

    Attributes
    ----------
    requests : the bodies that came; headers : theirs; times : when (s, monotonic).
    """

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or says()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.over = threading.Event()

    def __enter__(self) -> ChatServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.chat = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        chat: ChatServer = self.server.chat
        chat.times.append(time.monotonic())
        chat.headers.append({name.lower(): value for name, value in self.headers.items()})
        chat.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        try:
            chat.reply(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def completion(content: str, logprobs: Any = None) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    if logprobs is not None:
        choice["logprobs"] = {"content": logprobs}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def said(same: bool = True, first: str = "waving", second: str = "squatting") -> str:
    return json.dumps({"same": same, "first": first, "second": second})


def says(content: str | None = None, logprobs: Any = None, after: float = 0.0) -> Reply:
    """A completion with that content, after so many seconds."""
    body = completion(said() if content is None else content, logprobs)

    def reply(request: _Handler) -> None:
        request.server.chat.over.wait(after)
        request.send(body)

    return reply


def sends(body: bytes, status: int = 200, **headers: str) -> Reply:
    """Whatever bytes; names of headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: request.send(body, status, named)


def drops(request: _Handler) -> None:
    """The connection ends in the middle of the reply."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"choices"')
    request.close_connection = True


def silent(request: _Handler) -> None:
    """Nothing comes until the test is over."""
    request.server.chat.over.wait(60.0)


def floods(status: int = 200) -> Reply:
    """As much as anybody reads, until the test is over."""

    def reply(request: _Handler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        while not request.server.chat.over.is_set():
            request.wfile.write(b"[" * 65536)

    return reply
