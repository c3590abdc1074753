"""source_node: a camera, a video, a bag or a motion file as topics, at the pace it was recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import String

from motion_seg_ros.msg import SkeletonArray

from ..bags.conversion import ns_to_time, to_compressed, to_message
from ..bags.images import shrink
from ..bags.items import Image, Item, Label, SourceError
from ..bags.sources import open_source
from ..settings import check, setting
from ..skeleton.types import SkeletonFrame
from .diagnostics import ERROR, OK, WARN
from .managed import EVENTS_QOS, SKELETONS_QOS, TYPES, ManagedNode
from .runtime import run

ACKNOWLEDGE = Duration(seconds=1.0)
LATE_S = 0.1  # as a camera does, a video played live skips images it is too late for
CLOCK_PERIOD_S = 0.01  # every node works on every message of /clock
PATIENCE_S = 30.0  # how long to wait for subscribers before playing without them


@dataclass(frozen=True)
class SourceSettings:
    """Parameters of source_node."""

    source: str = setting(
        "", "A camera (0 or /dev/video0), video, rosbag2 folder, .mcap, .bag, .npz, .bvh or .amc file."
    )
    rate: float = setting(1.0, "Speed of playback; a live camera ignores it.", low=0.01, high=100.0)
    from_images: bool = setting(
        False, "Play the images of a bag, not its skeletons, so that poses are estimated anew."
    )
    joint_set: str = setting(
        "", "Order of joints that come without names (PoseArray, MarkerArray); empty = known by their number."
    )
    image_transport: str = setting(
        "raw", "raw publishes image, compressed publishes image/compressed.", choices=("raw", "compressed")
    )
    image_width: int = setting(
        0, "Scale wider images down to this many pixels; 0 keeps them.", low=0, high=8192
    )
    clock: bool = setting(
        False, "Publish /clock, and keep the stamps of a bag; else stamp as if it happened now."
    )
    subscribers: int = setting(0, "Wait for this many subscribers before playing.", low=0, high=100)

    def __post_init__(self) -> None:
        check(self)


class SourceNode(ManagedNode):
    """Publishes what a source holds; finished when it is at its end.

    ``image_sink``, if given, gets every image as ``(stamp, Image)`` in place of the image topic: in a process
    that holds the consumer too, images then never cross DDS. It may block, which slows the source down.
    """

    SETTINGS = (SourceSettings,)
    CONFIGURE_ERRORS = (SourceError,)

    def __init__(self, image_sink: Callable[[int, Image], None] | None = None, **kwargs: Any) -> None:
        super().__init__("source_node", **kwargs)
        self._image_sink = image_sink
        self._player: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._failed = ""
        self._clock_told = float("-inf")

    def configure(self) -> None:
        settings = self._settings = self.settings(SourceSettings)
        if not settings.source:
            raise ValueError(
                "the parameter 'source' is empty: name a camera, a video, a bag or a motion file"
            )
        self._source = open_source(
            settings.source, from_images=settings.from_images, joint_set=settings.joint_set
        )
        self.monitor.facts |= {"source": self._source.name, "kind": self._source.kind}
        for note in self._source.notes:
            self.get_logger().info(note)
        self._topics = {}
        if self._source.has_images and self._image_sink is None:
            kind, topic = (
                (CompressedImage, "image/compressed")
                if settings.image_transport == "compressed"
                else (ImageMessage, "image")
            )
            self._topics[Image] = self.advertise(kind, topic, qos_profile_sensor_data)
        if self._source.has_skeletons:
            self._topics[SkeletonFrame] = self.advertise(SkeletonArray, "skeletons", SKELETONS_QOS)
        if self._source.has_labels:
            self._topics[Label] = self.advertise(String, "label", EVENTS_QOS)
        if settings.clock:
            self._clock_topic = self.advertise(ClockMessage, "/clock", QoSProfile(depth=10))

    def activate(self) -> None:
        self._stopping.clear()
        self._player = threading.Thread(target=self._play, name="player", daemon=True)
        self._player.start()

    def deactivate(self) -> None:
        self._stopping.set()
        self._player.join()

    @property
    def finished(self) -> bool:
        return self._ended.is_set()

    @property
    def failed(self) -> bool:
        return bool(self._failed)

    @property
    def replaying(self) -> bool:
        """Whether time is what we publish: waiting for the consumers then changes only the pace."""
        return self._settings.clock

    def condition(self) -> tuple[bytes, str]:
        if self._failed:
            return ERROR, self._failed
        return (WARN, self._source.problem) if self._source.problem else (OK, "playing")

    def _play(self) -> None:
        try:
            self._wait_for_subscribers()
            self._play_items()
        except (SourceError, ValueError) as error:
            self._failed = str(error)
            self.get_logger().error(f"the source stopped: {error}")
        if self._source.problem:
            self.get_logger().warning(self._source.problem)
        for publisher in self._topics.values():
            publisher.wait_for_all_acked(timeout=ACKNOWLEDGE)
        if not self._stopping.is_set():
            self._ended.set()

    def _wait_for_subscribers(self) -> None:
        end = time.monotonic() + PATIENCE_S
        publishers = [self._topics[kind] for kind in (Image, SkeletonFrame) if kind in self._topics]
        while any(p.get_subscription_count() < self._settings.subscribers for p in publishers):
            if time.monotonic() > end:
                wanted = self._settings.subscribers
                self.get_logger().warning(f"playing with fewer than {wanted} subscribers")
            if time.monotonic() > end or self._stopping.wait(0.02):
                return

    def _play_items(self) -> None:
        live = self._source.live
        began = first = shift = None
        for stamp, item in self._source:
            if began is None or first is None or shift is None:
                began, first = time.monotonic(), stamp
                # The files of cameras and motion begin at 0, which no header should say.
                recorded = live or (self.replaying and self._source.kind == "bag")
                shift = 0 if recorded else Clock(clock_type=ClockType.SYSTEM_TIME).now().nanoseconds - first
            due = began + (stamp - first) / 1e9 / self._settings.rate
            if self._stopping.wait(0.0 if live else max(0.0, due - time.monotonic())):
                return
            late = time.monotonic() - due > LATE_S
            if late and isinstance(item, Image) and not (live or self.replaying):
                self.monitor.count("late images skipped")
                continue
            self._publish(stamp + shift, item)
        self.get_logger().info(f"the end of {self._source.name}")

    def _publish(self, stamp: int, item: Item) -> None:
        self.monitor.arrived()
        if self._settings.clock and time.monotonic() - self._clock_told > CLOCK_PERIOD_S:
            self._clock_told = time.monotonic()
            self._clock_topic.publish(ClockMessage(clock=ns_to_time(stamp, TYPES)))
        if isinstance(item, Image):
            self._publish_image(stamp, Image(shrink(item.rgb, self._settings.image_width), item.frame_id))
        elif isinstance(item, SkeletonFrame):
            moved = SkeletonFrame(stamp, item.frame_id, item.skeletons)
            self._topics[SkeletonFrame].publish(to_message(moved, TYPES))
        else:
            self._topics[Label].publish(to_message(item, TYPES))

    def _publish_image(self, stamp: int, image: Image) -> None:
        if self._image_sink is not None:
            self._image_sink(stamp, image)
            return
        convert = to_compressed if self._settings.image_transport == "compressed" else to_message
        self._topics[Image].publish(convert(image, TYPES, stamp))


def main() -> int:
    return run(lambda: [SourceNode()])


if __name__ == "__main__":
    raise SystemExit(main())
