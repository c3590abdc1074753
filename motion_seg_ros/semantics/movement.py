"""Measures of a body's movement over a window, in units of the body: what the describer puts into words.

Lengths are in arm or leg lengths, angles in radians, times in seconds. Nothing depends on where the
camera stands, which way the person faces, or how tall the person is.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d

from motion_seg_ros.skeleton.joint_sets import SMPL22

Array = NDArray[np.float64]

# Seconds over which single wrong frames are voted down, and over which jitter is averaged.
_MEDIAN_SPAN, _MEAN_SPAN = 0.14, 0.14
# Seconds over which a heading is averaged: shoulders sway with every step.
_HEADING_SPAN = 0.6
# A joint unseen for a larger share of the window than this is not described.
_MOST_UNSEEN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One arm, over T frames; all in arm lengths (shoulder to elbow to wrist).

    Attributes
    ----------
    hand : (T, 3) the wrist from the shoulder: forward, outward (away from the body's midline), up.
    elbow : (T,) height of the elbow above the shoulder.
    """

    hand: Array
    elbow: Array


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """One leg, over T frames; all in leg lengths (hip to knee to ankle).

    Attributes
    ----------
    foot : (T, 3) the ankle from the hip: forward, left, up.
    knee : (T, 3) the knee from the hip, likewise.
    bend : (T,) angle between thigh and shank, 0 for a straight leg.
    """

    foot: Array
    knee: Array
    bend: Array


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """A window of T frames, measured; every array has finite values only.

    Attributes
    ----------
    fps : frames a second.
    arms, legs : left and right; None where unseen.
    pelvis : (T, 3) path in leg lengths from where it began: forward and left as the person faced then, up.
    velocity : (T, 2) of the pelvis, in leg lengths a second: forward and left as the person faces now.
    facing : (T,) angle turned to the left since the beginning.
    lean : (T,) angle of the trunk from upright.
    lean_forward : (T,) its part towards where the person faces.
    height : (T,) of the pelvis above the lower ankle, in leg lengths; NaN if both are unseen.
    hands_apart : (T,) distance of the wrists in arm lengths, or None.
    """

    fps: float
    arms: tuple[Arm | None, Arm | None]
    legs: tuple[Leg | None, Leg | None]
    pelvis: Array
    velocity: Array
    facing: Array
    lean: Array
    lean_forward: Array
    height: Array
    hands_apart: Array | None

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (len(self.pelvis) - 1) / self.fps


def measure(joints: NDArray[np.floating], fps: float) -> Movement | None:
    """Measure a window, or None when too little of the trunk is seen to tell anything.

    Parameters
    ----------
    joints : (T, 22, 3) smpl22, metres, z up, NaN where unseen; T >= 1.
    fps : frames a second, above 0.

    Raises
    ------
    ValueError : another shape, or a rate that is none.
    """
    points = np.asarray(joints, np.float64)
    if points.ndim != 3 or points.shape[1:] != (22, 3) or not len(points):
        raise ValueError(f"a window of joints is (T, 22, 3) with T >= 1, not {points.shape}")
    if not 0.0 < fps < math.inf:
        raise ValueError(f"frames a second must be above 0, not {fps}")
    points = _smooth(_fill(points), fps)
    trunk = _between(points, "pelvis", "neck")
    if not np.isfinite(trunk).all():
        return None
    # Of an adult, arm and leg are about 1.1 and 1.6 times the way from pelvis to neck: where no limb is seen.
    size = median(np.linalg.norm(trunk, axis=1))
    arm = _limb_length(points, ("shoulder", "elbow", "wrist"), 1.1 * size)
    leg = _limb_length(points, ("hip", "knee", "ankle"), 1.6 * size)
    if size <= 0.0 or arm <= 0.0 or leg <= 0.0:
        return None
    left = _left(points, fps)
    if left is None:
        return None
    forward = np.column_stack((left[:, 1], -left[:, 0]))
    axes = _Axes(forward, left)
    pelvis = (points[:, 0] - points[0, 0]) / leg
    start = _Axes(forward[:1].repeat(len(pelvis), 0), left[:1].repeat(len(pelvis), 0))
    up = trunk / np.maximum(np.linalg.norm(trunk, axis=1, keepdims=True), 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # both ankles unseen
        ankles = np.nanmin(points[:, [_index("left_ankle"), _index("right_ankle")], 2], axis=1)
    wrists = _between(points, "left_wrist", "right_wrist")
    return Movement(
        fps=fps,
        arms=(_arm(points, axes, "left", arm), _arm(points, axes, "right", arm)),
        legs=(_leg(points, axes, "left", leg), _leg(points, axes, "right", leg)),
        pelvis=start.turn(pelvis),
        velocity=axes.turn(_derivative(pelvis, fps))[:, :2],
        facing=_turned(left),
        lean=np.arccos(np.clip(up[:, 2], -1.0, 1.0)),
        lean_forward=np.arctan2(axes.turn(up)[:, 0], up[:, 2]),
        height=(points[:, 0, 2] - ankles) / leg,
        hands_apart=np.linalg.norm(wrists, axis=1) / arm if np.isfinite(wrists).all() else None,
    )


def median(values: Array) -> float:
    """Of (T,) values, all finite or all NaN: as numpy's, in a tenth of the time for a few dozen."""
    ordered, count = np.sort(values), len(values)
    return float(ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0


def swings(values: Array, least: float) -> int:
    """How often a (T,) curve goes up or down by at least ``least`` before it turns."""
    count, direction = 0, 0
    low = high = float(values[0])
    for value in values.tolist():
        low, high = min(low, value), max(high, value)
        if direction <= 0 and value - low >= least:
            count, direction, high = count + 1, 1, value
        elif direction >= 0 and high - value >= least:
            count, direction, low = count + 1, -1, value
    return count


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """Horizontal unit vectors (T, 2) ahead and to the left."""

    forward: Array
    left: Array

    def turn(self, vectors: Array) -> Array:
        """(T, 3) vectors along forward, left, up."""
        flat = vectors[:, :2]
        return np.column_stack(
            ((flat * self.forward).sum(axis=1), (flat * self.left).sum(axis=1), vectors[:, 2])
        )


def _index(joint: str) -> int:
    return SMPL22.index(joint)


def _between(points: Array, start: str, end: str) -> Array:
    return points[:, _index(end)] - points[:, _index(start)]


def _fill(points: Array) -> Array:
    """Bridge gaps by straight lines and hold the ends; a joint that is mostly unseen stays NaN throughout."""
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=2))
    filled = np.where(seen[:, :, None], points, np.nan)
    times = np.arange(len(points))
    for joint in np.flatnonzero(~seen.all(axis=0)):
        known = seen[:, joint]
        if (~known).mean() > _MOST_UNSEEN:
            filled[:, joint] = np.nan
            continue
        for axis in range(3):
            filled[:, joint, axis] = np.interp(times, times[known], points[known, joint, axis])
    return filled


