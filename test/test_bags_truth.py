"""Where the truth about a source comes from: a file beside it, what is named, or its own labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from foreign_bags import FORMATS, TEXT, Messages
from motion import frames

from motion_seg_ros.bags.items import Label, SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.truth import open_labelled
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

S = 10**9
FRAMES = list(frames([("wave", 3.0)]))
BEGIN = FRAMES[0].stamp
OTHER_CLOCK = 1_700_000_000 * S


def bag(folder: Path, **topics: list) -> Path:
    """Skeletons, and items with their times of recording."""
    items = [(frame.stamp, "/skeletons", frame) for frame in FRAMES]
    items += [(time, f"/{topic}", item) for topic, said in topics.items() for time, item in said]
    with BagWriter(folder / "bag") as writer:
        for time, topic, item in sorted(items, key=lambda item: item[0]):
            writer.write(topic, item, time)
    return folder / "bag"


def told(source) -> list[tuple[float, str, str]]:
    """Labels with their times in seconds after the first frame."""
    return [((t - BEGIN) / S, item.text, item.track_id) for t, item in source if isinstance(item, Label)]


def event(track: str, number: int, start: float, end: float, label: str = "", **more) -> SegmentEvent:
    first = SegmentEvent(
        BEGIN, "world", track, number, 0, EventType.ENDED, True, 5, 0, 0, 1.0, 1.0, label=label
    )
    return replace(first, start=BEGIN + int(start * S), end=BEGIN + int(end * S), **more)


def test_the_file_beside_a_recording_comes_before_its_topics(tmp_path: Path) -> None:
    path = bag(tmp_path, label=[(BEGIN, Label("topic"))])
    assert told(open_labelled(str(path))) == [(0, "topic", "")]
    table = "start,end,label,person\n0.5,1,wave,\n1,2,sit,\n0.7,9,run,2\n"
    (tmp_path / "bag.labels.csv").write_text(table)
    source = open_labelled(str(path))
    assert source.notes[-1] == f"labels are read from {tmp_path.resolve() / 'bag.labels.csv'}"
    assert (source.has_labels, source.count, source.kind) == (True, len(FRAMES), "bag")
    everything = [(0.5, "wave", ""), (0.7, "run", "2"), (1, "sit", ""), (2, "", ""), (9, "", "2")]
    for _ in range(2):
        assert told(source) == everything
    # The label of a stamp comes before its frame, and nothing else is changed.
    items = list(source)
    assert [stamp for stamp, _ in items] == sorted(stamp for stamp, _ in items)
    assert [item.stamp for _, item in items if isinstance(item, SkeletonFrame)] == [f.stamp for f in FRAMES]
    at = next(i for i, (_, item) in enumerate(items) if item == Label("sit"))
    assert items[at + 1][0] == BEGIN + S


def test_stamps_and_tiers(tmp_path: Path) -> None:
    path = bag(tmp_path)
    (tmp_path / "truth.csv").write_text(f"start_ns,end_ns,label\n{BEGIN + S},{BEGIN + 2 * S},wave\n")
    assert told(open_labelled(str(path), str(tmp_path / "truth.csv"))) == [(1, "wave", ""), (2, "", "")]
    tiers = "".join(
        f'<TIER TIER_ID="{name}"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="a" '
        f'TIME_SLOT_REF2="b"><ANNOTATION_VALUE>{name}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
        for name in ("hands", "feet")
    )
    slots = '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="1500"/>'
    document = f"<ANNOTATION_DOCUMENT><TIME_ORDER>{slots}</TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>"
    (tmp_path / "truth.eaf").write_text(document)
    assert told(open_labelled(str(path), f"{tmp_path / 'truth.eaf'}#feet")) == [
        (0, "feet", ""),
        (1.5, "", ""),
    ]
    with pytest.raises(DatasetError, match="several tiers"):
        open_labelled(str(path), str(tmp_path / "truth.eaf"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_topic_of_text_that_is_named_or_found(tmp_path: Path, form: str) -> None:
    """Labels have no stamps: what was recorded by another clock is moved to that of the people."""
    make = Messages(form)
    rows = []
    for index, frame in enumerate(FRAMES):
        time = frame.stamp + OTHER_CLOCK
        if index % 30 == 0:
            rows.append(("/ground_truth", time, make.make(TEXT, data=f"part {index // 30}")))
            rows.append(("/speech", time, make.make(TEXT, data="blah")))
        rows.append(("/people", time, make.poses(frame.stamp, frame.skeletons[0].joints)))
    path = make.write(tmp_path / "bag", rows)
    parts = [(0, "part 0", ""), (1, "part 1", ""), (2, "part 2", "")]
    assert told(open_source(str(path))) == parts
    assert told(open_labelled(str(path))) == parts
    assert [text for _, text, _ in told(open_labelled(str(path), "/speech"))] == ["blah"] * 3
    with pytest.raises(SourceError, match=r"/people of .* carries geometry_msgs/msg/PoseArray: no labels"):
        open_labelled(str(path), "/people")


def test_segments_as_truth(tmp_path: Path) -> None:
    """The last revision of each; ours are no truth unless somebody says so."""
    events = [
        event("1", 7, 0, 2.5, "sit", final=False),
        event("1", 7, 0, 1, "wave", revision=1),
        event("1", 8, 1, 2),
        event("1", 9, 2, 2, boundary_confidence=0.0),
        event("1", 10, 2, 3, motion_id=-1),
        event("2", 7, 0.5, 3, "walk"),
    ]
    said = [(BEGIN + i, item) for i, item in enumerate(events)]
    truth = [(0, "wave", "1"), (0.5, "walk", "2"), (1, "motion 5", "1"), (2, "", "1"), (3, "", "2")]
    path = bag(tmp_path, segment_events=said)
    assert told(open_labelled(str(path))) == []
    assert told(open_labelled(str(path), "/segment_events")) == truth
    path = bag(tmp_path, true_labels=said)
    source = open_labelled(str(path))
    assert told(source) == truth
    assert source.notes[-1] == "labels are read from /true_labels"
    overlapping = [*said, (BEGIN + 9, event("2", 8, 2.5, 4, "run"))]
    with pytest.raises(DatasetError, match=r"/true_labels of .*bag, segment 8: the span overlaps the one of"):
        open_labelled(str(bag(tmp_path, true_labels=overlapping)))


def test_labels_that_are_not_there(tmp_path: Path) -> None:
    path = bag(tmp_path)
    source = open_labelled(str(path))
    assert not source.has_labels
    with pytest.raises(SourceError, match=r"/nothing is no file nor a topic of .*bag$"):
        open_labelled(str(path), "/nothing")
    (tmp_path / "late.csv").write_text("start,end,label\n60,70,wave\n")
    with pytest.raises(SourceError, match=rf"late\.csv lies within .*bag, which begins at {BEGIN} ns"):
        open_labelled(str(path), str(tmp_path / "late.csv"))
    (tmp_path / "bag.labels.csv").write_text("nonsense\n")
    with pytest.raises(DatasetError, match="begins with 'nonsense'"):
        open_labelled(str(path))


def test_a_motion_file_keeps_its_labels_unless_told_otherwise(tmp_path: Path) -> None:
    joints = np.stack([frame.skeletons[0].joints for frame in FRAMES])
    labels = np.repeat([0, 1], [60, len(FRAMES) - 60])
    arrays = tmp_path / "walk.npz"
    np.savez(arrays, joints=joints, fps=30.0, labels=labels, names=np.array(["wave", "sit"]))
    assert [text for _, text, _ in told(open_labelled(str(arrays)))] == ["wave", "sit"]
    (tmp_path / "walk.labels.json").write_text('[{"start": 0, "end": 1, "label": "hop"}]')
    assert [text for _, text, _ in told(open_labelled(str(arrays)))] == ["hop", ""]
