"""The 263 numbers a frame in which HumanML3D describes motion (Guo et al., CVPR 2022), from joints.

Written from the published description of the layout, with rotations as matrices. In a frame, in this order:

    root     1  half of the angle that the body turns to the next frame (rad)
             2  where the root goes until then, in the body's axes (left, forward; m)
             1  height of the root (m)
    places  63  of the other 21 joints from the root's place on the floor, in the body's axes (m)
    turns  126  of the other 21 bones against the bone before, two columns of the matrix each
    speeds  66  of all 22 joints, in the body's axes (m a frame)
    feet     4  1 where left ankle, left toes, right ankle, right toes stand

Axes are x left, y up, z forward, and the first frame faces z; 20 frames a second. The published features are
of bodies whose bones have the lengths of one example: pass them for features that a published model expects.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

RATE = 20.0
FEATURES = 263

Array = NDArray[np.float64]

_CHAINS = (
    (0, 2, 5, 8, 11),
    (0, 1, 4, 7, 10),
    (0, 3, 6, 9, 12, 15),
    (9, 14, 17, 19, 21),
    (9, 13, 16, 18, 20),
)
# Where each bone points at rest: left, up, forward.
_REST = np.zeros((22, 3))
_REST[[1, 13], 0] = 1
_REST[[2, 14], 0] = -1
_REST[[3, 6, 9, 12], 1] = 1
_REST[[4, 5, 7, 8, 16, 17, 18, 19, 20, 21], 1] = -1
_REST[[10, 11, 15], 2] = 1
_FEET = (7, 10, 8, 11)
# A foot that moves less than this in a frame stands: square metres.
_STANDING = 0.002
_FACING_WIDTH = 20.0  # frames, of the filter of the direction that the body faces
_LEGS = ((5, 8), (2, 5))


def bone_lengths(joints: NDArray[np.floating]) -> Array:
    """(22,) metres of each joint from the one before it in its chain, of one pose (22, 3)."""
    lengths = np.zeros(22)
    for chain in _CHAINS:
        for parent, child in pairwise(chain):
            lengths[child] = np.linalg.norm(joints[child] - joints[parent])
    return lengths


def humanml3d_features(joints: NDArray[np.floating], lengths: Array | None = None) -> Array:
    """Features (T - 1, 263) of a motion.

    Parameters
    ----------
    joints : (T, 22, 3) smpl22 in REP-103 axes (x forward, y left, z up), metres, all seen, at 20 Hz; T >= 2.
    lengths : (22,) of the bones that the body gets, see :func:`bone_lengths`; its own where None.

    Raises
    ------
    ValueError : shapes, values that are not finite, or a body without extent.
    """
    body = np.asarray(joints, np.float64)[..., [1, 2, 0]]
    if body.ndim != 3 or body.shape[1:] != (22, 3) or len(body) < 2:
        raise ValueError(f"a motion must be (T, 22, 3) with T >= 2, not {joints.shape}")
    if not np.isfinite(body).all():
        raise ValueError("HumanML3D describes only motions of which every joint is seen")
    if lengths is not None:
        body = _with_lengths(body, lengths)
    body = body - [0.0, body[..., 1].min(), 0.0]
    body = body - body[0, 0] * [1, 0, 1]
    body = body @ _between(_facing(body[:1]), np.array([0.0, 0.0, 1.0]))[0].T

    # The published code takes the hips the other way round here; models were trained on what it gives.
    facing = gaussian_filter1d(_facing(body, hips=-1.0), _FACING_WIDTH, axis=0, mode="nearest")
    root = _between(facing / np.linalg.norm(facing, axis=1, keepdims=True), np.array([0.0, 0.0, 1.0]))
    root[0] = np.eye(3)
    turn = root[1:] @ root[:-1].transpose(0, 2, 1)
    half_angle = np.arctan2(turn[:, 0, 2], turn[:, 2, 2]) / 2

    local = body.copy()
    local[..., [0, 2]] -= body[:, :1, [0, 2]]
    local = np.einsum("tij,tkj->tki", root, local)
    step = np.diff(body, axis=0)
    way = np.einsum("tij,tj->ti", root[1:], step[:, 0])
    speeds = np.einsum("tij,tkj->tki", root[:-1], step)
    stands = (step[:, _FEET] ** 2).sum(axis=2) < _STANDING
    parts = (
        half_angle[:, None],
        way[:, [0, 2]],
        local[:-1, 0, 1:2],
        local[:-1, 1:].reshape(len(step), -1),
        _turns(body, root)[:-1].reshape(len(step), -1),
        speeds.reshape(len(step), -1),
        stands,
    )
    return np.concatenate(parts, axis=1)


def _with_lengths(body: Array, lengths: Array) -> Array:
    """The same directions of bones with other lengths; the way of the root grows with the legs."""
    own = bone_lengths(body[0])
    legs = [(own[a] + own[b], lengths[a] + lengths[b]) for a, b in _LEGS]
    if min(min(pair) for pair in legs) <= 0:
        raise ValueError("a body needs legs")
    result = np.empty_like(body)
    result[:, 0] = body[:, 0] * (legs[0][1] / legs[0][0])
    for chain in _CHAINS:
        for parent, child in pairwise(chain):
            result[:, child] = result[:, parent] + lengths[child] * _unit(body[:, child] - body[:, parent])
    return result


def _facing(body: Array, hips: float = 1.0) -> Array:
    """(T, 3) level unit vectors to where shoulders, and hips with a sign, face."""
    across = body[:, 17] - body[:, 16] + hips * (body[:, 2] - body[:, 1])
    return _unit(np.cross([0.0, 1.0, 0.0], across))


def _turns(body: Array, root: Array) -> Array:
    """(T, 21, 6) the first two columns of each bone's rotation against the one before it."""
    result = np.zeros((len(body), 22, 6))
    for chain in _CHAINS:
        before = root
        for parent, child in pairwise(chain):
            whole = _from_rest(_REST[child], _unit(body[:, child] - body[:, parent]))
            inner = before.transpose(0, 2, 1) @ whole
            result[:, child] = np.concatenate((inner[..., 0], inner[..., 1]), axis=1)
            before = whole
    return result[:, 1:]


def _from_rest(rest: Array, directions: Array) -> Array:
    """(T, 3, 3) the shortest rotations from one direction to (T, 3) others."""
    return _between(directions, rest).transpose(0, 2, 1)


def _between(directions: Array, aim: Array) -> Array:
    """(T, 3, 3) the shortest rotations of (T, 3) unit vectors to one (Rodrigues)."""
    axis = np.cross(directions, aim)
    cosine = directions @ aim
    cross = np.zeros((len(directions), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]] = axis
    cross[:, [1, 2, 0], [2, 0, 1]] = -axis
    turned = np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, 1e-9)[:, None, None]
    # The other way round there is no shortest one: half a turn about any axis across.
    opposite = cosine < -1 + 1e-9
    if opposite.any():
        side = np.eye(3)[np.argmin(np.abs(aim))]
        side = _unit(side - (side @ aim) * aim)
        turned[opposite] = 2 * np.outer(side, side) - np.eye(3)
    return turned


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
