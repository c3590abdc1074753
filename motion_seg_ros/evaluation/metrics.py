"""How well found labels agree with the truth, over the frames whose truth is known.

Truth is an integer a frame, -1 where it is unknown; found labels are any integers. Frames without truth are
left out of every frame metric. The edges of a stretch without truth are boundaries; what is found inside
it is neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Labels = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one sequence.

    Attributes
    ----------
    k_true, k_found : number of motions among the frames with truth.
    acc : share of frames that are right under the best one-to-one matching of motions (Hungarian).
    purity : share of frames that show the most frequent true motion of their found motion.
    nmi : normalised mutual information, 2 I / (H + H).
    ari : adjusted Rand index.
    f1_02s, f1_05s : boundary F1 within 0.2 s and 0.5 s.
    delay_s : median time in seconds from a true boundary to the frame at which the found boundary that
        matches it within 0.5 s was told for good; None without a match or without times of telling.
    """

    k_true: int
    k_found: int
    acc: float
    purity: float
    nmi: float
    ari: float
    f1_02s: float
    f1_05s: float
    delay_s: float | None


def score(truth: Labels, found: Labels, fps: float, told_at: NDArray[np.int64] | None = None) -> Scores:
    """All scores of one sequence.

    Parameters
    ----------
    truth, found : (T,) integers; truth -1 = unknown.
    fps : frames a second.
    told_at : (T,) index of the input frame with which a boundary just before frame t was first told.

    Raises
    ------
    ValueError : lengths differ, or no frame has a truth.
    """
    table = contingency(truth, found)
    times, guesses = changes(truth), changes(found)
    delay = None
    if told_at is not None:
        pairs = match(times, guesses, 0.5 * fps)
        if len(pairs):
            delay = float(np.median(told_at[guesses[pairs[:, 1]]] - times[pairs[:, 0]]) / fps)
    return Scores(
        k_true=table.shape[0],
        k_found=table.shape[1],
        acc=accuracy(table),
        purity=purity(table),
        nmi=mutual_information(table),
        ari=adjusted_rand(table),
        f1_02s=boundary_f1(truth, found, 0.2 * fps),
        f1_05s=boundary_f1(truth, found, 0.5 * fps),
        delay_s=delay,
    )


def contingency(truth: Labels, found: Labels) -> NDArray[np.int64]:
    """(true motions, found motions) counts of frames, over frames with truth."""
    if len(truth) != len(found):
        raise ValueError(f"{len(found)} labels for {len(truth)} frames")
    known = truth >= 0
    if not known.any():
        raise ValueError("no frame has a known label")
    rows, row = np.unique(truth[known], return_inverse=True)
    columns, column = np.unique(found[known], return_inverse=True)
    table = np.zeros((len(rows), len(columns)), np.int64)
    np.add.at(table, (row, column), 1)
    return table


def accuracy(table: NDArray[np.int64]) -> float:
    """Share of frames on the best one-to-one matching of motions in a (true, found) table of counts."""
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def purity(table: NDArray[np.int64]) -> float:
    """Share of frames, of a (true, found) table, on each found motion's most frequent true motion."""
    return float(table.max(axis=0).sum() / table.sum())


def mutual_information(table: NDArray[np.int64]) -> float:
    """2 I(truth; found) / (H(truth) + H(found)) of a (true, found) table; 1 when both are one motion only."""
    joint = table / table.sum()
    entropies = _entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0))
    if entropies == 0:
        return 1.0
    return float(2 * max(entropies - _entropy(joint.ravel()), 0.0) / entropies)


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """Agreement, by a (true, found) table, of pairs of frames beyond chance (Hubert and Arabie, 1985)."""

    def pairs(counts: NDArray[np.int64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = rows * columns / max(pairs(np.array([table.sum()])), 1.0)
    most = (rows + columns) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def changes(labels: Labels) -> NDArray[np.int64]:
    """(n,) frames whose label differs from that of the frame before, of (T,) labels."""
    return np.flatnonzero(np.diff(labels)) + 1


def match(times: NDArray[np.int64], guesses: NDArray[np.int64], tolerance: float) -> NDArray[np.int64]:
    """The largest one-to-one matching of points no further apart than ``tolerance``, and the tightest such.

    Returns
    -------
    (n, 2) indices into ``times`` and ``guesses``, rising.
    """
    distance = np.abs(times[:, None] - guesses[None, :]).astype(np.float64)
    near = distance <= tolerance + 1e-9
    # A pair that is too far costs more than all near pairs together, so that as many as possible are near.
    cost = np.where(near, distance, (tolerance + 1.0) * (min(distance.shape) + 1.0))
    rows, columns = linear_sum_assignment(cost)
    kept = near[rows, columns]
    return np.stack((rows[kept], columns[kept]), axis=1)


def boundary_f1(truth: Labels, found: Labels, tolerance: float) -> float:
    """F1 of boundaries matched one to one within ``tolerance`` frames; 1 when there are none in both."""
    return f1(*boundary_counts(truth, found, np.arange(len(truth)), tolerance))


def boundary_counts(
    truth: Labels, found: Labels, times: NDArray[np.int64], tolerance: float
) -> tuple[int, int, int]:
    """How many boundaries match one to one within ``tolerance``, are true, and are found and judged.

    ``times`` (T,) are those of the frames, in the unit of the tolerance.
    """
    edges, guesses = changes(truth), changes(found)
    pairs = match(times[edges], times[guesses], tolerance)
    inside = (truth[guesses] < 0) & (truth[guesses - 1] < 0)
    inside[pairs[:, 1]] = False
    return len(pairs), len(edges), len(guesses) - int(inside.sum())


def f1(hits: int, true: int, found: int) -> float:
    """2 hits / (true + found); 1 when there are none of both."""
    return 2.0 * hits / (true + found) if true + found else 1.0


def _entropy(shares: NDArray[np.float64]) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
