"""How well predicted spans agree with true ones: R@1, mean average precision, order, false alarms.

A query is one sub-action of one case. Its truth is a span, or None where it did not happen; its prediction is
a span with a score, or None. Spans are (start, end) in any unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Span = tuple[float, float]

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
RECALLS = (0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True)
class Query:
    """One sub-action: what it is called, the case it belongs to, where it is and where it was said to be."""

    label: str
    case: int
    truth: Span | None
    found: Span | None
    score: float


def tiou(one: Span | None, other: Span | None) -> float:
    """Temporal intersection over union; 0 where a span is missing."""
    if one is None or other is None:
        return 0.0
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    either = (one[1] - one[0]) + (other[1] - other[0]) - both
    return both / either if either > 0 else 0.0


def recall_at_1(queries: Sequence[Query], threshold: float) -> float | None:
    """Share of the sub-actions that happened whose span overlaps the truth by at least ``threshold``."""
    present = [query for query in queries if query.truth is not None]
    if not present:
        return None
    return float(np.mean([tiou(query.found, query.truth) >= threshold for query in present]))


def mean_average_precision(queries: Sequence[Query], threshold: float) -> float | None:
    """Mean over labels of the average precision, as in temporal action detection.

    Predictions of a label are ranked by score over all cases; one is right when it overlaps the truth of its
    own query by at least ``threshold``. Precision is made non-increasing before it is summed over recall.
    Equal scores count together, so that their order does not matter.
    """
    labels = sorted({query.label for query in queries if query.truth is not None})
    if not labels:
        return None
    return float(np.mean([_average_precision(queries, label, threshold) for label in labels]))


def _average_precision(queries: Sequence[Query], label: str, threshold: float) -> float:
    mine = [query for query in queries if query.label == label]
    total = sum(query.truth is not None for query in mine)
    told = sorted((query for query in mine if query.found is not None), key=lambda query: -query.score)
    if not told:
        return 0.0
    hits = np.array([tiou(query.found, query.truth) >= threshold for query in told], float)
    right = np.cumsum(hits)
    precision, recall = right / np.arange(1, len(told) + 1), right / total
    scores = np.array([query.score for query in told])
    last = np.concatenate((scores[1:] != scores[:-1], [True]))
    precision, recall = precision[last], recall[last]
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate(([0.0], recall))) * precision))


def order_accuracy(queries: Sequence[Query]) -> float | None:
    """Share of the cases, of those in which several sub-actions happened, where all of these have spans and
    the middles of the spans come in the order of the sentence."""
    right = []
    for case in sorted({query.case for query in queries}):
        present = [query for query in queries if query.case == case and query.truth is not None]
        if len(present) > 1:
            middles = [math.nan if query.found is None else sum(query.found) / 2 for query in present]
            right.append(all(a < b for a, b in pairwise(middles)))
    return float(np.mean(right)) if right else None


def false_alarms(queries: Sequence[Query], recall: float = 0.9) -> float | None:
    """Share of the sub-actions that did not happen which score at least as high as the threshold that
    ``recall`` of those that did happen reach."""
    present = sorted((query.score for query in queries if query.truth is not None), reverse=True)
    absent = [query.score for query in queries if query.truth is None]
    if not present or not absent:
        return None
    threshold = present[min(len(present), math.ceil(recall * len(present))) - 1]
    return float(np.mean([score >= threshold for score in absent]))


def summary(queries: Sequence[Query]) -> dict[str, float | None]:
    """Every number of one method."""
    precision = {t: mean_average_precision(queries, t) for t in THRESHOLDS}
    values = [value for value in precision.values() if value is not None]
    return {
        "map": float(np.mean(values)) if values else None,
        **{f"map_{t}": value for t, value in precision.items()},
        **{f"r1_{t}": recall_at_1(queries, t) for t in RECALLS},
        "order": order_accuracy(queries),
        "false_alarms": false_alarms(queries),
    }
