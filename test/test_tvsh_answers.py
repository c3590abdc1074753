import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import frames
from test_tvsh_streaming import patterns

from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter
from motion_seg_ros.tvsh.transcriber import Transcriber

FPS = 25
LABELS = np.repeat([0, 1, 0, 2], 60)
FEATURES = patterns(LABELS, dimension=12, fps=FPS)
BOUNDARIES = [60, 120, 180]


def stamp(frame):
    return round(frame * 1e9 / FPS)


def stream(answers=(), features=FEATURES, until=None, config=None):
    """Settled ids, closed runs and the segmenter; ``answers`` are (frame it comes with, first, second, p)."""
    segmenter = StreamingSegmenter(features.shape[1], config or SegmenterConfig())
    settled, closed = [], []
    for i, vector in enumerate(features[:until]):
        segmenter.update(stamp(i), vector)
        settled += segmenter.settled_ids
        closed += segmenter.closed
        for comes, first, second, same in answers:
            if comes == i:
                segmenter.answer(stamp(first), stamp(second), same)
    if until is None:
        segmenter.finish()
        settled += segmenter.settled_ids
        closed += segmenter.closed
    return settled, closed, segmenter


def starts(closed):
    return [run.first / 15 for run in closed[1:]]


def test_a_different_puts_one_boundary_where_features_show_none():
    plain = patterns(np.repeat([0], 200), dimension=12, fps=FPS)
    assert starts(stream(features=plain)[1]) == []
    [start] = starts(stream([(102, 98, 101, 0.0)], plain)[1])
    assert abs(start - 100 / FPS) < 0.1
    # One boundary also in a gap wide enough for several.
    [start] = starts(stream([(112, 92, 112, 0.0)], plain)[1])
    assert 92 / FPS - 0.04 <= start <= 112 / FPS + 0.04


def test_motions_told_apart_have_different_ids():
    plain = patterns(np.repeat([0], 200), dimension=12, fps=FPS)
    _, closed, _ = stream([(102, 98, 101, 0.0)], plain)
    assert closed[0].motion_id != closed[1].motion_id


def test_a_same_keeps_a_boundary_away():
    assert np.abs(np.array(starts(stream()[1])) - np.array(BOUNDARIES) / FPS).max() < 0.2
    kept = starts(stream([(70, 45, 70, 1.0)])[1])
    assert all(not 45 / FPS < start < 70 / FPS for start in kept)


def test_a_different_moves_the_boundary_to_where_it_is():
    [start, *_] = starts(stream([(66, 64, 65, 0.0)])[1])
    assert abs(start - 65 / FPS) < 0.07


def test_contradictory_answers_cancel():
    both = [(f, f - 5, f, p) for f in range(10, 235, 10) for p in (0.9, 0.1)]
    np.testing.assert_allclose(starts(stream(both)[1]), starts(stream()[1]), atol=0.15)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    delays=st.lists(st.integers(0, 26), min_size=1, max_size=10),
)
def test_a_late_answer_equals_the_same_answer_on_time(seed, delays):
    # The deadline is 1.2 s, 30 frames; answers are random, so they contradict the features and each other.
    rng = np.random.default_rng(seed)
    asked = []
    for delay in delays:
        first = int(rng.integers(0, 195))
        asked.append(
            (first, first + int(rng.integers(1, 15)), float(rng.choice([0.0, 0.1, 0.9, 1.0])), delay)
        )
    on_time = stream([(second, first, second, same) for first, second, same, _ in asked])
    late = stream([(second + d, first, second, same) for first, second, same, d in asked[::-1]])
    assert late[0] == on_time[0]
    assert late[1] == on_time[1]
    assert late[2].ignored_answers == on_time[2].ignored_answers == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 239))
def test_what_is_final_stays_final_whatever_answers_come(seed, cut):
    rng = np.random.default_rng(seed)
    answers = []
    for comes in rng.integers(1, 240, 25):
        first = int(rng.integers(0, comes))
        second = int(rng.integers(first + 1, comes + 1))
        answers.append((int(comes), first, second, float(rng.random())))
    before = stream([a for a in answers if a[0] < cut], until=cut)
    after = stream(answers)
    assert after[0][: len(before[0])] == before[0]
    assert after[1][: len(before[1])] == before[1]


def test_answers_too_late_or_about_no_moment_of_the_stream_change_nothing_and_are_counted():
    useless = [
        (150, 58, 62, 0.0),  # final long ago
        (100, 50, 69, 1.0),  # past the deadline
        (20, -5, 3, 0.0),  # before the beginning
        (50, 48, 55, 0.0),  # not seen yet
    ]
    settled, closed, segmenter = stream(useless)
    assert segmenter.ignored_answers == 4
    assert (settled, closed) == stream()[:2]
    fresh = StreamingSegmenter(3, SegmenterConfig())
    assert not fresh.answer(0, 1, 0.5)


@pytest.mark.parametrize(("first", "second", "same"), [(5, 5, 0.5), (6, 5, 0.5), (1, 5, 1.1), (1, 5, np.nan)])
def test_senseless_answers_are_errors(first, second, same):
    with pytest.raises(ValueError, match="must be"):
        StreamingSegmenter(3, SegmenterConfig()).answer(first, second, same)


def test_answers_show_in_open_runs_with_the_next_frame_and_are_forgotten_when_settled():
    plain = patterns(np.repeat([0], 200), dimension=12, fps=FPS)
    segmenter = StreamingSegmenter(12, SegmenterConfig())
    for i in range(112):
        segmenter.update(stamp(i), plain[i])
    assert len(segmenter.open_runs) == 1
    assert segmenter.answer(stamp(98), stamp(101), 0.0)
    segmenter.update(stamp(112), plain[112])
    assert len(segmenter.open_runs) == 2
    for i in range(113, 200):
        segmenter.update(stamp(i), plain[i])
    assert len(segmenter.open_runs) == 1
    assert not segmenter._answers


def test_a_transcriber_takes_answers_for_each_track():
    transcriber = Transcriber()
    events = []
    for i, frame in enumerate(frames([("wave", 8)])):
        events += transcriber.update(frame)
        if i == 130:
            assert transcriber.answer("1", frame.stamp - 300_000_000, frame.stamp - 200_000_000, 0.0)
            assert not transcriber.answer("2", frame.stamp - 300_000_000, frame.stamp, 0.0)
            assert not transcriber.answer("1", 0, 1_000_000_000, 0.0)
    events += transcriber.close()
    health = transcriber.health
    assert (health.answers, health.late_answers) == (1, 2)
    first, second = [event for event in events if event.final and event.confidence > 0]
    assert abs(second.start - frames([("wave", 8)])[130].stamp + 250_000_000) < 100_000_000
    assert first.motion_id != second.motion_id
