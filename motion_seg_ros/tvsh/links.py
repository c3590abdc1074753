"""Links between consecutive frames and the temporal variation graph (TVS) built from them.

A link l_t in [0, 1] is the probability that no boundary lies between frames t-1 and t. Frames i < j
no further apart than the span s are joined with weight T_ij = product of l_k over k in (i, j]
(derived; with every link 1 this is the graph of Temporal Subspace Clustering, ICCV 2015).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tvs_weights(links: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """The bands of T: ``weights[k - 1, t]`` joins frames t-k and t.

    Parameters
    ----------
    links : (N,) in 0..1; ``links[t]`` joins t-1 and t, so ``links[0]`` has no meaning here.
    span : s >= 1, the largest distance of joined frames.

    Returns
    -------
    (span, N) float64, 0 where t < k.
    """
    count = len(links)
    weights = np.zeros((span, count))
    for k in range(1, min(span, count - 1) + 1):
        before = np.ones(count - k) if k == 1 else weights[k - 2, k - 1 : -1]
        weights[k - 1, k:] = before * links[k:]
    return weights


def laplacian_bands(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """L = diag(T 1) - T in the upper banded form of :func:`scipy.linalg.solveh_banded`.

    ``weights`` is (s, N) from :func:`tvs_weights`; the result is (s + 1, N), its last row the
    diagonal.
    """
    span, count = weights.shape
    bands = np.zeros((span + 1, count))
    for k in range(1, min(span, count - 1) + 1):
        bands[span - k] = -weights[k - 1]
        bands[span, k:] += weights[k - 1, k:]
        bands[span, :-k] += weights[k - 1, k:]
    return bands


def apply_laplacian(weights: NDArray[np.float64], codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Z L for codes Z (r, N), without forming L."""
    out = np.zeros_like(codes)
    for k in range(1, min(weights.shape[0], codes.shape[1] - 1) + 1):
        pull = (codes[:, k:] - codes[:, :-k]) * weights[k - 1, k:]
        out[:, k:] += pull
        out[:, :-k] -= pull
    return out
