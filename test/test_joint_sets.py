"""Joint sets and their mapping to SMPL-22."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS, SMPL22, joints_by_name, to_smpl22

AT = SMPL22.index


def numbered(count: int, frames: int = 1) -> np.ndarray:
    """Every joint somewhere else, in every frame."""
    return np.random.default_rng(1).normal(size=(frames, count, 3))


@pytest.mark.parametrize("joint_set", JOINT_SETS.values(), ids=lambda item: item.name)
def test_a_set_is_consistent(joint_set):
    assert len(set(joint_set.joints)) == len(joint_set.joints) == int(joint_set.name[-2:])
    assert len(set(joint_set.bones)) == len(joint_set.bones)
    assert all(start != end for start, end in joint_set.bones)
    mirror = dict(joint_set.pairs) | {right: left for left, right in joint_set.pairs}
    for left, right in joint_set.pairs:
        assert joint_set.joints[left].replace("left", "right") == joint_set.joints[right]
    # Mirrored, the bones are the same bones.
    bones = {frozenset(bone) for bone in joint_set.bones}
    assert {frozenset(mirror.get(joint, joint) for joint in bone) for bone in bones} == bones


def test_blazepose_has_mediapipes_order():
    joints = JOINT_SETS["blazepose33"].joints
    assert [joints[i] for i in (0, 7, 11, 16, 23, 28, 31, 32)] == [
        "nose", "left_ear", "left_shoulder", "right_wrist",
        "left_hip", "right_ankle", "left_foot_index", "right_foot_index",
    ]  # fmt: skip


def test_blazepose_joints_and_what_is_derived_from_them():
    source, joints = JOINT_SETS["blazepose33"], numbered(33)
    mapped, _ = to_smpl22(joints, np.ones((1, 33)), "blazepose33")

    def given_at(name):
        return joints[0, source.index(name)]

    for name in ("left_knee", "right_wrist", "left_shoulder"):
        np.testing.assert_array_equal(mapped[0, AT(name)], given_at(name))
    np.testing.assert_array_equal(mapped[0, AT("right_foot")], given_at("right_foot_index"))
    pelvis = (given_at("left_hip") + given_at("right_hip")) / 2
    neck = (given_at("left_shoulder") + given_at("right_shoulder")) / 2
    expected = {
        "pelvis": pelvis,
        "neck": neck,
        "head": (given_at("left_ear") + given_at("right_ear")) / 2,
        "spine1": 0.8 * pelvis + 0.2 * neck,
        "spine2": (pelvis + neck) / 2,
        "spine3": 0.4 * pelvis + 0.6 * neck,
        "left_collar": (neck + given_at("left_shoulder")) / 2,
    }
    for name, point in expected.items():
        np.testing.assert_allclose(mapped[0, AT(name)], point, atol=1e-12, err_msg=name)


def test_a_missing_hip_spoils_only_what_hangs_on_it():
    joints = numbered(33)[0]
    joints[JOINT_SETS["blazepose33"].index("left_hip")] = np.nan
    mapped, confidence = to_smpl22(joints, np.ones(33), "blazepose33")
    missing = {name for name, point in zip(SMPL22.joints, mapped, strict=True) if np.isnan(point).any()}
    assert missing == {"left_hip", "pelvis", "spine1", "spine2", "spine3"}
    assert {name for name, c in zip(SMPL22.joints, confidence, strict=True) if c == 0} == missing


def test_a_derived_joint_is_as_trustworthy_as_its_weakest_source():
    confidence = np.ones(17)
    confidence[JOINT_SETS["coco17"].index("right_hip")] = 0.25
    _, mapped = to_smpl22(numbered(17)[0], confidence, "coco17")
    assert mapped[AT("pelvis")] == mapped[AT("spine2")] == np.float32(0.25)
    assert mapped[AT("neck")] == mapped[AT("left_knee")] == 1


def test_coco_has_no_feet():
    joints, confidence = to_smpl22(numbered(17)[0], np.ones(17), "coco17")
    feet = [AT("left_foot"), AT("right_foot")]
    assert np.isnan(joints[feet]).all()
    assert (confidence[feet] == 0).all()
    assert np.isfinite(np.delete(joints, feet, axis=0)).all()


def test_smpl_stays_as_it_is_and_is_not_shared():
    joints = numbered(22)[0]
    mapped, confidence = to_smpl22(joints, np.ones(22), "smpl22")
    np.testing.assert_array_equal(mapped, joints)
    mapped[0] = 7
    assert joints[0, 0] != 7
    assert confidence.dtype == np.float32


@given(
    st.sampled_from(sorted(JOINT_SETS)),
    st.lists(st.integers(0, 16), max_size=6, unique=True),
    st.integers(0, 3),
)
def test_batches_equal_single_frames_and_confidence_is_never_nan(joint_set, missing, frames):
    count = len(JOINT_SETS[joint_set].joints)
    joints, confidence = numbered(count, frames), np.full((frames, count), 0.5)
    joints[:, missing], confidence[:, missing] = np.nan, np.nan
    mapped, score = to_smpl22(joints, confidence, joint_set)
    assert mapped.shape == (frames, 22, 3)
    assert score.shape == (frames, 22)
    assert np.isfinite(score).all()
    np.testing.assert_array_equal(score == 0, np.isnan(mapped).any(-1))
    for frame in range(frames):
        single, _ = to_smpl22(joints[frame], confidence[frame], joint_set)
        np.testing.assert_array_equal(mapped[frame], single)


@pytest.mark.parametrize(
    ("joints", "confidence", "name"),
    [((33, 3), (33,), "openpose"), ((32, 3), (32,), "blazepose33"), ((33, 3), (32,), "blazepose33")],
)
def test_wrong_sets_and_shapes_are_refused(joints, confidence, name):
    with pytest.raises(ValueError, match=name):
        to_smpl22(np.zeros(joints), np.zeros(confidence), name)


SIDED = ["hip", "knee", "ankle", "shoulder", "elbow", "wrist"]
# What each dialect calls hip, knee, ankle, shoulder, elbow, wrist of the left; pelvis, neck, head.
DIALECTS = {
    "smpl": ("L_Hip L_Knee L_Ankle L_Shoulder L_Elbow L_Wrist", "Pelvis Neck Head", "L_Collar L_Foot Spine1"),
    "openpose": ("LHip LKnee LAnkle LShoulder LElbow LWrist", "MidHip Neck Head", "LBigToe LHeel"),
    "kinect": (
        "hip_left knee_left ankle_left shoulder_left elbow_left wrist_left",
        "hip_center shoulder_center head",
        "hand_left foot_left spine",
    ),
    "kinect v2": (
        "HipLeft KneeLeft AnkleLeft ShoulderLeft ElbowLeft WristLeft",
        "SpineBase Neck Head",
        "HandLeft FootLeft HandTipLeft SpineMid",
    ),
    "mixamo": (
        "mixamorig:LeftUpLeg mixamorig:LeftLeg mixamorig:LeftFoot mixamorig:LeftArm mixamorig:LeftForeArm "
        "mixamorig:LeftHand",
        "mixamorig:Hips mixamorig:Neck mixamorig:Head",
        "mixamorig:LeftShoulder mixamorig:LeftToeBase mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2",
    ),
    "bandai": (
        "UpperLeg_L LowerLeg_L Foot_L UpperArm_L LowerArm_L Hand_L",
        "Hips Neck Head",
        "Shoulder_L Toes_L Spine Chest",
    ),
    "unreal": (
        "thigh_l calf_l foot_l upperarm_l lowerarm_l hand_l",
        "pelvis neck_01 head",
        "clavicle_l ball_l spine_01 spine_02 spine_03",
    ),
    "daz": ("lThigh lShin lFoot lShldr lForeArm lHand", "hip neck head", "lCollar abdomen chest"),
    "cmu": (
        "lhipjoint lfemur ltibia lclavicle lhumerus lwrist",
        "root lowerneck upperneck",
        "lfoot ltoes lradius lhand lthumb head lowerback upperback thorax",
    ),
}


def mirrored(name: str) -> str:
    for left, right in (
        ("Left", "Right"),
        ("left", "right"),
        ("_L", "_R"),
        ("_l", "_r"),
        ("L", "R"),
        ("l", "r"),
    ):
        stem, prefix = name.rpartition(":")[2], name.rpartition(":")[0]
        if stem.startswith(left) or (stem.endswith(left) and left not in ("L", "l")):
            changed = right + stem[len(left) :] if stem.startswith(left) else stem[: -len(left)] + right
            return f"{prefix}:{changed}" if prefix else changed
    return name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_foreign_names_are_understood_in_any_order(dialect):
    sided, central, others = (words.split() for words in DIALECTS[dialect])
    names = list(
        dict.fromkeys(
            sided
            + [mirrored(name) for name in sided]
            + central
            + others
            + [mirrored(name) for name in others if mirrored(name) not in central + others]
        )
    )
    assert mirrored(sided[0]) != sided[0]
    np.random.default_rng(3).shuffle(names)
    joints = numbered(len(names), 2)
    mapped = joints_by_name(names, joints)
    wanted = {f"left_{part}": name for part, name in zip(SIDED, sided, strict=True)}
    wanted |= {f"right_{part}": mirrored(name) for part, name in zip(SIDED, sided, strict=True)}
    wanted |= dict(zip(("pelvis", "neck", "head"), central, strict=True))
    for joint, name in wanted.items():
        np.testing.assert_array_equal(
            mapped[:, AT(joint)], joints[:, names.index(name)], err_msg=f"{joint} {name}"
        )


def test_names_without_a_body_are_refused():
    with pytest.raises(ValueError, match=r"no left_hip.* among the joint names a, b"):
        joints_by_name(["a", "b"], np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="2 joint names need"):
        joints_by_name(["a", "b"], np.zeros((1, 3, 3)))


@pytest.mark.parametrize(
    "recording", ["utkinect/utkinect_s01_e01.npz", "cmu_mocap/cmu86_01.npz", "bandai_namco/motions.npz"]
)
def test_recordings_have_bodies_of_human_shape(data_dir, recording):
    with np.load(data_dir / recording, allow_pickle=False) as data:
        names, joints = [str(name) for name in data["joint_names"]], data["joints"][:200].astype(float)
    mapped = joints_by_name(names, joints)
    assert np.isfinite(mapped).all()
    for start, end, least, greatest in (
        ("left_hip", "left_knee", 0.25, 0.6),
        ("right_knee", "right_ankle", 0.25, 0.6),
        ("left_shoulder", "left_elbow", 0.15, 0.4),
        ("right_elbow", "right_wrist", 0.12, 0.4),
        ("pelvis", "neck", 0.3, 0.7),
        ("neck", "head", 0.03, 0.3),
    ):
        length = np.median(np.linalg.norm(mapped[:, AT(start)] - mapped[:, AT(end)], axis=-1))
        assert least < length < greatest, (start, end, length)
    height = np.median(mapped[:, :, 1], axis=0)  # These recordings are y-up.
    order = [
        AT(name)
        for name in ("left_foot", "left_knee", "pelvis", "spine1", "spine2", "spine3", "neck", "head")
    ]
    assert (np.diff(height[order]) > 0).all()
