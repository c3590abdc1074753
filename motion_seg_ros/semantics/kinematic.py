"""The backend that works with nothing: how far apart two moments are in what the body does.

A moment is the mean and 1.5 times the spread of the segmenter's features over its window, in units of how
far each feature usually strays: like the segmenter's moments, whatever the phase of the movement (derived).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.protocol import Answer, BackendError, Moment, Question
from motion_seg_ros.skeleton.features import SkeletonFeatures, usual_stray

Array = NDArray[np.float64]

_SPREAD = 1.5
# log odds of "same" = _SAME - _SLOPE * distance: a logistic fit to pairs of the eight actions of CMU
# subjects, windows of 0.8 s of one clip or of clips of two actions (AUC 0.78).
_SAME, _SLOPE = 1.28, 0.94


def signature(features: Array) -> Array:
    """(2 d,) what a moment is like, in usual strays, from the features (W, d) of its frames."""
    values = features / usual_stray()
    return np.concatenate((values.mean(axis=0), _SPREAD * values.std(axis=0)))


def distance(first: Array, second: Array) -> float:
    """Root mean square of the differences of two signatures."""
    return float(np.sqrt(np.mean((first - second) ** 2)))


class KinematicBackend:
    """Same or different by the distance of signatures."""

    name, fingerprint = "kinematic", "kinematic/1"

    async def ask(self, question: Question) -> Answer:
        first, second = moment_features(question.first), moment_features(question.second)
        apart = distance(signature(first), signature(second))
        return Answer(1.0 / (1.0 + math.exp(_SLOPE * apart - _SAME)), source=self.name)

    async def close(self) -> None:
        pass


def moment_features(moment: Moment) -> Array:
    """(W', d) the segmenter's features of a moment; BackendError if no frame shows enough of the body."""
    maker = SkeletonFeatures()
    confidence = np.ones(moment.joints.shape[1])
    rows = []
    for number, joints in enumerate(moment.joints):
        row = maker.update(round(number / moment.fps * 1e9), joints.astype(np.float64), confidence)
        if row is not None:
            rows.append(row)
    if not rows:
        raise BackendError("too little of the body is seen to compare")
    return np.array(rows)
