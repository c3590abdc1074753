import dataclasses
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from motions import frames, pose, skeleton

from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import EventType
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

SCRIPT = [("wave", 5), ("squat", 5), ("march", 5), ("wave", 5), ("clap", 5)]
SECOND = 1_000_000_000
# The joints of coco17 among those of smpl22.
COCO = [15, 15, 15, 15, 15, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]


def transcribe(stream, transcriber=None):
    transcriber = transcriber or Transcriber()
    events = [event for frame in stream for event in transcriber.update(frame)]
    return events + transcriber.close()


def finals(events):
    return [event for event in events if event.final]


def check_protocol(events):
    """What must hold for every stream."""
    seen = {}
    for event in events:
        before = seen.get(event.segment_id)
        if before is None:
            assert event.revision == 0
            assert event.type is EventType.STARTED or event.final
        else:
            assert not before.final
            assert event.revision == before.revision + 1
            assert event.type is not EventType.STARTED
            assert event.track_id == before.track_id
        assert event.end >= event.start
        assert event.final <= (event.type is EventType.ENDED)
        assert 0 <= event.confidence <= 1
        assert 0 <= event.boundary_confidence <= 1
        seen[event.segment_id] = event
    assert all(event.final for event in seen.values())
    for _, group in itertools.groupby(sorted(seen.values(), key=lambda e: e.track_id), lambda e: e.track_id):
        segments = sorted(group, key=lambda e: e.segment_id)
        return segments
    return []


def test_motions_are_told_apart_and_recognised_when_they_return():
    events = transcribe(frames(SCRIPT))
    check_protocol(events)
    segments = [e for e in finals(events) if e.end - e.start > SECOND]
    assert len(segments) == 5
    for segment, start in zip(segments, (0, 5, 10, 15, 20), strict=True):
        assert abs(segment.start / SECOND - start) < 0.5
    ids = [segment.motion_id for segment in segments]
    assert ids[3] == ids[0]
    assert len(set(ids)) == 4
    assert min(ids) >= 0


@pytest.mark.parametrize("fps", [10, 15, 60])
def test_every_frame_rate_gives_the_same_segments(fps):
    segments = [e for e in finals(transcribe(frames(SCRIPT, fps=fps))) if e.end - e.start > SECOND]
    assert len(segments) == 5
    for segment, start in zip(segments, (0, 5, 10, 15, 20), strict=True):
        assert abs(segment.start / SECOND - start) < 0.6


def test_final_comes_within_two_seconds_and_the_start_is_told_soon():
    events = transcribe(frames(SCRIPT))
    told = {}
    for event in events:
        if event.type is EventType.STARTED:
            told[event.segment_id] = event.stamp
    for event in finals(events)[:-1]:
        assert event.stamp - event.end <= 2 * SECOND
    delays = [told[e.segment_id] - e.start for e in finals(events)[1:]]
    assert np.median(delays) < 0.8 * SECOND


def test_segments_follow_one_another_without_gap_or_overlap():
    # A segment that never was waits at the end, empty.
    segments = [e for e in finals(transcribe(frames(SCRIPT))) if e.confidence > 0]
    assert segments[0].start == 0
    for a, b in itertools.pairwise(segments):
        assert a.end < b.start <= a.end + round(SECOND / 30) + 1
    assert segments[-1].end == frames(SCRIPT)[-1].stamp


def test_updates_do_not_flood():
    events = transcribe(frames([("wave", 20)]))
    assert len(events) <= 2 * 20


def test_the_same_frames_give_the_same_events():
    assert transcribe(frames(SCRIPT)) == transcribe(frames(SCRIPT))


@pytest.mark.parametrize("seconds", [3.0, 6.6, 12.3])
def test_cutting_the_input_short_changes_nothing_that_was_final(seconds):
    stream = frames(SCRIPT)
    short = [frame for frame in stream if frame.stamp < seconds * SECOND]
    whole = Transcriber()
    told = [e for frame in short for e in whole.update(frame)]
    again = transcribe(short)
    assert again[: len(told)] == told


