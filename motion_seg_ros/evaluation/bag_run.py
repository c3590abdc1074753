"""One bag evaluated: played, scored, and written down in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from motion_seg_ros import __version__
from motion_seg_ros.bags.items import Item, Source, SourceError
from motion_seg_ros.datasets.annotations import find_sidecar
from motion_seg_ros.evaluation.moments import bag_page
from motion_seg_ros.evaluation.playback import STAGES, Account, Player
from motion_seg_ros.evaluation.scoring import METRICS, Scored, score_play
from motion_seg_ros.evaluation.witness import WHOEVER, Witness
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

SUMMARY, EVENTS, PAGE = "summary.json", "events.jsonl", "page.json"
# Labels that say that nothing is known, as people and datasets write it.
UNKNOWN = ("none", "idle", "unknown", "unlabelled", "unlabeled", "background", "null", "-1")
# Every so many frames a bag's progress is told.
_EVERY = 50


@dataclass(frozen=True, slots=True)
class Setup:
    """How bags are evaluated; everything can be pickled.

    Attributes
    ----------
    open : makes the source of a path.
    player : plays it.
    settings : whatever of the configuration can change a result, in plain JSON values.
    unknown : labels that say that nothing is known, in lower case.
    also : further files that a result depends on.
    code : what :func:`code_digest` says of the package.
    """

    open: Callable[[str], Source]
    player: Player
    settings: Mapping[str, Any]
    unknown: frozenset[str] = frozenset(UNKNOWN)
    also: tuple[Path, ...] = ()
    code: str = field(default_factory=lambda: code_digest())

    @property
    def told(self) -> dict[str, Any]:
        """What a summary says of it: bags with equal values need not be evaluated again."""
        return {
            "version": __version__,
            "code": self.code,
            **self.settings,
            "unknown_labels": sorted(self.unknown),
        }


@dataclass(frozen=True, slots=True)
class BagTask:
    """A bag, its name in the run, and the folder for what is found."""

    path: Path
    name: str
    folder: Path
    size: int = 1


def identity(path: Path, also: Sequence[Path] = ()) -> dict[str, Any]:
    """Path and bytes of a recording with the labels beside it, and a digest of its files' names and times.

    Raises
    ------
    SourceError : it is not there.
    OSError : it cannot be looked at.
    DatasetError : it has several files of labels.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    sidecar = find_sidecar(path)
    parts = [path] if path.is_file() else sorted(item for item in path.iterdir() if item.is_file())
    known = [(part.name, part.stat()) for part in [*parts, *([sidecar] if sidecar else []), *also]]
    facts = [(name, item.st_size, item.st_mtime_ns) for name, item in known]
    return {
        "path": str(path),
        "bytes": sum(item.st_size for _, item in known),
        "files": hashlib.sha256(repr(facts).encode()).hexdigest()[:16],
    }


def finished(task: BagTask, setup: Setup) -> dict[str, Any] | None:
    """The summary of a bag that was evaluated before, as it is and as it would be now; else None."""
    try:
        summary = read_json(task.folder / SUMMARY)
        same = summary["input"] == identity(task.path, setup.also) and summary["settings"] == setup.told
        whole = (task.folder / EVENTS).is_file() and bool(read_json(task.folder / PAGE))
        return summary if same and whole and summary["error"] is None else None
    except (SourceError, OSError, ValueError, KeyError, TypeError):
        # Not there, cut off, or of something else: it is evaluated anew.
        return None


