"""Arrays of joints, known by names and with their own axes, to skeleton frames with REP-103 axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS, joints_by_name
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

WORLD = "world"

# Joints that come without names are in one of these orders: that of the SDKs of Kinect v1, v2 and Azure, of
# OpenPose's two models (the first is ROS4HRI's too), of Human3.6M's 17, and of CMU's recordings as BVH with
# the seven end sites.
_KINECT_LIMBS = (
    "shoulder_left elbow_left wrist_left hand_left shoulder_right elbow_right wrist_right hand_right "
    "hip_left knee_left ankle_left foot_left hip_right knee_right ankle_right foot_right"
)
_OPENPOSE_ARMS = "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist"
_LEGS = "right_hip right_knee right_ankle left_hip left_knee left_ankle"
_ORDERS = {
    "kinect20": f"hip_center spine shoulder_center head {_KINECT_LIMBS}",
    "kinect25": (
        f"spine_base spine_mid neck head {_KINECT_LIMBS} "
        "spine_shoulder hand_tip_left thumb_left hand_tip_right thumb_right"
    ),
    "azure32": (
        "pelvis spine_navel spine_chest neck "
        "clavicle_left shoulder_left elbow_left wrist_left hand_left handtip_left thumb_left "
        "clavicle_right shoulder_right elbow_right wrist_right hand_right handtip_right thumb_right "
        "hip_left knee_left ankle_left foot_left hip_right knee_right ankle_right foot_right "
        "head nose eye_left ear_left eye_right ear_right"
    ),
    "openpose18": f"{_OPENPOSE_ARMS} {_LEGS} left_eye right_eye left_ear right_ear",
    "openpose25": (
        f"{_OPENPOSE_ARMS} mid_hip {_LEGS} right_eye left_eye right_ear left_ear left_big_toe "
        "left_small_toe left_heel right_big_toe right_small_toe right_heel"
    ),
    "h36m17": (
        "hip right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax neck head "
        "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist"
    ),
    "cmu38": (
        "Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase LeftToeBaseEnd "
        "RHipJoint RightUpLeg RightLeg RightFoot RightToeBase RightToeBaseEnd "
        "LowerBack Spine Spine1 Neck Neck1 Head HeadEnd "
        "LeftShoulder LeftArm LeftForeArm LeftHand LeftFingerBase LeftHandIndex1 LeftHandIndex1End "
        "LThumb LThumbEnd RightShoulder RightArm RightForeArm RightHand RightFingerBase RightHandIndex1 "
        "RightHandIndex1End RThumb RThumbEnd"
    ),
}
_NAMED: dict[str, tuple[str, ...]] = {
    **{name: tuple(order.split()) for name, order in _ORDERS.items()},
    **{name: joint_set.joints for name, joint_set in JOINT_SETS.items()},
}
# What a number of joints alone stands for: these two share theirs with a commoner one.
_BY_COUNT = {len(names): names for key, names in _NAMED.items() if key not in ("openpose25", "h36m17")}

_PELVIS, _NECK = (JOINT_SETS["smpl22"].index(joint) for joint in ("pelvis", "neck"))

# x, y, z of REP-103 (forward, left, up) from the axes of a file, as the index of the column and its sign.
_AXES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "z up": ((0, 1, 2), (1, 1, 1)),
    "y up": ((2, 0, 1), (1, 1, 1)),
    "y down": ((2, 0, 1), (1, -1, -1)),
}


def names_of(count: int) -> tuple[str, ...]:
    """Names of ``count`` joints that come without; KeyError where no known skeleton has so many."""
    return _BY_COUNT[count]


def known_counts() -> tuple[int, ...]:
    """How many joints the known skeletons have."""
    return tuple(sorted(_BY_COUNT))


def names_in(joint_set: str) -> tuple[str, ...]:
    """Names of the joints of a set in their order.

    Raises
    ------
    DatasetError : no such set.
    """
    if joint_set not in _NAMED:
        raise DatasetError(f"joint set {joint_set!r} is none of {', '.join(sorted(_NAMED))}")
    return _NAMED[joint_set]


def guess_axes(joints: NDArray[np.floating], joint_names: Sequence[str]) -> str:
    """Which way a file's axes point: "z up" (REP-103), "y up" (motion capture) or "y down" (a camera's).

    The way from pelvis to neck, on the average of all frames, decides: people are mostly upright. "y up",
    the habit of motion files, where that says nothing (nobody seen, or mostly lying).

    Parameters
    ----------
    joints : (T, J, 3).
    joint_names : J names.
    """
    body = joints_by_name(joint_names, joints)
    spine = body[:, _NECK] - body[:, _PELVIS]
    spine = spine[np.isfinite(spine).all(axis=1)]
    length = float(np.linalg.norm(spine, axis=1).mean()) if len(spine) else 0.0
    if length == 0:
        return "y up"
    _, y, z = spine.mean(axis=0) / length
    best, axes = max((y, "y up"), (z, "z up"), (-y, "y down"))
    return axes if best > 0.5 else "y up"


def to_rep103(joints: NDArray[np.floating], axes: str) -> NDArray[np.float64]:
    """(..., 3) with x forward, y left, z up from axes that :func:`guess_axes` named."""
    columns, signs = _AXES[axes]
    return joints[..., columns].astype(np.float64) * np.array(signs, dtype=np.float64)


def skeleton(joints: NDArray[np.floating], joint_names: Sequence[str], axes: str, track_id: str) -> Skeleton:
    """One person, as smpl22, from (J, 3) joints in metres; confidence 1 where a joint is there."""
    body = to_rep103(joints_by_name(joint_names, joints), axes)
    seen = np.asarray(np.isfinite(body).all(axis=1), dtype=np.float32)
    return Skeleton(track_id, "smpl22", body, seen, np.zeros((0, 2), np.float32))


def skeleton_frames(
    joints: NDArray[np.floating],
    joint_names: Sequence[str],
    fps: float,
    axes: str,
    *,
    track_id: str = "1",
    start: int = 0,
) -> Iterator[SkeletonFrame]:
    """The frames of one person's motion.

    Parameters
    ----------
    joints : (T, J, 3) metres, NaN where unseen.
    joint_names : J names that :func:`motion_seg_ros.skeleton.joint_sets.joints_by_name` understands.
    fps : frames a second; frame i is stamped ``start + round(i * 1e9 / fps)`` ns.
    axes : "z up", "y up" or "y down", of the file.
    """
    for index, row in enumerate(joints):
        stamp = start + round(index * 1e9 / fps)
        yield SkeletonFrame(stamp, WORLD, (skeleton(row, joint_names, axes, track_id),))


def guess_unit(joints: NDArray[np.floating], joint_names: Sequence[str]) -> tuple[str, float]:
    """The unit of a file that does not say it, with its metres: the one that makes the legs the likeliest.

    Hip to knee to ankle of an adult is about 0.85 m. Candidates are metres, centimetres, millimetres,
    inches and CMU's unit (inches / 0.45); a child recorded in centimetres may pass for a grown-up in
    inches, which harms nothing that is relative to the body's size.
    """
    body = joints_by_name(joint_names, joints)
    hip, knee, ankle = (body[:, JOINT_SETS["smpl22"].index(f"left_{j}")] for j in ("hip", "knee", "ankle"))
    leg = float(np.nanmedian(np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1)))
    units = {
        "metres": 1.0,
        "centimetres": 0.01,
        "millimetres": 0.001,
        "inches": 0.0254,
        "CMU units": 0.0254 / 0.45,
    }
    if not leg > 0:
        return "metres", 1.0
    name = min(units, key=lambda unit: abs(np.log(leg * units[unit] / 0.85)))
    return name, units[name]