def _smooth(points: Array, fps: float) -> Array:
    votes = _odd(_MEDIAN_SPAN * fps)
    if votes > 1:
        points = median_filter(points, size=(votes, 1, 1), mode="nearest")
    return np.asarray(uniform_filter1d(points, _odd(_MEAN_SPAN * fps), axis=0, mode="nearest"))


def _odd(frames: float) -> int:
    """The nearest odd number of frames, at least 1."""
    return 2 * round((frames - 1) / 2) + 1 if frames > 1 else 1


def _derivative(path: Array, fps: float) -> Array:
    return np.gradient(path, axis=0) * fps if len(path) > 1 else np.zeros_like(path)


def _limb_length(points: Array, chain: tuple[str, str, str], otherwise: float) -> float:
    """Median length of a limb over frames and sides."""
    sides = []
    for side in ("left", "right"):
        bones = [_between(points, f"{side}_{a}", f"{side}_{b}") for a, b in pairwise(chain)]
        length = median(np.asarray(sum(np.linalg.norm(bone, axis=1) for bone in bones)))
        if math.isfinite(length):
            sides.append(length)
    return sum(sides) / len(sides) if sides else otherwise


def _left(points: Array, fps: float) -> Array | None:
    """(T, 2) unit vectors to the person's left; None when neither hips nor shoulders are seen."""
    across = np.zeros((len(points), 2))
    for part in ("hip", "shoulder"):
        axis = _between(points, f"right_{part}", f"left_{part}")[:, :2]
        if np.isfinite(axis).all():
            across += axis
    if not across.any():
        return None
    across = uniform_filter1d(across, _odd(_HEADING_SPAN * fps), axis=0, mode="nearest")
    length = np.linalg.norm(across, axis=1, keepdims=True)
    # Where the axis vanishes (lying, edge-on) the nearest frame that has one tells.
    known = length[:, 0] > 0.1 * length.max()
    nearest = np.abs(np.arange(len(across))[:, None] - np.flatnonzero(known)[None]).argmin(axis=1)
    return np.asarray((across / np.maximum(length, 1e-12))[np.flatnonzero(known)[nearest]])


def _turned(left: Array) -> Array:
    angles = np.unwrap(np.arctan2(left[:, 1], left[:, 0]))
    return np.asarray(angles - angles[0])


def _arm(points: Array, axes: _Axes, side: str, length: float) -> Arm | None:
    hand = _between(points, f"{side}_shoulder", f"{side}_wrist")
    elbow = _between(points, f"{side}_shoulder", f"{side}_elbow")
    if not (np.isfinite(hand).all() and np.isfinite(elbow).all()):
        return None
    outward = np.array([1.0, 1.0 if side == "left" else -1.0, 1.0])
    return Arm(axes.turn(hand) * outward / length, elbow[:, 2] / length)


def _leg(points: Array, axes: _Axes, side: str, length: float) -> Leg | None:
    thigh = _between(points, f"{side}_hip", f"{side}_knee")
    shank = _between(points, f"{side}_knee", f"{side}_ankle")
    if not (np.isfinite(thigh).all() and np.isfinite(shank).all()):
        return None
    size = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
    cosine = (thigh * shank).sum(axis=1) / np.maximum(size, 1e-9)
    return Leg(
        axes.turn(thigh + shank) / length, axes.turn(thigh) / length, np.arccos(np.clip(cosine, -1.0, 1.0))
    )
