"""From irregular frames to even steps, so that every rate of camera is treated alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class StepResampler:
    """Means over even steps of the line through the frames' feature vectors.

    The first step begins at the first frame. A frame more than ``1 / rate`` s after the one before
    completes several steps, whose values lie on the straight line between the two frames.
    """

    def __init__(self, rate: float) -> None:
        self.period = round(1e9 / rate)
        self.origin = 0
        self.steps = 0
        self._stamp: int | None = None
        self._value: Array = np.zeros(0)
        self._area: Array = np.zeros(0)

    def update(self, stamp: int, value: Array) -> list[Array]:
        """Take the next frame (stamps must rise) and return the steps that it completes."""
        if self._stamp is None:
            self.origin = self._stamp = stamp
            self._value = value
            self._area = np.zeros_like(value)
            return []
        done: list[Array] = []
        begin, first, span = self._stamp, self._value, stamp - self._stamp
        left, low = begin, first
        while left < stamp:
            border = self.origin + (self.steps + 1) * self.period
            right = min(border, stamp)
            high = first + (value - first) * ((right - begin) / span)
            self._area = self._area + (low + high) * ((right - left) / 2)
            if right == border:
                done.append(self._area / self.period)
                self._area = np.zeros_like(value)
                self.steps += 1
            left, low = right, high
        self._stamp, self._value = stamp, value
        return done

    def time_of(self, step: int) -> int:
        """When step number ``step`` begins, in nanoseconds."""
        return self.origin + step * self.period
