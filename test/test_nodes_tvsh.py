"""tvsh_node over real DDS."""

from __future__ import annotations

import importlib.util
import json
import signal
from dataclasses import replace

import numpy as np
import pytest
from chat_server import ChatServer
from motion import SECOND, frame, frames, pose
from rcl_interfaces.msg import Log
from ros_graph import LATCHED, REPLAY, Graph, Hosted, all_told
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from motion_seg_ros.bags.conversion import RclpyTypes, from_message, to_message
from motion_seg_ros.bags.items import Image
from motion_seg_ros.humocon.tokens import ConceptTokens as Tokens
from motion_seg_ros.msg import ConceptTokens, SegmentArray, SegmentEvent, SkeletonArray
from motion_seg_ros.nodes.tvsh_node import TvshNode
from motion_seg_ros.oracles import encoder_backend
from motion_seg_ros.semantics.backends import OracleSettings, open_oracle
from motion_seg_ros.srv import GetSegments
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig
from motion_seg_ros.tvsh.transcript import sentence

TYPES = RclpyTypes()
PLACE = np.linspace((40.0, 20.0), (100.0, 110.0), 22, dtype=np.float32)
DAY = [("stand", 4.0), ("wave", 6.0), ("squat", 6.0), ("wave", 4.0)]


@pytest.fixture
def graph(tmp_path):
    with Graph(tmp_path) as graph:
        yield graph


def start(graph: Graph) -> tuple[list, object]:
    events = graph.collect(SegmentEvent, "segment_events", LATCHED)
    alone = {"concepts.exact": False}  # nobody finds concepts
    graph.start("tvsh_node", "--params-file", str(REPLAY), **alone)
    return events, graph.publisher(SkeletonArray, "skeletons", LATCHED)


def finish(graph: Graph, events: list) -> list:
    assert graph.interrupt("tvsh_node") == 0
    graph.until(lambda: all_told(events), 10.0)
    return [from_message(message) for message in events]


def test_events_over_dds_are_those_of_the_core(graph):
    recorded = list(frames(DAY))
    config = TranscriberConfig()
    oracle, _ = open_oracle(OracleSettings(exact=True), config.deadline, encoder_backend)
    core = Transcriber(config, oracle)
    expected = [event for item in recorded for event in core.update(item)] + core.close()

    events, publisher = start(graph)
    for item in recorded:
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: graph.fact("tvsh_node", "frames received") == str(len(recorded)))

    assert finish(graph, events) == expected
    assert [event for event in expected if event.final]


def test_questions_and_answers_are_told_on_a_topic_and_in_diagnostics(graph):
    _, publisher = start(graph)
    told = graph.collect(String, "tvs")
    graph.until(lambda: graph.node.count_publishers("tvs"))
    graph.spin(0.5)
    for item in frames(DAY):
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: (graph.fact("tvsh_node", "oracle answered") or "0") != "0")
    graph.until(lambda: len(told) >= 2)
    exchanges = [json.loads(message.data) for message in told]
    asked = {exchange["question"]: exchange for exchange in exchanges if "question" in exchange}
    answered = [exchange for exchange in exchanges if "answer" in exchange]
    assert asked
    for exchange in answered:
        assert exchange["source"] in ("encoder", "kinematic")
        assert 0.0 <= exchange["same_probability"] <= 1.0
        assert exchange["stamp"] > asked[exchange["answer"]]["stamp"]
    for name in ("asked", "late", "dropped", "cached", "errors", "p50 (ms)", "p95 (ms)", "cost", "breaker"):
        assert graph.fact("tvsh_node", f"oracle {name}") is not None


def test_a_model_is_shown_the_camera_s_pictures_only_when_it_was_told_to(tmp_path, monkeypatch):
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    lossless = {"reliability": "reliable", "history": "keep_all"}
    for shows in ("figures", "pictures"):
        with ChatServer() as server:
            settings = {
                "oracle.backend": "openai",
                "oracle.model": "tiny",
                "oracle.base_url": server.url,
                "oracle.shows": shows,
                "oracle.cache": str(tmp_path / shows),
                **{
                    f"qos_overrides./{topic}.subscription.{key}": value
                    for topic in ("skeletons", "image")
                    for key, value in lossless.items()
                },
            }
            with Hosted(tmp_path, TvshNode, **settings) as hosted:
                graph = hosted.graph
                skeletons = graph.publisher(SkeletonArray, "skeletons")
                assert graph.node.count_subscribers("image") == (shows == "pictures")
                images = graph.node.create_publisher(ImageMessage, "image", 1000)
                if shows == "pictures":
                    graph.until(images.get_subscription_count)
                for item in frames(DAY):
                    placed = [replace(person, image_xy=PLACE) for person in item.skeletons]
                    images.publish(to_message(Image(rgb, "camera"), TYPES, item.stamp))
                    graph.spin(0.002)
                    skeletons.publish(to_message(replace(item, skeletons=tuple(placed)), TYPES))
                    if server.requests and "jpeg" in json.dumps(server.requests[-1]):
                        break
                graph.until(lambda server=server: server.requests)
                assert ("jpeg" in json.dumps(server.requests)) == (shows == "pictures")


