"""Methods on labelled recordings, one score sheet: ``motion-seg benchmark``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import numpy as np

from motion_seg_ros.evaluation import segmenters
from motion_seg_ros.evaluation.answers import Interview, SimulatedOracle
from motion_seg_ros.evaluation.baselines import BASELINES
from motion_seg_ros.evaluation.causal import MissingLibrary
from motion_seg_ros.evaluation.consultation import Consultation
from motion_seg_ros.evaluation.found import Found
from motion_seg_ros.evaluation.interruption import uninterrupted
from motion_seg_ros.evaluation.metrics import score
from motion_seg_ros.evaluation.recordings import Recording, find_recordings, load_recording
from motion_seg_ros.humocon.features import concept_features
from motion_seg_ros.humocon.runtime import EncoderConfig
from motion_seg_ros.semantics.backends import ENCODER, KINEMATIC
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter

TVSH, ALL, FLOOR = "tvsh", "all", "equal-pieces"
METHODS = (TVSH, *BASELINES)
# Links without answers, and those by answers of an oracle that a robot has: its backend.
_PLAIN = ("none", "kinematic")
_ORACLES = {"encoder": ENCODER, "kinematic-oracle": KINEMATIC}
_SIMULATED = "simulated:EVERY,ERR[,LATENCY_S[-SLOWEST_S]]"
# The numbers of a row and the heads of their columns.
_HEADS = {
    "acc": "ACC",
    "purity": "purity",
    "nmi": "NMI",
    "ari": "ARI",
    "f1_0.2s": "F1@0.2",
    "f1_0.5s": "F1@0.5",
    "delay_s": "delay s",
    "k_true": "K",
    "k_found": "K found",
    "ms_frame_p50": "ms p50",
    "ms_frame_p99": "ms p99",
}
FIELDS = ("frames", "fps", *_HEADS)

Task = tuple[Path, str]
"""A file, and the method that is run on it."""
Result = tuple[dict[str, Any], int]
"""The row of a file, and how many questions were answered about it."""


@dataclass(frozen=True, slots=True)
class BenchmarkConfig:
    """What is run.

    Attributes
    ----------
    mode : "batch" (every frame known at once) or "stream" (one frame at a time).
    clusters : "known" (the number of motions is given) or "unknown".
    links : "none", "kinematic" (jumps), "encoder" or "kinematic-oracle" (jumps, and answers of the oracle of
        tvsh_node with that backend, in streams of skeletons) or
        "simulated:EVERY,ERR[,LATENCY_S[-SLOWEST_S]]".
    method : one of METHODS, or "all".
    features : of skeletons: "skeleton", or "concepts" for the encoded motion of a concept model.
    weights : folder of that model; "" for the one that comes with the package.
    lag : seconds after which a stream's labels are final, and with it how long answers count; 0: as usual.

    Raises
    ------
    ValueError : a value that does not exist, or a combination that makes no sense.
    """

    mode: str
    clusters: str
    links: str
    method: str = TVSH
    features: str = "skeleton"
    weights: str = ""
    lag: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in (
            ("mode", ("batch", "stream")),
            ("clusters", ("known", "unknown")),
            ("method", (*METHODS, ALL)),
            ("features", ("skeleton", "concepts")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        self.oracle()
        if self.links in _ORACLES and self.mode != "stream":
            raise ValueError(f"an oracle answers while a stream goes by: links {self.links} need mode stream")
        self.segmenter()
        reason = unfit(self.method, self.mode, self.clusters) if self.method in BASELINES else ""
        if reason and self.method != FLOOR:
            raise ValueError(reason)

    def segmenter(self) -> SegmenterConfig:
        """The numbers of the streaming segmenter."""
        usual = SegmenterConfig(jumps=self.links != "none")
        if not self.lag:
            return usual
        # What is left between an answer's last moment and finality stays.
        return replace(usual, lag=self.lag, deadline=max(self.lag - (usual.lag - usual.deadline), 0.0))

    def oracle(self) -> SimulatedOracle | None:
        """The simulated oracle that ``links`` asks for, or None."""
        kind, _, numbers = self.links.partition(":")
        if kind != "simulated":
            plain = (*_PLAIN, *_ORACLES)
            if self.links in plain:
                return None
            raise ValueError(f"links must be {', '.join(plain)} or {_SIMULATED}, not {self.links!r}")
        parts = numbers.split(",")
        try:
            every, error = int(parts[0]), float(parts[1])
            quick, _, slow = parts[2].partition("-") if parts[2:] else ("0", "", "")
            latency, slowest = float(quick), float(slow or 0.0)
        except (ValueError, IndexError):
            raise ValueError(f"simulated answers are written {_SIMULATED}, not {self.links!r}") from None
        if len(parts) > 3:
            raise ValueError(f"simulated answers have at most three numbers, not {self.links!r}")
        return SimulatedOracle(every, error, latency, slowest)


@dataclass(slots=True)
class Sheet:
    """Scores of one method: one row a sequence, in the order of the files, and their means.

    Attributes
    ----------
    questions : how many "same motion?" questions were answered about each sequence.
    """

    method: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)

    @property
    def mean(self) -> dict[str, float | None]:
        """Mean of every number over the sequences that have it."""
        means: dict[str, float | None] = {}
        for name in FIELDS:
            values = [row[name] for row in self.rows if row[name] is not None]
            means[name] = float(np.mean(values)) if values else None
        return means


def unfit(method: str, mode: str, clusters: str) -> str:
    """One sentence why a baseline cannot be run so, or ""."""
    baseline = BASELINES[method]
    if mode == "stream" and not baseline.causal:
        return f"{method} needs the whole sequence: use --mode batch"
    if clusters == "unknown" and baseline.needs_clusters:
        return f"{method} needs the number of motions: use --clusters known"
    return ""


def methods_of(config: BenchmarkConfig) -> list[str]:
    """The methods to run: the one asked for, or all that can be run so; K equal pieces is always last."""
    chosen = [config.method]
    if config.method == ALL:
        chosen = [TVSH, *(m for m in BASELINES if not unfit(m, config.mode, config.clusters))]
    return [*(m for m in chosen if m != FLOOR), FLOOR]


def run_one(recording: Recording, method: str, config: BenchmarkConfig) -> Found:
    """One method on one recording."""
    clusters = len(np.unique(recording.truth[recording.truth >= 0]))
    given = clusters if config.clusters == "known" else None
    if method == FLOOR:
        # The floor looks at nothing but the number of motions.
        return BASELINES[FLOOR].run(recording.data, recording.fps, clusters)
    if method in BASELINES:
        return BASELINES[method].run(recording.data, recording.fps, given)
    oracle = config.oracle()
    if config.mode == "batch":
        links, questions = None, 0
        if config.links == "kinematic":
            links = segmenters.kinematic_links(recording)
        elif oracle is not None:
            interview = Interview(recording.truth, recording.fps, oracle)
            for frame in range(len(recording.truth)):
                interview.step(frame)
            links, questions = interview.links(), interview.questions
        return replace(segmenters.batch(recording, given, links), questions=questions)
    settings = config.segmenter()
    segmenter = StreamingSegmenter(recording.data.shape[1], settings, stray=recording.stray)
    if config.links in _ORACLES:
        backend = _ORACLES[config.links]
        consultation = Consultation(recording, backend, settings.deadline, segmenter.outlook)
        try:
            return segmenters.stream(recording, segmenter, consultation)
        finally:
            consultation.close()
    asked = None
    if oracle is not None:
        asked = Interview(recording.truth, recording.fps, oracle, settings.deadline)
    return segmenters.stream(recording, segmenter, asked)


def row_of(recording: Recording, found: Found) -> dict[str, Any]:
    """One line of the score sheet."""
    scores = score(recording.truth, found.labels, recording.fps, found.told_at)
    times = found.milliseconds
    return {
        "name": recording.name,
        "frames": len(recording.truth),
        "fps": recording.fps,
        "k_true": scores.k_true,
        "k_found": scores.k_found,
        "acc": scores.acc,
        "purity": scores.purity,
        "nmi": scores.nmi,
        "ari": scores.ari,
        "f1_0.2s": scores.f1_02s,
        "f1_0.5s": scores.f1_05s,
        "delay_s": scores.delay_s,
        "ms_frame_p50": None if times is None else float(np.percentile(times, 50)),
        "ms_frame_p99": None if times is None else float(np.percentile(times, 99)),
    }


def run_file(path: Path, folder: Path, method: str, config: BenchmarkConfig, out: Path) -> Result:
    """Run one method on one file; write its labels under ``out``."""
    observe = concept_features(EncoderConfig(config.weights)) if config.features == "concepts" else None
    recording = load_recording(path, folder, observe)
    try:
        found = run_one(recording, method, config)
    except MissingLibrary:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    target = out / f"{recording.name}.npz"
    target.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"labels": found.labels.astype(np.int32)}
    if config.mode == "stream" and found.final_at is not None:
        arrays["final_at"] = found.final_at.astype(np.int64)
    if method == TVSH and config.oracle() is not None:
        arrays["answers"] = np.array(answers_note(config))
    np.savez_compressed(target, **arrays)
    return row_of(recording, found), found.questions


def run_benchmark(
    folder: Path,
    config: BenchmarkConfig,
    out: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Sheet], list[str]]:
    """Run everything and write ``summary.json`` and the labels.

    Labels of the method asked for (TVSH where all are) lie in ``out`` itself, those of others in a folder
    of their name.

    Parameters
    ----------
    folder : holds labelled ``.npz`` files, or folders of them.
    jobs : processes.
    progress : called with (runs done, runs in all).

    Returns
    -------
    One sheet a method, and notes about what was left out.

    Raises
    ------
    ValueError : what cannot be run; DatasetError, MissingLibrary are.
    """
    paths, notes = find_recordings(folder)
    if config.mode == "stream" and config.clusters == "known":
        notes.append("a stream's number of motions is never given: tvsh finds it itself")
    methods = methods_of(config)
    sheets: list[Sheet] = []
    out.mkdir(parents=True, exist_ok=True)
    tasks = [(path, method) for method in methods for path in paths]
    results: dict[Task, Result] = {}
    missing: dict[str, str] = {}
    for done, (task, result) in enumerate(_results(tasks, folder, config, out, methods[0], jobs), start=1):
        if isinstance(result, str):
            if config.method != ALL:
                raise MissingLibrary(result)
            missing[task[1]] = result
        else:
            results[task] = result
        progress(done, len(tasks))
    notes += [f"{method} is left out: {reason}" for method, reason in missing.items()]
    for method in methods:
        if method not in missing:
            done_with = [results[path, method] for path in paths]
            sheets.append(Sheet(method, [row for row, _ in done_with], [asked for _, asked in done_with]))
    write_summary(out / "summary.json", config, sheets, notes)
    return sheets, notes


def _results(
    tasks: Sequence[Task], folder: Path, config: BenchmarkConfig, out: Path, main: str, jobs: int
) -> Iterator[tuple[Task, Result | str]]:
    """Rows as they are ready, in any order; for a missing library the sentence that says so."""
    places = {task: out if task[1] == main else out / task[1] for task in tasks}
    if jobs == 1:
        for task in tasks:
            yield task, _attempt(task, folder, config, places[task])
        return
    # Fresh processes: forking one that has threads is not safe.
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn"))
    try:
        with uninterrupted():
            waiting = {pool.submit(_attempt, task, folder, config, places[task]): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool as error:
        raise OSError("a process that ran a method was ended, perhaps for want of memory") from error
    finally:
        # Nothing is left to do, or whoever asked wants nothing more.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()


def _attempt(task: Task, folder: Path, config: BenchmarkConfig, out: Path) -> Result | str:
    path, method = task
    try:
        return run_file(path, folder, method, config, out)
    except MissingLibrary as error:
        return str(error)


def write_summary(path: Path, config: BenchmarkConfig, sheets: Sequence[Sheet], notes: Sequence[str]) -> None:
    """``summary.json``: the method asked for, and the others under "methods"."""
    first = sheets[0]
    content = {
        "config": asdict(config) | {"answers": answers_note(config), "notes": list(notes)},
        "sequences": first.rows,
        "mean": first.mean,
        "questions": dict(zip((row["name"] for row in first.rows), first.questions, strict=True)),
        "methods": {sheet.method: {"sequences": sheet.rows, "mean": sheet.mean} for sheet in sheets[1:]},
    }
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def answers_note(config: BenchmarkConfig) -> str:
    """Where links came from, in words."""
    if config.oracle() is not None:
        return f"simulated from the labels ({config.links}): an upper bound, nothing that a robot could know"
    if config.links in _ORACLES:
        backend = _ORACLES[config.links]
        return f"links from jumps of the features, and answers of the oracle with the backend {backend}"
    return {"none": "no links", "kinematic": "links from jumps of the features; no answers"}[config.links]


def table(config: BenchmarkConfig, sheets: Sequence[Sheet]) -> str:
    """The score sheet as text: every sequence of a single method, the mean of every method."""
    lines = [
        f"{config.mode}, number of motions {config.clusters}, {answers_note(config)}",
        "ACC is Hungarian; K equal pieces knows the number of motions and looks at nothing",
    ]
    rows: list[tuple[str, dict[str, Any]]] = []
    if config.method != ALL:
        rows += [(row["name"], row) for row in sheets[0].rows]
    for sheet in sheets:
        title = sheet.method
        if title == TVSH and config.oracle() is not None:
            title += " (simulated)"
        rows.append((f"mean of {title}", sheet.mean))
    width = max(len(title) for title, _ in rows)
    lines.append(" ".join([" " * width, *(f"{head:>7}" for head in _HEADS.values())]))
    lines += [
        " ".join([title.ljust(width), *(_cell(name, row[name]) for name in _HEADS)]) for title, row in rows
    ]
    questions = sum(sheets[0].questions)
    if questions:
        minutes = sum(row["frames"] / row["fps"] for row in sheets[0].rows) / 60.0
        lines.append(f"{questions} questions were asked, {questions / minutes:.1f} a minute")
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return f"{'-':>7}"
    return f"{value:7.1f}" if name.startswith("k_") else f"{value:7.3f}"
