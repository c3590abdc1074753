"""Motion concept tokens in the events of their segments."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from motions import frames

from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.token_log import TokenLog
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

SECOND = 1_000_000_000
SCRIPT = [("wave", 5), ("squat", 5), ("march", 5), ("wave", 5)]
LENGTH = 133_333_332


def naive(noted: list[tuple[int, int, int]], event: SegmentEvent) -> tuple[int, ...]:
    """Tokens whose span lies in the segment."""
    return tuple(token for start, end, token in noted if start >= event.start and end <= event.end)


def transcribe(late: int = 0, track_id: str = "1", **config: bool) -> list[tuple[SegmentEvent, list]]:
    """Events with what was noted before; a token is noted ``late`` frames after its last frame."""
    transcriber = Transcriber(TranscriberConfig(**config))
    noted: list[tuple[int, int, int]] = []
    told = []
    people = frames(SCRIPT)
    for number, frame in enumerate(people):
        begin = people[0].stamp + len(noted) * LENGTH
        if begin + LENGTH <= people[max(0, number - late)].stamp:
            token = (begin, begin + LENGTH, len(noted) % 500)
            noted.append(token)
            transcriber.note_tokens("map", track_id, *token[:2], token[2:])
        told += [(event, list(noted)) for event in transcriber.update(frame)]
    return told + [(event, list(noted)) for event in transcriber.close()]


def test_an_event_carries_the_tokens_that_lie_in_its_segment() -> None:
    told = transcribe()
    assert all(event.concept_tokens == naive(noted, event) for event, noted in told)
    # Without what lies between two motions.
    final = [event for event, _ in told if event.final and event.end - event.start > SECOND]
    assert [len(event.concept_tokens) for event in final] == pytest.approx([5 / 0.1333] * 4, abs=5)
    plain = transcribe(concept_tokens=False)
    assert [replace(event, concept_tokens=()) for event, _ in told] == [event for event, _ in plain]


def test_tokens_that_come_within_the_lag_are_all_in_the_final_events() -> None:
    def final(late: int) -> list[SegmentEvent]:
        return [event for event, _ in transcribe(late) if event.final]

    in_time, late = final(0), final(20)
    # The last segments end because the stream does, and what is late then stays away.
    end = in_time[-1].stamp
    before = [event for event in in_time if event.stamp < end]
    assert len(before) >= 3
    assert [event for event in late if event.stamp < end] == before
    for event, other in zip(in_time[len(before) :], late[len(before) :], strict=True):
        assert event.concept_tokens[: len(other.concept_tokens)] == other.concept_tokens


def test_what_comes_too_late_changes_no_final_event() -> None:
    seen: dict[int, SegmentEvent] = {}
    for event, _ in transcribe(late=150):
        assert event.segment_id not in seen
        if event.final:
            seen[event.segment_id] = event
    assert len(seen) >= 4


def test_numbers_of_two_codebooks_are_never_told_together() -> None:
    transcriber = Transcriber()
    events = []
    for number, frame in enumerate(frames([("wave", 6.0)])):
        codebook = "first" if number < 60 else "second"
        if number % 4 == 0:
            transcriber.note_tokens("map", "1", frame.stamp, frame.stamp + 1, (len(codebook),), codebook)
        events += transcriber.update(frame)
    events += transcriber.close()
    told = [set(event.concept_tokens) for event in events]
    assert {5} in told
    assert told[-1] == {6}
    assert all(len(tokens) < 2 for tokens in told)
    assert transcriber.health.codebook_changes == 1


def test_tokens_of_others_are_not_taken() -> None:
    assert all(event.concept_tokens == () for event, _ in transcribe(track_id="2"))


def test_the_history_knows_the_tokens() -> None:
    transcriber = Transcriber()
    people = frames([("wave", 2.0)])
    for frame in people:
        if frame.stamp == SECOND:
            transcriber.note_tokens("map", "1", 0, SECOND // 2, (7, 8))
        transcriber.update(frame)
    transcriber.close()
    (segment,) = transcriber.segments("1")
    assert segment.concept_tokens == (7, 8)
    assert transcriber.health.tokens == 2


def test_a_log_is_bounded_and_right() -> None:
    log = TokenLog()
    noted = []
    for number in range(20_000):
        noted.append((number * LENGTH, (number + 1) * LENGTH, number % 300))
        log.note("a", number * LENGTH, (number + 1) * LENGTH, [number % 300])
    assert log.within("a", 0, 20_000 * LENGTH) == tuple(token for _, _, token in noted[-4096:])
    rng = random.Random(0)
    for _ in range(100):
        start = rng.randrange(16_000 * LENGTH, 20_000 * LENGTH)
        end = start + rng.randrange(100 * LENGTH)
        expected = tuple(token for s, e, token in noted if s >= start and e <= end)
        assert log.within("a", start, end) == expected
    log.forget("a", 19_990 * LENGTH)
    assert log.within("a", 0, 20_000 * LENGTH) == tuple(token for _, _, token in noted[-10:])
    for track in range(64):
        log.note(track, 0, LENGTH, [1])
    assert log.within("a", 0, 20_000 * LENGTH) == ()
    assert log.within(63, 0, LENGTH) == (1,)


def test_a_time_that_goes_back_is_another_past() -> None:
    log = TokenLog()
    log.note("a", 10 * LENGTH, 12 * LENGTH, [1, 2])
    log.note("a", 2 * LENGTH, 4 * LENGTH, [3, 4])
    assert log.within("a", 0, 99 * LENGTH) == (3, 4)
    assert log.within("a", 3 * LENGTH, 4 * LENGTH) == (4,)
