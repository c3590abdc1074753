"""Soft masks: gradients and what they find; and the alignment that they are compared with."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.evaluation.monotone_alignment import align
from motion_seg_ros.grounding.masking import (
    MaskingConfig,
    Problem,
    loss_and_gradient,
    masks_of,
    optimise,
)
from motion_seg_ros.grounding.motion_text import pool, unit


def problem(rng, length, count, dimension=7, repeated=False):
    texts = unit(rng.standard_normal((count, dimension)))
    if repeated:
        texts[-1] = texts[0]
    return Problem(
        rng.standard_normal((length, dimension)),
        rng.standard_normal(length),
        texts,
        rng.dirichlet(np.ones(count + 1), length).T,
        rng.uniform(0, 1, length - 1),
        0.2,
    )


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("length", [1, 2, 9])
def test_gradients_are_those_of_finite_differences(count, length, repeated):
    rng = np.random.default_rng(count + length)
    given_problem = problem(rng, length, count, repeated=repeated and count > 1)
    config = MaskingConfig(sharpness=0.7, smoothness=3.0, order=2.0, gap=0.3)
    theta = rng.standard_normal((count + 1, length))
    value, gradient = loss_and_gradient(theta, given_problem, config)
    assert np.isfinite(value)
    step = 1e-6
    for place in np.ndindex(theta.shape):
        moved = [theta.copy(), theta.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        high, low = (loss_and_gradient(item, given_problem, config)[0] for item in moved)
        assert gradient[place] == pytest.approx((high - low) / (2 * step), abs=2e-7, rel=1e-5)


def naive_loss(theta, given_problem, config):
    """The formula, element by element."""
    rows, length = theta.shape
    count, steps = rows - 1, range(length)
    raised = np.exp(theta / config.sharpness)
    masks = np.array([[raised[i, s] / raised[:, s].sum() for s in steps] for i in range(rows)])
    total = 0.0
    for i in range(count):
        raised = np.exp(given_problem.attention + np.log(masks[i] + 1e-6))
        pooled = sum(raised[s] / raised.sum() * given_problem.values[s] for s in steps)
        cosines = [pooled @ text / np.linalg.norm(pooled) for text in given_problem.texts]
        exponents = np.exp(np.array([*cosines, given_problem.background]) / config.temperature)
        total -= np.log(exponents[i] / exponents.sum()) / count
    pairs = list(itertools.combinations(range(rows), 2))
    total += config.exclusivity * np.mean([masks[i, s] * masks[j, s] for i, j in pairs for s in steps])
    jumps = [
        given_problem.links[s] * (masks[i, s] - masks[i, s + 1]) ** 2 for i in range(rows) for s in steps[:-1]
    ]
    total += config.smoothness * np.mean(jumps)
    times = np.linspace(0, 1, length)
    centres = [(masks[i] * times).sum() / masks[i].sum() for i in range(count)]
    late = [max(0, first - second + config.gap) for first, second in itertools.pairwise(centres)]
    total += config.order * np.mean(late)
    for s in steps:
        likely = np.maximum(given_problem.likely[:, s], 1e-4)
        total += (
            config.places / length * sum(masks[i, s] * np.log(masks[i, s] / likely[i]) for i in range(rows))
        )
    return total


def test_the_loss_is_the_formula():
    rng = np.random.default_rng(4)
    given_problem = problem(rng, 11, 3)
    config = MaskingConfig(sharpness=0.8, gap=0.4)
    theta = rng.standard_normal((4, 11))
    value, _ = loss_and_gradient(theta, given_problem, config)
    assert value == pytest.approx(naive_loss(theta, given_problem, config), rel=1e-9)


def planted(rng, plan, noise=0.3, dimension=32):
    """Steps whose values point to the text of their action: plan [(action or -1, steps)]."""
    count = max(action for action, _ in plan) + 1
    texts = unit(rng.standard_normal((count, dimension)))
    truth = np.concatenate([np.full(steps, action) for action, steps in plan])
    other = unit(rng.standard_normal((1, dimension)))[0]
    clean = np.array([texts[action] if action >= 0 else other for action in truth])
    values = clean + noise * rng.standard_normal(clean.shape)
    likely = masks_of(10 * np.vstack((texts @ unit(values).T, np.full(len(truth), 0.5))), 1.0)
    return Problem(values, np.zeros(len(truth)), texts, likely, np.ones(len(truth) - 1), 0.3), truth


def test_masks_find_what_was_planted_from_a_blank_start():
    rng = np.random.default_rng(0)
    given_problem, truth = planted(rng, [(-1, 20), (0, 40), (1, 30), (-1, 15), (2, 45)], noise=0.1)
    config = MaskingConfig(steps=100)
    theta = optimise(np.zeros((4, len(truth))), given_problem, config)
    found = masks_of(theta, config.sharpness).argmax(axis=0)
    truth[truth < 0] = 3
    assert np.mean(found == truth) > 0.9


def test_descent_goes_down_and_is_repeatable():
    rng = np.random.default_rng(1)
    given_problem, truth = planted(rng, [(0, 30), (-1, 20), (1, 30)])
    config = MaskingConfig()
    theta = np.zeros((3, len(truth)))
    done = optimise(theta, given_problem, config)
    assert (
        loss_and_gradient(done, given_problem, config)[0] < loss_and_gradient(theta, given_problem, config)[0]
    )
    np.testing.assert_array_equal(done, optimise(theta, given_problem, config))


def test_masks_stay_where_they_start_if_nothing_else_counts():
    """What was likely, and how likely, is kept: not only what was likeliest."""
    rng = np.random.default_rng(5)
    given_problem = problem(rng, 12, 2)
    config = MaskingConfig(places=1e3, smoothness=0.0, exclusivity=0.0, order=0.0)
    blank = optimise(np.zeros((3, 12)), given_problem, replace(config, steps=400))
    np.testing.assert_allclose(masks_of(blank, 1.0), given_problem.likely, atol=0.02)


def test_a_cut_stops_smoothing_exactly():
    rng = np.random.default_rng(2)
    given_problem = problem(rng, 8, 2)
    config = MaskingConfig(exclusivity=0.0, order=0.0, places=0.0, smoothness=50.0)
    calm = replace(config, smoothness=0.0)
    theta = rng.standard_normal((3, 8))
    linked = replace(given_problem, links=np.array([0, 0, 0, 1, 0, 0, 0], float))
    difference = loss_and_gradient(theta, linked, config)[1] - loss_and_gradient(theta, linked, calm)[1]
    assert np.abs(difference[:, [3, 4]]).min() > 0
    assert np.all(difference[:, [0, 1, 2, 5, 6, 7]] == 0)


def test_the_order_pulls_masks_apart():
    """The first text is shown last: the order resists that its mask goes there."""
    rng = np.random.default_rng(3)
    given_problem, truth = planted(rng, [(1, 40), (0, 40)], noise=0.05)
    place = np.arange(len(truth))

    def centres(order):
        config = MaskingConfig(steps=200, order=order, places=0.0)
        masks = masks_of(optimise(np.zeros((3, len(truth))), given_problem, config), 1.0)
        return masks[:2] @ place / masks[:2].sum(axis=1)

    free, ordered = centres(0.0), centres(50.0)
    assert free[0] > free[1]
    assert ordered[1] - ordered[0] > free[1] - free[0]


def test_what_proceed_raises_ends_the_optimisation():
    steps = []

    def proceed(step):
        steps.append(step)
        if step == 7:
            raise InterruptedError

    rng = np.random.default_rng(0)
    with pytest.raises(InterruptedError):
        optimise(np.zeros((3, 20)), problem(rng, 20, 2), MaskingConfig(), proceed)
    assert steps == list(range(8))


def test_pooling_under_a_mask_is_pooling_of_what_it_shows():
    rng = np.random.default_rng(0)
    values, attention = rng.standard_normal((12, 5)), rng.standard_normal(12)
    mask = np.zeros((1, 12))
    mask[0, 3:8] = 1.0
    (inside,), _ = pool(values[3:8], attention[3:8], np.ones((1, 5)))
    (masked,), weights = pool(values, attention, mask)
    np.testing.assert_allclose(masked, inside, atol=1e-4)
    assert weights.sum() == pytest.approx(1.0)


# -- alignment ----------------------------------------------------------------------------------------


def score_of(path, similarity, background):
    return sum(background if state < 0 else similarity[step, state] for step, state in enumerate(path))


def monotone(path):
    named = [state for state in path if state >= 0]
    return named == sorted(named)


def once(path):
    """Background inside one sub-action would part it in two."""
    runs = [state for state, _ in itertools.groupby(path) if state >= 0]
    return len(runs) == len(set(runs))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000))
def test_alignment_is_the_best_of_all_monotone_paths(length, count, seed):
    similarity = np.random.default_rng(seed).uniform(-1, 1, (length, count))
    with_background = [
        path for path in itertools.product(range(-1, count), repeat=length) if monotone(path) and once(path)
    ]
    found = tuple(int(state) for state in align(similarity, 0.1))
    assert found in with_background
    best = max(score_of(path, similarity, 0.1) for path in with_background)
    assert score_of(found, similarity, 0.1) == pytest.approx(best)

    forced = [path for path in with_background if -1 not in path]
    if length >= count:
        forced = [path for path in forced if set(path) == set(range(count))]
    found = tuple(int(state) for state in align(similarity))
    assert found in forced
    best = max(score_of(path, similarity, 0.0) for path in forced)
    assert score_of(found, similarity, 0.0) == pytest.approx(best)


def test_a_background_may_differ_from_step_to_step():
    similarity = np.full((6, 1), 0.5)
    found = align(similarity, np.array([0.9, 0.9, 0.1, 0.1, 0.9, 0.9]))
    assert found.tolist() == [-1, -1, 0, 0, -1, -1]
