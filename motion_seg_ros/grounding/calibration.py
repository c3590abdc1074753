"""From cosines to a score that means something: how likely it is that an action happened where it was found.

The numbers belong to one encoder and lie beside its weights as JSON:

    {"format": "motion_seg_ros.grounding/3", "encoder": NAME of the MotionText, "background": cosine,
     "slope": number, "threshold": 0..1, "bias": number,
     "weights": {"cosine": .., "contrast": .., "present": ..}}

``background`` is the cosine of a step with a text at which "this shows it" and "it does not" are even, and
``slope`` how many log odds a cosine is worth in one of many steps that say nearly the same;
score = sigmoid(bias + sum of weight * evidence); a span is found when its score reaches ``threshold``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.motion_text import MotionFeatures, pool, unit
from motion_seg_ros.plain_text import InputError, reason

Array = NDArray[np.float64]

FORMAT = "motion_seg_ros.grounding/3"
EVIDENCE = ("cosine", "contrast", "present")
"""Of a span: cosine of its pooled features with the text; how much more it is like the text than the rest of
the motion; the log odds that it happened at all, see :mod:`motion_seg_ros.grounding.placing`."""

# Of the logistic regression: keeps weights finite where the evidence parts the cases perfectly.
_RIDGE = 0.1
# Beyond these log odds being present says no more.
_SURE = 6.0


@dataclass(frozen=True)
class Calibration:
    """The numbers above.

    Attributes
    ----------
    weights : one for each of :data:`EVIDENCE`.
    """

    encoder: str
    background: float
    slope: float
    bias: float
    weights: tuple[float, ...]
    threshold: float = 0.5

    def odds(self, cosines: Array) -> Array:
        """(L, k) log odds of the steps of one motion that show each text, from their cosines with it.

        People and cameras that the encoder does not know shift all cosines of a text. What is even lies
        therefore halfway between the background and the mean over the motion.
        """
        even = (self.background + cosines.mean(axis=0)) / 2
        return self.slope * (cosines - even)

    def score(self, evidence: Array) -> float:
        """Probability, 0..1."""
        logit = self.bias + float(np.dot(self.weights, evidence))
        return float(1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0))))

    def save(self, path: Path) -> None:
        """Write the JSON."""
        values = {
            "format": FORMAT,
            "encoder": self.encoder,
            "background": self.background,
            "slope": self.slope,
            "threshold": self.threshold,
            "bias": self.bias,
            "weights": dict(zip(EVIDENCE, self.weights, strict=True)),
        }
        path.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load_calibration(path: Path, encoder: str) -> Calibration:
    """Read the JSON that belongs to an encoder.

    Raises
    ------
    OSError : it cannot be read.
    ValueError : it is another format or belongs to another encoder.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        kind, named = str(values["format"]), str(values["encoder"])
        numbers = [float(values[name]) for name in ("background", "slope", "bias", "threshold")]
        weights = tuple(float(values["weights"][name]) for name in EVIDENCE)
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is no calibration of grounding: {reason(error)}") from error
    if kind != FORMAT:
        raise InputError(f"{path} has the format {kind!r}, not {FORMAT}")
    if not np.isfinite([*numbers, *weights]).all() or not -1 <= numbers[0] <= 1 or not 0 <= numbers[3] <= 1:
        raise InputError(f"{path} holds numbers that no calibration has")
    if named != encoder:
        raise InputError(f"{path} belongs to the encoder {named}, not to {encoder}: calibrate it anew")
    background, slope, bias, threshold = numbers
    return Calibration(named, background, slope, bias, weights, threshold)


def evidence_of(
    features: MotionFeatures, text: Array, first: int, last: int, background: float, present: float
) -> Array:
    """:data:`EVIDENCE` of the steps ``first <= step < last`` for one text (d,) of a probability."""
    odds = np.log(max(present, 1e-9)) - np.log(max(1.0 - present, 1e-9))
    inside = np.zeros((2, len(features)))
    inside[0, first:last] = 1.0
    inside[1] = 1.0 - inside[0]
    pooled, _ = pool(features.values, features.attention, inside)
    cosine, rest = unit(pooled) @ text
    outside = rest if last - first < len(features) else background
    return np.array([cosine, cosine - outside, np.clip(odds, -_SURE, _SURE)])


def step_seconds(times: NDArray[np.int64]) -> float:
    """The usual distance of two steps."""
    return float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else 0.1


def even_cosine(right: Array, wrong: Array) -> float:
    """The cosine that best parts steps of the text's action from others, both kinds counting the same."""
    values = np.concatenate((right, wrong))
    share = np.concatenate((np.full(len(right), 1.0 / len(right)), np.full(len(wrong), -1.0 / len(wrong))))
    order = np.argsort(values, kind="stable")
    # Above place p everything is called right: the gain is 1 minus what the places up to p hold.
    gains = -np.cumsum(share[order])
    best = int(np.argmax(gains[:-1])) if len(values) > 1 else 0
    return float(values[order[best : best + 2]].mean())


def fit_score(evidence: Sequence[Array], present: Sequence[bool]) -> tuple[float, tuple[float, ...]]:
    """Bias and weights by logistic regression (Newton's method, a weak ridge on standardised evidence).

    Parameters
    ----------
    evidence : n arrays of :data:`EVIDENCE`.
    present : whether each was right.

    Raises
    ------
    ValueError : all were right, or all were wrong.
    """
    truth = np.asarray(present, np.float64)
    if len(set(truth.tolist())) < 2:
        raise ValueError("a score needs examples of what happened and of what did not")
    raw = np.asarray(evidence, np.float64)
    mean, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    rows = np.hstack(((raw - mean) / spread, np.ones((len(raw), 1))))
    penalty = np.diag([*[_RIDGE] * raw.shape[1], 1e-6])
    solution = np.zeros(rows.shape[1])
    for _ in range(50):
        guess = 1.0 / (1.0 + np.exp(-np.clip(rows @ solution, -30.0, 30.0)))
        slope = rows.T @ (guess - truth) + penalty @ solution
        curve = (rows * (guess * (1 - guess))[:, None]).T @ rows + penalty
        move = np.linalg.solve(curve, slope)
        solution = solution - move / max(1.0, float(np.abs(move).max()))
        if np.abs(move).max() < 1e-9:
            break
    weights = solution[:-1] / spread
    return float(solution[-1] - weights @ mean), tuple(float(weight) for weight in weights)
