"""The calibration of an encoder, from motions whose truth is known (made once, after training)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motion_seg_ros.grounding.calibration import Calibration, even_cosine, evidence_of, fit_score
from motion_seg_ros.grounding.grounder import Grounder, GroundingConfig, span_of
from motion_seg_ros.grounding.motion_text import MotionFeatures, MotionText, unit

# A place that overlaps the truth by this much shows the action.
_RIGHT = 0.3


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
    truth; the score is fitted on the places that a :class:`Grounder` with this background proposes. The
    examples must not have been trained on, and some of their actions must not have happened.

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
    blank = Calibration(motion_text.name, background, 0.0, (0.0,) * 4)
    grounder = Grounder(motion_text, blank, config)
    evidence, present = [], []
    for example, vectors in zip(examples, texts, strict=True):
        placement = grounder.place(vectors, example.features)
        for text, run, truth in zip(vectors, placement.runs, example.truths, strict=True):
            if run is not None:
                evidence.append(evidence_of(example.features, text, *run, background))
                span = span_of(example.features.times, *run)
                present.append(truth is not None and overlap(span, truth) >= _RIGHT)
    bias, weights = fit_score(evidence, present)
    return Calibration(motion_text.name, background, bias, weights)


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Temporal intersection over union of two spans."""
    both = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / max((one[1] - one[0]) + (other[1] - other[0]) - both, 1)
