"""What is remembered of the motions that were seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Most points kept of one run.
EXEMPLARS = 24


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
    """A closed run: its motion and (n, d) points of it, at most :data:`EXEMPLARS`."""

    motion_id: int
    points: Array


class MotionMemory:
    """Prototypes of closed runs; several tracks may share them.

    Parameters
    ----------
    capacity : most prototypes kept; the oldest of the motion that has most is forgotten first.

    Attributes
    ----------
    prototypes : by slot, 0..capacity - 1, oldest first. One that is forgotten leaves its slot to the newest.
    changes : how often one was remembered.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._next_id = 0
        self.prototypes: dict[int, Prototype] = {}
        self.changes = 0

    def new_id(self) -> int:
        """An id that no motion has had."""
        self._next_id += 1
        return self._next_id - 1

    def remember(self, prototype: Prototype) -> None:
        """Keep a closed run as a prototype of its motion."""
        slot = len(self.prototypes)
        if slot == self._capacity:
            runs = Counter([*(p.motion_id for p in self.prototypes.values()), prototype.motion_id])
            most = max(runs.values())
            slot = next(slot for slot, p in self.prototypes.items() if runs[p.motion_id] == most)
            del self.prototypes[slot]
        self.prototypes[slot] = prototype
        self.changes += 1
