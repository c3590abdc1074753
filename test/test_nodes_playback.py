"""A recording through the live nodes over DDS: the final events are the core's."""

from __future__ import annotations

import json
import os
import pickle
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion import frames
from ros_graph import Graph
from rosbags.highlevel import AnyReader
from rosgraph_msgs.msg import Clock

from motion_seg_ros.bags.conversion import RclpyTypes, from_message, ns_to_time
from motion_seg_ros.bags.items import Image, Item, Label, SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.cli import main
from motion_seg_ros.core import node_parameters
from motion_seg_ros.evaluation.playback import SEGMENTER, TOKENS, Account, CorePlayer
from motion_seg_ros.humocon.runtime import EncoderConfig, has_weights
from motion_seg_ros.msg import SegmentEvent as EventMessage
from motion_seg_ros.msg import SkeletonArray
from motion_seg_ros.nodes import domain
from motion_seg_ros.nodes.domain import own_domain
from motion_seg_ros.nodes.playback import RosPlayer
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

DAY = [("stand", 2.0), ("wave", 4.0), ("squat", 4.0), ("wave", 4.0), ("squat", 4.0)]
PEOPLE = [
    SkeletonFrame(
        frame.stamp,
        frame.frame_id,
        tuple(
            Skeleton(track, s.joint_set, s.joints + np.array([0, aside, 0]), s.confidence, s.image_xy)
            for track, aside, s in (("ann", 0.0, frame.skeletons[0]), ("bob", 2.0, other.skeletons[0]))
        ),
    )
    for frame, other in zip(frames(DAY), frames([("walk", 9.0), *DAY]), strict=False)
]


@dataclass
class Heard:
    """What a player told."""

    items: list[tuple[int, Item]] = field(default_factory=list)
    events: list[SegmentEvent] = field(default_factory=list)
    account: Account = field(default_factory=Account)

    def __call__(self, stamp: int, item: Any) -> None:
        if isinstance(item, SegmentEvent):
            self.events.append(item)
        else:
            # Of images, that there was one: together they are large.
            small = Image(np.zeros((0, 0, 3), np.uint8), item.frame_id) if isinstance(item, Image) else item
            self.items.append((stamp, small))

    @property
    def final(self) -> list[SegmentEvent]:
        return [event for event in self.events if event.final]


def play(player: Any, path: Path, **options: Any) -> Heard:
    heard = Heard()
    heard.account = player(open_source(str(path), **options), heard)
    return heard


def plain(heard: Heard) -> list[Any]:
    return [
        (
            stamp,
            item if isinstance(item, Label) else [(s.track_id, s.joints.tobytes()) for s in item.skeletons],
        )
        for stamp, item in heard.items
    ]


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bag") / "bag"
    with BagWriter(path) as writer:
        for frame in PEOPLE:
            writer.write("/skeletons", frame, frame.stamp)
            if frame.stamp % 2_000_000_000 < 30_000_000:
                writer.write("/label", Label(f"at {frame.stamp}"), frame.stamp)
    return path


def test_the_nodes_say_what_the_core_says(bag: Path) -> None:
    """Every field of every event, with the oracle asked and the tokens attached; at full speed."""
    player = pickle.loads(pickle.dumps(RosPlayer()))  # as a process of its own gets it
    live, core = play(player, bag), play(CorePlayer(node_parameters(None)), bag)
    assert live.events == core.events
    assert {event.track_id for event in live.final} == {"ann", "bob"}
    assert len(live.final) > 6
    assert plain(live) == plain(core)
    assert (live.account.refused, live.account.dropped) == (0, 0)
    assert live.account.oracle["asked"] == core.account.oracle["asked"] > 0
    stages = [SEGMENTER]
    if has_weights(EncoderConfig()):
        assert any(event.concept_tokens for event in live.final)
        stages.append(TOKENS)
    for stage in stages:
        # humocon_node looks once more, for what is left, when it ends.
        assert len(live.account.milliseconds[stage]) - len(PEOPLE) in (0, 1)


