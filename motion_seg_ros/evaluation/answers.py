"""Answers to "same motion?" made from the labels, with errors and latency: an upper-bound study.

Nothing here is known on a robot. It tells what a segmenter could do with an oracle of a given quality, and
everything that was made with it says "simulated".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.recordings import stamp_of
from motion_seg_ros.semantics.inquiry import Inquiry, even_odds

# Seconds between boundaries that the inquiries expect.
_TYPICAL_RUN = 2.0
# Questions of one inquiry that are open at a time, when answers are slow.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class SimulatedOracle:
    """How a simulated oracle is asked, and how good it is.

    Attributes
    ----------
    every : a question every so many frames, at least 1.
    error : probability that an answer is wrong, below one half.
    latency : seconds from a question to its answer, at least.
    slowest : and at most, evenly drawn; 0 for one that is always the same.
    seed : of the errors and latencies.
    """

    every: int
    error: float
    latency: float = 0.0
    slowest: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"simulated answers come every 1 frame or more, not {self.every}")
        if not 0.0 <= self.error < 0.5:
            raise ValueError(f"the error rate of simulated answers must be in [0, 0.5), not {self.error}")
        if not 0.0 <= self.latency < np.inf:
            raise ValueError(f"the latency of simulated answers must be 0 s or more, not {self.latency}")
        if self.slowest and not self.latency <= self.slowest < np.inf:
            raise ValueError(f"the longest latency must be no less than the shortest, not {self.slowest}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to whether two frames show the same motion.

    Attributes
    ----------
    first, second : indices of the frames.
    same_probability : what the answer is worth: P(no boundary between them) by it alone, with even odds
        beforehand.
    """

    first: int
    second: int
    same_probability: float


@dataclass(slots=True)
class _Open:
    inquiry: Inquiry
    # Pairs that are asked about, and the frames with which their answers come.
    awaited: dict[tuple[int, int], int] = field(default_factory=dict)


class Interview:
    """Asks a simulated oracle while a sequence goes by, one inquiry for each gap of ``every`` frames.

    An answer comes ``latency`` after its question. An inquiry has one question open at a time; but where two
    answers, one after the other, may come too late, it asks at once what it would ask after a "different".

    Parameters
    ----------
    truth : (T,) labels; an unknown stretch counts as one motion.
    fps : frames a second.
    oracle : who is asked.
    deadline : seconds after a gap within which answers about it count.

    Attributes
    ----------
    questions : how many were asked.
    """

    def __init__(
        self, truth: NDArray[np.integer], fps: float, oracle: SimulatedOracle, deadline: float = math.inf
    ) -> None:
        self._truth = truth
        self._oracle = oracle
        self._fps = fps
        self._rate = 1.0 / max(2.0, _TYPICAL_RUN * fps)
        self._at_once = 1 if 2.0 * max(oracle.latency, oracle.slowest) < deadline else _AT_ONCE
        # Apart, so that latencies change no error.
        self._rng, self._latencies = (
            np.random.default_rng(oracle.seed),
            np.random.default_rng([oracle.seed, 1]),
        )
        self._open: list[_Open] = []
        self._boundaries: list[int] = []
        self.questions = 0

    def step(self, frame: int) -> list[Reply]:
        """The answers that have come when input frame ``frame`` has been taken; one frame after another."""
        every = self._oracle.every
        if frame >= every and frame % every == 0:
            first = frame - every
            right = 1.0 - self._oracle.error
            inquiry = Inquiry(first, frame, (self._margin(first), 0), self._rate, right, right)
            self._open.append(_Open(inquiry))
        replies: list[Reply] = []
        for entry in list(self._open):
            replies += self._go_on(entry, frame)
        return replies

    def told(self, frame: int) -> list[tuple[int, int, float]]:
        """As :meth:`step`, with the stamps of the frames."""
        return [
            (stamp_of(reply.first, self._fps), stamp_of(reply.second, self._fps), reply.same_probability)
            for reply in self.step(frame)
        ]

    def _margin(self, first: int) -> int:
        """How many frames before a gap may be asked about too: none across a boundary that is known, or that
        an open inquiry may yet find, for that would make them differ from the gap. Where answers are slow
        there is always an open one, and more is lost without other pairs around the gap."""
        if self._oracle.error == 0.0 or (self._open and self._at_once == 1):
            return 0
        return min(first - max(self._boundaries, default=0), self._oracle.every)

    def _go_on(self, entry: _Open, frame: int) -> list[Reply]:
        replies = []
        while True:
            self._ask(entry, frame)
            there = [pair for pair, due in entry.awaited.items() if due <= frame]
            if not there:
                break
            for first, second in there:
                del entry.awaited[first, second]
                same = bool(
                    (self._truth[first] == self._truth[second]) != (self._rng.random() < self._oracle.error)
                )
                right = 1.0 - self._oracle.error
                reply = Reply(first, second, even_odds(same, right, right))
                entry.inquiry.tell(first, second, reply.same_probability)
                replies.append(reply)
        if not entry.awaited:
            self._finish(entry)
        return replies

    def _ask(self, entry: _Open, frame: int) -> None:
        """Ask what may be asked now."""
        while len(entry.awaited) < self._at_once:
            pair = entry.inquiry.question(awaited=entry.awaited)
            if pair is None:
                break
            entry.awaited[pair] = frame + self._wait()
            self.questions += 1

    def _wait(self) -> int:
        """Frames until the next answer."""
        oracle = self._oracle
        slowest = max(oracle.slowest, oracle.latency)
        return round(float(self._latencies.uniform(oracle.latency, slowest)) * self._fps)

    def _finish(self, entry: _Open) -> None:
        self._open.remove(entry)
        # A boundary before the gap was missed by the inquiry before.
        if entry.inquiry.boundary_probability > 0.5:
            self._boundaries.append(entry.inquiry.place)

    def links(self) -> NDArray[np.float64]:
        """(T,) links by the answers so far: 0 where an inquiry has placed a boundary, else 1."""
        links = np.ones(len(self._truth))
        links[self._boundaries] = 0.0
        return links
