"""Backends for tests: each does to its questions what its name says."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from motion_seg_ros.semantics.protocol import Answer, BackendError, Moment, Question

SECOND = 1_000_000_000


def question(number: int = 0, track: str = "1", gap: int = SECOND) -> Question:
    """One that no other number has."""
    joints = np.random.default_rng(number).normal(size=(6, 22, 3))
    return Question(track, Moment(0, joints, 15.0), Moment(gap, joints[::-1], 15.0))


class Scripted:
    """Answers after ``delay`` s with what ``say`` returns or raises."""

    name, fingerprint = "test", "test/1"

    def __init__(self, say=lambda question: Answer(0.9, source="test"), delay: float = 0.0) -> None:
        self.say, self.delay = say, delay
        self.asked: list[Question] = []
        self.times: list[float] = []
        self.cancelled = self.closed = self.under_way = self.most_under_way = 0

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        self.times.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return self.say(question)

    async def close(self) -> None:
        self.closed += 1


class Blocking(Scripted):
    """Holds up the loop itself, as no backend should."""

    async def ask(self, question: Question) -> Answer:
        time.sleep(self.delay)
        return self.say(question)


def failing(error: BackendError):
    def say(question: Question) -> Answer:
        raise error

    return say
