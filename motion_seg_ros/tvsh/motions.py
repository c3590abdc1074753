"""Which motion a run shows: recurring motions get the id that they had before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


class _Measured:
    """Points of runs in the metric, padded to equal number: one product measures a run against all.

    Attributes
    ----------
    points : (N, n, d), zero where padded to the n of the longest run.
    squares : (N, n) squared lengths, infinite where padded.
    counts : (N,) points that are real.
    """

    def __init__(self, runs: Sequence[Array]) -> None:
        most = max((len(run) for run in runs), default=0)
        dimension = runs[0].shape[1] if runs else 0
        self.points = np.zeros((len(runs), most, dimension))
        self.squares = np.full((len(runs), most), np.inf)
        self.counts = np.ones(len(runs), np.intp)
        for row, points in enumerate(runs):
            self.set(row, points)

    def set(self, row: int, points: Array) -> None:
        """Replace a run by as many (n, d) points, measured anew."""
        count = len(points)
        self.points[row] = 0.0
        self.points[row, :count] = points
        self.squares[row] = np.inf
        self.squares[row, :count] = (points**2).sum(axis=1)
        self.counts[row] = count

    def distances(self, points: Array) -> Array:
        """(N,) distances of a run of (n, d) points; see :class:`Recogniser`."""
        rows = np.arange(len(self.counts))
        flat = self.points.reshape(-1, points.shape[1])
        far = (points**2).sum(axis=1)[:, None] + self.squares.ravel() - 2.0 * points @ flat.T
        far = far.reshape(len(points), *self.squares.shape)
        theirs = np.sort(far.min(axis=0), axis=1)  # the padding comes last
        middle = (theirs[rows, (self.counts - 1) // 2] + theirs[rows, self.counts // 2]) / 2.0
        nearest = (np.median(far.min(axis=2), axis=0) + middle) / 2.0
        return np.sqrt(np.maximum(nearest, 0.0) / points.shape[1])


class Recogniser:
    """Decides, in the metric of one stream, whether a run repeats one that is remembered.

    Two runs are as far apart as the median point of the one is from the nearest point of the other, both
    ways on average in squares, as a root mean square over the dimensions (derived). In the metric, 1 is about
    how far features stray within a moment. It does not mind in which phase of a repeated movement the runs
    begin and end.

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
        # Prototypes in the metric of the time they were last measured, and whose turn is next.
        self._keys: list[int] = []
        self._measured = _Measured([])
        self._turn = 0

    def refresh(self) -> None:
        """Follow a metric that has moved."""
        self._follow_memory()
        known = self._memory.prototypes
        for _ in range(min(_REFRESHED, len(self._keys))):
            self._turn = (self._turn + 1) % len(self._keys)
            self._measured.set(self._turn, self._measure(known[self._keys[self._turn]].points))

    def match(self, points: Array, *extra: Prototype, other_than: int = -1) -> tuple[int, float]:
        """The motion of a run with those points, and its confidence: (-1, 0.0) if none is near.

        The motion ``other_than`` is left out. ``extra`` prototypes are compared without being
        remembered. The confidence falls from 1 at distance 0 to 0.5 at the threshold.
        """
        self._follow_memory()
        known = self._memory.prototypes
        run = self._measure(points)
        motions = [known[key].motion_id for key in self._keys] + [prototype.motion_id for prototype in extra]
        distances = [
            bank.distances(run)
            for bank in (self._measured, _Measured([self._measure(prototype.points) for prototype in extra]))
            if len(bank.counts)
        ]
        nearest, motion_id = self._threshold, -1
        for motion, distance in zip(motions, np.concatenate(distances) if distances else (), strict=True):
            if motion != other_than and distance < nearest:
                nearest, motion_id = float(distance), motion
        return motion_id, 0.0 if motion_id < 0 else 1.0 - nearest / self._threshold / 2.0

    def _follow_memory(self) -> None:
        """Take up what was remembered or forgotten since."""
        known = self._memory.prototypes
        if self._keys == list(known):
            return
        row = {key: number for number, key in enumerate(self._keys)}
        before = self._measured
        self._keys = list(known)
        self._measured = _Measured(
            [
                before.points[row[key], : before.counts[row[key]]]
                if key in row
                else self._measure(known[key].points)
                for key in self._keys
            ]
        )

    def _measure(self, points: Array) -> Array:
        return self._whitening.measure(points)
