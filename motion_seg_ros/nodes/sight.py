"""What humocon_node sees of people beside their skeletons: their cameras' images, as video concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rclpy.qos import qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage

from ..bags.conversion import from_message, stamp_of
from ..bags.items import Image
from ..humocon.contract import VIDEO
from ..humocon.runtime import ConceptEncoder, EncoderConfig
from ..humocon.tokens import ConceptTokens
from ..humocon.video import VideoHealth, VideoTokenizer
from ..skeleton.types import SkeletonFrame
from .managed import ManagedNode
from .recent_images import WAITING_BYTES, RecentImages


class Sight:
    """Images that wait for the skeletons found in them, and what they show.

    Parameters
    ----------
    node : that listens, counts and complains.
    config : where the encoder is, and what it runs on.
    topics : of images, raw and, below them, ``compressed``.

    Raises
    ------
    ModelError : as :class:`motion_seg_ros.humocon.runtime.ConceptEncoder`.
    """

    def __init__(self, node: ManagedNode, config: EncoderConfig, topics: Sequence[str]) -> None:
        self._node = node
        encoder = ConceptEncoder(config, VIDEO)
        self._tokenizer = VideoTokenizer(encoder)
        node.monitor.facts |= {
            "video weights": str(encoder.info.folder),
            "video codebook": encoder.info.codebook,
        }
        self._last = VideoHealth()
        self._topics = topics
        self._images = [RecentImages(WAITING_BYTES) for _ in topics]
        self._subscriptions: list[Subscription] = []

    def open(self) -> None:
        """Listen to images."""
        for recent, topic in zip(self._images, self._topics, strict=True):

            def keep(message: ImageMessage | CompressedImage, recent: RecentImages = recent) -> None:
                stamp = stamp_of(message)
                self._keep(recent, stamp or 0, message, len(message.data))

            for kind, name in ((ImageMessage, topic), (CompressedImage, f"{topic}/compressed")):
                self._subscriptions.append(self._node.subscribe(kind, name, keep, qos_profile_sensor_data))

    def close(self) -> None:
        """Listen no more, and forget everybody."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self._tokenizer.close()

    def keep(self, stamp: int, image: Image) -> None:
        """Keep an image of the first camera; any thread may call this."""
        self._keep(self._images[0], stamp, image, image.rgb.nbytes)

    def _keep(self, recent: RecentImages, stamp: int, image: Any, size: int) -> None:
        self._node.monitor.count("images received")
        recent.add(stamp, image, size)

    def look(self, camera: int, frame: SkeletonFrame, told: Sequence[ConceptTokens]) -> list[ConceptTokens]:
        """The video tokens beside the motion tokens that were told with a frame of one of the topics."""
        image: Any = self._images[camera].take(frame.stamp)
        monitor = self._node.monitor
        rgb = None
        try:
            with monitor.timed("decode"):
                if image is not None:
                    rgb = image.rgb if isinstance(image, Image) else from_message(image).rgb
        except ValueError as error:
            self._node.refuse("images", error)
        with monitor.timed("look"):
            seen = self._tokenizer.update(told, frame, rgb)
        return seen

    @property
    def health(self) -> VideoHealth:
        return self._tokenizer.health

    def problem(self) -> str:
        """One sentence if, since it was last asked for, nobody was seen who moved, or ""."""
        last, self._last = self._last, replace(self.health)
        if self.health.video_tokens > last.video_tokens:
            return ""
        if self.health.without_image > last.without_image:
            return "no image has the stamp of the skeletons that come"
        if self.health.outside_image > last.outside_image:
            return "the skeletons do not say where in their image they are"
        return ""
