"""Core objects through messages and back, with rosbags' classes and, where they are built, with rclpy's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_seg_ros.bags import conversion
from motion_seg_ros.bags.conversion import MessageError, from_message, to_compressed, to_message
from motion_seg_ros.bags.items import Image, Label
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

EVENT = SegmentEvent(
    stamp=1_700_000_000_123_456_789,
    frame_id="camera",
    track_id="2",
    segment_id=2**63 + 5,
    revision=3,
    type=EventType.ENDED,
    final=True,
    motion_id=-1,
    start=5,
    end=1_700_000_000_000_000_001,
    confidence=0.1,
    boundary_confidence=0.7,
    label="wave with “both” hands",
    label_source="llm:x",
    concept_tokens=(0, 65535, 7),
)
TOKENS = ConceptTokens(
    stamp=1_700_000_000_123_456_789,
    frame_id="camera",
    track_id="2",
    codebook="c0de" * 16,
    start=1_700_000_000_000_000_001,
    end=1_700_000_000_133_333_333,
    tokens=(0, 65535, 7),
    distances=(0.5, 0.25, 3.0),
    embedding=np.arange(8, dtype=np.float32) / 7,
)
PICTURE = Image(np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3), "camera")


def skeletons(people: int = 2, stamp: int = 1_234_567_890_123) -> SkeletonFrame:
    rng = np.random.default_rng(1)
    found = []
    for person in range(people):
        joints = rng.normal(size=(33, 3))
        joints[4] = np.nan
        found.append(
            Skeleton(
                str(person),
                "blazepose33",
                joints,
                rng.random(33, dtype=np.float32),
                rng.random((33 if person else 0, 2), dtype=np.float32) * 640,
            )
        )
    return SkeletonFrame(stamp, "camera", tuple(found))


def same(a: SkeletonFrame, b: SkeletonFrame) -> bool:
    """Bit for bit, with dtypes."""

    def plain(frame: SkeletonFrame) -> Any:
        return (
            frame.stamp,
            frame.frame_id,
            [
                (s.track_id, s.joint_set, *((v.dtype, v.shape, v.tobytes()) for v in arrays(s)))
                for s in frame.skeletons
            ],
        )

    def arrays(s: Skeleton) -> tuple[np.ndarray, ...]:
        return s.joints, s.confidence, s.image_xy

    return bool(plain(a) == plain(b))


def rclpy_types() -> Mapping[str, Any]:
    pytest.importorskip("rclpy")
    pytest.importorskip("motion_seg_ros.msg", reason="the messages are not built (colcon)")
    return conversion.RclpyTypes()


@pytest.fixture(params=["rosbags", "rclpy"])
def types(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    return typestore().types if request.param == "rosbags" else rclpy_types()


@pytest.mark.parametrize("people", [0, 1, 2])
def test_skeletons_survive(types: Mapping[str, Any], people: int) -> None:
    frame = skeletons(people)
    back = from_message(to_message(frame, types))
    assert isinstance(back, SkeletonFrame)
    assert same(back, frame)


def test_events_survive(types: Mapping[str, Any]) -> None:
    assert from_message(to_message(EVENT, types)) == EVENT


@pytest.mark.parametrize("embedding", [TOKENS.embedding, np.zeros(0, np.float32)])
def test_tokens_survive(types: Mapping[str, Any], embedding: np.ndarray) -> None:
    back = from_message(to_message(replace(TOKENS, embedding=embedding), types))
    assert isinstance(back, ConceptTokens)
    np.testing.assert_array_equal(back.embedding, embedding)
    assert back.embedding.dtype == np.float32
    assert repr(back) == repr(replace(TOKENS, embedding=embedding))


@pytest.mark.parametrize(
    ("field", "value"), [("tokens", []), ("distances", [1.0]), ("tokens", [1, 2]), ("start", TOKENS.end)]
)
def test_contradicting_tokens(field: str, value: Any) -> None:
    msg = to_message(TOKENS, typestore().types)
    setattr(msg, field, conversion.ns_to_time(value, typestore().types) if field == "start" else value)
    with pytest.raises(MessageError, match="distances"):
        from_message(msg)


def test_labels_and_images_survive(types: Mapping[str, Any]) -> None:
    assert from_message(to_message(Label("wave"), types)) == Label("wave")
    msg = to_message(PICTURE, types, stamp=7)
    back = from_message(msg)
    assert isinstance(back, Image)
    np.testing.assert_array_equal(back.rgb, PICTURE.rgb)
    assert (back.frame_id, conversion.stamp_of(msg)) == ("camera", 7)
    smooth = Image(np.full((8, 8, 3), (200, 100, 50), np.uint8), "camera")
    compressed = from_message(to_compressed(smooth, types, stamp=7))
    assert isinstance(compressed, Image)
    assert np.abs(compressed.rgb.astype(int) - smooth.rgb).max() < 5


@pytest.mark.parametrize(
    "obj",
    [skeletons(0), skeletons(2), EVENT, TOKENS, PICTURE, Label("wave")],
    ids=lambda obj: type(obj).__name__,
)
def test_rosbags_and_rclpy_write_the_same_bytes(obj: Any) -> None:
    rclpy_classes = rclpy_types()
    from rclpy.serialization import deserialize_message, serialize_message

    store = typestore()
    ours = to_message(obj, store.types, 9)
    data = bytes(store.serialize_cdr(ours, ours.__msgtype__))
    theirs = serialize_message(to_message(obj, rclpy_classes, 9))
    # Fast CDR leaves what happens to be in memory between fields; reading and writing again zeroes it.
    assert len(data) == len(theirs)
    assert data == bytes(
        store.serialize_cdr(store.deserialize_cdr(theirs, ours.__msgtype__), ours.__msgtype__)
    )
    back = from_message(deserialize_message(data, rclpy_classes[ours.__msgtype__]))
    if isinstance(obj, SkeletonFrame):
        assert isinstance(back, SkeletonFrame)
        assert same(back, obj)
    elif isinstance(obj, ConceptTokens):
        assert repr(back) == repr(obj)
    elif not isinstance(obj, Image):
        assert back == obj


@pytest.mark.parametrize(
    "name",
    ["Skeleton", "SkeletonArray", "SegmentEvent", "SegmentArray", "ConceptTokens", "GroundedSpan"],
)
def test_type_hashes_equal_rosidls(name: str) -> None:
    """Recorders store the hash and ROS compares it; rosidl writes it beside the built messages."""
    rclpy_types()
    index = pytest.importorskip("ament_index_python")
    share = Path(index.get_package_share_directory("motion_seg_ros"))
    hashes = json.loads((share / "msg" / f"{name}.json").read_text())["type_hashes"]
    full = f"motion_seg_ros/msg/{name}"
    assert {entry["type_name"]: entry["hash_string"] for entry in hashes}[full] == typestore().hash_rihs01(
        full
    )


def test_a_tracker_without_confidences_is_believed_where_it_sees() -> None:
    types = typestore().types
    msg = to_message(skeletons(1), types)
    msg.skeletons[0].confidence = np.zeros(0, np.float32)
    frame = from_message(msg)
    assert isinstance(frame, SkeletonFrame)
    confidence = frame.skeletons[0].confidence
    assert confidence[4] == 0
    assert (np.delete(confidence, 4) == 1).all()


def test_values_that_are_no_numbers_become_unseen() -> None:
    msg = to_message(skeletons(1), typestore().types)
    msg.skeletons[0].joints[0].x = np.inf
    msg.skeletons[0].confidence = np.full(33, np.nan, np.float32)
    msg.skeletons[0].confidence[1:3] = (5.0, -1.0)
    frame = from_message(msg)
    assert isinstance(frame, SkeletonFrame)
    assert np.isnan(frame.skeletons[0].joints[0, 0])
    np.testing.assert_array_equal(frame.skeletons[0].confidence[:4], [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("joint_set", "octopus8", "joint set 'octopus8'"),
        ("joints", [], "0 joints in a blazepose33"),
        ("confidence", np.ones(5, np.float32), "5 confidences"),
        ("image_xy", np.ones(5, np.float32), "5 image coordinates"),
    ],
)
def test_contradicting_fields(field: str, value: Any, says: str) -> None:
    msg = to_message(skeletons(1), typestore().types)
    setattr(msg.skeletons[0], field, value)
    with pytest.raises(MessageError, match=says):
        from_message(msg)


@pytest.mark.parametrize("stamp", [-1, 2**31 * 10**9])
def test_times_that_no_message_can_hold(stamp: int) -> None:
    with pytest.raises(MessageError, match="no time"):
        to_message(skeletons(0, stamp), typestore().types)


def test_a_full_frame_converts_quickly() -> None:
    """4 people of 33 joints: half a millisecond is usual; the bound leaves room for a loaded machine."""
    types, frame = typestore().types, skeletons(4)

    def fastest(call: Any) -> float:
        spans = []
        for _ in range(30):
            start = time.perf_counter()
            call()
            spans.append(time.perf_counter() - start)
        return min(spans)

    msg = to_message(frame, types)
    assert fastest(lambda: to_message(frame, types)) < 2e-3
    assert fastest(lambda: from_message(msg)) < 2e-3
