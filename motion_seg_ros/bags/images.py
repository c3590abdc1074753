"""Image messages to RGB arrays with numpy; cv_bridge only where it imports and for rare encodings.

cv_bridge breaks whenever numpy's ABI moves on, so the encodings that cameras really use do not need it.
"""

from __future__ import annotations

import os
from typing import Any

# A picture of a few kilobytes may say that it has 2^30 pixels. OpenCV reads this when it is first loaded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.plain_text import InputError

_BAYER = {
    # OpenCV names a pattern by its second row, ROS by its first: bayer_rggb is OpenCV's BG.
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_YUV422 = {
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
# encoding -> (channels, bytes a channel)
_LAYOUT = {
    "rgb8": (3, 1),
    "bgr8": (3, 1),
    "8UC3": (3, 1),
    "rgba8": (4, 1),
    "bgra8": (4, 1),
    "8UC4": (4, 1),
    "mono8": (1, 1),
    "8UC1": (1, 1),
    "mono16": (1, 2),
    "16UC1": (1, 2),
    **dict.fromkeys(_YUV422, (2, 1)),
    **{f"bayer_{pattern}8": (1, 1) for pattern in _BAYER},
    **{f"bayer_{pattern}16": (1, 2) for pattern in _BAYER},
}
_MAX_SIDE = 32767  # OpenCV's own limit for a side; a larger number is a corrupt message


class ImageError(InputError):
    """An image message that cannot be decoded; the message is one sentence."""


def decode_image(msg: Any) -> NDArray[np.uint8]:
    """RGB of a sensor_msgs/Image, rclpy's or rosbags'.

    Row padding (``step``) and byte order are respected. 16-bit images keep their high byte. 8UC3 and
    8UC4 count as BGR, as OpenCV writes them.

    Returns
    -------
    (H, W, 3) uint8, contiguous; it may share memory with the message.

    Raises
    ------
    ImageError : empty or impossible size, too little data, unknown encoding.
    """
    height, width, encoding = int(msg.height), int(msg.width), str(msg.encoding)
    if not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE):
        raise ImageError(f"image of {width} x {height} pixels")
    if encoding not in _LAYOUT:
        return _decode_with_cv_bridge(msg, encoding)
    channels, size = _LAYOUT[encoding]
    if channels == 2 and width % 2:
        raise ImageError(f"{encoding} image of odd width {width}")
    pixels = _rows(msg, height, width * channels * size)
    if size == 2:
        # The high byte of each value, wherever the byte order puts it.
        pixels = pixels[:, 0 if msg.is_bigendian else 1 :: 2]
    return _to_rgb(np.ascontiguousarray(pixels).reshape(height, width, channels), encoding)


def decode_compressed(msg: Any) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of a sensor_msgs/CompressedImage: JPEG, PNG and whatever else OpenCV reads.

    Raises
    ------
    ImageError : no data, or not a picture.
    """
    data = np.frombuffer(msg.data, dtype=np.uint8)
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as error:
        raise ImageError(f"compressed image ({msg.format!r}) cannot be decoded: {error.err}") from error
    if bgr is None:
        raise ImageError(f"compressed image ({msg.format!r}, {data.size} bytes) is not a picture")
    return bgr_to_rgb(bgr)


def bgr_to_rgb(bgr: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 with red and blue exchanged, contiguous."""
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = 90) -> bytes:
    """JPEG of an (H, W, 3) uint8 RGB array; ``quality`` is 0..100."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ImageError(f"image of shape {rgb.shape} cannot be written as JPEG")
    return data.tobytes()


def shrink(rgb: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The same picture at most ``width`` pixels wide; 0 keeps any size."""
    height, now = rgb.shape[:2]
    if not 0 < width < now:
        return rgb
    size = (width, max(1, round(height * width / now)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _rows(msg: Any, height: int, row: int) -> NDArray[np.uint8]:
    """The (height, row) bytes of the pixels without padding."""
    # Some drivers leave step 0; then rows follow each other without padding.
    step = int(msg.step) or row
    data = np.frombuffer(msg.data, dtype=np.uint8)
    if step < row:
        raise ImageError(f"image rows of {step} bytes are shorter than the {row} that {msg.encoding} needs")
    needed = step * (height - 1) + row
    if data.size < needed:
        raise ImageError(f"image data of {data.size} bytes is shorter than the {needed} of its size")
    return np.lib.stride_tricks.as_strided(data, (height, row), (step, 1))


def _to_rgb(pixels: NDArray[np.uint8], encoding: str) -> NDArray[np.uint8]:
    if encoding in _YUV422:
        return cv2.cvtColor(pixels, _YUV422[encoding])  # type: ignore[return-value]
    if encoding.startswith("bayer_"):
        if min(pixels.shape[:2]) < 2:
            raise ImageError(f"{encoding} image of {pixels.shape[1]} x {pixels.shape[0]} pixels")
        return cv2.cvtColor(pixels[..., 0], _BAYER[encoding[6:10]])  # type: ignore[return-value]
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    order = slice(0, 3) if encoding.startswith("rgb") else slice(2, None, -1)
    return np.ascontiguousarray(pixels[..., order])


def _decode_with_cv_bridge(msg: Any, encoding: str) -> NDArray[np.uint8]:
    try:
        from cv_bridge import CvBridge, CvBridgeError  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ImageError(
            f"image encoding {encoding!r} is not known ({', '.join(_LAYOUT)} are) and cv_bridge is not here"
        ) from error
    try:
        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(msg, desired_encoding="rgb8"))
    except CvBridgeError as error:
        raise ImageError(f"cv_bridge cannot turn {encoding!r} into RGB: {error}") from error
