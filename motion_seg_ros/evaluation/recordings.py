"""Labelled recordings as the vectors that methods segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive, LabelledSequence, load_labelled
from motion_seg_ros.datasets.skeletons import guess_axes, names_of, skeleton_frames
from motion_seg_ros.skeleton.features import SkeletonFeatures, limb_speeds, usable_joints, usual_stray
from motion_seg_ros.tvsh.transcriber import Observer

Array = NDArray[np.float64]

# Images become histograms of oriented gradients of 3 x 3 blocks: 324 numbers.
_SIDE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One sequence of T frames.

    Attributes
    ----------
    name : of the sequence, with its folder where a folder of folders was read.
    fps : frames a second.
    truth : (T,) int32, -1 = unknown.
    data : (T, d) vectors; the vector before again where a frame shows too little.
    usable : (T,) whether the frame itself gave its vector.
    speeds : (T, 11) limb speeds of skeletons, or None.
    stray : (d,) what is known about the vectors' usual stray, or None.
    joints : (T, 22, 3) smpl22 of skeletons, metres, z up, NaN where unseen; or None.
    poses : (T, 48) the features of skeletons, whatever ``data`` are, the features before again where a frame
        shows too little; or None.
    """

    name: str
    fps: float
    truth: NDArray[np.int32]
    data: Array
    usable: NDArray[np.bool_]
    speeds: Array | None = None
    stray: Array | None = None
    joints: Array | None = None
    poses: Array | None = None


def stamp_of(frame: int, fps: float) -> int:
    """Nanoseconds at which frame number ``frame`` is taken."""
    return round(frame * 1e9 / fps)


def find_recordings(folder: Path) -> tuple[list[Path], list[str]]:
    """The labelled ``.npz`` files in a folder or in its folders, sorted, and a note for every other ``.npz``.

    Raises
    ------
    DatasetError : no such folder, a file that is broken, or nothing labelled in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder")
    found, notes = [], []
    for path in sorted([*folder.glob("*.npz"), *folder.glob("*/*.npz")]):
        archive = Archive(path)
        if "labels" in archive and (archive.array("labels", "iu", 1) >= 0).any():
            found.append(path)
        else:
            notes.append(f"{path} has no labels and is left out")
    if not found:
        raise DatasetError(f"{folder} holds no labelled .npz file")
    return found, notes


def load_recording(path: Path, folder: Path, observe: Callable[[], Observer] | None = None) -> Recording:
    """Read a sequence and make its vectors: features as unit vectors, skeletons as the features of the
    transcriber or what ``observe`` makes of them, images as histograms of oriented gradients.

    Raises
    ------
    DatasetError : as :func:`load_labelled`; a skeleton that is never seen.
    """
    sequence = load_labelled(path)
    name = path.relative_to(folder).with_suffix("").as_posix()
    if observe is not None and sequence.kind != "joints":
        raise DatasetError(f"{path} holds no skeletons, of which concepts could be found")
    if sequence.kind == "joints":
        return _from_skeletons(sequence, name, path, observe() if observe else None)
    if sequence.kind == "frames":
        assert sequence.frames is not None
        data = np.array([_gradients(frame) for frame in sequence.frames])
    else:
        assert sequence.features is not None
        data = sequence.features.astype(np.float64)
    usable = ~np.isnan(data).any(axis=1)
    if not usable.any():
        raise DatasetError(f"{path}: no frame has all its features")
    data = data[usable][_last_usable(usable)]
    length = np.linalg.norm(data, axis=1, keepdims=True)
    data = data / np.where(length > 0, length, 1.0)
    return Recording(name, sequence.fps, sequence.labels, data, usable)


def _last_usable(usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(T,) which of the usable frames every frame shows: the last one; before the first, that one."""
    return np.maximum(np.cumsum(usable) - 1, 0)


def _from_skeletons(
    sequence: LabelledSequence, name: str, path: Path, observer: Observer | None
) -> Recording:
    assert sequence.joints is not None
    joint_names = sequence.joint_names
    if not joint_names:
        try:
            joint_names = names_of(sequence.joints.shape[1])
        except KeyError as error:
            raise DatasetError(f"{path}: {sequence.joints.shape[1]} joints without names") from error
    try:
        axes = guess_axes(sequence.joints, joint_names)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from error
    maker = SkeletonFeatures()
    rows: list[Array | None] = []
    observed: list[Array] = []
    joints: list[Array] = []
    for frame in skeleton_frames(sequence.joints, joint_names, sequence.fps, axes):
        person = frame.skeletons[0]
        confidence = person.confidence.astype(np.float64)
        rows.append(maker.update(frame.stamp, person.joints, confidence))
        joints.append(np.where(usable_joints(person.joints, confidence)[:, None], person.joints, np.nan))
        if observer is not None and rows[-1] is not None:
            observed.append(observer.update(frame.stamp, person.joints, person.confidence))
    usable = np.array([row is not None for row in rows])
    if not usable.any():
        raise DatasetError(f"{path}: no frame shows enough of a skeleton")
    seen = np.array([row for row in rows if row is not None])
    shown = _last_usable(usable)
    poses = seen[shown]
    data, stray = (poses, usual_stray()) if observer is None else (np.array(observed)[shown], None)
    return Recording(
        name, sequence.fps, sequence.labels, data, usable, limb_speeds(poses), stray, np.array(joints), poses
    )


def _gradients(frame: NDArray[np.uint8]) -> Array:
    """Histograms of oriented gradients (324,) of one BGR image."""
    import cv2

    grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    block, cell = _SIDE // 2, _SIDE // 4
    maker = cv2.HOGDescriptor((_SIDE, _SIDE), (block, block), (cell, cell), (cell, cell), 9)
    return np.asarray(maker.compute(grey), dtype=np.float64).ravel()
