"""What counts as a difference inside one whole sequence, and the columns that the embedding takes.

The batch counterpart of :mod:`motion_seg_ros.tvsh.whitening`: directions in which the vectors wander within
every moment are divided by how much they wander, so that what tells one moment from another is what
remains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def unit_rows(data: Array) -> Array:
    """Rows scaled to length 1; a row of zeros stays."""
    length = np.linalg.norm(data, axis=1, keepdims=True)
    return data / np.where(length > 0, length, 1.0)


def moving_mean(data: Array, window: int) -> Array:
    """Mean of rows t - window // 2 .. t + (window - 1) // 2, as far as they exist; (T, d)."""
    count = len(data)
    sums = np.vstack((np.zeros(data.shape[1]), np.cumsum(data, axis=0)))
    place = np.arange(count)
    first = np.maximum(place - window // 2, 0)
    last = np.minimum(place + window - window // 2, count)
    return (sums[last] - sums[first]) / (last - first)[:, None]


def moment_scatter(data: Array, window: int) -> Array:
    """(d, d) covariance of rows around the mean of the ``window`` rows about them."""
    rest = data - moving_mean(data, window)
    return rest.T @ rest / len(rest)


def whiten(data: Array, scatter: Array, floor: float) -> Array:
    """Rows (T, d), centred, times (scatter + floor mean variance)^-1/2; only centred where scatter is 0."""
    centred = data - data.mean(axis=0)
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values, 0.0)
    average = float(values.mean())
    if average <= 0.0:
        return centred
    return centred @ (vectors / np.sqrt(values + floor * average)) @ vectors.T


def signed_columns(data: Array) -> Array:
    """(2 d, T) non-negative columns of unit length: the parts of the rows above and below zero."""
    return unit_rows(np.hstack((np.maximum(data, 0.0), np.maximum(-data, 0.0)))).T
