"""What the motion encoders read of a body: the same numbers for the same motion of any skeleton.

Derived (HuMoCon and ZOMG say only that motion is given to an encoder). Every skeleton becomes the same body,
as :mod:`motion_seg_ros.skeleton.standard_body` says. It is turned so that it faces +x, and its way over the
ground becomes velocities in body sizes. Nothing looks at a later frame or at a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.resampling import StepResampler
from motion_seg_ros.skeleton.standard_body import (
    JOINTS,
    MIN_LENGTH,
    PLACE,
    SIDES,
    anchored,
    body_of,
    bones,
    facing,
    left_of,
    norm,
    seen_limbs,
    size_of,
    unit,
)

RATE = 30.0  # steps a second
FRAMES_PER_TOKEN = 4
LAYOUT = "smpl22-bones/1"  # changes when the numbers below change their meaning

Array = NDArray[np.float64]

ROOT = ("forward", "leftward", "upward", "turning", "height")
_COUNT = len(JOINTS)
POSITIONS = slice(0, 3 * _COUNT)  # sizes, from the middle of the hips; x forward, y left, z up
VELOCITIES = slice(3 * _COUNT, 6 * _COUNT)  # sizes a second, relative to the middle of the hips
MOTION = slice(6 * _COUNT, 6 * _COUNT + len(ROOT))  # sizes a second, radians a second, sizes
SEEN = slice(MOTION.stop, MOTION.stop + _COUNT)  # 1 where a joint was seen, else 0
INPUTS = SEEN.stop

# What is known of a frame and lies on straight lines between frames.
_MASK = slice(3 * _COUNT, 4 * _COUNT)
_PATH = slice(_MASK.stop, _MASK.stop + 3)
_ANGLE = _PATH.stop
_ANKLES = np.array([3 * PLACE[f"{side}_ankle"] + 2 for side in SIDES])

# Below this a joint is a guess, and a guess is worse than nothing.
_MIN_CONFIDENCE = 0.3
# A body turns no faster than this filter passes; faster changes are left-right confusions.
_HEADING_TIME = 0.15
_SIZE_TIME = 5.0
# Frames of one track that are taken at once; more would not be faster and need more memory.
_BLOCK = 512


class _Past(NamedTuple):
    """What tracks keep of the frames before, besides the stamp and the steps."""

    joints: Array  # (..., 22, 3)
    left: Array  # (..., 2)
    size: Array
    weight: Array  # of the size
    root: Array  # (..., 3)
    usable: NDArray[np.bool_]
    path: Array  # (..., 3)
    heading: Array
    turns: Array


class MotionInputs:
    """The inputs of one track, or of several that are seen at the same times.

    Parameters
    ----------
    tracks : shape of the tracks in front of every array; () for one.
    """

    def __init__(self, tracks: tuple[int, ...] = ()) -> None:
        self._resampler = StepResampler(RATE)
        self._stamp: int | None = None
        shapes = ((22, 3), (2,), (), (), (3,), (), (3,), (), ())
        past = _Past(*(np.zeros((*tracks, *shape)) for shape in shapes))
        self._past = past._replace(usable=np.zeros(tracks, bool))
        self._before: Array | None = None

    def extend(
        self, stamps: Sequence[int], joints: NDArray[np.floating], confidence: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """The even steps (S, ..., INPUTS) that the next frames complete, whatever parts these come in.

        A joint that is not seen (NaN, or of a low confidence) is masked; of a frame without both hips and
        both shoulders everything is.

        Parameters
        ----------
        stamps : F int nanoseconds, rising. After a pause, start anew: the steps in between lie on a straight
            line from pose to pose.
        joints : (F, ..., 22, 3) metres, z up, NaN where unseen.
        confidence : (F, ..., 22) in 0..1.

        Raises
        ------
        ValueError : a stamp is not later than the one before; nothing has changed then.
        """
        _must_rise(self._stamp, stamps)
        steps: list[Array] = []
        count = max(_BLOCK // max(self._past.usable.size, 1), 1)
        for first in range(0, len(stamps), count):
            block = slice(first, first + count)
            elapsed = _elapsed(self._stamp, stamps[block])
            values, self._past = _values(self._past, elapsed, joints[block], confidence[block])
            steps += self._resample(stamps[block], values)
        if not steps:
            return np.zeros((0, *self._past.usable.shape, INPUTS), np.float32)
        done = np.array(steps)
        return _describe(done, self._shift(done))

    def _resample(self, stamps: Sequence[int], values: Array) -> list[Array]:
        """The even steps that frames complete, whose values are (F, ..., _ANGLE + 1)."""
        self._stamp = stamps[-1]
        update = self._resampler.update
        return [step for frame in zip(stamps, values, strict=True) for step in update(*frame)]

    def _shift(self, steps: Array) -> Array:
        """For each of the next steps the one before it; the first of all counts as its own."""
        before = np.concatenate((steps[:1] if self._before is None else self._before, steps[:-1]))
        self._before = steps[-1:]
        return before

    def time_of(self, step: int) -> int:
        """When step number ``step`` (from 0) begins, in nanoseconds."""
        return self._resampler.time_of(step)


def extend_together(
    streams: Sequence[MotionInputs],
    stamps: Sequence[int],
    joints: NDArray[np.floating],
    confidence: NDArray[np.floating],
) -> list[NDArray[np.float32]]:
    """What :meth:`MotionInputs.extend` gives for each of P different single tracks, in less time.

    Parameters
    ----------
    streams : of tracks whose last frames were at the same time; they may have begun at different times.
    stamps : F int nanoseconds, rising.
    joints : (F, P, 22, 3).
    confidence : (F, P, 22).

    Raises
    ------
    ValueError : the last frames were not at the same time, or a stamp is not later than the one before.
    """
    if len(streams) == 1:
        return [streams[0].extend(stamps, joints[:, 0], confidence[:, 0])]
    if len(lasts := {stream._stamp for stream in streams}) > 1:
        raise ValueError(f"tracks with frames at different times cannot be extended together: {lasts}")
    _must_rise(streams[0]._stamp, stamps)
    past = _Past(*map(np.array, zip(*(stream._past for stream in streams), strict=True)))
    values, past = _values(past, _elapsed(streams[0]._stamp, stamps), joints, confidence)
    done, before = [], []
    for place, stream in enumerate(streams):
        stream._past = _Past(*(part[place] for part in past))
        steps = np.array(stream._resample(stamps, values[:, place])).reshape(-1, _ANGLE + 1)
        done.append(steps)
        before.append(stream._shift(steps) if len(steps) else steps)
    inputs = _describe(np.concatenate(done), np.concatenate(before))
    return np.split(inputs, np.cumsum([len(steps) for steps in done[:-1]]))


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
    return anchored(_seen(joints, confidence))


def _seen(joints: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce(np.isfinite(joints), axis=-1) & (confidence >= _MIN_CONFIDENCE))


def mirrored(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inputs (..., INPUTS) of the same motion seen in a mirror: left is right."""
    other = inputs[..., _MIRROR] * _MIRROR_SIGN
    return other.astype(np.float32)


