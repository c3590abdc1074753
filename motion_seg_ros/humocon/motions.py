"""Motion to train on: files and made-up motion as clips, and windows of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.clips import Clip, load_motion
from motion_seg_ros.humocon.configuration import SourceConfig
from motion_seg_ros.humocon.synthesis import SYNTHESIS_FPS, Synthetic, deed, deeds, synthetic_sequence
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, RATE

# Every so manieth clip of a source is for validation.
_VALIDATION = 10
_SYNTHETIC_SECONDS = 20.0
_SHORTEST_S = 0.5


@dataclass(frozen=True, eq=False)
class Motions:
    """Clips and how likely a window is to come from each.

    Attributes
    ----------
    clips : C of them; those that are made up have spans with the names of :func:`.synthesis.vocabulary`.
    chance : (C,), adds up to 1.
    """

    clips: list[Clip]
    chance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Places in clips: (N,) indices of clips, starts (s), tempos and whether they are mirrored."""

    clip: NDArray[np.intp]
    start: NDArray[np.float64]
    speed: NDArray[np.float64]
    mirror: NDArray[np.bool_]

    def __getitem__(self, index: NDArray[np.intp] | slice) -> Windows:
        return Windows(self.clip[index], self.start[index], self.speed[index], self.mirror[index])

    def __len__(self) -> int:
        return len(self.clip)

    def followed_by(self, other: Windows) -> Windows:
        """These and then the others."""
        names = ("clip", "start", "speed", "mirror")
        return Windows(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in names))


def load_motions(sources: tuple[SourceConfig, ...], data: Path, seed: int) -> tuple[Motions, Motions]:
    """Clips for training and, every tenth of each source, for validation.

    Raises
    ------
    ValueError : a file cannot be read, or a pattern matches none.
    """
    parts: tuple[list[tuple[list[Clip], float]], ...] = ([], [])
    for number, source in enumerate(sources):
        clips = _load_source(source, data, np.random.default_rng([seed, number]))
        clips = [clip for clip in clips if _seconds(clip) >= _SHORTEST_S]
        if not clips:
            raise ValueError(f"no clip of {source.files or 'made-up motion'} is {_SHORTEST_S} s long")
        held = [clip for i, clip in enumerate(clips) if i % _VALIDATION == _VALIDATION - 1]
        for part, chosen in zip(
            parts,
            ([clip for i, clip in enumerate(clips) if i % _VALIDATION != _VALIDATION - 1], held),
            strict=True,
        ):
            part.append((chosen, source.share))
    training, validation = (_together(part) for part in parts)
    if not validation.clips:
        raise ValueError(f"sources have fewer than {_VALIDATION} clips, too few to validate with")
    return training, validation


def _load_source(source: SourceConfig, data: Path, rng: np.random.Generator) -> list[Clip]:
    if not source.files:
        count = max(round(source.seconds / _SYNTHETIC_SECONDS), 1)
        return [
            _made_up(f"made up {i + 1}", synthetic_sequence(rng, _SYNTHETIC_SECONDS)) for i in range(count)
        ]
    paths = sorted(data.glob(source.files))
    if not paths:
        raise ValueError(f"{data} has no file {source.files}: --data names the folder of the recordings")
    clips = [clip for path in paths for clip in load_motion(path)]
    if unknown := [key for key in source.leave_out if not any(key in clip.tags for clip in clips)]:
        raise ValueError(f"no clip of {source.files} says its {unknown[0]}, by which some are to be left out")
    return [
        # What others call a motion is never learned from.
        replace(clip, spans=())
        for clip in clips
        if not any(clip.tags.get(key) in values for key, values in source.leave_out.items())
    ]


def _made_up(name: str, motion: Synthetic) -> Clip:
    borders = [0, *(np.flatnonzero(np.diff(motion.labels)) + 1), len(motion.labels)]
    spans = tuple((int(a), int(b), motion.names[motion.labels[a]]) for a, b in pairwise(borders))
    return Clip(name, motion.joints.astype(np.float32), SYNTHESIS_FPS, spans=spans)


