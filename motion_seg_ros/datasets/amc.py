"""ASF/AMC motion files of the CMU recordings: a skeleton in one file, its motion in another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.motion import MAX_JOINTS, Motion, check_places, check_size
from motion_seg_ros.datasets.rotations import about_axis

INCH = 0.0254
CMU_FPS = 120.0  # the files do not say it; CMU's recordings were made at 120 Hz, a few at 60 Hz
_ROOT_DOF = ("tx", "ty", "tz", "rx", "ry", "rz")


@dataclass(slots=True)
class _Bone:
    name: str
    direction: tuple[float, ...] = (0.0, 0.0, 0.0)
    length: float = 0.0
    axis: tuple[float, ...] = (0.0, 0.0, 0.0)
    axis_order: str = "xyz"
    dof: list[str] = field(default_factory=list)
    parent: str = ""


def load_amc(path: str | Path, asf: str | Path | None = None, fps: float = CMU_FPS) -> Motion:
    """Read an AMC file with its skeleton; positions are metres, the end of each bone, the root first.

    A bone's rotation is given in the axes that the skeleton declares for it, L = C M C^-1, and applies after
    its parent's (the skeleton's format description by Acclaim; checked against CMU's own positions).

    Parameters
    ----------
    asf : the skeleton; by default the only .asf beside the motion whose name begins like it ("86.asf"
        for "86_01.amc"), or the only one there.

    Raises
    ------
    DatasetError : a file is missing, is cut off, or contradicts the other.
    """
    path = Path(path)
    skeleton = Path(asf) if asf else _find_asf(path)
    bones, scale = _read_asf(skeleton)
    frames = _read_amc(path, bones)
    # Numbers that are finite may have a product that is not.
    with np.errstate(over="ignore", invalid="ignore"):
        positions = _positions(bones, frames) * scale
    check_places(path, positions)
    return Motion(positions, tuple(bones), fps)


def _find_asf(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(f"{path} does not exist")
    found = sorted(item for item in path.parent.iterdir() if item.suffix.lower() == ".asf")
    named = [item for item in found if path.stem == item.stem or path.stem.startswith(f"{item.stem}_")]
    candidates = named or found
    if len(candidates) != 1:
        raise DatasetError(
            f"{path} needs its skeleton beside it: {len(candidates)} .asf files in {path.parent} could be it"
        )
    return candidates[0]


def _lines(path: Path) -> Iterator[list[str]]:
    """Words of each line without comments."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(1 << 16):
                if words := line.split("#")[0].split():
                    yield words
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error


