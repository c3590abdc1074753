"""Skeletons drawn over an image, for people to look at."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import SkeletonFrame

# RGB; told apart by colour-blind eyes too (Okabe and Ito).
_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def colour(track_id: str) -> tuple[int, int, int]:
    """The RGB colour of a track, the same wherever it is drawn."""
    number = int(track_id) if track_id.isascii() and track_id.isdigit() else zlib.crc32(track_id.encode())
    return _COLOURS[(number - 1) % len(_COLOURS)]


def draw(rgb: NDArray[np.uint8], frame: SkeletonFrame) -> NDArray[np.uint8]:
    """A copy of an image (H, W, 3) uint8 with the skeletons that have image points and their track ids.

    Joints without a place (NaN) and the bones that end in them are left out.
    """
    picture = np.ascontiguousarray(rgb).copy()
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for skeleton in frame.skeletons:
        if not len(skeleton.image_xy):
            continue
        ink = colour(skeleton.track_id)
        seen: NDArray[np.bool_] = np.isfinite(np.hstack([skeleton.joints, skeleton.image_xy])).all(axis=-1)
        if not seen.any():
            continue
        # OpenCV cannot draw far outside the image.
        spots = np.clip(np.where(seen[:, None], skeleton.image_xy, 0), -1e4, 1e4).round().astype(int).tolist()
        for start, end in JOINT_SETS[skeleton.joint_set].bones:
            if seen[start] and seen[end]:
                cv2.line(picture, spots[start], spots[end], ink, thick, cv2.LINE_AA)
        for spot, visible in zip(spots, seen, strict=True):
            if visible:
                cv2.circle(picture, spot, thick + 1, ink, -1, cv2.LINE_AA)
        top = skeleton.image_xy[seen].min(0)
        corner = (round(float(top[0])), max(12 * thick, round(float(top[1])) - 4 * thick))
        for shade, width in (((0, 0, 0), 3 * thick), (ink, thick)):
            cv2.putText(
                picture, skeleton.track_id, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * thick, shade, width
            )
    return picture
