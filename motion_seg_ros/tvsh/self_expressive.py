"""The self-expressive form of the embedding, for comparison: every frame coded by the other frames (derived).

    min over Z >= 0, diag Z = 0 of
    1/2 ||X - X Z||^2 + ridge/2 ||Z||^2 + smooth/2 tr(Z L Z^T)

The dictionary of :mod:`motion_seg_ros.tvsh.admm` is replaced by the sequence itself: nothing is learned;
the codes are (N, N), and a round costs O(N^2 s^2 + N^3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.admm import EmbeddingConfig, smooth_codes
from motion_seg_ros.tvsh.links import laplacian_bands, tvs_weights

Array = NDArray[np.float64]


def self_expressive_codes(
    data: Array, links: Array, config: EmbeddingConfig, *, tolerance: float = 1e-4, iterations: int = 100
) -> Array:
    """The codes Z (N, N) of data (d, N) over itself; column t says by which frames frame t is expressed.

    Stops when codes and their splitting agree, and change, by less than ``tolerance`` of their size.
    """
    bands = laplacian_bands(tvs_weights(links, config.span))
    target = data.T @ data
    gains, basis = np.linalg.eigh(target)
    gains = np.maximum(gains, 0.0)
    codes = np.zeros_like(target)
    dual = np.zeros_like(target)
    for _ in range(iterations):
        right = basis.T @ (target - dual + config.penalty * codes)
        free = basis @ smooth_codes(right, gains, bands, config)
        before = codes
        codes = np.maximum(free + dual / config.penalty, 0.0)
        np.fill_diagonal(codes, 0.0)
        dual += config.step * config.penalty * (free - codes)
        size = tolerance * max(float(np.linalg.norm(codes)), 1e-12)
        if np.linalg.norm(free - codes) < size and np.linalg.norm(codes - before) < size:
            break
    return codes
