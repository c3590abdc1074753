"""Batch TVSH: its parts against naive forms, its promises, and the sequences it has to get right."""

from __future__ import annotations

import itertools
from dataclasses import replace

import naive
import numpy as np
import pytest
from test_baselines import motions

from motion_seg_ros.evaluation.baselines import BASELINES
from motion_seg_ros.evaluation.metrics import score
from motion_seg_ros.tvsh import clustering
from motion_seg_ros.tvsh.agglomeration import agglomerate, runs_between
from motion_seg_ros.tvsh.batch import (
    BatchConfig,
    constrained_affinity,
    estimate_clusters,
    measured,
    pulled_codes,
    segment_sequence,
)
from motion_seg_ros.tvsh.self_expressive import self_expressive_codes
from motion_seg_ros.tvsh.sequence_metric import moving_mean, signed_columns, whiten

FPS = 10.0
CONFIG = BatchConfig(atoms=20)


def naive_chain(costs, stay, switch):
    """The cheapest sequence of labels by trying all."""
    count, kinds = costs.shape

    def price(labels):
        total = sum(costs[t, label] for t, label in enumerate(labels))
        return total + sum((stay if labels[t] == labels[t - 1] else switch)[t] for t in range(1, count))

    return min(price(labels) for labels in itertools.product(range(kinds), repeat=count)), price


def test_chain_is_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        costs, stay, switch = rng.random((6, 3)), rng.random(6), 2 * rng.random(6)
        least, price = naive_chain(costs, stay, switch)
        assert price(clustering.chain_labels(costs, stay, switch)) == pytest.approx(least)


def test_chain_without_costs_of_change_is_the_nearest() -> None:
    costs = np.random.default_rng(0).random((20, 4))
    assert (clustering.chain_labels(costs, np.zeros(20), np.zeros(20)) == costs.argmin(axis=1)).all()


def test_moving_mean_is_that_of_its_window() -> None:
    data = np.random.default_rng(0).random((17, 3))
    for window in (1, 4, 5, 40):
        for t, mean in enumerate(moving_mean(data, window)):
            inside = data[max(0, t - window // 2) : t + (window - 1) // 2 + 1]
            assert mean == pytest.approx(inside.mean(axis=0))


def test_the_metric_does_not_see_what_wanders_all_the_time() -> None:
    data, _ = motions([60, 60], [0, 1])
    loud = data.copy()
    loud[:, 0] += 50 * np.sin(np.arange(len(data)) * 2.1)
    measured = whiten(loud, 10, 1e-9)
    rest = measured - moving_mean(measured, 10)
    assert rest.T @ rest / len(rest) == pytest.approx(np.eye(6), abs=1e-3)


def test_more_frames_than_can_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="12001 frames are too many to compare every two of them"):
        segment_sequence(np.zeros((12_001, 2)), FPS, CONFIG, clusters=3)
    for peer in ("tsc", "self-expressive", "spectral"):
        with pytest.raises(ValueError, match="12001 frames are too many"):
            BASELINES[peer].run(np.zeros((12_001, 2)), FPS, 3)


@pytest.mark.parametrize("length", [7, 40, 41, 300])
def test_the_metric_of_long_vectors_is_that_of_the_whole_covariance(length: int) -> None:
    data = np.random.default_rng(0).normal(size=(40, length))
    rest = data - moving_mean(data, 8)
    values, vectors = np.linalg.eigh(rest.T @ rest / len(rest))
    whole = (vectors / np.sqrt(np.maximum(values, 0) + 0.1 * values.mean())) @ vectors.T
    assert whiten(data, 8, 0.1) == pytest.approx((data - data.mean(axis=0)) @ whole, abs=1e-9)


def test_k_means_separates_what_is_separate() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(5), 20)
    points = 10 * rng.standard_normal((5, 3))[truth] + 0.1 * rng.standard_normal((100, 3))
    labels, centres = clustering.k_means(points, 5, 0)
    assert score(truth, labels, FPS).acc == 1.0
    assert (clustering.squared_distances(points, centres).argmin(axis=1) == labels).all()


def test_short_runs_go_to_their_neighbours() -> None:
    labels = np.repeat([0, 1, 2, 1], [5, 2, 5, 1]).astype(np.int32)
    assert clustering.without_short_runs(labels, 3).tolist() == [0] * 6 + [2] * 7
    assert clustering.without_short_runs(labels, 1).tolist() == labels.tolist()
    assert clustering.without_short_runs(np.array([3, 4], np.int32), 9).tolist() in ([3, 3], [4, 4])


