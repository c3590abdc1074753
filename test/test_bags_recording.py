"""Recordings: what is read from them, in which order, and how much of a damaged one."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from motion import frames
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from motion_seg_ros.bags.conversion import to_compressed, to_message
from motion_seg_ros.bags.items import Image, Item, Label, SourceError
from motion_seg_ros.bags.recording import in_stamp_order
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.skeleton.types import SkeletonFrame

FRAMES = list(frames([("wave", 3.0)]))
STORAGES = ["mcap", "sqlite3"]
TYPES = typestore().types


def write(path: Path, storage: str = "mcap", people: list[SkeletonFrame] = FRAMES) -> Path:
    """Skeletons with a label every second."""
    with BagWriter(path, storage) as bag:
        for index, frame in enumerate(people):
            if index % 30 == 0:
                bag.write("/label", Label(f"second {index // 30}"), frame.stamp)
            bag.write("/skeletons", frame, frame.stamp)
    return path


def stored_file(bag: Path) -> Path:
    return next(path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))


def joints(items: list[tuple[int, Item]]) -> list[bytes]:
    return [item.skeletons[0].joints.tobytes() for _, item in items if isinstance(item, SkeletonFrame)]


def poses(stamp: int, points: np.ndarray) -> Any:
    header = TYPES["std_msgs/msg/Header"]
    pose, point = TYPES["geometry_msgs/msg/Pose"], TYPES["geometry_msgs/msg/Point"]
    upright = TYPES["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)
    time = TYPES["builtin_interfaces/msg/Time"](sec=stamp // 10**9, nanosec=stamp % 10**9)
    return TYPES["geometry_msgs/msg/PoseArray"](
        header=header(stamp=time, frame_id="kinect"),
        poses=[pose(position=point(x=x, y=y, z=z), orientation=upright) for x, y, z in points.tolist()],
    )


@pytest.mark.parametrize("storage", STORAGES)
def test_folder_and_file_read_alike(tmp_path: Path, storage: str) -> None:
    bag = write(tmp_path / "bag", storage)
    for spec in (bag, stored_file(bag)):
        source = open_source(str(spec))
        assert (source.kind, source.has_skeletons, source.has_images, source.has_labels) == (
            "bag",
            True,
            False,
            True,
        )
        assert source.count == 90
        assert source.fps == pytest.approx(30, rel=1e-3)
        for _ in range(2):
            items = list(source)
            assert joints(items) == [frame.skeletons[0].joints.tobytes() for frame in FRAMES]
            assert [item.text for _, item in items if isinstance(item, Label)] == [
                "second 0",
                "second 1",
                "second 2",
            ]
            assert source.problem == ""


@pytest.mark.parametrize("mode", ["file", "message", "storage"])
def test_compressed_recordings(tmp_path: Path, mode: str) -> None:
    store = typestore()
    writer = Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode[mode.upper()], CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/s", "motion_seg_ros/msg/SkeletonArray", typestore=store)
        for frame in FRAMES:
            msg = to_message(frame, TYPES)
            writer.write(connection, frame.stamp, store.serialize_cdr(msg, msg.__msgtype__))
    assert len(joints(list(open_source(str(tmp_path / "bag"))))) == len(FRAMES)


def test_rosbag1(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(tmp_path / "old.bag") as bag:
        connection = bag.add_connection("/camera", "sensor_msgs/msg/Image", typestore=store)
        header, time, image = (
            store.types[name]
            for name in ("std_msgs/msg/Header", "builtin_interfaces/msg/Time", "sensor_msgs/msg/Image")
        )
        for index in range(5):
            msg = image(
                header=header(seq=index, stamp=time(sec=index + 1, nanosec=5), frame_id="cam"),
                height=2,
                width=3,
                encoding="bgr8",
                is_bigendian=0,
                step=9,
                data=np.arange(18, dtype=np.uint8),
            )
            bag.write(connection, index * 10**9 + 7, store.serialize_ros1(msg, "sensor_msgs/msg/Image"))
    items = list(open_source(str(tmp_path / "old.bag")))
    assert [stamp for stamp, _ in items] == [index * 10**9 + 5 for index in range(1, 6)]
    image_item = items[0][1]
    assert isinstance(image_item, Image)
    assert image_item.rgb[0, 0].tolist() == [2, 1, 0]


def test_images_raw_or_compressed_and_from_images(tmp_path: Path) -> None:
    picture = Image(np.full((16, 16, 3), 90, np.uint8), "cam")
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/depth", "sensor_msgs/msg/Image")
        for frame in FRAMES:
            depth = to_message(picture, TYPES, frame.stamp)
            depth.encoding, depth.step, depth.width = "16UC1", 48, 24
            bag.write("/depth", depth, frame.stamp)
            bag.write("/debug_image", picture, frame.stamp)
            bag.write("/skeletons", frame, frame.stamp)
        # Fewer than of the others: that it is chosen is not for its number.
        for frame in FRAMES[:40]:
            bag.write("/rgb/compressed", to_compressed(picture, TYPES, frame.stamp), frame.stamp)
    assert open_source(str(tmp_path / "bag")).has_skeletons
    source = open_source(str(tmp_path / "bag"), from_images=True)
    assert (source.has_images, source.has_skeletons, source.count) == (True, False, 40)
    assert source.notes == ["images are read from /rgb/compressed"]
    assert all(isinstance(item, Image) for _, item in source)
    chosen = open_source(str(tmp_path / "bag"), topics=["/debug_image", "/depth"])
    assert chosen.notes == ["images are read from /debug_image"]
    with pytest.raises(SourceError, match="no topic /nope; it has /debug_image, /depth"):
        open_source(str(tmp_path / "bag"), topics=["/nope"])


@pytest.mark.parametrize("axes", ["z up", "y up", "y down"])
def test_poses_of_a_known_skeleton_are_turned_upright(tmp_path: Path, axes: str) -> None:
    back = {
        "z up": lambda p: p,
        "y up": lambda p: p[:, [1, 2, 0]],
        "y down": lambda p: p[:, [1, 2, 0]] * [-1, -1, 1],
    }
    with BagWriter(tmp_path / "bag") as bag:
        for frame in FRAMES[:3]:
            bag.write("/people", poses(frame.stamp, back[axes](frame.skeletons[0].joints)), frame.stamp)
    source = open_source(str(tmp_path / "bag"))
    assert source.notes[-1].endswith(axes)
    for (stamp, item), frame in zip(source, FRAMES, strict=False):
        assert isinstance(item, SkeletonFrame)
        assert (stamp, item.frame_id, item.skeletons[0].joint_set) == (frame.stamp, "kinect", "smpl22")
        np.testing.assert_array_equal(item.skeletons[0].joints, frame.skeletons[0].joints)


def test_poses_that_are_nobody(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/particlecloud", poses(10**9, np.zeros((500, 3))), 10**9)
    with pytest.raises(SourceError, match=r"neither skeletons nor images, only /particlecloud"):
        open_source(str(tmp_path / "bag"))


def test_broken_messages_are_left_out_and_counted(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for index, frame in enumerate(FRAMES):
            msg = to_message(frame, TYPES)
            if index % 10 == 3:
                msg.skeletons[0].joint_set = "octopus8"
            bag.write("/skeletons", msg, frame.stamp)
    source = open_source(str(tmp_path / "bag"))
    assert len(list(source)) == 81
    assert source.problem.startswith(
        "messages left out: 9 of /skeletons; the first because of: joint set 'octopus8'"
    )


def test_items_come_in_the_order_of_their_stamps_not_of_their_arrival(tmp_path: Path) -> None:
    """Detection takes a while: what was seen first may be recorded last."""
    rng = np.random.default_rng(0)
    with BagWriter(tmp_path / "bag") as bag:
        arrivals = sorted(
            (frame.stamp + int(rng.integers(0, 300_000_000)), i) for i, frame in enumerate(FRAMES)
        )
        for arrival, index in arrivals:
            bag.write("/skeletons", FRAMES[index], arrival)
    items = list(open_source(str(tmp_path / "bag")))
    assert [stamp for stamp, _ in items] == [frame.stamp for frame in FRAMES]


def test_labels_recorded_by_another_clock_fall_between_their_frames(tmp_path: Path) -> None:
    shift = 1_700_000_000 * 10**9
    with BagWriter(tmp_path / "bag") as bag:
        for index, frame in enumerate(FRAMES):
            bag.write("/skeletons", frame, frame.stamp + shift)
            if index == 50:
                bag.write("/label", Label("here"), frame.stamp + shift)
    stamps = [stamp for stamp, item in open_source(str(tmp_path / "bag")) if isinstance(item, Label)]
    assert stamps == [FRAMES[50].stamp]


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 40)), max_size=60))
def test_the_sorter_sorts_what_its_horizon_covers(pairs: list[tuple[int, int]]) -> None:
    """Delays within the horizon are undone; every item comes out once."""
    arrived = sorted(((stamp + delay, stamp, number) for number, (stamp, delay) in enumerate(pairs)))
    out = list(in_stamp_order(((stamp, number) for _, stamp, number in arrived), horizon=40, limit=1000))
    assert [stamp for stamp, _ in out] == sorted(stamp for stamp, _ in pairs)
    assert sorted(number for _, number in out) == list(range(len(pairs)))


@given(st.lists(st.integers(0, 10**12), max_size=200))
def test_the_sorter_holds_back_a_bounded_number(stamps: list[int]) -> None:
    taken = 0

    def stream() -> Any:
        nonlocal taken
        for stamp in stamps:
            taken += 1
            yield stamp, None

    for given_out, _ in enumerate(in_stamp_order(stream(), limit=8), start=1):
        assert taken - given_out <= 9


def test_a_loop_starts_again_after_everything_before_it() -> None:
    loop = [(stamp * 10**8, turn) for turn in range(3) for stamp in range(20)]
    assert list(in_stamp_order(iter(loop))) == loop


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("part", [0.9, 0.6])
def test_a_recording_that_was_cut_gives_what_is_whole(tmp_path: Path, storage: str, part: float) -> None:
    people = list(frames([("wave", 30.0)]))
    bag = write(tmp_path / "bag", storage, people)
    file = stored_file(bag)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    for spec in (bag, file):
        source = open_source(str(spec))
        found = joints(list(source))
        assert part - 0.1 < len(found) / len(people) < part + 0.05
        assert found == [frame.skeletons[0].joints.tobytes() for frame in people[: len(found)]]
        assert "is damaged or was not closed" in source.problem


@pytest.mark.parametrize("storage", STORAGES)
def test_a_recording_without_metadata(tmp_path: Path, storage: str) -> None:
    bag = write(tmp_path / "bag", storage)
    (bag / "metadata.yaml").unlink()
    source = open_source(str(bag))
    assert len(joints(list(source))) == len(FRAMES)
    assert "metadata" in source.problem


def compressor(name: str) -> Callable[[bytes], bytes]:
    """The compressing function of whichever module for it is here."""
    modules = {"lz4": ["lz4.frame"], "zstd": ["compression.zstd", "backports.zstd", "zstandard"]}
    for module in modules[name]:
        with suppress(ImportError):
            return import_module(module).compress
    pytest.skip(f"no module for {name}")


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_cut_recordings_with_compressed_chunks(tmp_path: Path, compression: str) -> None:
    """As `ros2 bag record` writes with a compressing preset; a chunk that was cut is lost as a whole."""
    plain = stored_file(write(tmp_path / "bag")).read_bytes()
    magic, chunk_at = plain[:8], plain.index(b"\x06", 8 + 9 + 4)
    # Header record, then the first (and only) chunk of the file.
    header_size = 9 + int.from_bytes(plain[9:17], "little")
    assert chunk_at >= 8 + header_size
    chunk = plain[8 + header_size :]
    assert chunk[0] == 6
    size = int.from_bytes(chunk[9 + 16 : 9 + 24], "little")
    records = chunk[9 + 40 : 9 + 40 + size]
    packed = compressor(compression)(records)
    name = compression.encode()
    body = (
        chunk[9 : 9 + 28]
        + len(name).to_bytes(4, "little")
        + name
        + len(packed).to_bytes(8, "little")
        + packed
    )
    one = b"\x06" + len(body).to_bytes(8, "little") + body
    path = tmp_path / "cut.mcap"
    path.write_bytes(magic + plain[8 : 8 + header_size] + one + one[: len(one) // 2])
    source = open_source(str(path))
    assert joints(list(source)) == [frame.skeletons[0].joints.tobytes() for frame in FRAMES]
    assert "93 messages could be saved" in source.problem


def test_a_damaged_chunk_ends_the_reading_with_a_reason(tmp_path: Path) -> None:
    file = stored_file(write(tmp_path / "bag"))
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\xa5" * 3000
    file.write_bytes(data)
    source = open_source(str(file))
    count = len(list(source))
    assert count < len(FRAMES)
    assert "messages only" in source.problem or "left out" in source.problem


def test_a_killed_recorder_leaves_what_open_source_reads(tmp_path: Path) -> None:
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from motion import frames
from motion_seg_ros.bags.writer import BagWriter
bag = BagWriter({str(tmp_path / "bag")!r})
for frame in frames([("wave", 120.0)]):
    bag.write("/skeletons", frame, frame.stamp)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).resolve().parents[1]
    killed = subprocess.run([sys.executable, "-c", script], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    source = open_source(str(tmp_path / "bag"))
    kept = len(joints(list(source)))
    # All but the last chunk, a megabyte or about 1300 frames.
    assert 3600 - 1500 < kept < 3600
    with BagWriter(tmp_path / "bag"):
        pass


@pytest.mark.parametrize("name", ["a.mcap", "a.db3", "a.bag"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage" * 100,
        b"\x89MCAP0\r\n",
        b"\x89MCAP0\r\n\x06" + b"\xff" * 60,
        b"SQLite format 3\0" + bytes(2000),
        b"#ROSBAG V2.0\n" + b"\xff" * 60,
    ],
    ids=["empty", "garbage", "mcap", "huge", "sqlite", "rosbag1"],
)
def test_what_is_no_recording(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        open_source(str(tmp_path / name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_and_foreign_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no rosbag2"):
        open_source(str(tmp_path))
    (tmp_path / "metadata.yaml").write_text("a: [1")
    with pytest.raises(SourceError, match="not a recording"):
        open_source(str(tmp_path))
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/skeletons", "motion_seg_ros/msg/SkeletonArray")
    with pytest.raises(SourceError, match="holds no messages"):
        open_source(str(tmp_path / "bag"))


def test_another_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db3") as connection:
        connection.execute("CREATE TABLE dogs (name TEXT)")
    with pytest.raises(SourceError, match="not a recording"):
        open_source(str(tmp_path / "x.db3"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("storage", STORAGES)
def test_any_damage_gives_items_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, storage: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    file = stored_file(write(folder / "bag", storage, FRAMES[:20]))
    content = bytearray(file.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(st.binary(max_size=40))
    content[start : start + len(damage)] = damage
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    sentence = ""
    try:
        assert len(list(open_source(str(file)))) <= 21
    except SourceError as error:
        sentence = str(error)
    finally:
        shutil.rmtree(folder)
    assert "\n" not in sentence


def test_the_shared_recordings(data_dir: Path) -> None:
    people = open_source(str(data_dir / "bags" / "utkinect_s01_e01"))
    assert (people.has_skeletons, people.has_labels, people.count) == (True, True, 545)
    found = [item for _, item in people if isinstance(item, SkeletonFrame)]
    same = [
        item
        for _, item in open_source(str(data_dir / "utkinect" / "utkinect_s01_e01.npz"))
        if isinstance(item, SkeletonFrame)
    ]
    for ours, theirs in zip(found, same, strict=True):
        np.testing.assert_array_equal(ours.skeletons[0].joints, theirs.skeletons[0].joints)
    images = open_source(str(data_dir / "bags" / "weizstitch_p1"))
    assert (images.has_images, images.count) == (True, 284)
    assert sum(isinstance(item, Image) for _, item in images) == 284
