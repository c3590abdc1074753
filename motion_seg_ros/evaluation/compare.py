"""Whether a difference between two runs over the same bags is more than chance: ``motion-seg compare``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.bag_run import SUMMARY, read_json
from motion_seg_ros.evaluation.scoring import METRICS
from motion_seg_ros.evaluation.statistics import CONFIDENCE, holm, interval, least_p, sign_flip_p

LEVEL = 1.0 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class Difference:
    """How run B differs from run A in a metric.

    Attributes
    ----------
    metric : key of METRICS.
    bags : in which both have it.
    first, second : means of A and B over these.
    difference : B - A.
    low, high : its bootstrap interval over bags, or None.
    p : of the sign-flip test; p_holm : after Holm's correction for the number of metrics.
    better : "A", "B" or "" where no difference is shown.
    """

    metric: str
    bags: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    p: float
    p_holm: float
    better: str

    @property
    def verdict(self) -> str:
        """In plain words."""
        head = METRICS[self.metric].head
        if not self.difference and self.low == self.high:
            return f"{head}: equal in all {self.bags} bags"
        if not self.better:
            return f"{head}: no difference shown with {self.bags} bags ({self._amount()})"
        return f"{head}: {self.better} is better by {self._amount()}"

    def _amount(self) -> str:
        sign = -1.0 if self.difference < 0 and self.better else 1.0
        if self.low is None or self.high is None:
            return f"{_short(sign * self.difference)}"
        low, high = sorted((sign * self.low, sign * self.high))
        return f"{_short(sign * self.difference)} [{_short(low)}, {_short(high)}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes
    ----------
    names : of the bags that both have.
    differences : of every metric that has a better way and that both runs have.
    notes : what was left out, a sentence each.
    """

    names: list[str]
    differences: list[Difference]
    notes: list[str]

    def lines(self) -> list[str]:
        """For people."""
        rows = [
            f"{METRICS[d.metric].head:>10} {_short(d.first):>9} {_short(d.second):>9} "
            f"{d.p:8.4f} {d.p_holm:8.4f}  {d.verdict}"
            for d in self.differences
        ]
        return [
            f"{len(self.names)} bags in both runs; {CONFIDENCE:.0%} bootstrap intervals over bags; p of a "
            "sign-flip test, and after Holm's correction",
            *self.notes,
            f"{'':>10} {'A':>9} {'B':>9} {'p':>8} {'p Holm':>8}",
            *rows,
        ]

    def to_dict(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "bags": self.names,
            "level": round(LEVEL, 6),
            "metrics": [asdict(d) | {"verdict": d.verdict} for d in self.differences],
            "notes": self.notes,
        }


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compare two runs over the bags of the same name.

    Raises
    ------
    ValueError : one is no run of ``evaluate``, they share no bag, or bags of one name are not the same.
    """
    a, b = _bags(first), _bags(second)
    names = [name for name in a if name in b]
    if not names:
        raise ValueError(f"{first} and {second} have no bag in common that both could evaluate")
    notes = [
        f"left out, for only {run} has it: {name}"
        for run, mine, other in ((first, a, b), (second, b, a))
        for name in mine
        if name not in other
    ]
    for name in names:
        for key, what in (("input", "another recording"), ("truth", "other labels")):
            if _same(a[name], key) != _same(b[name], key):
                raise ValueError(f"{name} is {what} in {second} than in {first}: nothing can be compared")
    found = []
    for metric, about in METRICS.items():
        values = [(a[n]["metrics"].get(metric), b[n]["metrics"].get(metric)) for n in names]
        pairs = np.array([pair for pair in values if None not in pair], np.float64).reshape(-1, 2)
        if about.better and len(pairs):
            found.append((metric, pairs))
    p_values = np.array([sign_flip_p(pairs[:, 1] - pairs[:, 0]) for _, pairs in found])
    # Where no bag differs nothing could ever be shown: nothing need be corrected for it (Tarone, 1990).
    differ = np.array([bool((pairs[:, 0] != pairs[:, 1]).any()) for _, pairs in found], np.bool_)
    corrected = np.ones(len(found))
    corrected[differ] = holm(p_values[differ])
    differences = [
        _difference(metric, pairs, float(p), float(adjusted))
        for (metric, pairs), p, adjusted in zip(found, p_values, corrected, strict=True)
    ]
    count = int(differ.sum())
    if count and least_p(len(names)) * count > LEVEL:
        notes.append(
            f"{len(names)} bags cannot show a difference in one of {count} metrics, however large it is: "
            f"{_needed(count)} are needed"
        )
    return Comparison(names, differences, notes)


def _difference(metric: str, pairs: NDArray[np.float64], p: float, p_holm: float) -> Difference:
    first, second = pairs.mean(axis=0)
    by = float(np.mean(pairs[:, 1] - pairs[:, 0]))
    low, high = interval(pairs[:, 1] - pairs[:, 0]) or (None, None)
    better = ""
    if p_holm <= LEVEL:
        better = "B" if by * METRICS[metric].better > 0 else "A"
    return Difference(metric, len(pairs), float(first), float(second), by, low, high, p, p_holm, better)


def _needed(metrics: int) -> int:
    """The fewest bags that could show a difference."""
    return next(count for count in range(1, 64) if 2.0 / 2.0**count * metrics <= LEVEL)


def _bags(folder: Path) -> dict[str, Any]:
    """The bags of a run that could be evaluated, by name."""
    try:
        rows = read_json(folder / SUMMARY)["bags"]
        bags = {row["name"]: row for row in rows if row["error"] is None}
        if not all(isinstance(row["metrics"], dict) and "bytes" in row["input"] for row in bags.values()):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} holds no whole summary.json of motion-seg evaluate") from error
    return bags


def _same(row: Mapping[str, Any], key: str) -> Any:
    """What must be equal of a bag in both runs."""
    value = row.get(key) or {}
    return value.get("bytes") if key == "input" else value.get("digest")


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
