"""Motions with words: recordings of labelled actions as inputs with spans, and batches made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.datasets.skeletons import guess_axes, names_of, to_rep103
from motion_seg_ros.grounding.captions import Action, find_action
from motion_seg_ros.grounding.text_config import DisturbanceConfig
from motion_seg_ros.skeleton.joint_sets import joints_by_name
from motion_seg_ros.skeleton.motion_inputs import (
    INPUTS,
    MOTION,
    POSITIONS,
    RATE,
    SEEN,
    VELOCITIES,
    MotionInputs,
    mirrored,
)
from motion_seg_ros.skeleton.standard_body import JOINTS

Array = NDArray[np.float32]

# Clips that go through the causal inputs side by side.
_TOGETHER = 64
# What a joint's coordinates are in inputs: x, y, z.
_AXES = 3
_ARMS = [(JOINTS.index(f"{side}_elbow"), JOINTS.index(f"{side}_wrist")) for side in ("left", "right")]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Motion of one person with the labels of its frames.

    Attributes
    ----------
    joints : (T, 22, 3) metres, REP-103 axes, NaN where unseen.
    fps : frames a second.
    labels : (T,) index into ``names``, -1 where nothing is known.
    names : of the motions.
    style : how they are done, in the data set's word, or "".
    source : what the labels come from; labels of one source exclude one another.
    """

    joints: NDArray[np.floating]
    fps: float
    labels: NDArray[np.integer]
    names: tuple[str, ...]
    style: str
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """Steps ``first <= step < last`` of a clip, and the action that they show."""

    clip: int
    first: int
    last: int
    action: Action
    style: str
    source: str

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True, eq=False)
class Motions:
    """Clips (T, INPUTS) float32 at 30 Hz and the spans of them that have words."""

    clips: list[Array]
    spans: list[Span]


def read_recordings(
    path: Path,
    labels: Mapping[str, str] | None = None,
    keep: Mapping[str, Sequence[str]] | None = None,
    drop: Mapping[str, Sequence[str]] | None = None,
) -> list[Recording]:
    """The recordings of a labelled sequence or of a collection of clips.

    Parameters
    ----------
    path : of an ``.npz`` in the format of :mod:`motion_seg_ros.datasets.labelled`.
    labels : words for clips whose names say nothing ("02_05": "punch").
    keep, drop : clips of a collection with one of these values in the array of that name ("style": [...]).

    Raises
    ------
    DatasetError : as :func:`motion_seg_ros.datasets.labelled.load_labelled`.
    """
    archive = Archive(path)
    joints, joint_names = archive.joints()
    names = joint_names or names_of(joints.shape[1])
    axes = guess_axes(joints, names)
    fps = archive.fps()

    def body(part: NDArray[np.floating]) -> NDArray[np.float32]:
        return to_rep103(joints_by_name(names, part), axes).astype(np.float32)

    if "labels" in archive:
        numbers, words = archive.labels(len(joints))
        return [Recording(body(joints), fps, numbers, words, "", str(path))]
    offsets = archive.array("offsets", "iu", 1).astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != len(joints) or (np.diff(offsets) < 0).any():
        raise DatasetError(f"{path}: offsets must rise from 0 to the number of frames, {len(joints)}")
    count = len(offsets) - 1
    key = next((key for key in ("action", "clip", "trial") if key in archive), None)
    clip_names = archive.names(key) if key else ("",) * count
    styles = archive.names("style") if "style" in archive else ("",) * count
    if len(clip_names) != count or len(styles) != count:
        raise DatasetError(f"{path}: names and styles must be as many as the {count} clips")
    wanted = np.ones(count, bool)
    for values, sign in ((keep, True), (drop, False)):
        for column, chosen in (values or {}).items():
            wanted &= np.isin(archive.array(column, "U", 1), list(chosen)) == sign
    recordings = []
    for clip in np.flatnonzero(wanted):
        frames = joints[offsets[clip] : offsets[clip + 1]]
        word = (labels or {}).get(clip_names[clip], clip_names[clip])
        if len(frames):
            still = np.zeros(len(frames), np.int32)
            recordings.append(Recording(body(frames), fps, still, (word,), styles[clip], str(path)))
    return recordings


def motions_of(recordings: Iterable[Recording]) -> Motions:
    """Inputs and spans of recordings; labels that the vocabulary does not have are left without words."""
    ordered = list(recordings)
    clips: list[Array] = [np.zeros((0, INPUTS), np.float32)] * len(ordered)
    for group in _alike(ordered):
        for place, inputs in zip(group, _inputs([ordered[place] for place in group]), strict=True):
            clips[place] = inputs
    spans = [span for place, one in enumerate(ordered) for span in _spans(place, one, len(clips[place]))]
    return Motions(clips, spans)


def _alike(recordings: Sequence[Recording]) -> Iterator[list[int]]:
    """Groups of recordings of one rate and of about the same length."""
    order = sorted(range(len(recordings)), key=lambda i: (recordings[i].fps, len(recordings[i].joints)))
    group: list[int] = []
    for place in order:
        if group and (len(group) == _TOGETHER or recordings[place].fps != recordings[group[0]].fps):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _inputs(group: Sequence[Recording]) -> list[Array]:
    """Inputs of recordings of one rate, side by side; the shorter ones stand still at their end meanwhile."""
    length = max(len(one.joints) for one in group)
    padded = np.stack(
        [np.pad(one.joints, ((0, length - len(one.joints)), (0, 0), (0, 0)), mode="edge") for one in group]
    ).astype(np.float64)
    fps = group[0].fps
    stamps = [round(frame * 1e9 / fps) for frame in range(length)]
    together = MotionInputs((len(group),)).extend(
        stamps, padded.swapaxes(0, 1), np.ones((length, len(group), 22))
    )
    counts = [int((len(one.joints) - 1) / fps * RATE) for one in group]
    return [together[:count, place].copy() for place, count in enumerate(counts)]