def test_affinity_is_the_sum_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    codes, data, links = rng.random((4, 12)), rng.random((12, 6)), rng.random(12)
    config = replace(CONFIG, gamma=0.7, span=3, likeness=2.0)

    def norm(matrix):
        degree = matrix.sum(axis=1)
        return matrix / np.sqrt(np.outer(degree, degree))

    length = np.linalg.norm(codes, axis=0)
    near = np.array(
        [[np.exp(-(((i - j) / FPS / config.reach) ** 2) / 2) for j in range(12)] for i in range(12)]
    )
    cosines = (codes.T @ codes / np.outer(length, length)) ** config.sharpness
    vectors = data - data.mean(axis=0)
    size = np.linalg.norm(vectors, axis=1)
    alike = ((1 + vectors @ vectors.T / np.outer(size, size)) / 2) ** 2
    affinity = cosines * (config.recurrence + (1 - config.recurrence) * near)
    expected = (norm(affinity) + 0.7 * norm(naive.tvs_matrix(links, 3))) / 1.7
    told, alone = (constrained_affinity(codes, data, FPS, config, known) for known in (links, None))
    assert told == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert alone == pytest.approx(norm(affinity * alike), rel=1e-3, abs=1e-5)


def test_agglomeration_joins_what_moves_alike() -> None:
    data, truth = motions([30, 40, 30, 40, 50], [0, 1, 0, 2, 1])
    told = np.concatenate(([False], np.diff(truth) != 0))
    assert score(truth, agglomerate(data, runs_between(told), told, 3, 4.0), FPS).acc == 1.0
    # More runs than there are boundaries do no harm; fewer than asked for cannot be more.
    finer = told.copy()
    finer[::10] = True
    assert score(truth, agglomerate(data, runs_between(finer), told, 3, 4.0), FPS).acc == 1.0
    assert len(set(agglomerate(data, runs_between(told), told, 9, 4.0))) == 5


def test_agglomeration_follows_ward() -> None:
    """Each join is the cheapest by the definition, written down naively."""
    rng = np.random.default_rng(0)
    points, runs = rng.standard_normal((30, 2)), np.repeat(np.arange(6), 5)
    told = np.zeros(30, bool)
    told[15] = True
    groups = [[run] for run in range(6)]

    def price(a, b):
        one, two = (points[np.isin(runs, group)] for group in (a, b))
        far = np.linalg.norm(np.concatenate((one.mean(0) - two.mean(0), one.std(0) - two.std(0)))) ** 2
        apart = (2 in a and 3 in b) or (3 in a and 2 in b)
        return far * len(one) * len(two) / (len(one) + len(two)) * (5.0 if apart else 1.0)

    for count in range(5, 0, -1):
        a, b = min(itertools.combinations(groups, 2), key=lambda pair: price(*pair))
        groups = [group for group in groups if group not in (a, b)] + [a + b]
        labels = agglomerate(points, runs, told, count, 5.0)
        assert {frozenset(runs[labels == label]) for label in set(labels)} == {frozenset(g) for g in groups}


def test_pull_is_the_minimum_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    codes = rng.random((3, 20))
    labels, links = np.repeat([0, 1], 10).astype(np.int32), np.ones(20)
    links[5] = 0.0
    config = replace(CONFIG, feedback=3.0, shortest=0.1)
    unit = codes / np.linalg.norm(codes, axis=0)
    pulled = pulled_codes(codes, labels, links, FPS, config)
    for run in (range(5), range(5, 10), range(10, 20)):
        mean = unit[:, list(run)].mean(axis=1)
        for t in run:
            slope = 2 * (pulled[:, t] - unit[:, t]) + 2 * 3.0 * (pulled[:, t] - mean)
            assert slope == pytest.approx(np.zeros(3), abs=1e-12)


@pytest.mark.parametrize("which", [[0, 1, 2, 3], [0, 1, 0, 2, 1]])
def test_motions_are_found(which: list[int]) -> None:
    data, truth = motions([45, 30, 50, 35, 40][: len(which)], which)
    found = segment_sequence(data, FPS, CONFIG, clusters=max(which) + 1)
    assert score(truth, found.labels, FPS).acc >= 0.9


