"""From similarities to a probability that means what it says, and how far a probability is from that."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.plain_text import InputError, reason

Array = NDArray[np.float64]

FORMAT = "motion_seg_ros.calibration/1"
SHIPPED = "encoder.json"
# A weight of one pair on 0 keeps logistic fits of separable pairs finite.
_RIDGE = 1e-3
_FOLDS = 5
# No answer is surer than this.
_SUREST = 0.99


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression of similarities, and on top, if that measured better, isotonic steps.

    Attributes
    ----------
    inputs : names of the similarities, in order.
    weights : one for each of them.
    intercept : log odds at similarities of 0.
    steps : (log odds, probability) knots of an isotonic map, linear between them; empty for the logistic
        function itself (Platt).
    fitted_on : what it was fitted on, in words.
    """

    inputs: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    steps: tuple[tuple[float, float], ...] = ()
    fitted_on: str = ""

    def __post_init__(self) -> None:
        numbers = [*self.weights, self.intercept, *(value for step in self.steps for value in step)]
        if len(self.weights) != len(self.inputs) or not all(map(math.isfinite, numbers)):
            raise ValueError("a calibration needs one finite weight for each of its inputs")
        odds, shares = (list(column) for column in zip(*self.steps, strict=True)) if self.steps else ([], [])
        if odds != sorted(odds) or shares != sorted(shares) or not all(0 <= share <= 1 for share in shares):
            raise ValueError("the steps of a calibration rise, from probabilities of 0 to 1")

    def probability(self, similarities: Array) -> Array:
        """(...) probabilities of "same" from (..., k) similarities, never quite 0 or 1."""
        odds = np.asarray(similarities, np.float64) @ np.array(self.weights) + self.intercept
        if self.steps:
            knots, shares = np.array(self.steps).T
            probability = np.interp(odds, knots, shares)
        else:
            probability = _logistic(odds)
        return np.clip(probability, 1.0 - _SUREST, _SUREST)


def fit_calibration(
    similarities: Array,
    same: NDArray[np.bool_],
    groups: NDArray[np.integer],
    weight: Array,
    inputs: Sequence[str],
    fitted_on: str = "",
) -> Calibration:
    """Fit a calibration, Platt or isotonic: whichever has the smaller calibration error on unseen groups.

    Parameters
    ----------
    similarities : (N, k).
    same : (N,).
    groups : (N,) pairs of one recording, which are left out together when the two are compared.
    weight : (N,) how much each pair counts, above 0.
    inputs : names of the k similarities.

    Raises
    ------
    ValueError : not finite, shapes that do not fit, or pairs of one kind only.
    """
    if similarities.shape != (len(same), len(inputs)) or not len(same) == len(groups) == len(weight):
        raise ValueError(f"{len(same)} pairs of {len(inputs)} similarities are not {similarities.shape}")
    if not np.isfinite(similarities).all():
        raise ValueError("similarities must be finite to fit a calibration")
    if same.all() or not same.any():
        raise ValueError("a calibration needs pairs that show the same motion and pairs that do not")
    fold = np.unique(groups, return_inverse=True)[1] % _FOLDS
    held_out: dict[bool, Array] = {kind: np.full(len(same), np.nan) for kind in (False, True)}
    for number in range(_FOLDS):
        test = fold == number
        if not test.any() or same[~test].all() or not same[~test].any():
            continue
        for kind, guess in held_out.items():
            part = _fit(similarities[~test], same[~test], weight[~test], inputs, kind)
            guess[test] = part.probability(similarities[test])
    seen = np.isfinite(held_out[False])
    errors = {kind: expected_calibration_error(same[seen], guess[seen]) for kind, guess in held_out.items()}
    # Written so that NaN, with no unseen group, chooses the simpler.
    found = _fit(similarities, same, weight, inputs, errors[True] < errors[False])
    return replace(found, fitted_on=fitted_on)


def _fit(
    similarities: Array, same: NDArray[np.bool_], weight: Array, inputs: Sequence[str], isotonic: bool
) -> Calibration:
    weights, intercept = logistic_regression(similarities, same, weight)
    steps: tuple[tuple[float, float], ...] = ()
    if isotonic:
        steps = isotonic_regression(similarities @ weights + intercept, same, weight)
    return Calibration(tuple(inputs), tuple(weights.tolist()), intercept, steps)


