"""Messages with anything in their fields, and a model file with any bit turned over."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bad_input import examples, result_or_sentence
from hypothesis import given
from hypothesis import strategies as st
from motion import SECOND, frames

from motion_seg_ros.bags.conversion import from_message, to_message
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.humocon.contract import CODEBOOK, MOTION, SUMS, ModelError
from motion_seg_ros.humocon.runtime import WEIGHTS, ConceptEncoder, EncoderConfig
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.transcriber import Transcriber

TYPES = typestore().types
ENCODER = ConceptEncoder(EncoderConfig())
PLAIN = list(frames([("wave", 2.0), ("squat", 2.0)], rate=15.0))
NUMBERS = st.sampled_from(
    [0.0, -0.0, -1.0, 2.0, 1e-320, 1e-30, 1e30, 1e308, -1e308, math.nan, math.inf, -math.inf]
)
NAMES = st.sampled_from(
    ["", "1", "2", "smpl22", "coco17", "blazepose33", "\0", "\n", "\u202e", "é" * 9, "x" * 5000]
)
SECONDS = st.sampled_from([0, 1, 2, 10**6, 2**31 - 2, -1, -(2**31)])


class Messages(list[Any]):
    """Shown by their number: hypothesis would print each."""

    def __repr__(self) -> str:
        return f"<{len(self)} messages>"


@st.composite
def damages(draw: st.DrawFn) -> Messages:
    """The messages of PLAIN with other values in some of them, which their types allow."""
    messages = [to_message(frame, TYPES) for frame in PLAIN]
    for _ in range(draw(st.integers(1, 6))):
        message = messages[draw(st.integers(0, len(messages) - 1))]
        kind = draw(st.sampled_from(["time", "name", "joint", "joints", "numbers", "people", "twin", "jump"]))
        person = message.skeletons[0] if message.skeletons else None
        if kind == "time":
            message.header.stamp.sec = draw(SECONDS)
            message.header.stamp.nanosec = draw(st.sampled_from([0, 10**9 - 1, 10**9, 2**32 - 1]))
        elif kind == "people":
            message.skeletons = []
        elif kind == "jump":
            for later in messages[messages.index(message) :]:
                later.header.stamp.sec = min(2**31 - 1, abs(later.header.stamp.sec + draw(SECONDS)))
        elif person is None:
            continue
        elif kind == "name":
            owner, field = draw(
                st.sampled_from([(message.header, "frame_id"), (person, "track_id"), (person, "joint_set")])
            )
            setattr(owner, field, draw(NAMES))
        elif kind == "joint" and person.joints:
            setattr(draw(st.sampled_from(person.joints)), draw(st.sampled_from("xyz")), draw(NUMBERS))
        elif kind == "joints":
            person.joints = (person.joints * 2)[: draw(st.sampled_from([0, 1, 17, 21, 22, 33, 44]))]
        elif kind == "numbers":
            size = draw(st.sampled_from([0, 1, 21, 22, 44, 45]))
            field = draw(st.sampled_from(["confidence", "image_xy"]))
            setattr(person, field, np.full(size, np.float32(np.clip(draw(NUMBERS), -3e38, 3e38)), np.float32))
        elif kind == "twin":
            message.skeletons = [person] * draw(st.sampled_from([2, 3, 100]))
    return messages


def frames_of(messages: list[Any]) -> list[SkeletonFrame]:
    read = [
        result_or_sentence(lambda message=message: from_message(message), ValueError) for message in messages
    ]
    return [frame for frame in read if isinstance(frame, SkeletonFrame)]


@given(messages=damages())
@examples(60)
def test_a_transcript_of_anything_is_a_transcript(messages: Messages) -> None:
    transcriber, told = Transcriber(), []
    for frame in frames_of(messages):
        told += result_or_sentence(lambda frame=frame: transcriber.update(frame), ValueError) or []
    told += transcriber.close()
    last: dict[int, SegmentEvent] = {}
    for event in told:
        known = last.get(event.segment_id)
        assert known is None or (not known.final and event.revision == known.revision + 1)
        assert 0 <= event.start <= event.end
        assert 0 <= event.confidence <= 1
        assert 0 <= event.boundary_confidence <= 1
        assert from_message(to_message(event, TYPES)) is not None
        last[event.segment_id] = event
    assert all(event.final for event in last.values())


@given(messages=damages())
@examples(40)
def test_tokens_of_anything_are_tokens(messages: Messages) -> None:
    tokenizer = Tokenizer(ENCODER)
    for frame in frames_of(messages):
        for told in result_or_sentence(lambda frame=frame: tokenizer.update(frame), ValueError) or []:
            assert 0 <= told.start < told.end
            assert max(told.tokens) < ENCODER.info.codes
            assert np.isfinite(told.distances).all()


@given(
    confidences=st.tuples(NUMBERS, NUMBERS),
    names=st.tuples(NAMES, NAMES),
    kind=st.integers(0, 255),
    times=st.tuples(SECONDS, SECONDS),
    number=st.integers(0, 2**16),
)
@examples(60)
def test_an_event_of_anything_is_an_event_or_one_sentence(
    confidences: tuple[float, float], names: tuple[str, str], kind: int, times: tuple[int, int], number: int
) -> None:
    """Of each value that is drawn, some are put in."""
    told = Transcriber()
    events = [event for frame in PLAIN for event in told.update(frame)] + told.close()
    message = to_message(events[number % len(events)], TYPES)
    values = dict(zip(("confidence", "boundary_confidence"), confidences, strict=True))
    values |= dict(zip(("label", "track_id"), names, strict=True)) | {"type": kind}
    for bit, (field, value) in enumerate(values.items()):
        if number >> bit & 1:
            setattr(message, field, value)
    for bit, field in enumerate(("start", "end")):
        if number >> (8 + bit) & 1:
            getattr(message, field).sec = times[bit]
    event = result_or_sentence(lambda: from_message(message), ValueError)
    if isinstance(event, SegmentEvent):
        assert event.start <= event.end
        assert 0 <= event.confidence <= 1
        assert 0 <= event.boundary_confidence <= 1


@given(name=st.sampled_from([MOTION.model, CODEBOOK]), share=st.floats(0, 0.999), bit=st.integers(0, 7))
@examples(30)
def test_weights_of_which_any_bit_was_turned_over_are_refused(name: str, share: float, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in (MOTION.model, CODEBOOK, SUMS):
            content = bytearray((WEIGHTS / each).read_bytes())
            if each == name:
                content[int(share * len(content))] ^= 1 << bit
            Path(folder, each).write_bytes(content)
        assert result_or_sentence(lambda: ConceptEncoder(EncoderConfig(folder)), ModelError) is None


def test_the_undamaged_messages_give_segments() -> None:
    """The properties above say something: what is damaged there has events and tokens when it is whole."""
    transcriber, tokenizer = Transcriber(), Tokenizer(ENCODER)
    assert [event for frame in PLAIN for event in transcriber.update(frame)]
    assert [told for frame in PLAIN for told in tokenizer.update(frame)]
    assert PLAIN[-1].stamp > 4 * SECOND
