"""What every file of motion gives, and the limits that none exceeds.

They are far beyond what is recorded, and keep a small file from taking all memory or time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError

MAX_JOINTS = 1000
MIN_FPS, MAX_FPS = 1.0, 10_000.0
# Frames times joints: an hour of 38 joints at 120 Hz.
MAX_POSITIONS = 1 << 24
# In whatever unit: what is farther away is a broken number, whose square may not be finite.
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What a motion file says, in its own unit and axes.

    Attributes
    ----------
    joints : (T, J, 3) float64 positions.
    joint_names : J names.
    fps : frames a second.
    """

    joints: NDArray[np.float64]
    joint_names: tuple[str, ...]
    fps: float


def check_rate(path: Path, name: str, fps: float) -> float:
    """The same frames a second; DatasetError where no motion is recorded at them (or NaN)."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise DatasetError(
            f"{path}: {name} must be in [{MIN_FPS:g}, {MAX_FPS:g}] frames a second, not {fps:g}"
        )
    return fps


def check_size(path: Path, frames: int, joints: int) -> None:
    """DatasetError for more frames of so many joints than are read."""
    if frames * joints > MAX_POSITIONS:
        raise DatasetError(f"{path} has {frames} frames or more of {joints} joints, too many to read at once")


def check_places(path: Path, joints: NDArray[np.floating]) -> None:
    """DatasetError unless joints (T, J, 3) are finite and near, or NaN, and one at least is not NaN."""
    farthest = float(np.nanmax(np.abs(joints), initial=-1.0))
    if not 0 <= farthest <= _FARTHEST:
        raise DatasetError(
            f"{path}: joints must be finite, or NaN where unseen, and at most {_FARTHEST:g} away"
        )
