"""Inputs of the concept encoder: the same motion gives the same numbers, frame by frame or at once."""

from __future__ import annotations

import numpy as np
import pytest
from motion import SECOND, frames, pose

from motion_seg_ros.skeleton.joint_sets import JOINT_SETS, SMPL22, joints_by_name
from motion_seg_ros.skeleton.motion_inputs import (
    INPUTS,
    MOTION,
    POSITIONS,
    RATE,
    SEEN,
    VELOCITIES,
    MotionInputs,
    extend_together,
    mirrored,
    motion_inputs,
)
from motion_seg_ros.skeleton.standard_body import body_joints


def clip(seconds: float = 4.0, fps: float = 30.0) -> np.ndarray:
    """(T, 22, 3) of somebody who waves, squats and walks a curve."""
    joints = np.stack(
        [f.skeletons[0].joints for f in frames([("wave", seconds / 2), ("squat", seconds / 2)], rate=fps)]
    )
    turn = np.linspace(0, 1.5, len(joints))
    cos, sin = np.cos(turn), np.sin(turn)
    joints = np.stack(
        (cos[:, None] * joints[..., 0] - sin[:, None] * joints[..., 1],
         sin[:, None] * joints[..., 0] + cos[:, None] * joints[..., 1],
         joints[..., 2] + 0.95), axis=-1)  # fmt: skip
    joints[..., 0] += 2 * turn[:, None]
    return joints


def streamed(joints: np.ndarray, fps: float, confidence: np.ndarray | None = None) -> np.ndarray:
    stream = MotionInputs()
    trust = np.ones(joints.shape[:2]) if confidence is None else confidence
    return np.array(
        [
            s
            for i, (j, c) in enumerate(zip(joints, trust, strict=True))
            for s in stream.extend([round(i * 1e9 / fps)], j[None], c[None])
        ]
    )


@pytest.mark.parametrize("fps", [12.5, 30.0, 60.0])
def test_frame_by_frame_is_the_whole_clip_and_a_batch_is_each_of_it(fps):
    joints = clip(fps=fps)
    joints[20:30, [20, 7]] = np.nan
    whole = motion_inputs(joints, fps)
    assert whole.dtype == np.float32
    assert whole.shape[1] == INPUTS
    np.testing.assert_array_equal(streamed(joints, fps), whole)
    both = MotionInputs((2,))
    rows = [
        step
        for i in range(len(joints))
        for step in both.extend([round(i * 1e9 / fps)], joints[None, [i, -i - 1]], np.ones((1, 2, 22)))
    ]
    np.testing.assert_array_equal(np.array(rows)[:, 0], whole)


def test_any_parts_of_a_clip_are_the_whole_clip():
    joints, trust = clip(40.0), np.ones((1200, 22))
    joints[700:800, [1, 20, 7]] = np.nan
    joints[:3, [2, 16]] = np.nan
    stamps = [SECOND + round(i * 1e9 / RATE) for i in range(len(joints))]
    whole = MotionInputs().extend(stamps, joints, trust)
    assert whole.shape == (1199, INPUTS)
    cuts = np.sort(np.random.default_rng(0).choice(len(joints), 30, replace=False))
    stream = MotionInputs()
    parts = [
        stream.extend(stamps[first:last], joints[first:last], trust[first:last])
        for first, last in zip([0, *cuts], [*cuts, len(joints)], strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(ValueError, match="stamps must rise"):
        MotionInputs().extend([1, 3, 3], joints[:3], trust[:3])


@pytest.mark.parametrize("fps", [12.5, 30.0, 200.0])
def test_people_together_are_people_alone(fps):
    joints, origin = clip(fps=fps), SECOND + 12345
    joints[20:30, [20, 7]] = np.nan
    stamps = [origin + round(i * 1e9 / fps) for i in range(len(joints))]
    sure = np.ones((len(joints), 3, 22))
    alone, crowd = ([MotionInputs() for _ in range(3)] for _ in range(2))
    begun = np.array([0, 3, 7])  # they come one after another and are taken in parts
    for stream, other, first in zip(alone, crowd, begun, strict=True):
        for one in (stream, other):
            one.extend(stamps[first:8], joints[first:8], sure[first:8, 0])
    told = 0
    for part in np.array_split(np.arange(8, len(joints)), 25):
        now, rows = [stamps[i] for i in part], joints[part[:, None] - begun]
        steps = extend_together(crowd, now, rows, sure[part])
        for person, found in enumerate(steps):
            expected = alone[person].extend(now, rows[:, person], sure[part, person])
            np.testing.assert_array_equal(found, expected)
            told += len(found)
    assert told > 300
    with pytest.raises(ValueError, match="stamps must rise"):
        extend_together(crowd[::2], now[-1:], rows[-1:, ::2], sure[:1, ::2])
    with pytest.raises(ValueError, match="different times"):
        extend_together([MotionInputs(), *crowd], [now[-1] + 1], rows[-1:, [0, 0, 1, 2]], np.ones((1, 4, 22)))


def test_nothing_looks_ahead():
    joints = clip()
    changed = joints.copy()
    changed[60:] += np.random.default_rng(0).normal(0, 0.2, changed[60:].shape)
    # The step that ends with frame 60 is the first to know of it.
    np.testing.assert_array_equal(motion_inputs(changed, RATE)[:59], motion_inputs(joints, RATE)[:59])
    assert not np.array_equal(motion_inputs(changed, RATE)[60:], motion_inputs(joints, RATE)[60:])


def test_place_heading_and_size_do_not_matter():
    joints = clip()
    cos, sin = np.cos(2.0), np.sin(2.0)
    other = 1.3 * joints @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]]) + [5, -3, 0.2]
    np.testing.assert_allclose(motion_inputs(other, RATE), motion_inputs(joints, RATE), atol=1e-5)