@lru_cache(maxsize=1)
def _places() -> tuple[dict[str, int], dict[str, int]]:
    """Place of each of the deeds, and that of what its mirror image is called."""
    names = {name: place for place, name in enumerate(deeds())}
    other = {"left": "right", "right": "left"}
    turned = {name: " ".join(other.get(word, word) for word in name.split()) for name in names}
    return names, {name: names.get(mirror, -1) for name, mirror in turned.items()}


def names_of(motions: Motions, windows: Windows, frames: int) -> NDArray[np.int64]:
    """Place among :func:`.synthesis.deeds` of what each token of windows of ``frames`` steps ends in,
    (N, frames / 4); -1 where that is not known."""
    ends = np.arange(1, frames // FRAMES_PER_TOKEN + 1) * FRAMES_PER_TOKEN / RATE
    found = np.full((len(windows), len(ends)), -1, np.int64)
    for row, (index, start, speed) in enumerate(zip(windows.clip, windows.start, windows.speed, strict=True)):
        clip = motions.clips[index]
        place = (start + speed * ends) * clip.fps
        for begin, end, name in clip.spans:
            found[row, (place >= begin) & (place < end)] = _places()[int(windows.mirror[row])][deed(name)]
    return found


def _seconds(clip: Clip) -> float:
    return (len(clip.joints) - 1) / clip.fps


def _together(parts: list[tuple[list[Clip], float]]) -> Motions:
    clips = [clip for part, _ in parts for clip in part]
    chances = []
    for part, share in parts:
        # A long clip shows more, but a short one may be the only one of its motion.
        weight = np.array([_seconds(clip) + 2.0 for clip in part])
        chances.append(share * weight / weight.sum() if len(part) else weight)
    chance = np.concatenate(chances)
    return Motions(clips, chance / max(chance.sum(), 1e-12))


def choose_windows(
    motions: Motions, count: int, frames: int, rng: np.random.Generator, *, speed: float = 0.0, mirror: bool
) -> Windows:
    """Windows at random places, each as far inside its clip as that is long enough."""
    clip = rng.choice(len(motions.clips), count, p=motions.chance)
    speeds = np.exp(rng.uniform(-speed, speed, count))
    room = np.array([_seconds(motions.clips[i]) for i in clip]) - frames / RATE * speeds
    start = np.maximum(room, 0.0) * rng.random(count)
    return Windows(clip, start, speeds, (rng.random(count) < 0.5) & mirror)


def seen_by_camera(
    motions: Motions, windows: Windows, rate: float, frames: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What a camera of ``rate`` Hz sees in windows of ``frames`` steps, not yet mirrored.

    Returns
    -------
    joints (N, F, 22, 3), a clip's last pose held where it ends early, and whether each token is of the clip
    (N, frames / 4).
    """
    count = int(np.ceil(frames / RATE * rate)) + 1
    joints = np.empty((len(windows), count, 22, 3))
    valid = np.empty((len(windows), frames // FRAMES_PER_TOKEN), bool)
    ends = np.arange(1, frames // FRAMES_PER_TOKEN + 1) * FRAMES_PER_TOKEN / RATE
    for row, (index, start, speed) in enumerate(zip(windows.clip, windows.start, windows.speed, strict=True)):
        clip = motions.clips[index]
        place = np.minimum((start + speed * np.arange(count) / rate) * clip.fps, len(clip.joints) - 1)
        low = np.minimum(place.astype(int), max(len(clip.joints) - 2, 0))
        high = np.minimum(low + 1, len(clip.joints) - 1)
        joints[row] = clip.joints[low] + (place - low)[:, None, None] * (clip.joints[high] - clip.joints[low])
        # The last step may need a frame after it.
        valid[row] = start + speed * ends <= _seconds(clip) + 1.5 / clip.fps
    return joints, valid
