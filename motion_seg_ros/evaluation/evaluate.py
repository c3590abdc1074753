"""Many bags evaluated, one after another or beside one another: ``motion-seg evaluate``."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np

from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.evaluation import bag_run
from motion_seg_ros.evaluation.bag_run import BagTask, Setup
from motion_seg_ros.evaluation.evaluation_page import write_run_page
from motion_seg_ros.evaluation.interruption import uninterrupted
from motion_seg_ros.evaluation.scoring import METRICS
from motion_seg_ros.evaluation.statistics import CONFIDENCE, RESAMPLES, SEED, interval
from motion_seg_ros.pose.model import ModelMissing

REPORT = "report.html"
TRACE = "traceback.txt"
# What the person who named a bag can put right.
_TOLD = (SourceError, ModelMissing, ValueError, OSError)
_POLL_S = 0.1

Progress = Callable[[float], None]
"""Takes the bytes of the bags that are done, all in all."""


@dataclass(slots=True)
class Run:
    """What became of the bags.

    Attributes
    ----------
    rows : the summary of each bag that was begun, in the order in which they were named.
    kept : how many of them were there before.
    interrupted : it was stopped before all were done.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0
    interrupted: bool = False

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The rows of bags that could not be evaluated."""
        return [row for row in self.rows if row["error"] is not None]


def tasks_of(paths: Sequence[Path], out: Path) -> list[BagTask]:
    """A task for each recording, named once however often; names that are alike get their folders' names.

    Raises
    ------
    ValueError : none is named.
    """
    unique = list(dict.fromkeys(path.expanduser().resolve() for path in paths))
    if not unique:
        raise ValueError("no bag is named")
    names = {path: path.stem or "bag" for path in unique}
    for depth in range(max(len(path.parts) for path in unique)):
        clashes = {name for name in names.values() if list(names.values()).count(name) > 1}
        for path, name in names.items():
            if name in clashes:
                names[path] = "__".join(path.parts[-1 - depth :])
    return [BagTask(path, names[path], out / names[path], _size(path)) for path in unique]


def evaluate(
    tasks: Sequence[BagTask],
    setup: Setup,
    out: Path,
    jobs: int = 1,
    progress: Progress = lambda done: None,
) -> Run:
    """Evaluate the bags that are not done yet; write ``summary.json`` and ``report.html``.

    A bag that fails is a row that says why. When it is interrupted what is done is kept, and written.

    Parameters
    ----------
    jobs : processes; 1 for none but this one.
    """
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    rows: dict[str, dict[str, Any]] = {}
    for task in tasks:
        summary = bag_run.finished(task, setup)
        if summary is not None:
            rows[task.name] = summary
    run = Run(kept=len(rows))
    waiting = [task for task in tasks if task.name not in rows]
    done = sum(task.size for task in tasks if task.name in rows)
    progress(done)
    work = _here if jobs == 1 or len(waiting) < 2 else _beside_one_another
    try:
        for task, row in work(waiting, setup, jobs, lambda more: progress(done + more)):
            rows[task.name] = row
    except KeyboardInterrupt:
        run.interrupted = True
    run.rows = [rows[task.name] for task in tasks if task.name in rows]
    summary = run_summary(run, setup, len(tasks))
    bag_run.write_json(
        out / bag_run.SUMMARY, summary | {"machine": {"seconds": time.perf_counter() - began, "jobs": jobs}}
    )
    pages = {
        task.name: bag_run.read_json(task.folder / bag_run.PAGE)
        for task in tasks
        if task.name in rows and rows[task.name]["error"] is None
    }
    write_run_page(out / REPORT, summary, pages)
    return run


def run_summary(run: Run, setup: Setup, asked: int) -> dict[str, Any]:
    """``summary.json``: all bags, and the means over them with their intervals."""
    notes = []
    if run.interrupted:
        notes.append(f"interrupted: {len(run.rows)} of {asked} bags are done")
    if run.failed:
        notes.append(f"{len(run.failed)} of {len(run.rows)} bags could not be evaluated and are in no mean")
    means = {name: mean_of([row["metrics"][name] for row in run.rows]) for name in METRICS}
    if max(mean["bags"] for mean in means.values()) < 2:
        notes.append("intervals need two bags or more: there are none")
    return {
        "settings": setup.told,
        "bags": run.rows,
        "mean": means,
        "intervals": {"confidence": CONFIDENCE, "method": "bootstrap over bags (BCa)", "resamples": RESAMPLES,
                      "seed": SEED},
        "notes": notes,
    }  # fmt: skip


def mean_of(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean, bootstrap interval and count of the values that are there."""
    there = [value for value in values if value is not None]
    if not there:
        return {"mean": None, "low": None, "high": None, "bags": 0}
    low, high = interval(there) or (None, None)
    return {"mean": float(np.mean(there)), "low": low, "high": high, "bags": len(there)}