def test_limb_lengths_do_not_matter():
    joints = clip()
    longer = joints.copy()
    for a, b in (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")):
        a, b = SMPL22.index(a), SMPL22.index(b)
        longer[:, b] = joints[:, a] + 1.4 * (joints[:, b] - joints[:, a])
    np.testing.assert_allclose(motion_inputs(longer, RATE), motion_inputs(joints, RATE), atol=1e-6)


@pytest.mark.parametrize("joint_set", ["blazepose33", "coco17"])
def test_other_skeletons_of_the_same_motion_look_alike(joint_set):
    joints = clip()
    names = JOINT_SETS[joint_set].joints
    ear = joints[:, SMPL22.index("head")]
    toe = {"left_foot_index": "left_foot", "right_foot_index": "right_foot"}
    own = [toe.get(name, name) for name in names]
    other = np.stack([joints[:, SMPL22.index(n)] if n in SMPL22.joints else ear for n in own], axis=1)
    expected, found = motion_inputs(joints, RATE), motion_inputs(joints_by_name(names, other), RATE)
    there = found[:, SEEN] == 1
    assert there.sum() >= 13 * len(found)
    for part in (POSITIONS, VELOCITIES):
        difference = np.abs(expected[:, part] - found[:, part]).reshape(len(found), -1, 3)
        assert difference[there].max() < 1e-5
    np.testing.assert_allclose(found[:, MOTION], expected[:, MOTION], atol=1e-5)


def test_left_and_right_are_told_apart():
    joints = clip()
    other = joints * [1, -1, 1]
    for a, b in SMPL22.pairs:
        other[:, [a, b]] = other[:, [b, a]]
    inputs = motion_inputs(joints, RATE)
    np.testing.assert_allclose(motion_inputs(other, RATE), mirrored(inputs), atol=1e-5)
    assert np.abs(mirrored(inputs) - inputs).max() > 0.3


def test_what_is_not_seen_is_masked_and_hides_what_hangs_on_it():
    joints, trust = clip(1.0), np.ones((30, 22))
    trust[10:20, SMPL22.index("left_elbow")] = 0.1
    joints[10:20, SMPL22.index("right_hip")] = np.nan
    joints[22:, SMPL22.index("head")] = np.nan
    inputs = streamed(joints, RATE, trust)
    assert np.isfinite(inputs).all()
    assert not inputs[10:18, SEEN].any()  # without a hip nothing hangs together
    assert (inputs[21:, SEEN].sum(axis=1) == 14).all()
    assert not inputs[21:, POSITIONS][:, :3].any()
    assert np.abs(inputs[:, VELOCITIES]).max() < 10


def test_the_body_comes_back():
    inputs = motion_inputs(np.repeat(pose("squat", 0.7)[None], 10, axis=0), RATE)
    found = body_joints(inputs[:, POSITIONS])
    assert found.shape == (len(inputs), 22, 3)
    np.testing.assert_allclose(motion_inputs(found, RATE), inputs[:-1], atol=1e-5)


def test_stamps_must_rise_and_steps_have_times():
    stream = MotionInputs()
    poses = np.stack([pose("stand", 0), pose("stand", 1)])
    assert len(stream.extend([SECOND, 2 * SECOND], poses, np.ones((2, 22)))) == 30
    assert stream.time_of(3) == SECOND + 99_999_999
    with pytest.raises(ValueError, match="stamps must rise"):
        stream.extend([2 * SECOND], poses[1:], np.ones((1, 22)))