def test_a_person_seen_for_half_a_second_is_started_and_ended():
    events = transcribe(frames([("wave", 0.5)]))
    assert [event.type for event in events] == [EventType.STARTED, EventType.ENDED]
    assert events[0].stamp == 0
    assert events[1].end == frames([("wave", 0.5)])[-1].stamp
    assert events[1].motion_id == -1


def test_one_frame_is_a_segment():
    [started, ended] = transcribe(frames([("wave", 0.01)]))
    assert (ended.start, ended.end, ended.final) == (0, 0, True)
    assert started.revision == 0


def test_a_person_who_leaves_ends_at_the_last_frame_seen():
    stream = frames([("wave", 3)])
    last = stream[-1].stamp
    transcriber = Transcriber()
    for frame in stream:
        transcriber.update(frame)
    empty = [SkeletonFrame(last + i * SECOND // 10, "map", ()) for i in range(1, 20)]
    told = {frame.stamp: transcriber.update(frame) for frame in empty}
    [(stamp, [event])] = [(t, e) for t, e in told.items() if e]
    assert stamp == last + 11 * SECOND // 10
    assert event.final
    assert event.end == last
    assert event.stamp == stamp
    assert transcriber.health.live == 0


def test_stamps_that_go_back_end_everything_and_begin_anew():
    stream = frames([("wave", 4)])
    transcriber = Transcriber()
    first = [e for frame in stream for e in transcriber.update(frame)]
    second = [e for frame in stream for e in transcriber.update(frame)]
    assert transcriber.health.resets == 1
    ended = [e for e in second if e.final]
    assert ended[0].end == stream[-1].stamp
    started = [e for e in second if e.type is EventType.STARTED]
    assert started[0].segment_id > max(e.segment_id for e in first)
    check_protocol(first + second + transcriber.close())


def test_a_jump_forward_is_a_gap():
    stream = frames([("wave", 3)]) + frames([("wave", 3)], start=100)
    transcriber = Transcriber()
    events = transcribe(stream, transcriber)
    assert transcriber.health.gaps == 1
    assert [e.end < 50 * SECOND for e in finals(events)] == [True, False]


def test_a_repeated_stamp_is_ignored_and_counted():
    stream = frames([("wave", 3)])
    twice = [frame for frame in stream for _ in range(2)]
    transcriber = Transcriber()
    assert transcribe(twice, transcriber) == transcribe(stream)
    assert transcriber.health.duplicates == len(stream)


def test_unusable_skeletons_count_as_not_seen():
    stream = frames([("wave", 3)])
    nothing = np.full((22, 3), np.nan)
    blind = [
        SkeletonFrame(stream[-1].stamp + i * SECOND // 30, "map", (skeleton(nothing),)) for i in range(1, 60)
    ]
    transcriber = Transcriber()
    events = transcribe(stream + blind, transcriber)
    assert transcriber.health.unusable == 59
    assert finals(events)[-1].end == stream[-1].stamp


def test_another_joint_set_ends_the_segment():
    stream = frames([("wave", 3)])
    other = [
        SkeletonFrame(
            frame.stamp + 3 * SECOND,
            "map",
            (
                dataclasses.replace(
                    frame.skeletons[0],
                    joint_set="coco17",
                    joints=frame.skeletons[0].joints[COCO],
                    confidence=np.ones(17, np.float32),
                ),
            ),
        )
        for frame in stream
    ]
    ended = finals(transcribe(stream + other))
    assert [e.end for e in ended] == [stream[-1].stamp, other[-1].stamp]


def test_an_unknown_joint_set_is_an_error_that_changes_nothing():
    stream = frames([("wave", 2)])
    bad = SkeletonFrame(
        stream[30].stamp - 1, "map", (dataclasses.replace(stream[30].skeletons[0], joint_set="octopus"),)
    )
    transcriber = Transcriber()
    events = []
    for i, frame in enumerate(stream):
        if i == 30:
            with pytest.raises(ValueError, match="octopus"):
                transcriber.update(bad)
        events += transcriber.update(frame)
    assert events + transcriber.close() == transcribe(stream)


def test_two_people_are_two_transcripts():
    one, two = frames(SCRIPT, track_id="a"), frames(SCRIPT[::-1], track_id="b", seed=1)
    both = [SkeletonFrame(a.stamp, "map", a.skeletons + b.skeletons) for a, b in zip(one, two, strict=True)]
    transcriber = Transcriber()
    events = transcribe(both, transcriber)
    alone = finals(transcribe(one))
    ours = [e for e in finals(events) if e.track_id == "a"]
    # They know each other's motions, so that what is withdrawn may differ.
    assert [(e.start, e.end) for e in ours if e.confidence > 0] == [
        (e.start, e.end) for e in alone if e.confidence > 0
    ]
    assert set(transcriber.track_ids) == {"a", "b"}
    assert {e.track_id for e in transcriber.query("", 0, SECOND)} == {"a", "b"}
    assert transcriber.segments("a") == ours
    assert [e.segment_id for e in transcriber.query("a", 0, SECOND)] == [ours[0].segment_id]


def test_history_is_bounded():
    transcriber = Transcriber(TranscriberConfig(history=2))
    transcribe(frames(SCRIPT), transcriber)
    assert len(transcriber.segments("1")) == 2
    assert transcriber.segments("nobody") == []


@pytest.mark.parametrize("pause", [5, -5], ids=["leaving", "going back"])
def test_nothing_is_kept_of_those_who_have_gone(pause):
    transcriber = Transcriber(TranscriberConfig(history=1, motions=2))
    motion = frames([("wave", 1.5)], fps=15)
    ends = 10_000 * SECOND

    def come_and_go(first, last):
        for number in range(first, last):
            shift = ends + number * pause * SECOND
            for frame in motion:
                person = dataclasses.replace(frame.skeletons[0], track_id=str(number))
                transcriber.update(SkeletonFrame(frame.stamp + shift, "map", (person,)))

    come_and_go(0, 4)
    tracemalloc.start()
    come_and_go(4, 6)
    before, _ = tracemalloc.get_traced_memory()
    come_and_go(6, 14)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The poses of one person alone are 15 000 bytes; the history keeps an event of each.
    assert after - before < 8 * 5000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    kinds=st.lists(
        st.sampled_from(["wave", "squat", "still", "noise", "nan", "empty", "gap", "back", "same", "huge"]),
        min_size=1,
        max_size=12,
    ),
    cut=st.floats(0, 1),
    fps=st.sampled_from([3, 10, 30, 60]),
)
def test_the_protocol_holds_for_any_stream(seed, kinds, cut, fps):
    rng = np.random.default_rng(seed)
    stream, now = [], 10 * SECOND
    for kind in kinds:
        if kind == "gap":
            now += int(rng.integers(1, 5 * SECOND))
        elif kind == "back":
            now -= int(rng.integers(1, 5 * SECOND))
        for i in range(int(rng.integers(1, fps))):
            joints = pose(kind if kind in ("wave", "squat") else "stand", i / fps)
            if kind == "noise":
                joints = joints + rng.standard_normal((22, 3))
            elif kind == "nan":
                joints[rng.random(22) < 0.5] = np.nan
            elif kind == "huge":
                joints = joints * 1e6
            names = () if kind == "empty" else ("1", "2")[: int(rng.integers(1, 3))]
            stream.append(SkeletonFrame(now, "map", tuple(skeleton(joints, name) for name in names)))
            if kind != "same":
                now += int(rng.integers(1, 2 * SECOND // fps))
    transcriber = Transcriber()
    events, part = [], round(cut * len(stream))
    for i, frame in enumerate(stream):
        if i == part:
            told = len(events)
            assert transcribe(stream[:part])[:told] == events
        events += transcriber.update(frame)
    events += transcriber.close()
    check_protocol(events)
    for track_id in ("1", "2"):
        ended = [e for e in events if e.final and e.track_id == track_id]
        assert [e.segment_id for e in ended] == sorted(e.segment_id for e in ended)
        rising = [e for e in ended if "back" not in kinds]
        for a, b in itertools.pairwise(rising):
            assert b.start >= a.end
