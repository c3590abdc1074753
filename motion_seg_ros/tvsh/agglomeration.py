"""Which runs show one motion: Ward's agglomeration of run super-nodes under told boundaries (derived)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def runs_between(boundaries: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(N,) number of the run of each frame; ``boundaries[t]``: a run begins with frame t > 0."""
    begins = boundaries.copy()
    begins[0] = False
    return np.cumsum(begins)


def agglomerate(
    points: Array, runs: NDArray[np.intp], told: NDArray[np.bool_], clusters: int, doubt: float
) -> NDArray[np.int32]:
    """Labels (N,) in 0..clusters-1, by joining, again and again, the two groups of runs that are nearest.

    A group is [mean, std] of its points, for a pose alone says less than the way it moves; joining two
    costs n m / (n + m) times their squared distance (Ward). Groups that hold the two sides of a told boundary
    cost ``doubt`` times as much: somebody said that they differ.

    Parameters
    ----------
    points : (N, d) in the metric of the sequence.
    runs : (N,) from :func:`runs_between`.
    told : (N,) whether somebody has told a boundary just before frame t.
    clusters : how many labels; there are fewer where there are fewer runs.
    doubt : at least 1.
    """
    sizes = np.bincount(runs).astype(np.float64)
    sums, squares = np.zeros((len(sizes), points.shape[1])), np.zeros((len(sizes), points.shape[1]))
    np.add.at(sums, runs, points)
    np.add.at(squares, runs, points**2)
    factor = np.ones((len(sizes), len(sizes)))
    for frame in np.flatnonzero(told[1:] & (runs[1:] != runs[:-1])) + 1:
        factor[runs[frame - 1], runs[frame]] = factor[runs[frame], runs[frame - 1]] = doubt
    group = np.arange(len(sizes))
    alive = list(range(len(sizes)))
    while len(alive) > clusters:
        size = sizes[alive]
        mean = sums[alive] / size[:, None]
        spread = np.sqrt(np.maximum(squares[alive] / size[:, None] - mean**2, 0.0))
        place = np.hstack((mean, spread))
        square = (place**2).sum(axis=1)
        distance = np.maximum(square[:, None] + square[None, :] - 2.0 * place @ place.T, 0.0)
        cost = distance * size[:, None] * size[None, :] / (size[:, None] + size[None, :])
        cost = cost * factor[np.ix_(alive, alive)]
        np.fill_diagonal(cost, np.inf)
        i, j = np.unravel_index(int(cost.argmin()), cost.shape)
        kept, gone = alive[i], alive[j]
        sizes[kept] += sizes[gone]
        sums[kept] += sums[gone]
        squares[kept] += squares[gone]
        factor[kept] = factor[:, kept] = np.maximum(factor[kept], factor[gone])
        group[group == gone] = kept
        alive.remove(gone)
    return np.unique(group, return_inverse=True)[1].astype(np.int32)[runs]
