"""AMASS: the parameters of SMPL+H or SMPL-X over time in .npz files (Mahmood et al. 2019).

The parameters become joints through the body model, whose licence forbids to ship it. Whoever has it gives a
function, for instance with the ``smplx`` package::

    def joints(poses, trans, betas, gender):
        body = smplx.create(FOLDER, "smplh", gender=gender, batch_size=len(poses), num_betas=len(betas))
        told = body(
            global_orient=tensor(poses[:, :3]), body_pose=tensor(poses[:, 3:66]),
            betas=tensor(betas).expand(len(poses), -1), transl=tensor(trans),
        )
        return told.joints[:, :22].detach().numpy()

Files that hold ``joints`` (T, 22 or more, 3) beside AMASS's rate, made so beforehand, are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.datasets.motion import Motion, check_places
from motion_seg_ros.skeleton.joint_sets import SMPL22

# (T, 22 or more, 3) metres from poses (T, P) radians, translations (T, 3), betas (B,) and the gender. SMPL's
# models have the 22 joints of the body first.
BodyModel: TypeAlias = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], str], NDArray[np.floating]
]

_RATES = ("mocap_framerate", "mocap_frame_rate")


def is_amass(archive: Archive) -> bool:
    """Whether an .npz is one of AMASS: it has a rate under AMASS's name, or poses."""
    return any(key in archive for key in (*_RATES, "poses"))


def load_amass(archive: Archive, body_model: BodyModel | None) -> Motion:
    """Joints of one file of AMASS.

    Raises
    ------
    DatasetError : there are only parameters and no model is given, or an array is missing or contradicts.
    """
    path = archive.path
    fps = _rate(archive)
    if "joints" in archive:
        joints = archive.joints()[0].astype(np.float64)
    elif body_model is None:
        raise DatasetError(
            f"{path} holds the parameters of a body model, not joints: give a function that makes joints of "
            f"them, or store joints (T, 22, 3) in the file"
        )
    else:
        joints = _from_model(archive, body_model)
    if joints.ndim != 3 or joints.shape[1] < 22 or joints.shape[2] != 3 or not np.isfinite(joints).all():
        raise DatasetError(f"{path}: the joints must be finite and (T, 22 or more, 3), not {joints.shape}")
    check_places(path, joints)
    return Motion(joints[:, :22], SMPL22.joints, fps)


def _rate(archive: Archive) -> float:
    key = next((key for key in (*_RATES, "fps") if key in archive), "")
    if not key:
        raise DatasetError(f"{archive.path} does not say its rate: {_RATES[0]} is missing")
    return archive.fps(key)


def _from_model(archive: Archive, body_model: BodyModel) -> NDArray[np.float64]:
    poses, trans = (archive.array(key, "f", 2).astype(np.float64) for key in ("poses", "trans"))
    betas = archive.array("betas", "f", 1).astype(np.float64) if "betas" in archive else np.zeros(16)
    if trans.shape != (len(poses), 3) or poses.shape[1] < 66:
        raise DatasetError(
            f"{archive.path}: poses (T, 66 or more) and trans (T, 3) needed, not {poses.shape}, {trans.shape}"
        )
    if not (np.isfinite(poses).all() and np.isfinite(trans).all() and np.isfinite(betas).all()):
        raise DatasetError(f"{archive.path}: poses, trans and betas must be finite")
    joints = np.asarray(body_model(poses, trans, betas, _gender(archive)), np.float64)
    if joints.shape[:1] != poses.shape[:1]:
        raise DatasetError(f"{archive.path}: the body model gave {joints.shape} for {len(poses)} frames")
    return joints


def _gender(archive: Archive) -> str:
    """As text; AMASS has it as text, as bytes, and wrapped in Python objects, which are not read."""
    try:
        value = archive.array("gender", "US", 0).item()
    except DatasetError:
        return "neutral"
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
