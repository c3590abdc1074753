"""tvsh_node: skeletons to a live, revisable transcript of motion segments."""

from __future__ import annotations

import json
import time
from collections import deque
from typing import Any

from rcl_interfaces.msg import Log
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.service import Service
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from motion_seg_ros.msg import ConceptTokens, SegmentArray, SegmentEvent, SkeletonArray
from motion_seg_ros.srv import GetSegments

from ..bags.conversion import from_message, segment_array, stamp_of, to_message, transcript_line
from ..bags.items import Image, Label
from ..humocon.features import concept_features
from ..humocon.runtime import EncoderConfig, has_weights
from ..oracles import encoder_backend
from ..semantics.backends import OracleSettings, open_oracle
from ..semantics.oracle import Oracle
from ..skeleton.types import SkeletonFrame
from ..tvsh.events import SegmentEvent as Event
from ..tvsh.transcriber import Transcriber, TranscriberConfig
from ..tvsh.transcript import describe, sentence
from .diagnostics import OK, STALE_S, WARN
from .held_frames import ExactSettings, HeldFrames
from .managed import EVENTS_QOS, REFUSED_S, SKELETONS_QOS, TYPES, ManagedNode
from .markers import caption_markers, transcript_marker
from .recent_images import WAITING_BYTES, RecentImages
from .runtime import run

SEGMENTS_QOS = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ACKNOWLEDGE = Duration(seconds=0.5)
LIVE_NS = 1_000_000_000  # frames that come this soon after their stamp are seen as it happens
LOOK_S = 0.5  # how often it is looked whether they still come
PATIENCE_S = 20.0  # how long frames wait for concepts: who finds them may start late on a busy machine
# What captions show: lines of the transcript, and the newest tokens of each person.
LINES, TOKENS = 6, 4


