"""Metrics against naive forms of themselves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.evaluation import metrics

pairs_of_labels = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-1, 3), min_size=n, max_size=n).filter(lambda y: max(y) >= 0),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


def naive_accuracy(truth, found):
    """Try every one-to-one renaming."""
    frames = [(t, f) for t, f in zip(truth, found, strict=True) if t >= 0]
    rows, columns = sorted({t for t, _ in frames}), sorted({f for _, f in frames})
    columns += ["none"] * max(0, len(rows) - len(columns))
    best = 0
    for names in itertools.permutations(columns, len(rows)):
        best = max(best, sum(names[rows.index(t)] == f for t, f in frames))
    return best / len(frames)


def naive_information(truth, found):
    frames = [(t, f) for t, f in zip(truth, found, strict=True) if t >= 0]

    def entropy(items):
        shares = [items.count(item) / len(items) for item in set(items)]
        return -sum(share * math.log(share) for share in shares)

    both = entropy([t for t, _ in frames]) + entropy([f for _, f in frames])
    return 1.0 if both == 0 else 2 * (both - entropy(frames)) / both


def naive_rand(truth, found):
    """Count pairs of frames one by one."""
    frames = [(t, f) for t, f in zip(truth, found, strict=True) if t >= 0]
    pairs = list(itertools.combinations(frames, 2))
    same_true = sum(a[0] == b[0] for a, b in pairs)
    same_found = sum(a[1] == b[1] for a, b in pairs)
    both = sum(a == b for a, b in pairs)
    chance = same_true * same_found / max(len(pairs), 1)
    most = (same_true + same_found) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def naive_matches(times, guesses, tolerance):
    """The size of the largest matching, by trying every guess for the first time."""
    if not times:
        return 0
    best = naive_matches(times[1:], guesses, tolerance)
    for place, guess in enumerate(guesses):
        if abs(guess - times[0]) <= tolerance:
            rest = guesses[:place] + guesses[place + 1 :]
            best = max(best, 1 + naive_matches(times[1:], rest, tolerance))
    return best


@settings(max_examples=200, deadline=None)
@given(pairs_of_labels)
def test_frame_metrics(labels) -> None:
    truth, found = labels
    table = metrics.contingency(np.array(truth), np.array(found))
    assert metrics.accuracy(table) == pytest.approx(naive_accuracy(truth, found))
    assert metrics.mutual_information(table) == pytest.approx(naive_information(truth, found), abs=1e-9)
    assert metrics.adjusted_rand(table) == pytest.approx(naive_rand(truth, found))
    frames = [(t, f) for t, f in zip(truth, found, strict=True) if t >= 0]
    right = 0
    for motion in set(found):
        inside = [t for t, f in frames if f == motion]
        right += max((inside.count(t) for t in inside), default=0)
    assert metrics.purity(table) == pytest.approx(right / len(frames))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 15), max_size=5, unique=True),
    st.lists(st.integers(1, 15), max_size=5, unique=True),
    st.integers(0, 4),
)
def test_matching_is_the_largest(times, guesses, tolerance) -> None:
    pairs = metrics.match(np.array(times, int), np.array(guesses, int), tolerance)
    assert len(pairs) == naive_matches(times, guesses, tolerance)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert all(abs(times[i] - guesses[j]) <= tolerance for i, j in pairs)


def test_boundaries_match_one_to_one() -> None:
    truth = np.repeat([0, 1], 10)
    twice = np.repeat([0, 1, 2], [9, 2, 9])
    assert metrics.boundary_f1(truth, truth, 2) == 1.0
    assert metrics.boundary_f1(truth, twice, 2) == pytest.approx(2 / 3)
    assert metrics.boundary_f1(truth, np.zeros(20, int), 2) == 0.0
    assert metrics.boundary_f1(np.zeros(4, int), np.zeros(4, int), 2) == 1.0


def test_boundaries_inside_unknown_frames_are_not_judged() -> None:
    truth = np.repeat([0, -1, 1], [10, 20, 10])
    found = np.repeat([0, 7, 8, 1], [10, 10, 10, 10])
    assert metrics.boundary_f1(truth, found, 2) == 1.0
    # The edge of what is known may be found a little inside the unknown, and is missed if it is not.
    assert metrics.boundary_f1(truth, np.repeat([0, 1], [12, 28]), 2) == pytest.approx(2 / 3)
    assert metrics.boundary_f1(truth, np.repeat([0, 1, 0, 1], [5, 5, 20, 10]), 2) == pytest.approx(4 / 5)


def test_delay_is_from_the_truth_to_the_telling() -> None:
    truth = np.repeat([0, 1, 2], 50)
    found = np.repeat([5, 6, 7], [48, 55, 47])
    told = np.full(150, 149)
    told[48], told[103] = 60, 120
    scores = metrics.score(truth, found, 25.0, told)
    assert scores.delay_s == pytest.approx(((60 - 50) + (120 - 100)) / 2 / 25)
    assert metrics.score(truth, found, 25.0).delay_s is None
    assert (scores.k_true, scores.k_found) == (3, 3)
    assert scores.f1_02s == scores.f1_05s == 1.0


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [([0, 1], [0], "1 labels for 2 frames"), ([-1, -1], [0, 0], "no frame has a known label")],
)
def test_refusals(truth, found, message) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.score(np.array(truth), np.array(found), 25.0)
