"""Recordings and pictures that are damaged, that lie, or are something else: items, or one sentence."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_input import damaged, damaged_text, examples, result_or_sentence
from hypothesis import given
from hypothesis import strategies as st
from motion import frames
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.clips import bag_clips
from motion_seg_ros.bags.conversion import to_compressed, to_message
from motion_seg_ros.bags.items import Image, Label, SourceError
from motion_seg_ros.bags.recording import recorded
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

STORE = typestore()
FRAMES = list(frames([("wave", 0.2)]))
PICTURE = Image(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3), "camera")
EVENT = SegmentEvent(
    *(FRAMES[0].stamp, "camera", "1", 1, 0, EventType.STARTED, False, -1, FRAMES[0].stamp, FRAMES[0].stamp),
    *(0.5, 0.5),
)


def messages() -> list[tuple[str, int, Any]]:
    """Topic, time and message of everything that is read."""
    found = []
    for frame in FRAMES:
        found.append(("/skeletons", frame.stamp, to_message(frame, STORE.types)))
        found.append(("/image", frame.stamp, to_message(PICTURE, STORE.types, frame.stamp)))
        found.append(("/image/compressed", frame.stamp, to_compressed(PICTURE, STORE.types, frame.stamp)))
    found.append(("/label", FRAMES[0].stamp, to_message(Label("wave"), STORE.types)))
    found.append(("/events", FRAMES[0].stamp, to_message(EVENT, STORE.types)))
    return found


def rosbag2(folder: Path, storage: str, compressed: bool = False) -> bytes:
    """The stored file of a recording in a folder of that name."""
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if compressed:
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, stamp, msg in messages():
            kind = msg.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], stamp, STORE.serialize_cdr(msg, kind))
    return next(file for file in folder.iterdir() if file.suffix in (".mcap", ".db3")).read_bytes()


def rosbag1(folder: Path) -> bytes:
    store = get_typestore(Stores.ROS1_NOETIC)
    header, time, image = (
        store.types[name]
        for name in ("std_msgs/msg/Header", "builtin_interfaces/msg/Time", "sensor_msgs/msg/Image")
    )
    writer = Writer1(folder.with_suffix(".bag"))
    writer.set_compression(Writer1.CompressionFormat.BZ2)
    with writer as bag:
        connection = bag.add_connection("/camera", image.__msgtype__, typestore=store)
        for index in range(3):
            stamp = time(sec=index + 1, nanosec=5)
            pixels = np.arange(18, dtype=np.uint8)
            msg = image(header(index, stamp, "cam"), 2, 3, "bgr8", 0, 9, pixels)
            bag.write(connection, (index + 1) * 10**9, store.serialize_ros1(msg, image.__msgtype__))
    return folder.with_suffix(".bag").read_bytes()


def read_everything(path: Path) -> None:
    """As people, as images, as what a report shows, and as clips."""
    for from_images in (False, True):
        source = result_or_sentence(lambda: open_source(str(path), from_images=from_images), SourceError)  # noqa: B023
        if source is not None:
            items = result_or_sentence(lambda: list(source), SourceError)  # noqa: B023
            assert items is None or len(items) < 1000
            assert source.problem.isprintable(), repr(source.problem)
    result_or_sentence(lambda: list(recorded(Bag(path), lambda _: True)), SourceError)
    for clip in result_or_sentence(lambda: bag_clips(path), DatasetError) or ():
        assert not np.isinf(clip.joints).any()
        assert len(clip.joints) < 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.mark.parametrize("kind", ["mcap", "mcap zstd", "sqlite3", "rosbag1"])
def test_recordings(folder: Path, kind: str) -> None:
    storage, _, compressed = kind.partition(" ")
    bag = folder / kind
    content = rosbag1(bag) if kind == "rosbag1" else rosbag2(bag, storage, bool(compressed))
    path = folder / f"damaged{ {'mcap': '.mcap', 'sqlite3': '.db3', 'rosbag1': '.bag'}[storage] }"

    @examples(10)
    @given(damaged(content))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        read_everything(path)

    check()


@examples(10)
@given(st.data())
def test_rows_that_lie(folder: Path, data: st.DataObject) -> None:
    """SQLite keeps anything in any column."""
    bag = folder / "rows"
    if not bag.exists():
        rosbag2(bag, "sqlite3")
    path = folder / "lies.db3"
    shutil.copy(next(bag.glob("*.db3")), path)
    values = st.sampled_from(
        [None, -1, 0, 2**62, -(2**62), 1e300, "x", "x\n\x1b[2J", b"", b"\0" * 9, "9" * 400]
    )
    columns = [
        *("messages.data", "messages.timestamp", "messages.topic_id"),
        *("topics.type", "topics.name", "topics.serialization_format"),
    ]
    with sqlite3.connect(path) as connection:
        for column in data.draw(st.lists(st.sampled_from(columns), min_size=1, max_size=6)):
            table, name = column.split(".")
            row = data.draw(st.integers(1, 12))
            connection.execute(f"UPDATE OR IGNORE {table} SET {name}=? WHERE id=?", (data.draw(values), row))
    connection.close()
    read_everything(path)


@examples(10)
@given(st.data())
def test_messages_that_lie(folder: Path, data: st.DataObject) -> None:
    """Whole recordings whose messages are damaged inside."""
    path = folder / "inside"
    shutil.rmtree(path, ignore_errors=True)
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for topic, stamp, msg in messages():
            kind = msg.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            raw = bytes(STORE.serialize_cdr(msg, kind))
            if data.draw(st.integers(0, 3)) == 0:
                raw = data.draw(damaged(raw, 1))
            writer.write(connections[topic], stamp, raw)
    read_everything(path)


@examples(10)
@given(st.data())
def test_metadata_that_lies(folder: Path, data: st.DataObject) -> None:
    bag = folder / "metadata"
    if not bag.exists():
        rosbag2(bag, "mcap")
        shutil.copy(bag / "metadata.yaml", folder / "metadata.yaml")
    (bag / "metadata.yaml").write_bytes(data.draw(damaged_text((folder / "metadata.yaml").read_text())))
    read_everything(bag)
