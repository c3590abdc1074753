"""Pairs of moments of which it is known whether they show the same motion, to measure an oracle with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive, load_labelled
from motion_seg_ros.datasets.skeletons import guess_axes, names_of, to_rep103
from motion_seg_ros.semantics.protocol import Moment, Question
from motion_seg_ros.skeleton.joint_sets import SMPL22, joints_by_name

# Of a clip no more than so many seconds, around its middle, are shown.
LONGEST_CLIP = 8.0
# Seconds of a made-up recording and of a made-up clip.
_MADE_UP_SECONDS, _MADE_UP_CLIP = 40.0, 5.0
# Metres by which a depth camera misses a joint of the trunk; joints that it misses by twice as much.
_JITTER, _JITTERY = 0.015, ("wrist", "ankle", "foot")


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A question with its truth; ``group`` is the recording or collection that it is from."""

    question: Question
    same: bool
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledMotion:
    """One track: ``joints`` (T, 22, 3) REP-103 metres, ``labels`` (T,) with -1 for unknown."""

    name: str
    joints: NDArray[np.float64]
    fps: float
    labels: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class NamedClips:
    """Clips of one motion each: ``joints`` (T, 22, 3), with the ``action`` and the ``style`` of each clip."""

    name: str
    joints: tuple[NDArray[np.float64], ...]
    fps: float
    actions: tuple[str, ...]
    styles: tuple[str, ...]


def load_sources(path: Path) -> tuple[list[LabelledMotion | NamedClips], list[str]]:
    """What a labelled ``.npz``, a collection with ``action``, or a folder of such files holds.

    Returns
    -------
    The sources, and a note for each file of a folder that holds no labelled skeletons.

    Raises
    ------
    DatasetError : a file that is broken, or nothing to make pairs from.
    """
    if not path.exists():
        raise DatasetError(f"{path} does not exist")
    files = sorted([*path.glob("*.npz"), *path.glob("*/*.npz")]) if path.is_dir() else [path]
    sources: list[LabelledMotion | NamedClips] = []
    notes = []
    for file in files:
        archive = Archive(file)
        if archive.kind() != "joints" or not ("labels" in archive or _is_collection(archive)):
            notes.append(f"{file} holds no labelled skeletons and is left out")
        elif "labels" in archive:
            sources.append(_labelled(file))
        else:
            sources.append(_clips(file, archive))
    if not sources:
        raise DatasetError(f"{path} holds no skeletons with labels, and no clips with actions")
    return sources, notes


def _is_collection(archive: Archive) -> bool:
    return "offsets" in archive and "action" in archive


def _labelled(file: Path) -> LabelledMotion:
    sequence = load_labelled(file)
    assert sequence.joints is not None
    joints = _smpl22(file, sequence.joints, sequence.joint_names)
    return LabelledMotion(sequence.name, joints, sequence.fps, sequence.labels)


def _clips(file: Path, archive: Archive) -> NamedClips:
    raw, names = archive.joints()
    offsets = archive.array("offsets", "iu", 1).astype(np.int64)
    actions = archive.names("action")
    styles = archive.names("style") if "style" in archive else ("",) * len(actions)
    if len(offsets) != len(actions) + 1 or len(styles) != len(actions):
        raise DatasetError(f"{file}: {len(actions)} actions, {len(styles)} styles, {len(offsets)} offsets")
    if offsets[0] != 0 or offsets[-1] != len(raw) or (np.diff(offsets) < 1).any():
        raise DatasetError(f"{file}: offsets must rise from 0 to the number of frames, {len(raw)}")
    joints = _smpl22(file, raw.astype(np.float32), names)
    parts = tuple(np.split(joints, offsets[1:-1].tolist()))
    return NamedClips(file.stem, parts, archive.fps(), actions, styles)


def _smpl22(file: Path, joints: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.float64]:
    try:
        names = names or names_of(joints.shape[1])
        return to_rep103(joints_by_name(names, joints), guess_axes(joints, names))
    except KeyError as error:
        raise DatasetError(f"{file}: {joints.shape[1]} joints without names") from error
    except ValueError as error:
        raise DatasetError(f"{file}: {error}") from error


