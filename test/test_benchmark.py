"""motion-seg benchmark: files in, score sheet and labels out, and what it promises about streams."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from motion import NAMES, frames
from test_baselines import motions

from motion_seg_ros.cli import main
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import load_labelled
from motion_seg_ros.datasets.skeletons import skeleton_frames
from motion_seg_ros.evaluation import segmenters
from motion_seg_ros.evaluation.answers import Interview, SimulatedOracle
from motion_seg_ros.evaluation.baselines import Baseline
from motion_seg_ros.evaluation.benchmark import run_benchmark, run_one
from motion_seg_ros.evaluation.benchmark_config import BenchmarkConfig, methods_of
from motion_seg_ros.evaluation.benchmark_sheet import table
from motion_seg_ros.evaluation.causal import MissingLibrary
from motion_seg_ros.evaluation.recordings import Recording, find_recordings, load_recording
from motion_seg_ros.oracles import encoder_backend
from motion_seg_ros.semantics.backends import OracleSettings, open_oracle
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

FPS = 25.0
ROOT = Path(__file__).parent.parent
ROW = {
    "name", "frames", "fps", "k_true", "k_found", "acc", "purity", "nmi", "ari",
    "f1_0.2s", "f1_0.5s", "delay_s", "ms_frame_p50", "ms_frame_p99",
}  # fmt: skip


def save(path: Path, seed: int = 0, **change) -> Path:
    data, truth = motions([90, 70, 80, 100], [0, 1, 0, 2], seed)
    arrays = {
        "features": data.astype(np.float32),
        "labels": truth.astype(np.int32),
        "names": np.array(["a", "b", "c"]),
        "fps": np.float64(FPS),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{k: v for k, v in (arrays | change).items() if v is not None})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "data" / "one.npz", 0)
    save(tmp_path / "data" / "two.npz", 1)
    return tmp_path / "data"


def recording(seed: int = 0) -> Recording:
    data, truth = motions([90, 70, 80, 100], [0, 1, 0, 2], seed)
    return Recording("r", FPS, truth.astype(np.int32), data, np.ones(len(data), np.bool_))


def cut_short(whole: Recording, count: int) -> Recording:
    return Recording("r", FPS, whole.truth[:count], whole.data[:count], whole.usable[:count])


@pytest.mark.parametrize("mode", ["batch", "stream"])
def test_command(folder: Path, tmp_path: Path, capsys, mode: str) -> None:
    out = tmp_path / "out"
    assert main(["benchmark", str(folder), "--mode", mode, "--links", "none", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["config"]["mode"] == mode
    assert [row["name"] for row in summary["sequences"]] == ["one", "two"]
    for row in summary["sequences"]:
        assert set(row) == ROW
        assert (row["frames"], row["fps"], row["k_true"]) == (340, FPS, 3)
        assert (row["ms_frame_p99"] is None) == (mode == "batch")
        with np.load(out / f"{row['name']}.npz", allow_pickle=False) as arrays:
            assert arrays["labels"].dtype == np.int32
            assert arrays["labels"].shape == (340,)
            assert ("final_at" in arrays) == (mode == "stream")
            if mode == "stream":
                assert arrays["final_at"].dtype == np.int64
                assert (arrays["final_at"] >= np.arange(340)).all()
                assert arrays["final_at"].max() == 339
    accuracy = [row["acc"] for row in summary["sequences"]]
    assert summary["mean"]["acc"] == pytest.approx(np.mean(accuracy))
    assert min(accuracy) > 0.5
    text = capsys.readouterr().out
    assert "mean of tvsh" in text
    assert "mean of equal-pieces" in text
    assert "purity" in text


def test_processes_change_nothing(folder: Path, tmp_path: Path) -> None:
    config = BenchmarkConfig("batch", "known", "kinematic")
    calls: list[tuple[int, int]] = []
    one, _ = run_benchmark(folder, config, tmp_path / "1", 1, lambda done, total: calls.append((done, total)))
    two, _ = run_benchmark(folder, config, tmp_path / "2", 2)
    assert one == two
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (tmp_path / "1" / "one.npz").read_bytes() == (tmp_path / "2" / "one.npz").read_bytes()


def test_all_methods_on_the_same_files(folder: Path, tmp_path: Path) -> None:
    config = BenchmarkConfig("stream", "unknown", "kinematic", "all")
    methods = methods_of(config)
    assert methods[0] == "tvsh"
    assert methods[-1] == "equal-pieces"
    assert "window-statistics" in methods
    assert "tsc" not in methods, "it is not causal"
    assert set(methods_of(BenchmarkConfig("batch", "known", "none", "all"))) > {"tsc", "ward", "ruptures"}


def test_a_missing_library_leaves_its_row_out_or_is_told(folder: Path, tmp_path: Path, monkeypatch) -> None:
    from motion_seg_ros.evaluation import benchmark, benchmark_config

    def missing(*_):
        raise MissingLibrary("nowhere is not installed: pip install it")

    fake = {
        "ward": Baseline(missing),
        "equal-pieces": benchmark.BASELINES["equal-pieces"],
    }
    for module in (benchmark, benchmark_config):
        monkeypatch.setattr(module, "BASELINES", fake)
    sheets, notes = run_benchmark(folder, BenchmarkConfig("batch", "known", "none", "all"), tmp_path / "o")
    assert [sheet.method for sheet in sheets] == ["tvsh", "equal-pieces"]
    assert notes == ["ward is left out: nowhere is not installed: pip install it"]
    with pytest.raises(MissingLibrary, match="nowhere"):
        run_benchmark(folder, BenchmarkConfig("batch", "known", "none", "ward"), tmp_path / "o")


def test_folders_of_folders_and_files_without_labels(tmp_path: Path) -> None:
    save(tmp_path / "a" / "same.npz", 0)
    save(tmp_path / "b" / "same.npz", 1)
    save(tmp_path / "b" / "clips.npz", labels=None)
    paths, notes = find_recordings(tmp_path)
    assert [load_recording(path, tmp_path).name for path in paths] == ["a/same", "b/same"]
    assert len(notes) == 1
    assert "clips.npz has no labels" in notes[0]


def test_a_sequence_of_unknown_labels_is_left_out(folder: Path, tmp_path: Path) -> None:
    save(folder / "three.npz", labels=np.full(340, -1, np.int32))
    _, notes = find_recordings(folder)
    assert len(notes) == 1
    assert "three.npz" in notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"--links": "telepathy"},
            "links must be none, kinematic, encoder, kinematic-oracle or simulated:EVERY,ERR",
        ),
        ({"--links": "simulated:5"}, "are written simulated:EVERY,ERR"),
        ({"--links": "simulated:5,0.1,0,9"}, "at most three"),
        ({"--links": "simulated:5,0.1,2-1"}, "no less than the shortest"),
        ({"--lag": "99"}, "lag must be in"),
        ({"--links": "simulated:0,0.1"}, "every 1 frame or more"),
        ({"--links": "simulated:5,0.7"}, r"error rate of simulated answers must be in \[0, 0.5\)"),
        ({"--method": "magic"}, "method must be one of tvsh, equal-pieces"),
        ({"--method": "tsc"}, "tsc needs the whole sequence: use --mode batch"),
        ({"--method": "tsc", "--mode": "batch"}, "tsc needs the number of motions: use --clusters known"),
        ({"--jobs": "0"}, "--jobs must be at least 1"),
        ({"DATA": "nowhere"}, "nowhere is not a folder"),
    ],
)
def test_refusals_are_one_sentence(folder: Path, tmp_path: Path, capsys, change, message) -> None:
    change = dict(change)
    data = change.pop("DATA", str(folder))
    command = ["benchmark", data, "--out", str(tmp_path / "out")]
    for option, value in change.items():
        command += [option, value]
    assert main(command) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    import re

    assert re.search(message, error)


def test_an_empty_folder_is_told(tmp_path: Path, capsys) -> None:
    assert main(["benchmark", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "holds no labelled .npz file" in capsys.readouterr().err


@pytest.mark.parametrize("links", ["kinematic", "simulated:5,0.1,0.3"])
def test_cutting_a_stream_short_changes_nothing_that_was_final(links: str) -> None:
    config = BenchmarkConfig("stream", "unknown", links)
    whole = recording()
    found = run_one(whole, "tvsh", config)
    assert found.final_at is not None
    for count in (60, 133, 240, 301):
        part = run_one(cut_short(whole, count), "tvsh", config)
        final = found.final_at[:count] < count
        assert final[: count - 60].all(), "the lag is bounded"
        assert (part.labels[final] == found.labels[:count][final]).all()


def test_unusable_frames_have_the_label_before(tmp_path: Path) -> None:
    whole = recording()
    usable = whole.usable.copy()
    usable[:3] = False
    usable[50:56] = False
    data = whole.data.copy()
    data[50:56] = data[49]
    with_gaps = Recording("r", FPS, whole.truth, data, usable)
    segmenter = StreamingSegmenter(data.shape[1], SegmenterConfig())
    found = segmenters.stream(with_gaps, segmenter)
    assert found.labels[:3].tolist() == [found.labels[3]] * 3
    assert found.labels[50:56].tolist() == [found.labels[49]] * 6
    assert (found.final_at >= np.arange(len(data))).all()


def test_one_frame_is_a_stream() -> None:
    found = run_one(cut_short(recording(), 1), "tvsh", BenchmarkConfig("stream", "unknown", "none"))
    assert found.labels.shape == found.final_at.shape == (1,)


def test_perfect_answers_place_every_boundary() -> None:
    truth = np.repeat([0, 1, 2, 1], [13, 29, 11, 40])
    interview = Interview(truth, FPS, SimulatedOracle(5, 0.0))
    replies = [reply for frame in range(len(truth)) for reply in interview.step(frame)]
    assert np.flatnonzero(interview.links() == 0).tolist() == [13, 42, 53]
    assert len(replies) == interview.questions
    for reply in replies:
        same = truth[reply.first] == truth[reply.second]
        assert reply.same_probability == (1.0 if same else 0.0)


def test_answers_are_wrong_and_late_as_told() -> None:
    truth = np.repeat([0, 1] * 60, 25)
    oracle = SimulatedOracle(5, 0.1, latency=0.4)
    interview = Interview(truth, FPS, oracle)
    wrong = total = 0
    for frame in range(len(truth)):
        for reply in interview.step(frame):
            assert frame >= reply.second + 10
            total += 1
            wrong += (truth[reply.first] == truth[reply.second]) != (reply.same_probability > 0.5)
    assert wrong / total == pytest.approx(0.1, abs=0.03)
    again = Interview(truth, FPS, oracle)
    for frame in range(len(truth)):
        again.step(frame)
    assert (again.links() == interview.links()).all()
    placed = np.flatnonzero(interview.links() == 0)
    real = np.arange(25, len(truth), 25)
    assert np.mean([np.abs(placed - b).min() <= 2 for b in real]) > 0.75


def test_what_is_simulated_says_so(folder: Path, tmp_path: Path) -> None:
    config = BenchmarkConfig("batch", "known", "simulated:5,0.1")
    sheets, _ = run_benchmark(folder, config, tmp_path)
    assert "mean of tvsh (simulated)" in table(config, sheets)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "simulated" in summary["config"]["answers"]
    assert all(asked > 50 for asked in summary["questions"].values())
    with np.load(tmp_path / "one.npz", allow_pickle=False) as arrays:
        assert str(arrays["answers"]) == summary["config"]["answers"]


def test_skeletons_and_images_are_recordings_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (8, 40, 30, 3), np.uint8)
    save(tmp_path / "images.npz", features=None, frames=frames, labels=np.zeros(8, np.int32))
    images = load_recording(tmp_path / "images.npz", tmp_path)
    assert images.data.shape == (8, 324)
    assert np.linalg.norm(images.data, axis=1) == pytest.approx(np.ones(8))


def test_frames_without_their_features_show_what_was_seen_last(tmp_path: Path) -> None:
    features, _ = motions([90, 70, 80, 100], [0, 1, 0, 2], 0)
    features[:3] = features[100:140, 2] = np.nan
    whole = load_recording(save(tmp_path / "holes.npz", features=features), tmp_path)
    assert np.flatnonzero(~whole.usable).tolist() == [0, 1, 2, *range(100, 140)]
    assert (whole.data[:3] == whole.data[3]).all()
    assert (whole.data[100:140] == whole.data[99]).all()
    for mode in ("batch", "stream"):
        found = run_one(whole, "tvsh", BenchmarkConfig(mode, "unknown", "none"))
        assert found.labels.shape == (340,)
    with pytest.raises(DatasetError, match=r"dark.npz: no frame has all its features"):
        load_recording(save(tmp_path / "dark.npz", features=np.full((340, 6), np.nan)), tmp_path)


def test_joints_of_no_known_body_are_named_with_their_file(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(340, 3, 3)).astype(np.float32)
    path = save(tmp_path / "odd.npz", features=None, joints=joints, joint_names=np.array(["a", "b", "c"]))
    with pytest.raises(DatasetError, match=r"odd.npz: no left_hip.* among the joint names a, b, c"):
        load_recording(path, tmp_path)


def test_equal_pieces_of_a_stream_are_final_when_it_is_over(folder: Path, tmp_path: Path) -> None:
    run_benchmark(folder, BenchmarkConfig("stream", "unknown", "none", "equal-pieces"), tmp_path / "out")
    with np.load(tmp_path / "out" / "one.npz", allow_pickle=False) as arrays:
        assert (arrays["final_at"] == 339).all()


def test_real_recordings(data_dir: Path, tmp_path: Path) -> None:
    """A regression guard, well below what is documented."""
    for name, config, least in (
        ("hms_weiz/weiz_01.npz", BenchmarkConfig("batch", "known", "none"), 0.8),
        ("hms_ut/ut_01.npz", BenchmarkConfig("batch", "known", "kinematic"), 0.85),
        ("cmu_mocap/cmu86_01.npz", BenchmarkConfig("batch", "known", "none"), 0.8),
    ):
        path = data_dir / name
        if not path.is_file():
            pytest.skip(f"no {path}")
        found = run_one(load_recording(path, path.parent), "tvsh", config)
        truth = load_recording(path, path.parent).truth
        from motion_seg_ros.evaluation.metrics import score

        assert score(truth, found.labels, 25.0).acc >= least, name


def test_latencies_are_drawn_between_their_ends():
    truth = np.repeat([0, 1], 200)
    drawn = Interview(truth, FPS, SimulatedOracle(5, 0.0, 0.4, 1.2))
    came = {}
    for frame in range(400):
        for reply in drawn.step(frame):
            came.setdefault((reply.first, reply.second), frame)
    # With perfect answers each gap is asked about at its end, and nothing else is where there is no boundary.
    waits = np.array([at - second for (first, second), at in came.items() if second < 190]) / FPS
    assert len(waits) > 20
    assert waits.min() >= 0.4 - 1 / FPS
    assert waits.max() <= 1.2 + 1 / FPS
    assert waits.std() > 0.1


def test_slow_answers_are_asked_for_at_once() -> None:
    truth = np.repeat([0, 1] * 30, 25)
    oracle = SimulatedOracle(5, 0.1, 0.36, 3.69)

    def in_time(deadline: float) -> float:
        """How many answers about a boundary there are, on average, within 3.4 s."""
        interview = Interview(truth, FPS, oracle, deadline)
        there = [
            reply
            for frame in range(len(truth))
            for reply in interview.step(frame)
            if frame - reply.second <= 3.4 * FPS
        ]
        boundaries = np.arange(50, 1400, 25)
        return float(np.mean([sum(r.first < b <= r.second for r in there) for b in boundaries]))

    assert in_time(3.4) >= 3.0
    assert in_time(3.4) > 2.0 * in_time(math.inf)
    # Where two answers in a row are there in time, questions wait for one another.
    quick = SimulatedOracle(5, 0.1, 0.5, 0.6)
    one, other, late = (Interview(truth, FPS, quick, deadline) for deadline in (math.inf, 1.21, 1.2))
    for frame in range(200):
        assert one.step(frame) == other.step(frame)
        late.step(frame)
    # An answer that comes just with the deadline is late.
    assert late.questions > one.questions


def test_a_longer_lag_leaves_answers_more_time():
    config = BenchmarkConfig("stream", "unknown", "simulated:5,0.1,0.36-3.69", lag=4.0).segmenter()
    assert (config.lag, config.deadline) == (4.0, pytest.approx(3.4))
    assert BenchmarkConfig("stream", "unknown", "none").segmenter().lag == 1.8


def save_skeletons(path: Path) -> Path:
    """A person who does one thing after another, as joints; two of its frames show nobody."""
    parts = [("wave", 6.0), ("squat", 6.0), ("wave", 5.0)]
    joints = np.array([frame.skeletons[0].joints for frame in frames(parts)], np.float32)
    joints[[40, 41]] = np.nan
    truth = np.concatenate([np.full(round(30 * seconds), kind == "squat") for kind, seconds in parts])
    names = np.array(NAMES)
    return save(
        path, features=None, joints=joints, joint_names=names, labels=truth.astype(np.int32), fps=30.0
    )


@pytest.mark.parametrize(("links", "backend"), [("encoder", "encoder"), ("kinematic-oracle", "kinematic")])
def test_an_oracle_is_asked_as_the_node_asks(tmp_path: Path, links: str, backend: str) -> None:
    recording = load_recording(save_skeletons(tmp_path / "day.npz"), tmp_path)
    found = run_one(recording, "tvsh", BenchmarkConfig("stream", "unknown", links))
    config = TranscriberConfig(labels=False)
    oracle, _ = open_oracle(OracleSettings(backend=backend, exact=True), config.deadline, encoder_backend)
    assert oracle is not None
    node = Transcriber(config, oracle)
    sequence = load_labelled(tmp_path / "day.npz")
    people = skeleton_frames(sequence.joints, sequence.joint_names, sequence.fps, "z up")
    events = [event for item in people for event in node.update(item)] + node.close()
    oracle.close()
    assert found.questions == int(oracle.facts()["asked"]) > 0
    # The same motions end at the same places; a frame belongs to the step that it lies in.
    ends = [event.end * 30.0 / 1e9 for event in events if event.final and not event.withdrawn]
    changes = np.flatnonzero(np.diff(found.labels)) + 1
    assert len(changes) == len(ends) - 1 >= 2
    assert np.abs(changes - ends[:-1]).max() <= 2.0
    assert int(oracle.facts()["answered"]) > 0


def test_questions_to_an_oracle_are_counted_and_told(tmp_path: Path) -> None:
    save_skeletons(tmp_path / "data" / "day.npz")
    config = BenchmarkConfig("stream", "unknown", "kinematic-oracle")
    sheets, _ = run_benchmark(tmp_path / "data", config, tmp_path / "out")
    questions = sheets[0].questions[0]
    assert questions > 0
    rate = questions / (510 / 30 / 60)
    assert f"{questions} questions were asked, {rate:.1f} a minute" in table(config, sheets)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "oracle with the backend kinematic" in summary["config"]["answers"]


def test_an_oracle_that_cannot_be_had_is_told_and_not_replaced(tmp_path: Path, monkeypatch) -> None:
    def broken():
        raise OSError("no weights")

    monkeypatch.setattr("motion_seg_ros.evaluation.consultation.encoder_backend", broken)
    recording = load_recording(save_skeletons(tmp_path / "day.npz"), tmp_path)
    with pytest.raises(ValueError, match="no weights"):
        run_one(recording, "tvsh", BenchmarkConfig("stream", "unknown", "encoder"))


def test_an_oracle_needs_skeletons_and_a_stream(folder: Path, tmp_path: Path, capsys) -> None:
    command = ["benchmark", str(folder), "--links", "encoder", "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "holds no skeletons" in capsys.readouterr().err
    assert main([*command, "--mode", "batch"]) == 2
    assert "need mode stream" in capsys.readouterr().err


@pytest.mark.parametrize("whom", ["everybody", "the command"])
def test_ctrl_c_ends_all_processes_soon(tmp_path: Path, whom: str) -> None:
    """Also those that have hardly begun, and where nobody but the command hears of it."""
    rng = np.random.default_rng(0)
    truth = np.zeros(100_000, np.int32)
    for name in ("a", "b", "c"):
        save(tmp_path / "data" / f"{name}.npz", features=rng.random((100_000, 6)), labels=truth)
    process = subprocess.Popen(
        [sys.executable, "-m", "motion_seg_ros.cli", "benchmark", tmp_path / "data",
         "--out", tmp_path / "out", "--jobs", "2"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(children.read_text().split()) < 3:  # two, and who cleans up after them
        assert process.poll() is None
        time.sleep(0.01)
    (os.killpg if whom == "everybody" else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "motion-seg: interrupted\n")


def test_a_process_that_is_killed_is_told(folder: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("motion_seg_ros.evaluation.benchmark.ProcessPoolExecutor.submit", killed)
    assert main(["benchmark", str(folder), "--jobs", "2", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "motion-seg: a process that ran a method was ended, perhaps for want of memory\n"
    )


def killed(pool: ProcessPoolExecutor, *_: object) -> Future:
    """A task whose process is ended."""
    future: Future = Future()
    future.set_exception(BrokenProcessPool("a child died"))
    return future
