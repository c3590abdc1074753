"""motion-seg compare: planted differences are found, and none where there are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_seg_ros.cli import main
from motion_seg_ros.evaluation.compare import compare_runs
from motion_seg_ros.evaluation.scoring import METRICS


def write_run(folder: Path, acc: Any, delay: Any = None, **change: Any) -> Path:
    """A run of bags with these accuracies and delays."""
    rows = []
    for number, value in enumerate(acc):
        values: dict[str, Any] = dict.fromkeys(METRICS)
        values |= {"acc": float(value), "refused": 0, "segments": 5}
        if delay is not None:
            values["delay_s"] = float(delay[number])
        row = {"name": f"bag{number}", "input": {"path": "x", "bytes": 10 + number}, "error": None,
               "truth": {"digest": "d"}, "metrics": values}  # fmt: skip
        rows.append(row | change)
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"bags": rows}))
    return folder


def test_a_planted_difference_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    acc = random.uniform(0.5, 0.9, 12)
    a = write_run(tmp_path / "a", acc, np.full(12, 0.5))
    b = write_run(
        tmp_path / "b",
        acc + 0.03 + random.normal(0, 0.005, 12),
        np.full(12, 0.5) + random.normal(0.2, 0.01, 12),
    )
    found = {d.metric: d for d in compare_runs(a, b).differences}
    assert found["acc"].better == "B"
    assert found["acc"].low is not None
    assert found["acc"].low < 0.03 < found["acc"].high
    assert found["acc"].p == pytest.approx(2 / 2**12)
    assert found["acc"].p_holm == pytest.approx(2 * found["acc"].p)
    # Less delay is better.
    assert found["delay_s"].better == "A"
    assert found["refused"].verdict == "refused: equal in all 12 bags"
    assert "segments" not in found
    out = tmp_path / "c.json"
    assert main(["compare", str(a), str(b), "--json", str(out)]) == 0
    told = capsys.readouterr().out
    assert "ACC: B is better by 0.0" in told
    assert "delay s: A is better by " in told
    saved = json.loads(out.read_text())
    assert [m["metric"] for m in saved["metrics"] if m["better"]] == ["acc", "delay_s"]
    # Seen from the other side it is the same.
    back = {d.metric: d for d in compare_runs(b, a).differences}
    assert back["acc"].better == "A"
    assert back["acc"].p == found["acc"].p


def test_where_there_is_none_none_is_shown(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    wrong = 0
    for number in range(40):
        acc = random.uniform(0.5, 0.9, 8)
        a = write_run(tmp_path / f"a{number}", acc, random.uniform(0.2, 0.9, 8))
        b = write_run(tmp_path / f"b{number}", acc + random.normal(0, 0.05, 8), random.uniform(0.2, 0.9, 8))
        wrong += any(d.better for d in compare_runs(a, b).differences)
    # One in twenty is allowed.
    assert wrong <= 5


def test_few_bags_show_nothing_and_say_so(tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", [0.1] * 4), write_run(tmp_path / "b", [0.9] * 4)
    found = compare_runs(a, b)
    assert found.differences[0].verdict == "ACC: no difference shown with 4 bags (0.8 [0.8, 0.8])"
    assert found.notes == [
        "4 bags cannot show a difference in one of 1 metrics, however large it is: 6 are needed"
    ]
    one = compare_runs(write_run(tmp_path / "c", [0.1]), write_run(tmp_path / "d", [0.2]))
    assert one.differences[0].low is None
    assert not one.differences[0].better


def test_bags_of_one_run_are_left_out_and_named(tmp_path: Path) -> None:
    found = compare_runs(write_run(tmp_path / "a", [0.1] * 3), write_run(tmp_path / "b", [0.1] * 2))
    assert found.names == ["bag0", "bag1"]
    assert any("bag2" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input": {"path": "x", "bytes": 1}}, "bag0 is another recording"),
        ({"truth": {"digest": "e"}}, "bag0 is other labels"),
        ({"name": "z"}, "no bag in common"),
        ({"error": "it could not be read"}, "no bag in common"),
        ({"metrics": 5}, "holds no whole summary.json"),
        ({"name": ["x"]}, "holds no whole summary.json"),
        (None, "holds no whole summary.json"),
        ("cut", "holds no whole summary.json"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, says: str
) -> None:
    a = write_run(tmp_path / "a", [0.1, 0.2])
    b = tmp_path / "b"
    if isinstance(change, dict):
        write_run(b, [0.1, 0.2], **change)
    elif change == "cut":
        text = (write_run(b, [0.1]) / "summary.json").read_text()
        (b / "summary.json").write_text(text[: len(text) // 2])
    assert main(["compare", str(a), str(b)]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert len(error.splitlines()) == 1
