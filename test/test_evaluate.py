"""motion-seg evaluate: labelled recordings in, numbers out, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion import frame, frames, pose

from motion_seg_ros.bags.items import Item, Label, Source
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.cli import main
from motion_seg_ros.core import node_parameters
from motion_seg_ros.evaluation import bag_run
from motion_seg_ros.evaluation.bag_run import Setup
from motion_seg_ros.evaluation.evaluate import evaluate, tasks_of
from motion_seg_ros.evaluation.playback import Account, CorePlayer, Hear
from motion_seg_ros.evaluation.scoring import METRICS, TRUTH, score_play
from motion_seg_ros.evaluation.witness import Witness
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import EventType, SegmentEvent, read_jsonl

ROOT = Path(__file__).resolve().parents[1]
PARTS = [("stand", 4.0), ("wave", 5.0), ("squat", 5.0), ("wave", 4.0)]
SECOND = 1_000_000_000
QUICK = "/**: {ros__parameters: {concept_tokens: false, oracle: {backend: none}}}"


def write_bag(
    path: Path, parts: list[tuple[str, float]] = PARTS, labels: bool = True, rate: float = 30.0
) -> Path:
    """A recording of somebody who does one thing after the other, labelled at every change."""
    with BagWriter(path) as bag:
        start, said = SECOND, ""
        for motion, seconds in parts if labels else []:
            bag.write("/label", Label(motion), start)
            start, said = start + round(seconds * SECOND), motion
        assert said or not labels
        for seen in frames(parts, rate=rate):
            bag.write("/skeletons", seen, seen.stamp)
    return path


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """Parameters without concepts and oracle, so that tests take no longer than they must."""
    path = tmp_path / "quick.yaml"
    path.write_text(QUICK)
    return path


def run(out: Path, quick: Path, *arguments: str | Path) -> int:
    return main(["evaluate", *map(str, arguments), "--out", str(out), "--config", str(quick)])


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def without_machine(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_machine(item) for key, item in value.items() if key != "machine"}
    return [without_machine(item) for item in value] if isinstance(value, list) else value


# ---- Scores of transcripts that are made up --------------------------------------------------------------


def event(segment: int, motion: int, start: float, end: float, told: float, **more: Any) -> SegmentEvent:
    values = {
        "frame_id": "map", "track_id": "1", "revision": 0, "type": EventType.ENDED, "final": True,
        "confidence": 0.9, "boundary_confidence": 0.8,
    }  # fmt: skip
    stamps = {name: round(t * SECOND) for name, t in (("start", start), ("end", end), ("stamp", told))}
    return SegmentEvent(segment_id=segment, motion_id=motion, **values | stamps | more)


def heard(
    events: list[SegmentEvent],
    labels: list[tuple[float, Label]],
    seen: dict[str, tuple[float, float]] | None = None,
    seconds: float = 12.0,
) -> Witness:
    """Ten frames a second in which each track is seen from one time to another."""
    witness = Witness({"none"})
    for t, label in labels:
        witness.hear(round(t * SECOND), label)
    joints = pose("stand", 0.0)
    for k in range(round(seconds * 10)):
        t = k / 10
        people = [
            frame(0, joints, track).skeletons[0]
            for track, (first, last) in (seen or {"1": (0.0, seconds)}).items()
            if first <= t < last
        ]
        stamp = k * SECOND // 10
        witness.hear(stamp, SkeletonFrame(stamp, "map", tuple(people)))
    for told in events:
        witness.hear(told.stamp, told)
    return witness


LABELS = [(0.0, Label("a")), (4.0, Label("b")), (8.0, Label("none")), (10.0, Label("a"))]


def test_scores_of_a_transcript_worked_out_by_hand() -> None:
    events = [
        event(2, 7, 4.2, 4.6, 4.6, type=EventType.STARTED, final=False),
        event(2, 7, 4.3, 5.0, 5.0, type=EventType.UPDATED, final=False),
        event(1, 5, 0.0, 4.1, 6.1),
        event(2, 7, 4.2, 9.4, 11.4),
        event(3, 5, 9.5, 11.9, 11.9),
        event(4, -1, 11.9, 11.9, 11.9, boundary_confidence=0.0, confidence=0.0),
    ]
    scored = score_play(heard(events, LABELS), Account(refused=3, oracle={"asked": 4.0, "cost": 0.5}))
    values = scored.metrics
    # Of 100 labelled frames two (4.0 and 4.1 s) are wrong.
    assert values["acc"] == values["purity"] == pytest.approx(0.98)
    assert scored.named == {5: 0, 7: 1}
    assert values["edit"] == values["f1_50"] == 1.0
    # True boundaries at 4, 8 and 10 s; found at 4.2 and 9.5 s, of which only the first is within 0.2 s. The
    # second lies where nothing is known, but within half a second of a boundary.
    assert values["boundary_f1_0.2s"] == pytest.approx(2 * 1 / (3 + 1))
    assert values["boundary_f1_0.5s"] == pytest.approx(2 * 2 / (3 + 2))
    assert scored.delays == pytest.approx([0.6, 1.9])
    assert values["delay_s"] == pytest.approx(1.25)
    assert scored.lags == pytest.approx([2.0, 2.0, 0.0])
    assert (values["finality_lag_s"], values["finality_lag_max_s"]) == pytest.approx((2.0, 2.0))
    assert (values["segments"], values["motions"], values["withdrawn"]) == (3, 2, 1)
    assert (values["refused"], values["dropped"], values["questions"], values["cost"]) == (3, 0, 4, 0.5)
    assert (values["k_true"], values["k_found"], values["frames"]) == (2, 2, 120)


def test_nobody_seen_is_no_motion_and_no_label_no_score() -> None:
    events = [event(1, 5, 0.0, 3.9, 5.0)]
    scored = score_play(heard(events, [(0.0, Label("a"))], {"1": (0.0, 4.0)}, 8.0), Account())
    assert scored.metrics["acc"] == pytest.approx(0.5)
    assert scored.lines[0].found.tolist() == [5] * 40 + [-1] * 40
    for labels in ([], [(0.0, Label("None"))]):
        scored = score_play(heard(events, labels), Account())
        assert not scored.has_truth
        assert {name for name, value in scored.metrics.items() if value is None} == set(TRUTH)


def test_labels_of_nobody_are_of_whoever_is_seen_most() -> None:
    # Track 1 is seen longer than 2, and 3 follows where both are gone.
    seen = {"1": (0.0, 6.0), "2": (0.0, 5.0), "3": (6.0, 8.0)}
    events = [
        event(1, 0, 0.0, 5.9, 7.0, track_id="1"),
        event(2, 1, 0.0, 4.9, 6.0, track_id="2"),
        event(3, 2, 6.0, 7.9, 7.9, track_id="3"),
    ]
    line = heard(events, [(0.0, Label("a"))], seen, 8.0).lines()[0]
    assert line.found.tolist() == [0] * 60 + [2] * 20


def test_labels_that_name_a_track_are_of_that_track() -> None:
    seen = {"1": (0.0, 8.0), "2": (2.0, 8.0)}
    events = [event(1, 0, 0.0, 7.9, 8.0, track_id="1"), event(2, 1, 2.0, 7.9, 8.0, track_id="2")]
    labels = [(0.0, Label("a", "1")), (4.0, Label("b", "2")), (0.0, Label("c", "3"))]
    lines = heard(events, labels, seen, 8.0).lines()
    assert [line.track for line in lines] == ["1", "2", "3"]
    assert lines[1].found.tolist() == [-1] * 20 + [1] * 60
    assert lines[1].truth.tolist() == [-1] * 40 + [1] * 40
    assert set(lines[2].found) == {-1}
    scored = score_play(heard(events, labels, seen, 8.0), Account())
    assert scored.named == {0: 0, 1: 1, -1: 2}


def test_labels_of_nobody_leave_out_who_has_labels() -> None:
    seen = {"1": (0.0, 8.0), "2": (2.0, 8.0)}
    events = [event(1, 0, 0.0, 7.9, 8.0, track_id="1"), event(2, 1, 2.0, 7.9, 8.0, track_id="2")]
    lines = heard(events, [(0.0, Label("a", "1")), (0.0, Label("b"))], seen, 8.0).lines()
    assert [line.track for line in lines] == ["", "1"]
    assert lines[0].found.tolist() == [-1] * 20 + [1] * 60
    assert lines[1].found.tolist() == [0] * 80


def test_the_documentation_explains_every_number() -> None:
    text = (ROOT / "docs" / "evaluate.md").read_text()
    assert [name for name in METRICS if f"`{name}`" not in text] == []
    assert [label for label in bag_run.UNKNOWN if f"`{label}`" not in text] == []


# ---- Recordings ------------------------------------------------------------------------------------------


def test_a_labelled_recording_is_scored_and_not_scored_again(
    tmp_path: Path, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, bare = write_bag(tmp_path / "day"), write_bag(tmp_path / "bare", PARTS[:2], labels=False)
    out = tmp_path / "out"
    assert run(out, quick, bag, bare) == 0
    assert "mean" in capsys.readouterr().out
    summary = load(out / "summary.json")
    day, blank = summary["bags"]
    assert day == load(out / "day" / "summary.json")
    assert set(day["metrics"]) == set(METRICS)
    assert day["metrics"]["acc"] > 0.7
    assert day["truth"]["labels"] == ["squat", "stand", "wave"]
    assert day["metrics"]["frames"] == 540
    final = [e for e in read_jsonl(out / "day" / "events.jsonl") if e.final and not e.withdrawn]
    assert len(final) == day["metrics"]["segments"]
    assert set(day["machine"]["stages"]) == {"segmenter"}
    assert blank["truth"] is None
    assert all(blank["metrics"][name] is None for name in TRUTH)
    assert any("no labels" in note for note in blank["notes"])
    assert summary["mean"]["acc"] == {"mean": day["metrics"]["acc"], "low": None, "high": None, "bags": 1}
    assert summary["mean"]["segments"]["bags"] == 2

    before = (out / "day" / "summary.json").stat().st_mtime_ns
    assert run(out, quick, bag, bare) == 0
    assert "2 of 2 bags were evaluated before" in capsys.readouterr().out
    assert (out / "day" / "summary.json").stat().st_mtime_ns == before
    # Another run says the same, but for the times that it took.
    assert run(tmp_path / "again", quick, bag, bare) == 0
    assert without_machine(load(tmp_path / "again" / "summary.json")) == without_machine(summary)


@pytest.mark.parametrize("change", ["input", "parameters", "page", "summary", "label"])
def test_what_has_changed_or_is_cut_off_is_done_again(tmp_path: Path, quick: Path, change: str) -> None:
    bag, out = write_bag(tmp_path / "b", PARTS[:2]), tmp_path / "out"
    assert run(out, quick, bag) == 0
    more: list[str] = []
    if change == "input":
        os.utime(next(bag.glob("*.mcap")), ns=(5, 5))
    elif change == "parameters":
        quick.write_text(QUICK.replace("concept_tokens", "lag: 2.0, concept_tokens"))
    elif change == "label":
        more = ["--unknown", "stand"]
    else:
        path = out / "b" / f"{change}.json"
        path.write_text(path.read_text()[:-20])
    before = (out / "b" / "summary.json").stat().st_mtime_ns
    assert run(out, quick, bag, *more) == 0
    assert (out / "b" / "summary.json").stat().st_mtime_ns > before
    assert load(out / "b" / "summary.json")["error"] is None


def test_a_bag_that_fails_is_a_row_and_stops_no_other(
    tmp_path: Path, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"nothing like it")
    good = write_bag(tmp_path / "good", PARTS[:2])
    out = tmp_path / "out"
    assert run(out, quick, broken, good, tmp_path / "missing") == 2
    rows = load(out / "summary.json")["bags"]
    assert [row["name"] for row in rows] == ["broken", "good", "missing"]
    assert [row["error"] is None for row in rows] == [False, True, False]
    captured = capsys.readouterr()
    assert "broken.mcap is not a recording" in captured.err
    assert "missing does not exist" in captured.err
    assert "Traceback" not in captured.err
    assert "failed" in captured.out
    # It is tried again, and the good one is not.
    assert run(out, quick, broken, good) == 2
    assert "1 of 2 bags were evaluated before" in capsys.readouterr().out


def test_processes_change_nothing(tmp_path: Path, quick: Path) -> None:
    bags = [write_bag(tmp_path / name, PARTS[:2]) for name in ("one", "two")]
    bags.append(tmp_path / "missing")
    assert run(tmp_path / "1", quick, *bags) == 2
    assert run(tmp_path / "2", quick, *bags, "--jobs", "2") == 2
    one, two = (without_machine(load(tmp_path / jobs / "summary.json")) for jobs in "12")
    assert one == two


def test_bags_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    places = [tmp_path / "a" / "day.mcap", tmp_path / "b" / "day.mcap", tmp_path / "b" / "day.npz",
              tmp_path / "c" / "other", tmp_path / "b" / ".." / "c" / "other"]  # fmt: skip
    names = [task.name for task in tasks_of(places, tmp_path / "out")]
    assert names == ["a__day.mcap", "b__day.mcap", "day.npz", "other"]
    with pytest.raises(ValueError, match="no bag"):
        tasks_of([], tmp_path)


class Scripted(Source):
    """A source that ends as its name says."""

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.has_skeletons = True

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        for seen in frames([("wave", 2.0)]):
            yield seen.stamp, seen
        match Path(self.name).name:
            case "interrupt":
                raise KeyboardInterrupt
            case "bug":
                raise RuntimeError("a mistake of ours")
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)


def scripted(tmp_path: Path, quick: Path, names: list[str], jobs: int = 1) -> Any:
    for name in names:
        if not (tmp_path / name).exists():
            (tmp_path / name).write_text("x")
    setup = Setup(Scripted, CorePlayer(node_parameters(quick)), {})
    tasks = tasks_of([tmp_path / name for name in names], tmp_path / "out")
    return evaluate(tasks, setup, tmp_path / "out", jobs)


def test_what_is_done_is_kept_when_it_is_interrupted(tmp_path: Path, quick: Path) -> None:
    done = scripted(tmp_path, quick, ["good", "interrupt", "later"])
    assert done.interrupted
    assert [row["name"] for row in done.rows] == ["good"]
    summary = load(tmp_path / "out" / "summary.json")
    assert summary["notes"][0] == "interrupted: 1 of 3 bags are done"
    assert (tmp_path / "out" / "good" / "summary.json").exists()
    assert not (tmp_path / "out" / "interrupt" / "summary.json").exists()
    assert scripted(tmp_path, quick, ["good", "later"]).kept == 1


def test_our_own_mistake_is_kept_with_its_trace(tmp_path: Path, quick: Path) -> None:
    done = scripted(tmp_path, quick, ["bug", "good"])
    assert [row["error"] for row in done.rows] == [
        "RuntimeError: a mistake of ours (see bug/traceback.txt)",
        None,
    ]
    assert "Traceback" in (tmp_path / "out" / "bug" / "traceback.txt").read_text()


def test_a_process_that_is_killed_takes_no_other_with_it(tmp_path: Path, quick: Path) -> None:
    done = scripted(tmp_path, quick, ["killed", "good"], jobs=2)
    assert [row["error"] for row in done.rows] == ["the process that evaluated it was ended by SIGKILL", None]


def test_nothing_is_written_before_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    bag_run.write_json(path, {"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        bag_run.write_json(path, {"a": 2})
    assert load(path) == {"a": 1}


def test_progress_rises_to_all_bytes(tmp_path: Path, quick: Path) -> None:
    tasks = tasks_of([write_bag(tmp_path / name, PARTS[:2]) for name in "ab"], tmp_path / "out")
    told: list[float] = []

    def open_bag(spec: str) -> Source:
        from motion_seg_ros.bags.sources import open_source

        return open_source(spec)

    evaluate(tasks, Setup(open_bag, CorePlayer(node_parameters(quick)), {}), tmp_path / "out", 1, told.append)
    assert told == sorted(told)
    assert told[-1] == sum(task.size for task in tasks)
    assert len(set(told)) > 6


def test_another_player_is_scored_alike(tmp_path: Path) -> None:
    """Whoever plays a bag, here somebody who knows the truth, is scored by what is heard."""

    def play(source: Source, hear: Hear) -> Account:
        items = list(source)
        for stamp, item in items:
            hear(stamp, item)
        for number, (motion, start, end) in enumerate([(0, 1, 5), (1, 5, 10), (2, 10, 15), (1, 15, 19)], 1):
            hear(0, event(number, motion, start, end - 0.01, end))
        return Account(dropped=2)

    from motion_seg_ros.bags.sources import open_source

    bag = write_bag(tmp_path / "bag")
    tasks = tasks_of([bag], tmp_path / "out")
    row = evaluate(tasks, Setup(open_source, play, {"through": "a test"}), tmp_path / "out").rows[0]
    perfect = ("acc", "nmi", "ari", "edit", "f1_50", "boundary_f1_0.2s")
    assert [row["metrics"][name] for name in perfect] == [1.0] * len(perfect)
    assert row["metrics"]["dropped"] == 2
    assert row["settings"]["through"] == "a test"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
    ],
)
def test_refusals_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "o"), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("after_s", [0.0, 4.0])
def test_ctrl_c_ends_all_processes_soon(tmp_path: Path, quick: Path, after_s: float) -> None:
    """Also those that have hardly begun."""
    bags = [write_bag(tmp_path / name, PARTS * 12) for name in "ab"]
    process = subprocess.Popen(
        [sys.executable, "-m", "motion_seg_ros.cli", "evaluate", *bags,
         "--out", tmp_path / "out", "--jobs", "2", "--config", quick],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(children.read_text().split()) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(after_s)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_shared_recordings_agree_with_the_benchmark(data_dir: Path, tmp_path: Path, quick: Path) -> None:
    """A stream of the benchmark and the transcript of the core are the same method."""
    from motion_seg_ros.evaluation.benchmark import row_of, run_one
    from motion_seg_ros.evaluation.benchmark_config import BenchmarkConfig
    from motion_seg_ros.evaluation.recordings import load_recording

    path = data_dir / "utkinect" / "utkinect_s01_e01.npz"
    assert run(tmp_path / "out", quick, path) == 0
    found = load(tmp_path / "out" / path.stem / "summary.json")["metrics"]
    recording = load_recording(path, path.parent)
    row = row_of(recording, run_one(recording, "tvsh", BenchmarkConfig("stream", "unknown", "kinematic")))
    for mine, theirs in (
        ("acc", "acc"),
        ("nmi", "nmi"),
        ("boundary_f1_0.5s", "f1_0.5s"),
        ("delay_s", "delay_s"),
    ):
        assert found[mine] == pytest.approx(row[theirs], abs=0.01)


def test_the_oracle_and_concepts_are_counted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bag = write_bag(tmp_path / "bag", [*PARTS, ("squat", 6.0)])
    assert main(["evaluate", str(bag), "--out", str(out)]) == 0
    row = load(out / "bag" / "summary.json")
    assert row["oracle"]["asked"] == row["metrics"]["questions"] > 0
    assert set(row["machine"]["stages"]) == {"tokens", "segmenter"}
    assert all(0 < stage["p50_ms"] <= stage["p99_ms"] for stage in row["machine"]["stages"].values())
    assert np.isfinite([v for v in row["metrics"].values() if v is not None]).all()
