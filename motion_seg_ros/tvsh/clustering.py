"""From codes to motions: affinity, temporally constrained spectral clustering, exact chain refinement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Array = NDArray[np.float64]
Labels = NDArray[np.int32]

# Restarts and rounds of k-means; the best of the restarts is kept.
_RESTARTS, _ROUNDS = 10, 100


# Frames of which every two are compared: an affinity of 1.2 GB, of which there are up to five at a time.
MOST_FRAMES = 12_000


def check_length(frames: int) -> None:
    """ValueError for more frames than every two of which can be compared."""
    if frames > MOST_FRAMES:
        raise ValueError(
            f"{frames} frames are too many to compare every two of them, {MOST_FRAMES} at the most: "
            "divide them, or use --mode stream"
        )


def cosine_affinity(codes: Array) -> Array:
    """max(0, cos(z_i, z_j)) of codes (r, N); (N, N), 0 for a code of zeros."""
    length = np.linalg.norm(codes, axis=0)
    unit = codes / np.where(length > 0, length, 1.0)
    return np.maximum(unit.T @ unit, 0.0)


def normalised(affinity: Array) -> Array:
    """D^-1/2 A D^-1/2; a row of zeros stays."""
    degree = affinity.sum(axis=1)
    scale = 1.0 / np.sqrt(np.where(degree > 0, degree, 1.0))
    return affinity * scale[:, None] * scale[None, :]


def leading_vectors(graph: Array, count: int) -> tuple[Array, Array]:
    """The ``count`` largest eigenvalues of a symmetric matrix, falling, and their vectors (N, count)."""
    size = len(graph)
    values, vectors = eigh(graph, subset_by_index=(size - min(count, size), size - 1))
    return values[::-1], vectors[:, ::-1]


def k_means(points: Array, count: int, seed: int) -> tuple[Labels, Array]:
    """Lloyd's algorithm from the best of several k-means++ starts: labels (N,), centres (count, d).

    Distances are squared and Euclidean. Fewer than ``count`` labels occur where fewer different points exist.
    """
    rng = np.random.default_rng(seed)
    best: tuple[float, Labels, Array] | None = None
    for _ in range(_RESTARTS):
        centres = _spread_out(points, count, rng)
        labels = np.full(len(points), -1, np.int32)
        for _ in range(_ROUNDS):
            distance = squared_distances(points, centres)
            nearest = distance.argmin(axis=1).astype(np.int32)
            if (nearest == labels).all():
                break
            labels = nearest
            for label in range(count):
                inside = labels == label
                if inside.any():
                    centres[label] = points[inside].mean(axis=0)
        cost = float(squared_distances(points, centres).min(axis=1).sum())
        if best is None or cost < best[0]:
            best = (cost, labels, centres)
    assert best is not None
    return best[1], best[2]


def squared_distances(points: Array, centres: Array) -> Array:
    """(N, count) squared Euclidean distances."""
    square = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None, :]
    return np.maximum(square - 2.0 * points @ centres.T, 0.0)


def _spread_out(points: Array, count: int, rng: np.random.Generator) -> Array:
    """k-means++: each next centre drawn in proportion to the squared distance to those that are there."""
    chosen = [int(rng.integers(len(points)))]
    distance = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < count:
        total = float(distance.sum())
        place = int(rng.integers(len(points)))
        if total > 0:
            place = int(np.searchsorted(np.cumsum(distance), rng.random() * total, side="right"))
            place = min(place, len(points) - 1)
        chosen.append(place)
        distance = np.minimum(distance, squared_distances(points, points[place : place + 1])[:, 0])
    return points[chosen].copy()


def chain_labels(costs: Array, stay: Array, switch: Array) -> Labels:
    """The cheapest sequence of labels (Viterbi, exact).

    Parameters
    ----------
    costs : (N, K) cost of each label of each frame.
    stay, switch : (N,) cost of keeping, and of changing, the label from frame t-1 to t; element 0 is unused.
    """
    total = costs[0].astype(np.float64)
    origins = np.zeros(costs.shape, np.int32)
    keep = np.arange(costs.shape[1], dtype=np.int32)
    for t in range(1, len(costs)):
        # The cheapest label before, other than one's own.
        order = np.argsort(total, kind="stable")
        other = np.where(keep == order[0], order[min(1, len(order) - 1)], order[0]).astype(np.int32)
        change = np.where(other == keep, np.inf, total[other] + switch[t])
        changed = change < total + stay[t]
        origins[t] = np.where(changed, other, keep)
        total = np.where(changed, change, total + stay[t]) + costs[t]
    labels = np.empty(len(costs), np.int32)
    label = int(total.argmin())
    for t in range(len(costs) - 1, -1, -1):
        labels[t] = label
        label = int(origins[t, label])
    return labels


def without_short_runs(labels: Labels, shortest: int) -> Labels:
    """Runs of fewer than ``shortest`` frames divided among their neighbours, the shortest first."""
    labels = labels.copy()
    while True:
        borders = np.concatenate(([0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]))
        lengths = np.diff(borders)
        run = int(lengths.argmin())
        if len(lengths) == 1 or lengths[run] >= shortest:
            return labels
        begin, end = int(borders[run]), int(borders[run + 1])
        middle = (begin + end) // 2
        if begin == 0:
            middle = begin
        elif end == len(labels):
            middle = end
        labels[begin:middle] = labels[begin - 1]
        labels[middle:end] = labels[min(end, len(labels) - 1)]


def in_order(labels: NDArray[np.integer]) -> Labels:
    """The same labels, numbered in the order of their first frame."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(values), np.int32)
    rank[np.argsort(first)] = np.arange(len(values), dtype=np.int32)
    return rank[inverse]
