"""Windows on an image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.pose.crops import Crop, around, follow, tiles

IMAGE = np.random.default_rng(0).integers(1, 255, (60, 100, 3), dtype=np.uint8)


@given(st.integers(-150, 150), st.integers(-150, 150), st.integers(1, 200))
def test_a_window_shows_its_pixels_and_black_beyond_the_image(x, y, side):
    window = Crop(x, y, side).cut(IMAGE)
    wide = np.zeros((60 + 800, 100 + 800, 3), np.uint8)
    wide[400:460, 400:500] = IMAGE
    np.testing.assert_array_equal(window, wide[400 + y : 400 + y + side, 400 + x : 400 + x + side])


def test_a_window_is_a_copy():
    before = IMAGE.copy()
    Crop(0, 0, 50).cut(IMAGE)[:] = 0
    np.testing.assert_array_equal(IMAGE, before)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1768, 994), (1, 1), (300, 300), (1920, 200)])
def test_whoever_fits_into_the_overlap_is_whole_in_some_tile(size):
    width, height = size
    grid = tiles(width, height)
    assert len(grid) == len(set(grid)) or min(size) == 1
    assert all(0 <= t.x <= width - t.side and 0 <= t.y <= height - t.side for t in grid)
    for part in (0.4, 0.24):
        side = int(part * min(size)) - 1
        for x in range(0, width - side, 7):
            for y in range(0, height - side, 7):
                assert any(
                    t.x <= x and t.y <= y and x + side <= t.x + t.side and y + side <= t.y + t.side
                    for t in grid
                    if side < 0.4 * t.side
                )


def square(x, y, extent):
    return np.array([[x, y], [x + extent, y + extent / 3]], float)


def test_a_window_stands_still_while_the_body_moves_little():
    crop = around(square(200, 200, 100))
    assert crop.side == 200
    for dx, dy, extent in ((0, 0, 100), (15, -10, 95), (-15, 15, 110)):
        assert follow(crop, square(200 + dx, 200 + dy, extent)) == crop


@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30), st.floats(0.9, 1.1)), max_size=40))
def test_a_followed_body_stays_inside_its_window(steps):
    x, y, extent = 500.0, 500.0, 120.0
    crop = around(square(x, y, extent))
    for dx, dy, growth in steps:
        x, y, extent = x + dx, y + dy, max(40.0, extent * growth)
        crop = follow(crop, square(x, y, extent))
        assert 0.34 < extent / crop.side < 0.66
        middle = np.array([crop.x, crop.y]) + crop.side / 2 - (x + extent / 2, y + extent / 6)
        assert np.abs(middle).max() <= 0.1 * crop.side + 1


def test_a_body_of_no_extent_has_a_window():
    assert around(np.full((5, 2), 10.0)).side == follow(Crop(0, 0, 64), np.full((5, 2), 10.0)).side == 32
