"""What counts as a difference: a metric learned from how the features move within a moment.

Directions in which a person's features wander all the time (noise, the swing of a repeated motion) say
little about a change of motion; directions that are quiet say much. The metric divides by the
covariance of the features around their own mean over the last moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Longer vectors are first projected to this many dimensions; distances keep to about 1/sqrt(2 * 64).
PROJECTED = 64
# What is assumed before the first step counts as much as this many steps: little when nothing is known.
_ROUND_STEPS, _KNOWN_STEPS = 15.0, 150.0
# Old steps fade with this time constant in steps: minutes, so that the metric hardly moves once learned.
_MEMORY_STEPS = 3000.0
# The least variance a direction is given, as a share of the mean.
_FLOOR = 0.1


class Whitening:
    """Running mean and moment covariance of a stream, and the metric that follows from them.

    Parameters
    ----------
    dimension : length d of the feature vectors.
    window : steps over which the moment's mean is taken.
    stray : (d,) how far each feature usually strays from its moment's mean, if that is known.

    Attributes
    ----------
    size : of a projected vector; metric : (size, size) the one in force.
    """

    def __init__(self, dimension: int, window: int, stray: Array | None = None) -> None:
        self.size = min(dimension, PROJECTED)
        self._projection: Array | None = None
        if dimension > PROJECTED:
            # A fixed random projection (Johnson-Lindenstrauss): the same for every stream.
            rng = np.random.default_rng(dimension)
            self._projection = rng.standard_normal((dimension, PROJECTED)) / np.sqrt(PROJECTED)
        self._usual: Array | None = None
        if stray is not None:
            self._usual = np.diag(stray**2)
            if self._projection is not None:
                self._usual = self._projection.T @ self._usual @ self._projection
        # In no order: the newest takes the place of the oldest.
        self._recent = np.zeros((window, self.size))
        self._learned = 0
        self._count = 0.0
        self._mean = np.zeros(self.size)
        self._scatter = np.zeros((self.size, self.size))
        self.metric = np.eye(self.size)
        self._center = np.zeros(self.size)  # measured

    def project(self, features: Array) -> Array:
        """(size,) coordinates of one (d,) vector."""
        return features if self._projection is None else features @ self._projection

    def learn(self, point: Array) -> None:
        """Take one projected step into the running statistics."""
        self._count = min(self._count + 1.0, _MEMORY_STEPS)
        gain = 1.0 / self._count
        self._mean = self._mean + gain * (point - self._mean)
        window = len(self._recent)
        self._recent[self._learned % window] = point
        self._learned += 1
        rest = point - self._recent[: self._learned].mean(axis=0)
        self._scatter *= 1.0 - gain
        self._scatter += np.outer(gain * rest, rest)

    def refresh(self) -> None:
        """Make what was learned the metric in force."""
        if self._usual is None:
            usual = float(np.trace(self._scatter)) / self.size * np.eye(self.size)
            share = self._count / (self._count + _ROUND_STEPS)
        else:
            usual = self._usual
            share = self._count / (self._count + _KNOWN_STEPS)
        values, vectors = np.linalg.eigh(share * self._scatter + (1.0 - share) * usual)
        average = float(values.mean())
        if average > 0.0:
            scale = 1.0 / np.sqrt(np.maximum(values, 0.0) + _FLOOR * average)
            self.metric = (vectors * scale) @ vectors.T
        self._center = self.measure(self._mean)

    def measure(self, points: Array) -> Array:
        """(n, size) points in the metric in force, whose Euclidean distances count."""
        return points @ self.metric

    def columns(self, means: Array, spreads: Array) -> Array:
        """(n, 3 size) non-negative unit rows for the embedding: parts above and below the mean, and spreads.

        ``means`` and ``spreads`` are (n, size) moments of measured points.
        """
        level = means - self._center
        parts = np.concatenate((np.maximum(level, 0.0), np.maximum(-level, 0.0), spreads), axis=1)
        length = np.linalg.norm(parts, axis=1, keepdims=True)
        return parts / np.where(length > 0, length, 1.0)
