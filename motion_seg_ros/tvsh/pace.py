"""How fast the parts of a body move: the second of the two things by which runs are told apart.

Codes say in what posture and about what a body moves, and a repeated movement goes through many postures. How
fast each part is, by and large, stays the same from its first repetition to its last, and changes where
another movement, or a pause, begins (derived). Speeds of a movement differ by factors, so that they are
compared as logarithms.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.partition import RunStatistics, Strand

Array = NDArray[np.float64]

# Added to speeds (body sizes a second) before the logarithm: below it, parts are as good as still.
_STILL = 0.2
# Added to the variance of a run's logarithms, summed over the parts: an e-fold of a single part.
_FLOOR = 1.0


class Pace:
    """Speeds over the open steps, and over the settled part of the oldest run."""

    def __init__(self) -> None:
        # Mean speed of every open step, and the logarithms of all.
        self._means: deque[float] = deque()
        self._logarithms: deque[Array] = deque()
        self._run = RunStatistics()

    def push(self, speeds: Array) -> None:
        """Take the newest step: (k,) speeds, of which there may be none."""
        self._means.append(float(speeds.mean()) if len(speeds) else math.inf)
        self._logarithms.append(np.log(np.maximum(speeds, 0.0) + _STILL))

    def pop(self, coded: bool) -> None:
        """Close the oldest step; it counts among the run's if it is ``coded``, as in the run's codes."""
        self._means.popleft()
        logarithms = self._logarithms.popleft()
        if coded:
            self._run.add(logarithms)

    def begin_run(self) -> None:
        """Forget the settled steps of the run before."""
        self._run = RunStatistics()

    @property
    def known(self) -> bool:
        """Whether the open steps have speeds."""
        return len(self._logarithms[0]) > 0

    def strand(self, weight: float) -> Strand:
        """What the division is to know of it."""
        return Strand(self._run, np.array(self._logarithms), _FLOOR, weight)

    def mean(self, begin: int, end: int) -> float:
        """Mean speed over some of the open steps; infinite where there are no speeds."""
        return sum(islice(self._means, begin, end)) / (end - begin)
