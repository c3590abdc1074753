"""Metrics of grounding against naive ones, splices, and peers."""

from __future__ import annotations

import itertools

import naive_grounding as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import pose
from planted import CALIBRATION, PlantedText, motion

from motion_seg_ros.datasets.splices import heading, splice
from motion_seg_ros.evaluation.grounding_metrics import (
    Query,
    false_alarms,
    mean_average_precision,
    order_accuracy,
    recall_at_1,
    summary,
    tiou,
)
from motion_seg_ros.evaluation.grounding_peers import PEERS, segments
from motion_seg_ros.grounding.grounder import Grounder

SPANS = st.tuples(st.integers(0, 90), st.integers(1, 30)).map(lambda pair: (float(pair[0]), float(sum(pair))))
QUERIES = st.lists(
    st.builds(
        Query,
        st.sampled_from("ab"),
        st.integers(0, 3),
        st.one_of(st.none(), SPANS),
        st.one_of(st.none(), SPANS),
        st.sampled_from([0.1, 0.4, 0.4, 0.8, 0.9]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=50)
@given(SPANS, SPANS)
def test_tiou_is_that_of_counted_moments(one, other):
    assert tiou(one, other) == pytest.approx(naive.tiou(one, other, length=130.0), abs=1e-3)
    assert tiou(one, None) == tiou(None, other) == 0.0


@settings(deadline=None, max_examples=200)
@given(QUERIES, st.sampled_from([0.1, 0.5]))
def test_metrics_are_the_naive_ones(queries, threshold):
    present = [query for query in queries if query.truth is not None]
    absent = [query for query in queries if query.truth is None]
    recall = recall_at_1(queries, threshold)
    precision = mean_average_precision(queries, threshold)
    if not present:
        assert recall is precision is None
    else:
        assert recall == pytest.approx(
            sum(tiou(q.truth, q.found) >= threshold for q in present) / len(present)
        )
        values = []
        for label in {query.label for query in present}:
            mine = [query for query in queries if query.label == label]
            entries = [(q.score, tiou(q.truth, q.found) >= threshold) for q in mine if q.found is not None]
            values.append(naive.average_precision(entries, sum(q.truth is not None for q in mine)))
        assert precision == pytest.approx(np.mean(values))
    if present and absent:
        expected = naive.false_alarms([q.score for q in present], [q.score for q in absent], 0.9)
        assert false_alarms(queries) == pytest.approx(expected)
    else:
        assert false_alarms(queries) is None


def test_order_needs_every_span_in_order():
    def case(number, *founds):
        return [Query("a", number, (i, i + 1.0), found, 1.0) for i, found in enumerate(founds)]

    queries = [
        *case(0, (0, 1), (5, 6), (7, 9)),
        *case(1, (0, 1), (7, 8), (5, 6)),
        *case(2, (0, 1), None, (5, 6)),
        *case(3, (0, 1)),  # one sub-action has no order
        Query("a", 3, None, (9, 10), 1.0),
        *case(4, (3, 4), (4, 5)),
    ]
    assert order_accuracy(queries) == pytest.approx(2 / 4)
    assert order_accuracy(case(0, (0, 1))) is None


def test_perfect_answers_score_one_and_silence_scores_nothing():
    perfect = [Query(str(i % 3), i // 3, (i, i + 2.0), (i, i + 2.0), 0.5 + i / 100) for i in range(12)]
    perfect += [Query("0", 9, None, (0, 1.0), 0.01)]
    numbers = summary(perfect)
    assert numbers["map"] == numbers["r1_0.7"] == numbers["order"] == 1.0
    assert numbers["false_alarms"] == 0.0
    silent = summary([Query("0", 0, (0, 1.0), None, -1.0)])
    assert silent["map"] == silent["r1_0.3"] == 0.0


# -- splices ---------------------------------------------------------------------------------------------


def turned(clip, angle, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return clip @ turn.T + shift


def walking(frames):
    return np.array([pose("march", i / 30, np.array([0.03 * i, 0, 0])) for i in range(frames)])


def test_a_splice_goes_on_where_and_as_it_was_facing():
    first = walking(60)
    for angle in (0.0, 1.0, 3.0):
        joined, edges = splice([first, turned(walking(45), angle, [5.0, -2.0, 0.0])], 6)
        assert edges == [0, 60, 105]
        np.testing.assert_array_equal(joined[:60], first)
        steps = np.linalg.norm(np.diff(joined, axis=0), axis=2)
        assert steps[55:75].max() < 0.25  # metres a frame: nobody is torn away
        # It walks on along x.
        assert joined[-1, 0, 0] - joined[60, 0, 0] == pytest.approx(44 * 0.03, abs=0.02)
        assert abs(joined[-1, 0, 1] - joined[59, 0, 1]) < 0.02
        assert heading(joined[-1]) == pytest.approx(heading(first[-1]), abs=0.02)
    np.testing.assert_array_equal(splice([first], 6)[0], first)


def test_heading_turns_with_the_body():
    standing = pose("stand", 0.0)
    zero = heading(standing)
    assert zero == pytest.approx(0.0, abs=1e-6)
    for angle in (-2.0, 0.5, 3.0):
        assert heading(turned(standing, angle, 0.0)) == pytest.approx(angle)
    assert heading(np.full((22, 3), np.nan)) is None


def test_a_splice_bears_unseen_joints_and_single_frames():
    first, second = walking(20), walking(20)
    first[-1] = np.nan
    second[3, 4] = np.nan
    joined, _ = splice([first, second, walking(1)], 6)
    assert joined.shape == (41, 22, 3)
    assert np.isnan(joined[23, 4]).all()
    assert np.isfinite(joined[24:]).all()


# -- peers ---------------------------------------------------------------------------------------------


def test_peers_find_what_is_planted_and_each_is_what_it_says():
    encoder = PlantedText(noise=0.05)
    grounder = Grounder(encoder, CALIBRATION)
    features = grounder.encode(*motion([("walk", 3.0), ("wave", 2.0), ("sit", 4.0)]))
    texts = encoder.embed_text(["walk", "sit"])
    found = {name: peer(features, texts, 0.4) for name, peer in PEERS.items()}

    def spans(name):
        return [(start / 1e9, end / 1e9) for start, end, _ in found[name]]

    for name in ("dp-background", "threshold"):
        assert np.allclose(spans(name), [(0, 3), (5, 9)], atol=0.15), name
    (_, end), (start, _) = spans("dp")
    assert end == pytest.approx(start)  # nothing is left out
    assert 2.9 < end < 5.1
    assert np.allclose(spans("uniform"), [(0, 4.5), (4.5, 9)], atol=0.15)
    for (start, end), (low, high) in zip(spans("sliding-window"), [(0, 3), (5, 9)], strict=True):
        assert low - 0.3 <= start < end <= high + 0.3
    pieces = segments([3_000_000_000, 5_000_000_000], features, texts)
    assert np.allclose([(a / 1e9, b / 1e9) for a, b, _ in pieces], [(0, 3), (5, 9)], atol=0.15)
    nothing = PEERS["threshold"](features, encoder.embed_text(["clap"]), 0.4)
    assert nothing == [None]
    assert all(len(answers) == 2 for answers in found.values())
    for (_, a), (b, _) in itertools.pairwise(spans("uniform")):
        assert a == pytest.approx(b)
