"""Which motion a run shows: recurring motions get the id that they had before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.whitening import Whitening

Array = NDArray[np.float64]

# Spreads count this much more than means: what moves tells motions apart better than where (measured
# on windowed statistics of skeletons and of HoG).
SPREAD_WEIGHT = 1.5
# Prototypes whose spread is computed anew when the metric moves.
_REFRESHED = 16


class Moments:
    """Count, mean (d,) and covariance (d, d) of points that come one by one."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = np.zeros(size)
        self._scatter = np.zeros((size, size))

    def add(self, point: Array) -> None:
        self.count += 1
        rest = point - self.mean
        self.mean = self.mean + rest / self.count
        self._scatter += np.outer(rest, point - self.mean)

    @property
    def covariance(self) -> Array:
        return self._scatter / max(self.count, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """What a closed run looked like: mean (d,) and covariance (d, d) of its points, and its motion."""

    motion_id: int
    mean: Array
    covariance: Array


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


class Recogniser:
    """Decides, in the metric of one stream, whether a run repeats one that is remembered.

    The distance of two runs is that of their [mean, 1.5 std] divided by the root of their summed
    variances: a number without unit, that compares the difference between runs with the
    variation inside them.

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
        # Spreads of prototypes in the metric of the time they were last computed, the stalest first.
        self._spreads: dict[int, Array] = {}

    def refresh(self) -> None:
        """Follow a metric that has moved, a few prototypes at a time to bound the cost of a step."""
        known = self._memory.prototypes
        self._spreads = {key: spread for key, spread in self._spreads.items() if key in known}
        for key in list(self._spreads)[:_REFRESHED]:
            del self._spreads[key]
            self._spreads[key] = self._whitening.spread(known[key].covariance)

    def match(self, mean: Array, covariance: Array, *extra: Prototype) -> tuple[int, float]:
        """The motion of a run with those moments, and its confidence: (-1, 0.0) if none is near.

        ``extra`` prototypes are compared without being remembered. The confidence falls from 1 at
        distance 0 to 0.5 at the threshold.
        """
        known = self._memory.prototypes
        candidates = [*known.values(), *extra]
        if not candidates or self._threshold <= 0:
            return -1, 0.0
        for key in known.keys() - self._spreads.keys():
            self._spreads[key] = self._whitening.spread(known[key].covariance)
        spreads = np.array(
            [self._spreads[key] for key in known] + [self._whitening.spread(p.covariance) for p in extra]
        )
        spread = self._whitening.spread(covariance)
        means = self._whitening.measure(np.array([p.mean for p in candidates]) - mean)
        far = (means**2).sum(axis=1) + ((SPREAD_WEIGHT * (spreads - spread)) ** 2).sum(axis=1)
        within = (spreads**2).sum(axis=1) + float((spread**2).sum())
        distance = np.sqrt(far / np.maximum(within, 1e-12)) / self._threshold
        nearest = int(np.argmin(distance))
        if not distance[nearest] < 1.0:
            return -1, 0.0
        return candidates[nearest].motion_id, 1.0 - float(distance[nearest]) / 2.0
