"""Questions to a backend and replies from it, without anybody waiting.

The frame path calls ``submit`` and ``collect``; neither blocks, and neither takes a lock that is held while a
question is under way: what passes between the threads passes through deques. Everything else happens in an
asyncio loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from motion_seg_ros.semantics.asking import Asking, AskingConfig, Store
from motion_seg_ros.semantics.health import OracleHealth
from motion_seg_ros.semantics.protocol import Answer, Backend, Question

# What the backend gets to close its connections, and the time in which close() returns (s).
_FAREWELL, _CLOSED_WITHIN = 0.4, 0.8
# Seconds between two looks at what the frame path asks for. To wake the loop at once would cost the frame
# that asks: who writes to a socket lets go of Python's lock, and gets it back when the loop is done.
_LOOK = 0.02
# How long a replay waits for an answer when it is in haste (s).
_HASTY = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What became of a question.

    Attributes
    ----------
    number : as ``submit`` gave it.
    answer : None if there is none.
    outcome : "answered", "cached", "late", "dropped" or "error".
    seconds : from the question to its end.
    """

    number: int
    question: Question
    answer: Answer | None
    outcome: str
    seconds: float


class Line(Protocol):
    """A way to a backend: :class:`Scheduler` on a robot, :class:`Rehearsal` in replays."""

    backend: Backend
    health: OracleHealth

    def submit(self, question: Question, due: int, until: int) -> int:
        """Hand in a question; its reply is collected by the returned number, which rises.

        Parameters
        ----------
        due : stamp (ns) of the first frame that may collect the reply: so replies of quick backends come with
            the same frame whatever the machine does.
        until : stamp (ns) of the frame from which an answer can matter no more.
        """
        ...

    def collect(self, now: int) -> list[Reply]:
        """The replies that are there and due at the frame of stamp ``now``, in order of their questions.

        When stamps go back, everything that is open is over and comes when it can.
        """
        ...

    def make_haste(self) -> None:
        """From now on nobody waits long for an answer; may be called in any thread."""
        ...

    def close(self) -> None:
        """Give up what is open, and close the backend and the cache."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    number: int
    question: Question
    due: int
    until: int
    began: float
    task: asyncio.Task[tuple[Answer | None, str]] | None = None
    over: bool = False
    cancelled: bool = False


class Scheduler:
    """A :class:`Line` in a thread of its own. Its methods belong to one other thread.

    Parameters
    ----------
    backend, config, cache : as :class:`motion_seg_ros.semantics.asking.Asking`.
    clock : seconds, for the budget and the breaker.
    """

    def __init__(
        self,
        backend: Backend,
        config: AskingConfig,
        cache: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self.health = OracleHealth()
        self._cache, self._waiting = cache, config.waiting
        self._asking = Asking(backend, config, cache, self.health, clock, waits=True)
        self._room = asyncio.Semaphore(config.in_flight)
        # Of the frame path:
        self._numbers = 0
        self._open: dict[int, _Job] = {}
        self._ready: dict[int, Reply] = {}
        self._now = 0
        self._closed = False
        # Of the loop:
        self._tasks: set[asyncio.Task[tuple[Answer | None, str]]] = set()
        # To the loop: jobs to begin, or to give up if they are cancelled.
        self._inbox: deque[_Job] = deque()
        # From the loop to the frame path:
        self._outbox: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="oracle", daemon=True)
        self._thread.start()

    def submit(self, question: Question, due: int, until: int) -> int:
        self._numbers += 1
        self.health.asked += 1
        job = _Job(self._numbers, question, due, until, time.monotonic())
        if self._closed or len(self._open) >= self._waiting:
            self._outbox.append(Reply(job.number, question, None, "dropped", 0.0))
        else:
            self._open[job.number] = job
            self._inbox.append(job)
        return job.number

    def collect(self, now: int) -> list[Reply]:
        back = now < self._now
        self._now = now
        for job in self._open.values():
            job.over = job.over or back or now >= job.until
            if job.over and not job.cancelled:
                job.cancelled = True
                self._inbox.append(job)
        while self._outbox:
            reply = self._outbox.popleft()
            self._ready[reply.number] = reply
        replies = []
        for number in sorted(self._ready):
            waiting = self._open.get(number)
            if waiting is None or waiting.over or now >= waiting.due:
                replies.append(self._ready.pop(number))
                self._open.pop(number, None)
                self.health.count(replies[-1].outcome)
        return replies

    def make_haste(self) -> None:
        """Nothing to do: nobody ever waits."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._finish)
        # A backend that blocks the loop itself is left behind in its daemon thread.
        self._thread.join(_CLOSED_WITHIN)

    # -- in the loop ------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._look)
        self._loop.run_forever()
        self._loop.close()
        if self._cache is not None:
            self._cache.close()

    def _look(self) -> None:
        """See to what the frame path has asked for since the last look."""
        while self._inbox:
            job = self._inbox.popleft()
            if job.task is not None:
                job.task.cancel()
            else:
                job.task = self._loop.create_task(self._work(job))
                self._tasks.add(job.task)
                job.task.add_done_callback(functools.partial(self._done, job))
        self._loop.call_later(_LOOK, self._look)

    async def _work(self, job: _Job) -> tuple[Answer | None, str]:
        async with self._room:
            return await self._asking.answer(job.question)

    def _done(self, job: _Job, task: asyncio.Task[tuple[Answer | None, str]]) -> None:
        self._tasks.discard(task)
        answer, outcome = (None, "late") if task.cancelled() else task.result()
        seconds = time.monotonic() - job.began
        self._outbox.append(Reply(job.number, job.question, answer, outcome, seconds))

    def _finish(self) -> None:
        self._farewell = self._loop.create_task(self._say_goodbye())

    async def _say_goodbye(self) -> None:
        for task in self._tasks.copy():
            task.cancel()
        with contextlib.suppress(Exception):  # whatever it dies of, it is over
            await asyncio.wait_for(self.backend.close(), _FAREWELL)
        self._loop.stop()