def attempt(task: BagTask, setup: Setup, progress: Progress) -> dict[str, Any]:
    """Evaluate one bag, whatever comes of it; the row."""
    try:
        return bag_run.evaluate_bag(task, setup, lambda share: progress(share * task.size))
    except _TOLD as error:
        return bag_run.failed(task, setup, str(error))
    except Exception as error:
        # Our own mistake: it is kept for whoever can put it right, and the other bags go on.
        row = bag_run.failed(task, setup, f"{type(error).__name__}: {error} (see {task.name}/{TRACE})")
        bag_run.write_whole(task.folder / TRACE, traceback.format_exc())
        return row


def _here(
    tasks: Sequence[BagTask], setup: Setup, jobs: int, progress: Progress
) -> Iterator[tuple[BagTask, dict[str, Any]]]:
    done = 0

    def tell(more: float) -> None:
        progress(done + more)

    for task in tasks:
        yield task, attempt(task, setup, tell)
        done += task.size
        progress(done)


@dataclass(slots=True)
class _Worker:
    """A process that evaluates a bag, and the bytes of it that are done."""

    task: BagTask
    process: Any
    told: Any
    done: float = 0.0

    def listen(self) -> None:
        """Take the progress that was told; nothing comes from a process that is over."""
        with suppress(EOFError):
            while self.told.poll():
                self.done = self.told.recv()


def _beside_one_another(
    tasks: Sequence[BagTask], setup: Setup, jobs: int, progress: Progress
) -> Iterator[tuple[BagTask, dict[str, Any]]]:
    """Each bag in a process of its own: one that is killed takes no other with it."""
    waiting, running, done = list(tasks), list[_Worker](), 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(waiting.pop(0), setup))
            wait([worker.process.sentinel for worker in running], timeout=_POLL_S)
            for worker in running:
                worker.listen()
            for worker in [worker for worker in running if worker.process.exitcode is not None]:
                running.remove(worker)
                done += worker.task.size
                yield worker.task, _result(worker.task, setup, worker.process.exitcode)
            progress(done + sum(worker.done for worker in running))
    finally:
        for worker in running:
            worker.process.terminate()
            worker.process.join()


def _start(task: BagTask, setup: Setup) -> _Worker:
    # Fresh processes: forking one that has threads is not safe.
    context = get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=attempt, args=(task, setup, tell.send), daemon=True)
    with uninterrupted():
        process.start()
    tell.close()
    return _Worker(task, process, told)


def _result(task: BagTask, setup: Setup, code: int) -> dict[str, Any]:
    """The row that a process has left."""
    if code == 0:
        return bag_run.read_json(task.folder / bag_run.SUMMARY)
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return bag_run.failed(task, setup, f"the process that evaluated it {how}")


def _size(path: Path) -> int:
    """Bytes, at least 1 so that what cannot be read counts too."""
    try:
        return max(1, int(bag_run.identity(path)["bytes"]))
    except (SourceError, OSError, ValueError):
        return 1
