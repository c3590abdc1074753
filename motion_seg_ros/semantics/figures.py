"""Moments as strips of stick figures, for models that see."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.protocol import Moment
from motion_seg_ros.skeleton.joint_sets import SMPL22

# Figures in a strip, and pixels a side of each.
_FIGURES, _SIDE = 4, 160
# Share of a side that stays empty at the edges.
_EDGE = 0.1
# BGR of the left limbs, the right limbs and the trunk: which side is which cannot be told from lines.
_LEFT, _RIGHT, _TRUNK = (200, 90, 20), (20, 60, 210), (60, 60, 60)
# From how far to the person's right the viewer looks (radians), so that depth shows.
_VIEW = 0.5


def strip(moment: Moment) -> bytes:
    """PNG of a moment's poses side by side, oldest at the left, seen from before the person at the start.

    The left limbs are blue, the right ones red. Joints that are unseen are not drawn.
    """
    chosen = np.linspace(0, len(moment.joints) - 1, min(_FIGURES, len(moment.joints))).round().astype(int)
    points = _project(moment.joints[chosen].astype(np.float64))
    canvas = np.full((_SIDE, _SIDE * len(chosen), 3), 255, np.uint8)
    for number, figure in enumerate(_fit(points)):
        for a, b in SMPL22.bones:
            if not np.isfinite(figure[[a, b]]).all():
                continue
            ends = [(round(float(x)) + number * _SIDE, round(float(y))) for x, y in figure[[a, b]]]
            cv2.line(canvas, ends[0], ends[1], _colour(SMPL22.joints[b]), 3, cv2.LINE_AA)
    done, data = cv2.imencode(".png", canvas)
    assert done
    return data.tobytes()


def _project(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 22, 2) to the right and up as the viewer sees them."""
    left, right = SMPL22.index("left_hip"), SMPL22.index("right_hip")
    across = (joints[:, left] - joints[:, right])[:, :2]
    seen = across[np.isfinite(across).all(axis=1)]
    # The person's left is at the viewer's right.
    angle = float(np.arctan2(seen[0, 1], seen[0, 0])) if len(seen) else np.pi / 2
    axis = np.array([np.cos(angle + _VIEW), np.sin(angle + _VIEW)])
    return np.stack((joints[..., :2] @ axis, joints[..., 2]), axis=-1)


def _fit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into the squares, all at one scale and height, each in the middle of its own."""
    seen = points[np.isfinite(points).all(axis=-1)]
    if not len(seen):
        return points
    middle = np.array([[np.nanmedian(figure[:, 0]) if np.isfinite(figure[:, 0]).any() else 0.0]
                       for figure in points])  # fmt: skip
    low, high = float(seen[:, 1].min()), float(seen[:, 1].max())
    across = points[..., 0] - middle
    size = max(high - low, 2.0 * float(np.nanmax(np.abs(across))), 1e-6)
    scale = _SIDE * (1.0 - 2.0 * _EDGE) / size
    x = _SIDE / 2 + across * scale
    y = _SIDE / 2 - (points[..., 1] - (low + high) / 2) * scale
    return np.stack((x, y), axis=-1)


def _colour(joint: str) -> tuple[int, int, int]:
    return _LEFT if joint.startswith("left") else _RIGHT if joint.startswith("right") else _TRUNK