def _numbers(path: Path, words: list[str], count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise DatasetError(f"{path}: {count} numbers expected, not {' '.join(words)[:60]!r}")
    return values


def _read_asf(path: Path) -> tuple[dict[str, _Bone], float]:
    """The bones by name, parents before children, and the metres of one unit."""
    root = _Bone("root", dof=list(_ROOT_DOF))
    bones = {"root": root}
    unit, degrees, section = 1.0, True, ""
    current = root
    for words in _lines(path):
        key, *rest = words
        if key.startswith(":"):
            section, current = key.lower(), root
        elif section == ":units" and key == "length":
            (unit,) = _numbers(path, rest, 1)
        elif section == ":units" and key == "angle":
            degrees = rest == ["deg"]
        elif section == ":root" and key == "order":
            root.dof = [word.lower() for word in rest]
        elif section == ":root" and key == "axis":
            root.axis_order = "".join(rest).lower()
        elif section == ":root" and key == "orientation":
            root.axis = _numbers(path, rest, 3)
        elif section == ":bonedata":
            if key == "name" and rest and len(bones) < MAX_JOINTS:
                current = bones[rest[0]] = _Bone(rest[0])
            elif key == "direction":
                current.direction = _numbers(path, rest, 3)
            elif key == "length":
                (current.length,) = _numbers(path, rest, 1)
            elif key == "axis":
                current.axis = _numbers(path, rest[:3], 3)
                current.axis_order = "".join(rest[3:]).lower() or "xyz"
            elif key == "dof":
                current.dof = [word.lower() for word in rest]
        elif section == ":hierarchy" and key not in ("begin", "end"):
            for child in rest:
                if child not in bones or child == "root" or bones[child].parent or key not in bones:
                    raise DatasetError(f"{path}: the hierarchy's line {' '.join(words)[:60]!r} fits no bones")
                bones[child].parent = key
    _check_bones(path, bones, unit)
    if not degrees:
        raise DatasetError(f"{path}: angles must be in degrees")
    return _parents_first(path, bones), INCH / unit


def _check_bones(path: Path, bones: dict[str, _Bone], unit: float) -> None:
    if len(bones) < 2 or not unit > 0:
        raise DatasetError(f"{path} is not a whole ASF skeleton: {len(bones) - 1} bones, unit {unit:g}")
    for bone in bones.values():
        allowed = _ROOT_DOF if bone.name == "root" else _ROOT_DOF[3:]
        if sorted(bone.axis_order) != ["x", "y", "z"] or not set(allowed).issuperset(bone.dof):
            raise DatasetError(
                f"{path}: bone {bone.name} has axis {bone.axis_order!r}, degrees of freedom {bone.dof}"
            )


def _parents_first(path: Path, bones: dict[str, _Bone]) -> dict[str, _Bone]:
    """The same bones in the order of the file's ids, moved behind their parents where need be."""
    ordered: dict[str, _Bone] = {"root": bones["root"]}
    waiting = [bone for bone in bones.values() if bone.name != "root"]
    while waiting:
        ready = [bone for bone in waiting if bone.parent in ordered]
        if not ready:
            raise DatasetError(f"{path}: the hierarchy does not reach bone {waiting[0].name}")
        ordered.update((bone.name, bone) for bone in ready)
        waiting = [bone for bone in waiting if bone.name not in ordered]
    return ordered


def _read_amc(path: Path, bones: dict[str, _Bone]) -> dict[str, NDArray[np.float64]]:
    """(T, degrees of freedom) of each bone that moves."""
    moving = {bone.name: len(bone.dof) for bone in bones.values() if bone.dof}
    values: dict[str, list[tuple[float, ...]]] = {name: [] for name in moving}
    count = 0
    for words in _lines(path):
        key, *rest = words
        if key.startswith(":"):
            continue
        if key.isdecimal() and not rest:
            if any(len(rows) != count for rows in values.values()):
                raise DatasetError(f"{path}: frame {count} lacks a bone")
            count += 1
            check_size(path, count, len(bones))
        elif key in moving and len(values[key]) == count - 1:
            values[key].append(_numbers(path, rest, moving[key]))
        else:
            raise DatasetError(f"{path}: {' '.join(words)[:60]!r} after frame {count} fits not the skeleton")
    if count == 0 or any(len(rows) != count for rows in values.values()):
        raise DatasetError(f"{path} is not a whole AMC file: its last frame, {count}, lacks a bone")
    return {name: np.array(rows) for name, rows in values.items()}


def _euler(order: list[str] | str, angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3, 3) of (T, n) degrees about the axes in order, each about the fixed axes (the last outermost)."""
    turn = np.tile(np.eye(3), (len(angles), 1, 1))
    for column, axis in enumerate(order):
        turn = about_axis(axis[-1], np.radians(angles[:, column])) @ turn
    return turn


def _positions(bones: dict[str, _Bone], frames: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Forward kinematics: (T, bones, 3), the end of each bone."""
    count = len(frames["root"])
    positions: dict[str, NDArray[np.float64]] = {}
    rotations: dict[str, NDArray[np.float64]] = {}
    for bone in bones.values():
        base = _euler(bone.axis_order, np.array([bone.axis]))[0]
        values = frames.get(bone.name, np.zeros((count, 0)))
        turning = [i for i, dof in enumerate(bone.dof) if dof.startswith("r")]
        motion = _euler([bone.dof[i] for i in turning], values[:, turning])
        local = base @ motion @ base.T
        if bone.name == "root":
            rotations["root"] = local
            place = np.zeros((count, 3))
            for i, dof in enumerate(bone.dof):
                if dof.startswith("t"):
                    place[:, "xyz".index(dof[1])] = values[:, i]
            positions["root"] = place
            continue
        rotations[bone.name] = rotations[bone.parent] @ local
        along = np.array(bone.direction) * bone.length
        positions[bone.name] = positions[bone.parent] + rotations[bone.name] @ along
    return np.stack([positions[name] for name in bones], axis=1)
