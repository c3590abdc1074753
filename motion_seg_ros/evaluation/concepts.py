"""What motion concept tokens tell about motions that have names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from motion_seg_ros.evaluation.metrics import contingency, mutual_information
from motion_seg_ros.tvsh.clustering import k_means

Array = NDArray[np.float64]
Ints = NDArray[np.integer]

# Of the logistic regression's weights.
_RIDGE = 1e-2


def histograms(clips: Sequence[Ints], codes: int) -> Array:
    """(N, codes) square roots of the shares of each token in each clip: their Euclidean distance is
    Hellinger's, in which rare tokens count too."""
    counts = np.array([np.bincount(tokens, minlength=codes) for tokens in clips], np.float64)
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def nearest_centroid(train: Array, labels: Ints, test: Array) -> Ints:
    """Labels of ``test`` (M, d): whose mean of ``train`` (N, d) is the nearest."""
    names = np.unique(labels)
    centroids = np.array([train[labels == name].mean(axis=0) for name in names])
    distances = ((test[:, None] - centroids[None]) ** 2).sum(axis=2)
    return names[distances.argmin(axis=1)]


def linear_probe(train: Array, labels: Ints, test: Array) -> Ints:
    """Labels of ``test`` (M, d) from a logistic regression with a small ridge on ``train`` (N, d)."""
    names, place = np.unique(labels, return_inverse=True)
    mean, scale = train.mean(axis=0), train.std(axis=0).mean() + 1e-9
    features = np.column_stack(((train - mean) / scale, np.ones(len(train))))
    truth = np.eye(len(names))[place]

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(features.shape[1], len(names))
        scores = features @ weights
        log_shares = scores - logsumexp(scores, axis=1, keepdims=True)
        slope = features.T @ (np.exp(log_shares) - truth) / len(truth) + 2 * _RIDGE * weights
        return float(-(truth * log_shares).sum() / len(truth) + _RIDGE * (weights**2).sum()), slope.ravel()

    start = np.zeros(features.shape[1] * len(names))
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    scores = np.column_stack(((test - mean) / scale, np.ones(len(test)))) @ weights.reshape(-1, len(names))
    return names[scores.argmax(axis=1)]


def dominant_runs(tokens: Ints, window: int) -> Ints:
    """The most frequent token around each place: (n,) from (n,), ``window`` tokens centred on it.

    Ties go to the token that is dominant already, else to the most frequent one of the recording.
    """
    names, place = np.unique(tokens, return_inverse=True)
    one = np.eye(len(names))[place]
    total = np.concatenate((np.zeros((1, len(names))), np.cumsum(one, axis=0)))
    begin = np.maximum(np.arange(len(tokens)) - window // 2, 0)
    end = np.minimum(np.arange(len(tokens)) + window - window // 2, len(tokens))
    counts = total[end] - total[begin] + 0.25 * one.mean(axis=0)
    found = np.zeros(len(tokens), np.intp)
    for i, row in enumerate(counts):
        if i:
            row[found[i - 1]] += 0.5
        found[i] = row.argmax()
    return names[found]


def label_information(truth: Ints, found: Ints) -> float:
    """Normalised mutual information of found labels with the truth, where it is known."""
    return mutual_information(contingency(truth, found))


def pose_clusters(poses: Array, clusters: int, seed: int = 0) -> NDArray[np.intp]:
    """k-means of poses (T, d): what can be had without any concepts."""
    return k_means(poses, clusters, seed)[0].astype(np.intp)
