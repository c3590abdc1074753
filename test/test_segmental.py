"""Segmental metrics against worked examples and naive forms of themselves."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.evaluation.metrics import boundary_counts, boundary_f1, f1
from motion_seg_ros.evaluation.segmental import (
    Piece,
    best_names,
    edit_distance,
    overlap_counts,
    pieces,
    renamed,
)

labels = st.lists(st.integers(0, 3), max_size=9)


def naive_distance(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """By the definition."""

    @cache
    def between(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        change = between(i - 1, j - 1) + (first[i - 1] != second[j - 1])
        return min(change, between(i - 1, j) + 1, between(i, j - 1) + 1)

    return between(len(first), len(second))


def mstcn_f_score(found: list[int], truth: list[int], overlap: float) -> tuple[int, int, int]:
    """f_score of MS-TCN's eval.py, with the counts in place of tp, fp and fn."""

    def spans(y: list[int]) -> tuple[np.ndarray, np.ndarray, list[int]]:
        starts = [0, *(i for i in range(1, len(y)) if y[i] != y[i - 1])]
        return np.array(starts), np.array([*starts[1:], len(y)]), [y[i] for i in starts]

    p_start, p_end, p_label = spans(found)
    y_start, y_end, y_label = spans(truth)
    hits = np.zeros(len(y_label))
    tp = 0
    for j in range(len(p_label)):
        intersection = np.minimum(p_end[j], y_end) - np.maximum(p_start[j], y_start)
        union = np.maximum(p_end[j], y_end) - np.minimum(p_start[j], y_start)
        same = np.array([p_label[j] == label for label in y_label])
        share = (1.0 * intersection / union) * same
        best = int(share.argmax())
        if share[best] >= overlap and not hits[best]:
            tp += 1
            hits[best] = 1
    return tp, len(y_label), len(p_label)


@settings(max_examples=200, deadline=None)
@given(labels, labels)
def test_edit_distance_is_levenshteins(first: list[int], second: list[int]) -> None:
    assert edit_distance(first, second) == naive_distance(tuple(first), tuple(second))


two_lines = st.integers(1, 25).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 2), min_size=n, max_size=n)] * 2)
)


@settings(max_examples=200, deadline=None)
@given(two_lines, st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_overlaps_are_those_of_ms_tcn(both: tuple[list[int], list[int]], share: float) -> None:
    truth, found = map(np.array, both)
    known = np.ones(len(truth), np.bool_)
    counts = overlap_counts(pieces(truth, known), pieces(found, known), share)
    assert counts == mstcn_f_score(both[1], both[0], share)


def test_overlaps_by_hand() -> None:
    true = [Piece(0, 0, 10), Piece(1, 10, 20)]
    # The second half of a segment that is found in two parts is found once; 5 of 15 frames are a third.
    found = [Piece(0, 0, 4), Piece(0, 4, 10), Piece(1, 15, 25)]
    assert overlap_counts(true, found, 0.25) == (2, 2, 3)
    assert overlap_counts(true, found, 0.5) == (1, 2, 3)
    assert f1(1, 2, 3) == pytest.approx(0.4)
    assert overlap_counts(true, [], 0.1) == (0, 2, 0)


def test_segments_end_where_the_truth_ends_to_be_known() -> None:
    truth = np.array([0, 0, -1, -1, 0, 1])
    found = np.array([7, 7, 7, 7, 7, 7])
    assert pieces(truth, truth >= 0) == [Piece(0, 0, 2), Piece(0, 4, 5), Piece(1, 5, 6)]
    assert pieces(found, truth >= 0) == [Piece(7, 0, 2), Piece(7, 4, 6)]
    assert pieces(found, np.zeros(6, np.bool_)) == []


def test_motions_get_the_names_they_match_best() -> None:
    truth = np.repeat([0, 1, -1], [10, 10, 5])
    found = np.repeat([5, 6, -1, 5], [8, 2, 10, 5])
    assert best_names(truth, found) == {5: 0, -1: 1}
    named = renamed(found, best_names(truth, found))
    assert named[0] == 0
    assert named[12] == 1
    # A motion that is nobody's is none of the labels, nor unknown.
    assert named[8] < -1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.permutations([4, 5, 6, 7]))
def test_other_numbers_for_the_same_motions_change_nothing(truth: list[int], ids: list[int]) -> None:
    given_truth = np.array(truth)
    found = np.array(ids)[given_truth]
    assert renamed(found, best_names(given_truth, found)).tolist() == truth


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-1, 2), min_size=2, max_size=20),
    st.lists(st.integers(0, 2), min_size=2, max_size=20),
)
def test_boundaries_in_time_are_those_in_frames(truth: list[int], found: list[int]) -> None:
    count = min(len(truth), len(found))
    a, b = np.array(truth[:count]), np.array(found[:count])
    counts = boundary_counts(a, b, 7 + 40 * np.arange(count), 80)
    assert f1(*counts) == pytest.approx(boundary_f1(a, b, 2))
