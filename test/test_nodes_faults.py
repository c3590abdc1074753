"""What goes wrong on a robot in a day, and what the nodes make of it: the rows of docs/faults.md."""

from __future__ import annotations

import random
import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from motion import SECOND, frame, frames, pose
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from ros_graph import RELIABLE, Graph, Hosted, opened
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image as ImageMessage

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.conversion import RclpyTypes, from_message, ns_to_time, to_message
from motion_seg_ros.bags.items import Image, Label
from motion_seg_ros.bags.writer import BagError, BagWriter
from motion_seg_ros.msg import ConceptTokens, SegmentEvent, SkeletonArray
from motion_seg_ros.nodes.grounding_node import GroundingNode
from motion_seg_ros.nodes.humocon_node import HumoconNode
from motion_seg_ros.nodes.pose_node import PoseNode
from motion_seg_ros.nodes.record_node import RecordNode
from motion_seg_ros.nodes.source_node import SourceNode
from motion_seg_ros.nodes.tvsh_node import TvshNode

TYPES = RclpyTypes()
LOSSLESS = {
    f"qos_overrides./skeletons.subscription.{key}": value
    for key, value in {"reliability": "reliable", "history": "keep_all"}.items()
}
QUICK = {"oracle.backend": "kinematic"}


class Camera:
    """A context manager: somebody who waves before a camera, in a thread that publishes skeletons."""

    def __init__(self, graph: Graph, rate: float = 30.0, patient: bool = True) -> None:
        self.rate, self.live = rate, True
        make = graph.publisher if patient else graph.node.create_publisher
        self._publisher = make(SkeletonArray, "skeletons", RELIABLE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.time_ns()
        while not self._over.wait(1 / self.rate):
            now = time.time_ns()
            if self.live:
                self._publisher.publish(to_message(frame(now, pose("wave", (now - began) / SECOND)), TYPES))


def said(graph: Graph, node: str) -> str:
    return getattr(graph.diagnostics.get(node), "message", "")


def arrived(graph: Graph, count: int) -> None:
    graph.until(lambda: graph.fact("tvsh_node", "frames received") == str(count))


# -- cameras ------------------------------------------------------------------------------------------


def test_a_camera_that_stops_ends_what_is_open_and_one_that_comes_back_begins_anew(tmp_path):
    with Hosted(tmp_path, TvshNode, **QUICK) as hosted:
        graph = hosted.graph
        events = graph.collect(SegmentEvent, "segment_events")
        with Camera(graph) as camera:
            graph.until(lambda: opened(events))
            camera.live = False
            graph.until(lambda: "no skeletons for" in said(graph, "tvsh_node"))
            graph.until(lambda: not opened(events))
            ended = events[-1]
            assert ended.final
            before = len(events)
            camera.live = True
            graph.until(lambda: len(events) > before)
            graph.until(lambda: said(graph, "tvsh_node") == "active")
        assert events[before].segment_id > ended.segment_id


def test_a_camera_that_repeats_a_stamp_is_told(tmp_path):
    with Hosted(tmp_path, TvshNode, **QUICK) as hosted:
        publisher = hosted.graph.publisher(SkeletonArray, "skeletons")
        still = to_message(frame(SECOND, pose("wave", 0.0)), TYPES)

        def told() -> bool:
            publisher.publish(still)
            hosted.graph.spin(0.05)
            return "one and the same stamp" in said(hosted.graph, "tvsh_node")

        hosted.graph.until(told)
        assert int(hosted.graph.fact("tvsh_node", "duplicates")) > 10


def test_a_camera_that_freezes_changes_its_size_and_its_encoding(tmp_path):
    rng = np.random.default_rng(0)
    with Hosted(tmp_path, PoseNode, max_people=1) as hosted:
        graph = hosted.graph
        skeletons = graph.heard(SkeletonArray, "skeletons")
        images = graph.publisher(ImageMessage, "image", qos_profile_sensor_data)
        stamps = iter(range(SECOND, 10**6 * SECOND, SECOND // 30))

        def show(rgb: np.ndarray, encoding: str = "rgb8") -> None:
            stamp = next(stamps)
            message = to_message(Image(rgb, "camera"), TYPES, stamp)
            if encoding == "mono8":
                message.encoding, message.step, message.data = "mono8", rgb.shape[1], rgb[..., 0].tobytes()
            message.encoding = encoding
            images.publish(message)
            graph.until(lambda: skeletons and from_message(skeletons[-1]).stamp == stamp)

        picture = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)

        def frozen() -> bool:
            show(picture)
            return "one and the same image" in said(graph, "pose_node")

        graph.until(frozen)
        for shape, encoding in [((480, 640, 3), "rgb8"), ((240, 320, 3), "bgr8"), ((120, 160, 3), "mono8")]:
            show(rng.integers(0, 255, shape, dtype=np.uint8), encoding)
        graph.until(lambda: said(graph, "pose_node") == "active")
        assert graph.fact("pose_node", "images refused") is None
        # Calibrated at one size, the camera now sends another.
        info = CameraInfo(width=640, height=480)
        info.k[0] = 500.0
        graph.publisher(CameraInfo, "camera_info", qos_profile_sensor_data).publish(info)
        graph.until(lambda: hosted.node._focal_px(640) == 500.0)
        assert hosted.node._focal_px(320) == 250.0


def test_a_camera_that_doubles_its_rate_changes_no_boundary(tmp_path):
    """Time counts, not frames."""
    day = [("stand", 3.0), ("wave", 4.0), ("squat", 4.0)]
    ends = []
    for second_rate in (30.0, 60.0):
        with Hosted(tmp_path, TvshNode, **LOSSLESS, **{"oracle.backend": "none"}) as hosted:
            events = hosted.graph.collect(SegmentEvent, "segment_events")
            publisher = hosted.graph.publisher(SkeletonArray, "skeletons")
            hosted.graph.spin(0.5)  # we see the node; give it time to see us
            first = list(frames(day[:1]))
            rest = list(frames(day[1:], rate=second_rate, start=first[-1].stamp + SECOND // 30))
            for item in first + rest:
                publisher.publish(to_message(item, TYPES))
            arrived(hosted.graph, len(first + rest))
            assert hosted.graph.transition("tvsh_node", "deactivate")
            hosted.graph.until(lambda events=events: events and not opened(events))
            final = [from_message(event) for event in events if event.final]
            ends.append([event.end / 1e9 for event in final])
    assert len(ends[0]) == len(ends[1]) >= 2
    np.testing.assert_allclose(ends[1], ends[0], atol=0.5)


@pytest.mark.parametrize("make", [TvshNode, HumoconNode, GroundingNode])
def test_a_skeleton_that_contradicts_itself_is_refused_and_told(tmp_path, make):
    with Hosted(tmp_path, make, **LOSSLESS, **(QUICK if make is TvshNode else {})) as hosted:
        graph, name = hosted.graph, hosted.node.get_name()
        publisher = graph.publisher(SkeletonArray, "skeletons")
        broken = to_message(frame(SECOND, pose("wave", 0.0)), TYPES)
        broken.skeletons[0].joints.pop()
        publisher.publish(broken)
        # Of a node of the same name in a test before, it may be said first that there are two.
        graph.until(lambda: "frames were refused: " in said(graph, name))
        assert graph.diagnostics[name].level == b"\x01"
        assert graph.fact(name, "frames refused") == "1"
        publisher.publish(to_message(frame(2 * SECOND, pose("wave", 0.0)), TYPES))
        graph.until(lambda: graph.fact(name, "frames received") == "2")


# -- too much -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [TvshNode, HumoconNode])
def test_four_times_too_much_is_dropped_and_counted_and_the_rest_is_not_late(tmp_path, make, monkeypatch):
    """Each frame takes 40 ms, and forty come at once, 400 ms later the next: what waits is bounded, and the
    oldest goes."""
    seconds, burst, work = 5.0, 40, 0.04
    all_sent = threading.Event()  # a busy machine sends them slowly
    core, stage = {
        TvshNode: ("motion_seg_ros.nodes.tvsh_node.Transcriber", "stamp to event"),
        HumoconNode: ("motion_seg_ros.nodes.humocon_node.Tokenizer", "stamp to tokens"),
    }[make]
    module, _, name = core.rpartition(".")
    real = getattr(sys.modules[module], name)

    class Slow(real):
        def update(self, *frames):
            all_sent.wait(5.0)
            time.sleep(work)
            return super().update(*frames)

    monkeypatch.setattr(core, Slow)
    with Hosted(tmp_path, make, **(QUICK if make is TvshNode else {})) as hosted:
        graph, name = hosted.graph, hosted.node.get_name()
        publisher = graph.publisher(SkeletonArray, "skeletons")
        sent, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            all_sent.clear()
            for _ in range(burst):
                now = time.time_ns()
                publisher.publish(to_message(frame(now, pose("wave", now / SECOND)), TYPES))
                sent += 1
            all_sent.set()
            graph.spin(burst * work / 4)
        told = graph.diagnostics.pop(name)
        graph.until(lambda: name in graph.diagnostics)
        taken, dropped = (int(graph.fact(name, f"frames {what}")) for what in ("received", "dropped"))
        assert dropped > sent / 4
        # Of the first burst nobody knows how many were dropped before the first came, and of the last one
        # the report may have come too early.
        assert sent - 2 * burst <= taken + dropped <= sent
        # Ten wait. Without a bound the last would be late by three quarters of the time.
        assert float(graph.fact(name, f"{stage} p95 (ms)")) < 1e3 * seconds / 2
        assert told.level == b"\x01"
        assert "were dropped" in told.message


# -- clocks -------------------------------------------------------------------------------------------


def test_clocks_that_jump_lose_no_final_event(tmp_path):
    with Hosted(tmp_path, TvshNode, **QUICK, **LOSSLESS, use_sim_time=True) as hosted:
        graph = hosted.graph
        events = graph.collect(SegmentEvent, "segment_events")
        clock = graph.publisher(ClockMessage, "/clock")
        publisher = graph.publisher(SkeletonArray, "skeletons")
        sent = 0
        # To 100 s, an hour on (a gap, or a camera that stopped if the clock comes before the frame), back
        # to 50 s; the last time only /clock jumps, and no frame comes with it.
        for start in (100, 3700, 50):
            for item in frames([("wave", 2.0)], start=start * SECOND):
                clock.publish(ClockMessage(clock=ns_to_time(item.stamp, TYPES)))
                publisher.publish(to_message(item, TYPES))
                sent += 1
                graph.spin(0.005)
            arrived(graph, sent)
        assert graph.fact("tvsh_node", "resets") == "1"
        graph.until(lambda: len(opened(events)) == 1)

        def over() -> bool:
            clock.publish(ClockMessage(clock=ns_to_time(500 * SECOND, TYPES)))
            graph.spin(0.05)
            return not opened(events)

        graph.until(over)
        assert len({event.segment_id for event in events if event.final}) >= 3


# -- processes ----------------------------------------------------------------------------------------


def start(graph: Graph, name: str, **parameters: object) -> None:
    graph.start(name, **parameters)
    graph.until(lambda: graph.fact(name, "frames received"), within=90.0)


def kill(graph: Graph, name: str) -> None:
    graph.processes[name].kill()
    graph.processes[name].wait()
    graph.spin(0.5)  # its last words may be on their way
    graph.diagnostics.pop(name, None)


def received(graph: Graph, name: str) -> int:
    return int(graph.fact(name, "frames received") or 0)


def test_each_node_may_be_killed_and_started_again_while_the_others_go_on(tmp_path):
    with Graph(tmp_path) as graph, Camera(graph, patient=False):
        heard = {
            "tvsh_node": graph.collect(SegmentEvent, "segment_events"),
            "humocon_node": graph.collect(ConceptTokens, "concept_tokens"),
        }
        names = ["record_node", "grounding_node", *heard]
        out = {"record_node": {"out": tmp_path / "killed"}}
        for name in names:
            start(graph, name, **out.get(name, {}))
        out = {"record_node": {"out": tmp_path / "again"}}

        def done(name: str) -> int:
            return len(heard[name]) if name in heard else received(graph, name)

        def go_on(*who: str) -> None:
            before = {name: done(name) for name in who}
            graph.until(lambda: all(done(name) > before[name] for name in who))

        go_on(*names)
        graph.spin(2.0)  # longer than the recorder keeps anything to itself
        for name in names:
            kill(graph, name)
            go_on(*(other for other in names if other != name))
            start(graph, name, **out.get(name, {}))
        go_on(*names)
        assert sorted(graph.running()) == sorted(names)
    bag = Bag(tmp_path / "killed" / "bag")
    kept = [from_message(message) for _, _, message in bag.messages(["/segment_events"])]
    assert "was not closed" in bag.problem
    told = [from_message(event) for event in heard["tvsh_node"]]
    # Either may have found the node when the first events had been said already.
    first = kept[0] if kept[0] in told else told[0]
    kept, told = kept[kept.index(first) :], told[told.index(first) :]
    assert kept == told[: len(kept)]
    assert len(kept) > 1


def test_what_makes_images_and_skeletons_may_be_killed_and_started_again(tmp_path):
    clip = tmp_path / "clip.npz"
    count = 9000  # five minutes: nobody, however busy, comes to the end
    pictures = np.random.default_rng(0).integers(0, 255, (count, 16, 16, 3), dtype=np.uint8)
    np.savez(clip, frames=pictures, labels=np.zeros(count, np.int32), names=["noise"], fps=30.0)
    with Graph(tmp_path) as graph:
        graph.start("source_node", source=clip)
        start(graph, "pose_node", max_people=1)
        kill(graph, "pose_node")
        graph.diagnostics.pop("source_node")
        graph.until(lambda: said(graph, "source_node") == "playing")
        start(graph, "pose_node", max_people=1)
        kill(graph, "source_node")
        graph.until(lambda: said(graph, "pose_node").startswith("no images for"))
        before = received(graph, "pose_node")
        graph.start("source_node", source=clip)
        graph.until(lambda: received(graph, "pose_node") > before)
        assert sorted(graph.running()) == ["pose_node", "source_node"]


@pytest.mark.parametrize("make", [TvshNode, HumoconNode, GroundingNode, RecordNode])
def test_transitions_in_every_order_under_load(tmp_path, make):
    parameters = {TvshNode: QUICK, RecordNode: {"out": str(tmp_path / "out")}}.get(make, {})
    chance = random.Random(3)
    with Hosted(tmp_path, make, **parameters) as hosted:
        graph, name = hosted.graph, hosted.node.get_name()
        events = graph.collect(SegmentEvent, "segment_events")
        with Camera(graph, rate=60.0):
            # The way of a node that goes through every transition once, and its threads and handles then.
            for step in ("deactivate", "cleanup", "configure", "activate"):
                assert graph.transition(name, step)
            threads, handles = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
            allowed = {
                "unconfigured": ["configure"],
                "inactive": ["activate", "cleanup"],
                "active": ["deactivate"],
            }
            for _ in range(24):
                state = graph.state(name)
                step = chance.choice(["configure", "activate", "deactivate", "cleanup"])
                assert graph.transition(name, step) == (step in allowed[state]), (state, step)
                graph.spin(chance.uniform(0.0, 0.15))
            for step in ("configure", "activate"):
                graph.transition(name, step)
            assert graph.state(name) == "active"
            graph.spin(0.3)
            assert threading.active_count() <= threads
            assert len(list(Path("/proc/self/fd").iterdir())) <= handles + 2
            assert graph.transition(name, "active_shutdown")
            assert graph.state(name) == "finalized"
        graph.until(lambda: not opened(events), 10.0)
        assert bool(events) == (make is TvshNode)


def test_parameters_are_refused_with_a_reason_while_a_node_works(tmp_path):
    """Every one of every node; and taken again when it is cleaned up."""
    given = {
        RecordNode: {"out": str(tmp_path / "out")},
        SourceNode: {"source": str(Path(__file__).parent / "nothing.npz")},
        PoseNode: {"max_people": 1},
        TvshNode: QUICK,
    }
    np.savez(
        tmp_path / "clip.npz",
        frames=np.zeros((300, 16, 16, 3), np.uint8),
        labels=np.zeros(300, np.int32),
        names=["still"],
        fps=30.0,
    )
    given[SourceNode] = {"source": str(tmp_path / "clip.npz")}
    for make in (TvshNode, HumoconNode, GroundingNode, RecordNode, SourceNode, PoseNode):
        with Hosted(tmp_path, make, **given.get(make, {})) as hosted:
            node = hosted.node
            names = [
                name
                for name in node._parameters
                if not name.startswith(("use_sim_time", "start_type", "qos_overrides"))
            ]
            assert len(names) > 2
            for name in names:
                (result,) = node.set_parameters([node.get_parameter(name)])
                assert not result.successful, name
                assert "deactivate and clean up" in result.reason
            assert hosted.graph.transition(node.get_name(), "deactivate")
            assert hosted.graph.transition(node.get_name(), "cleanup")
            for name in names:
                assert node.set_parameters([node.get_parameter(name)])[0].successful, name
                descriptor = node.describe_parameter(name)
                if descriptor.type == ParameterType.PARAMETER_DOUBLE:
                    (result,) = node.set_parameters([Parameter(name, value=float("nan"))])
                    assert not result.successful
                    assert name.rpartition(".")[2] in result.reason


def test_two_nodes_of_one_name_are_told(tmp_path):
    with Hosted(tmp_path, TvshNode, **QUICK) as first, Hosted(tmp_path, TvshNode, **QUICK) as second:
        graph = first.graph
        graph.until(lambda: "nodes are called /tvsh_node" in said(graph, "tvsh_node"))
        assert graph.diagnostics["tvsh_node"].level == b"\x01"
        # Each goes on; who listens hears both.
        events = graph.collect(SegmentEvent, "segment_events")
        with Camera(graph):
            graph.until(lambda: [event.segment_id for event in events].count(1) >= 2)
        assert second.node.get_name() == "tvsh_node"


# -- disks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_disk_that_is_full_ends_the_recording_with_one_error_and_nothing_else(tmp_path, storage):
    """As root, a limit on the size of files stands for the disk."""
    out = tmp_path / "out"
    with Graph(tmp_path) as graph:
        process = graph.start("record_node", out=out, storage=storage)
        graph.start("tvsh_node", **QUICK)
        events = graph.collect(SegmentEvent, "segment_events")
        with Camera(graph):
            graph.until(lambda: int(graph.fact("record_node", "skeletons recorded") or 0) > 60)
            size = max(file.stat().st_size for file in (out / "bag").iterdir()) + 4096
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            graph.until(lambda: "broken off" in said(graph, "record_node"))
            assert graph.diagnostics["record_node"].level == b"\x02"
            before = len(events)
            graph.until(lambda: len(events) > before and graph.fact("record_node", "messages not recorded"))
        assert graph.log("record_node").count("broken off") == 1
        assert "Traceback" not in graph.log("record_node")
        assert graph.interrupt("record_node", within=3.0) == 0
    messages = list(Bag(out / "bag").messages(["/skeletons"]))
    assert len(messages) > 40


def test_a_bag_that_cannot_be_written_on_is_broken_off_and_read_as_far_as_it_goes(tmp_path, monkeypatch):
    people = list(frames([("wave", 2.0)]))
    bag = BagWriter(tmp_path / "bag")
    for item in people[:30]:
        bag.write("/skeletons", item, item.stamp)
    bag.flush()

    class Full:
        """A file on a disk without room."""

        def __init__(self, file) -> None:
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def write(self, data) -> int:
            raise OSError(28, "No space left on device")

    bag._writer.storage.bio = Full(bag._writer.storage.bio)
    for item in people[30:]:
        bag.write("/skeletons", item, item.stamp)
    with pytest.raises(BagError, match="No space left on device"):
        bag.flush()
    with pytest.raises(BagError, match="is closed"):
        bag.write("/label", Label("x"), 1)
    bag.close()
    assert len(list(Bag(tmp_path / "bag").messages(["/skeletons"]))) == 30
