"""pose_node: images to skeletons."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from visualization_msgs.msg import MarkerArray

from motion_seg_ros.msg import SkeletonArray

from ..bags.conversion import from_message, stamp_of, to_message
from ..bags.items import Image
from ..pose.drawing import draw
from ..pose.model import ModelMissing
from ..pose.pipeline import PoseConfig, PosePipeline
from ..settings import check, setting
from .diagnostics import OK, STALE_S, WARN
from .managed import SKELETONS_QOS, TYPES, ManagedNode
from .markers import skeleton_markers
from .runtime import run
from .worker import LatestWins


@dataclass(frozen=True)
class PoseNodeSettings:
    """Parameters of the node around the estimator."""

    image_transport: str = setting(
        "raw", "raw subscribes to image, compressed to image/compressed.", choices=("raw", "compressed")
    )
    queue_size: int = setting(1, "Images that may wait; when full, the oldest is dropped.", low=1, high=100)

    def __post_init__(self) -> None:
        check(self)


class PoseNode(ManagedNode):
    """Subscribes to images and publishes the skeletons of everybody in them, stamped as the image."""

    SETTINGS = (PoseNodeSettings, PoseConfig)
    CONFIGURE_ERRORS = (ModelMissing,)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("pose_node", **kwargs)
        self._pipeline: PosePipeline | None = None
        self._worker: LatestWins | None = None
        self._calibrated: tuple[float, int] | None = None  # focal length and image width in pixels
        self._last: np.ndarray | None = None
        self._changed = time.monotonic()

    def configure(self) -> None:
        self._node_settings = self.settings(PoseNodeSettings)
        self._pipeline = PosePipeline(self.settings(PoseConfig))
        self._forget = False
        self.monitor.state(self._pipeline.health)
        self._skeletons = self.advertise(SkeletonArray, "skeletons", SKELETONS_QOS)
        self._debug_image = self.advertise(ImageMessage, "debug_image", qos_profile_sensor_data)
        self._markers = self.advertise(MarkerArray, "markers", 10)

    def activate(self) -> None:
        if self._forget:  # here and not when it is deactivated: opening networks takes a second
            self._pipeline.reset()
            self._forget = False
        compressed = self._node_settings.image_transport == "compressed"
        self._images = self.listen(
            CompressedImage if compressed else ImageMessage,
            "image/compressed" if compressed else "image",
            lambda message: self.accept(stamp_of(message) or 0, message),
            qos_profile_sensor_data,
        )
        self._camera_info = self.create_subscription(
            CameraInfo, "camera_info", self._calibrate, qos_profile_sensor_data
        )
        self._worker = LatestWins(
            self._process,
            self._node_settings.queue_size,
            lambda: self.monitor.count("frames dropped"),
            name="pose",
        )

    def deactivate(self) -> None:
        self.destroy_subscription(self._images)
        self.destroy_subscription(self._camera_info)
        worker, self._worker = self._worker, None
        worker.close()
        self._forget = True

    def cleanup(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None

    @property
    def drained(self) -> bool:
        return self._worker is None or self._worker.idle

    def condition(self) -> tuple[bytes, str]:
        health = self._pipeline.health
        self.monitor.state(health)
        problem = self.monitor.silence("images") or self._frozen() or health.degraded
        return (WARN, problem) if problem else (OK, "active")

    def _frozen(self) -> str:
        """One sentence if every image is the same, to the last bit: cameras have noise."""
        seconds = time.monotonic() - self._changed
        return f"the camera has shown one and the same image for {seconds:.1f} s" if seconds > STALE_S else ""

    def accept(self, stamp: int, image: Any, *, wait: bool = False) -> None:
        """Queue an image: a message, or from a source in the same process an :class:`Image`.

        With ``wait`` a full queue makes the caller wait instead of dropping an image.
        """
        self.monitor.arrived(stamp)
        worker = self._worker  # read once: another thread may be taking the node down
        if worker is None:
            self.monitor.count("images while not active")
            return
        worker.put((stamp, image), wait=wait)

    def _calibrate(self, message: CameraInfo) -> None:
        # An uncalibrated camera says 0: then the assumed field of view is better.
        focal = float(message.k[0])
        self._calibrated = (focal, message.width) if 0 < focal < math.inf else None

    def _focal_px(self, width: int) -> float | None:
        """The focal length in an image of that width, which need not be the one that was calibrated."""
        if self._calibrated is None:
            return None
        focal, calibrated = self._calibrated
        return focal * width / calibrated if calibrated else focal

    def _process(self, item: tuple[int, Any]) -> None:
        stamp, image = item
        try:
            with self.monitor.timed("decode"):
                image = image if isinstance(image, Image) else from_message(image)
            if not np.array_equal(image.rgb, self._last):
                self._last, self._changed = image.rgb, time.monotonic()
            with self.monitor.timed("estimate"):
                focal = self._focal_px(image.rgb.shape[1])
                frame = self._pipeline.process(image.rgb, stamp, image.frame_id, focal)
        except (ValueError, RuntimeError) as error:  # MediaPipe raises both
            self.refuse("images", error)
            return
        with self.monitor.timed("publish"):
            message = to_message(frame, TYPES)
            self._skeletons.publish(message)
        self.monitor.latency("image stamp to skeletons", (self.get_clock().now().nanoseconds - stamp) / 1e9)
        if self._markers.get_subscription_count():
            self._markers.publish(skeleton_markers(message.header, frame))
        if self._debug_image.get_subscription_count():
            drawn = Image(draw(image.rgb, frame), image.frame_id)
            self._debug_image.publish(to_message(drawn, TYPES, stamp))


def main() -> int:
    return run(lambda: [PoseNode()])


if __name__ == "__main__":
    raise SystemExit(main())