def logistic_regression(similarities: Array, same: NDArray[np.bool_], weight: Array) -> tuple[Array, float]:
    """Weights (k,) and intercept of greatest likelihood, by Newton's method.

    The targets are Platt's (1999): a little inside of 0 and 1, by how many pairs there are.
    """
    count = np.array([(~same).sum(), same.sum()])
    target = np.where(same, (count[1] + 1) / (count[1] + 2), 1 / (count[0] + 2))
    middle, scale = similarities.mean(axis=0), np.maximum(similarities.std(axis=0), 1e-12)
    design = np.column_stack(((similarities - middle) / scale, np.ones(len(same))))
    ridge = _RIDGE * np.eye(design.shape[1])
    ridge[-1, -1] = 0.0
    solution = np.zeros(design.shape[1])
    for _ in range(100):
        guess = _logistic(design @ solution)
        slope = design.T @ (weight * (guess - target)) + ridge @ solution
        curve = (design * (weight * guess * (1 - guess))[:, None]).T @ design + ridge
        curve[-1, -1] += 1e-9
        step = np.linalg.solve(curve, slope)
        # Newton's method overshoots where the curve is flat.
        solution -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    weights = solution[:-1] / scale
    return weights, float(solution[-1] - weights @ middle)


def isotonic_regression(
    odds: Array, same: NDArray[np.bool_], weight: Array
) -> tuple[tuple[float, float], ...]:
    """Knots of the non-decreasing map of least squares: pool adjacent violators (Ayer et al. 1955).

    A pool stands at the mean of its odds.
    """
    order = np.argsort(odds, kind="stable")
    pools: list[list[float]] = []  # weight, weighted sum of odds, weighted sum of "same"
    for place in order.tolist():
        pools.append([weight[place], weight[place] * odds[place], weight[place] * float(same[place])])
        while len(pools) > 1 and pools[-2][2] * pools[-1][0] >= pools[-1][2] * pools[-2][0]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    return tuple((total_odds / total, total_same / total) for total, total_odds, total_same in pools)


def _logistic(odds: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * odds)))


def expected_calibration_error(same: NDArray[np.bool_], probability: Array, bins: int = 10) -> float:
    """Mean distance of a probability from the share of "same" among those like it (Naeini et al. 2015).

    The probabilities are sorted into ``bins`` equal intervals of 0..1; NaN for no pairs.
    """
    if not len(same):
        return math.nan
    place = np.minimum((probability * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.bincount(place, weights=same.astype(float) - probability, minlength=bins)
    return float(np.abs(gap).sum() / count.sum())


def chance_calibration_error(probability: Array, bins: int = 10) -> float:
    """What :func:`expected_calibration_error` is on average of probabilities that mean just what they say.

    With few pairs in a bin their share of "same" strays by chance (normal approximation, derived). NaN for
    no pairs.
    """
    if not len(probability):
        return math.nan
    place = np.minimum((probability * bins).astype(int), bins - 1)
    variance = np.bincount(place, weights=probability * (1.0 - probability), minlength=bins)
    return float(np.sqrt(2.0 / math.pi * variance).sum() / len(probability))


def brier_score(same: NDArray[np.bool_], probability: Array) -> float:
    """Mean squared error of (N,) probabilities; 0.25 for somebody who always says 0.5."""
    return float(np.mean((probability - same) ** 2))


def area_under_curve(same: NDArray[np.bool_], probability: Array) -> float:
    """Probability that of N pairs one of the same motion has the higher value than one of different motions.

    Ties count half; NaN where pairs of one kind are missing.
    """
    positive = int(same.sum())
    negative = len(same) - positive
    if not positive or not negative:
        return math.nan
    _, index, count = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    return float((ranks[index][same].sum() - positive * (positive + 1) / 2) / (positive * negative))


def save_calibrations(path: Path, calibrations: Sequence[Calibration]) -> None:
    """Write the calibrations of several sets of inputs as one JSON file."""
    content = {"format": FORMAT, "calibrations": [asdict(item) for item in calibrations]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_calibrations(path: Path | None = None) -> tuple[Calibration, ...]:
    """Calibrations of a file that :func:`save_calibrations` wrote, or those of the package.

    Raises
    ------
    ValueError : not such a file.
    OSError : not a file that can be read.
    """
    source = path or resources.files("motion_seg_ros.semantics").joinpath(SHIPPED)
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("its format is another")
        return tuple(
            Calibration(
                tuple(map(str, item["inputs"])),
                tuple(map(float, item["weights"])),
                float(item["intercept"]),
                tuple((float(odds), float(share)) for odds, share in item["steps"]),
                str(item["fitted_on"]),
            )
            for item in content["calibrations"]
        )
    except KeyError as error:
        raise InputError(f"{path or SHIPPED} is no calibration: it has no {reason(error)}") from error
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path or SHIPPED} is no calibration that can be read: {reason(error)}") from error