def _mirror() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    swap = {"left": "right", "right": "left"}
    pairs = [PLACE["_".join(swap.get(word, word) for word in joint.split("_"))] for joint in JOINTS]
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


def _elapsed(last: int | None, stamps: Sequence[int]) -> list[float]:
    """Seconds from each frame's predecessor to it; 0 for the first of all."""
    before = (stamps[0] if last is None else last, *stamps[:-1])
    return [(now - then) * 1e-9 for then, now in zip(before, stamps, strict=True)]


def _values(
    past: _Past, elapsed: Sequence[float], joints: NDArray[np.floating], confidence: NDArray[np.floating]
) -> tuple[Array, _Past]:
    """(F, ..., _ANGLE + 1) of F frames: the body, which joints are seen, its way and its heading.

    Only what depends on the frame before goes frame by frame.
    """
    seen = _seen(joints, confidence)
    usable = anchored(seen)
    seen &= usable[..., None]
    known = seen_limbs(seen)
    held = _held(past.joints, joints, seen)
    vectors, root = bones(held)
    lengths = norm(vectors)
    past = past._replace(joints=held[-1].copy())
    size, left, past = _smooth(past, elapsed, usable, size_of(lengths[..., 0], known), left_of(vectors))
    body = facing(body_of(vectors / np.maximum(lengths, MIN_LENGTH)), left)
    values = np.empty((*usable.shape, _ANGLE + 1))
    values[..., POSITIONS] = body.reshape((*usable.shape, -1))
    values[..., _MASK] = known
    values[..., _PATH], past = _way(past, root, size, usable)
    values[..., _ANGLE], past = _turned(past, left)
    return values, past


