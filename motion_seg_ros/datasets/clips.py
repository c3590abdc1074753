"""Clips of motion from every format that is known, all alike: 22 joints, metres, z up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.amass import BodyModel, is_amass, load_amass
from motion_seg_ros.datasets.amc import load_amc
from motion_seg_ros.datasets.bvh import load_bvh
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.humanml3d import captions, load_humanml3d
from motion_seg_ros.datasets.labelled import Archive, load_clips
from motion_seg_ros.datasets.motion import Motion
from motion_seg_ros.datasets.skeletons import guess_axes, guess_unit, known_counts, names_of, to_rep103
from motion_seg_ros.skeleton.joint_sets import joints_by_name

MOTION_SUFFIXES = (".npz", ".bvh", ".amc", ".npy")
BAG_SUFFIXES = (".mcap", ".db3", ".bag")
# What a collection may say of each of its clips; the first that is there is its label.
_TAGS = ("action", "text", "style", "clip", "trial", "take")
_LABELS = ("action", "text")
# AMASS keeps a subject's shape beside the motions.
_NO_MOTION = ("shape.npz", "_stagei.npz")


@dataclass(frozen=True, eq=False)
class Clip:
    """One person's motion without a break.

    Attributes
    ----------
    name : of the file, and of the clip where a file has several.
    joints : (T, 22, 3) float32, smpl22, metres, x forward, y left, z up, NaN where unseen.
    fps : frames a second.
    label : what the whole clip is said to show, "" where nothing is said.
    spans : (first frame, frame behind the last, label) where the frames are labelled.
    tags : what else the file says of the clip ("style", "take", ...).
    """

    name: str
    joints: NDArray[np.float32]
    fps: float
    label: str = ""
    spans: tuple[tuple[int, int, str], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


BagReader: TypeAlias = Callable[[Path], list[Clip]]


def load_motion(
    path: str | Path, *, body_model: BodyModel | None = None, read_bag: BagReader | None = None
) -> list[Clip]:
    """Read every clip of a file, or of the files in a folder and its folders, in the order of their names.

    A .npz of labelled joints, of clips one after another, or of AMASS; a .bvh; an .amc with its .asf beside
    it; a .npy of HumanML3D's ``new_joints`` (with its captions where ``texts`` lies beside that folder); a
    rosbag of skeletons. Axes and units that a file does not say are guessed as in
    :mod:`motion_seg_ros.datasets.skeletons`.

    Parameters
    ----------
    body_model : joints from the parameters of SMPL, which AMASS holds; see :mod:`.amass`.
    read_bag : clips of a rosbag: :func:`motion_seg_ros.bags.clips.bag_clips`.

    Raises
    ------
    DatasetError : what is there is not what its format promises, or needs what was not given.
    """
    path = Path(path)
    if path.suffix.lower() in BAG_SUFFIXES or (path / "metadata.yaml").is_file():
        if read_bag is None:
            raise DatasetError(f"{path} is a rosbag, which is not read here")
        return read_bag(path)
    if path.is_dir():
        return _load_folder(path, body_model, read_bag)
    if not path.exists():
        raise DatasetError(f"{path} does not exist")
    try:
        match path.suffix.lower():
            case ".npz":
                return _load_npz(path, body_model)
            case ".bvh":
                return [_clip(path, load_bvh(path))]
            case ".amc":
                return [_clip(path, load_amc(path))]
            case ".npy":
                motion = load_humanml3d(path)
                label, spans = captions(path, len(motion.joints))
                return [Clip(path.stem, _body(motion), motion.fps, label, spans)]
    except DatasetError:
        raise
    except ValueError as error:
        # joints_by_name does not know the file.
        raise DatasetError(f"{path}: {error}") from error
    known = ", ".join((*MOTION_SUFFIXES, *BAG_SUFFIXES))
    raise DatasetError(f"{path} is no motion that is known: {known}, or a folder of such")


def _load_folder(path: Path, body_model: BodyModel | None, read_bag: BagReader | None) -> list[Clip]:
    """Bags are folders themselves; what lies in them is not looked at."""
    clips: list[Clip] = []
    found = False
    for item in sorted(path.iterdir()):
        motion = item.suffix.lower() in MOTION_SUFFIXES and not item.name.endswith(_NO_MOTION)
        bag = read_bag is not None and (
            item.suffix.lower() in BAG_SUFFIXES or (item / "metadata.yaml").is_file()
        )
        if motion or bag or (item.is_dir() and any(_motion_files(item))):
            found = True
            clips += load_motion(item, body_model=body_model, read_bag=read_bag)
    if not found:
        raise DatasetError(f"{path} holds no motion: none of {', '.join(MOTION_SUFFIXES)}")
    return clips


def _motion_files(folder: Path) -> Iterator[Path]:
    suffixes = (*MOTION_SUFFIXES, *BAG_SUFFIXES)
    return (item for item in folder.rglob("*") if item.suffix.lower() in suffixes)


def _clip(path: Path, motion: Motion) -> Clip:
    return Clip(path.stem, _body(motion), motion.fps)


def _body(motion: Motion) -> NDArray[np.float32]:
    """The 22 joints of a file that says neither its unit nor its axes."""
    axes = guess_axes(motion.joints, motion.joint_names)
    metres = guess_unit(motion.joints, motion.joint_names)[1]
    body = to_rep103(joints_by_name(motion.joint_names, motion.joints), axes)
    return (body * metres).astype(np.float32)


def _load_npz(path: Path, body_model: BodyModel | None) -> list[Clip]:
    archive = Archive(path)
    if is_amass(archive):
        return [_clip(path, load_amass(archive, body_model))]
    if archive.kind() != "joints":
        raise DatasetError(f"{path} holds {archive.kind()}; a motion is read from joints")
    pieces, joint_names, fps = load_clips(path)
    if not joint_names:
        count = pieces[0].joints.shape[1]
        if count not in known_counts():
            known = ", ".join(map(str, known_counts()))
            raise DatasetError(f"{path} has {count} joints without names; known without names are {known}")
        joint_names = names_of(count)
    axes = guess_axes(np.concatenate([piece.joints for piece in pieces]), joint_names)
    bodies = [
        to_rep103(joints_by_name(joint_names, piece.joints), axes).astype(np.float32) for piece in pieces
    ]
    if "labels" in archive:
        labels, names = archive.labels(sum(map(len, bodies)))
        ends = np.cumsum([0, *map(len, bodies)])
        spans = [_spans(labels[a:b], names) for a, b in itertools.pairwise(ends)]
    else:
        spans = [()] * len(bodies)
    tags = _tags(archive, len(bodies))
    clips = []
    for piece, body, of_frames, of_clip in zip(pieces, bodies, spans, tags, strict=True):
        label = next((of_clip[key] for key in _LABELS if key in of_clip), "")
        name = piece.name if len(pieces) == 1 else f"{path.stem}/{piece.name}"
        clips.append(Clip(name, body, fps, label, of_frames, of_clip))
    return clips


def _spans(labels: NDArray[np.int32], names: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """Runs of one label; what is unlabelled is in none."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = [*starts[1:], len(labels)]
    runs = zip(starts, ends, strict=True)
    return tuple((int(a), int(b), names[labels[a]]) for a, b in runs if labels[a] >= 0)


def _tags(archive: Archive, count: int) -> list[dict[str, str]]:
    """What a collection says of each of its clips; of clips without frames nothing is said."""
    if "offsets" not in archive:
        return [{}] * count
    lengths = np.diff(archive.array("offsets", "iu", 1).astype(np.int64))
    told = {key: archive.names(key) for key in _TAGS if key in archive}
    for key, values in told.items():
        if len(values) != len(lengths):
            raise DatasetError(f"{archive.path}: {len(values)} {key} for {len(lengths)} clips")
    return [{key: told[key][i] for key in told} for i in np.flatnonzero(lengths)]
