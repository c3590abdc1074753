"""Recordings that are written: readable by others, safe for what is there already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from motion import frames
from rosbags.highlevel import AnyReader

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.conversion import SKELETONS, to_message
from motion_seg_ros.bags.items import Label
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.bags.writer import BagError, BagWriter

FRAMES = list(frames([("wave", 0.5)]))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_reader_without_our_types_understands_it(tmp_path: Path, storage: str) -> None:
    """Definitions and hashes travel with the recording."""
    with BagWriter(tmp_path / "bag", storage) as bag:
        for frame in FRAMES:
            bag.write("/skeletons", frame, frame.stamp)
        bag.note("image_size", "640 480")
        assert bag.count == len(FRAMES)
    with AnyReader([tmp_path / "bag"]) as reader:
        connection, time, raw = next(iter(reader.messages()))
        msg = reader.deserialize(raw, connection.msgtype)
    assert (connection.msgtype, time) == (SKELETONS, FRAMES[0].stamp)
    assert msg.skeletons[0].track_id == "1"
    info = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert (info["version"], info["storage_identifier"], info["message_count"]) == (9, storage, len(FRAMES))
    topic = info["topics_with_message_count"][0]["topic_metadata"]
    assert topic["type_description_hash"] == typestore().hash_rihs01(SKELETONS)
    assert Bag(tmp_path / "bag").notes == {"image_size": "640 480"}


def test_raw_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    store = typestore()
    msg = to_message(FRAMES[0], store.types)
    raw = bytes(store.serialize_cdr(msg, SKELETONS))
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_raw("/skeletons", SKELETONS, raw, 5)
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [(time, bytes(data)) for _, time, data in reader.messages()] == [(5, raw)]


def test_an_older_recording_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with BagWriter(tmp_path / "bag") as bag:
            bag.write("/label", Label(text), 1)
    assert [msg.data for _, _, msg in Bag(tmp_path / "bag").messages(["/label"])] == ["new"]
    (tmp_path / "bag" / "thesis.txt").write_text("years of work")
    with pytest.raises(BagError, match=r"holds thesis\.txt"):
        BagWriter(tmp_path / "bag")
    assert (tmp_path / "bag" / "metadata.yaml").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="is a file"):
        BagWriter(tmp_path / "file")


def test_an_empty_folder_is_a_place_for_a_recording(tmp_path: Path) -> None:
    with BagWriter(tmp_path) as bag:
        bag.write("/label", Label("x"), 1)
    assert Bag(tmp_path).topics[0].count == 1


def test_an_exception_closes_the_recording(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag")
    bag.write("/label", Label("x"), 1)
    with pytest.raises(ZeroDivisionError), bag:
        _ = 1 / 0
    assert Bag(tmp_path / "bag").problem == ""
    with pytest.raises(BagError, match="is closed"):
        bag.write("/label", Label("y"), 2)


def test_wrong_uses(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="storage must be one of"):
        BagWriter(tmp_path / "bag", "tape")
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/label", Label("x"), 1)
        with pytest.raises(BagError, match="carries std_msgs/msg/String"):
            bag.write("/label", FRAMES[0], 1)
        with pytest.raises(BagError, match="nope/msg/Nope is not known"):
            bag.write_raw("/x", "nope/msg/Nope", b"", 1)
    (tmp_path / "locked").write_text(json.dumps({}))
    with pytest.raises(BagError, match="cannot be written"):
        BagWriter(tmp_path / "locked" / "bag")
