"""grounding_node over real DDS, with a planted encoder."""

# ruff: noqa: E402 (without ROS everything here is skipped before it is imported)

from __future__ import annotations

import json
import threading
from functools import partial

import numpy as np
import pytest
from chat_server import ChatServer, says
from planted import CALIBRATION, PlantedText, motion
from ros_graph import LATCHED, Graph, Hosted

rclpy = pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from motion_seg_ros.action import GroundMotion
from motion_seg_ros.bags.conversion import RclpyTypes, from_message, ns_to_time, to_message
from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.msg import SegmentEvent, SkeletonArray
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import EventType
from motion_seg_ros.tvsh.events import SegmentEvent as Event

pytest.importorskip("motion_seg_ros.srv._watch_motion", reason="messages built before WatchMotion.srv")

from motion_seg_ros.nodes.grounding_node import GroundingNode
from motion_seg_ros.srv import WatchMotion

TYPES = RclpyTypes()
SECOND = 1_000_000_000
DAY = [(None, 2.0), ("walk", 3.0), ("wave", 2.0), (None, 1.0), ("sit", 3.0), (None, 2.0)]


class SlowText(PlantedText):
    """A planted encoder that waits before each answer until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def embed_text(self, texts):
        self.entered.set()
        assert self.gate.wait(20.0)
        return super().embed_text(texts)


class Rig:
    """The node in a thread of this process, and a client in another context."""

    def __init__(self, folder, **parameters) -> None:
        # Nothing may be lost, however busy the machine is.
        lossless = {"reliability": "reliable", "history": "keep_all"}
        parameters |= {f"qos_overrides./skeletons.subscription.{key}": lossless[key] for key in lossless}
        self.encoder = SlowText()
        make = partial(GroundingNode, Grounder(self.encoder, CALIBRATION))
        self._hosted = Hosted(folder, make, **parameters)
        self.graph = self._hosted.graph

    @property
    def node(self) -> GroundingNode:
        return self._hosted.node

    def __enter__(self) -> Rig:
        self._hosted.__enter__()
        self.client = ActionClient(self.graph.node, GroundMotion, "ground_motion")
        self.graph.until(self.client.server_is_ready)
        # Ready is that we see the server: until it sees us, its answers and its feedback are lost.
        topics = "ground_motion/_action/"
        self.graph.until(
            lambda: (
                self.node.count_subscribers(f"{topics}feedback")
                and all(self.node.count_clients(topics + name) for name in ("send_goal", "get_result"))
            )
        )
        self.skeletons = self.graph.publisher(SkeletonArray, "skeletons", LATCHED)
        self.feedback: list = []
        return self

    def __exit__(self, *_: object) -> None:
        self.encoder.gate.set()
        self.client.destroy()
        self._hosted.__exit__()

    def show(self, script, start=SECOND, track="1", change=lambda joints: joints):
        stamps, joints = motion(script, start=start)
        before = self.node.monitor.received
        for stamp, frame in zip(stamps, change(joints), strict=True):
            seen = np.isfinite(frame).all(axis=1).astype(np.float32)
            person = Skeleton(track, "smpl22", frame, seen, np.zeros((0, 2), np.float32))
            self.skeletons.publish(to_message(SkeletonFrame(int(stamp), "camera", (person,)), TYPES))
        self.graph.until(lambda: self.node.monitor.received == before + len(stamps))

    def send(self, text, **fields):
        future = self.client.send_goal_async(
            GroundMotion.Goal(text=text, **fields),
            feedback_callback=lambda told: self.feedback.append(told.feedback),
        )
        self.graph.until(future.done)
        return future.result()

    def result(self, handle):
        future = handle.get_result_async()
        self.graph.until(future.done)
        return future.result()

    def ask(self, text, **fields):
        return self.result(self.send(text, **fields)).result


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as rig:
        yield rig


def seconds(span):
    return round(span.start.sec + span.start.nanosec / 1e9, 1), round(
        span.end.sec + span.end.nanosec / 1e9, 1
    )


def test_a_goal_is_answered_with_spans_stages_and_a_trace(rig):
    rig.show(DAY)
    answer = rig.ask("he walks, then sits down")
    assert [span.text for span in answer.spans] == ["walks", "sits down"]
    for span, (start, end) in zip(answer.spans, [(3.0, 6.0), (9.0, 12.0)], strict=True):
        assert seconds(span)[0] == pytest.approx(start, abs=0.2)
        assert seconds(span)[1] == pytest.approx(end, abs=0.2)
        assert span.score > 0.9
    trace = json.loads(answer.trace)
    assert trace["track_id"] == "1"
    assert trace["tracks"]["1"]["partition"]["actions"] == ["walks", "sits down"]
    # The result and the last of the feedback travel apart: either may come first.
    rig.graph.until(lambda: rig.feedback and rig.feedback[-1].stage == "score")
    stages = [told.stage for told in rig.feedback]
    assert list(dict.fromkeys(stages)) == ["partition", "encode", "mask", "score"]
    assert all(0.0 <= told.progress <= 1.0 for told in rig.feedback)
    again = rig.ask("he walks, then sits down")
    assert (again.spans, again.trace) == (answer.spans, answer.trace)


def test_what_did_not_happen_and_odd_texts_have_no_spans(rig):
    rig.show(DAY)
    for text, said in [
        ("he claps", '"found": false'),
        ("", "empty"),
        ("彼は座る", "not in English"),
        ("x = {}; f(x)", "code"),
        ("walk " * 2000, "2000 words"),
    ]:
        handle = rig.send(text)
        outcome = rig.result(handle)
        assert outcome.status == GoalStatus.STATUS_SUCCEEDED
        assert said in outcome.result.trace
        assert list(outcome.result.spans) == [] or text.startswith("walk")


def test_a_language_model_is_asked_once_however_many_people_there_are(tmp_path, monkeypatch):
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with ChatServer(says(json.dumps({"actions": ["walking", "he sits"]}))) as server:
        settings = {"backend": "openai", "model": "tiny", "base_url": server.url}
        with Rig(tmp_path, **{f"partition.{name}": value for name, value in settings.items()}) as rig:
            rig.show(DAY, track="1")
            rig.show(DAY, start=20 * SECOND, track="2")
            answer = rig.ask("he sits after walking")
        assert len(server.requests) == 1
    assert [span.text for span in answer.spans] == ["walking", "he sits"]
    sources = [track["partition"]["source"] for track in json.loads(answer.trace)["tracks"].values()]
    assert sources == ["llm", "llm"]
    assert "sk-secret" not in answer.trace


def test_a_goal_is_about_its_track_and_its_time(rig):
    rig.show([("walk", 4.0)], track="1")
    rig.show([("wave", 4.0)], start=SECOND + 1, track="2")
    assert json.loads(rig.ask("he waves").trace)["track_id"] == "2"
    assert list(rig.ask("he waves", track_id="1").spans) == []
    assert list(rig.ask("he waves", track_id="nobody").spans) == []
    (span,) = rig.ask(
        "he waves", start=ns_to_time(3 * SECOND, TYPES), end=ns_to_time(4 * SECOND, TYPES)
    ).spans
    assert seconds(span)[0] >= 2.9
    assert seconds(span)[1] <= 4.2


def test_ten_goals_at_once_are_all_answered_alike_while_the_node_listens(rig):
    rig.show(DAY)
    rig.encoder.gate.clear()
    handles = [rig.send("he waves") for _ in range(10)]
    assert all(handle.accepted for handle in handles)
    # The first goal is held up in its thread; frames and services still come through.
    rig.show([(None, 0.5)], start=20 * SECOND)
    assert rig.graph.call(WatchMotion, "watch_motion", text="he claps", enable=True).ok
    rig.encoder.gate.set()
    outcomes = [rig.result(handle) for handle in handles]
    assert {outcome.status for outcome in outcomes} == {GoalStatus.STATUS_SUCCEEDED}
    assert len({outcome.result.trace for outcome in outcomes}) == 1


def test_a_goal_can_be_cancelled_while_it_waits_and_while_it_is_worked_on(rig):
    rig.show(DAY)
    rig.encoder.gate.clear()
    working, waiting = rig.send("he waves"), rig.send("he sits")
    assert rig.encoder.entered.wait(10.0)
    for handle in (working, waiting):
        future = handle.cancel_goal_async()
        rig.graph.until(future.done)
        assert future.result().goals_canceling
    rig.encoder.gate.set()
    for handle in (working, waiting):
        outcome = rig.result(handle)
        assert outcome.status == GoalStatus.STATUS_CANCELED
        assert list(outcome.result.spans) == []
    assert [span.text for span in rig.ask("he sits").spans] == ["sits"]


def test_a_deadline_aborts_and_says_so(tmp_path):
    with Rig(tmp_path, deadline=0.2) as rig:
        rig.show(DAY)
        rig.encoder.gate.clear()
        handles = [rig.send("he waves"), rig.send("he waves")]
        rig.graph.spin(0.5)
        rig.encoder.gate.set()
        for handle in handles:
            outcome = rig.result(handle)
            assert outcome.status == GoalStatus.STATUS_ABORTED
            assert "deadline" in outcome.result.trace


def test_too_many_goals_are_rejected(tmp_path):
    with Rig(tmp_path, most_goals=2) as rig:
        rig.encoder.gate.clear()
        rig.show([("wave", 2.0)])
        accepted = [rig.send("he waves").accepted for _ in range(3)]
        assert accepted == [True, True, False]


def test_what_is_remembered_is_bounded(tmp_path):
    with Rig(tmp_path, history=5.0) as rig:
        rig.show([("wave", 2.0), (None, 8.0)])
        assert list(rig.ask("he waves").spans) == []


def test_nan_frames_and_time_that_goes_back_are_survived(rig):
    def holes(joints):
        joints = joints.copy()
        joints[::5] = np.nan
        joints[:, 3] = np.nan
        return joints

    rig.show(DAY, change=holes)
    assert [span.text for span in rig.ask("he waves").spans] == ["waves"]
    rig.show([("walk", 2.0)])  # stamps begin anew, as when a bag is played in a loop
    assert list(rig.ask("he waves").spans) == []
    rig.show([("walk", 2.0)], start=30 * SECOND, change=lambda joints: np.full_like(joints, np.nan))
    assert list(rig.ask("he sits").spans) == []


def test_a_standing_query_is_answered_with_events(rig):
    events = rig.graph.collect(SegmentEvent, "grounded_events")
    begun = rig.graph.call(WatchMotion, "watch_motion", text="tell me when he waves", enable=True)
    assert begun.ok
    assert "waves" in begun.message
    same = rig.graph.call(WatchMotion, "watch_motion", text="tell me when he waves", enable=True)
    assert (same.ok, same.id) == (True, begun.id)
    refused = rig.graph.call(WatchMotion, "watch_motion", text="彼は座る", enable=True)
    assert not refused.ok
    assert "English" in refused.message
    rig.show([("walk", 3.0), ("wave", 3.0), ("walk", 5.0)])
    rig.graph.until(lambda: any(event.final for event in events))
    told = [from_message(event) for event in events]
    assert told[0].type == EventType.STARTED
    assert {(event.label, event.label_source, event.track_id) for event in told} == {
        ("waves", "grounding", "1")
    }
    assert told[-1].final
    assert told[-1].start / 1e9 == pytest.approx(4.0, abs=0.3)
    assert told[-1].end / 1e9 == pytest.approx(7.0, abs=0.3)
    ended = rig.graph.call(WatchMotion, "watch_motion", id=begun.id, enable=False)
    assert ended.ok
    assert not rig.graph.call(WatchMotion, "watch_motion", id=begun.id, enable=False).ok
    count = len(events)
    rig.show([("wave", 3.0), ("walk", 3.0)], start=20 * SECOND)
    rig.graph.spin(0.5)
    assert len(events) == count


def test_going_down_ends_goals_and_sightings(rig):
    events = rig.graph.collect(SegmentEvent, "grounded_events")
    assert rig.graph.call(WatchMotion, "watch_motion", text="he waves", enable=True).ok
    rig.show([("wave", 4.0)])
    rig.graph.until(lambda: events)
    rig.encoder.gate.clear()
    handle = rig.send("he waves")
    threading.Timer(3.0, rig.encoder.gate.set).start()  # the node is asked before
    assert rig.graph.transition("grounding_node", "deactivate")
    assert rig.result(handle).status == GoalStatus.STATUS_ABORTED
    rig.graph.until(lambda: events[-1].final)
    assert not rig.send("he waves").accepted
    assert rig.graph.transition("grounding_node", "activate")
    rig.show([("sit", 3.0)], start=40 * SECOND)
    assert [span.text for span in rig.ask("he sits").spans] == ["sits"]


def test_known_boundaries_reach_the_grounder(rig):
    rig.show(DAY)
    event = Event(
        6 * SECOND, "camera", "1", 7, 0, EventType.STARTED, False, 1, 6 * SECOND, 6 * SECOND, 0.5, 0.9
    )
    rig.graph.publisher(SegmentEvent, "segment_events").publish(to_message(event, TYPES))
    rig.graph.until(lambda: rig.node._memory.snapshot("1", 0, 99 * SECOND)["1"].cuts)
    ((when, link),) = rig.node._memory.snapshot("1", 0, 99 * SECOND)["1"].cuts
    assert when == 6 * SECOND
    assert link == pytest.approx(0.1)


def test_missing_weights_are_one_clear_error_and_the_node_lives(tmp_path):
    with Graph(tmp_path) as graph:
        process = graph.start("grounding_node", weights=tmp_path)
        graph.until(lambda: str(tmp_path) in getattr(graph.diagnostics.get("grounding_node"), "message", ""))
        assert graph.state("grounding_node") == "unconfigured"
        assert "Traceback" not in graph.log("grounding_node")
        assert process.poll() is None
        assert graph.interrupt("grounding_node") == 0
