"""What grounding is compared with: the same features and texts, without masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.monotone_alignment import align
from motion_seg_ros.grounding.calibration import step_seconds
from motion_seg_ros.grounding.grounder import span_of
from motion_seg_ros.grounding.motion_text import MotionFeatures, pool, unit

Array = NDArray[np.float64]
# Start and end in nanoseconds and a score for each sub-action, or None.
Answers: TypeAlias = "list[tuple[int, int, float] | None]"

_WINDOWS = (1.0, 2.0, 3.0, 4.0)
_STRIDE = 0.25


def dp(features: MotionFeatures, texts: Array, background: float) -> Answers:
    """The monotone alignment alone: every step belongs to a sub-action."""
    return _of_path(align(_cosines(features, texts)), features, texts)


def dp_background(features: MotionFeatures, texts: Array, background: float) -> Answers:
    """The monotone alignment with a background."""
    return _of_path(align(_cosines(features, texts), background), features, texts)


def thirds(features: MotionFeatures, texts: Array, background: float) -> Answers:
    """As many equal pieces as sub-actions; looks at nothing."""
    return _of_path(np.arange(len(features)) * len(texts) // len(features), features, texts)


def sliding_window(features: MotionFeatures, texts: Array, background: float) -> Answers:
    """For each sub-action the window of 1 to 4 s whose pooled features are most like it."""
    period = step_seconds(features.times)
    places: list[tuple[int, int]] = []
    for seconds in _WINDOWS:
        size = max(1, min(round(seconds / period), len(features)))
        places += [
            (first, first + size)
            for first in range(0, len(features) - size + 1, max(1, round(_STRIDE / period)))
        ]
    return _best(dict.fromkeys(places), features, texts)


def threshold(features: MotionFeatures, texts: Array, background: float) -> Answers:
    """For each sub-action its longest run of steps above the background."""
    answers: Answers = []
    for column in _cosines(features, texts).T:
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (column > background).astype(np.int8), [0]))))
        runs = edges.reshape(-1, 2)
        if not len(runs):
            answers.append(None)
            continue
        first, last = (int(edge) for edge in runs[np.argmax(runs[:, 1] - runs[:, 0])])
        answers.append((*span_of(features.times, first, last), float(column[first:last].mean())))
    return answers


def segments(borders: Sequence[int], features: MotionFeatures, texts: Array) -> Answers:
    """For each sub-action the segment, between borders in nanoseconds, that is most like it, one by one."""
    steps = [int(step) for step in np.searchsorted(features.times, borders)]
    edges = sorted({0, len(features), *steps})
    return _best(dict.fromkeys(pairwise(edges)), features, texts)


PEERS: dict[str, Callable[[MotionFeatures, Array, float], Answers]] = {
    "dp": dp,
    "dp-background": dp_background,
    "sliding-window": sliding_window,
    "uniform": thirds,
    "threshold": threshold,
}


def _cosines(features: MotionFeatures, texts: Array) -> Array:
    return unit(features.values) @ texts.T


def _of_path(path: NDArray[np.int64], features: MotionFeatures, texts: Array) -> Answers:
    cosines = _cosines(features, texts)
    answers: Answers = []
    for row in range(len(texts)):
        places = np.flatnonzero(path == row)
        if not len(places):
            answers.append(None)
        else:
            run = int(places[0]), int(places[-1]) + 1
            answers.append((*span_of(features.times, *run), float(cosines[run[0] : run[1], row].mean())))
    return answers


def _best(places: dict[tuple[int, int], None], features: MotionFeatures, texts: Array) -> Answers:
    """For each text the place whose pooled features are most like it."""
    masks = np.zeros((len(places), len(features)))
    for mask, (first, last) in zip(masks, places, strict=True):
        mask[first:last] = 1.0
    pooled, _ = pool(features.values, features.attention, masks)
    cosines = unit(pooled) @ texts.T
    order = list(places)
    return [
        (*span_of(features.times, *order[best]), float(cosines[best, row]))
        for row, best in enumerate(cosines.argmax(axis=0).tolist())
    ]
