"""Made-up people for the tests of poses: a standing body as the pose network would report it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from motion_seg_ros.pose.detection import BLAZEPOSE, Detection

# x right, y down in metres from the middle of the hips; the right side mirrors the left.
_LEFT = {
    "eye_inner": (0.02, -0.66), "eye": (0.03, -0.66), "eye_outer": (0.05, -0.66), "ear": (0.08, -0.64),
    "shoulder": (0.18, -0.48), "elbow": (0.24, -0.20), "wrist": (0.26, 0.05), "pinky": (0.27, 0.12),
    "index": (0.25, 0.13), "thumb": (0.23, 0.10), "hip": (0.11, 0.0), "knee": (0.12, 0.42),
    "ankle": (0.12, 0.82), "heel": (0.11, 0.86), "foot_index": (0.16, 0.88),
}  # fmt: skip


def body() -> np.ndarray:
    """(33, 3) metres, optical axes, facing the camera: the person's left is on the right."""
    points = np.zeros((33, 3))
    points[0, :2] = 0, -0.62
    for side, sign in (("left", 1), ("right", -1)):
        points[BLAZEPOSE.index(f"mouth_{side}"), :2] = sign * 0.03, -0.58
        for part, (x, y) in _LEFT.items():
            points[BLAZEPOSE.index(f"{side}_{part}"), :2] = sign * x, y
    points[0, 2] = -0.1
    return points


def person(centre: ArrayLike, *, pixels_per_metre: float = 150.0, visibility: float = 0.9) -> Detection:
    """Somebody who stands with their hips at a pixel."""
    points = body()
    return Detection(
        image_xy=points[:, :2] * pixels_per_metre + np.asarray(centre, float),
        world=points,
        visibility=np.full(33, visibility),
    )