def evaluate_bag(
    task: BagTask, setup: Setup, progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Evaluate one bag and write its folder; the summary is written last.

    Raises
    ------
    SourceError, ValueError, OSError : it cannot be read, or nothing in it can be used.
    """
    began = time.perf_counter()
    known = identity(task.path, setup.also)
    source = setup.open(str(task.path))
    if source.live:
        raise SourceError(f"{task.path} is a camera; what is evaluated must be a recording")
    witness = Witness(setup.unknown)

    def hear(stamp: int, item: Item | SegmentEvent) -> None:
        witness.hear(stamp, item)
        if isinstance(item, SkeletonFrame) and witness.frames % _EVERY == 0 and source.count:
            progress(min(witness.frames / source.count, 1.0))

    account = setup.player(source, hear)
    if not witness.frames:
        raise SourceError(
            f"{source.name} gave no frame that could be used"
            + (f": {account.first_refusal}" if account.first_refusal else "")
        )
    scored = score_play(witness, account)
    summary = {
        "name": task.name,
        "input": known,
        "settings": setup.told,
        "error": None,
        **_facts(witness, scored),
        "metrics": {name: _rounded(scored.metrics[name]) for name in METRICS},
        "oracle": account.oracle,
        "notes": _notes(source, witness, account, scored),
        "machine": _machine(account, time.perf_counter() - began),
    }
    task.folder.mkdir(parents=True, exist_ok=True)
    (task.folder / SUMMARY).unlink(missing_ok=True)
    events = "".join(event.to_json() + "\n" for event in witness.events)
    write_whole(task.folder / EVENTS, events)
    write_whole(task.folder / PAGE, json.dumps(bag_page(witness, scored), allow_nan=False) + "\n")
    write_json(task.folder / SUMMARY, summary)
    progress(1.0)
    return summary


def failed(task: BagTask, setup: Setup, sentence: str) -> dict[str, Any]:
    """The summary of a bag that could not be evaluated, written into its folder."""
    summary = {
        "name": task.name,
        "input": {"path": str(task.path)},
        "settings": setup.told,
        "error": sentence,
        "metrics": dict.fromkeys(METRICS),
    }
    task.folder.mkdir(parents=True, exist_ok=True)
    write_json(task.folder / SUMMARY, summary)
    return summary


def _facts(witness: Witness, scored: Scored) -> dict[str, Any]:
    stamps = witness.stamps
    return {
        "seconds": round(float(stamps[-1] - stamps[0]) / 1e9, 3),
        "truth": {
            "digest": witness.truth_digest,
            "labels": scored.names,
            "labelled_frames": sum(int((line.truth >= 0).sum()) for line in scored.lines),
            "tracks": [line.track for line in scored.lines],
        }
        if scored.has_truth
        else None,
        "motion_labels": {str(motion): scored.names[label] for motion, label in sorted(scored.named.items())},
    }


def _notes(source: Source, witness: Witness, account: Account, scored: Scored) -> list[str]:
    notes = [*source.notes, *account.notes, *([source.problem] if source.problem else [])]
    if account.refused:
        notes.append(f"{account.refused} frames were refused; the first: {account.first_refusal}")
    if not scored.has_truth:
        notes.append("no labels: only what the transcript itself tells is measured")
    elif any(line.track == WHOEVER for line in scored.lines) and len(witness.tracks) > 1:
        notes.append(
            f"{len(witness.tracks)} tracks and labels that name none: they are taken to be of whoever is in "
            "view, and of several people of the one who is seen most"
        )
    if witness.left_out:
        notes.append(f"labels taken for unknown: {', '.join(sorted(witness.left_out))}")
    if witness.goes_back:
        notes.append("stamps go back: frames and segments are compared in the order of their stamps")
    return notes


def _machine(account: Account, seconds: float) -> dict[str, Any]:
    """What depends on the machine and on what else it did."""
    stages = {}
    for stage in STAGES:
        if took := account.milliseconds.get(stage):
            p50, p99 = np.percentile(took, (50, 99))
            stages[stage] = {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}
    return {"seconds": round(seconds, 2), "stages": stages}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)


def code_digest() -> str:
    """Of all files of the package: other code may give other results."""
    digest = hashlib.sha256()
    package = Path(str(files("motion_seg_ros")))
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; OSError or ValueError where there is none."""
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no JSON object")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write strict JSON at once."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
