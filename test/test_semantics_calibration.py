"""Calibration against scikit-learn and naive sums; files that are none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.semantics.calibration import (
    Calibration,
    area_under_curve,
    brier_score,
    chance_calibration_error,
    expected_calibration_error,
    fit_calibration,
    isotonic_regression,
    load_calibrations,
    logistic_regression,
    save_calibrations,
)


def pairs(count=600, seed=0, sharp=2.0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 2, count)
    same = rng.random(count) < 1 / (1 + np.exp(-sharp * odds))
    other = rng.normal(0, 1, count)
    return np.column_stack((odds + 0.3 * other, other)), same, np.arange(count) % 7


def test_logistic_regression_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    values, same, _ = pairs(4000)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(same))
    weights, intercept = logistic_regression(values, same, weight)
    naive = linear.LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(values, same, sample_weight=weight)
    # Platt's targets pull a little towards one half.
    np.testing.assert_allclose(weights, naive.coef_[0], rtol=0.02, atol=0.02)
    assert intercept == pytest.approx(naive.intercept_[0], abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_isotonic_regression_is_that_of_scikit_learn(count, seed):
    isotonic = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(seed)
    odds, same, weight = rng.normal(size=count), rng.random(count) < 0.5, rng.uniform(0.5, 2, count)
    knots, shares = np.array(isotonic_regression(odds, same, weight)).T
    naive = isotonic.IsotonicRegression(out_of_bounds="clip").fit(odds, same.astype(float), weight)
    for place, share in zip(knots, shares, strict=True):
        # A pool of the naive fit is constant; its mean lies inside.
        assert naive.predict([place])[0] == pytest.approx(share, abs=1e-9)


def test_separable_pairs_have_a_finite_fit():
    values = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    same = np.array([False, False, True, True])
    fitted = fit_calibration(values, same, np.arange(4), np.ones(4), ["a"])
    assert fitted.probability(values).min() < 0.5 < fitted.probability(values).max()


def test_a_fit_is_calibrated_on_pairs_it_has_not_seen():
    values, same, groups = pairs(3000)
    fitted = fit_calibration(values, same, groups, np.ones(3000), ["a", "b"], "made up")
    unseen, truth, _ = pairs(3000, seed=1)
    assert expected_calibration_error(truth, fitted.probability(unseen)) < 0.04
    assert fitted.fitted_on == "made up"


def test_what_no_logistic_function_fits_gets_steps():
    rng = np.random.default_rng(0)
    value = rng.uniform(-1, 1, 4000)
    same = rng.random(4000) < np.where(value < -0.5, 0.05, np.where(value < 0.5, 0.5, 0.95))
    fitted = fit_calibration(value[:, None], same, np.arange(4000) % 10, np.ones(4000), ["a"])
    assert fitted.steps
    np.testing.assert_allclose(
        fitted.probability(np.array([[-0.8], [0.0], [0.8]])), [0.05, 0.5, 0.95], atol=0.06
    )


def test_weights_count():
    same = np.r_[np.ones(200, bool), np.zeros(100, bool)]
    weight = np.where(same, 1.0, 2.0)
    fitted = fit_calibration(np.zeros((300, 1)), same, np.arange(300), weight, ["a"])
    assert fitted.probability(np.zeros((1, 1)))[0] == pytest.approx(0.5, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0, 0.1, 0.25, 0.3, 0.5, 0.95, 1.0])), min_size=1))
def test_measures_are_their_definitions(answers):
    same = np.array([answer[0] for answer in answers])
    probability = np.array([float(answer[1]) for answer in answers])
    naive = 0.0
    for low in range(10):
        inside = [i for i, p in enumerate(probability) if low <= min(int(p * 10), 9) < low + 1]
        if inside:
            gap = abs(np.mean([same[i] for i in inside]) - np.mean([probability[i] for i in inside]))
            naive += len(inside) / len(same) * gap
    assert expected_calibration_error(same, probability) == pytest.approx(naive)
    assert brier_score(same, probability) == pytest.approx(np.mean((probability - same) ** 2))
    wins = [(p > q) + 0.5 * (p == q) for p in probability[same] for q in probability[~same]]
    area = area_under_curve(same, probability)
    assert np.isnan(area) if not wins else area == pytest.approx(np.mean(wins))


def test_a_file_brings_back_what_was_written(tmp_path):
    values, same, groups = pairs()
    fitted = fit_calibration(values, same, groups, np.ones(600), ["a", "b"])
    stepped = Calibration(("a",), (1.0,), 0.0, ((-1.0, 0.1), (1.0, 0.9)), "by hand")
    save_calibrations(tmp_path / "c.json", [fitted, stepped])
    assert load_calibrations(tmp_path / "c.json") == (fitted, stepped)


def test_the_shipped_file_can_be_read():
    for item in load_calibrations():
        assert item.fitted_on
        assert item.inputs


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "calibrations": []}',
        '{"format": "motion_seg_ros.calibration/1", "calibrations": [{"inputs": ["a"]}]}',
        json.dumps(
            {
                "format": "motion_seg_ros.calibration/1",
                "calibrations": [
                    {"inputs": ["a"], "weights": [1, 2], "intercept": 0, "steps": [], "fitted_on": ""}
                ],
            }
        ),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"c\.json is no calibration"):
        load_calibrations(path)


@pytest.mark.parametrize(
    ("steps", "weights"),
    [
        (((1.0, 0.1), (0.0, 0.2)), (1.0,)),
        (((0.0, 0.5), (1.0, 0.2)), (1.0,)),
        (((0.0, 2.0),), (1.0,)),
        ((), (np.nan,)),
    ],
)
def test_steps_rise_and_numbers_are_finite(steps, weights):
    with pytest.raises(ValueError, match="calibration"):
        Calibration(("a",), weights, 0.0, steps)


def test_what_cannot_be_fitted_is_said():
    values, same, groups = pairs(20)
    with pytest.raises(ValueError, match="finite"):
        fit_calibration(values * np.nan, same, groups, np.ones(20), ["a", "b"])
    with pytest.raises(ValueError, match="similarities"):
        fit_calibration(values, same, groups, np.ones(20), ["a"])
    with pytest.raises(ValueError, match="pairs that do not"):
        fit_calibration(values, np.ones(20, bool), groups, np.ones(20), ["a", "b"])


def test_few_pairs_stray_by_chance_as_far_as_is_said():
    rng = np.random.default_rng(0)
    for count in (100, 400, 4000):
        probability = rng.beta(0.5, 0.5, count)
        errors = [
            expected_calibration_error(rng.random(count) < probability, probability) for _ in range(400)
        ]
        assert chance_calibration_error(probability) == pytest.approx(np.mean(errors), rel=0.07)
    assert chance_calibration_error(np.array([0.0, 1.0])) == 0.0
    assert np.isnan(chance_calibration_error(np.array([])))
