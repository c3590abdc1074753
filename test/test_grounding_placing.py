"""Where ordered sub-actions are: the sums over all ways to cut a motion, and the run that is told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from motion_seg_ros.grounding.placing import PlacingConfig, best_run, places_of


def every_way(length, count):
    """All choices of (first, last) or None for each sub-action, in order and without overlap."""
    runs = [None, *((a, b) for a in range(length) for b in range(a + 1, length + 1))]
    for way in itertools.product(runs, repeat=count):
        told = [run for run in way if run]
        if all(one[1] <= other[0] for one, other in itertools.pairwise(told)):
            yield way


def naive(odds, changes, step, config):
    """(inside, present) by weighing every way."""
    length, count = odds.shape
    seconds = step * np.arange(1, length + 1)
    lasting = np.exp(-0.5 * ((np.log(seconds) - np.log(config.usual)) / config.spread) ** 2) / seconds
    lasting /= lasting.sum()
    border = config.borders * np.array([1.0, *changes[1:-1], 1.0])
    inside, present, total = np.zeros((count, length)), np.zeros(count), 0.0
    for way in every_way(length, count):
        weight = 1.0
        for action, run in enumerate(way):
            if run is None:
                weight *= 1 - config.present
                continue
            first, last = run
            weight *= config.present / length * lasting[last - first - 1]
            weight *= np.exp(border[first] + border[last] + odds[first:last, action].sum())
        total += weight
        for action, run in enumerate(way):
            if run:
                inside[action, run[0] : run[1]] += weight
                present[action] += weight
    return inside / total, present / total


@pytest.mark.parametrize(("length", "count"), [(1, 1), (1, 2), (6, 1), (7, 2), (5, 3)])
def test_it_is_the_sum_over_all_ways(length, count):
    rng = np.random.default_rng(length * count)
    odds, changes = rng.normal(0, 1, (length, count)), rng.random(length + 1)
    config = PlacingConfig(usual=0.3, spread=0.6, present=0.7, borders=1.3)
    found = places_of(odds, changes, 0.1, config)
    inside, present = naive(odds, changes, 0.1, config)
    np.testing.assert_allclose(found.inside, inside, atol=1e-12)
    np.testing.assert_allclose(found.present, present, atol=1e-12)


def test_without_evidence_sub_actions_share_the_motion():
    places = places_of(np.zeros((90, 3)), np.zeros(91), 0.1, PlacingConfig(present=0.999))
    runs = [best_run(mask) for mask in places.inside]
    for third, (first, last) in enumerate(runs):
        both = min(last, 30 * third + 30) - max(first, 30 * third)
        assert both / (max(last, 30 * third + 30) - min(first, 30 * third)) > 0.5


def test_strong_evidence_decides_by_itself():
    odds = np.full((120, 2), -1.5)
    odds[10:18, 0] = odds[30:110, 1] = 1.5
    places = places_of(odds, np.zeros(121), 0.1, PlacingConfig())
    assert [best_run(mask) for mask in places.inside] == [(10, 18), (30, 110)]
    assert (places.present > 0.99).all()


def test_what_nothing_speaks_for_did_not_happen():
    odds = np.full((100, 2), -1.0)
    odds[20:50, 0] = 1.0
    present = places_of(odds, np.zeros(101), 0.1, PlacingConfig()).present
    assert present[0] > 0.99
    assert present[1] < 0.3


def test_a_known_change_draws_the_border():
    odds = np.full((60, 1), -0.5)
    odds[18:42] = 0.5
    odds[16:18] = odds[42:44] = 0.0
    changes = np.zeros(61)
    changes[[16, 44]] = 1.0
    places = places_of(odds, changes, 0.1, PlacingConfig(borders=5.0))
    assert best_run(places.inside[0]) == (16, 44)


def test_a_long_motion_takes_no_more_than_its_length():
    odds = np.full((3000, 1), -1.0)
    odds[1000:2000] = 0.2  # 100 s, longer than any duration that is thought of
    places = places_of(odds, np.zeros(3001), 0.1, PlacingConfig())
    first, last = best_run(places.inside[0])
    assert 1000 <= first < last <= 2000
    assert np.isfinite(places.inside).all()


def test_the_best_run_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for length in (1, 2, 9, 14):
        for _ in range(40):
            mask = rng.random(length) ** 3
            total = mask.sum()

            def overlap(run, mask=mask, total=total):
                held = mask[run[0] : run[1]].sum()
                return held / (run[1] - run[0] + total - held)

            runs = [(a, b) for a in range(length) for b in range(a + 1, length + 1)]
            assert overlap(best_run(mask)) == pytest.approx(max(map(overlap, runs)))
    assert best_run(np.zeros(5)) == (0, 5)
