"""What counts as a person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from people import person

from motion_seg_ros.pose.detection import BLAZEPOSE, BODY, similarity
from motion_seg_ros.pose.gates import hide_unseen, rejection


def only(*parts: str, visibility: float = 0.9) -> np.ndarray:
    """Visibility of a body of which only some parts are seen."""
    seen = np.full(33, 0.1)
    for index, joint in enumerate(BLAZEPOSE.joints):
        if any(part in joint for part in parts):
            seen[index] = visibility
    return seen


@pytest.mark.parametrize(
    ("visibility", "reason"),
    [
        (np.full(33, 0.9), ""),
        (only("shoulder", "elbow", "wrist", "eye", "nose"), ""),
        (only("left_"), ""),
        (only("hip", "knee", "ankle", "heel", "foot", visibility=0.99), "no upper body"),
        (only("eye", "nose", "ear", "mouth"), "no upper body"),
        (only("shoulder", "hip"), "too little seen"),
        (np.full(33, 0.3), "no upper body"),
        (np.full(33, np.nan), "no upper body"),
    ],
    ids=["whole", "at a desk", "from the side", "legs", "face", "trunk", "dim", "nan"],
)
def test_what_must_be_seen(visibility, reason):
    assert rejection(replace(person((300, 300)), visibility=visibility), 0.5) == reason


def test_one_odd_bone_is_noise_and_two_are_no_body():
    seen = person((300, 300))
    for count, reason in ((1, ""), (2, "not a body")):
        world = seen.world.copy()
        for side in ("left", "right")[:count]:
            elbow = BLAZEPOSE.index(f"{side}_elbow")
            world[BLAZEPOSE.index(f"{side}_wrist")] = world[elbow] + (0, 0.01, 0)
        assert rejection(replace(seen, world=world), 0.5) == reason


@pytest.mark.parametrize("scale", [0.3, 2.5])
def test_dolls_and_giants_are_no_bodies(scale):
    seen = person((300, 300))
    assert rejection(replace(seen, world=seen.world * scale), 0.5) == "not a body"


def test_bones_that_are_not_seen_are_not_judged():
    seen = person((300, 300))
    world = seen.world.copy()
    world[[BLAZEPOSE.index("left_ankle"), BLAZEPOSE.index("right_ankle")]] += 5
    visibility = seen.visibility.copy()
    visibility[[BLAZEPOSE.index("left_ankle"), BLAZEPOSE.index("right_ankle")]] = 0.2
    assert rejection(replace(seen, world=world, visibility=visibility), 0.5) == ""


@pytest.mark.parametrize("field", ["world", "image_xy"])
def test_nan_and_infinity_are_no_person(field):
    seen = person((300, 300))
    for bad in (np.nan, np.inf):
        array = getattr(seen, field).copy()
        array[3, 1] = bad
        assert rejection(replace(seen, **{field: array}), 0.5) == "not finite"


def test_hiding_copies_and_hides_below_the_threshold_and_nan():
    joints = np.ones((3, 3))
    hidden = hide_unseen(joints, np.array([0.5, 0.49, np.nan]), 0.5)
    np.testing.assert_array_equal(np.isnan(hidden).all(1), [False, True, True])
    assert np.isfinite(joints).all()


def test_similarity_is_one_for_the_same_body_and_falls_with_distance():
    here = person((300, 300))
    values = [similarity(here, person((300 + d, 300))) for d in (0, 5, 20, 60, 300)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-6
    # Relative to size: the same pixels are nothing for somebody who is near.
    near = [
        similarity(person((x, 300), pixels_per_metre=600), person((300, 300), pixels_per_metre=600))
        for x in (320,)
    ]
    assert near[0] > 0.9 > values[2]


def test_similarity_looks_at_what_both_see():
    here, there = person((300, 300)), person((300, 300))
    moved = there.image_xy.copy()
    legs = BODY[6:]
    moved[legs] += 400
    visibility = there.visibility.copy()
    visibility[legs] = 0.1
    assert similarity(here, replace(there, image_xy=moved)) < 0.6
    assert similarity(here, replace(there, image_xy=moved, visibility=visibility)) == 1
