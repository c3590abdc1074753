"""A run as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motion_seg_ros.evaluation.evaluate import mean_of
from motion_seg_ros.evaluation.scoring import METRICS

# The columns that fit on a terminal; summary.json and the page have all.
_SHOWN = ("acc", "nmi", "edit", "f1_10", "f1_25", "f1_50", "boundary_f1_0.5s", "delay_s", "finality_lag_s",
          "segments", "refused", "dropped", "questions")  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each bag, their means and the intervals of these."""
    names = [row["name"] for row in rows]
    width = max(map(len, [*names, "mean"]), default=4)
    lines = [" ".join([" " * width, *(f"{METRICS[name].head:>9}" for name in _SHOWN)])]
    for row in rows:
        cells = "failed" if row["error"] else " ".join(_cell(row["metrics"][name]) for name in _SHOWN)
        lines.append(f"{row['name']:<{width}} {cells}")
    if len(rows) > 1:
        means = {name: mean_of([row["metrics"][name] for row in rows]) for name in _SHOWN}
        for key in ("mean", "low", "high"):
            lines.append(f"{key:<{width}} " + " ".join(_cell(means[name][key]) for name in _SHOWN))
        lines.append("low, high: 95 % bootstrap interval of the mean over bags")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.3f}".rstrip("0").rstrip(".").rjust(9)
