"""HumanML3D: ``new_joints`` (T, 22, 3) of SMPL's joints at 20 Hz, y up, and ``texts`` that describe them.

The layout is that of the data set's own scripts (Guo et al. 2022, github.com/EricGuo5513/HumanML3D).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.motion import Motion, check_places, check_size
from motion_seg_ros.skeleton.joint_sets import SMPL22

HUMANML3D_FPS = 20.0
_MAX_CAPTIONS = 1000


def load_humanml3d(path: str | Path) -> Motion:
    """Read a file of ``new_joints``.

    Raises
    ------
    DatasetError : it is cut off, or not (T, 22, 3) finite numbers.
    """
    path = Path(path)
    try:
        # Mapped: nothing is read before its shape is known.
        with np.errstate(over="ignore"):
            joints = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # A garbled header is parsed as Python: anything may go wrong, in words that help nobody.
        raise DatasetError(f"{path} is not a whole .npy file") from error
    if not isinstance(joints, np.ndarray) or joints.dtype.kind != "f" or joints.shape[1:] != (22, 3):
        shape = getattr(joints, "shape", "an archive")
        raise DatasetError(f"{path} must hold HumanML3D's new_joints (T, 22, 3), not {shape}")
    if len(joints) == 0 or not np.isfinite(joints).all():
        raise DatasetError(f"{path}: joints must be finite, and some must be there")
    check_size(path, *joints.shape[:2])
    check_places(path, joints)
    return Motion(joints.astype(np.float64), SMPL22.joints, HUMANML3D_FPS)


def captions(path: Path, frames: int) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """What is said of a file of ``new_joints``, from ``texts`` beside its folder.

    Returns
    -------
    the first description of the whole motion, "" without any; (first frame, frame behind the last, text) of
    those that describe a part.
    """
    texts = path.parent.parent / "texts" / f"{path.stem}.txt"
    if not texts.is_file():
        return "", ()
    whole = ""
    parts: list[tuple[int, int, str]] = []
    lines = texts.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines[:_MAX_CAPTIONS]:
        text, *rest = line.split("#")
        try:
            start, end = (float(value) for value in rest[1:3])
        except ValueError as error:
            raise DatasetError(f"{texts}: {line[:60]!r} is not text#words#start#end") from error
        if math.inf > end > start >= 0:
            first, last = round(start * HUMANML3D_FPS), min(round(end * HUMANML3D_FPS), frames)
            parts += [(first, last, text)] if last > first else []
        else:
            whole = whole or text
    return whole, tuple(parts)
