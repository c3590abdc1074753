"""The demo on its own clip, and the bag it wrote through every other road: the final events are the same."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")

from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent, read_jsonl


def run(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def final(folder: Path) -> list[SegmentEvent]:
    return [event for event in read_jsonl(folder / "events.jsonl") if event.final]


@pytest.fixture(scope="module")
def demo(tmp_path_factory, sample_clip) -> Path:
    out = tmp_path_factory.mktemp("demo")
    done = run("motion_seg_ros.nodes.demo", sample_clip, "--out", out)
    assert "person 1" in done.stdout
    return out


def seen(folder: Path) -> Counter[str]:
    """In how many frames of the bag each person is."""
    frames = [item for _, item in open_source(str(folder / "bag")) if isinstance(item, SkeletonFrame)]
    return Counter(person.track_id for frame in frames for person in frame.skeletons)


def test_a_video_is_played_live_and_its_segments_end(demo):
    # A busy machine has no time for every image, but always for some.
    events = final(demo)
    assert events
    assert {event.track_id for event in events} <= set(seen(demo))
    assert all(event.type.name == "ENDED" and event.start <= event.end for event in events)
    assert len({event.segment_id for event in events}) == len(events)
    assert b"<html" in (demo / "report.html").read_bytes()


@pytest.mark.parametrize(
    "road",
    [
        ("motion_seg_ros.cli", "replay"),
        ("motion_seg_ros.nodes.demo",),
        ("motion_seg_ros.nodes.demo", "--composed", "--rate", "4"),
    ],
    ids=["core", "dds", "composed"],
)
def test_the_bag_gives_the_same_final_events(demo, tmp_path, road):
    run(*road, demo / "bag", "--out", tmp_path)
    assert final(tmp_path) == final(demo)


def test_composed_finds_both_people_of_a_video_in_one_process(sample_clip, tmp_path):
    """At another speed than life the clock is ours, and every image is waited for."""
    run("motion_seg_ros.nodes.demo", sample_clip, "--composed", "--rate", "2", "--out", tmp_path)
    count = seen(tmp_path)
    assert count["1"] > 100
    assert count["2"] > 100
    assert {"1", "2"} <= {event.track_id for event in final(tmp_path)}


def test_what_cannot_be_played_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "motion_seg_ros.nodes.demo", "/nowhere.mp4", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "demo: /nowhere.mp4 does not exist\n"