def _spans(clip: int, one: Recording, steps: int) -> Iterator[Span]:
    cuts = np.flatnonzero(np.diff(one.labels)) + 1
    for first, last in zip([0, *cuts], [*cuts, len(one.labels)], strict=True):
        action = find_action(one.names[one.labels[first]]) if one.labels[first] >= 0 else None
        begin, end = (min(round(place / one.fps * RATE), steps) for place in (first, last))
        if action and end > begin:
            yield Span(clip, begin, end, action, one.style, one.source)


@dataclass(frozen=True, slots=True, eq=False)
class SpanSequence:
    """Spans one after another: inputs (T, INPUTS) and (first, last, span, mirrored) of each."""

    inputs: Array
    parts: list[tuple[int, int, Span, bool]]


def sequence(
    motions: Motions,
    chosen: Sequence[Span],
    steps: int,
    disturbance: DisturbanceConfig,
    rng: np.random.Generator,
    longest: int,
) -> SpanSequence:
    """Spans, each mirrored or not and cut to at most ``longest`` steps, until ``steps`` are full."""
    rows: list[Array] = []
    parts: list[tuple[int, int, Span, bool]] = []
    filled = 0
    for span in chosen:
        speed = float(np.exp(rng.uniform(-disturbance.speed, disturbance.speed)))
        first, last = span.first, span.last
        length = min(int(rng.uniform(0.6, 1.0) * longest * speed), last - first)
        if length < last - first:
            first += int(rng.integers(last - first - length + 1))
        rows_of = motions.clips[span.clip][first : first + length]
        piece = _resampled(rows_of, speed, disturbance.pace, rng)[: steps - filled]
        if len(piece) < 2:
            continue
        piece = _as_by_another(piece, disturbance, rng)
        flip = bool(rng.random() < 0.5)
        rows.append(mirrored(piece) if flip else piece)
        parts.append((filled, filled + len(piece), span, flip))
        filled += len(piece)
        if filled == steps:
            break
    inputs = np.zeros((steps, INPUTS), np.float32)
    inputs[:filled] = np.concatenate(rows)
    # What is left at the end stands still in the last pose.
    inputs[filled:, POSITIONS] = inputs[filled - 1, POSITIONS]
    inputs[filled:, SEEN] = inputs[filled - 1, SEEN]
    inputs[filled:, MOTION.stop - 1] = inputs[filled - 1, MOTION.stop - 1]
    return SpanSequence(_disturbed(inputs, disturbance, rng), parts)


def _resampled(rows: Array, speed: float, pace: float, rng: np.random.Generator) -> Array:
    """The same motion at another, changing speed: velocities grow with it, places do not."""
    count = max(2, int(len(rows) / speed))
    knots = np.exp(rng.normal(0, pace, count // 15 + 2))
    rate = np.interp(np.linspace(0, len(knots) - 1, count - 1), np.arange(len(knots)), knots)
    way = np.concatenate(([0.0], np.cumsum(rate)))
    place = way * ((len(rows) - 1) / way[-1])
    below = np.clip(place.astype(np.intp), 0, max(len(rows) - 2, 0))
    share = (place - below).astype(np.float32)[:, None]
    above = np.minimum(below + 1, len(rows) - 1)
    result: Array = rows[below] * (1 - share) + rows[above] * share
    rates = np.gradient(place).astype(np.float32)[:, None]
    result[:, VELOCITIES] *= rates
    result[:, MOTION.start : MOTION.stop - 1] *= rates
    result[:, SEEN] = rows[below, SEEN]
    return result


def _as_by_another(rows: Array, disturbance: DisturbanceConfig, rng: np.random.Generator) -> Array:
    """The same done in another posture and with smaller or larger movements."""
    extent = np.float32(np.exp(rng.uniform(-disturbance.extent, disturbance.extent)))
    points = rows[:, POSITIONS].reshape(len(rows), -1, _AXES)
    usual = points.mean(axis=0)
    posture = rng.normal(0, disturbance.posture, usual.shape)
    for near, far in _ARMS:
        # The hand is freest, and the elbow goes half of its way.
        way = rng.normal(0, disturbance.reach, _AXES)
        posture[far] += way
        posture[near] += way / 2
    moved = usual + posture.astype(np.float32) + extent * (points - usual)
    rows = rows.copy()
    rows[:, POSITIONS] = moved.reshape(len(rows), -1)
    rows[:, VELOCITIES] *= extent
    return rows


def _disturbed(inputs: Array, disturbance: DisturbanceConfig, rng: np.random.Generator) -> Array:
    angle = rng.normal(0, disturbance.turn)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    shaking = rng.uniform(0, disturbance.noise)
    for part in (POSITIONS, VELOCITIES):
        points = inputs[:, part].reshape(len(inputs), -1, _AXES)
        points[..., :2] = points[..., :2] @ turn
        noise = rng.normal(0, shaking, points.shape).astype(np.float32)
        # Noise of places is noise of their differences, smoothed by the resampling.
        points += noise if part is POSITIONS else noise * (RATE / 3)
        inputs[:, part] = points.reshape(len(inputs), -1)
    way = slice(MOTION.start, MOTION.start + 2)
    inputs[:, way] = inputs[:, way] @ turn
    seen = inputs[:, SEEN].copy()
    seen[:, rng.random(seen.shape[1]) < disturbance.unseen] = 0
    hidden = np.repeat(seen == 0, _AXES, axis=1)
    inputs[:, SEEN] = seen
    inputs[:, POSITIONS][hidden] = 0
    inputs[:, VELOCITIES][hidden] = 0
    return inputs
