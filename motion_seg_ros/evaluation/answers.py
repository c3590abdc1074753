"""Answers to "same motion?" made from the labels, with errors and latency: an upper-bound study.

Nothing here is known on a robot. It tells what a segmenter could do with an oracle of a given quality, and
everything that was made with it says "simulated".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SimulatedOracle:
    """How a simulated oracle is asked, and how good it is.

    Attributes
    ----------
    every : a question every so many frames, at least 1.
    error : probability that an answer is wrong, 0..1.
    latency : seconds from a question to its answer.
    seed : of the errors.
    """

    every: int
    error: float
    latency: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"simulated answers come every 1 frame or more, not {self.every}")
        if not 0.0 <= self.error <= 1.0:
            raise ValueError(f"the error rate of simulated answers must be in 0..1, not {self.error}")
        if not 0.0 <= self.latency < np.inf:
            raise ValueError(f"the latency of simulated answers must be 0 s or more, not {self.latency}")


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary that answers have found.

    Attributes
    ----------
    frame : it lies just before this frame.
    known_at : index of the input frame after which that is known.
    """

    frame: int
    known_at: int


def ask(truth: NDArray[np.integer], fps: float, oracle: SimulatedOracle) -> tuple[list[Boundary], int]:
    """Boundaries by questions about pairs of frames, and how many questions that took.

    Every ``every`` frames the newest frame is compared with the one ``every`` frames before. A "different"
    has to be confirmed by two of three pairs, each a frame wider, and is then located by bisection. A
    question is asked when its frames are there and the answer before has come.
    """
    rng = np.random.default_rng(oracle.seed)
    wait = round(oracle.latency * fps)
    questions = 0

    def differ(first: int, last: int) -> bool:
        nonlocal questions
        questions += 1
        return bool((truth[first] != truth[last]) != (rng.random() < oracle.error))

    found: list[Boundary] = []
    for newest in range(oracle.every, len(truth), oracle.every):
        first, last = newest - oracle.every, newest
        clock = last + wait
        if not differ(first, last):
            continue
        votes = 1
        for wider in (1, 2):
            far = min(last + wider, len(truth) - 1)
            clock = max(clock, far) + wait
            votes += differ(max(first - wider, 0), far)
            if votes == 2:
                break
        if votes < 2:
            continue
        while last - first > 1:
            middle = (first + last) // 2
            clock += wait
            if differ(first, middle):
                last = middle
            else:
                first = middle
        found.append(Boundary(last, clock))
    return found, questions


def links_of(boundaries: list[Boundary], count: int) -> NDArray[np.float64]:
    """(count,) links: 0 at every boundary, else 1."""
    links = np.ones(count)
    for boundary in boundaries:
        links[boundary.frame] = 0.0
    return links
