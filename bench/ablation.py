"""What each part of TVSH is worth: one command, one table, six pictures.

    python bench/ablation.py DATA_DIR OUT [--jobs N]

DATA_DIR holds folders of labelled sequences (the format of ``motion-seg benchmark``). Writes
OUT/ablation.md and OUT/*.png. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from motion_seg_ros.evaluation import segmenters
from motion_seg_ros.evaluation.answers import Interview, SimulatedOracle
from motion_seg_ros.evaluation.metrics import score
from motion_seg_ros.evaluation.recordings import Recording, load_recording
from motion_seg_ros.tvsh.batch import BatchConfig, constrained_affinity, measured, segment_sequence
from motion_seg_ros.tvsh.links import tvs_weights
from motion_seg_ros.tvsh.sequence_metric import signed_columns
from motion_seg_ros.tvsh.streaming import SegmenterConfig, StreamingSegmenter

FOLDERS = ("hms_weiz", "hms_ut", "hms_weiz_recut", "hms_ut_recut", "utkinect", "cmu_mocap")
SHOWN = "hms_weiz_recut"  # the folder whose first sequence is drawn, and over which curves are means
ERRORS = (0.0, 0.05, 0.1, 0.2, 0.3)
LATENCIES = (0.0, 0.3, 0.6, 1.0, 1.5)

BATCH: dict[str, tuple[str, BatchConfig]] = {
    "batch, all of it": ("kinematic", BatchConfig()),
    "no links": ("none", BatchConfig()),
    "simulated answers, none wrong": ("simulated 0", BatchConfig()),
    "simulated answers, 10 % wrong": ("simulated 0.1", BatchConfig()),
    "no smoothing over the TVS graph": ("kinematic", BatchConfig(smooth=0.0)),
    "no TVS graph in the affinity (gamma 0)": ("kinematic", BatchConfig(gamma=0.0)),
    "gamma 2": ("kinematic", BatchConfig(gamma=2.0)),
    "no feedback": ("kinematic", BatchConfig(rounds=1)),
    "told boundaries joined as lightly as others": ("kinematic", BatchConfig(doubt=1.0)),
    "metric not learned": ("kinematic", BatchConfig(moment=0.0)),
    "cosines not sharpened": ("kinematic", BatchConfig(sharpness=1.0)),
    "affinity does not fade with time": ("kinematic", BatchConfig(recurrence=1.0)),
    "nothing recurs": ("kinematic", BatchConfig(recurrence=0.0)),
}
STREAM: dict[str, tuple[str, SegmenterConfig]] = {
    "stream, all of it": ("kinematic", SegmenterConfig()),
    "lag 1.0 s": ("kinematic", SegmenterConfig(lag=1.0, embedding_lag=0.6)),
    "lag 3.0 s": ("kinematic", SegmenterConfig(lag=3.0)),
    "stream, no smoothing over the TVS graph": ("kinematic", SegmenterConfig(smooth=0.0)),
    "stream, simulated answers, none wrong": ("simulated 0", SegmenterConfig()),
    "stream, simulated answers, 10 % wrong": ("simulated 0.1", SegmenterConfig()),
}


def links_for(recording: Recording, kind: str) -> np.ndarray | None:
    """Links of a whole recording: "none", "kinematic" or "simulated ERROR"."""
    if kind == "none":
        return None
    if kind == "kinematic":
        return segmenters.kinematic_links(recording)
    interview = Interview(recording.truth, recording.fps, SimulatedOracle(5, float(kind.split()[1])))
    for frame in range(len(recording.truth)):
        interview.step(frame)
    return interview.links()


def batch(recording: Recording, kind: str, config: BatchConfig):
    clusters = len(np.unique(recording.truth[recording.truth >= 0]))
    links = links_for(recording, kind)
    return segment_sequence(recording.data, recording.fps, config, clusters=clusters, links=links)


def stream(recording: Recording, oracle: SimulatedOracle | None, config: SegmenterConfig):
    segmenter = StreamingSegmenter(recording.data.shape[1], config, stray=recording.stray)
    interview = Interview(recording.truth, recording.fps, oracle) if oracle else None
    return segmenters.stream(recording, segmenter, interview)


def _accuracy(task: tuple[Path, str]) -> float:
    path, row = task
    recording = load_recording(path, path.parent)
    if row in BATCH:
        labels = batch(recording, *BATCH[row]).labels
    else:
        kind, config = STREAM[row]
        oracle = SimulatedOracle(5, float(kind.split()[1])) if " " in kind else None
        labels = stream(recording, oracle, config).labels
    return score(recording.truth, labels, recording.fps).acc


def _answered(task: tuple[Path, float, float]) -> float:
    path, error, latency = task
    recording = load_recording(path, path.parent)
    found = stream(recording, SimulatedOracle(5, error, latency), SegmenterConfig())
    return score(recording.truth, found.labels, recording.fps).acc


def spread(pool: ProcessPoolExecutor, work: Callable, tasks: Sequence) -> list[float]:
    return list(tqdm(pool.map(work, tasks), total=len(tasks), unit=" runs", disable=None, leave=False))


def write_table(pool: ProcessPoolExecutor, files: dict[str, list[Path]], out: Path) -> None:
    rows = [*BATCH, *STREAM]
    tasks = [(path, row) for row in rows for paths in files.values() for path in paths]
    values = iter(spread(pool, _accuracy, tasks))
    lines = [
        "ACC (Hungarian, mean over the sequences of a folder). Batch knows K, streams do not.",
        "Simulated answers come from the labels: an upper bound.",
        "",
        "| | " + " | ".join(files) + " |",
        "|---" * (len(files) + 1) + "|",
    ]
    for row in rows:
        means = [np.mean([next(values) for _ in paths]) for paths in files.values()]
        lines.append(f"| {row} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    (out / "ablation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _like(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels renamed to the true motions that they match best; those left over get names of their own."""
    kinds, place = np.unique(labels, return_inverse=True)
    table = np.zeros((truth.max() + 1, len(kinds)))
    known = truth >= 0
    np.add.at(table, (truth[known], place[known]), 1)
    names = truth.max() + 1 + np.arange(len(kinds))
    rows, columns = linear_sum_assignment(table, maximize=True)
    names[columns] = rows
    return names[place]


