"""How a person is looked at, and what they wear, for pictures that are rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.image_box import FollowingSquare
from motion_seg_ros.skeleton.joint_sets import SMPL22

Array: TypeAlias = NDArray[np.float32]

# Metres for a trunk (pelvis to neck) of this length; bodies of other sizes are as thick in proportion.
TRUNK_LENGTH = 0.52
# From joint, to joint, radius, clothing, and whether it turns with the shoulders. "crown" and the hands lie
# beyond the last joints.
LIMBS = (
    ("left_hip", "right_hip", 0.10, "trousers", False),
    ("pelvis", "spine2", 0.125, "shirt", False),
    ("spine2", "neck", 0.12, "shirt", True),
    ("left_shoulder", "right_shoulder", 0.075, "shirt", True),
    ("neck", "head", 0.055, "skin", True),
    ("head", "crown", 0.092, "skin", True),
    *(
        (f"{side}_{start}", f"{side}_{end}", radius, clothing, upper)
        for side in ("left", "right")
        for start, end, radius, clothing, upper in (
            ("hip", "shoulder", 0.07, "shirt", True),
            ("shoulder", "elbow", 0.052, "shirt", True),
            ("elbow", "wrist", 0.042, "sleeve", True),
            ("wrist", "hand", 0.036, "skin", True),
            ("hip", "knee", 0.078, "trousers", False),
            ("knee", "ankle", 0.055, "trousers", False),
            ("ankle", "foot", 0.042, "shoe", False),
        )
    ),
)
# Nobody is looked at nearer to the camera than this (m), or as smaller than this (focal lengths).
_NEAR, _SMALLEST = 0.3, 0.01
_CLOTHES = ("shirt", "sleeve", "skin", "trousers", "shoe")


@dataclass(frozen=True, eq=False)
class Scene:
    """How a person is looked at, and what they and the background look like.

    Attributes
    ----------
    position : (3,) of the camera, metres, in the axes of the joints.
    axes : (3, 3), its right, down and forward as rows.
    focal : (T,) pixels of the crop; what changes is the zoom of the crop, not the lens.
    centre : (T, 2) where the optical axis lies in the crop, pixels.
    thickness : of the limbs, 1 for usual ones.
    albedo : (limbs,) in 0..1.
    stripes : strength, stripes a limb and phase of the pattern along the limbs.
    light : (3,) unit vector towards the light, in the axes of the camera.
    ambient : share of light that comes from everywhere; 1 is no shading at all.
    background : (waves, 4): amplitude, two wave numbers (radians a focal length) and phase, around ``grey``.
    furniture : (things, 5): middle to the right and down, half width and half height (focal lengths) and grey
        of what stands before the background, as far away; the last in front.
    grey : of the background, in 0..1.
    noise : standard deviation of the picture's noise, in 0..1; from ``seed``.
    """

    position: Array
    axes: Array
    focal: Array
    centre: Array
    thickness: float
    albedo: Array
    stripes: tuple[float, float, float]
    light: Array
    ambient: float
    background: Array
    furniture: Array
    grey: float
    noise: float
    seed: int


def random_scene(
    rng: np.random.Generator, joints: NDArray[np.floating], size: int = 64, steady: int = 1
) -> Scene:
    """A fixed camera somewhere around the person, and a crop that follows them a little off-centre.

    Parameters
    ----------
    joints : (T, 22, 3) metres, z up, NaN where unseen.
    size : pixels of the square crop.
    steady : frames in a row that are cut out of the same place.
    """
    middle, height = _middle(joints), _height(joints)
    target = np.nanmean(middle, axis=0)
    yaw, distance = rng.uniform(-np.pi, np.pi), height * rng.uniform(1.6, 4.5)
    # A crane's view now and then, mostly a standing person's or a shelf's.
    pitch = rng.uniform(-0.15, 0.55)
    away = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    # Farther off for somebody who walks about, so that they do not run into the camera.
    distance += float(np.nanmax(np.linalg.norm(middle[:, :2] - target[:2], axis=1)))
    position = target + distance * away
    roll = rng.normal(0, 0.03)
    right = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    down = np.cross(-away, right)
    axes = np.stack(
        (np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, -away)
    )
    looked_at, side = _squares((joints[::steady] - position) @ axes.T)
    # Trackers put their boxes a little beside and each time elsewhere.
    looked_at = looked_at + side[:, None] * (rng.normal(0, 0.04, 2) + rng.normal(0, 0.01, looked_at.shape))
    side = side * np.exp(rng.uniform(-0.15, 0.15) + rng.normal(0, 0.01, len(side)))
    focal = np.repeat(size / side, steady)[: len(joints)]
    centre = (size - 1) / 2 - focal[:, None] * np.repeat(looked_at, steady, axis=0)[: len(joints)]
    grey = dict(zip(_CLOTHES, rng.uniform(0.1, 0.95, len(_CLOTHES)), strict=True))
    light = rng.normal((0.0, -0.8, -1.2), 1.0)
    waves = rng.integers(0, 6)
    background = np.concatenate(
        (
            rng.uniform(0.0, 0.15, (waves, 1)),
            rng.normal(0, 8.0, (waves, 2)),
            rng.uniform(0, 2 * np.pi, (waves, 1)),
        ),
        axis=1,
    )
    things = rng.integers(0, 9)
    furniture = np.concatenate(
        (
            rng.normal(0, 0.5, (things, 2)),
            np.exp(rng.uniform(np.log(0.02), np.log(0.5), (things, 2))),
            rng.uniform(0.05, 0.95, (things, 1)),
        ),
        axis=1,
    )
    return Scene(
        position.astype(np.float32),
        axes.astype(np.float32),
        focal.astype(np.float32),
        centre.astype(np.float32),
        float(rng.uniform(0.8, 1.25)),
        np.array([grey[limb[3]] for limb in LIMBS], np.float32),
        (float(rng.uniform(0, 0.35)), float(rng.uniform(0.5, 3.0)), float(rng.uniform(0, 2 * np.pi))),
        (light / np.linalg.norm(light)).astype(np.float32),
        float(rng.uniform(0.3, 0.8)),
        background.astype(np.float32),
        furniture.astype(np.float32),
        float(rng.uniform(0.1, 0.9)),
        float(rng.uniform(0, 0.03)),
        int(rng.integers(2**31)),
    )


def _middle(joints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 3) the middle of the box around the person, held where nobody is seen."""
    seen = np.isfinite(joints).all(axis=2)
    if not seen.any():
        raise ValueError("no joint is seen in any frame")
    low = np.where(seen[..., None], joints, np.inf).min(axis=1)
    high = np.where(seen[..., None], joints, -np.inf).max(axis=1)
    return ((low + high) / 2)[_held(seen)]


