"""What each part of TVSH is worth and how much chance is in it: one command, three tables, five pictures.

    python bench/ablation.py DATA_DIR OUT [--jobs N]

DATA_DIR holds folders of labelled sequences (the format of ``motion-seg benchmark``). Writes
OUT/*.md and OUT/*.png. Needs matplotlib.
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
from motion_seg_ros.evaluation.metrics import changes, score
from motion_seg_ros.evaluation.recordings import Recording, load_recording
from motion_seg_ros.tvsh.batch import BatchConfig, constrained_affinity, measured, segment_sequence
from motion_seg_ros.tvsh.links import tvs_weights
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.sequence_metric import signed_columns
from motion_seg_ros.tvsh.streaming import StreamingSegmenter

FOLDERS = ("hms_weiz", "hms_ut", "hms_weiz_recut", "hms_ut_recut", "utkinect", "cmu_mocap")
# Drawn (the first sequence) and in curves (means): a folder with jumps at its boundaries, and one without.
SHOWN = ("hms_weiz_recut", "utkinect")
SEEDS = range(5)
ERRORS = (0.0, 0.05, 0.1, 0.2, 0.3)
LATENCIES = (0.0, 0.3, 0.6, 1.0, 1.5)
ANNOUNCEMENTS = (1.0, 0.7, 0.5, 0.3)

BATCH: dict[str, tuple[str, BatchConfig]] = {
    "batch, all of it": ("kinematic", BatchConfig()),
    "no links": ("none", BatchConfig()),
    "no links, likeness of codes alone": ("none", BatchConfig(likeness=0.0)),
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
    "stream, no links": ("kinematic", SegmenterConfig(jumps=False)),
    "lag 1.0 s": ("kinematic", SegmenterConfig(lag=1.0, embedding_lag=0.6)),
    "lag 3.0 s": ("kinematic", SegmenterConfig(lag=3.0)),
    "stream, no smoothing over the TVS graph": ("kinematic", SegmenterConfig(smooth=0.0)),
    "stream, simulated answers, none wrong": ("simulated 0", SegmenterConfig()),
    "stream, simulated answers, 10 % wrong": ("simulated 0.1", SegmenterConfig()),
}
# Everything in which chance has a part: the dictionary and k-means of the batch, the errors of answers.
CHANCE = (
    "batch, all of it",
    "no links",
    "simulated answers, 10 % wrong",
    "stream, simulated answers, 10 % wrong",
)


class Live(StreamingSegmenter):
    """A segmenter that writes down what it said before it was sure.

    Attributes
    ----------
    live : of every frame, what it said when the frame came; -1: not known yet, or idle.
    taken_back : how many boundaries it told and took back.
    """

    def __init__(self, recording: Recording, config: SegmenterConfig) -> None:
        super().__init__(recording.data.shape[1], config, stray=recording.stray)
        self.live: list[int] = []
        self.taken_back = 0
        self._told = 0

    def update(self, stamp: int, features: np.ndarray, *speeds: np.ndarray) -> None:
        super().update(stamp, features, *speeds)
        self.live.append(self.open_runs[-1].motion_id)
        self.taken_back += max(0, self._told - len(self.closed) - len(self.open_runs))
        self._told = len(self.open_runs)


def links_for(recording: Recording, kind: str, seed: int) -> np.ndarray | None:
    """Links of a whole recording: "none", "kinematic" or "simulated ERROR"."""
    if kind == "none":
        return None
    if kind == "kinematic":
        return segmenters.kinematic_links(recording)
    interview = Interview(
        recording.truth, recording.fps, SimulatedOracle(5, float(kind.split()[1]), seed=seed)
    )
    for frame in range(len(recording.truth)):
        interview.step(frame)
    return interview.links()


def batch(recording: Recording, kind: str, config: BatchConfig):
    clusters = len(np.unique(recording.truth[recording.truth >= 0]))
    links = links_for(recording, kind, config.seed)
    return segment_sequence(recording.data, recording.fps, config, clusters=clusters, links=links)


def stream(recording: Recording, oracle: SimulatedOracle | None, config: SegmenterConfig):
    segmenter = StreamingSegmenter(recording.data.shape[1], config, stray=recording.stray)
    interview = Interview(recording.truth, recording.fps, oracle, config.deadline) if oracle else None
    return segmenters.stream(recording, segmenter, interview)


def _accuracy(task: tuple[Path, str, int]) -> float:
    path, row, seed = task
    recording = load_recording(path, path.parent)
    if row in BATCH:
        kind, config = BATCH[row]
        labels = batch(recording, kind, replace(config, seed=seed)).labels
    else:
        kind, settings = STREAM[row]
        oracle = SimulatedOracle(5, float(kind.split()[1]), seed=seed) if " " in kind else None
        labels = stream(recording, oracle, settings).labels
    return score(recording.truth, labels, recording.fps).acc


def _answered(task: tuple[Path, float, float, int]) -> float:
    path, error, latency, seed = task
    recording = load_recording(path, path.parent)
    found = stream(recording, SimulatedOracle(5, error, latency, seed=seed), SegmenterConfig())
    return score(recording.truth, found.labels, recording.fps).acc


def _announced(task: tuple[Path, float]) -> tuple[float, float]:
    """Median delay (s) of the boundaries found, and how many a minute were told and taken back."""
    path, share = task
    recording = load_recording(path, path.parent)
    segmenter = Live(recording, SegmenterConfig(announcement=share))
    found = segmenters.stream(recording, segmenter)
    delay = score(recording.truth, found.labels, recording.fps, found.told_at).delay_s
    minutes = len(recording.truth) / recording.fps / 60.0
    return np.nan if delay is None else delay, segmenter.taken_back / minutes


def run_all(pool: ProcessPoolExecutor, work: Callable, tasks: Sequence) -> dict:
    """What comes of every task; of equal ones only once."""
    tasks = list(dict.fromkeys(tasks))
    results = tqdm(pool.map(work, tasks), total=len(tasks), unit=" runs", disable=None, leave=False)
    return dict(zip(tasks, results, strict=True))


def write_tables(pool: ProcessPoolExecutor, files: dict[str, list[Path]], out: Path) -> None:
    rows = (*BATCH, *STREAM)
    tasks = [(path, row, 0) for row in rows for paths in files.values() for path in paths]
    tasks += [
        (path, row, seed) for row in CHANCE for seed in SEEDS for paths in files.values() for path in paths
    ]
    accuracy = run_all(pool, _accuracy, tasks)

    def mean(paths: list[Path], row: str, seed: int) -> float:
        return float(np.mean([accuracy[path, row, seed] for path in paths]))

    heads = _heads(files)
    lines = [
        "ACC (Hungarian, mean over the sequences of a folder). Batch knows K, streams do not.",
        "Simulated answers come from the labels: an upper bound.",
        *heads,
    ]
    for row in rows:
        cells = [_short(mean(paths, row, 0)) for paths in files.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    (out / "ablation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")

    lines = [
        f"Mean ACC of a folder over {len(SEEDS)} seeds ± its standard deviation. Streams without simulated",
        "answers draw no random number that depends on a seed: their spread is zero.",
        *heads,
    ]
    for row in CHANCE:
        means = [[mean(paths, row, seed) for seed in SEEDS] for paths in files.values()]
        cells = [f"{_short(np.mean(values))} ± {_short(np.std(values, ddof=1))}" for values in means]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    (out / "spread.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_announcements(pool: ProcessPoolExecutor, files: dict[str, list[Path]], out: Path) -> None:
    told = run_all(
        pool, _announced, [(p, share) for share in ANNOUNCEMENTS for paths in files.values() for p in paths]
    )
    lines = [
        "When a boundary is announced at a share of the evidence that it needs in the end: median seconds",
        "from a boundary to its announcement, and announcements taken back a minute.",
        *_heads(files),
    ]
    for share in ANNOUNCEMENTS:
        means = [np.nanmean([told[path, share] for path in paths], axis=0) for paths in files.values()]
        cells = [f"{delay:.2f} s, {taken_back:.1f}" for delay, taken_back in means]
        lines.append(f"| {share} | " + " | ".join(cells) + " |")
    (out / "announcements.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _heads(files: dict[str, list[Path]]) -> list[str]:
    return ["", "| | " + " | ".join(files) + " |", "|---" * (len(files) + 1) + "|"]


def _short(value: float) -> str:
    """Three digits, without the zero before the point."""
    return f"{value:.3f}".removeprefix("0")


def _like(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels renamed to the true motions that they match best; those left over get names of their own, and
    what is idle or not known stays -1."""
    kinds, place = np.unique(labels, return_inverse=True)
    table = np.zeros((truth.max() + 1, len(kinds)))
    known = (truth >= 0) & (labels >= 0)
    np.add.at(table, (truth[known], place[known]), 1)
    names = truth.max() + 1 + np.arange(len(kinds))
    rows, columns = linear_sum_assignment(table, maximize=True)
    names[columns] = rows
    names[kinds < 0] = -1
    return names[place]