def _bars(axes, labels: np.ndarray, title: str) -> None:
    axes.imshow(labels[None, :], aspect="auto", cmap="tab20", interpolation="nearest", vmin=0, vmax=19)
    axes.set(yticks=[], ylabel="")
    axes.set_title(title, loc="left", fontsize=9)


def draw_matrices(plt, recording: Recording, out: Path) -> None:
    """The TVS matrix and the affinity beside the truth."""
    config, links = BatchConfig(), segmenters.kinematic_links(recording)
    result = batch(recording, "kinematic", config)
    weights = tvs_weights(links, config.span)
    graph = np.zeros((len(links), len(links)))
    for k in range(1, config.span + 1):
        place = np.arange(k, len(links))
        graph[place, place - k] = graph[place - k, place] = weights[k - 1, k:]
    same = (recording.truth[:, None] == recording.truth[None, :]).astype(float)
    affinity = constrained_affinity(result.codes, recording.fps, config, links)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), constrained_layout=True)
    for ax, matrix, title in zip(
        axes,
        (graph, np.sqrt(affinity / affinity.max()), same),
        ("TVS matrix (frames 0-99)", "affinity (square root)", "truth: same motion"),
        strict=True,
    ):
        ax.imshow(matrix[:100, :100] if matrix is graph else matrix, cmap="magma", interpolation="nearest")
        ax.set_title(title)
    figure.savefig(out / "matrices.png", dpi=110)


