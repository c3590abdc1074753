"""Made-up motion is a person's: bones keep their lengths, feet the ground, left and right their sides."""

from __future__ import annotations

import numpy as np
import pytest

from motion_seg_ros.humocon.synthesis import SYNTHESIS_FPS, synthetic_sequence, vocabulary
from motion_seg_ros.skeleton.joint_sets import SMPL22

INDEX = {name: i for i, name in enumerate(SMPL22.joints)}


def doing(name: str, seed: int = 0, seconds: float = 6.0) -> np.ndarray:
    """(T, 22, 3) of the frames that carry the name, by somebody asked to do only that."""
    sequence = synthetic_sequence(np.random.default_rng(seed), seconds, [name])
    joints = sequence.joints[sequence.labels == sequence.names.index(name)]
    assert len(joints) > 10
    return joints


def facing(joints: np.ndarray) -> np.ndarray:
    """(T, 2) unit vectors to the front: the way from the right to the left hip turned by -90 degrees."""
    left = joints[:, INDEX["left_hip"], :2] - joints[:, INDEX["right_hip"], :2]
    front = np.stack((left[:, 1], -left[:, 0]), axis=1)
    return front / np.linalg.norm(front, axis=1, keepdims=True)


def heading_change(joints: np.ndarray) -> float:
    angle = np.unwrap(np.arctan2(*facing(joints).T[::-1]))
    return float(angle[-1] - angle[0])


def way(joints: np.ndarray) -> np.ndarray:
    """(forward, left) metres gone, each step in the frame of the body at the time."""
    front = facing(joints)[:-1]
    step = np.diff(joints[:, 0, :2], axis=0)
    return np.array([(step * front).sum(), (step * np.stack((-front[:, 1], front[:, 0]), axis=1)).sum()])


def reach(joints: np.ndarray, side: str) -> float:
    """How far the wrist gets from its shoulder while the arm does not hang, metres."""
    arm = joints[:, INDEX[f"{side}_wrist"]] - joints[:, INDEX[f"{side}_shoulder"]]
    length = np.linalg.norm(arm, axis=1)
    return float(np.quantile(length[arm[:, 2] > -0.4 * length], 0.98))


@pytest.mark.parametrize("name", vocabulary())
def test_every_motion_is_possible_for_a_body(name: str) -> None:
    joints = synthetic_sequence(np.random.default_rng(len(name)), 5.0, [name]).joints
    assert joints.shape == (150, 22, 3)
    assert np.isfinite(joints).all()
    bones = np.array(SMPL22.bones)
    lengths = np.linalg.norm(joints[:, bones[:, 0]] - joints[:, bones[:, 1]], axis=2)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    assert lengths.max() < 0.7
    # Nothing is under the ground, nobody floats for long, nothing is faster than a thrown hand.
    assert joints[..., 2].min() > -0.02
    assert np.median(joints[..., 2].min(axis=1)) < 0.12
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2) * SYNTHESIS_FPS
    assert speed.max() < 18
    # No jumps, between motions neither: a tenth of CMU's trials accelerate more than this between two frames.
    assert np.linalg.norm(np.diff(joints, 2, axis=0), axis=2).max() < 0.4


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_named_side_does_it(side: str) -> None:
    other = "right" if side == "left" else "left"
    for seed in range(5):
        waving = doing(f"wave with the {side} hand", seed)
        assert (waving[:, INDEX[f"{side}_wrist"], 2] > waving[:, INDEX["spine3"], 2]).mean() > 0.5
        assert (waving[:, INDEX[f"{other}_wrist"], 2] < waving[:, INDEX["spine3"], 2]).all()
        kicking = doing(f"kick with the {side} foot", seed)
        assert np.ptp(kicking[:, INDEX[f"{side}_ankle"], 2]) > 2 * np.ptp(
            kicking[:, INDEX[f"{other}_ankle"], 2]
        )
        punching = doing(f"punch with the {side} hand", seed)
        assert reach(punching, side) > 1.05 * reach(punching, other)
        sign = 1 if side == "left" else -1
        assert sign * way(doing(f"step to the {side}", seed))[1] > 0.5
        assert sign * heading_change(doing(f"turn {side} in place", seed)) > 1.0
        assert sign * heading_change(doing(f"walk forward turning {side}", seed)) > 0.7


