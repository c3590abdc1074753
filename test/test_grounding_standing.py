"""Standing queries over motion that goes on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from planted import CALIBRATION, PlantedText, motion

from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.grounding.partition import partition
from motion_seg_ros.grounding.standing import StandingConfig, StandingQuery
from motion_seg_ros.grounding.watches import Watches

SECOND = 1_000_000_000


def query(text, **numbers):
    return StandingQuery(Grounder(PlantedText(), CALIBRATION), partition(text), StandingConfig(**numbers))


def watch(standing, script, start=0):
    return [
        told
        for stamp, frame in zip(*motion(script, start=start), strict=True)
        for told in standing.update(int(stamp), frame)
    ]


def last_words(told):
    newest = {}
    for item in told:
        newest[item.sighting_id] = item
    return [item for item in newest.values() if not (item.final and item.start == item.end)]


def test_he_waves_is_told_while_he_waves_and_settled_afterwards():
    told = watch(query("tell me when he waves"), [(None, 5.0), ("wave", 3.0), ("walk", 6.0)])
    first = told[0]
    assert first.action == "waves"
    assert 5.3 * SECOND <= first.stamp <= 6.6 * SECOND
    assert not first.final
    (final,) = last_words(told)
    assert final.final
    assert final.sighting_id == first.sighting_id
    assert final.start / 1e9 == pytest.approx(5.0, abs=0.25)
    assert final.end / 1e9 == pytest.approx(8.0, abs=0.25)
    assert final.score > 0.9
    assert [item.revision for item in told] == list(range(len(told)))


def test_what_does_not_happen_is_not_told():
    assert watch(query("tell me when he claps"), [(None, 5.0), ("wave", 3.0), ("walk", 20.0)]) == []


def test_what_comes_again_is_told_again_and_nothing_twice():
    script = [("walk", 3.0), ("wave", 2.0), ("walk", 5.0), ("wave", 2.0), ("walk", 20.0)]
    seen = last_words(watch(query("he waves"), script))
    assert [round(item.start / 1e9) for item in seen] == [3, 10]
    assert all(item.final for item in seen)


def test_a_sighting_may_be_longer_than_the_window():
    told = watch(query("he walks", window=5.0), [(None, 2.0), ("walk", 20.0), (None, 6.0)])
    (final,) = last_words(told)
    assert final.start / 1e9 == pytest.approx(2.0, abs=0.25)
    assert final.end / 1e9 == pytest.approx(22.0, abs=0.25)


def test_every_sub_action_is_watched_for():
    told = watch(query("he waves and sits"), [("sit", 3.0), (None, 3.0), ("wave", 3.0), (None, 4.0)])
    assert [item.action for item in last_words(told)] == ["sits", "waves"]


def test_an_end_of_sight_and_a_jump_back_in_time_end_what_is_open():
    standing = query("he waves")
    stamps, joints = motion([("wave", 4.0)])
    told = [
        item
        for stamp, frame in zip(stamps, joints, strict=True)
        for item in standing.update(int(stamp), frame)
    ]
    assert told
    assert not told[-1].final
    again = standing.update(0, joints[0])
    assert [item.final for item in again] == [True]
    assert again[0].sighting_id == told[0].sighting_id
    later = watch(standing, [("wave", 4.0)], start=SECOND)
    assert later[0].sighting_id != told[0].sighting_id
    closed = standing.close()
    assert [item.final for item in closed] == [True]
    assert standing.close() == []


def test_nobody_in_sight_settles_what_was_seen():
    standing = query("he waves")
    told = watch(standing, [("wave", 3.0)])
    nobody = np.full((22, 3), np.nan)
    for number in range(1, 500):
        told += standing.update(3 * SECOND + number * SECOND // 30, nobody)
    (final,) = last_words(told)
    assert final.final
    assert final.end / 1e9 == pytest.approx(3.0, abs=0.25)


def test_ids_are_shared_and_texts_without_actions_tell_nothing():
    ids = itertools.count(5)
    grounder = Grounder(PlantedText(), CALIBRATION)
    standing = StandingQuery(grounder, partition("he waves"), ids=ids)
    told = watch(standing, [("wave", 3.0)])
    assert told[0].sighting_id == 5
    assert watch(StandingQuery(grounder, partition("")), [("wave", 3.0)]) == []


def test_watching_is_repeatable():
    script = [("walk", 3.0), ("wave", 2.0), ("walk", 5.0)]
    assert watch(query("he waves"), script) == watch(query("he waves"), script)


# -- all at a time ------------------------------------------------------------------------------------


def watches(most=2):
    return Watches(Grounder(PlantedText(), CALIBRATION), StandingConfig(), most)


def test_queries_have_numbers_of_their_own_and_end_by_number_or_text():
    several = watches()
    first, said = several.begin("tell me when he waves")
    assert said == "watching for: waves"
    assert several.begin("tell me when he waves") == (first, "this is watched for already")
    second, _ = several.begin("tell me when he waves", "2")
    assert first != second
    with pytest.raises(ValueError, match="the most at a time"):
        several.begin("he claps")
    with pytest.raises(ValueError, match="no such"):
        several.end(99, "tell me when he waves")
    assert several.end(0, "tell me when he waves", "2") == (second, [])
    assert several.end(first) == (first, [])
    assert len(several) == 0
    with pytest.raises(ValueError, match="empty"):
        several.begin("")


def test_a_query_about_one_track_is_silent_about_others_and_all_end_with_the_motion():
    several = watches()
    everybody, _ = several.begin("he waves")
    one, _ = several.begin("he waves", "b")
    told = []
    for stamp, frame in zip(*motion([(None, 5.0), ("wave", 3.0)]), strict=True):
        told += several.update(int(stamp), {"a": frame, "b": frame})
    assert sorted(track for track, item in told if item.revision == 0) == ["a", "b", "b"]
    ended = several.close()
    assert sorted(track for track, item in ended if item.final) == ["a", "b", "b"]
    assert several.end(everybody)[1] == several.end(one)[1] == []


def test_somebody_who_left_is_forgotten():
    several = watches()
    several.begin("he waves")
    frame = motion([("wave", 0.1)])[1][0]
    told = several.update(0, {"a": frame})
    for second in range(1, 60):
        told += several.update(second * SECOND, {})
    assert not any(watch.followers for watch in several._watches.values())
