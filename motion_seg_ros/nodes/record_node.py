"""record_node: what was seen and said, kept as a bag and as events.jsonl."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import String

from motion_seg_ros.msg import ConceptTokens, SkeletonArray
from motion_seg_ros.msg import SegmentEvent as EventMessage

from ..bags.conversion import from_message, stamp_of, to_compressed
from ..bags.images import shrink
from ..bags.items import Image
from ..bags.typestore import typestore
from ..bags.writer import BagError, BagWriter
from ..evaluation.story import IMAGE_SIZE
from ..settings import check, setting
from ..tvsh.events import SegmentEvent
from .diagnostics import ERROR, OK
from .managed import EVENTS_QOS, SKELETONS_QOS, ManagedNode
from .runtime import run

EVENTS = "segment_events"
FLUSH_S = 1.0


@dataclass(frozen=True)
class RecordSettings:
    """Parameters of record_node."""

    out: str = setting("", "Folder for bag/ and events.jsonl; an earlier recording there is replaced.")
    storage: str = setting("mcap", "Storage format of the bag.", choices=("mcap", "sqlite3"))
    image_width: int = setting(
        640, "Keep images as JPEG of at most this width in pixels; 0 keeps none.", low=0, high=8192
    )
    image_rate: float = setting(5.0, "Keep at most this many images a second.", low=0.1, high=1000.0)

    def __post_init__(self) -> None:
        check(self)


class RecordNode(ManagedNode):
    """Writes skeletons, labels, images, concept tokens and segment events as they come.

    ``on_event`` is called with each event after it was written.
    """

    SETTINGS = (RecordSettings,)
    CONFIGURE_ERRORS = (BagError,)
    # Longer than the others: they end at the same time, and their last events are final.
    LAST_WORDS_S = 1.5

    def __init__(self, on_event: Callable[[SegmentEvent], None] = lambda event: None, **kwargs: Any) -> None:
        super().__init__("record_node", **kwargs)
        self._on_event = on_event
        self._open: list[Any] = []
        self._listening: list[Any] = []
        self._last_image = 0
        self._trouble = ""

    def configure(self) -> None:
        self._record_settings = self.settings(RecordSettings)
        if not self._record_settings.out:
            raise ValueError("the parameter 'out' is empty: name the folder to write to")
        folder = Path(self._record_settings.out)
        folder.mkdir(parents=True, exist_ok=True)
        self._trouble = ""
        self._bag = BagWriter(folder / "bag", self._record_settings.storage)
        self._open.append(self._bag)
        self._events_file = (folder / "events.jsonl").open("w", encoding="utf-8")
        self._open.append(self._events_file)

    def activate(self) -> None:
        # Who is killed, by a power cut say, has lost no more than a second.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._flushing = self.create_timer(FLUSH_S, lambda: self._written(self._bag.flush), clock=clock)
        self._listen(SkeletonArray, "skeletons", SKELETONS_QOS)
        self._listen(String, "label", EVENTS_QOS)
        for concepts in ("concept_tokens", "video_concept_tokens"):
            self._listen(ConceptTokens, concepts, EVENTS_QOS)
        self._listen(EventMessage, EVENTS, EVENTS_QOS, self._keep_event)
        if self._record_settings.image_width:
            images = self.subscribe(ImageMessage, "image", self._keep_image, qos_profile_sensor_data)
            self._listening.append(images)

    def deactivate(self) -> None:
        self.destroy_timer(self._flushing)
        while self._listening:
            self.destroy_subscription(self._listening.pop())

    def cleanup(self) -> None:
        while self._open:
            try:
                self._open[-1].close()
            except (BagError, OSError) as error:
                self._break_off(error)
            self._open.pop()  # not before: until it is closed there is something to lose

    @property
    def drained(self) -> bool:
        """Who says events may have a last word: wait until nobody is left who could."""
        return self.count_publishers(EVENTS) == 0

    @property
    def nothing_to_lose(self) -> bool:
        return not self._open

    def condition(self) -> tuple[bytes, str]:
        return (ERROR, self._trouble) if self._trouble else (OK, f"recording to {self._record_settings.out}")

    def _listen(
        self, kind: type, topic: str, qos: QoSProfile, then: Callable[[bytes], None] = lambda data: None
    ) -> None:
        # Raw: the bytes that came are the bytes that are kept.
        resolved = self.resolve_topic_name(topic)
        type_name = f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"

        def keep(data: bytes) -> None:
            self.monitor.arrived()
            now = self.get_clock().now().nanoseconds
            self._keep(topic, lambda: self._bag.write_raw(resolved, type_name, data, now))
            then(data)

        self._listening.append(self.subscribe(kind, topic, keep, qos, raw=True))

    def _keep_event(self, data: bytes) -> None:
        try:
            event = from_message(deserialize_message(data, EventMessage))
        except ValueError as error:
            self.refuse("events", error)
            return

        def write() -> None:
            self._events_file.write(event.to_json() + "\n")
            self._events_file.flush()

        self._written(write)
        self._on_event(event)

    def _keep_image(self, message: ImageMessage) -> None:
        self.monitor.arrived()
        stamp = stamp_of(message) or 0
        if 0 <= stamp - self._last_image < 1e9 / self._record_settings.image_rate:
            return
        self._last_image = stamp
        try:
            image = from_message(message)
        except ValueError as error:
            self.refuse("images", error)
            return
        # Skeletons' pixels are those of the image as it came, not of the smaller one that is kept.
        size = f"{message.width} {message.height}"
        small = Image(shrink(image.rgb, self._record_settings.image_width), image.frame_id)
        compressed = to_compressed(small, typestore().types, stamp)
        topic = self.resolve_topic_name("image/compressed")
        now = self.get_clock().now().nanoseconds

        def write() -> None:
            self._bag.note(IMAGE_SIZE, size)
            self._bag.write(topic, compressed, now)

        self._keep("image", write)

    def _keep(self, topic: str, write: Callable[[], None]) -> None:
        self.monitor.count(f"{topic} recorded" if self._written(write) else "messages not recorded")

    def _written(self, write: Callable[[], None]) -> bool:
        """Whether something could be written. A full disk ends the recording, and is said once."""
        if self._trouble:
            return False
        try:
            write()
        except (BagError, OSError) as error:
            self._break_off(error)
        return not self._trouble

    def _break_off(self, error: Exception) -> None:
        if not self._trouble:
            self._trouble = f"the recording is broken off: {error}"
            self.get_logger().error(self._trouble)


def main() -> int:
    return run(lambda: [RecordNode()])


if __name__ == "__main__":
    raise SystemExit(main())
