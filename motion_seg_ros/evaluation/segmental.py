"""Segmental metrics of temporal action segmentation, as MS-TCN uses them (Farha and Gall, CVPR 2019).

They compare labels by name, so found motions, which have numbers only, are first given the names of the
labels that they match best one to one (Hungarian). A motion without a label is right nowhere. Frames without
truth are left out: segments, true and found, end where the truth ends to be known. Scores are shares, where
the papers give percentages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from motion_seg_ros.evaluation.metrics import contingency

Labels = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames ``first`` to ``last`` (exclusive) of one label."""

    label: int
    first: int
    last: int


def best_names(truth: Labels, found: Labels) -> dict[int, int]:
    """The label of each found motion under the one-to-one matching that is right in the most frames.

    Motions that share no frame with a label that is left have none.
    """
    table = contingency(truth, found)
    known = truth >= 0
    labels, motions = np.unique(truth[known]), np.unique(found[known])
    rows, columns = linear_sum_assignment(table, maximize=True)
    return {
        int(motions[column]): int(labels[row])
        for row, column in zip(rows, columns, strict=True)
        if table[row, column]
    }


def renamed(found: Labels, names: dict[int, int]) -> NDArray[np.int64]:
    """(T,) found motions by the names of labels; those without one keep numbers of their own, below -1."""
    motions, place = np.unique(found, return_inverse=True)
    new = [names.get(int(motion), -2 - number) for number, motion in enumerate(motions)]
    return np.array(new, np.int64)[place]


def pieces(labels: Labels, known: NDArray[np.bool_]) -> list[Piece]:
    """Runs of equal labels among the frames that are known; frames that are not part them."""
    ends = np.flatnonzero((np.diff(labels) != 0) | (np.diff(known.astype(np.int8)) != 0)) + 1
    starts = [0, *ends.tolist()]
    return [
        Piece(int(labels[first]), first, last)
        for first, last in zip(starts, [*ends.tolist(), len(labels)], strict=True)
        if first < last and known[first]
    ]


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Levenshtein's: the fewest labels to insert, delete and replace."""
    other = np.array(second, np.int64)
    along = np.arange(len(other) + 1)
    row = along.copy()
    for label in first:
        change = np.minimum(row[:-1] + (other != label), row[1:] + 1)
        # What comes from the left costs one a step.
        row = np.minimum.accumulate(np.concatenate(([row[0] + 1], change)) - along) + along
    return int(row[-1])


def overlap_counts(true: Sequence[Piece], found: Sequence[Piece], share: float) -> tuple[int, int, int]:
    """How many found segments are hits, how many segments are true, and how many are found.

    In order of time, a found segment is a hit if the true one of its label that it overlaps best
    (intersection over union) is overlapped by at least ``share`` and was not hit before.
    """
    hit: set[int] = set()
    for guess in found:
        best, place = 0.0, -1
        for number, piece in enumerate(true):
            if piece.label == guess.label:
                common = min(piece.last, guess.last) - max(piece.first, guess.first)
                union = max(piece.last, guess.last) - min(piece.first, guess.first)
                if common / union > best:
                    best, place = common / union, number
        if place >= 0 and best >= share and place not in hit:
            hit.add(place)
    return len(hit), len(true), len(found)
