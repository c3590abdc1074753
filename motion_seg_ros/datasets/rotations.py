"""Rotations about the coordinate axes, for files that store motion as Euler angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def about_axis(axis: str, angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 3) matrices that turn column vectors by ``angles`` (...) radians about "x", "y" or "z"."""
    cos, sin = np.cos(angles), np.sin(angles)
    matrix = np.zeros((*angles.shape, 3, 3))
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    matrix[..., i, i] = 1
    matrix[..., j, j] = matrix[..., k, k] = cos
    matrix[..., k, j], matrix[..., j, k] = sin, -sin
    return matrix