def test_walking_gets_along_at_a_walk() -> None:
    speeds = []
    for seed in range(12):
        walked, backwards, ran = (
            way(doing(name, seed))[0] for name in ("walk forward", "walk backwards", "run")
        )
        assert backwards < -0.5
        assert ran > walked > 1.0
        speeds.append(walked / 6)
    assert 0.7 < np.median(speeds) < 1.8


def test_the_standing_foot_stands() -> None:
    """In a walk the lower ankle hardly moves while the hips pass over it."""
    joints = doing("walk forward", 4)
    ankles = joints[:, [INDEX["left_ankle"], INDEX["right_ankle"]]]
    lower = ankles[..., 2].argmin(axis=1)[:-1]
    slip = np.linalg.norm(np.diff(ankles[..., :2], axis=0), axis=2)[np.arange(len(lower)), lower]
    hips = np.linalg.norm(np.diff(joints[:, 0, :2], axis=0), axis=1)
    assert np.median(slip) < 0.35 * np.median(hips)


def test_postures_are_taken_before_what_needs_them() -> None:
    sequence = synthetic_sequence(np.random.default_rng(2), 40.0, ["walk forward", "clap while sitting"])
    assert set(sequence.names) == {"walk forward", "clap while sitting", "sit down", "stand up from a chair"}
    height = {
        name: np.median(sequence.joints[sequence.labels == i, 0, 2]) for i, name in enumerate(sequence.names)
    }
    assert height["clap while sitting"] < 0.75 * height["walk forward"]


def test_labels_belong_to_frames_and_the_seed_decides() -> None:
    first, again, other = (synthetic_sequence(np.random.default_rng(seed), 12.3) for seed in (5, 5, 6))
    assert len(first.joints) == len(first.labels) == 369
    assert set(first.labels) == set(range(len(first.names)))
    np.testing.assert_array_equal(first.joints, again.joints)
    assert first.names == again.names
    assert first.joints.shape == other.joints.shape
    assert not np.allclose(first.joints, other.joints)


def test_people_differ_and_so_do_their_walks() -> None:
    people = [doing("walk forward", seed) for seed in range(30)]
    heights = [np.median(joints[:, INDEX["head"], 2]) for joints in people]
    assert np.ptp(heights) > 0.3
    speeds = [way(joints)[0] / len(joints) for joints in people]
    assert np.std(speeds) / np.mean(speeds) > 0.1


def test_everything_is_done_sooner_or_later() -> None:
    rng = np.random.default_rng(0)
    done = {name for _ in range(40) for name in synthetic_sequence(rng, 60.0).names}
    assert len(done) > 0.6 * len(vocabulary())


def test_unknown_words_and_no_time_are_refused() -> None:
    with pytest.raises(ValueError, match="fly"):
        synthetic_sequence(np.random.default_rng(0), 5.0, ["fly"])
    with pytest.raises(ValueError, match="0 s"):
        synthetic_sequence(np.random.default_rng(0), 0.0)


def test_things_are_done_in_several_ways() -> None:
    """A box comes from a squat or a stoop, a chair is left with hands on knees or arms forward."""
    knees, trunks = [], []
    for seed in range(24):
        picking = doing("pick up a box with both hands", seed)
        lowest = picking[picking[:, INDEX["right_wrist"], 2].argmin()]
        thigh, shank = (
            lowest[INDEX[a]] - lowest[INDEX[b]]
            for a, b in (("right_hip", "right_knee"), ("right_ankle", "right_knee"))
        )
        knees.append(np.degrees(np.arccos(thigh @ shank / np.linalg.norm(thigh) / np.linalg.norm(shank))))
        trunk = lowest[INDEX["neck"]] - lowest[0]
        trunks.append(np.degrees(np.arccos(trunk[2] / np.linalg.norm(trunk))))
    assert max(knees) > 145  # nearly straight legs
    assert min(knees) < 85  # a squat
    assert np.ptp(trunks) > 20


def test_a_walk_turns_in_a_bend_or_at_a_corner() -> None:
    sharpest = []
    for seed in range(20):
        heading = np.unwrap(np.arctan2(*facing(doing("walk forward turning left", seed)).T[::-1]))
        rate = np.diff(heading) * SYNTHESIS_FPS
        sharpest.append(np.quantile(np.convolve(rate, np.ones(9) / 9, "valid"), 0.95))
    assert min(sharpest) < 1.2
    assert max(sharpest) > 2.0
