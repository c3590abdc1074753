"""Motion as the skeleton tracker of a cheap depth camera would have given it. Derived.

Such trackers put hips and shoulders where their makers guessed, shake, lag, let feet slide, lose hands for a
while or throw them somewhere, and run at 10 to 30 Hz. Training that saw only the clean joints of motion
capture does not know these faults.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import SMPL22

Array = NDArray[np.float64]

_INDEX = {joint: index for index, joint in enumerate(SMPL22.joints)}
_SIDES = ("left", "right")
_HIPS, _KNEES, _ANKLES, _FEET, _SHOULDERS, _ELBOWS, _WRISTS = (
    [_INDEX[f"{side}_{joint}"] for side in _SIDES]
    for joint in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")
)
# Metres: how far off a joint is all the time, and how much it shakes where the tracker is good.
_BIAS, _SHAKE = 0.015, 0.006
# Ends of limbs are seen worst: this much more of both.
_WORSE = np.ones(22)
_WORSE[_WRISTS + _ANKLES] = 2.0
_WORSE[_FEET] = 3.0
# What is lost together, and what is thrown somewhere: the first joint by all of it, the second by half.
_LOST = ([_WRISTS[0]], [_WRISTS[1]], _WRISTS, _FEET, _ANKLES + _FEET)
_THROWN = (
    *zip(_WRISTS, _ELBOWS, strict=True),
    *zip(_FEET, _ANKLES, strict=True),
    *zip(_ANKLES, _KNEES, strict=True),
)


def as_depth_camera(joints: NDArray[np.floating], fps: float, rng: np.random.Generator) -> Array:
    """What a tracker gives for true joints (T, 22, 3) in metres at ``fps``, z up: the same shape and rate.

    Joints that it loses are NaN. How bad it is, where it puts its joints and how slow it is are drawn once.
    """
    badness = float(np.exp(rng.normal(0.0, 0.5)))
    seen = np.array(joints, np.float64)
    seen = _misplaced(seen, badness, rng)
    shaking = _wandering(seen.shape, rng.uniform(0.03, 0.12) * fps, rng)
    seen += badness * _SHAKE * _WORSE[:, None] * shaking
    # A foot on the ground wanders with its ankle.
    slide = 0.02 * badness * _wandering((len(seen), 2, 3), 0.4 * fps, rng)
    for part in (_ANKLES, _FEET):
        seen[:, part] += slide
    _throw(seen, badness, fps, rng)
    seen = _slow(seen, fps, rng)
    _lose(seen, fps, rng)
    return seen


def _misplaced(joints: Array, badness: float, rng: np.random.Generator) -> Array:
    """Hips and shoulders too high or low and too close or far, every joint somewhat off."""
    moved = joints.copy()
    hips, shoulders = joints[:, _HIPS].mean(axis=1), joints[:, _SHOULDERS].mean(axis=1)
    trunk = shoulders - hips
    for part, middle in ((_HIPS, hips), (_SHOULDERS, shoulders)):
        up = rng.normal(0.06 if part is _HIPS else -0.03, 0.06) * trunk
        breadth = rng.uniform(0.7, 1.15)
        moved[:, part] = middle[:, None] + breadth * (joints[:, part] - middle[:, None]) + up[:, None]
    # In the body's own axes a bias would need its heading; a mean over headings is a steady shift upwards or
    # down and a shift along the trunk's breadth.
    across = joints[:, _SHOULDERS[0]] - joints[:, _SHOULDERS[1]]
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    sideways, upwards = badness * _BIAS * _WORSE * rng.normal(0, 1, (2, 22))
    moved += sideways[:, None] * across[:, None]
    moved[..., 2] += upwards
    return moved


def _throw(joints: Array, badness: float, fps: float, rng: np.random.Generator) -> None:
    """Now and then the end of a limb is somewhere else for a moment."""
    for far, near in _THROWN:
        for _ in range(rng.poisson(0.04 * badness * len(joints) / fps)):
            length = max(2, int(rng.uniform(0.1, 0.5) * fps))
            first = int(rng.integers(-length, len(joints)))
            rows = slice(max(first, 0), first + length)
            way = rng.normal(0, 0.15, 3)
            joints[rows, far] += way
            joints[rows, near] += way / 2


def _slow(joints: Array, fps: float, rng: np.random.Generator) -> Array:
    """At the tracker's rate, smoothed by what came before, on straight lines between its frames."""
    rate = min(float(rng.uniform(10.0, 30.0)), fps)
    frames = np.unique(np.clip(np.round(np.arange(0, len(joints), fps / rate)), 0, len(joints) - 1))
    taken = joints[frames.astype(np.intp)]
    keep = rng.uniform(0.0, 0.5)
    for frame in range(1, len(taken)):
        taken[frame] += keep * (taken[frame - 1] - taken[frame])
    place = np.arange(len(joints), dtype=np.float64)
    below = np.clip(np.searchsorted(frames, place, side="right") - 1, 0, max(len(frames) - 2, 0))
    above = np.minimum(below + 1, len(frames) - 1)
    span = np.maximum(frames[above] - frames[below], 1.0)
    share = np.clip((place - frames[below]) / span, 0.0, 1.0)[:, None, None]
    result: Array = taken[below] * (1 - share) + taken[above] * share
    return result


def _lose(joints: Array, fps: float, rng: np.random.Generator) -> None:
    """Hands or feet out of sight for a while; one tracker in eight never sees some of them."""
    if rng.random() < 0.125:
        joints[:, _LOST[int(rng.integers(len(_LOST)))]] = np.nan
    for _ in range(rng.poisson(0.03 * len(joints) / fps)):
        first = int(rng.integers(len(joints)))
        rows = slice(first, first + int(rng.uniform(0.3, 2.0) * fps))
        joints[rows, _LOST[int(rng.integers(len(_LOST)))]] = np.nan


def _wandering(shape: tuple[int, ...], frames: float, rng: np.random.Generator) -> Array:
    """Noise of deviation 1 over (T, ...) that forgets itself in about so many frames."""
    keep = float(np.exp(-1.0 / max(frames, 1e-3)))
    noise = rng.normal(0, 1, shape)
    noise[1:] *= np.sqrt(1 - keep**2)
    for frame in range(1, len(noise)):
        noise[frame] += keep * noise[frame - 1]
    return noise
