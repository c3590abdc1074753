"""The score sheet of a benchmark: rows, means, ``summary.json`` and the table on the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motion_seg_ros.evaluation.benchmark_config import ALL, TVSH, BenchmarkConfig, answers_note

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
