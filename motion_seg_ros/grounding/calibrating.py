"""The calibration of an encoder, from motions whose truth is known (made once, after training)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.calibration import (
    EVIDENCE,
    Calibration,
    even_cosine,
    evidence_of,
    fit_score,
    step_seconds,
)
from motion_seg_ros.grounding.grounder import Grounder, GroundingConfig, span_of
from motion_seg_ros.grounding.motion_text import MotionFeatures, MotionText, unit
from motion_seg_ros.grounding.placing import PlacingConfig, places_of

# A place that overlaps the truth by this much shows the action.
_RIGHT = 0.3
# Slopes that are tried, on so many examples, and the least probability that a step of the truth can have.
_SLOPES, _FOR_SLOPE, _LEAST = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0), 200, 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A motion and what was asked of it.

    Attributes
    ----------
    features : of the motion.
    actions : sub-actions in order of time.
    truths : (start, end) in the nanoseconds of ``features.times`` for each; None where it did not happen.
    """

    features: MotionFeatures
    actions: tuple[str, ...]
    truths: tuple[tuple[int, int] | None, ...]


def calibrate(
    motion_text: MotionText, examples: Sequence[Example], config: GroundingConfig | None = None
) -> Calibration:
    """Background and score of an encoder.

    The background is the cosine that best parts steps inside a truth from all others, for the text of that
    truth; the slope makes the truth of the steps likeliest; the score is fitted on the places that a
    :class:`Grounder` with this background proposes. The examples must not have been trained on, and some of
    their actions must not have happened.

    Raises
    ------
    ValueError : no example of an action that happened and was found, or none of one that was not.
    """
    right: list[float] = []
    wrong: list[float] = []
    texts = [np.asarray(motion_text.embed_text(example.actions), np.float64) for example in examples]
    for example, vectors in zip(examples, texts, strict=True):
        cosines = unit(example.features.values) @ vectors.T
        for column, truth in zip(cosines.T, example.truths, strict=True):
            times = example.features.times
            inside = np.zeros(len(times), bool) if truth is None else (times >= truth[0]) & (times < truth[1])
            right += column[inside].tolist()
            wrong += column[~inside].tolist()
    if not right or not wrong:
        raise ValueError("a calibration needs motion of what was asked for and of other things")
    background = even_cosine(np.array(right), np.array(wrong))
    config = config or GroundingConfig()
    name = motion_text.name
    slope = _fit_slope(name, list(zip(examples, texts, strict=True))[:_FOR_SLOPE], background, config)
    grounder = Grounder(motion_text, _blank(name, background, slope), config)
    evidence, present = [], []
    for example, vectors in zip(examples, texts, strict=True):
        placement = grounder.place(vectors, example.features)
        places = zip(vectors, placement.runs, placement.present, example.truths, strict=True)
        for text, run, happened, truth in places:
            if run is not None:
                evidence.append(evidence_of(example.features, text, *run, background, float(happened)))
                span = span_of(example.features.times, *run)
                present.append(truth is not None and overlap(span, truth) >= _RIGHT)
    bias, weights = fit_score(evidence, present)
    return Calibration(name, background, slope, bias, weights)


def _blank(name: str, background: float, slope: float) -> Calibration:
    """A calibration whose scores say nothing yet."""
    return Calibration(name, background, slope, 0.0, (0.0,) * len(EVIDENCE))


def _fit_slope(
    name: str,
    examples: Sequence[tuple[Example, NDArray[np.float64]]],
    background: float,
    config: PlacingConfig,
) -> float:
    """The slope under which the truth of each step is likeliest: steps of one motion are not independent, so
    what a cosine says of one is not what a logistic regression on single steps would make of it."""
    scores = []
    for slope in _SLOPES:
        blank = _blank(name, background, slope)
        total = 0.0
        for example, vectors in examples:
            times = example.features.times
            odds = blank.odds(unit(example.features.values) @ vectors.T)
            inside = places_of(odds, np.zeros(len(times) + 1), step_seconds(times), config).inside
            chance = 1.0 - inside.sum(axis=0)
            for row, truth in zip(inside, example.truths, strict=True):
                if truth is not None:
                    mine = (times >= truth[0]) & (times < truth[1])
                    chance[mine] = row[mine]
            total += float(np.log(np.clip(chance, _LEAST, 1.0)).mean())
        scores.append(total)
    return _SLOPES[int(np.argmax(scores))]


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Temporal intersection over union of two spans."""
    both = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / max((one[1] - one[0]) + (other[1] - other[0]) - both, 1)
