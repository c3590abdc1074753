"""SIGINT and SIGTERM at any moment: code 0 within three seconds, and nothing that was said is left open."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chat_server import ChatServer, silent
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from motion import frames
from rclpy.action import ActionClient
from ros_graph import LATCHED, REPLAY, Graph, all_told

from motion_seg_ros.action import GroundMotion
from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.conversion import RclpyTypes, from_message, to_message
from motion_seg_ros.msg import SegmentEvent, SkeletonArray

TYPES = RclpyTypes()
WITHIN_S = 3.0


@pytest.fixture
def graph(tmp_path):
    with Graph(tmp_path) as graph:
        yield graph


def listens(process: subprocess.Popen) -> bool:
    """Whether a process has come as far as to handle SIGTERM: what is before that is Python's own start."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def people(graph: Graph, seconds: float, publisher) -> None:
    """Somebody who waves, sent at 30 Hz with stamps of now."""
    began = time.monotonic()
    for number, frame in enumerate(frames([("stand", 1.0), ("wave", seconds - 1.0)], start=time.time_ns())):
        publisher.publish(to_message(frame, TYPES))
        graph.spin(max(0.0, began + number / 30 - time.monotonic()))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("pose_node", signal.SIGINT),
        ("tvsh_node", signal.SIGTERM),
        ("humocon_node", signal.SIGINT),
        ("grounding_node", signal.SIGTERM),
        ("record_node", signal.SIGTERM),
        ("composed", signal.SIGINT),
    ],
)
def test_a_signal_while_a_process_starts(graph, tmp_path, name, number):
    """Once it listens: while it imports, configures and becomes active."""
    process = graph.start(name, **({"out": tmp_path / "out"} if name == "record_node" else {}))
    graph.until(lambda: listens(process))
    graph.spin(random.Random(name).uniform(0.0, 1.5))
    assert graph.interrupt(name, number, WITHIN_S) == 0
    assert "Traceback" not in graph.log(name)


def test_a_signal_to_everybody_while_people_move(graph, tmp_path):
    """As a launch file's Ctrl-C: the last events are final, and they are in the bag."""
    out = tmp_path / "out"
    events = graph.collect(SegmentEvent, "segment_events")
    graph.start("record_node", out=out)
    graph.start("tvsh_node")
    publisher = graph.publisher(SkeletonArray, "skeletons")
    graph.until(lambda: publisher.get_subscription_count() == 2)
    people(graph, 3.0, publisher)
    graph.until(lambda: events)
    graph.signal_all(signal.SIGINT)
    # Nobody tells the camera: people go on moving.
    people(graph, 1.5, publisher)
    graph.until(lambda: not graph.running(), WITHIN_S - 1.5)
    assert {process.returncode for process in graph.processes.values()} == {0}
    assert all_told(events)
    recorded = [from_message(msg) for _, _, msg in Bag(out / "bag").messages(["/segment_events"])]
    assert recorded == [from_message(event) for event in events]
    assert Bag(out / "bag").problem == ""
    assert len((out / "events.jsonl").read_text().splitlines()) == len(events)


def test_an_event_that_is_none_ends_no_recording(graph, tmp_path):
    out = tmp_path / "out"
    process = graph.start("record_node", out=out)
    events = graph.publisher(SegmentEvent, "segment_events")
    graph.until(lambda: events.get_subscription_count() == 1)
    events.publish(SegmentEvent(type=77))
    graph.until(lambda: graph.fact("record_node", "events refused") == "1")
    events.publish(SegmentEvent(track_id="good", final=True, type=SegmentEvent.ENDED))
    graph.until(lambda: (out / "events.jsonl").read_text())
    assert process.poll() is None
    assert graph.interrupt("record_node") == 0
    assert "Traceback" not in graph.log("record_node")
    (line,) = (out / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["track_id"] == "good"


@pytest.mark.parametrize("exact", [False, True], ids=["live", "exact"])
def test_a_signal_while_the_oracle_does_not_answer(graph, exact):
    """Exact: the frame itself waits for the answer."""
    with ChatServer(silent) as server:
        events = graph.collect(SegmentEvent, "segment_events", LATCHED)
        oracle = {"backend": "openai", "base_url": server.url, "model": "slow", "exact": exact}
        parameters = {f"oracle.{name}": value for name, value in oracle.items()}
        graph.start("tvsh_node", "--params-file", str(REPLAY), **parameters, **{"concepts.exact": False})
        publisher = graph.publisher(SkeletonArray, "skeletons", LATCHED)
        for number, frame in enumerate(frames([("wave", 10.0), ("squat", 10.0)])):
            publisher.publish(to_message(frame, TYPES))
            if server.requests:
                break
            graph.spin(0.0 if number < 60 else 1 / 30)
        graph.until(lambda: server.requests)
        assert graph.interrupt("tvsh_node", signal.SIGTERM, WITHIN_S) == 0
        graph.until(lambda: all_told(events), 10.0)


def test_a_signal_while_a_sentence_is_grounded(graph, tmp_path):
    """By an encoder that does not come back: the goal is lost, and nothing waits for it."""
    script = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from planted import CALIBRATION, PlantedText
from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.nodes.ending import leave
from motion_seg_ros.nodes.grounding_node import GroundingNode
from motion_seg_ros.nodes.runtime import run
class Stuck(PlantedText):
    def embed_text(self, texts):
        time.sleep(60)
leave(run(lambda: [GroundingNode(Grounder(Stuck(), CALIBRATION))]))
"""
    graph.spawn("grounding_node", [sys.executable, "-c", script])
    client = ActionClient(graph.node, GroundMotion, "ground_motion")
    try:
        graph.until(client.server_is_ready)
        publisher = graph.publisher(SkeletonArray, "skeletons")
        people(graph, 2.0, publisher)
        sent = client.send_goal_async(GroundMotion.Goal(text="he waves"))
        graph.until(sent.done)
        assert sent.result().accepted
        graph.spin(0.3)
        assert graph.interrupt("grounding_node", signal.SIGINT, WITHIN_S) == 0
    finally:
        client.destroy()


@pytest.mark.parametrize("name", ["configure", "deactivate"])
def test_a_signal_during_a_transition(graph, name):
    events = graph.collect(SegmentEvent, "segment_events")
    graph.start("tvsh_node", autostart=name == "deactivate")
    if name == "deactivate":
        people(graph, 3.0, graph.publisher(SkeletonArray, "skeletons"))
        graph.until(lambda: events)
    client = graph.node.create_client(ChangeState, "tvsh_node/change_state")
    graph.until(client.service_is_ready)
    graph.spin(0.2)
    transition = Transition(id=getattr(Transition, f"TRANSITION_{name.upper()}"))
    client.call_async(ChangeState.Request(transition=transition))
    time.sleep(random.Random(name).uniform(0.0, 0.1))
    assert graph.interrupt("tvsh_node", signal.SIGINT, WITHIN_S) == 0
    graph.until(lambda: all_told(events) == bool(events), 10.0)
