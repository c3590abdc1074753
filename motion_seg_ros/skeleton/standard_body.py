"""A body of fixed proportions, put together from the directions of the bones of any skeleton.

Every skeleton that becomes smpl22 has hips, shoulders and limbs, but puts pelvis, neck and spine where its
makers liked, and every body has its own proportions. So only the directions of the bones are kept: hips
along the line of the hips, shoulders along the line of the shoulders, limbs from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import SMPL22

Array = NDArray[np.float64]

# Of a size, which is 0.43 m for an adult: the mean of trunk, thigh and shank.
SIZE_M = 0.43
SIDES = ("left", "right")
_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "foot")
JOINTS = (
    "head",
    *(f"{side}_{joint}" for side in SIDES for joint in _ARM),
    *(f"{side}_{joint}" for side in SIDES for joint in _LEG),
)
PLACE = {joint: index for index, joint in enumerate(JOINTS)}
# Shorter than this has no direction.
MIN_LENGTH = 1e-6

_COUNT = len(JOINTS)
_SOURCE = np.array([SMPL22.index(joint) for joint in JOINTS])
_HIPS = (SMPL22.index("left_hip"), SMPL22.index("right_hip"))
_SHOULDERS = (SMPL22.index("left_shoulder"), SMPL22.index("right_shoulder"))
_ANCHORS = np.array([*_HIPS, *_SHOULDERS])
_LEFTS, _RIGHTS = np.array([_HIPS, _SHOULDERS]).T
# Two points more than smpl22 has: the middle of the hips and that of the shoulders.
_POINTS = (*SMPL22.joints, "hips", "shoulders")


def _bones() -> Iterator[tuple[str, str, float]]:
    """From, to and length in sizes of what each of :data:`JOINTS` hangs on, and of the trunk at last.

    Limbs hang on the lines of the hips and the shoulders, the head and those lines on the trunk.
    """
    yield "shoulders", "head", 0.45
    for line, half, limb, lengths in (
        ("shoulder", 0.42, _ARM, (0.62, 0.58)),
        ("hip", 0.23, _LEG, (0.95, 0.95, 0.32)),
    ):
        for side, other in zip(SIDES, reversed(SIDES), strict=True):
            yield f"{other}_{line}", f"{side}_{line}", half
            for parent, child, length in zip(limb[:-1], limb[1:], lengths, strict=True):
                yield f"{side}_{parent}", f"{side}_{child}", length
    yield "hips", "shoulders", 1.17


_FROM = np.array([_POINTS.index(begin) for begin, _, _ in _bones()])
_TO = np.array([_POINTS.index(end) for _, end, _ in _bones()])
_LENGTHS = np.array([length for _, _, length in _bones()])[:, None]
_TRUNK = _COUNT
_ARMS, _LEGS = slice(1, 1 + 2 * len(_ARM)), slice(1 + 2 * len(_ARM), _COUNT)
_LINES = np.array([PLACE["left_hip"], PLACE["left_shoulder"]])
_MEASURED = np.array([PLACE[f"{side}_{joint}"] for side in SIDES for joint in ("knee", "ankle")])


def anchored(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(...,) whether both hips and both shoulders are among the joints seen (..., 22)."""
    return np.asarray(np.logical_and.reduce(seen.take(_ANCHORS, axis=-1), axis=-1))