def _bars(axes, labels: np.ndarray, title: str) -> None:
    axes.set_facecolor("white")
    shown = np.ma.masked_less(labels[None, :], 0) % 20
    axes.imshow(shown, aspect="auto", cmap="tab20", interpolation="nearest", vmin=0, vmax=19)
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
    affinity = constrained_affinity(result.codes, recording.data, recording.fps, config, links)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), constrained_layout=True)
    for ax, matrix, title in zip(
        axes,
        (graph, np.sqrt(affinity / affinity.max()), same),
        ("TVS matrix (frames 0-99)", "affinity (square root)", "truth: same motion"),
        strict=True,
    ):
        ax.imshow(matrix[:100, :100] if matrix is graph else matrix, cmap="magma", interpolation="nearest")
        ax.set_title(title)
    for change in changes(recording.truth):
        if change < 100:
            axes[0].axvline(change - 0.5, color="cyan", linewidth=0.8, linestyle=":")
    figure.supxlabel(f"frames of {SHOWN[0]}/{recording.name}; dotted: true boundaries", fontsize=10)
    figure.savefig(out / "matrices.png", dpi=80, bbox_inches="tight")


def draw_rounds(plt, recordings: Sequence[Recording], out: Path) -> None:
    """Accuracy by round of feedback."""
    config = replace(BatchConfig(), rounds=5, divided=1.0)
    figure, ax = plt.subplots(figsize=(5, 3.5), constrained_layout=True)
    for kind, name in (
        ("kinematic", "kinematic links"),
        ("simulated 0.1", "simulated answers, 10 % wrong"),
    ):
        curves = []
        for recording in recordings:
            rounds = batch(recording, kind, config).rounds
            accuracy = [score(recording.truth, labels, recording.fps).acc for labels in rounds]
            curves.append(accuracy + accuracy[-1:] * (config.rounds - len(accuracy)))
        ax.plot(range(1, config.rounds + 1), np.mean(curves, axis=0), marker="o", label=name)
    ax.set(
        xlabel="round of feedback",
        ylabel="ACC before runs are joined",
        title=f"{SHOWN[0]}, batch",
        xticks=range(1, config.rounds + 1),
    )
    ax.legend()
    figure.savefig(out / "rounds.png", dpi=80)


