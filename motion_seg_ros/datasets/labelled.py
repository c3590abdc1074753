"""The ``.npz`` format of labelled sequences and of collections of motion clips.

A labelled file holds ``labels`` (T,) int (index into ``names``, -1 = unlabelled), ``names`` (C,), ``fps``
and one of ``features`` (T, d), ``joints`` (T, J, 3) with ``joint_names`` (J,), or ``frames`` (T, H, W, 3)
uint8 BGR. A collection holds ``joints`` of many clips one after another, ``offsets`` (N + 1,) and ``fps``.
Nothing is ever unpickled.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.motion import check_places, check_rate
from motion_seg_ros.plain_text import reason

MAX_BYTES = 1 << 30  # of one array in memory; frames are also read one by one
# Of an array of text: each becomes an object, which takes more than its bytes.
_MAX_TEXT_BYTES, _MAX_TEXTS = 64 << 20, 1 << 20
KINDS = ("features", "joints", "frames")
# What names a clip in a collection, best first.
_CLIP_NAMES = ("clip", "trial", "action")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSequence:
    """One recording with the truth about it.

    Attributes
    ----------
    name : the file's stem.
    fps : frames a second.
    labels : (T,) int32, index into ``names``; -1 where nothing is known.
    names : of the motions.
    kind : which of the following is there: "features", "joints" or "frames".
    features : (T, d) float32, NaN = unseen, or None.
    joints : (T, J, 3) float32 metres in the file's own axes, NaN = unseen, or None.
    joint_names : J names, or empty where the file has none.
    frames : (T, H, W, 3) uint8 BGR, or None.
    """

    name: str
    fps: float
    labels: NDArray[np.int32]
    names: tuple[str, ...]
    kind: str
    features: NDArray[np.float32] | None = None
    joints: NDArray[np.float32] | None = None
    joint_names: tuple[str, ...] = ()
    frames: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MotionClip:
    """A named piece of motion: ``joints`` (T, J, 3) in the file's own axes and dtype."""

    name: str
    joints: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool


class Archive:
    """The arrays of an ``.npz``, each checked before memory is taken for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._sizes = {
                    info.filename[:-4]: info.file_size
                    for info in archive.infolist()
                    if info.filename.endswith(".npy")
                }
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, struct.error) as error:
            raise DatasetError(f"{path} is not an .npz archive, or is cut off") from error

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def kind(self) -> str:
        """Which kind of data is there; DatasetError for none or several."""
        kinds = [kind for kind in KINDS if kind in self]
        if len(kinds) != 1:
            found = " and ".join(kinds) or f"only {', '.join(map(repr, sorted(self._sizes))) or 'nothing'}"
            raise DatasetError(f"{self.path} must hold one of {', '.join(KINDS)}, not {found}")
        return kinds[0]

    def array(self, name: str, kinds: str, ndim: int) -> NDArray:
        """An array whose dtype's kind is in ``kinds`` and that has ``ndim`` dimensions."""
        with self._member(name) as (file, header):
            self._check(name, header, kinds, ndim)
            text = header.dtype.kind in "SU"
            most = _MAX_TEXT_BYTES if text else MAX_BYTES
            if self._sizes[name] > most:
                raise DatasetError(
                    f"{self.path}: {name} has {self._sizes[name]} bytes; at most {most} are read"
                )
            if text and ndim and header.shape[0] > _MAX_TEXTS:
                raise DatasetError(
                    f"{self.path}: {name} has {header.shape[0]} texts; at most {_MAX_TEXTS} are read"
                )
            flat = np.frombuffer(file.read(), dtype=header.dtype)
            return flat.reshape(header.shape, order="F" if header.fortran_order else "C")

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The (H, W, 3) BGR images one by one, so that long videos fit into memory."""
        shape = self.frames_shape()
        size = shape[1] * shape[2] * 3
        with self._member("frames") as (file, _):
            for _ in range(shape[0]):
                yield np.frombuffer(file.read(size), dtype=np.uint8).reshape(shape[1:])

    def frames_shape(self) -> tuple[int, ...]:
        """(T, H, W, 3) of the images, without reading them."""
        with self._member("frames") as (_, header):
            self._check("frames", header, "u", 4)
            if header.dtype != np.uint8 or header.shape[3] != 3 or header.fortran_order or 0 in header.shape:
                raise DatasetError(f"{self.path}: frames must be (T, H, W, 3) uint8 in C order")
            return header.shape

    def names(self, name: str) -> tuple[str, ...]:
        """A one-dimensional array of strings."""
        return tuple(str(value) for value in self.array(name, "U", 1))

    def fps(self, name: str = "fps") -> float:
        """Frames a second, as an array of that name says."""
        return check_rate(self.path, name, float(self.array(name, "fiu", 0)))

    def joints(self) -> tuple[NDArray[np.floating], tuple[str, ...]]:
        """Joints (T, J, 3) in the file's dtype and their J names (empty where the file has none)."""
        joints = self.array("joints", "f", 3)
        if joints.shape[2] != 3 or joints.shape[1] == 0:
            raise DatasetError(f"{self.path}: joints must be (T, J, 3), not {joints.shape}")
        check_places(self.path, joints)
        names = self.names("joint_names") if "joint_names" in self else ()
        if names and len(names) != joints.shape[1]:
            raise DatasetError(f"{self.path}: {len(names)} joint_names for {joints.shape[1]} joints")
        return joints, names

    def labels(self, count: int) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Labels (count,) and the names that they index."""
        names = self.names("names")
        labels = self.array("labels", "iu", 1)
        if len(labels) != count:
            raise DatasetError(f"{self.path}: {len(labels)} labels for {count} frames")
        if int(labels.min()) < -1 or int(labels.max()) >= len(names):
            raise DatasetError(f"{self.path}: labels must be in -1..{len(names) - 1}, the index into names")
        return labels.astype(np.int32), names

    @contextmanager
    def _member(self, name: str) -> Iterator[tuple[IO[bytes], _Header]]:
        """An array's bytes, behind its header."""
        if name not in self:
            raise DatasetError(f"{self.path} has no array {name!r}")
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{name}.npy") as file:
                yield file, self._header(file, name)
        except DatasetError:
            raise
        except Exception as error:
            # Each compression has errors of its own, and numpy parses a header as Python.
            raise DatasetError(f"{self.path}: {name} cannot be read: {reason(error)}") from error

    def _header(self, file: IO[bytes], name: str) -> _Header:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise DatasetError(f"{self.path}: {name} has the unknown npy version {version}")
        shape, fortran_order, dtype = readers[version](file)
        if dtype.hasobject:
            raise DatasetError(f"{self.path}: {name} holds Python objects, which are not read")
        size = dtype.itemsize
        for length in shape:
            size *= int(length)
        if min(shape, default=0) < 0 or file.tell() + size != self._sizes[name]:
            raise DatasetError(f"{self.path}: {name} has not the bytes that its shape {shape} needs")
        return _Header(tuple(shape), dtype, fortran_order)

    def _check(self, name: str, header: _Header, kinds: str, ndim: int) -> None:
        if header.dtype.kind not in kinds or len(header.shape) != ndim:
            raise DatasetError(
                f"{self.path}: {name} must have {ndim} dimensions and a dtype of kind {'/'.join(kinds)}, "
                f"not {header.dtype} {header.shape}"
            )
        if ndim and header.shape[0] == 0:
            raise DatasetError(f"{self.path}: {name} is empty")


