"""A depth camera's skeleton: the same motion with that kind of faults."""

from __future__ import annotations

import numpy as np

from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.skeleton.depth_camera import as_depth_camera
from motion_seg_ros.skeleton.joint_sets import SMPL22

WRISTS = [SMPL22.index("left_wrist"), SMPL22.index("right_wrist")]
HIPS = [SMPL22.index("left_hip"), SMPL22.index("right_hip")]


def person(seed: int, seconds: float = 10.0) -> np.ndarray:
    return synthetic_sequence(np.random.default_rng(seed), seconds).joints


def test_it_is_the_same_motion_and_a_body_still() -> None:
    for seed in range(12):
        true = person(seed)
        seen = as_depth_camera(true, 30.0, np.random.default_rng(seed))
        assert seen.shape == true.shape
        error = np.linalg.norm(seen - true, axis=2)
        # Most joints are within a hand's breadth, none out of the room; the trunk is never lost.
        assert np.nanmedian(error) < 0.12
        assert np.nanmax(error) < 1.5
        assert np.isfinite(seen[:, HIPS]).all()
        assert np.isfinite(seen).mean() > 0.85


def test_it_has_the_faults_of_a_tracker() -> None:
    shaking, lost, slow = [], 0, 0
    for seed in range(30):
        still = np.repeat(person(seed, 1.0)[:1], 300, axis=0)
        seen = as_depth_camera(still, 30.0, np.random.default_rng(seed))
        shaking.append(np.nanstd(seen, axis=0).mean())
        lost += bool(np.isnan(seen[:, WRISTS]).any())
        # Between its own frames everything lies on straight lines.
        bends = np.abs(np.diff(seen[:, HIPS, 0], 2, axis=0)).max(axis=1)
        slow += bool((bends < 1e-12).mean() > 0.2)
    assert 0.002 < np.median(shaking) < 0.05
    assert np.max(shaking) > 2 * np.min(shaking)
    assert 1 < lost < 27
    assert slow > 8


def test_the_seed_decides_and_the_truth_is_left_alone() -> None:
    true = person(3)
    kept = true.copy()
    first, again, other = (as_depth_camera(true, 30.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(true, kept)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first[:, HIPS], other[:, HIPS])


def test_the_shortest_motion_passes() -> None:
    assert as_depth_camera(np.zeros((1, 22, 3)), 30.0, np.random.default_rng(0)).shape == (1, 22, 3)
