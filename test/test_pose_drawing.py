"""Skeletons over an image."""

from __future__ import annotations

import numpy as np
from people import body, person

from motion_seg_ros.pose.drawing import colour, draw
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame


def frame(*, joints=None, image_xy=None, track_id="1"):
    skeleton = Skeleton(
        track_id=track_id,
        joint_set="blazepose33",
        joints=body() if joints is None else joints,
        confidence=np.ones(33, np.float32),
        image_xy=person((160, 130), pixels_per_metre=100).image_xy.astype(np.float32)
        if image_xy is None
        else image_xy,
    )
    return SkeletonFrame(0, "camera", (skeleton,))


BLACK = np.zeros((240, 320, 3), np.uint8)


def test_a_skeleton_is_drawn_in_its_colour_on_a_copy():
    picture = draw(BLACK, frame())
    assert BLACK.max() == 0
    ys, xs = np.nonzero((picture == colour("1")).all(-1))
    assert 40 <= ys.min() <= 130
    assert 200 <= ys.max() <= 230
    assert 120 <= xs.min() <= xs.max() <= 200
    assert colour("1") != colour("2")
    assert colour("walker") == colour("walker")


def test_what_is_not_seen_is_not_drawn():
    nobody = frame(joints=np.full((33, 3), np.nan))
    without_image = frame(image_xy=np.empty((0, 2), np.float32))
    for scene in (nobody, without_image, SkeletonFrame(0, "", ())):
        assert draw(BLACK, scene).max() == 0
    legs = body()
    legs[:23] = np.nan
    # Only the name stands above the hips (row 130).
    assert draw(BLACK, frame(joints=legs))[:100].max() == 0


def test_points_far_outside_the_image_do_no_harm():
    far = frame().skeletons[0].image_xy * 1e7
    assert draw(BLACK, frame(image_xy=far)).shape == BLACK.shape
    far[3] = np.nan
    draw(BLACK, frame(image_xy=far))
