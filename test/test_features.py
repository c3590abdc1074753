import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.skeleton.features import BODY, FEATURES, SkeletonFeatures

STANDING = np.array(
    [
        *([0, 0, 1.0], [0, 0.1, 0.95], [0, -0.1, 0.95], [0, 0, 1.1], [0, 0.1, 0.5], [0, -0.1, 0.5]),
        *([0, 0, 1.2], [0, 0.1, 0.1], [0, -0.1, 0.1], [0, 0, 1.3], [0.1, 0.1, 0.0], [0.1, -0.1, 0.0]),
        *([0, 0, 1.5], [0, 0.1, 1.4], [0, -0.1, 1.4], [0, 0, 1.7], [0, 0.2, 1.4], [0, -0.2, 1.4]),
        *([0, 0.3, 1.15], [0, -0.3, 1.15], [0, 0.3, 0.9], [0, -0.3, 0.9]),
    ]
)
SEEN = np.ones(22)


def wave(time):
    joints = STANDING.copy()
    joints[20] += [0.2 * np.sin(4 * time), 0.1, 0.3 * np.cos(4 * time)]
    return joints


def run(frames, fps=30.0, confidence=None):
    maker = SkeletonFeatures()
    trust = [SEEN] * len(frames) if confidence is None else confidence
    return [
        maker.update(round(i * 1e9 / fps), f, c) for i, (f, c) in enumerate(zip(frames, trust, strict=True))
    ]


@settings(max_examples=20, deadline=None)
@given(yaw=st.floats(-3.1, 3.1), x=st.floats(-5, 5), y=st.floats(-5, 5), size=st.floats(0.5, 2.0))
def test_place_heading_and_size_make_no_difference(yaw, x, y, size):
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    plain = run([wave(t / 30) for t in range(30)])
    moved = run([size * wave(t / 30) @ turn.T + [x, y, 0.3] for t in range(30)])
    np.testing.assert_allclose(plain, moved, atol=1e-6)


def test_facing_forward_is_x():
    joints = STANDING.copy()
    joints[20] = joints[18] + [0.3, 0, 0]
    [features] = run([joints])
    assert features.shape == (FEATURES,)
    wrist = 3 * BODY.index(20)
    elbow = 3 * BODY.index(18)
    assert features[wrist] - features[elbow] > 0.3
    assert features[wrist + 1] == pytest.approx(features[elbow + 1])


@pytest.mark.parametrize("fps", [10, 15, 30, 60])
def test_speeds_are_per_second_at_every_rate(fps):
    frames = [STANDING + np.array([0.5, 0, 0.2]) * i / fps for i in range(fps)]
    raised = [f + np.eye(22)[20][:, None] * [0, 0, i / fps] for i, f in enumerate(frames)]
    features = run(raised, fps)[-1]
    size = (0.5 + np.hypot(0.45, 0) * 2 + 0.4 * 2) / 5
    wrist = 3 * len(BODY) + BODY.index(20)
    assert features[wrist] == pytest.approx(1.0 / size, rel=1e-6)
    assert features[-4] == pytest.approx(0.5 / size, rel=1e-6)
    assert features[-3] == pytest.approx(0.2 / size, rel=1e-6)
    assert features[-1] == pytest.approx(0.0, abs=1e-9)


def test_a_turning_person_has_a_rate_of_turning_and_still_limbs():
    frames = []
    for i in range(60):
        c, s = np.cos(i / 30), np.sin(i / 30)
        frames.append(STANDING @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T)
    features = run(frames)[-1]
    assert features[-1] == pytest.approx(1.0, rel=0.02)
    assert features[3 * len(BODY) : -4].max() < 0.2


def test_a_missing_joint_keeps_its_place_and_an_unsure_one_moves_slowly():
    frames = [wave(0.0)] * 5 + [wave(0.5)] * 3
    hidden = [f.copy() for f in frames]
    for frame in hidden[5:]:
        frame[20] = np.nan
    wrist = slice(3 * BODY.index(20), 3 * BODY.index(20) + 3)
    before = run(frames[:5])[-1][wrist]
    np.testing.assert_array_equal(run(hidden)[-1][wrist], before)
    unsure = [SEEN] * 5 + [np.where(np.arange(22) == 20, 0.1, 1.0)] * 3
    sure, slow = run(frames)[5][wrist], run(frames, confidence=unsure)[5][wrist]
    np.testing.assert_allclose(slow - before, 0.2 * (sure - before), atol=1e-9)


@pytest.mark.parametrize("lost", [[0], list(BODY[:7])])
def test_too_little_of_a_body_is_no_features(lost):
    joints = STANDING.copy()
    joints[lost] = np.nan
    assert run([joints]) == [None]
    assert run([np.full((22, 3), np.nan)]) == [None]
    assert run([STANDING], confidence=[np.zeros(22)]) == [None]


def test_a_body_in_one_point_is_no_features():
    assert run([np.zeros((22, 3))]) == [None]


def test_features_of_any_frames_are_finite():
    rng = np.random.default_rng(0)
    frames = [STANDING + 3 * rng.standard_normal((22, 3)) for _ in range(40)]
    for frame in frames:
        frame[rng.random(22) < 0.3] = np.nan
    made = [f for f in run(frames) if f is not None]
    assert made
    assert np.isfinite(made).all()
