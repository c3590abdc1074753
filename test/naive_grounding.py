"""Deliberately naive forms of the metrics of grounding."""

from __future__ import annotations

import numpy as np


def tiou(one, other, steps=100_000, length=100.0):
    """By counting moments."""
    if one is None or other is None:
        return 0.0
    times = (np.arange(steps) + 0.5) * length / steps
    first = (times >= one[0]) & (times < one[1])
    second = (times >= other[0]) & (times < other[1])
    return (first & second).sum() / max((first | second).sum(), 1)


def average_precision(entries, total):
    """Area under the precision envelope: for each recall level the best precision at or beyond it.

    ``entries`` is [(score, right)], ``total`` the number of truths.
    """
    points = []
    for threshold in {score for score, _ in entries}:
        told = [right for score, right in entries if score >= threshold]
        points.append((sum(told) / total, sum(told) / len(told)))
    area = 0.0
    for level in range(1, total + 1):
        area += max((p for r, p in points if r >= level / total - 1e-12), default=0.0) / total
    return area


def false_alarms(present, absent, recall):
    """The highest threshold that keeps the recall, by trying all."""
    best = max(t for t in present if sum(s >= t for s in present) >= recall * len(present) - 1e-12)
    return sum(s >= best for s in absent) / len(absent)
