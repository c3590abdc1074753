"""Video files and cameras as sources of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
from cv2.utils import logging

from motion_seg_ros.bags.images import bgr_to_rgb
from motion_seg_ros.bags.items import Image, Item, Source, SourceError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".gif", ".mjpeg", ".mjpg"}
)
# x right, y down, z forward: REP-103 marks such a frame by its name.
CAMERA_FRAME = "camera_optical"
# A stream whose header gives no rate or a silly one.
_DEFAULT_FPS = 30.0
_MAX_FPS = 1000.0


class VideoSource(Source):
    """The pictures of a file, stamped with their own presentation times, the first at 0.

    A file of variable frame rate keeps its rhythm; one whose times are missing or go back advances by its
    nominal rate. Phone videos are turned upright as their header says.
    """

    kind = "video"

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        capture = self._open()
        try:
            rate = capture.get(cv2.CAP_PROP_FPS)
            announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            if not capture.grab():
                raise SourceError(f"{path} holds no picture that can be decoded")
        finally:
            capture.release()
        self.has_images = True
        self.fps = rate if 0 < rate <= _MAX_FPS else _DEFAULT_FPS
        self.count = announced if announced > 0 else None
        self.duration = announced / self.fps if announced > 0 else None

    def _open(self) -> cv2.VideoCapture:
        capture = _capture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise SourceError(f"{self._path} is not a video that can be read, or is cut off at its header")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        return capture

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        self.problem = ""
        step = round(1e9 / (self.fps or _DEFAULT_FPS))
        capture = self._open()
        try:
            first: int | None = None
            last = -step
            count = 0
            while True:
                done, bgr = capture.read()
                if not done:
                    break
                time = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
                first = time if first is None else first
                stamp = time - first
                if stamp <= last:
                    stamp = last + step
                last = stamp
                count += 1
                yield stamp, Image(bgr_to_rgb(bgr), CAMERA_FRAME)
        finally:
            capture.release()
        # Containers may estimate the number, so a few missing say nothing.
        if self.count is not None and count < 0.98 * self.count - 2:
            self.problem = f"{self.name} announces {self.count} pictures, but only {count} could be decoded"


class CameraSource(Source):
    """A camera, stamped when a picture arrives by ``clock`` (ns); it ends when the camera stops."""

    kind = "camera"
    live = True

    def __init__(self, device: str, clock: Callable[[], int]) -> None:
        super().__init__(device)
        self._clock = clock
        self._capture = _capture(int(device) if device.isdecimal() else device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(
                f"camera {device} cannot be opened: it is not there, in use, or not allowed (group 'video')"
            )
        # What waits in the driver is late already.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.has_images = True
        self.fps = rate if 0 < rate <= _MAX_FPS else None

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        last = -1
        try:
            while True:
                done, bgr = self._capture.read()
                if not done:
                    self.problem = f"camera {self.name} stopped delivering pictures"
                    return
                # The clock may be set back; stamps may not.
                last = max(self._clock(), last + 1)
                yield last, Image(bgr_to_rgb(bgr), CAMERA_FRAME)
        finally:
            self._capture.release()


def _capture(*what: Any) -> cv2.VideoCapture:
    """A capture whose failure OpenCV does not comment on stderr: a SourceError says it."""
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(*what)
    finally:
        logging.setLogLevel(level)
