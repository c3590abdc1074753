"""Files of joints or labelled frames as sources: .npz, .bvh, .amc, .npy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.images import bgr_to_rgb
from motion_seg_ros.bags.items import Image, Item, Label, Source, SourceError
from motion_seg_ros.bags.video import CAMERA_FRAME
from motion_seg_ros.datasets.amass import is_amass, load_amass
from motion_seg_ros.datasets.amc import load_amc
from motion_seg_ros.datasets.bvh import load_bvh
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.humanml3d import load_humanml3d
from motion_seg_ros.datasets.labelled import Archive, MotionClip, load_clips
from motion_seg_ros.datasets.skeletons import (
    guess_axes,
    guess_unit,
    known_counts,
    names_in,
    names_of,
    skeleton_frames,
    to_rep103,
)
from motion_seg_ros.plain_text import InputError
from motion_seg_ros.skeleton.joint_sets import joints_by_name

# Between the clips of a collection, so that nobody takes one's end and the next one's beginning for a motion.
CLIP_GAP_NS = 1_000_000_000


def open_motion_file(path: Path, joint_set: str = "") -> Source:
    """The source of a .npz, .bvh, .amc or .npy file; SourceError where it cannot be read or replayed.

    ``joint_set`` names the joints of a .npz that does not.
    """
    try:
        match path.suffix.lower():
            case ".npz":
                archive = Archive(path)
                if not is_amass(archive):
                    return _open_npz(path, archive, joint_set)
                motion = load_amass(archive, None)
            case ".npy":
                motion = load_humanml3d(path)
            case ".bvh":
                motion = load_bvh(path)
            case _:
                motion = load_amc(path)
        unit, metres = guess_unit(motion.joints, motion.joint_names)
        clip = MotionClip(path.stem, motion.joints * metres)
        source = MotionSource(path, [clip], motion.joint_names, motion.fps)
    except ValueError as error:
        # An InputError names the file; joints_by_name does not know it.
        raise SourceError(str(error) if isinstance(error, InputError) else f"{path}: {error}") from error
    if path.suffix.lower() == ".amc":
        source.notes.append(f"{path.name} does not say its rate: {motion.fps:g} Hz is taken, CMU's habit")
    else:
        source.notes.append(f"{path.name} does not say its unit: {unit} fit a grown-up's legs best")
    return source


def _open_npz(path: Path, archive: Archive, joint_set: str) -> Source:
    kind = archive.kind()
    if kind == "features":
        raise SourceError(f"{path} holds features only; a replay needs joints or frames")
    labels: tuple[NDArray[np.int32], tuple[str, ...]] | None = None
    if kind == "frames":
        if "labels" in archive:
            labels = archive.labels(archive.frames_shape()[0])
        return FramesSource(path, archive, labels)
    clips, joint_names, fps = load_clips(path)
    if "labels" in archive:
        labels = archive.labels(sum(len(clip.joints) for clip in clips))
    if not joint_names and joint_set:
        joint_names = names_in(joint_set)
    if not joint_names:
        count = clips[0].joints.shape[1]
        if count not in known_counts():
            raise SourceError(
                f"{path} has {count} joints without names; "
                f"without names only {', '.join(map(str, known_counts()))} joints are known"
            )
        joint_names = names_of(count)
    return MotionSource(path, clips, joint_names, fps, labels)


def label_changes(labels: NDArray[np.int32], names: Sequence[str]) -> Iterator[tuple[int, Label]]:
    """The frames where the label changes, the first included, with the new label ("" for -1)."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    for index in starts:
        value = int(labels[index])
        yield int(index), Label(names[value] if value >= 0 else "")


class MotionSource(Source):
    """Joints of one person, or a collection of clips.

    Frame i is stamped ``round(i * 1e9 / fps)``. The clips of a collection follow one another with a pause
    of a second; each is a track of its own, named by its number from "1", and its name is a label.

    Attributes
    ----------
    rate : frames a second.
    """

    kind = "motion"

    def __init__(
        self,
        path: Path,
        clips: Sequence[MotionClip],
        joint_names: Sequence[str],
        fps: float,
        labels: tuple[NDArray[np.int32], tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(str(path))
        self._clips = clips
        self._joint_names = joint_names
        self._labels = labels
        self.rate = fps
        self._axes = guess_axes(clips[0].joints, joint_names)
        self.fps = fps
        self.count = sum(len(clip.joints) for clip in clips)
        self.duration = self.count / fps + (len(clips) - 1) * CLIP_GAP_NS / 1e9
        lengths = [round(len(clip.joints) * 1e9 / fps) + CLIP_GAP_NS for clip in clips]
        self._starts = list(accumulate(lengths[:-1], initial=0))
        self.has_skeletons = True
        self.has_labels = labels is not None or len(clips) > 1
        self.notes.append(f"{path.name} is taken to have {self._axes}")

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        labels: dict[int, Label] = {}
        if self._labels is not None:
            labels = dict(label_changes(*self._labels))
        index = 0
        for number, (start, clip) in enumerate(zip(self._starts, self._clips, strict=True), start=1):
            if self._labels is None and len(self._clips) > 1:
                labels[index] = Label(clip.name)
            frames = skeleton_frames(
                clip.joints, self._joint_names, self.rate, self._axes, track_id=str(number), start=start
            )
            for frame in frames:
                if index in labels:
                    yield frame.stamp, labels[index]
                yield frame.stamp, frame
                index += 1

    def motions(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """The stamp of each clip's first frame and its joints (T, 22, 3) as smpl22: all frames at once."""
        for start, clip in zip(self._starts, self._clips, strict=True):
            yield start, to_rep103(joints_by_name(self._joint_names, clip.joints), self._axes)


class FramesSource(Source):
    """The images of a labelled ``.npz``, read one by one; frame i is stamped ``round(i * 1e9 / fps)``."""

    kind = "motion"

    def __init__(
        self, path: Path, archive: Archive, labels: tuple[NDArray[np.int32], tuple[str, ...]] | None
    ) -> None:
        super().__init__(str(path))
        self._archive = archive
        self._labels = labels
        self._rate = self.fps = archive.fps()
        self.count = archive.frames_shape()[0]
        self.duration = self.count / self._rate
        self.has_images = True
        self.has_labels = labels is not None

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        labels = dict(label_changes(*self._labels)) if self._labels is not None else {}
        try:
            for index, bgr in enumerate(self._archive.frames()):
                stamp = round(index * 1e9 / self._rate)
                if index in labels:
                    yield stamp, labels[index]
                yield stamp, Image(bgr_to_rgb(bgr), CAMERA_FRAME)
        except DatasetError as error:
            raise SourceError(str(error)) from error
