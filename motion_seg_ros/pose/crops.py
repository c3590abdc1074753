"""Square windows on an image: to look for people, and to follow one. Pure geometry.

The person detector of BlazePose sees 224 by 224 pixels of whatever it is given, so it misses people who are
small in a wide image; in a window about twice their size it finds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A followed body's extent is kept within these fractions of its window, and its middle within this fraction
# of the window's middle. Inside these limits the window stands still, so that the network's own smoothing and
# its prediction from the last frame see the person's motion and not the window's.
_EXTENT = (0.35, 0.65)
_WANDER = 0.1
# Side of the small search windows relative to the large ones, and least overlap of neighbours.
_SMALL = 0.6
_OVERLAP = 0.4


@dataclass(frozen=True, slots=True)
class Crop:
    """A square window: left and top edge and side, in pixels. It may reach beyond the image."""

    x: int
    y: int
    side: int

    def cut(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pixels of the window, (side, side, 3), a copy; black beyond the image."""
        height, width = rgb.shape[:2]
        left, top = max(self.x, 0), max(self.y, 0)
        right, bottom = min(self.x + self.side, width), min(self.y + self.side, height)
        window = np.zeros((self.side, self.side, 3), np.uint8)
        if right > left and bottom > top:
            window[top - self.y : bottom - self.y, left - self.x : right - self.x] = rgb[
                top:bottom, left:right
            ]
        return window


def around(points: NDArray[np.float64]) -> Crop:
    """The window twice as large as the box around points (N, 2), on its middle."""
    centre, extent = _middle_and_extent(points)
    side = max(32, round(2 * extent))
    return Crop(round(centre[0] - side / 2), round(centre[1] - side / 2), side)


def follow(crop: Crop, points: NDArray[np.float64]) -> Crop:
    """The window for the next frame: this one, moved and resized no more than the body demands."""
    centre, extent = _middle_and_extent(points)
    side = max(32, round(min(max(crop.side, extent / _EXTENT[1]), extent / _EXTENT[0])))
    middle = np.array([crop.x, crop.y]) + crop.side / 2
    middle = np.clip(middle, centre - _WANDER * side, centre + _WANDER * side)
    return Crop(round(middle[0] - side / 2), round(middle[1] - side / 2), side)


def tiles(width: int, height: int) -> tuple[Crop, ...]:
    """Windows in which people are looked for in turn: large ones, each followed by some small ones.

    The large ones are as high (or wide) as the image, the small ones 0.6 of that; neighbours overlap by at
    least 0.4 of their side, so that whoever fits into that overlap is whole in one of them.
    """
    large = _grid(width, height, min(width, height))
    small = _grid(width, height, max(1, round(_SMALL * min(width, height))))
    share = len(small) / len(large)
    order: list[Crop] = []
    for index, tile in enumerate(large):
        order += [tile, *small[round(index * share) : round((index + 1) * share)]]
    return tuple(order)


def _grid(width: int, height: int, side: int) -> list[Crop]:
    columns, rows = (
        np.linspace(0, length - side, 1 + math.ceil((length - side) / (side * (1 - _OVERLAP)))).round()
        for length in (width, height)
    )
    return [Crop(int(x), int(y), side) for y in rows for x in columns]


def _middle_and_extent(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    low, high = points.min(0), points.max(0)
    return (low + high) / 2, float((high - low).max())