def test_images_go_through_the_pose_node_and_none_is_lost(tmp_path: Path, sample_clip: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        for number, (stamp, image) in enumerate(open_source(str(sample_clip))):
            if number == 90:
                break
            writer.write("/image", image, stamp)
    live, core = (
        play(RosPlayer(), tmp_path / "bag"),
        play(CorePlayer(node_parameters(None)), tmp_path / "bag"),
    )
    assert live.final == core.final
    assert live.final
    kinds = [[type(item) for _, item in heard.items] for heard in (live, core)]
    assert [sum(kind is SkeletonFrame for kind in each) for each in kinds] == [90, 90]
    assert (live.account.refused, live.account.dropped) == (0, 0)


def test_parameters_pauses_and_a_beginning_at_zero(tmp_path: Path) -> None:
    """Two clips with a pause: the first track ends in it, with all its tokens. Time begins at 0."""
    joints = np.concatenate(
        [[f.skeletons[0].joints for f in frames([("wave", s), ("squat", s)])] for s in (5, 6)]
    )
    path = tmp_path / "clips.npz"
    np.savez(path, joints=joints, fps=30.0, offsets=np.array([0, 300, 660]))
    config = tmp_path / "config.yaml"
    config.write_text("tvsh_node:\n  ros__parameters:\n    lag: 1.5\n    oracle.backend: none\n")
    live = play(RosPlayer(config), path)
    core = play(CorePlayer(node_parameters(config)), path)
    assert live.final == core.final
    assert {event.track_id for event in live.final} == {"1", "2"}
    assert live.items[0][0] == 0
    assert live.account.oracle == {}
    assert core.final != play(CorePlayer(node_parameters(None)), path).final


def test_what_the_nodes_refuse_is_counted(tmp_path: Path) -> None:
    """A skeleton of too few joints passes no message; one of another joint set every now and then does."""
    few = [SkeletonFrame(frame.stamp, frame.frame_id, ()) for frame in PEOPLE[:20]]
    with BagWriter(tmp_path / "bag") as writer:
        for frame in (*few, *PEOPLE[20:60]):
            writer.write("/skeletons", frame, frame.stamp)
    live = play(RosPlayer(), tmp_path / "bag")
    assert len(live.items) == 60
    assert live.final == play(CorePlayer(node_parameters(None)), tmp_path / "bag").final


def test_a_node_that_cannot_work_is_one_sentence(bag: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("tvsh_node:\n  ros__parameters:\n    features: concepts\n    weights: /nowhere\n")
    with pytest.raises(SourceError, match=r"^tvsh_node: cannot configure: .*/nowhere"):
        play(RosPlayer(config), bag)


def test_plays_beside_each_other_are_in_domains_of_their_own() -> None:
    with own_domain() as one, own_domain() as two:
        assert one != two
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domain, "DOMAINS", range(one, one + 1))
        patch.setattr(os, "getpid", lambda: 0)
        with (
            own_domain(),
            pytest.raises(SourceError, match="all 1 ROS domains"),
            own_domain(),
        ):
            pass


def test_any_player_of_bags_drives_the_nodes(bag: Path, tmp_path: Path) -> None:
    """What `ros2 bag play --clock` does: serialised messages as they were recorded, and a clock."""
    config = tmp_path / "config.yaml"
    config.write_text("tvsh_node: {ros__parameters: {concept_tokens: false, oracle: {exact: true}}}")
    reliable = {"reliability": "reliable", "depth": 1000}
    with Graph(tmp_path) as graph, AnyReader([bag], default_typestore=typestore()) as reader:
        qos = {f"qos_overrides./skeletons.subscription.{key}": value for key, value in reliable.items()}
        graph.start("tvsh_node", "--params-file", str(config), use_sim_time=True, **qos)
        heard = graph.collect(EventMessage, "segment_events")
        clock = graph.publisher(Clock, "/clock")
        skeletons = graph.publisher(SkeletonArray, "skeletons")
        began, first = time.monotonic(), PEOPLE[0].stamp
        connections = [connection for connection in reader.connections if connection.topic == "/skeletons"]
        for _, stamp, data in reader.messages(connections):
            while (now := first + int((time.monotonic() - began) * 4e9)) < stamp:
                clock.publish(Clock(clock=ns_to_time(now, RclpyTypes())))
                graph.spin(0.01)
            skeletons.publish(bytes(data))
        graph.until(lambda: graph.fact("tvsh_node", "frames received") == str(len(PEOPLE)))
        assert graph.interrupt("tvsh_node") == 0
    final = [event for event in map(from_message, heard) if event.final]
    assert final == play(CorePlayer(node_parameters(config)), bag).final


def test_evaluate_through_ros_finds_what_the_core_finds(bag: Path, tmp_path: Path) -> None:
    rows = []
    for through in ("core", "ros"):
        out = tmp_path / through
        assert main(["evaluate", str(bag), "--out", str(out), "--through", through]) == 0
        rows.append(json.loads((out / "bag" / "summary.json").read_text()))
    core, live = rows
    assert live["settings"]["through"] == "ros"
    # When an event that is not final is told depends on the machine.
    for name in ("acc", "nmi", "f1_50", "boundary_f1_0.5s", "segments", "frames", "dropped", "questions"):
        assert live["metrics"][name] == core["metrics"][name], name
