"""Synthetic people: motions that differ plainly, for tests that need no recording."""

from __future__ import annotations

import numpy as np
from test_features import STANDING

from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

NO_IMAGE = np.zeros((0, 2), np.float32)


def pose(motion: str, time: float, noise: np.ndarray | float = 0.0) -> np.ndarray:
    """(22, 3) joints of a person doing ``motion`` at ``time`` s."""
    joints = STANDING.copy()
    phase = 2 * np.pi * 1.2 * time
    if motion == "wave":
        joints[[19, 21]] += [[0, -0.1, 0.3], [0, -0.2 + 0.2 * np.sin(phase), 0.8]]
    elif motion == "squat":
        depth = 0.2 * (1 - np.cos(phase))
        joints[[0, 1, 2, 3, 6, 9, *range(12, 22)], 2] -= depth
        joints[[4, 5], 0] += depth
    elif motion == "march":
        for knee, ankle, side in ((4, 7, 1), (5, 8, -1)):
            lift = 0.3 * max(0.0, side * np.sin(phase))
            joints[[knee, ankle], 2] += lift
            joints[[knee, ankle], 0] += lift
    elif motion == "clap":
        spread = 0.15 * (1 + np.cos(2 * phase))
        joints[[18, 19]] += [[0.2, -0.1, 0.1], [0.2, 0.1, 0.1]]
        joints[[20, 21]] = [[0.4, 0.02 + spread, 1.3], [0.4, -0.02 - spread, 1.3]]
    elif motion != "stand":
        raise ValueError(motion)
    return joints + noise


def skeleton(joints: np.ndarray, track_id: str = "1") -> Skeleton:
    confidence = np.isfinite(joints).all(axis=1).astype(np.float32)
    return Skeleton(track_id, "smpl22", joints, confidence, NO_IMAGE)


def frames(script, fps: float = 30.0, seed: int = 0, start: float = 0.0, track_id: str = "1"):
    """SkeletonFrames of one person following ``script``, pairs (motion, seconds)."""
    rng = np.random.default_rng(seed)
    out, begin = [], 0.0
    times = np.arange(0, sum(s for _, s in script), 1 / fps)
    for time in times:
        left = time
        for motion, seconds in script:  # noqa: B007
            if left < seconds:
                break
            left -= seconds
        joints = pose(motion, time - begin, 0.005 * rng.standard_normal((22, 3)))
        stamp = round((start + time) * 1e9)
        out.append(SkeletonFrame(stamp, "map", (skeleton(joints, track_id),)))
    return out
