"""Measures of what tokens tell about motions with names."""

from __future__ import annotations

import numpy as np
import pytest

from motion_seg_ros.evaluation.concepts import (
    dominant_runs,
    histograms,
    label_information,
    linear_probe,
    nearest_centroid,
)


def clips(seed: int, count: int, noise: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Clips of 3 motions with 4 tokens of their own each, some tokens drawn at random."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    own = [4 * label + random.integers(0, 4, 20) for label in labels]
    return [np.where(random.random(20) < noise, random.integers(0, 12, 20), tokens) for tokens in own], labels


@pytest.mark.parametrize("judge", [nearest_centroid, linear_probe])
def test_tokens_of_their_own_name_a_motion_and_random_ones_do_not(judge):
    for noise, low, high in ((0.3, 0.95, 1.0), (1.0, 0.1, 0.55)):
        (train, truth), (test, expected) = clips(0, 60, noise), clips(1, 200, noise)
        found = judge(histograms(train, 12), truth + 5, histograms(test, 12))
        assert low <= np.mean(found == expected + 5) <= high


def test_a_histogram_is_of_unit_length_whatever_the_clip_is():
    found = histograms([np.array([0, 0, 2]), np.array([1] * 50)], 3)
    np.testing.assert_allclose((found**2).sum(axis=1), 1)
    np.testing.assert_allclose(found[0] ** 2, [2 / 3, 0, 1 / 3])


def test_dominant_runs_are_the_most_frequent_token_around():
    tokens = np.array([3, 3, 8, 3, 3, 3, 5, 5, 5, 3, 5, 5])
    np.testing.assert_array_equal(dominant_runs(tokens, 1), tokens)
    np.testing.assert_array_equal(dominant_runs(tokens, 5), [3] * 6 + [5] * 6)


def test_information_counts_only_known_frames():
    truth = np.array([0, 0, 1, 1, -1, -1])
    assert label_information(truth, np.array([7, 7, 2, 2, 9, 1])) == pytest.approx(1)
    assert label_information(truth, np.array([7, 2, 7, 2, 9, 1])) == pytest.approx(0)
