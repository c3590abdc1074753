"""Methods run on labelled recordings, in one process or several: ``motion-seg benchmark``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import numpy as np

from motion_seg_ros.evaluation import segmenters
from motion_seg_ros.evaluation.answers import Interview
from motion_seg_ros.evaluation.baselines import BASELINES
from motion_seg_ros.evaluation.benchmark_config import (
    ALL,
    FLOOR,
    ORACLES,
    TVSH,
    BenchmarkConfig,
    answers_note,
    methods_of,
)
from motion_seg_ros.evaluation.benchmark_sheet import Sheet, write_summary
from motion_seg_ros.evaluation.causal import MissingLibrary
from motion_seg_ros.evaluation.consultation import Consultation
from motion_seg_ros.evaluation.found import Found
from motion_seg_ros.evaluation.interruption import uninterrupted
from motion_seg_ros.evaluation.metrics import score
from motion_seg_ros.evaluation.recordings import Recording, find_recordings, load_recording
from motion_seg_ros.humocon.features import concept_features
from motion_seg_ros.humocon.runtime import EncoderConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter

Task = tuple[Path, str]
"""A file, and the method that is run on it."""
Result = tuple[dict[str, Any], int]
"""The row of a file, and how many questions were answered about it."""


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
    if config.links in ORACLES:
        backend = ORACLES[config.links]
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
    others = active_children()
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
            if process not in others:
                process.terminate()


def _attempt(task: Task, folder: Path, config: BenchmarkConfig, out: Path) -> Result | str:
    path, method = task
    try:
        return run_file(path, folder, method, config, out)
    except MissingLibrary as error:
        return str(error)