def draw_pairs(
    sources: Sequence[LabelledMotion | NamedClips],
    count: int,
    window: float,
    seed: int,
    longest_gap: float = math.inf,
) -> list[Pair]:
    """``count`` pairs, as many of the same as of different motions, evenly from the sources that have both.

    Two moments of a track are windows of ``window`` seconds that do not overlap, each named by the label in
    its middle, whatever else it holds; from middle to middle it is at most ``longest_gap`` seconds. Two clips
    are of different styles where the collection has several.

    Raises
    ------
    ValueError : no source has pairs of both kinds.
    """
    rng = np.random.default_rng(seed)
    fitting = [
        source
        for source in sources
        if all(possible.any() for possible in _possible(source, window, longest_gap))
    ]
    pairs: list[Pair] = []
    for number, source in enumerate(fitting):
        of_one, of_different = _possible(source, window, longest_gap)
        # An odd pair is one of the same motion; those that cannot be shared out are the first sources'.
        for same, wanted, possible in ((True, count - count // 2, of_one), (False, count // 2, of_different)):
            firsts = np.flatnonzero(possible.any(axis=1))
            for _ in range(wanted // len(fitting) + (number < wanted % len(fitting))):
                first = int(rng.choice(firsts))
                second = int(rng.choice(np.flatnonzero(possible[first])))
                moments = _moments(source, first, second, window)
                pairs.append(Pair(Question(source.name, *moments), same, source.name))
    if not pairs:
        raise ValueError(
            "no recording has two moments of one motion and two of different motions, "
            f"from {window:g} to {longest_gap:g} s apart"
        )
    return pairs


def _possible(
    source: LabelledMotion | NamedClips, window: float, longest_gap: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, N) which of a source's N moments may be paired, those of one motion and those of different ones."""
    if isinstance(source, NamedClips):
        labels, styles = np.array(source.actions), np.array(source.styles)
        several = len(set(source.styles)) > 1
        apart = styles[:, None] != styles[None] if several else ~np.eye(len(labels), dtype=np.bool_)
    else:
        middles = _middles(source, window)
        labels = source.labels[middles]
        gap = np.abs(middles[:, None] - middles[None])
        apart = (gap > 2 * _half(source, window)) & (gap <= longest_gap * source.fps)
    alike = labels[:, None] == labels[None]
    return apart & alike, apart & ~alike


def _moments(
    source: LabelledMotion | NamedClips, first: int, second: int, window: float
) -> tuple[Moment, Moment]:
    """Two of a source's moments, those of a track in order of time."""
    if isinstance(source, NamedClips):
        return _shown(source.joints[first], source.fps), _shown(source.joints[second], source.fps)
    middles, half, fps = _middles(source, window), _half(source, window), source.fps
    early, late = sorted((int(middles[first]), int(middles[second])))
    return (
        Moment(round(early / fps * 1e9), source.joints[early - half : early + half + 1], fps),
        Moment(round(late / fps * 1e9), source.joints[late - half : late + half + 1], fps),
    )


def _half(track: LabelledMotion, window: float) -> int:
    """Frames of a moment on either side of its middle."""
    return max(1, round(window * track.fps / 2))


def _middles(track: LabelledMotion, window: float) -> NDArray[np.intp]:
    """Labelled frames around which there is room for a moment."""
    labelled, half = np.flatnonzero(track.labels >= 0), _half(track, window)
    return labelled[(labelled >= half) & (labelled < len(track.labels) - half)]


def _shown(joints: NDArray[np.float64], fps: float) -> Moment:
    most = max(1, round(LONGEST_CLIP * fps))
    begin = max(0, (len(joints) - most) // 2)
    return Moment(0, joints[begin : begin + most], fps)


def made_up(recordings: int, seed: int) -> list[list[LabelledMotion | NamedClips]]:
    """Two sources of synthetic motion: people who do one thing after another, and clips of each thing.

    Every second of the people is seen as a depth camera would see them.
    """
    from motion_seg_ros.humocon.synthesis import SYNTHESIS_FPS, synthetic_sequence, vocabulary

    tracks: list[LabelledMotion | NamedClips] = []
    for number in range(recordings):
        made = synthetic_sequence(np.random.default_rng((seed, number)), _MADE_UP_SECONDS)
        track = LabelledMotion(f"made up {number}", made.joints, SYNTHESIS_FPS, made.labels)
        tracks.append(_by_depth_camera(track, seed + number) if number % 2 else track)
    joints, names, people = [], [], []
    for person in range(2):
        for number, name in enumerate(vocabulary()):
            rng = np.random.default_rng((seed, recordings, person, number))
            made = synthetic_sequence(rng, _MADE_UP_CLIP, [name])
            wanted = np.flatnonzero(made.labels == made.names.index(name))
            # The first stretch, without what leads to it.
            end = int(np.argmax(np.diff(wanted, append=-1) != 1)) + 1
            joints.append(made.joints[wanted[:end]])
            names.append(name)
            people.append(str(person))
    clips = NamedClips("made-up clips", tuple(joints), SYNTHESIS_FPS, tuple(names), tuple(people))
    return [tracks, [clips]]


def _by_depth_camera(track: LabelledMotion, seed: int) -> LabelledMotion:
    """Half of the frames, and the noise of a Kinect, more of it in the limbs that are far from the trunk."""
    joints = track.joints[::2]
    noise = np.random.default_rng(seed).normal(0.0, 1.0, joints.shape)
    limbs = [place for place, name in enumerate(SMPL22.joints) if name.endswith(_JITTERY)]
    noise[:, limbs] *= 2.0
    return LabelledMotion(track.name, joints + _JITTER * noise, track.fps / 2, track.labels[::2])
