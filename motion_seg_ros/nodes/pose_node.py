"""pose_node: images to skeletons."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from visualization_msgs.msg import MarkerArray

from motion_seg_ros.msg import SkeletonArray

from ..bags.conversion import from_message, to_message
from ..bags.items import Image
from ..pose.drawing import draw
from ..pose.model import ModelMissing
from ..pose.pipeline import PoseConfig, PosePipeline
from ..settings import check, setting
from .diagnostics import OK, WARN
from .managed import OVERRIDABLE, SKELETONS_QOS, TYPES, ManagedNode
from .markers import skeleton_markers
from .runtime import run
from .worker import LatestWins

RECENT_S = 5.0  # how long a refused image stays in the diagnostics
STALE_S = 2.0  # without an image for longer, the camera is said to be silent


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
        self._focal_px: float | None = None
        self._refused = ("", float("-inf"))

    def configure(self) -> None:
        self._node_settings = self.settings(PoseNodeSettings)
        self._pipeline = PosePipeline(self.settings(PoseConfig))
        self._forget = False
        self.monitor.state(self._pipeline.health)
        self._skeletons = self.create_lifecycle_publisher(
            SkeletonArray, "skeletons", SKELETONS_QOS, qos_overriding_options=OVERRIDABLE
        )
        self._debug_image = self.create_lifecycle_publisher(
            ImageMessage, "debug_image", qos_profile_sensor_data, qos_overriding_options=OVERRIDABLE
        )
        self._markers = self.create_lifecycle_publisher(
            MarkerArray, "markers", 10, qos_overriding_options=OVERRIDABLE
        )

    def activate(self) -> None:
        if self._forget:  # here and not when it is deactivated: opening networks takes a second
            self._pipeline.reset()
            self._forget = False
        self._worker = LatestWins(
            self._process,
            self._node_settings.queue_size,
            lambda: self.monitor.count("frames dropped"),
            name="pose",
        )
        compressed = self._node_settings.image_transport == "compressed"
        self._images = self.create_subscription(
            CompressedImage if compressed else ImageMessage,
            "image/compressed" if compressed else "image",
            lambda message: self.accept(Time.from_msg(message.header.stamp).nanoseconds, message),
            qos_profile_sensor_data,
            qos_overriding_options=OVERRIDABLE,
        )
        self._camera_info = self.create_subscription(
            CameraInfo, "camera_info", self._calibrate, qos_profile_sensor_data
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
        reason, at = self._refused
        age = self.monitor.age()
        if time.monotonic() - at < RECENT_S:
            return WARN, reason
        if age is None or age > STALE_S:
            return WARN, "no image yet" if age is None else f"no image for {age:.1f} s"
        return (WARN, health.degraded) if health.degraded else (OK, "active")

    def accept(self, stamp: int, image: Any, *, wait: bool = False) -> None:
        """Queue an image: a message, or from a source in the same process an :class:`Image`.

        With ``wait`` a full queue makes the caller wait instead of dropping an image.
        """
        self.monitor.arrived()
        worker = self._worker  # read once: another thread may be taking the node down
        if worker is None:
            self.monitor.count("images while not active")
            return
        worker.put((stamp, image), wait=wait)

    def _calibrate(self, message: CameraInfo) -> None:
        # An uncalibrated camera says 0: then the assumed field of view is better.
        focal = float(message.k[0])
        self._focal_px = focal if 0 < focal < math.inf else None

    def _process(self, item: tuple[int, Any]) -> None:
        stamp, image = item
        try:
            with self.monitor.timed("decode"):
                image = image if isinstance(image, Image) else from_message(image)
            with self.monitor.timed("estimate"):
                frame = self._pipeline.process(image.rgb, stamp, image.frame_id, self._focal_px)
        except (ValueError, RuntimeError) as error:  # MediaPipe raises both
            self._refused = (f"an image was refused: {error}", time.monotonic())
            self.monitor.count("images refused")
            self.get_logger().error(self._refused[0], throttle_duration_sec=RECENT_S)
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
