"""Motion made up for tests: a person of 22 joints who stands, waves or squats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

SECOND = 1_000_000_000
NAMES = JOINT_SETS["smpl22"].joints

# Metres: x forward, y left, z up, the pelvis at the origin, in the order of SMPL-22.
REST = np.array(
    [
        # pelvis, hips, lower spine, knees
        *((0, 0, 0), (0, 0.09, -0.08), (0, -0.09, -0.08), (0, 0, 0.12), (0, 0.1, -0.48), (0, -0.1, -0.48)),
        # middle spine, ankles, upper spine, feet
        *((0, 0, 0.26), (0, 0.1, -0.9), (0, -0.1, -0.9), (0, 0, 0.32), (0.12, 0.1, -0.95)),
        # foot, neck, collars, head, shoulders
        *((0.12, -0.1, -0.95), (0, 0, 0.52), (0, 0.08, 0.45), (0, -0.08, 0.45), (0, 0, 0.65)),
        *((0, 0.18, 0.45), (0, -0.18, 0.45)),
        # elbows, wrists
        *((0, 0.2, 0.18), (0, -0.2, 0.18), (0, 0.2, -0.06), (0, -0.2, -0.06)),
    ]
)


def pose(motion: str, seconds: float) -> np.ndarray:
    """(22, 3) joints of a motion ("stand", "wave" or "squat") at a time."""
    joints = REST.copy()
    swing = np.sin(2 * np.pi * 1.2 * seconds)
    if motion == "wave":
        joints[[19, 21]] = [[0, -0.35, 0.65], [0.05, -0.4 - 0.2 * swing, 0.9]]
    if motion == "squat":
        depth = 0.2 * (1 - np.cos(2 * np.pi * 0.6 * seconds))
        lowered = [index for index in range(22) if index not in (7, 8, 10, 11)]
        joints[lowered, 2] -= depth
        joints[[4, 5], 0] += depth
        joints[[20, 21], 0] += depth
    return joints


def frames(
    parts: list[tuple[str, float]],
    *,
    rate: float = 30.0,
    start: int = SECOND,
    track_id: str = "1",
    seed: int = 0,
) -> Iterator[SkeletonFrame]:
    """One person doing each ``(motion, seconds)`` in turn, with a millimetre of noise."""
    random = np.random.default_rng(0)
    number = 0
    for motion, seconds in parts:
        for _ in range(round(seconds * rate)):
            joints = pose(motion, number / rate) + random.normal(0, 0.001, (22, 3))
            yield frame(start + round(number * SECOND / rate), joints, track_id)
            number += 1


def frame(stamp: int, joints: np.ndarray | None, track_id: str = "1") -> SkeletonFrame:
    """One person's joints as a frame; an empty frame for None."""
    if joints is None:
        return SkeletonFrame(stamp, "camera", ())
    person = Skeleton(
        track_id, "smpl22", joints, np.ones(22, dtype=np.float32), np.empty((0, 2), dtype=np.float32)
    )
    return SkeletonFrame(stamp, "camera", (person,))