def test_the_number_of_motions_is_found() -> None:
    data, truth = motions([60, 50, 70], [0, 1, 2])
    scores = score(truth, segment_sequence(data, FPS, CONFIG).labels, FPS)
    assert scores.k_found == 3
    assert scores.acc >= 0.9
    still = np.random.default_rng(0).standard_normal((100, 3))
    assert estimate_clusters(np.ones((100, 100)), 9) == 1
    assert segment_sequence(np.ones_like(still), FPS, CONFIG).labels.tolist() == [0] * 100


def test_told_boundaries_are_kept() -> None:
    """Where two motions look alike, only the links can tell them apart."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal(5) + 0.3 * rng.standard_normal((90, 5))
    truth = np.repeat([0, 1, 2], 30)
    links = np.ones(90)
    links[[30, 60]] = 0.0
    blind = score(truth, segment_sequence(data, FPS, CONFIG, clusters=3).labels, FPS)
    told = score(truth, segment_sequence(data, FPS, CONFIG, clusters=3, links=links).labels, FPS)
    assert told.acc > blind.acc
    assert told.f1_02s == 1.0


def test_links_of_one_embed_as_no_links() -> None:
    data, _ = motions([40, 40], [0, 1])
    config = replace(CONFIG, rounds=1)
    none = segment_sequence(data, FPS, config, clusters=2)
    ones = segment_sequence(data, FPS, config, clusters=2, links=np.ones(80))
    assert (none.codes == ones.codes).all()


def test_a_link_of_zero_separates_the_codes() -> None:
    """Over fixed atoms nothing passes a link of zero (the dictionary alone is shared)."""
    from motion_seg_ros.tvsh.admm import code_sequence, embed

    data, _ = motions([40, 40], [0, 1])
    columns = signed_columns(measured(data, FPS, CONFIG))
    links = np.ones(80)
    links[40] = 0.0
    atoms, _ = embed(columns, links, CONFIG)
    changed = columns.copy()
    changed[:, 40:] = np.roll(columns[:, 40:], 7, axis=1)
    before, after = (
        code_sequence(c, atoms, links, CONFIG, tolerance=0.0, iterations=60) for c in (columns, changed)
    )
    assert np.abs(before[:, :40] - after[:, :40]).max() <= 1e-12
    assert np.abs(before[:, 40:] - after[:, 40:]).max() > 0.01


def test_self_expressive_codes_are_a_minimum() -> None:
    """No feasible step from the solution lowers the objective, written down naively."""
    rng = np.random.default_rng(0)
    data = clustering.cosine_affinity(rng.random((3, 12)))[:3]
    links = rng.random(12)
    codes = self_expressive_codes(data, links, CONFIG, tolerance=1e-10, iterations=5000)
    assert (np.diag(codes) == 0).all()
    assert (codes >= 0).all()
    least = naive.objective(data, data, codes, links, CONFIG)
    for _ in range(200):
        other = np.maximum(codes + 0.01 * rng.standard_normal(codes.shape), 0.0)
        np.fill_diagonal(other, 0.0)
        assert naive.objective(data, data, other, links, CONFIG) > least - 1e-9


def test_same_input_same_answer() -> None:
    data, _ = motions([30, 40, 30], [0, 1, 0])
    first, second = (segment_sequence(data, FPS, CONFIG, clusters=2) for _ in range(2))
    assert (first.labels == second.labels).all()
    assert (first.codes == second.codes).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_frames(count: int) -> None:
    data, _ = motions([count], [0])
    assert len(segment_sequence(data, FPS, CONFIG).labels) == count
    assert len(segment_sequence(data, FPS, CONFIG, clusters=3).labels) == count


@pytest.mark.parametrize(
    ("data", "more", "message"),
    [
        (np.zeros((0, 2)), {}, "N >= 1"),
        (np.full((4, 2), np.nan), {}, "finite"),
        (np.zeros(4), {}, "data must be"),
        (np.zeros((4, 2)), {"clusters": 0}, "clusters must be"),
        (np.zeros((4, 2)), {"links": np.ones(3)}, "links must be"),
        (np.zeros((4, 2)), {"links": np.full(4, 1.5)}, "links must be"),
    ],
)
def test_refusals(data, more, message) -> None:
    with pytest.raises(ValueError, match=message):
        segment_sequence(data, FPS, CONFIG, **more)