class Rehearsal:
    """A :class:`Line` that has the answer before ``submit`` returns, and keeps it until it is due.

    For replays: budget and breaker go by the stamps of the stream, nothing by a clock, so that a
    deterministic backend gives the same replies to the same stream. A question that the budget refuses is
    dropped.
    """

    def __init__(self, backend: Backend, config: AskingConfig, cache: Store | None = None) -> None:
        self.backend = backend
        self.health = OracleHealth()
        self._config, self._cache = config, cache
        self._loop = asyncio.new_event_loop()
        self._numbers, self._now = 0, 0
        self._replies: list[tuple[int, Reply]] = []
        self._hasty = False
        self._waits_for: asyncio.Task[tuple[Answer | None, str]] | None = None
        self._begin()

    def submit(self, question: Question, due: int, until: int) -> int:
        self._numbers += 1
        self.health.asked += 1
        began = time.monotonic()
        answer, outcome = self._loop.run_until_complete(self._answer(question))
        seconds = time.monotonic() - began
        self._replies.append((due, Reply(self._numbers, question, answer, outcome, seconds)))
        return self._numbers

    def collect(self, now: int) -> list[Reply]:
        if now < self._now:
            self._begin()
            self._replies = [(now, reply) for _, reply in self._replies]
        self._now = now
        due = [reply for time, reply in self._replies if time <= now]
        self._replies = [(time, reply) for time, reply in self._replies if time > now]
        for reply in due:
            self.health.count(reply.outcome)
        return due

    def make_haste(self) -> None:
        self._hasty = True
        with contextlib.suppress(RuntimeError):  # closed
            self._loop.call_soon_threadsafe(self._limit)

    def close(self) -> None:
        if not self._loop.is_closed():
            with contextlib.suppress(asyncio.TimeoutError):
                self._loop.run_until_complete(asyncio.wait_for(self.backend.close(), _FAREWELL))
            self._loop.close()
            if self._cache is not None:
                self._cache.close()

    async def _answer(self, question: Question) -> tuple[Answer | None, str]:
        self._waits_for = self._loop.create_task(self._asking.answer(question))
        if self._hasty:
            self._limit()
        try:
            return await self._waits_for
        except asyncio.CancelledError:
            return None, "dropped"

    def _limit(self) -> None:
        if self._waits_for is not None:
            self._loop.call_later(_HASTY, self._waits_for.cancel)

    def _begin(self) -> None:
        """The budget of a stream that begins, or begins anew."""
        self._asking = Asking(
            self.backend, self._config, self._cache, self.health, lambda: self._now / 1e9, waits=False
        )
