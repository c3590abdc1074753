"""Clips of motion joined to one motion, as if one person had done one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS

Array = NDArray[np.float64]

_PELVIS = JOINT_SETS["smpl22"].index("pelvis")
_PAIRS = [
    (JOINT_SETS["smpl22"].index(f"left_{part}"), JOINT_SETS["smpl22"].index(f"right_{part}"))
    for part in ("hip", "shoulder")
]


def splice(clips: Sequence[Array], blend: int) -> tuple[Array, list[int]]:
    """Join clips end to end.

    Each clip is turned about the vertical and moved over the floor so that it begins with the heading and at
    the place where the one before ended; its first ``blend`` frames are blended with the last pose before it,
    carried along, so that nothing jumps.

    Parameters
    ----------
    clips : each (T, 22, 3) smpl22, metres, z up, T >= 1; NaN where unseen.
    blend : frames.

    Returns
    -------
    (sum of T, 22, 3), and the frames at which clips begin, with the total at the end.
    """
    joined = [np.asarray(clips[0], np.float64)]
    for clip in clips[1:]:
        last = joined[-1][-1]
        moved = _carried(np.asarray(clip, np.float64), last)
        count = min(blend, len(moved))
        share = ((np.arange(count) + 1.0) / (count + 1.0))[:, None, None]
        # The last pose goes along with the new clip's pelvis, so that walking on is not pulled back.
        ghost = last + (moved[:count, _PELVIS] - last[_PELVIS])[:, None]
        blended = (1.0 - share) * ghost + share * moved[:count]
        moved[:count] = np.where(np.isfinite(blended), blended, moved[:count])
        joined.append(moved)
    starts = np.cumsum([0, *(len(clip) for clip in joined)])
    return np.concatenate(joined), [int(start) for start in starts]


def heading(joints: Array) -> float | None:
    """Radians about the vertical that a person (22, 3) faces, 0 along x; None where no hips are seen."""
    across = np.zeros(2)
    for left, right in _PAIRS:
        way = joints[left, :2] - joints[right, :2]
        if np.isfinite(way).all():
            across += way
    if not across.any():
        return None
    # Forward is the way to the left, turned by -90 degrees.
    return float(np.arctan2(-across[0], across[1]))


def _carried(clip: Array, pose: Array) -> Array:
    """The clip, turned and moved to begin where a pose is."""
    facing, wanted = heading(clip[0]), heading(pose)
    angle = wanted - facing if facing is not None and wanted is not None else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = clip.copy()
    root = clip[0, _PELVIS, :2]
    if not np.isfinite(root).all() or not np.isfinite(pose[_PELVIS, :2]).all():
        return moved
    moved[..., :2] = (clip[..., :2] - root) @ turn.T + pose[_PELVIS, :2]
    return moved
