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
from collections.abc import Iterator, Sequence
from typing import Any

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
SIDES = ("left", "right")
_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "foot")
JOINTS = (
    "head",
    *(f"{side}_{joint}" for side in SIDES for joint in _ARM),
    *(f"{side}_{joint}" for side in SIDES for joint in _LEG),
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
_LINES = np.array([_PLACE["left_hip"], _PLACE["left_shoulder"]])
_MEASURED = np.array([_PLACE[f"{side}_{joint}"] for side in SIDES for joint in ("knee", "ankle")])
_ANKLES = np.array([3 * _PLACE[f"{side}_ankle"] + 2 for side in SIDES])
# What is known of a frame and lies on straight lines between frames.
_MASK = slice(3 * _COUNT, 4 * _COUNT)
_PATH = slice(_MASK.stop, _MASK.stop + 3)
_ANGLE = _PATH.stop

# Below this a joint is a guess, and a guess is worse than nothing.
_MIN_CONFIDENCE = 0.3
# A body turns no faster than this filter passes; faster changes are left-right confusions.
_HEADING_TIME = 0.15
_SIZE_TIME = 5.0
_MIN_LENGTH = 1e-6
# Frames of one track that are taken at once; more would not be faster and need more memory.
_BLOCK = 512
# What a track keeps of the frames before, besides the stamp and the steps.
_PAST = ("_joints", "_left", "_size", "_weight", "_root", "_usable", "_path", "_heading", "_turns")


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
        self._heading = np.zeros(tracks)
        self._turns = np.zeros(tracks)
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
        return list(self.extend((stamp,), joints[None], confidence[None]))

    def extend(
        self, stamps: Sequence[int], joints: NDArray[np.floating], confidence: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """The even steps (S, ..., INPUTS) that the next frames complete: :meth:`update` of many at once.

        Parameters
        ----------
        stamps : F int nanoseconds, rising.
        joints : (F, ..., 22, 3).
        confidence : (F, ..., 22).

        Raises
        ------
        ValueError : a stamp is not later than the one before; nothing has changed then.
        """
        _must_rise(self._stamp, stamps)
        done: list[Array] = []
        count = max(_BLOCK // max(self._usable.size, 1), 1)
        for first in range(0, len(stamps), count):
            block = slice(first, first + count)
            values = self._values(stamps[block], joints[block], confidence[block])
            for stamp, row in zip(stamps[block], values, strict=True):
                done += self._resampler.update(stamp, row)
        if not done:
            return np.zeros((0, *self._usable.shape, INPUTS), np.float32)
        return self._describe(np.array(done))

    def time_of(self, step: int) -> int:
        """When step number ``step`` (from 0) begins, in nanoseconds."""
        return self._resampler.time_of(step)

    def _values(
        self, stamps: Sequence[int], joints: NDArray[np.floating], confidence: NDArray[np.floating]
    ) -> Array:
        """(F, ..., _ANGLE + 1) of F frames: the body, which joints are seen, its way and its heading.

        Only what depends on the frame before goes frame by frame.
        """
        seen = _seen(joints, confidence)
        usable = _anchored(seen)
        seen &= usable[..., None]
        mask = seen.take(_SOURCE, axis=-1)
        _along_limbs(np.logical_and, mask[..., None])  # unseen elbows hide wrists
        points = self._points(joints, seen)
        bones = points.take(_TO, axis=-2) - points.take(_FROM, axis=-2)
        lengths = _norm(bones)
        heading = _left(bones.take(_LINES, axis=-2)[..., :2])
        size, left = self._smooth(stamps, usable, _size(lengths[..., 0], mask), heading)
        values = np.empty((*usable.shape, _ANGLE + 1))
        body = _body(bones / np.maximum(lengths, _MIN_LENGTH))
        values[..., POSITIONS] = _facing(body, left).reshape((*usable.shape, -1))
        values[..., _MASK] = mask
        values[..., _PATH] = self._way(points[..., _POINTS.index("hips"), :], size, usable)
        values[..., _ANGLE] = self._turned(left)
        return values

    def _points(self, joints: NDArray[np.floating], seen: NDArray[np.bool_]) -> Array:
        """(F, ..., len(_POINTS), 3); what is not seen stays where it was, so that nothing is ever NaN."""
        points = np.empty((*seen.shape[:-1], len(_POINTS), 3))
        held = points[..., :22, :]
        held[:] = joints
        before = self._joints
        for frame, unseen in zip(held, ~seen[..., None], strict=True):
            np.copyto(frame, before, where=unseen)
            before = frame
        self._joints = before.copy()
        points[..., 22:, :] = (held.take(_LEFTS, axis=-2) + held.take(_RIGHTS, axis=-2)) / 2
        return points

    def _smooth(
        self, stamps: Sequence[int], usable: NDArray[np.bool_], size: Array, left: Array
    ) -> tuple[Array, Array]:
        """Sizes (F, ...) and directions to the left (F, ..., 2) from those of single frames."""
        before = (stamps[0] if self._stamp is None else self._stamp, *stamps[:-1])
        elapsed = [(now - then) * 1e-9 for then, now in zip(before, stamps, strict=True)]
        sizes, lefts = np.empty(size.shape), np.empty(left.shape)
        for i, (time, there) in enumerate(zip(elapsed, usable, strict=True)):
            # The first is believed at once.
            turn = there * np.maximum(-math.expm1(-time / _HEADING_TIME), self._weight == 0)
            self._left = _unit(self._left + turn[..., None] * (left[i] - self._left))
            # The mean of all frames at first, later an exponential one.
            weight = self._weight * math.exp(-time / _SIZE_TIME) + 1.0
            self._weight = np.where(there, weight, self._weight)
            self._size = self._size + there / weight * (size[i] - self._size)
            sizes[i], lefts[i] = self._size, self._left
        self._stamp = stamps[-1]
        return sizes, lefts

    def _way(self, root: Array, size: Array, usable: NDArray[np.bool_]) -> Array:
        """(F, ..., 3) sizes that the middle of the hips has gone, not counting jumps while it was unseen."""
        roots = np.concatenate((self._root[None], root))
        seen = np.concatenate((self._usable[None], usable))
        steps = (roots[1:] - roots[:-1]) / np.maximum(size, _MIN_LENGTH)[..., None]
        steps = np.where((seen[1:] & seen[:-1])[..., None], steps, 0.0)
        steps[0] += self._path
        path = np.add.accumulate(steps)
        self._root, self._usable, self._path = roots[-1], seen[-1], path[-1]
        return path

    def _turned(self, left: Array) -> Array:
        """(F, ...) headings in radians, counting whole turns."""
        heading = np.arctan2(-left[..., 0], left[..., 1])
        headings = np.concatenate((self._heading[None], heading))
        over = np.rint((headings[1:] - headings[:-1]) / (2 * np.pi))
        turns = self._turns - np.add.accumulate(over)
        self._heading, self._turns = headings[-1], turns[-1]
        return heading + 2 * np.pi * turns

    def _describe(self, steps: Array) -> NDArray[np.float32]:
        """Even steps (S, ..., _ANGLE + 1), each with the one before, as inputs."""
        before = np.concatenate((steps[:1] if self._before is None else self._before, steps[:-1]))
        self._before = steps[-1:]
        shape = (*steps.shape[:-1], _COUNT, 3)
        seen = steps[..., _MASK] > 1 - 1e-6
        moving = seen & (before[..., _MASK] > 1 - 1e-6)
        rates = (steps - before) * RATE
        way = rates[..., _PATH]
        cos, sin = np.cos(steps[..., _ANGLE]), np.sin(steps[..., _ANGLE])
        result = np.empty((*steps.shape[:-1], INPUTS), np.float32)
        for part, source, there in ((POSITIONS, steps, seen), (VELOCITIES, rates, moving)):
            body = source[..., POSITIONS].reshape(shape)
            np.multiply(body, there[..., None], out=result[..., part].reshape(shape))
        result[..., MOTION.start] = cos * way[..., 0] + sin * way[..., 1]
        result[..., MOTION.start + 1] = cos * way[..., 1] - sin * way[..., 0]
        result[..., MOTION.start + 2] = way[..., 2]
        result[..., MOTION.start + 3] = rates[..., _ANGLE]
        result[..., MOTION.start + 4] = -steps.take(_ANKLES, axis=-1).min(axis=-1)
        result[..., SEEN] = seen
        return result


def update_together(
    streams: Sequence[MotionInputs],
    stamp: int,
    joints: NDArray[np.floating],
    confidence: NDArray[np.floating],
) -> list[list[NDArray[np.float32]]]:
    """What :meth:`MotionInputs.update` gives for each of P different single tracks, in less time.

    Parameters
    ----------
    stamp : int nanoseconds, later than the last of every track.
    joints : (P, 22, 3).
    confidence : (P, 22).
    """
    pasts = {stream._stamp for stream in streams}
    if len(streams) < 2 or len(pasts) > 1:  # somebody comes or has been away: rare
        each = zip(streams, joints, confidence, strict=True)
        return [stream.update(stamp, *person) for stream, *person in each]
    together = MotionInputs((len(streams),))
    (together._stamp,) = pasts
    _must_rise(together._stamp, (stamp,))
    for name in _PAST:
        setattr(together, name, np.array([getattr(stream, name) for stream in streams]))
    (values,) = together._values((stamp,), joints[None], confidence[None])
    for name in _PAST:
        for stream, past in zip(streams, getattr(together, name), strict=True):
            setattr(stream, name, past)
    done: list[list[NDArray[np.float32]]] = []
    for stream, row in zip(streams, values, strict=True):
        stream._stamp = stamp
        steps = stream._resampler.update(stamp, row)
        done.append(list(stream._describe(np.array(steps))) if steps else [])
    return done


def motion_inputs(joints: NDArray[np.floating], fps: float) -> NDArray[np.float32]:
    """Inputs (T', INPUTS) of a whole clip: what :class:`MotionInputs` gives frame by frame.

    Parameters
    ----------
    joints : (T, 22, 3) metres, z up, NaN where unseen.
    fps : frames a second.
    """
    stamps = [round(i * 1e9 / fps) for i in range(len(joints))]
    return MotionInputs().extend(stamps, joints, np.ones(joints.shape[:2]))


def body_seen(joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(...,) whether both hips and both shoulders are seen: of less, nothing can be told.

    Parameters
    ----------
    joints : (..., 22, 3), NaN where unseen.
    confidence : (..., 22) in 0..1.
    """
    return _anchored(_seen(joints, confidence))


def _seen(joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce(np.isfinite(joints), axis=-1) & (confidence >= _MIN_CONFIDENCE))


def _anchored(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(...,) whether both hips and both shoulders are among the joints seen (..., 22)."""
    return np.asarray(np.logical_and.reduce(seen.take(_ANCHORS, axis=-1), axis=-1))


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


def _must_rise(last: int | None, stamps: Sequence[int]) -> None:
    for stamp in stamps:
        if last is not None and stamp <= last:
            raise ValueError(f"stamps must rise, but {stamp} follows {last}")
        last = stamp


def _size(lengths: Array, mask: NDArray[np.bool_]) -> Array:
    """(...,) size of bodies by their lengths (..., _COUNT + 1) and joints (..., _COUNT) that are seen."""
    there = mask.take(_MEASURED, axis=-1)
    measured = np.where(there, lengths.take(_MEASURED, axis=-1), 0.0).sum(axis=-1)
    return np.asarray((measured + lengths[..., _TRUNK]) / (there.sum(axis=-1) + 1))


def _left(lines: Array) -> Array:
    """(..., 2) where the left is by the lines (..., 2, 2) of the hips and the shoulders."""
    lines = _unit(lines)
    return _unit(lines[..., 0, :] + lines[..., 1, :])


def _body(directions: Array) -> Array:
    """Joints (..., _COUNT, 3) of a body of fixed proportions whose bones (..., _COUNT + 1, 3) point so."""
    bones = directions * _LENGTHS
    body = bones[..., :_COUNT, :]
    trunk = bones[..., _TRUNK, None, :]
    body[..., :1, :] += trunk
    body[..., _ARMS, :][..., :: len(_ARM), :] += trunk
    _along_limbs(np.add, body)
    return body


def _facing(body: Array, left: Array) -> Array:
    """Joints (..., _COUNT, 3) turned so that the direction ``left`` (..., 2) becomes +y."""
    x, y = left[..., 1, None], -left[..., 0, None]  # forward: left turned by -90 degrees
    result = np.empty(body.shape)
    result[..., 0] = x * body[..., 0] + y * body[..., 1]
    result[..., 1] = x * body[..., 1] - y * body[..., 0]
    result[..., 2] = body[..., 2]
    return result


def _along_limbs(accumulate: np.ufunc, values: NDArray[Any]) -> None:
    """Accumulate values (..., _COUNT, k) from the trunk outwards along every limb, in place."""
    for joints, part in ((len(_ARM), _ARMS), (len(_LEG), _LEGS)):
        limbs = values[..., part, :].reshape((*values.shape[:-2], 2, joints, values.shape[-1]))
        accumulate.accumulate(limbs, axis=-2, out=limbs)


def _middle(joints: Array, pair: tuple[int, int]) -> Array:
    return (joints[..., pair[0], :] + joints[..., pair[1], :]) / 2


def _norm(vectors: Array) -> Array:
    # Not a sum over an axis: its order, and so its last bit, may depend on the shape.
    squares = vectors * vectors
    total = squares[..., 0] + squares[..., 1]
    for axis in range(2, vectors.shape[-1]):
        total = total + squares[..., axis]
    return np.asarray(np.sqrt(total))[..., None]


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(_norm(vectors), _MIN_LENGTH)
