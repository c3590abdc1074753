"""The core's loop without ROS, and the report of a recording."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion import frames

from motion_seg_ros.bags.conversion import to_compressed
from motion_seg_ros.bags.items import Image, Item, Label, SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.evaluation import report
from motion_seg_ros.evaluation.story import IMAGE_SIZE, Story, Thinned, report_from_bag
from motion_seg_ros.replay import replay
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.transcriber import Transcriber

PARTS = [("stand", 4.0), ("wave", 5.0), ("squat", 5.0)]
PICTURE = Image(np.full((48, 64, 3), 90, np.uint8), "camera")


def transcript(items: Any) -> list[SegmentEvent]:
    transcriber = Transcriber()
    events = [event for step in replay(items, transcriber, None) for event in step.events]
    return events + transcriber.close()


class Found:
    """Stands for the pose network: somebody waves in every image; a black one makes it fail."""

    def __init__(self) -> None:
        self._people = frames([("wave", 60.0)])

    def process(self, rgb: np.ndarray, stamp: int, frame_id: str) -> SkeletonFrame:
        if not rgb.any():
            raise ValueError("the image is black")
        return SkeletonFrame(stamp, frame_id, next(self._people).skeletons)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_recording_gives_the_events_of_the_original(tmp_path: Path, storage: str) -> None:
    people = list(frames(PARTS))
    with BagWriter(tmp_path / "bag", storage) as bag:
        for frame in people:
            bag.write("/skeletons", frame, frame.stamp)
    events = transcript((frame.stamp, frame) for frame in people)
    assert len({event.segment_id for event in events}) >= 3
    assert transcript(iter(open_source(str(tmp_path / "bag")))) == events


def test_images_become_frames_and_refusals_are_told() -> None:
    black = Image(np.zeros_like(PICTURE.rgb), "camera")
    items: list[tuple[int, Item]] = [(0, Label("go"))]
    items += [(i * 40_000_000, black if i == 3 else PICTURE) for i in range(6)]
    steps = list(replay(iter(items), Transcriber(), Found()))
    assert [step.refused for step in steps] == ["", "", "", "", "the image is black", "", ""]
    assert [step.frame is not None for step in steps] == [False, True, True, True, False, True, True]
    assert all(step.frame is None or step.frame.stamp == step.stamp for step in steps)
    without = list(replay(iter(items), Transcriber(), None))
    assert [bool(step.refused) for step in without] == [False, *[True] * 6]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 1000])
def test_thinning_keeps_evenly_spread_items(count: int) -> None:
    thinned: Thinned[int] = Thinned(8)
    for number in range(count):
        thinned.add(number)
    kept = thinned.items
    assert len(kept) == min(count, len(kept)) <= 8
    if count > 8:
        assert len(kept) > 4
        assert len(set(np.diff(kept))) == 1
    elif count:
        assert kept == list(range(count))
    assert kept[:1] == [0][:count]


def page_data(path: Path) -> dict[str, Any]:
    """The data inside of a report."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_report_of_a_recording_shows_all_of_it(tmp_path: Path) -> None:
    people = list(frames(PARTS))
    events = transcript((frame.stamp, frame) for frame in people)
    with BagWriter(tmp_path / "run" / "bag") as bag:
        bag.note(IMAGE_SIZE, "640 480")
        for index, frame in enumerate(people):
            bag.write("/skeletons", frame, frame.stamp)
            image = to_compressed(PICTURE, typestore().types, frame.stamp)
            bag.write("/image/compressed", image, frame.stamp)
            if index % 100 == 0:
                # Repeated as some publishers do.
                bag.write("/label", Label(f"part {index // 200}"), frame.stamp)
        for event in events:
            bag.write("/segment_events", event, event.stamp)
    assert report_from_bag(tmp_path / "run" / "bag", tmp_path / "report.html") == ""
    direct = Story(image_size=(640, 480))
    for frame in people:
        direct.add(frame.stamp, PICTURE)
        direct.add(frame.stamp, frame)
    for event in events:
        direct.add(event.stamp, event)
    assert len(direct.thumbnails.items) == pytest.approx(14 * 4, abs=4)
    direct.labels = [
        (people[0].stamp, "part 0"),
        (people[200].stamp, "part 1"),
        (people[400].stamp, "part 2"),
    ]
    direct.write(tmp_path / "direct.html", title="run", source=str(tmp_path / "run" / "bag"))
    ours, theirs = page_data(tmp_path / "report.html"), page_data(tmp_path / "direct.html")
    for data in (ours, theirs):
        # JPEG of JPEG.
        data["thumbnails"] = [time for time, _ in data["thumbnails"]]
    assert ours == theirs
    assert ours["image_size"] == [640, 480]
    assert report.visible("run") in (tmp_path / "report.html").read_text()


def test_the_report_of_what_holds_nothing_of_ours(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/image", PICTURE, 5)
    with pytest.raises(SourceError, match="neither skeletons nor segment events"):
        report_from_bag(tmp_path / "bag", tmp_path / "report.html")
    with pytest.raises(SourceError):
        report_from_bag(tmp_path / "nothing", tmp_path / "report.html")
