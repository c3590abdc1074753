"""A recording played to the live nodes with a simulated clock, and what they say of it.

The nodes are those of the composed process, in a ROS domain of their own on this machine; all but images
crosses DDS. No frame is sent before the nodes have taken those before it, so that nothing is lost at any
speed and the final events are those of the core.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

from motion_seg_ros.msg import SegmentEvent as EventMessage
from motion_seg_ros.msg import SkeletonArray

from ..bags.conversion import from_message, ns_to_time, to_message
from ..bags.items import Image, Label, Source, SourceError
from ..evaluation.playback import ORACLE_COUNTS, POSE, SEGMENTER, TOKENS, Account, Hear
from ..humocon.runtime import EncoderConfig, has_weights
from ..skeleton.types import SkeletonFrame
from .diagnostics import Monitor
from .domain import own_domain
from .files import config_file
from .humocon_node import HumoconNode
from .managed import TYPES, ManagedNode
from .pose_node import PoseNode
from .runtime import drain
from .tvsh_node import TvshNode

# As replay.yaml has it: everything arrives, also what was said before somebody listened.
EVERYTHING = QoSProfile(depth=10_000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
AHEAD = 4  # frames on their way
PATIENCE_S = 60.0  # for a node to take a frame, or to say what it has counted
STAGES = {"estimate": POSE, "encode": TOKENS, "segment": SEGMENTER}


class TimedMonitor(Monitor):
    """Keeps the time of every frame in every stage, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.milliseconds: dict[str, list[float]] = {}

    def latency(self, stage: str, seconds: float) -> None:
        super().latency(stage, seconds)
        if stage in STAGES:
            self.milliseconds.setdefault(STAGES[stage], []).append(1e3 * seconds)

    def number(self, name: str) -> int:
        """A count of the node; 0 for what it never counted."""
        return self._counts.get(name, 0)


@dataclass(frozen=True, slots=True)
class RosPlayer:
    """Plays through pose_node, humocon_node and tvsh_node, as :class:`evaluation.playback.Player` asks.

    Attributes
    ----------
    config : parameter file of the nodes, or None for their defaults.
    model : pose model, or None for that of the parameters.
    """

    config: Path | None = None
    model: str | None = None

    def __call__(self, source: Source, hear: Hear) -> Account:
        """Play it.

        Raises
        ------
        SourceError : the source cannot be read, a node cannot work or does not go on, or somebody else is in
            the domain.
        """
        # Only this machine listens, whatever the environment says.
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        context = Context()
        with own_domain() as domain:
            rclpy.init(
                args=self._arguments(),
                context=context,
                domain_id=domain,
                signal_handler_options=SignalHandlerOptions.NO,
            )
            try:
                return _Play(context, source, hear).run()
            finally:
                rclpy.shutdown(context=context)
                # A lifecycle node of rclpy holds itself, and with it a hundred megabytes of queues.
                gc.collect()

    def _arguments(self) -> list[str]:
        files = [*([self.config] if self.config else []), config_file("replay.yaml")]
        return [
            "--ros-args",
            *(word for file in files for word in ("--params-file", str(file))),
            *("-p", "use_sim_time:=true", "--log-level", "error"),
            *(("-p", f"pose_node:model:={self.model}") if self.model else ()),
        ]


