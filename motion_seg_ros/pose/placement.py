"""From hip-centred landmarks to a place in front of the camera."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_DEPTH_TIME_CONSTANT = 0.25


def focal_length(width: int, field_of_view: float) -> float:
    """Focal length in pixels of an ideal camera: width / 2 / tan(field_of_view / 2).

    Parameters
    ----------
    width : image width in pixels.
    field_of_view : horizontal, degrees.
    """
    return width / 2 / math.tan(math.radians(field_of_view) / 2)


def place(
    body: NDArray[np.float64],
    image_xy: NDArray[np.float64],
    weight: NDArray[np.float64],
    focal_px: float,
    centre: tuple[float, float],
) -> NDArray[np.float64]:
    """The translation that puts a body where its image says it stands.

    Derived from the pinhole model u = f (X + tx) / (Z + tz) + cx and the same for v: multiplied by the depth
    it is linear in the translation, f tx - (u - cx) tz = (u - cx) Z - f X. Every landmark gives two such
    equations in three unknowns, solved by weighted least squares.

    Parameters
    ----------
    body : (J, 3) metres, optical axes (x right, y down, z away).
    image_xy : (J, 2) pixels.
    weight : (J,) not negative; landmarks of weight 0 do not count.
    focal_px : focal length in pixels, equal in x and y.
    centre : principal point (cx, cy) in pixels.

    Returns
    -------
    (3,) metres, optical axes; NaN when the landmarks do not fix a place in front of the camera: fewer than
    two count, all of them fall on one pixel, or the solution lies behind the camera.
    """
    ray = image_xy - np.asarray(centre, np.float64)
    known = np.concatenate(
        [ray[:, 0] * body[:, 2] - focal_px * body[:, 0], ray[:, 1] * body[:, 2] - focal_px * body[:, 1]]
    )
    zero, focal = np.zeros(len(body)), np.full(len(body), focal_px)
    system = np.concatenate([np.stack([focal, zero, -ray[:, 0]], 1), np.stack([zero, focal, -ray[:, 1]], 1)])
    rows = np.concatenate([weight, weight])[:, None]
    counted = rows[:, 0] > 0
    solution, _, rank, _ = np.linalg.lstsq(
        (rows * system)[counted], (rows[:, 0] * known)[counted], rcond=1e-9
    )
    nowhere = np.full(3, np.nan)
    return solution if rank == 3 and solution[2] > 0 else nowhere


def smooth_depth(where: NDArray[np.float64], depth: float, seconds: float) -> NDArray[np.float64]:
    """The place (3,) moved along its line of sight so that its depth follows the last depth smoothly.

    The network guesses the size of a body anew in every image, which shakes the distance by several per
    cent; the direction is exact. A first-order low-pass with a time constant of 0.25 s steadies the distance,
    at the price of as much lag in walking towards the camera.

    Parameters
    ----------
    where : (3,) metres, optical axes.
    depth : result's third coordinate one image earlier, metres.
    seconds : time since then, not negative.
    """
    steady = depth + (1 - math.exp(-seconds / _DEPTH_TIME_CONSTANT)) * (where[2] - depth)
    return where * (steady / where[2])


def to_rep103(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Optical axes (x right, y down, z away) to body axes (x forward, y left, z up), (..., 3) to (..., 3)."""
    return np.stack([points[..., 2], -points[..., 0], -points[..., 1]], -1)


def body_frame(frame_id: str) -> str:
    """The name of the camera's frame with body axes, by the naming of REP-103.

    "camera_optical_frame" becomes "camera_frame" and "camera_optical" becomes "camera"; other names stay.
    """
    if frame_id.endswith("_optical_frame"):
        return frame_id.removesuffix("_optical_frame") + "_frame"
    return frame_id.removesuffix("_optical")