def _held(seen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(T,) for each frame one in which any of (T, 22) joints is seen."""
    someone = np.flatnonzero(seen.any(axis=1))
    return someone[np.minimum(np.searchsorted(someone, np.arange(len(seen))), len(someone) - 1)]


def trunk_length(joints: NDArray[np.floating]) -> float:
    """Median length from pelvis to neck, metres; the usual one where they are never seen together."""
    length = np.linalg.norm(joints[:, SMPL22.index("neck")] - joints[:, 0], axis=1)
    return float(np.median(length[np.isfinite(length)])) if np.isfinite(length).any() else TRUNK_LENGTH


def _height(joints: NDArray[np.floating]) -> float:
    """About how tall the person is, metres, whatever they do."""
    return trunk_length(joints) / TRUNK_LENGTH * 1.75


def _squares(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle (T, 2) and side (T,) of the squares around joints (T, 22, 3) in the axes of the camera, in focal
    lengths."""
    seen = np.isfinite(points).all(axis=2)
    at = points[..., :2] / np.maximum(points[..., 2:], _NEAR)
    low = np.where(seen[..., None], at, np.inf).min(axis=1)[_held(seen)]
    high = np.where(seen[..., None], at, -np.inf).max(axis=1)[_held(seen)]
    following = FollowingSquare()
    extents = np.maximum((high - low).max(axis=1), _SMALLEST)
    return (low + high) / 2, np.array([following.side(float(extent)) for extent in extents])
