"""The recent motion of one person, and irregular frames as an even motion."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

RATE = 30.0
"""Frames a second that a motion is brought to before it is encoded."""

# Between frames further apart than this (ns) nobody was seen.
_MAX_GAP = 500_000_000


class MotionHistory:
    """Joints of the last seconds; stamps that go back (a bag in a loop) begin it anew."""

    def __init__(self, seconds: float) -> None:
        self._span = round(seconds * 1e9)
        self._frames: deque[tuple[int, NDArray[np.float32]]] = deque()

    def add(self, stamp: int, joints: NDArray[np.floating]) -> bool:
        """Take (22, 3) joints; False where the stamp went back, so that what was before is forgotten."""
        forward = not self._frames or stamp > self._frames[-1][0]
        if self._frames and stamp == self._frames[-1][0]:
            return True
        if not forward:
            self._frames.clear()
        self._frames.append((stamp, np.asarray(joints, np.float32)))
        while stamp - self._frames[0][0] > self._span:
            self._frames.popleft()
        return forward

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def newest(self) -> int:
        """The last stamp; IndexError where nothing is remembered."""
        return self._frames[-1][0]

    def between(self, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Stamps (T,) and joints (T, 22, 3) of ``start <= stamp <= end``."""
        chosen = [frame for frame in self._frames if start <= frame[0] <= end]
        stamps = np.array([stamp for stamp, _ in chosen], np.int64)
        joints = np.array([joints for _, joints in chosen], np.float32).reshape(-1, 22, 3)
        return stamps, joints


def evenly(
    stamps: NDArray[np.int64], joints: NDArray[np.floating], rate: float = RATE
) -> NDArray[np.float64]:
    """The motion at even steps from the first stamp on, on the lines between frames.

    Parameters
    ----------
    stamps : (T,) nanoseconds, rising; T >= 1.
    joints : (T, J, 3), NaN where unseen.

    Returns
    -------
    (n, J, 3); NaN where a neighbour in time is NaN, and in gaps of more than half a second.
    """
    count = round((int(stamps[-1]) - int(stamps[0])) * rate / 1e9) + 1
    wanted = np.minimum(np.arange(count) * 1e9 / rate, stamps[-1] - stamps[0])
    given = (stamps - stamps[0]).astype(np.float64)
    right = np.clip(np.searchsorted(given, wanted, side="left"), 0, len(given) - 1)
    left = np.where(given[right] <= wanted, right, np.maximum(right - 1, 0))
    gap = given[right] - given[left]
    share = np.where(gap > 0, (wanted - given[left]) / np.maximum(gap, 1.0), 0.0)[:, None, None]
    before, after = joints[left].astype(np.float64), joints[right].astype(np.float64)
    # A frame that falls on a frame is that frame, whatever its neighbour lacks.
    result = np.where(share > 0, before + share * (after - before), before)
    result[gap > _MAX_GAP] = np.nan
    return result
