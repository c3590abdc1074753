"""What is kept of the newest steps of a stream."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Rows:
    """Vectors that come at the one end and go at the other, as one array at any time.

    Parameters
    ----------
    most : rows that are there at once, at most.
    width : of a row.
    """

    def __init__(self, most: int, width: int) -> None:
        self.most = most
        # Twice the room: rows are moved back to the beginning only when the end is reached.
        self._room = np.zeros((2 * most, width))
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def values(self) -> Array:
        """(n, width), oldest first: a view that is good until rows come or go, and may be written to."""
        return self._room[self._first : self._end]

    def push(self, row: Array | float) -> None:
        """Add the newest row, or one of that number."""
        if self._end == len(self._room):
            count = len(self)
            self._room[:count] = self.values
            self._first, self._end = 0, count
        self._room[self._end] = row
        self._end += 1

    def pop(self) -> Array:
        """Take the oldest row away: a copy of it."""
        row: Array = self._room[self._first].copy()
        self._first += 1
        return row


class RunningMedian:
    """Median of the newest numbers of a stream.

    Parameters
    ----------
    first : numbers to begin with, at least one.
    most : how many are kept, at least as many.
    """

    def __init__(self, first: list[float], most: int) -> None:
        self._most = most
        self._newest = deque(first)
        self._sorted = sorted(first)

    def add(self, number: float) -> None:
        """Take the newest number; the oldest is forgotten where there are too many."""
        if len(self._newest) == self._most:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
        self._newest.append(number)
        insort(self._sorted, number)

    @property
    def value(self) -> float:
        """The median."""
        middle = len(self._sorted) // 2
        return (self._sorted[~middle] + self._sorted[middle]) / 2.0
