"""Axes, units and joints of motion files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motion import frames

from motion_seg_ros.datasets.labelled import load_clips
from motion_seg_ros.datasets.skeletons import (
    guess_axes,
    guess_unit,
    known_counts,
    names_of,
    skeleton_frames,
    to_rep103,
)
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS, joints_by_name

NAMES = JOINT_SETS["smpl22"].joints
SQUATS = np.stack([frame.skeletons[0].joints for frame in frames([("squat", 2.0)])])
FROM_REP103 = {
    "z up": lambda p: p,
    "y up": lambda p: p[..., [1, 2, 0]],
    "y down": lambda p: p[..., [1, 2, 0]] * [-1, -1, 1],
}


@pytest.mark.parametrize("axes", FROM_REP103)
def test_axes_are_guessed_from_upright_people_and_undone(axes: str) -> None:
    stored = FROM_REP103[axes](SQUATS)
    assert guess_axes(stored, NAMES) == axes
    np.testing.assert_array_equal(to_rep103(stored, axes), SQUATS)


@pytest.mark.parametrize("axes", FROM_REP103)
def test_turning_is_a_rotation_not_a_reflection(axes: str) -> None:
    matrix = to_rep103(np.eye(3), axes)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_lying_or_unseen_people_leave_the_habit_of_motion_files() -> None:
    lying = SQUATS[..., [2, 1, 0]]
    assert guess_axes(lying, NAMES) == "y up"
    assert guess_axes(np.full_like(SQUATS, np.nan), NAMES) == "y up"


@pytest.mark.parametrize(
    ("unit", "metres"),
    [
        ("metres", 1),
        ("centimetres", 0.01),
        ("millimetres", 0.001),
        ("inches", 0.0254),
        ("CMU units", 0.0254 / 0.45),
    ],
)
def test_units_are_guessed_from_the_legs(unit: str, metres: float) -> None:
    assert guess_unit(SQUATS / metres, NAMES) == (unit, pytest.approx(metres))


def test_frames_have_stamps_confidence_and_one_person() -> None:
    joints = SQUATS[:4].copy()
    joints[1, 5, 0] = np.nan
    found = list(skeleton_frames(joints, NAMES, 30.0, "z up", start=5))
    assert [frame.stamp for frame in found] == [5, 33333338, 66666672, 100000005]
    assert {(frame.frame_id, len(frame.skeletons)) for frame in found} == {("world", 1)}
    person = found[1].skeletons[0]
    assert (person.track_id, person.joint_set, person.image_xy.shape) == ("1", "smpl22", (0, 2))
    assert (person.confidence == 0).nonzero()[0].tolist() == [5]
    assert person.joints.dtype == np.float64
    assert person.confidence.dtype == np.float32


def test_every_known_number_of_joints_is_a_whole_body() -> None:
    for count in known_counts():
        names = names_of(count)
        assert len(names) == count
        numbered = np.arange(count * 3.0).reshape(count, 3)
        body = joints_by_name(names, numbered)
        assert np.isfinite(body[[0, 1, 2, 4, 5, 12, 15, 16, 17, 18, 19]]).all(), names
        # Left and right are not the same joint.
        assert not np.array_equal(body[1], body[2])


def test_nameless_joints_of_the_shared_clips_are_a_human(data_dir: Path) -> None:
    """CMU as BVH with end sites, 38 joints: legs of equal length, arms of equal length, head above neck."""
    clips, names, _ = load_clips(data_dir / "cmu_motions" / "eight_actions.npz")
    assert names == ()
    joints = np.concatenate([clip.joints[::50] for clip in clips]).astype(float)
    body = joints_by_name(names_of(38), joints)
    smpl = JOINT_SETS["smpl22"]
    for upper, lower, length in (("hip", "knee", 0.43), ("knee", "ankle", 0.41), ("shoulder", "elbow", 0.28)):
        for side in ("left", "right"):
            bone = body[:, smpl.index(f"{side}_{upper}")] - body[:, smpl.index(f"{side}_{lower}")]
            assert np.median(np.linalg.norm(bone, axis=1)) == pytest.approx(length, abs=0.05)
    up = body[:, smpl.index("head"), 1] - body[:, smpl.index("pelvis"), 1]
    assert np.median(up) == pytest.approx(0.5, abs=0.15)
