"""humocon_node: skeletons to motion concept tokens and, with images, to video concept tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import LifecyclePublisher

from motion_seg_ros.msg import ConceptTokens as ConceptTokensMessage
from motion_seg_ros.msg import SkeletonArray

from ..bags.conversion import from_message, stamp_of, to_message
from ..bags.items import Image
from ..humocon.contract import ModelError
from ..humocon.runtime import ConceptEncoder, EncoderConfig
from ..humocon.streaming import Tokenizer, TokenizerConfig
from ..humocon.tokens import ConceptTokens, mark
from ..settings import check, setting
from ..skeleton.types import SkeletonFrame
from .diagnostics import OK, WARN
from .held_frames import ExactSettings
from .managed import EVENTS_QOS, SKELETONS_QOS, TYPES, ManagedNode
from .runtime import run
from .sight import Sight

ACKNOWLEDGE = Duration(seconds=0.5)
# Of the tokenizer's counters: what each means for those who listen.
NOTICES = {
    "resets": "stamps went back: everybody's motion begins anew",
    "gaps": "a pause in the skeletons: everybody's motion begins anew",
    "joint_set_changes": "a person came with another joint set: their motion begins anew",
}


@dataclass(frozen=True)
class HumoconSettings:
    """Parameters of the node around the tokenizer."""

    topics: str = setting(
        "skeletons", "Topics of skeletons, separated by commas; their cameras differ in frame_id."
    )
    batch_period: float = setting(
        0.0,
        "Encode what came within so many seconds in one call, for many cameras on a graphics card; "
        "0 encodes each frame at once.",
        low=0.0,
        high=1.0,
    )
    embedding: bool = setting(False, "Whether messages carry the encoded state beside the tokens.")
    images: str = setting(
        "",
        "Topics of images, separated by commas, one for each of `topics` and of its stamps, whose people are "
        "told as video_concept_tokens; costs the decoding of a picture every 0.13 s and a second encoder; "
        "empty: no image is read.",
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.topic_names:
            raise ValueError("topics must name at least one topic")
        if self.image_names and len(self.image_names) != len(self.topic_names):
            wanted = len(self.topic_names)
            raise ValueError(f"images must name none or {wanted}: one for each of the topics of skeletons")

    @property
    def topic_names(self) -> list[str]:
        return _names(self.topics)

    @property
    def image_names(self) -> list[str]:
        return _names(self.images)


def _names(topics: str) -> list[str]:
    return [name.strip() for name in topics.split(",") if name.strip()]


class HumoconNode(ManagedNode):
    """Subscribes to skeletons and publishes the motion concepts of everybody in them."""

    SETTINGS = (HumoconSettings, EncoderConfig, TokenizerConfig, ExactSettings)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("humocon_node", **kwargs)
        self._tokenizer: Tokenizer | None = None
        self._waiting: list[tuple[int, SkeletonFrame]] = []
        self._sight: Sight | None = None

    def configure(self) -> None:
        self._node_settings = self.settings(HumoconSettings)
        self._exact = self.settings(ExactSettings).exact
        encoder = ConceptEncoder(self.settings(EncoderConfig))
        self._notes = "; ".join(encoder.info.notes)
        if self._notes:
            self.get_logger().warning(f"{self._notes}: the encoder runs on {encoder.info.providers[0]}")
        self._tokenizer = Tokenizer(encoder, self.settings(TokenizerConfig))
        self._noticed = dict.fromkeys(NOTICES, 0)
        self.monitor.facts |= {
            "weights": str(encoder.info.folder),
            "codebook": encoder.info.codebook,
            "providers": ", ".join(encoder.info.providers),
        }
        self._tokens = self.advertise(ConceptTokensMessage, "concept_tokens", EVENTS_QOS)
        if images := self._node_settings.image_names:
            self._sight = Sight(self, self.settings(EncoderConfig), images)
            self._video_tokens = self.advertise(ConceptTokensMessage, "video_concept_tokens", EVENTS_QOS)

    def activate(self) -> None:
        if self._sight is not None:
            self._sight.open()  # before the skeletons: of what waits the images come first
        self._skeletons = [
            self.listen(SkeletonArray, topic, partial(self._take, camera), SKELETONS_QOS)
            for camera, topic in enumerate(self._node_settings.topic_names)
        ]
        self._timer = None
        if self._node_settings.batch_period:
            clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self.create_timer(self._node_settings.batch_period, self._encode, clock=clock)

    def deactivate(self) -> None:
        for subscription in self._skeletons:
            self.destroy_subscription(subscription)
        if self._timer is not None:
            self.destroy_timer(self._timer)
        self._encode()
        self._tokenizer.close()
        if self._sight is not None:
            self._sight.close()
            self._video_tokens.wait_for_all_acked(timeout=ACKNOWLEDGE)
        self._tokens.wait_for_all_acked(timeout=ACKNOWLEDGE)

    def cleanup(self) -> None:
        self._tokenizer = None
        self._sight = None

    @property
    def drained(self) -> bool:
        return not self._waiting

    @property
    def fed(self) -> bool:
        return any(self.count_publishers(topic) for topic in self._node_settings.topic_names)

    def condition(self) -> tuple[bytes, str]:
        self.monitor.state(self._tokenizer.health)
        problem = self.monitor.silence("skeletons") or self._notes
        if self._sight is not None:
            self.monitor.state(self._sight.health)
            problem = problem or self._sight.problem()
        return (WARN, problem) if problem else (OK, "active")

    def keep(self, stamp: int, image: Image) -> None:
        """Keep an image of the first camera until its skeletons come, if images are read.

        It is from a source in the same process; any thread may call this.
        """
        sight = self._sight  # read once: another thread may be taking the node down
        if sight is not None:
            sight.keep(stamp, image)

    def _take(self, camera: int, message: SkeletonArray) -> None:
        self.monitor.arrived(stamp_of(message))
        try:
            with self.monitor.timed("convert"):
                self._waiting.append((camera, from_message(message)))
        except ValueError as error:
            self.refuse("frames", error)
            return
        if self._timer is None:
            self._encode()

    def _encode(self) -> None:
        waiting, self._waiting = self._waiting, []
        frames = [frame for _, frame in waiting]
        with self.monitor.timed("encode"):
            told = self._tokenize(frames)
        for name, notice in NOTICES.items():
            count = getattr(self._tokenizer.health, name)
            if count != self._noticed[name]:
                self._noticed[name] = count
                self.get_logger().warning(notice)
        self._publish(self._tokens, "stamp to tokens", told)
        for frame in frames if self._exact else ():
            self._tokens.publish(to_message(mark(frame.stamp, frame.frame_id), TYPES))
        if self._sight is not None:
            self._look(self._sight, waiting, told)

    def _tokenize(self, frames: list[SkeletonFrame]) -> list[ConceptTokens]:
        """All frames in one call; each by itself where one cannot be used, so that it costs no other."""
        try:
            return self._tokenizer.update(*frames)
        except ValueError as error:
            if isinstance(error, ModelError) or len(frames) == 1:
                self.refuse("frames", error)
                return []
        return [tokens for frame in frames for tokens in self._tokenize([frame])]

    def _look(
        self, sight: Sight, waiting: list[tuple[int, SkeletonFrame]], told: list[ConceptTokens]
    ) -> None:
        """Tell what the images of frames with tokens show."""
        due: dict[tuple[str, int], list[ConceptTokens]] = {}
        for tokens in told:
            due.setdefault((tokens.frame_id, tokens.stamp), []).append(tokens)
        for camera, frame in waiting:
            # Once: a frame may come twice.
            if own := due.pop((frame.frame_id, frame.stamp), []):
                try:
                    seen = sight.look(camera, frame, own)
                except ModelError as error:
                    self.refuse("looks", error)
                    continue
                self._publish(self._video_tokens, "stamp to video tokens", seen)

    def _publish(self, topic: LifecyclePublisher, stage: str, told: list[ConceptTokens]) -> None:
        for tokens in told:
            if not self._node_settings.embedding:
                tokens = replace(tokens, embedding=np.zeros(0, np.float32))
            topic.publish(to_message(tokens, TYPES))
            self.monitor.latency(stage, (self.get_clock().now().nanoseconds - tokens.stamp) / 1e9)


def main() -> int:
    return run(lambda: [HumoconNode()])


if __name__ == "__main__":
    raise SystemExit(main())
