"""MediaPipe's PoseLandmarker behind plain arrays."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.pose.detection import Detection

log = logging.getLogger(__name__)

# Information, warnings and stack traces of glog, absl and TFLite. Their errors, and all else, are passed on.
_CHATTER = re.compile(rb"(INFO|WARNING): |[IW]\d{4} |Stack trace:|    @ +0x")


class Landmarker:
    """One PoseLandmarker.

    Parameters
    ----------
    model : path of the .task bundle.
    follow : True: the images are successive views of one person, whose landmarks in one image say where to
        look in the next (VIDEO mode; landmarks are smoothed over time). False: every image stands for itself,
        and up to two people are reported (IMAGE mode).
    device : "cpu" or "gpu".
    min_detection, min_presence, min_tracking : MediaPipe's thresholds, 0..1.

    Raises
    ------
    ValueError, RuntimeError : MediaPipe refuses the model, or the device cannot be had.
    """

    def __init__(
        self,
        model: Path,
        *,
        follow: bool,
        device: str,
        min_detection: float,
        min_presence: float,
        min_tracking: float,
    ) -> None:
        # Importing MediaPipe takes a second and more; those who only handle skeletons need not wait.
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        delegate = BaseOptions.Delegate.GPU if device == "gpu" else BaseOptions.Delegate.CPU
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model), delegate=delegate),
            running_mode=vision.RunningMode.VIDEO if follow else vision.RunningMode.IMAGE,
            num_poses=1 if follow else 2,
            min_pose_detection_confidence=min_detection,
            min_pose_presence_confidence=min_presence,
            min_tracking_confidence=min_tracking,
        )
        self._image, self._format = mp.Image, mp.ImageFormat.SRGB
        self._follow = follow
        self._last_ms = -1
        self._found_someone = follow
        with _quiet():
            self._net = vision.PoseLandmarker.create_from_options(options)
            # The first image makes the networks allocate, and say so on stderr.
            self.forget()

    def detect(self, rgb: NDArray[np.uint8], time_ms: int) -> list[Detection]:
        """People in an RGB image (H, W, 3) uint8, landmarks in its pixels.

        MediaPipe wants time in milliseconds, strictly increasing: a time not later than the one before
        counts as one millisecond later.
        """
        image = self._image(image_format=self._format, data=np.ascontiguousarray(rgb))
        if self._follow:
            self._last_ms = max(time_ms, self._last_ms + 1)
            result = self._net.detect_for_video(image, self._last_ms)
        elif self._found_someone:
            result = self._net.detect(image)
        else:
            # The landmark network speaks up once more when it first runs.
            with _quiet():
                result = self._net.detect(image)
            self._found_someone = bool(result.pose_landmarks)
        size = np.array([rgb.shape[1], rgb.shape[0]], np.float64)
        return [
            Detection(
                image_xy=np.array([(point.x, point.y) for point in flat], np.float64) * size,
                world=np.array([(point.x, point.y, point.z) for point in solid], np.float64),
                visibility=np.array([point.visibility for point in flat], np.float64),
            )
            for flat, solid in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True)
        ]

    def forget(self) -> None:
        """Lose the person who is followed by showing a black image; the next is searched anew."""
        self.detect(np.zeros((64, 64, 3), np.uint8), self._last_ms + 1)

    def close(self) -> None:
        """Release the networks."""
        self._net.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's C++ chatter off stderr: it goes to the debug log, other lines to stderr afterwards.

    It bypasses sys.stderr, so the descriptor itself is turned aside, for the whole process and no longer than
    it takes to start a network.
    """
    sys.stderr.flush()
    aside = os.dup(2)
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(aside, 2)
            os.close(aside)
            heard.seek(0)
            for line in heard:
                if _CHATTER.match(line):
                    log.debug("%s", line.decode(errors="replace").rstrip())
                else:
                    os.write(2, line)
