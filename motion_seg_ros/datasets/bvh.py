"""BVH motion files: a hierarchy of joints with any channels in any order, angles in degrees."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.motion import MAX_JOINTS, Motion, check_places, check_rate, check_size
from motion_seg_ros.datasets.rotations import about_axis

_MAX_LINE = 1 << 20
_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}


@dataclass(slots=True)
class _Joint:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)


def load_bvh(path: str | Path) -> Motion:
    """Read a BVH file.

    A joint's position channels, where it has some, stand for its offset (as motion capture writes them);
    rotations apply in the order of the channels, the first outermost.

    Raises
    ------
    DatasetError : not BVH, cut off, contradicting counts, numbers that are none.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            joints = _read_hierarchy(_Reader(path, file))
            count, frame_time = _read_motion_header(_Reader(path, file))
            values = _read_values(path, file, sum(len(joint.channels) for joint in joints), count)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    fps = check_rate(path, "the rate", 1 / frame_time)
    check_size(path, count, len(joints))
    # Numbers that are finite may have a sum that is not.
    with np.errstate(over="ignore", invalid="ignore"):
        positions = _positions(joints, values)
    check_places(path, positions)
    return Motion(positions, tuple(joint.name for joint in joints), fps)


class _Reader:
    """Lines as words, with an error that says where."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self._file = file

    def words(self) -> list[str]:
        """The words of the next line that has some."""
        while line := self._file.readline(_MAX_LINE):
            if words := line.split():
                return words
        raise self.error("the file ends too early")

    def expect(self, *words: str) -> list[str]:
        """The words behind the expected ones, which may differ in case."""
        found = self.words()
        if [word.upper() for word in found[: len(words)]] != [word.upper() for word in words]:
            raise self.error(f"{' '.join(words)!r} expected, not {' '.join(found)[:40]!r}")
        return found[len(words) :]

    def numbers(self, words: list[str], count: int) -> tuple[float, ...]:
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            values = ()
        if len(values) != count or not all(math.isfinite(value) for value in values):
            raise self.error(f"{count} numbers expected, not {' '.join(words)[:40]!r}")
        return values

    def error(self, what: str) -> DatasetError:
        return DatasetError(f"{self.path} is not a whole BVH file: {what}")


def _read_hierarchy(reader: _Reader) -> list[_Joint]:
    reader.expect("HIERARCHY")
    joints = [_Joint(" ".join(reader.expect("ROOT")), -1)]
    reader.expect("{")
    # The joints whose braces are open; an end site is None.
    open_joints: list[int | None] = [0]
    while open_joints:
        key, *rest = reader.words()
        current = open_joints[-1]
        match key.upper():
            case "}":
                open_joints.pop()
            case "OFFSET":
                offset = reader.numbers(rest, 3)
                if current is not None:
                    joints[current].offset = offset
            case "CHANNELS" if current is not None:
                if not rest or rest[0] != str(len(rest) - 1) or not _CHANNELS.issuperset(rest[1:]):
                    raise reader.error(f"channels {' '.join(rest)[:60]!r}")
                joints[current].channels = rest[1:]
            case "JOINT" if current is not None and len(joints) < MAX_JOINTS:
                joints.append(_Joint(" ".join(rest), current))
                open_joints.append(len(joints) - 1)
                reader.expect("{")
            case "END" if current is not None:
                open_joints.append(None)
                reader.expect("{")
            case _:
                raise reader.error(f"{key[:40]!r} in the hierarchy")
    return joints


def _read_motion_header(reader: _Reader) -> tuple[int, float]:
    reader.expect("MOTION")
    (count,) = reader.numbers(reader.expect("Frames:"), 1)
    (frame_time,) = reader.numbers(reader.expect("Frame", "Time:"), 1)
    if count < 1 or count != int(count):
        raise reader.error(f"{count:g} frames")
    if not frame_time > 0:
        raise reader.error(f"a frame time of {frame_time:g} s")
    return int(count), frame_time


def _read_values(path: Path, file: IO[str], channels: int, count: int) -> NDArray[np.float64]:
    """(T, channels) of what is there; the declared count is never trusted with memory."""
    try:
        with warnings.catch_warnings():
            # An empty table is an error here, told below.
            warnings.simplefilter("ignore", UserWarning)
            values = np.loadtxt(file, dtype=np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise DatasetError(f"{path} is not a whole BVH file: {error}") from error
    values = values[:count]
    if values.shape != (count, channels) or not np.isfinite(values).all():
        raise DatasetError(
            f"{path} is not a whole BVH file: {count} frames of {channels} numbers are announced, "
            f"{values.shape[0]} of {values.shape[1]} are there or some are not finite"
        )
    return values


def _positions(joints: list[_Joint], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forward kinematics: (T, J, 3)."""
    positions = np.empty((len(values), len(joints), 3))
    rotations: list[NDArray[np.float64]] = []
    column = 0
    for index, joint in enumerate(joints):
        offset = np.tile(np.array(joint.offset), (len(values), 1))
        turn = np.tile(np.eye(3), (len(values), 1, 1))
        for channel in joint.channels:
            axis = channel[0].lower()
            if channel.endswith("position"):
                offset[:, "xyz".index(axis)] = values[:, column]
            else:
                turn = turn @ about_axis(axis, np.radians(values[:, column]))
            column += 1
        if joint.parent < 0:
            positions[:, index] = offset
        else:
            parent = rotations[joint.parent]
            positions[:, index] = positions[:, joint.parent] + np.einsum("tij,tj->ti", parent, offset)
            turn = parent @ turn
        rotations.append(turn)
    return positions