def load_labelled(path: str | Path) -> LabelledSequence:
    """Read one labelled sequence.

    Raises
    ------
    DatasetError : not the format, cut off, contradicting shapes, wrong dtypes, infinite values.
    """
    archive = Archive(Path(path))
    kind = archive.kind()
    features = joints = frames = None
    joint_names: tuple[str, ...] = ()
    if kind == "features":
        features = archive.array("features", "f", 2).astype(np.float32, copy=False)
        if not features.shape[1] or np.isinf(features).any():
            raise DatasetError(f"{path}: features must be one or more values, finite, or NaN where unseen")
        count = len(features)
    elif kind == "joints":
        raw, joint_names = archive.joints()
        joints = raw.astype(np.float32, copy=False)
        count = len(joints)
    else:
        count = archive.frames_shape()[0]
        frames = archive.array("frames", "u", 4)
    labels, names = archive.labels(count)
    return LabelledSequence(
        Path(path).stem, archive.fps(), labels, names, kind, features, joints, joint_names, frames
    )


def load_clips(path: str | Path) -> tuple[list[MotionClip], tuple[str, ...], float]:
    """Read the motion clips of a collection (one clip for a file without ``offsets``).

    Returns
    -------
    clips, the names of their joints (empty where the file has none), frames a second.

    Raises
    ------
    DatasetError : as :func:`load_labelled`.
    """
    archive = Archive(Path(path))
    joints, joint_names = archive.joints()
    fps = archive.fps()
    if "offsets" not in archive:
        return [MotionClip(Path(path).stem, joints)], joint_names, fps
    offsets = archive.array("offsets", "iu", 1)
    if offsets[0] != 0 or offsets[-1] != len(joints) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise DatasetError(f"{path}: offsets must rise from 0 to the number of frames, {len(joints)}")
    ends = [int(offset) for offset in offsets]
    key = next((key for key in _CLIP_NAMES if key in archive), None)
    names = archive.names(key) if key else tuple(f"clip {i}" for i in range(1, len(ends)))
    if len(names) != len(ends) - 1:
        raise DatasetError(f"{path}: {len(names)} names for {len(ends) - 1} clips")
    pieces = zip(names, ends, ends[1:], strict=False)
    return [MotionClip(n, joints[a:b]) for n, a, b in pieces if b > a], joint_names, fps