class _Play:
    """One play: the nodes, a node that feeds and hears them, and the loop between."""

    def __init__(self, context: Context, source: Source, hear: Hear) -> None:
        self._source, self._hear = source, hear
        self._heard = self._frames = self._sent = 0
        self._executor = SingleThreadedExecutor(context=context)
        self._player = rclpy.create_node("player", context=context)
        self._clock = self._player.create_publisher(Clock, "/clock", 10)
        self._player.create_subscription(EventMessage, "segment_events", self._take_event, EVERYTHING)
        self._pose = PoseNode(context=context) if source.has_images else None
        if self._pose is not None:
            self._player.create_subscription(SkeletonArray, "skeletons", self._take_frame, EVERYTHING)
        else:
            self._skeletons = self._player.create_publisher(SkeletonArray, "skeletons", EVERYTHING)
        self._tvsh = TvshNode(context=context)
        humocon = HumoconNode(context=context)
        if has_weights(humocon.settings(EncoderConfig)):
            self._listeners: list[ManagedNode] = [humocon, self._tvsh]
        else:
            humocon.destroy_node()
            self._listeners = [self._tvsh]
        # Producers before consumers, in the order in which they are stopped.
        self._nodes = [*([self._pose] if self._pose else []), *self._listeners]

    def run(self) -> Account:
        try:
            self._start()
            for stamp, item in self._source:
                self._send(stamp, item)
            return self._finish()
        finally:
            for node in self._nodes:
                node.stop()
            for node in (*self._nodes, self._player):
                node.destroy_node()
            self._executor.shutdown()

    def _start(self) -> None:
        self._executor.add_node(self._player)
        for node in reversed(self._nodes):  # consumers listen before producers speak
            node.monitor = TimedMonitor()
            self._executor.add_node(node)
            node.start()
            if node.problem:
                raise SourceError(f"{node.get_name()}: {node.problem}")
        people = len(self._listeners) + (self._pose is not None)
        self._until(
            lambda: (
                self._player.count_subscribers("skeletons") >= people
                and self._player.count_publishers("segment_events") > 0
                and (self._pose is not None or self._skeletons.get_subscription_count() >= people)
            ),
            "the nodes do not find each other",
        )
        self._check_alone()

    def _send(self, stamp: int, item: Any) -> None:
        self._clock.publish(Clock(clock=ns_to_time(stamp, TYPES)))
        if isinstance(item, Label):
            self._hear(stamp, item)
        elif isinstance(item, Image):
            if self._pose is None:
                raise SourceError(f"{self._source.name} shows an image among skeletons")
            self._hear(stamp, item)
            self._tvsh.keep(stamp, item, item.rgb.nbytes)
            self._pose.accept(stamp, item, wait=True)
            self._sent += 1
            self._until(lambda: self._behind() <= AHEAD, "the nodes do not go on")
        else:
            frame = item if item.stamp == stamp else SkeletonFrame(stamp, item.frame_id, item.skeletons)
            self._hear(stamp, frame)
            self._skeletons.publish(to_message(frame, TYPES))
            self._sent += 1
            self._until(lambda: self._behind() <= AHEAD, "the nodes do not go on")

    def _behind(self) -> int:
        """Images or frames that are on their way."""
        taken = [node.monitor.received for node in self._listeners]
        if self._pose is None:
            return self._sent - min(taken)
        # Each image becomes a frame of skeletons, which we hear too, or is refused.
        return self._sent - self._pose.monitor.number("images refused") - min(*taken, self._frames)

    def _finish(self) -> Account:
        """Let everything that was sent arrive, with what it leads to."""
        for node in self._nodes:
            drain(self._executor, node)
        self._until(lambda: self._behind() <= 0, "the nodes do not go on")
        self._check_alone()
        for node in self._nodes:
            self._until(lambda node=node: node.drained, "the nodes do not go on")
            drain(self._executor, node)
            node.stop()
        said = self._tvsh.monitor.number("events published")
        self._until(lambda: self._heard >= said, "events that were said do not arrive")
        return self._account()

    def _account(self) -> Account:
        account = Account(
            refused=self._tvsh.monitor.number("frames refused"),
            oracle={
                name: float(self._tvsh.monitor.facts[f"oracle {name}"])
                for name in ORACLE_COUNTS
                if f"oracle {name}" in self._tvsh.monitor.facts
            },
        )
        if self._pose is not None:
            account.refused += self._pose.monitor.number("images refused")
            account.dropped = self._pose.monitor.number("frames dropped")
        for node in self._nodes:
            account.milliseconds |= node.monitor.milliseconds
        return account

    def _take_event(self, message: EventMessage) -> None:
        self._heard += 1
        event = from_message(message)
        self._hear(event.stamp, event)

    def _take_frame(self, message: SkeletonArray) -> None:
        self._frames += 1
        frame = from_message(message)
        self._hear(frame.stamp, frame)

    def _check_alone(self) -> None:
        for topic in ("skeletons", "segment_events"):
            if self._player.count_publishers(topic) > 1:
                raise SourceError(f"somebody else publishes {topic} in the ROS domain of this play")

    def _until(self, ready: Callable[[], bool], problem: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready():
            self._executor.spin_once(timeout_sec=0.05)
            if time.monotonic() > end:
                raise SourceError(f"{problem} ({PATIENCE_S:.0f} s waited)")
