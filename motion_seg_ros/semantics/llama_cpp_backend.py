"""A GGUF model on this machine, in its own process: what it needs and how it ends touches nothing here."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

from motion_seg_ros.semantics.conversation import (
    PROMPT,
    REPLY_TOKENS,
    SCHEMA,
    TEXT,
    ModelSettings,
    messages,
    read,
)
from motion_seg_ros.semantics.protocol import Answer, BackendError, Question

_WORKER = "motion_seg_ros.semantics.llama_worker"
# Longest line that the worker may write (bytes).
_LONGEST_LINE = 2**20
# Seconds that a worker whose output has ended may take to end.
_ENDING = 1.0


class LlamaCppBackend:
    """Asks a worker process, one question at a time; a worker that died is started anew.

    Raises
    ------
    ValueError : no model is named, or stick figures are to be shown.
    OSError : the model is not there.
    """

    def __init__(self, settings: ModelSettings) -> None:
        if not settings.model:
            raise ValueError("the backend llama_cpp needs the path of a .gguf file (oracle.model)")
        if settings.shows != TEXT:
            raise ValueError("the backend llama_cpp can be given descriptions only (oracle.shows: text)")
        self._path = Path(settings.model).expanduser()
        if not self._path.is_file():
            raise FileNotFoundError(f"there is no model at {self._path}")
        self._settings = settings
        self.name = f"llm:{self._path.name}"
        about = (self._path.name, self._path.stat().st_size, settings.prompt or PROMPT)
        numbers = (settings.temperature, settings.same_right, settings.different_right)
        self.fingerprint = hashlib.sha256(repr((about, numbers)).encode()).hexdigest()
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    async def ask(self, question: Question) -> Answer:
        async with self._turn:
            process = await self._started()
            self._number += 1
            request = {
                "id": self._number,
                "messages": messages(question, self._settings),
                "temperature": self._settings.temperature,
                "max_tokens": REPLY_TOKENS,
                "schema": SCHEMA,
            }
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                # Replies to questions that were given up come first.
                while (reply := await self._line(process)).get("id") != self._number:
                    pass
            except OSError:
                raise BackendError(await self._obituary(process)) from None
        if "completion" not in reply:
            raise BackendError(f"the model failed: {reply.get('error', 'no completion')}")
        return read(reply["completion"], self._settings, self.name)

    async def close(self) -> None:
        await self._stop()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _WORKER, str(self._path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        try:
            hello = await self._line(self._process)
        except asyncio.CancelledError:
            # Nobody has heard whether it is ready.
            await self._stop()
            raise
        if not hello.get("ready"):
            await self._stop()
            raise BackendError(f"the model cannot be loaded: {hello.get('error', 'no reason given')}", False)
        return self._process

    async def _line(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        try:
            line = await process.stdout.readline()
            reply = json.loads(line) if line else None
        except (ValueError, RecursionError):
            line, reply = b"?", None
        if not line:
            raise BackendError(await self._obituary(process))
        if not isinstance(reply, dict) or not reply:
            await self._stop()
            raise BackendError("the model's process babbles")
        return reply

    async def _obituary(self, process: asyncio.subprocess.Process) -> str:
        """One sentence on a process that has ended by itself."""
        # To kill what is just ending would lose how it ended.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), _ENDING)
        await self._stop()
        code = process.returncode
        cause = f" ({signal.strsignal(-code)})" if code is not None and code < 0 else ""
        return f"the model's process has died{cause}"

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
