"""What the motion encoders read of a body: the same numbers for the same motion of any skeleton.

Derived (HuMoCon and ZOMG say only that motion is given to an encoder). Every skeleton that becomes smpl22 has
hips, shoulders and limbs, but puts pelvis, neck and spine where its makers liked, and every body has its
own proportions. So only the directions of the bones are kept, and a body of fixed proportions is put
together from them: hips along the line of the hips, shoulders along the line of the shoulders, limbs from
there. It is turned so that it faces +x, and its way over the ground becomes velocities in body sizes.
Nothing looks at a later frame or at a clock.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.skeleton.resampling import StepResampler

RATE = 30.0  # steps a second
FRAMES_PER_TOKEN = 4
LAYOUT = "smpl22-bones/1"  # changes when the numbers below change their meaning

Array = NDArray[np.float64]

# Of a size, which is 0.43 m for an adult: the mean of trunk, thigh and shank.
SIZE_M = 0.43
_TRUNK, _HALF_HIPS, _HALF_SHOULDERS = 1.17, 0.23, 0.42
# Parent, child, length: limbs hang on the lines of the hips and the shoulders, the head on the neck.
_LIMBS = (
    *(("shoulder", "elbow", 0.62), ("elbow", "wrist", 0.58)),
    *(("hip", "knee", 0.95), ("knee", "ankle", 0.95), ("ankle", "foot", 0.32)),
)
_HEAD = 0.45
SIDES = ("left", "right")
JOINTS = (
    "head",
    *(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "elbow", "wrist")),
    *(f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee", "ankle", "foot")),
)
ROOT = ("forward", "leftward", "upward", "turning", "height")
_COUNT = len(JOINTS)
POSITIONS = slice(0, 3 * _COUNT)  # sizes, from the middle of the hips; x forward, y left, z up
VELOCITIES = slice(3 * _COUNT, 6 * _COUNT)  # sizes a second, relative to the middle of the hips
MOTION = slice(6 * _COUNT, 6 * _COUNT + len(ROOT))  # sizes a second, radians a second, sizes
SEEN = slice(MOTION.stop, MOTION.stop + _COUNT)  # 1 where a joint was seen, else 0
INPUTS = SEEN.stop

_SOURCE = np.array([SMPL22.index(joint) for joint in JOINTS])
_PLACE = {joint: index for index, joint in enumerate(JOINTS)}
_HIPS = (SMPL22.index("left_hip"), SMPL22.index("right_hip"))
_SHOULDERS = (SMPL22.index("left_shoulder"), SMPL22.index("right_shoulder"))
_ANCHORS = [*_HIPS, *_SHOULDERS]
_BONES = [(f"{side}_{a}", f"{side}_{b}", length) for side in SIDES for a, b, length in _LIMBS]
_PARENTS = np.array([SMPL22.index(a) for a, _, _ in _BONES])
_CHILDREN = np.array([SMPL22.index(b) for _, b, _ in _BONES])
_LENGTHS = np.array([length for _, _, length in _BONES])[:, None]
_MEASURED = [i for i, (_, child, _) in enumerate(_BONES) if child.endswith(("knee", "ankle"))]

# Below this a joint is a guess, and a guess is worse than nothing.
_MIN_CONFIDENCE = 0.3
# A body turns no faster than this filter passes; faster changes are left-right confusions.
_HEADING_TIME = 0.15
_SIZE_TIME = 5.0
_MIN_LENGTH = 1e-6


class MotionInputs:
    """The inputs of one track, or of several that are seen at the same times.

    Parameters
    ----------
    tracks : shape of the tracks in front of every array; () for one.
    """

    def __init__(self, tracks: tuple[int, ...] = ()) -> None:
        self._resampler = StepResampler(RATE)
        self._stamp: int | None = None
        self._joints = np.zeros((*tracks, 22, 3))
        self._left = np.zeros((*tracks, 2))
        self._size = np.zeros(tracks)
        self._weight = np.zeros(tracks)
        self._root = np.zeros((*tracks, 3))
        self._usable = np.zeros(tracks, bool)
        self._path = np.zeros((*tracks, 3))
        self._angle = np.zeros(tracks)
        self._before: Array | None = None

    def update(
        self, stamp: int, joints: NDArray[np.floating], confidence: NDArray[np.floating]
    ) -> list[NDArray[np.float32]]:
        """The even steps that the next frame completes, each (..., INPUTS) float32, oldest first.

        A joint that is not seen (NaN, or of a low confidence) is masked; of a frame without both hips and
        both shoulders everything is.

        Parameters
        ----------
        stamp : int nanoseconds, later than the last. After a pause, start anew: the steps in between lie on
            a straight line from pose to pose.
        joints : (..., 22, 3) metres, z up, NaN where unseen.
        confidence : (..., 22) in 0..1.

        Raises
        ------
        ValueError : the stamp is not later than the last.
        """
        if self._stamp is not None and stamp <= self._stamp:
            raise ValueError(f"stamps must rise, but {stamp} follows {self._stamp}")
        elapsed = 0.0 if self._stamp is None else (stamp - self._stamp) * 1e-9
        self._stamp = stamp
        seen = _seen(joints, confidence)
        usable = np.asarray(seen[..., _ANCHORS].all(axis=-1))
        seen &= usable[..., None]
        # What is not seen stays where it was, so that nothing is ever NaN.
        held = self._joints = np.where(seen[..., None], joints, self._joints)
        self._follow(held, seen, usable, elapsed)
        mask = _with_parents(seen)
        values = np.concatenate(
            (
                self._body(held).reshape((*usable.shape, -1)),
                mask[..., _SOURCE].astype(np.float64),
                self._path,
                self._angle[..., None],
            ),
            axis=-1,
        )
        return [self._describe(step) for step in self._resampler.update(stamp, values)]

    def time_of(self, step: int) -> int:
        """When step number ``step`` (from 0) begins, in nanoseconds."""
        return self._resampler.time_of(step)

    def _follow(
        self, joints: Array, seen: NDArray[np.bool_], usable: NDArray[np.bool_], elapsed: float
    ) -> None:
        """Keep the body's size, its heading and its way over the ground up to date."""
        root = _middle(joints, _HIPS)
        bones = joints[..., _CHILDREN[_MEASURED], :] - joints[..., _PARENTS[_MEASURED], :]
        there = seen[..., _CHILDREN[_MEASURED]] & seen[..., _PARENTS[_MEASURED]]
        trunk = _norm(_middle(joints, _SHOULDERS) - root)[..., 0]
        count = there.sum(axis=-1) + 1
        size = (np.where(there, _norm(bones)[..., 0], 0.0).sum(axis=-1) + trunk) / count
        # The mean of all frames at first, later an exponential one.
        self._weight = np.where(usable, self._weight * math.exp(-elapsed / _SIZE_TIME) + 1.0, self._weight)
        gain = np.where(usable, 1.0 / np.maximum(self._weight, 1.0), 0.0)
        self._size = self._size + gain * (size - self._size)

        left = _unit(_line(joints, _HIPS)[..., :2]) + _unit(_line(joints, _SHOULDERS)[..., :2])
        known = (self._left != 0).any(axis=-1)
        turn = np.where(known, -math.expm1(-elapsed / _HEADING_TIME), 1.0)
        turned = _unit(self._left + (turn * usable)[..., None] * (_unit(left) - self._left))
        angle = np.arctan2(-turned[..., 0], turned[..., 1])
        change = np.where(known, angle - self._angle, angle)
        self._angle = np.where(
            usable, self._angle + change - 2 * np.pi * np.round(change / (2 * np.pi)), self._angle
        )
        self._left = np.where(usable[..., None], turned, self._left)

        step = (root - self._root) / np.maximum(self._size, _MIN_LENGTH)[..., None]
        self._path = self._path + np.where((usable & self._usable)[..., None], step, 0.0)
        self._root, self._usable = root, usable

    def _body(self, joints: Array) -> Array:
        """(..., len(JOINTS), 3) of a body of fixed proportions in the same pose, facing +x."""
        trunk = _TRUNK * _unit(_middle(joints, _SHOULDERS) - _middle(joints, _HIPS))
        hips = _HALF_HIPS * _unit(_line(joints, _HIPS))
        shoulders = _HALF_SHOULDERS * _unit(_line(joints, _SHOULDERS))
        head = _HEAD * _unit(joints[..., SMPL22.index("head"), :] - _middle(joints, _SHOULDERS))
        bones = _LENGTHS * _unit(joints[..., _CHILDREN, :] - joints[..., _PARENTS, :])
        arms, legs = 2, 3
        body = np.empty((*joints.shape[:-2], _COUNT, 3))
        body[..., 0, :] = trunk + head
        for side, sign in ((0, 1.0), (1, -1.0)):
            limb = bones[..., side * (arms + legs) : (side + 1) * (arms + legs), :]
            shoulder, hip = 1 + side * (arms + 1), 1 + 2 * (arms + 1) + side * (legs + 1)
            body[..., shoulder, :] = trunk + sign * shoulders
            body[..., hip, :] = sign * hips
            for k in range(arms):
                body[..., shoulder + k + 1, :] = body[..., shoulder + k, :] + limb[..., k, :]
            for k in range(legs):
                body[..., hip + k + 1, :] = body[..., hip + k, :] + limb[..., arms + k, :]
        x, y = self._left[..., 1, None], -self._left[..., 0, None]  # forward: left turned by -90 degrees
        forward = x * body[..., 0] + y * body[..., 1]
        body[..., 1] = x * body[..., 1] - y * body[..., 0]
        body[..., 0] = forward
        return body

    def _describe(self, step: Array) -> NDArray[np.float32]:
        """One even step and the one before as inputs."""
        before = step if self._before is None else self._before
        self._before = step
        mask = slice(3 * _COUNT, 4 * _COUNT)
        seen = step[..., mask] > 1 - 1e-6
        moving = np.repeat(seen & (before[..., mask] > 1 - 1e-6), 3, axis=-1)
        there = np.repeat(seen, 3, axis=-1)
        way = (step[..., mask.stop : mask.stop + 3] - before[..., mask.stop : mask.stop + 3]) * RATE
        cos, sin = np.cos(step[..., -1]), np.sin(step[..., -1])
        ankles = step[..., [3 * _PLACE[f"{side}_ankle"] + 2 for side in SIDES]]
        result = np.empty((*step.shape[:-1], INPUTS), np.float32)
        result[..., POSITIONS] = np.where(there, step[..., POSITIONS], 0.0)
        result[..., VELOCITIES] = np.where(
            moving, (step[..., POSITIONS] - before[..., POSITIONS]) * RATE, 0.0
        )
        result[..., MOTION.start] = cos * way[..., 0] + sin * way[..., 1]
        result[..., MOTION.start + 1] = cos * way[..., 1] - sin * way[..., 0]
        result[..., MOTION.start + 2] = way[..., 2]
        result[..., MOTION.start + 3] = (step[..., -1] - before[..., -1]) * RATE
        result[..., MOTION.start + 4] = -ankles.min(axis=-1)
        result[..., SEEN] = seen
        return result


