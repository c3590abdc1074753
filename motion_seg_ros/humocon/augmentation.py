"""The same motion as other skeletons, cameras and bad light would show it. Derived."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.configuration import AugmentationConfig
from motion_seg_ros.humocon.motions import Motions, Windows, seen_by_camera
from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.skeleton.motion_inputs import (
    FRAMES_PER_TOKEN,
    POSITIONS,
    SEEN,
    MotionInputs,
    mirrored,
)
from motion_seg_ros.skeleton.standard_body import JOINTS, SIDES

Array = NDArray[np.float64]

# What a skeleton may lack or an occlusion take, together.
_GROUPS = (
    ("left_foot", "right_foot"),
    ("head",),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_wrist", "right_wrist"),
    ("left_knee", "left_ankle", "right_knee", "right_ankle", "left_foot", "right_foot"),
)
# Limbs that people hold in their own way, each joint this far along with it.
_LIMBS: tuple[dict[str, float], ...] = (
    {"head": 1.0},
    dict.fromkeys(("head", *(f"{s}_{j}" for s in SIDES for j in ("shoulder", "elbow", "wrist"))), 1.0),
    *({f"{side}_elbow": 1.0, f"{side}_wrist": 2.0} for side in SIDES),
    *({f"{side}_knee": 0.5, f"{side}_ankle": 0.7, f"{side}_foot": 0.7} for side in SIDES),
)
_HELD = np.array([[limb.get(joint, 0.0) for joint in JOINTS] for limb in _LIMBS])
_HIPS = [SMPL22.index("left_hip"), SMPL22.index("right_hip")]


def window_inputs(joints: Array, confidence: Array, rate: float, frames: int) -> NDArray[np.float32]:
    """Inputs (N, frames, INPUTS) of windows (N, F, 22, 3) with confidence (N, F, 22) at ``rate`` Hz."""
    stamps = [round(i * 1e9 / rate) for i in range(joints.shape[1])]
    steps = MotionInputs((len(joints),)).extend(stamps, joints.swapaxes(0, 1), confidence.swapaxes(0, 1))
    return np.ascontiguousarray(steps[:frames].swapaxes(0, 1))


def plain_windows(
    motions: Motions, windows: Windows, frames: int, rate: float = 30.0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Inputs (N, frames, INPUTS) of windows as they are, and which tokens (N, n) are of their clips."""
    joints, valid = seen_by_camera(motions, windows, rate, frames + FRAMES_PER_TOKEN)
    inputs = window_inputs(joints, np.ones(joints.shape[:3]), rate, frames)
    return _as_seen(inputs, windows), valid[:, : frames // FRAMES_PER_TOKEN]


def augmented_windows(
    motions: Motions, windows: Windows, frames: int, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The same through another camera: rate, noise, missing joints, a tilted floor."""
    rate = float(rng.choice(config.rates))
    joints, valid = seen_by_camera(motions, windows, rate, frames + FRAMES_PER_TOKEN)
    joints, confidence = disturbed(joints, config, rng)
    inputs = window_inputs(joints, confidence, rate, frames)
    return _as_seen(inputs, windows), valid[:, : frames // FRAMES_PER_TOKEN]


def disturbed(joints: Array, config: AugmentationConfig, rng: np.random.Generator) -> tuple[Array, Array]:
    """Joints (N, F, 22, 3) as another skeleton tracker would give them, with their confidence (N, F, 22)."""
    count, frames = joints.shape[:2]
    joints = joints + rng.normal(0, config.placement, (count, 1, 22, 3))
    # Most windows have little noise, some much; a tracker's errors last for some frames.
    level = config.noise * rng.exponential(1.0, (count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < 0.5)
    noise = rng.normal(0, 1, joints.shape)
    noise[:, 1:] = (noise[:, 1:] + noise[:, :-1]) / 2**0.5
    joints = joints + level * noise
    joints = np.einsum("nij,nfkj->nfki", _tilts(rng.normal(0, np.radians(config.tilt), (count, 2))), joints)
    still = rng.random((count, 1, 1, 1)) < config.standing
    hips = joints[:, :, _HIPS].mean(axis=2, keepdims=True)
    joints = np.where(still, joints - hips, joints)
    confidence = np.ones((count, frames, 22))
    for row in np.flatnonzero(rng.random(count) < config.dropout):
        lost = [SMPL22.index(joint) for joint in _GROUPS[rng.integers(len(_GROUPS))]]
        # For all of the window, as of a skeleton that has no such joint, or for a while.
        begin, end = sorted(rng.integers(0, frames + 1, 2)) if rng.random() < 0.5 else (0, frames)
        confidence[row, begin:end, lost] = 0
    return joints, confidence


def in_another_posture(
    inputs: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Inputs (N, T, INPUTS) of somebody who holds trunk, head and limbs otherwise throughout.

    The encoder reads these and the decoder is asked for the original, so that a concept is about what is
    done and less about who does it.
    """
    held = rng.normal(0, config.posture, (len(inputs), len(_LIMBS), 3))
    offset = np.einsum("nld,lj->njd", held, _HELD)[:, None] * inputs[..., SEEN, None]
    changed = inputs.copy()
    changed[..., POSITIONS] += offset.reshape(*inputs.shape[:2], -1)
    return changed


def _as_seen(inputs: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
    return np.where(windows.mirror[:, None, None], mirrored(inputs), inputs)


def _tilts(angles: Array) -> Array:
    """(N, 3, 3) rotations by small angles (N, 2) about x and y."""
    zero, one = np.zeros(len(angles)), np.ones(len(angles))
    (cx, cy), (sx, sy) = np.cos(angles).T, np.sin(angles).T
    about_x = np.array([[one, zero, zero], [zero, cx, -sx], [zero, sx, cx]]).transpose(2, 0, 1)
    about_y = np.array([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]]).transpose(2, 0, 1)
    return about_x @ about_y
