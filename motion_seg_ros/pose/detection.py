"""One person as the pose network sees them in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS

BLAZEPOSE = JOINT_SETS["blazepose33"]
_PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
# The twelve joints that say where a body and its limbs are; face and fingers move with them.
BODY = np.array([BLAZEPOSE.index(f"{side}_{part}") for part in _PARTS for side in ("left", "right")])
# Half-width of the similarity's bell as a fraction of the body's size: about the COCO keypoint constants of
# shoulders and hips, for the diagonal of the body instead of the root of its area.
_SPREAD = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """Landmarks of one person.

    Attributes
    ----------
    image_xy : (33, 2) float64, pixels; may lie outside the image.
    world : (33, 3) float64, metres from the middle of the hips, optical axes (x right, y down, z away).
    visibility : (33,) float64, the network's belief in 0..1 that a landmark is in the image and not hidden.
    """

    image_xy: NDArray[np.float64]
    world: NDArray[np.float64]
    visibility: NDArray[np.float64]

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) pixels, the middle of the box around the twelve body joints."""
        body = self.image_xy[BODY]
        return (body.min(0) + body.max(0)) / 2

    @property
    def size(self) -> float:
        """Pixels, the diagonal of the box around the twelve body joints, at least 1."""
        return max(1.0, float(np.hypot(*np.ptp(self.image_xy[BODY], axis=0))))


def similarity(
    first: Detection, second: Detection, spread: float = _SPREAD, size: float | None = None
) -> float:
    """How much two detections are one body, 0..1 (COCO's object keypoint similarity over the body joints).

    The mean of exp(-d²/2(spread·size)²) over the twelve body joints that both see, all twelve if they share
    fewer than four; size, in pixels, is that of the larger body if not given.
    """
    seen = (np.minimum(first.visibility, second.visibility) >= 0.5)[BODY]
    chosen = BODY[seen] if seen.sum() >= 4 else BODY
    gap = ((first.image_xy[chosen] - second.image_xy[chosen]) ** 2).sum(-1)
    width = spread * (max(first.size, second.size) if size is None else size)
    return float(np.exp(-gap / (2 * width**2)).mean())
