"""What a moment of movement is like, whatever its phase: means and spreads over a short window.

Poses of one repeated movement may differ more among themselves than from those of the next movement;
their mean and spread over most of a period do not (derived).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def moments(points: Array, count: int, half: int, walls: Sequence[int]) -> tuple[Array, Array]:
    """Means and standard deviations around the last ``count`` points.

    Parameters
    ----------
    points : (n, d), oldest first.
    count : 1..n.
    half : a window reaches this many points to both sides, as far as there are points.
    walls : windows do not reach across the place just before any of these points.

    Returns
    -------
    Two (count, d) arrays.
    """
    places, others = np.arange(len(points) - count, len(points))[:, None], np.arange(len(points))
    inside = np.abs(others - places) <= half
    for wall in walls:
        inside &= (others >= wall) == (places >= wall)
    weights = inside / inside.sum(axis=1, keepdims=True)
    # Around their mean, so that the squares of a large offset cannot swamp the spread.
    middle = points.mean(axis=0)
    centred = points - middle
    means = weights @ centred
    variances = weights @ centred**2 - means**2
    return means + middle, np.sqrt(np.maximum(variances, 0.0))