def motion_inputs(joints: NDArray[np.floating], fps: float) -> NDArray[np.float32]:
    """Inputs (T', INPUTS) of a whole clip: what :class:`MotionInputs` gives frame by frame.

    Parameters
    ----------
    joints : (T, 22, 3) metres, z up, NaN where unseen.
    fps : frames a second.
    """
    stream, sure = MotionInputs(), np.ones(22)
    steps = [step for i, row in enumerate(joints) for step in stream.update(round(i * 1e9 / fps), row, sure)]
    return np.array(steps, np.float32).reshape(-1, INPUTS)


def body_seen(joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(...,) whether both hips and both shoulders are seen: of less, nothing can be told.

    Parameters
    ----------
    joints : (..., 22, 3), NaN where unseen.
    confidence : (..., 22) in 0..1.
    """
    return np.asarray(_seen(joints, confidence)[..., _ANCHORS].all(axis=-1))


def _seen(joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(joints).all(axis=-1) & (confidence >= _MIN_CONFIDENCE))


def body_joints(positions: NDArray[np.floating]) -> Array:
    """Joints (..., 22, 3) in metres of an adult whose :data:`POSITIONS` are given, pelvis at the origin.

    The inverse of the inputs up to place, heading and proportions; spine and collars lie on straight lines.

    Parameters
    ----------
    positions : (..., 3 * len(JOINTS)), sizes.
    """
    given = np.asarray(positions, np.float64).reshape((*positions.shape[:-1], _COUNT, 3)) * SIZE_M
    joints = np.zeros((*given.shape[:-2], 22, 3))
    joints[..., _SOURCE, :] = given
    neck = _middle(joints, _SHOULDERS)
    joints[..., SMPL22.index("neck"), :] = neck
    for name, share in (("spine1", 0.2), ("spine2", 0.5), ("spine3", 0.6)):
        joints[..., SMPL22.index(name), :] = share * neck
    for side in SIDES:
        shoulder = joints[..., SMPL22.index(f"{side}_shoulder"), :]
        joints[..., SMPL22.index(f"{side}_collar"), :] = (neck + shoulder) / 2
    return joints


def mirrored(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inputs (..., INPUTS) of the same motion seen in a mirror: left is right."""
    other = inputs[..., _MIRROR] * _MIRROR_SIGN
    return other.astype(np.float32)


def _mirror() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    swap = {"left": "right", "right": "left"}
    pairs = [_PLACE["_".join(swap.get(word, word) for word in joint.split("_"))] for joint in JOINTS]
    place = (3 * np.array(pairs)[:, None] + np.arange(3)).ravel()
    index = np.concatenate(
        (place, VELOCITIES.start + place, np.arange(MOTION.start, MOTION.stop), SEEN.start + np.array(pairs))
    )
    axes = np.tile([1.0, -1.0, 1.0], 2 * _COUNT)
    return index, np.concatenate((axes, [1, -1, 1, -1, 1], np.ones(_COUNT))).astype(np.float32)


_MIRROR, _MIRROR_SIGN = _mirror()


def _with_parents(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A joint hangs on those between it and the trunk: unseen elbows hide wrists."""
    seen = seen.copy()
    for parent, child in zip(_PARENTS, _CHILDREN, strict=True):
        seen[..., child] &= seen[..., parent]
    return seen


def _middle(joints: Array, pair: tuple[int, int]) -> Array:
    return (joints[..., pair[0], :] + joints[..., pair[1], :]) / 2


def _line(joints: Array, pair: tuple[int, int]) -> Array:
    return joints[..., pair[0], :] - joints[..., pair[1], :]


def _norm(vectors: Array) -> Array:
    # Not a sum over an axis: its order, and so its last bit, may depend on the shape.
    squares = vectors * vectors
    total = squares[..., 0:1]
    for axis in range(1, vectors.shape[-1]):
        total = total + squares[..., axis : axis + 1]
    return np.sqrt(total)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(_norm(vectors), _MIN_LENGTH)