def draw_answers(plt, pool: ProcessPoolExecutor, files: dict[str, list[Path]], out: Path) -> None:
    """Accuracy of the stream against the error rate and the latency of simulated answers."""
    curves = {
        "share of wrong answers, none late": [(error, 0.0) for error in ERRORS],
        "seconds to an answer, 10 % wrong": [(0.1, latency) for latency in LATENCIES],
    }

    def task(path: Path, error: float, latency: float, seed: int) -> tuple[Path, float, float, int]:
        return path, error, latency, seed if error else 0

    accuracy = run_all(
        pool,
        _answered,
        [
            task(path, *point, seed)
            for points in curves.values()
            for paths in files.values()
            for point in points
            for seed in SEEDS
            for path in paths
        ],
    )
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, constrained_layout=True)
    for ax, (label, points), place in zip(axes, curves.items(), (0, 1), strict=True):
        for name, paths in files.items():
            means = [
                [np.mean([accuracy[task(path, *point, seed)] for path in paths]) for seed in SEEDS]
                for point in points
            ]
            ax.errorbar(
                [point[place] for point in points],
                np.mean(means, axis=1),
                np.std(means, axis=1, ddof=1),
                marker="o",
                capsize=3,
                label=name,
            )
        ax.set(xlabel=label, ylim=(0.5, 1.0))
        ax.grid(alpha=0.3)
    axes[0].set(ylabel="ACC, stream, K unknown")
    axes[0].legend()
    figure.suptitle(f"simulated answers: mean and standard deviation over {len(SEEDS)} seeds", fontsize=10)
    figure.savefig(out / "answers.png", dpi=80)


