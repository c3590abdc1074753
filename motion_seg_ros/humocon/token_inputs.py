"""What the encoder reads of a track, whole tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.motion_inputs import (
    FRAMES_PER_TOKEN,
    INPUTS,
    RATE,
    MotionInputs,
    extend_together,
)

TOKEN_NS = FRAMES_PER_TOKEN * round(1e9 / RATE)  # nanoseconds that a token stands for
# Frames that are held at most: those of a token at 480 Hz.
_MOST_HELD = 64

Held = tuple[int, NDArray[np.floating], NDArray[np.floating]]


class TokenInputs:
    """The inputs of one track's tokens, of which none can be told before its last frame.

    So frames are only held until then: to work on all of them at once takes little longer than on one.

    Attributes
    ----------
    tokens : whole tokens given so far.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._stream = MotionInputs()
        self._origin: int | None = None
        self._worked: int | None = None  # stamp of the last frame that is not held any more
        self._held: list[Held] = []
        self._rest = np.zeros((0, INPUTS), np.float32)  # steps that are no whole token yet

    def hold(self, stamp: int, joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> bool:
        """Take the next frame; whether :func:`whole_tokens` is to be called with it.

        Parameters
        ----------
        stamp : int nanoseconds, later than the last. After a pause, start anew.
        joints : (22, 3) metres, z up, NaN where unseen. Neither it nor the next may change from now on.
        confidence : (22,) in 0..1.
        """
        if self._origin is None:
            self._origin = stamp
        self._held.append((stamp, joints, confidence))
        return stamp >= self.time_of(self.tokens + 1) or len(self._held) >= _MOST_HELD

    def time_of(self, token: int) -> int:
        """When token number ``token`` (from 0) begins, in nanoseconds."""
        return (self._origin or 0) + token * TOKEN_NS

    def _whole(self, steps: NDArray[np.float32]) -> NDArray[np.float32]:
        steps = np.concatenate((self._rest, steps))
        tokens = len(steps) // FRAMES_PER_TOKEN
        self.tokens += tokens
        whole, self._rest = np.split(steps, (tokens * FRAMES_PER_TOKEN,))
        self._worked = self._held[-1][0]
        self._held.clear()
        return whole


def whole_tokens(tracks: Sequence[TokenInputs]) -> list[NDArray[np.float32]]:
    """Inputs (4 n, INPUTS) of the n tokens that the held frames of each track complete.

    Raises
    ------
    ValueError : stamps of a track do not rise.
    """
    alike: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
    for place, track in enumerate(tracks):
        stamps = tuple(stamp for stamp, _, _ in track._held)
        alike.setdefault((track._worked, stamps), []).append(place)
    told = [np.zeros((0, INPUTS), np.float32)] * len(tracks)
    for (_, stamps), places in alike.items():
        group = [tracks[place] for place in places]
        joints, confidence = (
            np.array([[frame[part] for frame in track._held] for track in group]).swapaxes(0, 1)
            for part in (1, 2)
        )
        steps = extend_together([track._stream for track in group], stamps, joints, confidence)
        for place, new in zip(places, steps, strict=True):
            told[place] = tracks[place]._whole(new)
    return told
