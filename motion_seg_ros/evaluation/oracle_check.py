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
from motion_seg_ros.semantics.calibration import (
    Calibration,
    area_under_curve,
    brier_score,
    chance_calibration_error,
    expected_calibration_error,
    fit_calibration,
)
from motion_seg_ros.semantics.encoder import MotionEncoder
from motion_seg_ros.semantics.protocol import Backend, BackendError

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
    unanswered : questions that gave no answer; they count as 0.5.
    auc : probability that a same pair gets the higher probability.
    ece : expected calibration error in 10 bins; ece_chance : what it would be by chance, with as many pairs,
        if the probabilities meant just what they say.
    brier : mean squared error.
    accuracy : share of right answers at 0.5.
    same_right, different_right : share of right answers about same and about different motions.
    latency_p50_ms, latency_p95_ms : of one question at a time.
    cost, tokens : in all.
    """

    backend: str
    fingerprint: str
    pairs: int
    recordings: int
    unanswered: int
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
            f"{self.unanswered} unanswered",
            f"AUC {self.auc:.3f}, calibration error {self.ece:.3f} (by chance {self.ece_chance:.3f}), "
            f"Brier score {self.brier:.3f}, {100 * self.accuracy:.1f} % right",
            f"right about same motions {self.same_right:.3f}, about different {self.different_right:.3f}",
            f"latency p50 {self.latency_p50_ms:.1f} ms, p95 {self.latency_p95_ms:.1f} ms; "
            f"cost {self.cost:.4g}, tokens {self.tokens}",
        ]


def check_backend(
    backend: Backend, pairs: Sequence[Pair], progress: Callable[[], object]
) -> tuple[Array, CheckSummary]:
    """Ask about every pair, one after the other.

    Parameters
    ----------
    progress : called after each answer.

    Returns
    -------
    (N,) probabilities of "same" and what they are worth.
    """
    return asyncio.run(_check(backend, pairs, progress))


async def _check(
    backend: Backend, pairs: Sequence[Pair], progress: Callable[[], object]
) -> tuple[Array, CheckSummary]:
    probability, seconds = np.full(len(pairs), 0.5), np.zeros(len(pairs))
    cost, tokens, unanswered = 0.0, 0, 0
    try:
        for number, pair in enumerate(pairs):
            began = time.perf_counter()
            try:
                answer = await backend.ask(pair.question)
                probability[number] = answer.same_probability
                cost, tokens = cost + answer.cost, tokens + answer.tokens
            except BackendError:
                unanswered += 1
            seconds[number] = time.perf_counter() - began
            progress()
    finally:
        await backend.close()
    same = np.array([pair.same for pair in pairs])
    says = probability > 0.5
    latency = np.quantile(seconds, (0.5, 0.95)) * 1e3
    return probability, CheckSummary(
        backend=backend.name,
        fingerprint=backend.fingerprint,
        pairs=len(pairs),
        recordings=len({pair.group for pair in pairs}),
        unanswered=unanswered,
        auc=area_under_curve(same, probability),
        ece=expected_calibration_error(same, probability),
        ece_chance=chance_calibration_error(probability),
        brier=brier_score(same, probability),
        accuracy=float(np.mean(says == same)),
        same_right=float(np.mean(says[same])),
        different_right=float(np.mean(~says[~same])),
        latency_p50_ms=float(latency[0]),
        latency_p95_ms=float(latency[1]),
        cost=cost,
        tokens=tokens,
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