def draw_labels(plt, recordings: Sequence[Recording], out: Path) -> None:
    """Labels of a stream, at once and for good, against those of the batch and the truth."""
    figure, axes = plt.subplots(
        4 * len(recordings), 1, figsize=(10, 3.2 * len(recordings)), layout="constrained"
    )
    for recording, rows in zip(recordings, axes.reshape(-1, 4), strict=True):
        truth, segmenter = recording.truth, Live(recording, SegmenterConfig())
        final = segmenters.stream(recording, segmenter).labels
        # A frame in which too little was seen was not fed.
        live = np.array(segmenter.live)[np.maximum(np.cumsum(recording.usable) - 1, 0)]
        batched = _like(truth, batch(recording, "kinematic", BatchConfig()).labels)
        # The same motion has the same colour at once and for good.
        streamed = _like(np.append(truth, np.full(len(live), -1)), np.append(final, live))
        for ax, labels, title in zip(
            rows,
            (truth, batched, *np.split(streamed, 2)),
            (
                f"{recording.name}: truth (white: not labelled)",
                "batch, K known",
                "stream, K unknown, final (white: idle)",
                "stream, as said of each frame when it came (white: idle, or not known yet)",
            ),
            strict=True,
        ):
            _bars(ax, labels, title)
            ax.set_xticks([] if ax is not rows[-1] else ax.get_xticks())
        rows[-1].set(xlabel="frame", xlim=(-0.5, len(truth) - 0.5))
    figure.savefig(out / "labels.png", dpi=80)


def draw_codes(plt, recording: Recording, out: Path) -> None:
    """What goes into the embedding and what comes out."""
    result = batch(recording, "kinematic", BatchConfig())
    columns = signed_columns(measured(recording.data, recording.fps, BatchConfig()))
    figure, axes = plt.subplots(3, 1, figsize=(10, 6), sharex=True, constrained_layout=True)
    _bars(axes[0], recording.truth, "truth")
    for ax, matrix, title in ((axes[1], columns, "columns"), (axes[2], result.codes, "codes")):
        ax.imshow(np.sqrt(np.maximum(matrix, 0)), aspect="auto", cmap="magma", interpolation="nearest")
        ax.set_title(title, loc="left", fontsize=9)
    figure.savefig(out / "codes.png", dpi=60)


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
    shown = {name: files[name] for name in SHOWN if name in files}
    if SHOWN[0] not in shown:
        parser.error(f"{options.data} has no folder {SHOWN[0]} with .npz files")
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    options.out.mkdir(parents=True, exist_ok=True)
    recordings = [load_recording(path, path.parent) for path in shown[SHOWN[0]]]
    draw_matrices(plt, recordings[0], options.out)
    draw_labels(plt, [load_recording(paths[0], options.data) for paths in shown.values()], options.out)
    draw_codes(plt, recordings[0], options.out)
    draw_rounds(plt, recordings, options.out)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        write_tables(pool, files, options.out)
        write_announcements(pool, files, options.out)
        draw_answers(plt, pool, shown, options.out)
    for name in ("ablation.md", "spread.md", "announcements.md"):
        print((options.out / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
