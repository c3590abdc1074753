"""motion-seg evaluate with labels from files and topics, and bare joints of a joint set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from foreign_bags import Messages
from motion import frames

from motion_seg_ros.cli import main

PARTS = [("stand", 3.0), ("wave", 4.0), ("squat", 4.0)]
TABLE = "start,end,label\n0,3,stand\n3,7,wave\n7,11,squat\n"


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    path = tmp_path / "quick.yaml"
    path.write_text("/**: {ros__parameters: {concept_tokens: false, oracle: {backend: none}}}")
    return path


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Joints in a PoseArray."""
    make = Messages("sqlite3")
    rows = []
    for frame in frames(PARTS, rate=20.0):
        joints = frame.skeletons[0].joints
        rows.append(("/people", frame.stamp, make.poses(frame.stamp, joints)))
    return make.write(tmp_path / "walk", rows)


def evaluate(out: Path, quick: Path, *arguments: str | Path) -> dict[str, Any]:
    assert main(["evaluate", *map(str, arguments), "--out", str(out), "--config", str(quick)]) == 0
    return json.loads((out / "walk" / "summary.json").read_text())


def test_labels_of_a_file(tmp_path: Path, quick: Path, bag: Path) -> None:
    """Found beside the bag or named, they are the same truth; a changed file is another one."""
    assert evaluate(tmp_path / "none", quick, bag)["truth"] is None
    table = tmp_path / "by_ann.csv"
    table.write_text(TABLE)
    named = evaluate(tmp_path / "named", quick, bag, "--labels", table, "--joint-set", "smpl22")
    (tmp_path / "walk.labels.csv").write_text(TABLE)
    found = evaluate(tmp_path / "found", quick, bag)
    assert named["truth"] == found["truth"]
    assert found["truth"]["labels"] == ["squat", "stand", "wave"]
    assert named["metrics"]["acc"] == found["metrics"]["acc"] > 0.5
    table.write_text(TABLE.replace("wave", "hop"))
    again = evaluate(tmp_path / "named", quick, bag, "--labels", table, "--joint-set", "smpl22")
    assert again["truth"]["labels"] == ["hop", "squat", "stand"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["walk", "run", "--labels", "by_ann.csv"], "by_ann.csv is about one recording, not 2"),
        (["walk", "--through", "ros"], "--through ros needs ROS 2 and the package built"),
    ],
)
def test_refusals_are_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("by_ann.csv").write_text(TABLE)
    monkeypatch.delitem(sys.modules, "motion_seg_ros.nodes.playback", raising=False)
    monkeypatch.setitem(sys.modules, "rclpy", None)
    assert main(["evaluate", *arguments, "--out", "o"]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert len(error.splitlines()) == 1