class TvshNode(ManagedNode):
    """Subscribes to skeletons; publishes segment events and answers what people have been doing."""

    SETTINGS = (TranscriberConfig, OracleSettings, EncoderConfig, ExactSettings)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("tvsh_node", **kwargs)
        self._transcriber: Transcriber | None = None
        self._oracle: Oracle | None = None
        self._query: Service | None = None
        self._recent: RecentImages | None = None
        self._held: HeldFrames[tuple[Header, SkeletonFrame]] = HeldFrames()

    def configure(self) -> None:
        config = self.settings(TranscriberConfig)
        oracle = self.settings(OracleSettings)
        self._exact = oracle.exact
        self._oracle, self._note = open_oracle(oracle, config.deadline, encoder_backend)
        if self._note:
            self.get_logger().warning(self._note)
        observe = concept_features(self.settings(EncoderConfig)) if config.features == "concepts" else None
        self._transcriber = Transcriber(config, self._oracle, observe)
        self._lines: deque[str] = deque(maxlen=LINES)
        self._newest: dict[str, deque[int]] = {}
        self._events = self.advertise(SegmentEvent, "segment_events", EVENTS_QOS)
        self._segments = self.advertise(SegmentArray, "segments", SEGMENTS_QOS)
        self._captions = self.advertise(MarkerArray, "captions", 10)
        self._transcript = self.advertise(Log, "transcript", EVENTS_QOS)
        self._tvs = self.advertise(String, "tvs", EVENTS_QOS)
        self._query = self.create_service(GetSegments, "get_segments", self._answer)

    def activate(self) -> None:
        self._skeletons = self.listen(SkeletonArray, "skeletons", self._transcribe, SKELETONS_QOS)
        self._last_live: int | None = None
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._looking = self.create_timer(LOOK_S, self._look_around, clock=clock)
        self._images: list[Subscription] = []
        if self._oracle is not None and self._oracle.pictures is not None:
            self._recent = RecentImages(WAITING_BYTES)
            for kind, topic in ((ImageMessage, "image"), (CompressedImage, "image/compressed")):
                self._images.append(self.subscribe(kind, topic, self._keep, qos_profile_sensor_data))
        self._concepts = None
        self._held = HeldFrames()
        self._waits, self._waits_since, self._alone = False, 0.0, ""
        if self._transcriber.config.concept_tokens:
            # A package that was built without weights has nobody who could be waited for.
            self._waits = self.settings(ExactSettings).exact and has_weights(self.settings(EncoderConfig))
            self._concepts = self.subscribe(ConceptTokens, "concept_tokens", self._note_tokens, EVENTS_QOS)

    def deactivate(self) -> None:
        self.destroy_timer(self._looking)
        self._recent = None
        for images in self._images:
            self.destroy_subscription(images)
        self.destroy_subscription(self._skeletons)
        if self._concepts is not None:
            self.destroy_subscription(self._concepts)
        self._go_on(self._held.release())
        self._publish(self._transcriber.close())
        # The last events are final and will not be said again: wait until they have arrived.
        self._events.wait_for_all_acked(timeout=ACKNOWLEDGE)

    def cleanup(self) -> None:
        self._transcriber = None
        if self._oracle is not None:
            self._oracle.close()
            self._oracle = None
        if self._query is not None:
            self.destroy_service(self._query)
            self._query = None

    def make_haste(self) -> None:
        oracle = self._oracle  # read once: this is another thread
        if oracle is not None:
            oracle.make_haste()

    @property
    def drained(self) -> bool:
        return not self._held

    @property
    def fed(self) -> bool:
        return self.count_publishers("skeletons") > 0

    def condition(self) -> tuple[bytes, str]:
        self.monitor.state(self._transcriber.health)
        facts = self._oracle.facts() if self._oracle else {}
        self.monitor.facts |= {f"oracle {name}": fact for name, fact in facts.items()}
        problem = (
            self.monitor.silence("skeletons")
            or self._note
            or self._alone
            or (self._oracle.complaint if self._oracle else "")
        )
        return (WARN, problem) if problem else (OK, "active")

    def _transcribe(self, message: SkeletonArray) -> None:
        stamp = stamp_of(message)
        self.monitor.arrived(stamp)
        self._look_at(stamp)
        try:
            with self.monitor.timed("convert"):
                frame = from_message(message)
        except ValueError as error:
            self.refuse("frames", error)
            return
        if self._waits:
            if not self._held:
                self._waits_since = time.monotonic()
            self._go_on(self._held.hold(frame.frame_id, frame.stamp, (message.header, frame)))
        else:
            self._go_on([(message.header, frame)])

    def _go_on(self, frames: list[tuple[Header, SkeletonFrame]]) -> None:
        for header, frame in frames:
            self._update(header, frame)

    def _update(self, header: Header, frame: SkeletonFrame) -> None:
        try:
            self._show(frame)
            with self.monitor.timed("segment"):
                events = self._transcriber.update(frame)
        except ValueError as error:
            self.refuse("frames", error)
            return
        with self.monitor.timed("publish"):
            self._publish(events)
        for exchange in self._oracle.exchanges() if self._oracle else ():
            self._tvs.publish(to_message(Label(json.dumps(exchange)), TYPES))
        if self._captions.get_subscription_count():
            captions = caption_markers(header, frame, self._doing(frame))
            captions.markers.append(transcript_marker(header, self._lines))
            self._captions.publish(captions)

    def keep(self, stamp: int, image: Any, size: int) -> None:
        """Keep an image of so many bytes until its skeletons come, if the oracle is shown pictures.

        It is a message, or from a source in the same process an :class:`Image`; any thread may call this.
        """
        recent = self._recent  # read once: another thread may be taking the node down
        if recent is not None:
            recent.add(stamp, image, size)

    def _keep(self, message: ImageMessage | CompressedImage) -> None:
        stamp = stamp_of(message)
        if stamp is not None:
            self.keep(stamp, message, len(message.data))

    def _show(self, frame: SkeletonFrame) -> None:
        """Show the oracle the image in which these skeletons were found."""
        if self._recent is None or not self._oracle.pictures.due(frame.stamp):
            return
        image = self._recent.take(frame.stamp)
        if image is None:
            self.monitor.count("frames without an image")
            return
        try:
            with self.monitor.timed("show"):
                self._oracle.pictures.look(
                    frame, image.rgb if isinstance(image, Image) else from_message(image).rgb
                )
        except ValueError as error:
            self.refuse("images", error)

    def _look_at(self, stamp: int | None) -> None:
        """Note the last frame, if it shows what is happening now by our clock."""
        now = self.get_clock().now().nanoseconds
        self._last_live = stamp if stamp is not None and abs(now - stamp) < LIVE_NS else None

    def _look_around(self) -> None:
        if self._held and time.monotonic() - self._waits_since > PATIENCE_S:
            self._waits = False
            self._alone = f"concept tokens are not waited for: none was marked for {PATIENCE_S:.0f} s"
            self.get_logger().warning(self._alone)
            self._go_on(self._held.release())
        self._end_what_is_over()

    def _end_what_is_over(self) -> None:
        """The core reads no clock: when no frame comes, nothing else tells it that people are gone."""
        timeout = round((self._transcriber.config.track_timeout + STALE_S) * 1e9)
        if self._exact or self._last_live is None:
            return
        if self.get_clock().now().nanoseconds - self._last_live > timeout:
            self._last_live = None
            self._publish(self._transcriber.close())

    def _note_tokens(self, message: ConceptTokens) -> None:
        try:
            told = from_message(message)
        except ValueError as error:
            self.refuse("tokens", error)
            return
        if told.is_mark:
            # Marks of other cameras' frames, which may come on the same topic, are no sign that ours go on.
            if self._waits and (ready := self._held.mark(told.frame_id, told.stamp)):
                self._waits_since = time.monotonic()
                self._go_on(ready)
            return
        changes = self._transcriber.health.codebook_changes
        self._transcriber.note_tokens(
            told.frame_id, told.track_id, told.start, told.end, told.tokens, told.codebook
        )
        if self._transcriber.health.codebook_changes > changes:
            self.get_logger().warning(
                f"concept tokens of another codebook came ({told.codebook[:12]}): those before are forgotten",
                throttle_duration_sec=REFUSED_S,
            )
        if self._captions.get_subscription_count():
            self._newest.setdefault(told.track_id, deque(maxlen=TOKENS)).extend(told.tokens)

    def _doing(self, frame: SkeletonFrame) -> dict[str, str]:
        """What everybody in the frame is doing and their newest motion concepts, by track id."""
        tracks = [skeleton.track_id for skeleton in frame.skeletons]
        self._newest = {track: tokens for track, tokens in self._newest.items() if track in tracks}
        doing = {}
        for track in tracks:
            for segment in self._transcriber.segments(track):
                if not segment.withdrawn:
                    doing[track] = describe(segment)
            if track in doing and track in self._newest:
                doing[track] += "\nconcepts " + " ".join(map(str, self._newest[track]))
        return doing

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self._events.publish(to_message(event, TYPES))
            told = sentence(event)
            if told is not None:
                self._transcript.publish(transcript_line(event, told, TYPES))
                self._lines.append(f"person {event.track_id}: {told}")
            age = (self.get_clock().now().nanoseconds - event.stamp) / 1e9
            self.monitor.latency("stamp to event", age)
            self.monitor.count("events published")
        for event in {event.track_id: event for event in events}.values():
            segments = self._transcriber.segments(event.track_id)
            self._segments.publish(
                segment_array(event.stamp, event.frame_id, event.track_id, segments, TYPES)
            )

    def _answer(self, request: GetSegments.Request, response: GetSegments.Response) -> GetSegments.Response:
        # Before 1970 nothing was done.
        start, end = (max(0, stamp.sec) * 10**9 + stamp.nanosec for stamp in (request.start, request.end))
        found = self._transcriber.query(request.track_id, start, end or 2**63 - 1)
        response.segments = [to_message(event, TYPES) for event in found]
        return response


def main() -> int:
    return run(lambda: [TvshNode()])


if __name__ == "__main__":
    raise SystemExit(main())
