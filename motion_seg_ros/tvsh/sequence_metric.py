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


def whiten(data: Array, window: int, floor: float) -> Array:
    """Rows (T, d), centred, times (C + floor mean variance)^-1/2; only centred where nothing wanders.

    C is the covariance of the rows around the mean of the ``window`` rows about them.
    """
    centred = data - data.mean(axis=0)
    rest = data - moving_mean(data, window)
    count, length = data.shape
    if length > count:
        # No more than T directions have any variance; all others have the floor.
        _, sizes, rows = np.linalg.svd(rest, full_matrices=False)
        values, vectors = sizes**2 / count, rows.T
    else:
        values, vectors = np.linalg.eigh(rest.T @ rest / count)
        values = np.maximum(values, 0.0)
    least = floor * float(values.sum() / length)
    if least <= 0.0:
        return centred
    scale = 1.0 / np.sqrt(values + least)
    if length > count:
        usual = 1.0 / np.sqrt(least)
        return usual * centred + (centred @ vectors * (scale - usual)) @ vectors.T
    return centred @ (vectors * scale) @ vectors.T


def signed_columns(data: Array) -> Array:
    """(2 d, T) non-negative columns of unit length: the parts of the rows above and below zero."""
    return unit_rows(np.hstack((np.maximum(data, 0.0), np.maximum(-data, 0.0)))).T