def _held(before: Array, joints: NDArray[np.floating], seen: NDArray[np.bool_]) -> Array:
    """Joints (F, ..., 22, 3); what is not seen stays where it was, so that nothing is ever NaN."""
    held = np.array(joints, np.float64, order="C")
    for frame, unseen in zip(held, ~seen[..., None], strict=True):
        np.copyto(frame, before, where=unseen)
        before = frame
    return held


def _smooth(
    past: _Past, elapsed: Sequence[float], usable: NDArray[np.bool_], size: Array, left: Array
) -> tuple[Array, Array, _Past]:
    """Sizes (F, ...) and directions to the left (F, ..., 2) from those of single frames."""
    sizes, lefts = np.empty(size.shape), np.empty(left.shape)
    newest, weight, direction = past.size, past.weight, past.left
    for i, (time, there) in enumerate(zip(elapsed, usable, strict=True)):
        # The first is believed at once.
        turn = there * np.maximum(-math.expm1(-time / _HEADING_TIME), weight == 0)
        direction = unit(direction + turn[..., None] * (left[i] - direction))
        # The mean of all frames at first, later an exponential one.
        more = weight * math.exp(-time / _SIZE_TIME) + 1.0
        weight = np.where(there, more, weight)
        newest = newest + there / more * (size[i] - newest)
        sizes[i], lefts[i] = newest, direction
    return sizes, lefts, past._replace(size=newest, weight=weight, left=direction)


def _way(past: _Past, root: Array, size: Array, usable: NDArray[np.bool_]) -> tuple[Array, _Past]:
    """(F, ..., 3) sizes that the middle of the hips has gone, not counting jumps while it was unseen."""
    roots = np.concatenate((past.root[None], root))
    seen = np.concatenate((past.usable[None], usable))
    steps = (roots[1:] - roots[:-1]) / np.maximum(size, MIN_LENGTH)[..., None]
    steps = np.where((seen[1:] & seen[:-1])[..., None], steps, 0.0)
    steps[0] += past.path
    path = np.add.accumulate(steps)
    return path, past._replace(root=roots[-1], usable=seen[-1], path=path[-1])


def _turned(past: _Past, left: Array) -> tuple[Array, _Past]:
    """(F, ...) headings in radians, counting whole turns."""
    heading = np.arctan2(-left[..., 0], left[..., 1])
    headings = np.concatenate((past.heading[None], heading))
    over = np.rint((headings[1:] - headings[:-1]) / (2 * np.pi))
    turns = past.turns - np.add.accumulate(over)
    return heading + 2 * np.pi * turns, past._replace(heading=headings[-1], turns=turns[-1])


def _describe(steps: Array, before: Array) -> NDArray[np.float32]:
    """Even steps (S, ..., _ANGLE + 1), each with the one before, as inputs."""
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
