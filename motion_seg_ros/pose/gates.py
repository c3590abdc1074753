"""What counts as a person, and which of their joints count as seen. Pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.pose.detection import BLAZEPOSE, BODY, Detection

# Lengths in metres that contain children and adults with a wide margin: (joint, joint, least, greatest).
_BONES = tuple(
    (BLAZEPOSE.index(f"{side}_{start}"), BLAZEPOSE.index(f"{other}_{end}"), least, greatest)
    for side, other, start, end, least, greatest in (
        ("left", "right", "shoulder", "shoulder", 0.12, 0.60),
        *(
            (side, side, *bone)
            for side in ("left", "right")
            for bone in (
                ("shoulder", "hip", 0.25, 0.80),
                ("shoulder", "elbow", 0.10, 0.45),
                ("elbow", "wrist", 0.08, 0.45),
                ("hip", "knee", 0.15, 0.65),
                ("knee", "ankle", 0.15, 0.65),
            )
        ),
    )
)
_STARTS, _ENDS = (np.array([bone[end] for bone in _BONES]) for end in (0, 1))
_LEAST, _GREATEST = (np.array([bone[end] for bone in _BONES]) for end in (2, 3))
_SHOULDERS = BODY[:2]


def rejection(detection: Detection, min_visibility: float) -> str:
    """Why a detection is no person to follow, or "" if it is one.

    - "not finite": a landmark is NaN or infinite.
    - "no upper body": neither shoulder is seen. Legs alone, a shadow or a chair make the network invent the
      rest; people at a desk or leaving the image at the bottom still pass.
    - "too little seen": fewer than five of the twelve body joints are seen.
    - "not a body": two or more bones whose ends are seen have a length no human has. A single one is the
      network's noise in an odd posture.

    A joint is seen when its visibility is at least ``min_visibility``.
    """
    if not (np.isfinite(detection.image_xy).all() and np.isfinite(detection.world).all()):
        return "not finite"
    seen = detection.visibility >= min_visibility
    if not seen[_SHOULDERS].any():
        return "no upper body"
    if seen[BODY].sum() < 5:
        return "too little seen"
    lengths = np.linalg.norm(detection.world[_STARTS] - detection.world[_ENDS], axis=1)
    impossible = (lengths < _LEAST) | (lengths > _GREATEST)
    if (impossible & seen[_STARTS] & seen[_ENDS]).sum() > 1:
        return "not a body"
    return ""


def hide_unseen(
    joints: NDArray[np.float64], visibility: NDArray[np.float64], min_visibility: float
) -> NDArray[np.float64]:
    """A copy of joints (J, 3) with NaN where visibility (J,) is below the threshold or is itself NaN."""
    return np.where((visibility >= min_visibility)[:, None], joints, np.nan)
