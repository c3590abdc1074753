"""Which motion a run shows: recurring motions get the id that they had before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.whitening import Whitening

Array = NDArray[np.float64]

# Most points kept of one run.
EXEMPLARS = 24
# Prototypes that are measured anew when the metric moves: bounds the cost of a step.
_REFRESHED = 16


class Exemplars:
    """Up to :data:`EXEMPLARS` points spread evenly over a run that goes on."""

    def __init__(self) -> None:
        self._points: list[Array] = []
        self._stride = 1
        self._count = 0

    def add(self, point: Array) -> None:
        if self._count % self._stride == 0:
            if len(self._points) == EXEMPLARS:
                self._points = self._points[::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self._points.append(point)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> Array:
        """(n, d), oldest first."""
        return np.array(self._points)


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """A closed run: its motion and (n, d) points of it."""

    motion_id: int
    points: Array


class MotionMemory:
    """Prototypes of closed runs; several tracks may share them.

    Parameters
    ----------
    capacity : most prototypes kept; the oldest of the motion that has most is forgotten first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._next_id = 0
        self._next_key = 0
        self.prototypes: dict[int, Prototype] = {}

    def new_id(self) -> int:
        """An id that no motion has had."""
        self._next_id += 1
        return self._next_id - 1

    def remember(self, prototype: Prototype) -> None:
        """Keep a closed run as a prototype of its motion."""
        self.prototypes[self._next_key] = prototype
        self._next_key += 1
        if len(self.prototypes) > self._capacity:
            runs = Counter(p.motion_id for p in self.prototypes.values())
            most = max(runs.values())
            crowded = (key for key, p in self.prototypes.items() if runs[p.motion_id] == most)
            del self.prototypes[next(crowded)]


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Points of a run in the metric, with what their distances need."""

    points: Array
    squares: Array
    variance: float

    @classmethod
    def of(cls, points: Array) -> _Measured:
        return cls(points, (points**2).sum(axis=1), float(points.var(axis=0).sum()))

    def distance(self, other: _Measured) -> float:
        far = self.squares[:, None] + other.squares - 2.0 * self.points @ other.points.T
        nearest = (float(np.median(far.min(axis=0))) + float(np.median(far.min(axis=1)))) / 2.0
        return float(np.sqrt(max(nearest, 0.0) / max(self.variance + other.variance, 1e-12)))


class Recogniser:
    """Decides, in the metric of one stream, whether a run repeats one that is remembered.

    Two runs are as far apart as the median point of the one is from the nearest point of the other, both
    ways on average in squares, divided by the root of their summed variances (derived): a number without
    unit, that does not mind in which phase of a repeated movement the runs begin and end.

    Parameters
    ----------
    memory : the prototypes.
    whitening : the metric.
    threshold : runs nearer than this show the same motion.
    """

    def __init__(self, memory: MotionMemory, whitening: Whitening, threshold: float) -> None:
        self._memory = memory
        self._whitening = whitening
        self._threshold = threshold
        # Prototypes in the metric of the time they were last measured, the stalest first.
        self._measured: dict[int, _Measured] = {}

    def refresh(self) -> None:
        """Follow a metric that has moved."""
        known = self._memory.prototypes
        self._measured = {key: value for key, value in self._measured.items() if key in known}
        for key in list(self._measured)[:_REFRESHED]:
            del self._measured[key]
            self._measured[key] = self._measure(known[key].points)

    def match(self, points: Array, *extra: Prototype, other_than: int = -1) -> tuple[int, float]:
        """The motion of a run with those points, and its confidence: (-1, 0.0) if none is near.

        The motion ``other_than`` is left out. ``extra`` prototypes are compared without being
        remembered. The confidence falls from 1 at distance 0 to 0.5 at the threshold.
        """
        known = self._memory.prototypes
        for key in known.keys() - self._measured.keys():
            self._measured[key] = self._measure(known[key].points)
        run = self._measure(points)
        nearest, motion_id = self._threshold, -1
        for key, prototype in known.items():
            if prototype.motion_id == other_than:
                continue
            if (distance := run.distance(self._measured[key])) < nearest:
                nearest, motion_id = distance, prototype.motion_id
        for prototype in extra:
            if prototype.motion_id == other_than:
                continue
            if (distance := run.distance(self._measure(prototype.points))) < nearest:
                nearest, motion_id = distance, prototype.motion_id
        return motion_id, 0.0 if motion_id < 0 else 1.0 - nearest / self._threshold / 2.0

    def _measure(self, points: Array) -> _Measured:
        return _Measured.of(self._whitening.measure(points))