def draw_rounds(plt, recordings: Sequence[Recording], out: Path) -> None:
    """Accuracy by round of feedback."""
    config = replace(BatchConfig(), rounds=5, divided=1.0)
    figure, ax = plt.subplots(figsize=(5, 3.5), constrained_layout=True)
    for kind in ("kinematic", "simulated 0.1"):
        curves = []
        for recording in recordings:
            rounds = batch(recording, kind, config).rounds
            accuracy = [score(recording.truth, labels, recording.fps).acc for labels in rounds]
            curves.append(accuracy + accuracy[-1:] * (config.rounds - len(accuracy)))
        ax.plot(range(1, config.rounds + 1), np.mean(curves, axis=0), marker="o", label=kind)
    ax.set(xlabel="round", ylabel="ACC", title=SHOWN, xticks=range(1, config.rounds + 1))
    ax.legend()
    figure.savefig(out / "rounds.png", dpi=110)


def draw_answers(plt, pool: ProcessPoolExecutor, paths: Sequence[Path], out: Path) -> None:
    """Accuracy of the stream against the error rate and the latency of simulated answers."""
    for name, tasks, xs, label in (
        ("errors", [(p, e, 0.0) for e in ERRORS for p in paths], ERRORS, "share of wrong answers"),
        ("latency", [(p, 0.1, s) for s in LATENCIES for p in paths], LATENCIES, "latency (s), 10 % wrong"),
    ):
        accuracy = np.array(spread(pool, _answered, tasks)).reshape(len(xs), len(paths)).mean(axis=1)
        figure, ax = plt.subplots(figsize=(5, 3.5), constrained_layout=True)
        ax.plot(xs, accuracy, marker="o")
        ax.set(xlabel=label, ylabel="ACC", title=f"{SHOWN}, stream, simulated answers", ylim=(0, 1))
        figure.savefig(out / f"{name}.png", dpi=110)


def draw_labels(plt, recording: Recording, out: Path) -> None:
    """Streaming labels over time against batch labels and the truth."""
    figure, axes = plt.subplots(3, 1, figsize=(10, 3), sharex=True, constrained_layout=True)
    truth = recording.truth
    streamed = stream(recording, None, SegmenterConfig()).labels
    for ax, labels, title in zip(
        axes,
        (truth, _like(truth, batch(recording, "kinematic", BatchConfig()).labels), _like(truth, streamed)),
        ("truth", "batch, K known", "stream, K unknown"),
        strict=True,
    ):
        _bars(ax, labels, title)
    axes[-1].set_xlabel("frame")
    figure.savefig(out / "labels.png", dpi=110)


def draw_codes(plt, recording: Recording, out: Path) -> None:
    """What goes into the embedding and what comes out."""
    result = batch(recording, "kinematic", BatchConfig())
    columns = signed_columns(measured(recording.data, recording.fps, BatchConfig()))
    figure, axes = plt.subplots(3, 1, figsize=(10, 6), sharex=True, constrained_layout=True)
    _bars(axes[0], recording.truth, "truth")
    for ax, matrix, title in ((axes[1], columns, "columns"), (axes[2], result.codes, "codes")):
        ax.imshow(np.sqrt(np.maximum(matrix, 0)), aspect="auto", cmap="magma", interpolation="nearest")
        ax.set_title(title, loc="left", fontsize=9)
    figure.savefig(out / "codes.png", dpi=110)


def sequences(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    for name in FOLDERS:
        paths = sorted((folder / name).glob("*.npz"))
        if paths:
            yield name, paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    files = dict(sequences(options.data))
    if SHOWN not in files:
        parser.error(f"{options.data} has no folder {SHOWN} with .npz files")
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    options.out.mkdir(parents=True, exist_ok=True)
    shown = [load_recording(path, path.parent) for path in files[SHOWN]]
    draw_matrices(plt, shown[0], options.out)
    draw_labels(plt, shown[0], options.out)
    draw_codes(plt, shown[0], options.out)
    draw_rounds(plt, shown, options.out)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        draw_answers(plt, pool, files[SHOWN], options.out)
        write_table(pool, files, options.out)
    print((options.out / "ablation.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