def seen_limbs(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(..., len(JOINTS)) which of :data:`JOINTS` are known by the joints seen (..., 22).

    An elbow that is not seen hides its wrist.
    """
    known = seen.take(_SOURCE, axis=-1)
    _along_limbs(np.logical_and, known[..., None])
    return known


def bones(joints: Array) -> tuple[Array, Array]:
    """Bones (..., len(JOINTS) + 1, 3) to each of :data:`JOINTS` and along the trunk, of joints (..., 22, 3).

    The trunk begins at the middle of the hips, (..., 3), which is returned with them.
    """
    middles = (joints.take(_LEFTS, axis=-2) + joints.take(_RIGHTS, axis=-2)) / 2
    points = np.concatenate((joints, middles), axis=-2)
    return points.take(_TO, axis=-2) - points.take(_FROM, axis=-2), middles[..., 0, :]


def size_of(lengths: Array, known: NDArray[np.bool_]) -> Array:
    """(...,) size of bodies by the lengths (..., len(JOINTS) + 1) of their bones and the joints known."""
    there = known.take(_MEASURED, axis=-1)
    measured = np.where(there, lengths.take(_MEASURED, axis=-1), 0.0).sum(axis=-1)
    return np.asarray((measured + lengths[..., _TRUNK]) / (there.sum(axis=-1) + 1))


def left_of(vectors: Array) -> Array:
    """(..., 2) where the left is, by those bones (..., len(JOINTS) + 1, 3) that are hips and shoulders."""
    lines = unit(vectors.take(_LINES, axis=-2)[..., :2])
    return unit(lines[..., 0, :] + lines[..., 1, :])


def body_of(directions: Array) -> Array:
    """Joints (..., len(JOINTS), 3), in sizes, of the body whose bones (..., len(JOINTS) + 1, 3) point so."""
    vectors = directions * _LENGTHS
    body = vectors[..., :_COUNT, :]
    trunk = vectors[..., _TRUNK, None, :]
    body[..., :1, :] += trunk
    body[..., _ARMS, :][..., :: len(_ARM), :] += trunk
    _along_limbs(np.add, body)
    return body


def facing(body: Array, left: Array) -> Array:
    """Joints (..., J, 3) turned so that the direction ``left`` (..., 2) becomes +y."""
    x, y = left[..., 1, None], -left[..., 0, None]  # forward: left turned by -90 degrees
    result = np.empty(body.shape)
    result[..., 0] = x * body[..., 0] + y * body[..., 1]
    result[..., 1] = x * body[..., 1] - y * body[..., 0]
    result[..., 2] = body[..., 2]
    return result


def body_joints(positions: NDArray[np.floating]) -> Array:
    """Joints (..., 22, 3) in metres of an adult whose :data:`JOINTS` are given, pelvis at the origin.

    Spine and collars lie on straight lines.

    Parameters
    ----------
    positions : (..., 3 * len(JOINTS)), sizes, from the middle of the hips.
    """
    given = np.asarray(positions, np.float64).reshape((*positions.shape[:-1], _COUNT, 3)) * SIZE_M
    joints = np.zeros((*given.shape[:-2], 22, 3))
    joints[..., _SOURCE, :] = given
    neck = joints.take(_SHOULDERS, axis=-2).sum(axis=-2) / 2
    joints[..., SMPL22.index("neck"), :] = neck
    for name, share in (("spine1", 0.2), ("spine2", 0.5), ("spine3", 0.6)):
        joints[..., SMPL22.index(name), :] = share * neck
    for side in SIDES:
        shoulder = joints[..., SMPL22.index(f"{side}_shoulder"), :]
        joints[..., SMPL22.index(f"{side}_collar"), :] = (neck + shoulder) / 2
    return joints


def norm(vectors: Array) -> Array:
    """(..., 1) lengths of vectors (..., k)."""
    # Not a sum over an axis: its order, and so its last bit, may depend on the shape.
    squares = vectors * vectors
    total = squares[..., 0] + squares[..., 1]
    for axis in range(2, vectors.shape[-1]):
        total = total + squares[..., axis]
    return np.asarray(np.sqrt(total))[..., None]


def unit(vectors: Array) -> Array:
    """Vectors (..., k) of length 1 in the same directions, or 0."""
    return vectors / np.maximum(norm(vectors), MIN_LENGTH)


def _along_limbs(accumulate: np.ufunc, values: NDArray[Any]) -> None:
    """Accumulate values (..., len(JOINTS), k) from the trunk outwards along every limb, in place."""
    for joints, part in ((len(_ARM), _ARMS), (len(_LEG), _LEGS)):
        limbs = values[..., part, :].reshape((*values.shape[:-2], 2, joints, values.shape[-1]))
        accumulate.accumulate(limbs, axis=-2, out=limbs)
