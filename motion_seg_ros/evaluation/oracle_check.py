"""How good a backend is at "same motion?", and what it costs: ``motion-seg oracle check`` and ``fit``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.oracle_pairs import LabelledMotion, NamedClips, Pair, draw_pairs
from motion_seg_ros.semantics.asking import Asking, AskingConfig
from motion_seg_ros.semantics.calibration import (
    Calibration,
    area_under_curve,
    brier_score,
    chance_calibration_error,
    expected_calibration_error,
    fit_calibration,
)
from motion_seg_ros.semantics.encoder import MotionEncoder
from motion_seg_ros.semantics.health import OracleHealth
from motion_seg_ros.semantics.protocol import Backend

Array = NDArray[np.float64]

# Windows (s) of the moments that a calibration is fitted on: a policy may ask with any of these.
FIT_WINDOWS = (0.8, 1.2, 2.0)


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """What was measured.

    Attributes
    ----------
    backend, fingerprint : who was asked.
    pairs, recordings : how many, from how many recordings or collections.
    unanswered : questions that gave no answer; last_error : why the last of them, in one sentence, or "".
    auc : probability that a same pair gets the higher probability; no answer counts as 0.5.
    ece : expected calibration error of the answers in 10 bins; ece_chance : what it would be by chance, with
        as many, if the probabilities meant just what they say.
    brier : mean squared error; no answer counts as 0.5.
    accuracy : share of right answers at 0.5; no answer is half right.
    same_right, different_right : share of right answers of those about same and about different motions.
    latency_p50_ms, latency_p95_ms : of requests that were answered, one at a time.
    cost, tokens : in all.
    """

    backend: str
    fingerprint: str
    pairs: int
    recordings: int
    unanswered: int
    last_error: str
    auc: float
    ece: float
    ece_chance: float
    brier: float
    accuracy: float
    same_right: float
    different_right: float
    latency_p50_ms: float
    latency_p95_ms: float
    cost: float
    tokens: int

    def lines(self) -> list[str]:
        """The same for people."""
        return [
            f"{self.backend}: {self.pairs} pairs of {self.recordings} recordings, "
            f"{self.unanswered} unanswered" + (f" (the last: {self.last_error})" if self.unanswered else ""),
            f"AUC {self.auc:.3f}, calibration error {self.ece:.3f} (by chance {self.ece_chance:.3f}), "
            f"Brier score {self.brier:.3f}, {100 * self.accuracy:.1f} % right",
            f"right about same motions {self.same_right:.3f}, about different {self.different_right:.3f}",
            f"latency p50 {self.latency_p50_ms:.1f} ms, p95 {self.latency_p95_ms:.1f} ms; "
            f"cost {self.cost:.4g}, tokens {self.tokens}",
        ]


def check_backend(
    backend: Backend, pairs: Sequence[Pair], limits: AskingConfig, progress: Callable[[], object]
) -> tuple[Array, CheckSummary]:
    """Ask about every pair, one after the other, within the limits that hold on a robot too.

    A backend that its breaker would leave alone is not asked any more.

    Parameters
    ----------
    progress : called after each answer.

    Returns
    -------
    (N,) probabilities of "same" (0.5 without an answer) and what they are worth.

    Raises
    ------
    ValueError : the limits do not allow so many questions within an hour, or too few were answered.
    """
    if len(pairs) > limits.per_hour:
        raise ValueError(f"{len(pairs)} pairs are more than oracle.per_hour, {limits.per_hour}, allows")
    return asyncio.run(_check(backend, pairs, limits, progress))


async def _check(
    backend: Backend, pairs: Sequence[Pair], limits: AskingConfig, progress: Callable[[], object]
) -> tuple[Array, CheckSummary]:
    health = OracleHealth()
    asking = Asking(backend, limits, None, health, time.monotonic, waits=True)
    probability, answered = np.full(len(pairs), 0.5), np.zeros(len(pairs), np.bool_)
    seconds: list[float] = []
    try:
        for number, pair in enumerate(pairs):
            answer, outcome = await asking.answer(pair.question)
            if answer is not None:
                probability[number], answered[number] = answer.same_probability, True
                seconds.append(health.seconds[-1])
            elif outcome == "dropped":
                break
            progress()
    finally:
        await backend.close()
    same = np.array([pair.same for pair in pairs])
    if not (answered[same].any() and answered[~same].any()):
        raise ValueError(
            f"{backend.name} answered {int(answered.sum())} of {len(pairs)} questions, "
            f"too few to tell what it is worth; the last error: {health.last_error}"
        )
    right = (probability > 0.5) == same
    latency = np.quantile(seconds, (0.5, 0.95)) * 1e3
    return probability, CheckSummary(
        backend=backend.name,
        fingerprint=backend.fingerprint,
        pairs=len(pairs),
        recordings=len({pair.group for pair in pairs}),
        unanswered=int((~answered).sum()),
        last_error=health.last_error,
        auc=area_under_curve(same, probability),
        ece=expected_calibration_error(same[answered], probability[answered]),
        ece_chance=chance_calibration_error(probability[answered]),
        brier=brier_score(same, probability),
        accuracy=float(np.where(answered, right, 0.5).mean()),
        same_right=float(right[answered & same].mean()),
        different_right=float(right[answered & ~same].mean()),
        latency_p50_ms=float(latency[0]),
        latency_p95_ms=float(latency[1]),
        cost=health.cost,
        tokens=health.tokens,
    )


def write_check(path: Path, probability: Array, pairs: Sequence[Pair], summary: CheckSummary) -> Path:
    """Write ``p_same`` and ``same`` as ``.npz`` and the summary beside it; the path of the summary."""
    beside = path.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, p_same=probability, same=np.array([pair.same for pair in pairs]))
    beside.write_text(json.dumps(asdict(summary), indent=1) + "\n", encoding="utf-8")
    return beside


def fit_encoder(
    encoder: MotionEncoder,
    sources: Sequence[Sequence[LabelledMotion | NamedClips]],
    pairs_each: int,
    seed: int,
    fitted_on: str,
    progress: Callable[[], object],
) -> list[Calibration]:
    """Calibrations of an encoder for all that it may have at hand: its first two likenesses, and more

    Moments of all lengths of :data:`FIT_WINDOWS` are drawn from tracks; each element of ``sources`` weighs
    the same, however many pairs it gives.

    Raises
    ------
    ValueError : a source that no pairs can be drawn from.
    """
    rows, same, groups, weights = [], [], [], []
    for source in sources:
        share = max(2, pairs_each // len(FIT_WINDOWS))
        pairs = [pair for window in FIT_WINDOWS for pair in draw_pairs(source, share, window, seed)]
        for pair in pairs:
            first, second = encoder.encode(pair.question.first), encoder.encode(pair.question.second)
            progress()
            if first is not None and second is not None:
                rows.append(encoder.likeness(first, second))
                same.append(pair.same)
                groups.append(pair.group)
                weights.append(1.0 / len(pairs))
    if not rows:
        raise ValueError("no pair shows enough of a person to fit a calibration on")
    likeness, weight = np.array(rows), np.array(weights) * len(rows) / sum(weights)
    group = np.unique(groups, return_inverse=True)[1]
    return [
        fit_calibration(likeness[:, :count], np.array(same), group, weight, encoder.inputs[:count], fitted_on)
        for count in range(2, len(encoder.inputs) + 1)
    ]