@pytest.mark.skipif(bool(importlib.util.find_spec("llama_cpp")), reason="llama_cpp is there")
def test_a_backend_that_is_not_there_is_told_and_done_without(graph):
    graph.start("tvsh_node", **{"oracle.backend": "llama_cpp"})
    graph.until(lambda: "kinematic answers instead" in graph.log("tvsh_node"))
    graph.until(lambda: graph.fact("tvsh_node", "oracle backend") == "kinematic")


def test_a_late_listener_and_a_question_get_the_latest_revisions(graph):
    events, publisher = start(graph)
    recorded = list(frames(DAY))
    for item in recorded:
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: graph.fact("tvsh_node", "frames received") == str(len(recorded)))

    latest = graph.collect(SegmentArray, "segments", LATCHED)
    newest = {}
    for event in map(from_message, events):
        newest[event.segment_id] = event
    graph.until(lambda: latest and list(map(from_message, latest[-1].segments)) == list(newest.values()))

    everything = graph.call(GetSegments, "get_segments", track_id="1").segments
    assert [from_message(segment) for segment in everything] == list(newest.values())
    assert graph.call(GetSegments, "get_segments", track_id="nobody").segments == []
    early = graph.call(
        GetSegments, "get_segments", end=to_message(frame(2 * SECOND, None), TYPES).header.stamp
    ).segments
    assert 0 < len(early) < len(everything)


def test_captions_say_over_each_head_what_is_being_done(graph):
    _, publisher = start(graph)
    captions = graph.collect(MarkerArray, "captions")
    graph.until(lambda: graph.node.count_publishers("captions"))
    graph.spin(0.5)
    for item in frames([("wave", 4.0)]):
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: len(captions) == 120)
    caption, transcript = captions[-1].markers
    assert caption.text.startswith("motion ")
    assert caption.ns == "1"
    assert caption.pose.position.z > 0.65  # above the head
    assert transcript.ns == "transcript"
    assert transcript.text == "person 1: something new"


def test_captions_show_the_newest_concepts(graph):
    _, publisher = start(graph)
    tokens = graph.publisher(ConceptTokens, "concept_tokens", LATCHED)
    captions = graph.collect(MarkerArray, "captions")
    graph.until(lambda: graph.node.count_publishers("captions"))
    graph.spin(0.5)
    for item in frames([("wave", 3.0)]):
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: captions and captions[-1].markers[0].text.startswith("motion "))
    told = Tokens(
        stamp=4 * SECOND,
        frame_id="camera",
        track_id="1",
        codebook="",
        start=3 * SECOND,
        end=4 * SECOND,
        tokens=(5, 6, 7, 8, 9),
        distances=(0.0,) * 5,
        embedding=np.zeros(0, np.float32),
    )
    tokens.publish(to_message(told, TYPES))
    graph.until(lambda: graph.fact("tvsh_node", "tokens") == "5")
    publisher.publish(to_message(frame(5 * SECOND, pose("wave", 4.0)), TYPES))
    graph.until(lambda: captions[-1].markers[0].text.endswith("\nconcepts 6 7 8 9"))


def test_the_transcript_comes_as_lines_for_people(graph):
    events, publisher = start(graph)
    lines = graph.collect(Log, "transcript")
    graph.until(lambda: graph.node.count_publishers("transcript"))
    graph.spin(0.5)
    for item in frames([("wave", 3.0)]):
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: lines)
    assert (lines[0].name, lines[0].msg) == ("person 1", "something new")
    final = [event for event in finish(graph, events) if event.final]
    assert [line.msg for line in lines[-len(final) :]] == [sentence(event) for event in final]
    assert lines[-1].stamp.sec == final[-1].stamp // SECOND


def test_bad_frames_are_survived_and_counted(graph):
    events, publisher = start(graph)
    good = list(frames([("wave", 3.0)]))
    for item in good:
        publisher.publish(to_message(item, TYPES))
    nan = np.full((22, 3), np.nan)
    for number in range(1, 31):
        publisher.publish(to_message(frame(good[-1].stamp + number * SECOND // 30, nan), TYPES))
    unknown = to_message(frame(good[-1].stamp + 2 * SECOND, pose("stand", 0.0)), TYPES)
    unknown.skeletons[0].joint_set = "octopus"
    publisher.publish(unknown)
    for item in frames([("wave", 3.0)]):  # stamps go back, as when a bag is played in a loop
        publisher.publish(to_message(item, TYPES))
    total = 2 * len(good) + 31
    graph.until(lambda: graph.fact("tvsh_node", "frames received") == str(total))

    assert graph.fact("tvsh_node", "frames refused") == "1"
    assert graph.fact("tvsh_node", "resets") == "1"
    assert graph.log("tvsh_node").count("octopus") == 1
    final = [event for event in finish(graph, events) if event.final]
    assert len({event.segment_id for event in final}) == len(final) >= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_open_segments_as_final(graph, number):
    events, publisher = start(graph)
    for item in frames([("wave", 3.0)]):
        publisher.publish(to_message(item, TYPES))
    graph.until(lambda: events)
    assert graph.interrupt("tvsh_node", number, within=3.0) == 0
    graph.until(lambda: all_told(events), 10.0)
