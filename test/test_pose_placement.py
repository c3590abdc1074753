"""From hip-centred landmarks to a place in front of the camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import body

from motion_seg_ros.pose.placement import body_frame, focal_length, place, smooth_depth, to_rep103


def project(points, focal, centre):
    return points[:, :2] / points[:, 2:] * focal + centre


@given(
    st.tuples(st.floats(-3, 3), st.floats(-2, 2), st.floats(1.5, 15)),
    st.floats(200, 2000),
    st.integers(0, 20),
)
def test_a_projected_body_is_put_back_where_it_stood(where, focal, unseen):
    points, weight = body(), np.ones(33)
    weight[:unseen] = 0
    image = project(points + where, focal, (320, 240))
    image[:unseen] = 1e6  # What does not count may be anything.
    np.testing.assert_allclose(place(points, image, weight, focal, (320, 240)), where, atol=1e-6)


def test_noise_of_pixels_moves_the_place_little():
    points, where = body(), np.array([0.5, 0.2, 4.0])
    image = project(points + where, 600, (320, 240))
    image += np.random.default_rng(0).normal(scale=2, size=image.shape)
    assert np.abs(place(points, image, np.ones(33), 600, (320, 240)) - where).max() < 0.05


def test_no_place_is_nan():
    points = body()
    image = project(points + np.array([0, 0, 4.0]), 600, (320, 240))
    one = np.zeros(33)
    one[11] = 1
    assert np.isnan(place(points, image, one, 600, (320, 240))).all()
    assert np.isnan(place(points, image, np.zeros(33), 600, (320, 240))).all()
    # Upside down in the image, only a place behind the camera would explain it.
    upside_down = 2 * np.array([320, 240]) - image
    assert np.isnan(place(points, upside_down, np.ones(33), 600, (320, 240))).all()


def test_axes_and_frames():
    np.testing.assert_array_equal(to_rep103(np.array([[1.0, 2.0, 3.0]])), [[3.0, -1.0, -2.0]])
    assert body_frame("front/camera_optical_frame") == "front/camera_frame"
    assert body_frame("camera_optical") == "camera"
    assert body_frame("optical_table") == "optical_table"
    assert body_frame("") == ""


def test_focal_length():
    assert focal_length(640, 90) == pytest.approx(320)


def test_depth_follows_with_its_time_constant_along_the_line_of_sight():
    where = np.array([1.0, -0.5, 4.0])
    steady = smooth_depth(where, 3.0, 0.25)
    assert steady[2] == pytest.approx(3 + (1 - np.exp(-1)))
    np.testing.assert_allclose(steady / steady[2], where / where[2])
    np.testing.assert_array_equal(smooth_depth(where, 4.0, 0.1), where)
    np.testing.assert_allclose(smooth_depth(where, 3.0, 0.0)[2], 3.0)
