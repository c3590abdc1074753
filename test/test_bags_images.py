"""Image messages of every encoding, and everything that can be wrong with them."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.bags.images import ImageError, decode_compressed, decode_image, encode_jpeg


def message(
    data: Any, encoding: str, width: int, height: int, step: int = 0, is_bigendian: int = 0
) -> SimpleNamespace:
    return SimpleNamespace(
        data=data, encoding=encoding, width=width, height=height, step=step, is_bigendian=is_bigendian
    )


def picture(height: int = 24, width: int = 32) -> np.ndarray:
    """A smooth RGB picture, so that chroma subsampling and demosaicing lose little."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + 5 * x, 200 - 5 * y, 60 + 2 * (x + y)], axis=2).astype(np.uint8)


RGB = picture()
ALPHA = np.full((*RGB.shape[:2], 1), 255, np.uint8)
GREY = RGB[..., 1]


@pytest.mark.parametrize(
    ("encoding", "data", "expected"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("rgba8", np.dstack([RGB, ALPHA]), RGB),
        ("bgra8", np.dstack([RGB[..., ::-1], ALPHA]), RGB),
        ("8UC4", np.dstack([RGB[..., ::-1], ALPHA]), RGB),
        ("mono8", GREY, np.dstack([GREY] * 3)),
        ("8UC1", GREY, np.dstack([GREY] * 3)),
        ("mono16", GREY.astype("<u2") * 256 + 7, np.dstack([GREY] * 3)),
        ("16UC1", GREY.astype("<u2") * 256 + 255, np.dstack([GREY] * 3)),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_exact_encodings_with_and_without_row_padding(
    encoding: str, data: np.ndarray, expected: np.ndarray, padding: int
) -> None:
    rows = np.ascontiguousarray(data).reshape(24, -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    decoded = decode_image(message(padded.tobytes(), encoding, 32, 24, padded.shape[1]))
    np.testing.assert_array_equal(decoded, expected)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


def test_big_endian_sixteen_bits() -> None:
    data = (GREY.astype(np.uint16) * 256 + 7).astype(">u2").tobytes()
    decoded = decode_image(message(data, "mono16", 32, 24, 64, is_bigendian=1))
    np.testing.assert_array_equal(decoded[..., 0], GREY)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_packed_yuv(encoding: str) -> None:
    yuv = cv2.cvtColor(RGB, cv2.COLOR_RGB2YUV).astype(int)
    u, v = (yuv[:, 0::2, c] for c in (1, 2))
    packed = np.empty((24, 32, 2), np.uint8)
    luma, chroma = (1, 0) if encoding in ("yuv422", "uyvy") else (0, 1)
    # Broadcast video range, which these formats carry.
    packed[..., luma] = 16 + yuv[..., 0] * 219 // 255
    packed[:, 0::2, chroma] = 128 + (u - 128) * 224 // 255
    packed[:, 1::2, chroma] = 128 + (v - 128) * 224 // 255
    decoded = decode_image(message(packed.tobytes(), encoding, 32, 24, 64))
    # OpenCV's YUV is not quite BT.601's chroma; a swap of U and V or of luma would be off by far more.
    assert np.abs(decoded.astype(int) - RGB).mean() < 12


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer(pattern: str, bits: int) -> None:
    """Each pixel of the mosaic holds the colour that the name says, row by row."""
    mosaic = np.empty((24, 32), np.uint8)
    for place, colour in enumerate(pattern):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = RGB[row::2, column::2, "rgb".index(colour)]
    data = mosaic if bits == 8 else mosaic.astype("<u2") * 256
    decoded = decode_image(message(data.tobytes(), f"bayer_{pattern}{bits}", 32, 24, 32 * bits // 8))
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(decoded[inner].astype(int) - RGB[inner]).max() <= 3


@pytest.mark.parametrize(
    ("msg", "says"),
    [
        (message(b"", "rgb8", 0, 0), "0 x 0"),
        (message(b"", "rgb8", 4, 4, 12), "0 bytes is shorter than the 48"),
        (message(bytes(40), "rgb8", 4, 4, 12), "40 bytes"),
        (message(bytes(48), "rgb8", 4, 4, 8), "rows of 8 bytes"),
        (message(bytes(48), "yuyv", 3, 4, 6), "odd width"),
        (message(bytes(48), "rgb8", 2**31, 2**31, 12), "2147483648"),
        (message(bytes(8), "bayer_rggb8", 8, 1, 8), "8 x 1"),
    ],
)
def test_wrong_messages_say_what_is_wrong(msg: SimpleNamespace, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        decode_image(msg)


def test_unknown_encoding_without_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ImageError, match="'32FC1' is not known"):
        decode_image(message(bytes(64), "32FC1", 4, 4, 16))


def test_unknown_encoding_goes_to_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    class CvBridgeError(Exception):
        pass

    class CvBridge:
        def imgmsg_to_cv2(self, msg: Any, desired_encoding: str) -> np.ndarray:
            assert desired_encoding == "rgb8"
            if msg.encoding == "nv21":
                return RGB
            raise CvBridgeError("no such conversion")

    bridge = SimpleNamespace(CvBridge=CvBridge, CvBridgeError=CvBridgeError)
    monkeypatch.setitem(sys.modules, "cv_bridge", bridge)
    np.testing.assert_array_equal(decode_image(message(b"", "nv21", 32, 24)), RGB)
    with pytest.raises(ImageError, match="no such conversion"):
        decode_image(message(b"", "nonsense", 32, 24))


@pytest.mark.parametrize("form", [".jpg", ".png"])
def test_compressed(form: str) -> None:
    data = cv2.imencode(form, RGB[..., ::-1])[1].tobytes()
    decoded = decode_compressed(SimpleNamespace(data=data, format=form))
    assert np.abs(decoded.astype(int) - RGB).max() <= (0 if form == ".png" else 12)


@pytest.mark.parametrize("data", [b"", b"garbage", encode_jpeg(RGB)[:20]])
def test_broken_compressed(data: bytes) -> None:
    with pytest.raises(ImageError, match="compressed image"):
        decode_compressed(SimpleNamespace(data=data, format="jpeg"))


def test_a_picture_that_unpacks_to_a_gigabyte_is_refused(tmp_path: Path) -> None:
    """In a process of its own, as this one has loaded OpenCV before us."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    size = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    (tmp_path / "bomb.png").write_bytes(png + chunk(b"IEND", b""))
    code = (
        "import sys; from types import SimpleNamespace as Message\n"
        "from motion_seg_ros.bags.images import ImageError, decode_compressed\n"
        "try: decode_compressed(Message(format='png', data=open(sys.argv[1], 'rb').read()))\n"
        "except ImageError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bomb.png")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "MAX_IMAGE_PIXELS" in told


@given(
    data=st.binary(max_size=200),
    encoding=st.sampled_from(["rgb8", "mono16", "yuyv", "bayer_gbrg8", "bgra8", "bayer_rggb16"]),
    width=st.integers(-1, 40) | st.integers(0, 2**32 - 1),
    height=st.integers(-1, 40) | st.integers(0, 2**32 - 1),
    step=st.integers(0, 2**32 - 1) | st.integers(0, 60),
)
def test_any_fields_give_an_image_or_an_image_error(
    data: bytes, encoding: str, width: int, height: int, step: int
) -> None:
    try:
        decoded = decode_image(message(data, encoding, width, height, step))
    except ImageError:
        return
    assert decoded.shape == (height, width, 3)
