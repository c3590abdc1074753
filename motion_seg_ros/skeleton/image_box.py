"""Where somebody is in an image: the box around their joints, and the square that is cut out as they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The smallest body that is worth a look, pixels.
_SMALLEST = 16.0
# Side of the square, in extents of the body: hands, feet and the crown are beyond the joints.
_SHOWN = 1.5
# From look to look, 7.5 a second, the square shrinks by no more; it grows at once.
_SHRINKING = 0.95


@dataclass(frozen=True, eq=False)
class ImageBox:
    """A body in an image: the ``middle`` (2,) of its joints and its ``extent``, the longer side, pixels."""

    middle: NDArray[np.float64]
    extent: float


def image_box(image_xy: NDArray[np.floating], width: int, height: int) -> ImageBox | None:
    """The box around joints (J, 2) at pixels, NaN where unseen, as far as it is in the image.

    None if fewer than two joints are seen or hardly any of the body is in the image.
    """
    seen = image_xy[np.isfinite(image_xy).all(axis=1)] if len(image_xy) else image_xy
    if len(seen) < 2:
        return None
    size = np.array([width, height])
    low, high = (np.clip(edge(seen.astype(np.float64), axis=0), 0, size) for edge in (np.min, np.max))
    extent = float((high - low).max())
    beside = (high <= 0).any() or (low >= size).any()
    return None if beside or extent < _SMALLEST else ImageBox((low + high) / 2, extent)


class FollowingSquare:
    """The side of the square that is cut out around a person, look by look."""

    def __init__(self) -> None:
        self._extent = 0.0

    def side(self, extent: float) -> float:
        """For the body's extent in the next look, in its unit."""
        self._extent = max(extent, _SHRINKING * self._extent)
        return _SHOWN * self._extent
