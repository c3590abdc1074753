"""Video files: stamps from the container, turned phones, and everything that is not a video."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from motion_seg_ros.bags.items import Image, SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.video import CameraSource

WIDTH, HEIGHT = 64, 32


def write_video(path: Path, count: int = 10, fps: float = 10.0, code: str = "mp4v") -> Path:
    """The left half is red in every picture, and the right half gets brighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, (WIDTH, HEIGHT))
    for index in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), 20 * (index % 10), np.uint8)
        picture[:, : WIDTH // 2] = (0, 0, 255)
        writer.write(picture)
    writer.release()
    return path


def with_frame_times(path: Path, seconds: list[float]) -> None:
    """Give every picture of an .mp4 its own duration, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stts") - 4
    (old_size,) = struct.unpack_from(">I", data, at)
    scale_at = data.index(b"mdhd") + 16
    (scale,) = struct.unpack_from(">I", data, scale_at)
    entries = b"".join(struct.pack(">2I", 1, round(s * scale)) for s in seconds)
    box = struct.pack(">I4s2I", 16 + len(entries), b"stts", 0, len(seconds)) + entries
    growth = len(box) - old_size
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        size_at = data.index(name) - 4
        struct.pack_into(">I", data, size_at, struct.unpack_from(">I", data, size_at)[0] + growth)
    data[at : at + old_size] = box
    # The edit list would end the video where it ended before.
    edits = data.index(b"edts")
    data[edits : edits + 4] = b"free"
    path.write_bytes(data)


def turned_a_quarter(path: Path) -> None:
    """Say in the header of an .mp4 that the phone was held upright."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, matrix, 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize(("name", "code"), [("v.mp4", "mp4v"), ("v.avi", "MJPG")])
def test_pictures_and_stamps(tmp_path: Path, name: str, code: str) -> None:
    source = open_source(str(write_video(tmp_path / name, code=code)))
    assert (source.kind, source.has_images, source.has_skeletons, source.live) == (
        "video",
        True,
        False,
        False,
    )
    assert (source.fps, source.count, source.duration) == (10.0, 10, 1.0)
    for _ in range(2):
        items = list(source)
        assert [stamp for stamp, _ in items] == [round(i * 1e8) for i in range(10)]
        assert source.problem == ""
    picture = items[0][1]
    assert isinstance(picture, Image)
    assert picture.rgb.shape == (HEIGHT, WIDTH, 3)
    assert picture.rgb[10, 10, 0] > 200
    assert picture.rgb[10, 10, 2] < 50


def test_a_video_of_variable_rate_keeps_its_rhythm(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4")
    durations = [0.1, 0.3, 0.1, 0.05, 0.5, 0.1, 0.1, 0.2, 0.1, 0.1]
    with_frame_times(path, durations)
    stamps = [stamp for stamp, _ in open_source(str(path))]
    expected = np.concatenate([[0], np.cumsum(durations)[:-1]]) * 1e9
    np.testing.assert_allclose(stamps, expected, atol=1e5)


def test_a_phone_held_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4")
    turned_a_quarter(path)
    _, picture = next(iter(open_source(str(path))))
    assert isinstance(picture, Image)
    assert picture.rgb.shape == (WIDTH, HEIGHT, 3)
    # What was left is above.
    assert picture.rgb[5, 10, 0] > 200
    assert picture.rgb[-5, 10, 0] < 50


def test_a_video_that_breaks_off(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", 100, code="MJPG").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: len(whole) // 2])
    source = open_source(str(path))
    count = len(list(source))
    assert 20 < count < 80
    assert source.problem == f"{path} announces 100 pictures, but only {count} could be decoded"


@pytest.mark.parametrize("cut", [0, 10, 500])
def test_no_video(tmp_path: Path, cut: int) -> None:
    path = write_video(tmp_path / "v.mp4")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"v\.mp4 is (empty|not a video)"):
        open_source(str(path))


def test_a_video_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"not a video|no picture"):
        open_source(str(write_video(tmp_path / "v.avi", 0, code="MJPG")))


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera /dev/video99 cannot be opened"):
        open_source("/dev/video99")


def test_a_camera_is_stamped_by_the_clock_and_never_backwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "v.avi", 4, code="MJPG")
    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda device, backend: real(str(video)))
    clock = iter([1000, 2000, 1500, 3000])
    camera = CameraSource("0", lambda: next(clock))
    assert camera.live
    assert [stamp for stamp, _ in camera] == [1000, 2000, 2001, 3000]
    assert camera.problem == "camera 0 stopped delivering pictures"
