"""Names that stay with people."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import person

from motion_seg_ros.pose.tracking import Tracker

SECOND = 1_000_000_000


def follow(tracker, scenes, fps=30.0, start=0):
    """Names for each scene, a list of hip positions (x, y)."""
    return [
        tracker.update(start + round(i * SECOND / fps), [person(centre) for centre in scene])
        for i, scene in enumerate(scenes)
    ]


def test_newcomers_are_named_with_the_third_image_in_order_of_appearance():
    names = follow(
        Tracker(1.0, 3), [[(100, 300)], [(100, 300)], [(600, 300), (100, 300)]] + [[(600, 300)]] * 3
    )
    assert names == [[""], [""], ["", "1"], [""], ["2"], ["2"]]


def test_a_ghost_of_two_images_gets_no_name_and_uses_none_up():
    ghost = [[(100, 300)], [(100, 300), (900, 300)], [(100, 300), (900, 300)], [(100, 300)]]
    tracker = Tracker(1.0, 3)
    follow(tracker, ghost)
    assert follow(tracker, [[(100, 300), (500, 300)]] * 3, start=SECOND)[-1] == ["1", "2"]
    assert tracker.named == 2


@pytest.mark.parametrize("fps", [10.0, 30.0])
@pytest.mark.parametrize("hidden", [0.0, 0.5])
def test_people_who_cross_keep_their_names(fps, hidden):
    """Two people pass each other at 1.5 m/s (150 and 135 pixels a metre); B may be hidden meanwhile."""
    tracker, seconds = Tracker(1.0, 2), 4.0
    seen = {"a": set(), "b": set()}
    for i in range(round(seconds * fps)):
        t = i / fps
        where = {"a": (200 + 225 * t, 300), "b": (1100 - 225 * t, 290)}
        if abs(t - seconds / 2) < hidden / 2:
            del where["b"]
        # The order of detections means nothing: it is reversed in every other image.
        who = sorted(where, reverse=bool(i % 2))
        names = tracker.update(
            round(t * SECOND), [person(where[k], pixels_per_metre=150 if k == "a" else 135) for k in who]
        )
        for k, name in zip(who, names, strict=True):
            seen[k].add(name)
    assert seen == {"a": {"", "1"}, "b": {"", "2"}}


def test_people_who_turn_back_behind_one_another_may_swap_but_stay_two():
    tracker, names = Tracker(1.0, 1), set()
    for i in range(60):
        distance = abs(30 - i) * 8
        scene = [(500 - distance, 300)] + ([(500 + distance, 300)] if abs(30 - i) > 5 else [])
        names |= set(tracker.update(round(i * SECOND / 30), [person(centre) for centre in scene]))
    assert names == {"1", "2"}


@pytest.mark.parametrize(("gap", "name"), [(0.9, "1"), (1.1, "2")])
def test_a_name_outlives_a_gap_of_max_gap(gap, name):
    tracker = Tracker(1.0, 1)
    assert tracker.update(0, [person((300, 300))]) == ["1"]
    assert tracker.update(round(gap * SECOND / 2), []) == []
    assert tracker.update(round(gap * SECOND), [person((320, 300))]) == [name]


def test_nobody_takes_over_a_name_from_across_the_room():
    tracker = Tracker(1.0, 1)
    tracker.update(0, [person((100, 300))])
    assert tracker.update(SECOND // 10, [person((900, 300))]) == ["2"]


def test_a_crouch_in_the_air_keeps_the_name():
    """The body's box shrinks to a third while it moves by its former half in a fifth of a second."""
    tracker = Tracker(1.0, 1)
    follow(tracker, [[(300, 300)]] * 30)
    assert tracker.update(SECOND + SECOND // 5, [person((380, 400), pixels_per_metre=50)]) == ["1"]


def test_two_images_with_one_stamp():
    tracker = Tracker(1.0, 2)
    assert tracker.update(5, [person((100, 300)), person((600, 300))]) == ["", ""]
    assert tracker.update(5, [person((100, 300))]) == ["1"]
    assert tracker.update(5, []) == []
    assert tracker.update(5, [person((100, 300))]) == ["1"]


def test_time_runs_forward_until_reset():
    tracker = Tracker(1.0, 1)
    tracker.update(SECOND, [person((100, 300))])
    with pytest.raises(ValueError, match="before the last one"):
        tracker.update(SECOND - 1, [])
    tracker.reset()
    assert tracker.update(0, [person((700, 300))]) == ["1"]


SCENES = st.lists(
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 700)), max_size=4), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None)
@given(SCENES, st.integers(1, 4))
def test_names_are_distinct_rise_and_do_not_depend_on_chance(scenes, min_hits):
    names = follow(Tracker(0.3, min_hits), scenes)
    assert names == follow(Tracker(0.3, min_hits), scenes)
    known = 0
    for scene, given_names in zip(scenes, names, strict=True):
        numbers = [int(name) for name in given_names if name]
        assert len(given_names) == len(scene)
        assert len(set(numbers)) == len(numbers)
        fresh = sorted(number for number in numbers if number > known)
        assert fresh == list(range(known + 1, known + 1 + len(fresh)))
        known += len(fresh)
