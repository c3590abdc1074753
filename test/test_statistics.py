"""Intervals, tests and corrections against values worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.evaluation.statistics import holm, interval, least_p, sign_flip_p


def naive_p(differences: list[float]) -> float:
    """Try all signs; twice the share of those on the far side that is smaller."""
    told = sum(differences)
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    slack = 1e-9
    above = sum(value >= told - slack for value in sums) / len(sums)
    below = sum(value <= told + slack for value in sums) / len(sums)
    return min(1.0, 2 * min(above, below))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4).map(float), min_size=2, max_size=7).filter(any))
def test_p_counts_the_signs(differences: list[float]) -> None:
    assert sign_flip_p(differences) == pytest.approx(naive_p(differences))


def test_p_of_nothing_and_of_as_much_as_can_be() -> None:
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([1.0]) == 1.0
    for count in (2, 5, 8):
        assert sign_flip_p([0.1] * count) == pytest.approx(least_p(count)) == 2 / 2**count
    # Too many for all signs: some of them, which are the same every time.
    many = np.random.default_rng(0).normal(0.1, 1.0, 30)
    assert sign_flip_p(many) == sign_flip_p(many) < 1.0


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])
    assert len(holm([])) == 0


def test_an_interval_needs_two_bags_and_holds_the_mean() -> None:
    assert interval([]) is None
    assert interval([0.5]) is None
    assert interval([0.5, 0.5, 0.5]) == (0.5, 0.5)
    values = np.random.default_rng(1).normal(0.7, 0.1, 40)
    low, high = interval(values) or (0.0, 0.0)
    spread = 1.96 * values.std(ddof=1) / np.sqrt(40)
    assert low == pytest.approx(values.mean() - spread, abs=0.01)
    assert high == pytest.approx(values.mean() + spread, abs=0.01)
    assert interval(values) == (low, high)
    low, high = interval([0.0, 1.0]) or (-1.0, -1.0)
    assert 0.0 <= low <= 0.5 <= high <= 1.0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        low, high = interval(random.normal(0.0, 1.0, 15)) or (0.0, 0.0)
        held += low <= 0.0 <= high
    assert 48 <= held <= 60
