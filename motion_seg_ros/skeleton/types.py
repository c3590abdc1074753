"""The plain types that carry skeletons through the core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """The joints of one tracked person in one frame.

    Attributes
    ----------
    track_id : stable name of the person while followed.
    joint_set : key of :data:`motion_seg_ros.skeleton.joint_sets.JOINT_SETS`.
    joints : (J, 3) float64, metres in the frame of the :class:`SkeletonFrame`, REP-103 axes
        (x forward, y left, z up); NaN where unseen.
    confidence : (J,) float32 in 0..1.
    image_xy : (J, 2) float32 pixels, or (0, 2) without an image.
    """

    track_id: str
    joint_set: str
    joints: NDArray[np.float64]
    confidence: NDArray[np.float32]
    image_xy: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SkeletonFrame:
    """Everybody seen at one instant; ``skeletons`` is empty when nobody is.

    ``stamp`` is integer nanoseconds; ``frame_id`` names the coordinate frame of all joints.
    """

    stamp: int
    frame_id: str
    skeletons: tuple[Skeleton, ...]
