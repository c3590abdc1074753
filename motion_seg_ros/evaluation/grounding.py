"""Grounding measured on spliced motions whose truth is known: ``motion-seg benchmark-grounding``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.grounding_cases import Case, find_clips, make_cases
from motion_seg_ros.evaluation.grounding_metrics import Query, summary
from motion_seg_ros.evaluation.grounding_peers import PEERS, Answers, segments
from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.grounding.partition import Partition
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.transcriber import Transcriber

Array = NDArray[np.float64]

OURS, TVSH = "masks", "tvsh"
METHODS = (OURS, *PEERS, TVSH)
_COLUMNS = {
    "map": "mAP",
    "r1_0.3": "R1@.3",
    "r1_0.5": "R1@.5",
    "r1_0.7": "R1@.7",
    "order": "order",
    "false_alarms": "FA@90",
}
_NO_PIXELS = np.zeros((0, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What all methods said about one case: answers in nanoseconds by method, and milliseconds of ours."""

    case: Case
    division: Partition
    answers: dict[str, Answers]
    milliseconds: float


def run_benchmark(
    data: Path,
    grounder: Grounder,
    out: Path,
    *,
    count: int,
    actions: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Any], list[str]]:
    """Make the cases, run every method on them, and write ``summary.json`` and ``cases/NUMBER.json``.

    Returns
    -------
    The summary, and notes about what was left out.

    Raises
    ------
    ValueError : data or numbers that make no cases; DatasetError is one.
    """
    if count < 1:
        raise ValueError(f"there must be at least 1 case, not {count}")
    clips, notes = find_clips(data)
    cases = make_cases(clips, count, actions, seed)
    folder = out / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for done, case in enumerate(cases, start=1):
        outcome = run_case(case, grounder)
        outcomes.append(outcome)
        (folder / f"{case.number:04d}.json").write_text(
            json.dumps(case_values(outcome), indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
        progress(done, len(cases))
    result = {
        "data": str(data),
        "seed": seed,
        "cases": len(cases),
        "actions": actions,
        "clips": len(clips),
        "encoder": grounder.motion_text.name,
        "partition_right": float(
            np.mean([len(item.division.actions) == len(item.case.labels) for item in outcomes])
        ),
        "milliseconds": _percentiles([item.milliseconds for item in outcomes]),
        "seconds_of_motion": float(np.mean([len(case.joints) / 30.0 for case in cases])),
        "methods": {
            method: {
                "all": summary(queries_of(outcomes, method)),
                "seen": summary(queries_of([o for o in outcomes if not o.case.unseen], method)),
                "unseen": summary(queries_of([o for o in outcomes if o.case.unseen], method)),
            }
            for method in METHODS
        },
        "notes": notes,
    }
    (out / "summary.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return result, notes


def run_case(case: Case, grounder: Grounder) -> Outcome:
    """Every method on one case; all have the same features and the same sub-actions."""
    borders = tvsh_borders(case)
    cuts = [(when, 1.0 - sure) for when, sure in borders]
    began = time.perf_counter()
    answer = grounder.ground(case.sentence, case.stamps, case.joints, cuts)
    milliseconds = 1e3 * (time.perf_counter() - began)
    ours: Answers = [
        None if item.start is None or item.end is None else (item.start, item.end, item.score)
        for item in answer.candidates
    ]
    answers = {OURS: ours}
    features = grounder.encode(case.stamps, case.joints)
    if features is None or not answer.candidates:
        answers |= {method: [None] * len(ours) for method in (*PEERS, TVSH)}
    else:
        texts = np.asarray(grounder.motion_text.embed_text(answer.partition.actions), np.float64)
        background = grounder.calibration.background
        answers |= {name: peer(features, texts, background) for name, peer in PEERS.items()}
        answers[TVSH] = segments([when for when, _ in borders], features, texts)
    return Outcome(case, answer.partition, answers, milliseconds)


def tvsh_borders(case: Case) -> list[tuple[int, float]]:
    """(time in nanoseconds, confidence) of the boundaries that the transcriber finds."""
    transcriber = Transcriber()
    events = []
    for stamp, joints in zip(case.stamps.tolist(), case.joints, strict=True):
        seen = np.asarray(np.isfinite(joints).all(axis=1), np.float32)
        person = Skeleton("1", "smpl22", joints, seen, _NO_PIXELS)
        events += transcriber.update(SkeletonFrame(stamp, "world", (person,)))
    events += transcriber.close()
    final = [event for event in events if event.final and not event.withdrawn]
    return [(event.start, event.boundary_confidence) for event in final[1:]]


def queries_of(outcomes: Sequence[Outcome], method: str) -> list[Query]:
    """One query for each sub-action of the truth; what the partition had too few of was not found."""
    queries = []
    for outcome in outcomes:
        case, answers = outcome.case, outcome.answers[method]
        for place, (label, truth) in enumerate(zip(case.labels, case.truths, strict=True)):
            answer = answers[place] if place < len(answers) else None
            span = None if answer is None else (answer[0] / 1e9, answer[1] / 1e9)
            queries.append(Query(label, case.number, truth, span, -1.0 if answer is None else answer[2]))
    return queries


def case_values(outcome: Outcome) -> dict[str, Any]:
    """A case with its truth and every prediction, in plain values; times are seconds."""
    case = outcome.case
    return {
        "case": case.number,
        "sentence": case.sentence,
        "unseen_words": case.unseen,
        "seconds": len(case.joints) / 30.0,
        "truth": [
            {"label": label, "span": None if truth is None else list(truth)}
            for label, truth in zip(case.labels, case.truths, strict=True)
        ],
        "partition": outcome.division.to_dict(),
        "predictions": {
            method: [
                None if answer is None else {"span": [answer[0] / 1e9, answer[1] / 1e9], "score": answer[2]}
                for answer in answers
            ]
            for method, answers in outcome.answers.items()
        },
        "milliseconds": outcome.milliseconds,
    }


def table(result: dict[str, Any]) -> str:
    """The summary as text."""
    times = result["milliseconds"]
    lines = [
        f"{result['cases']} cases of {result['actions']} actions, "
        f"{result['seconds_of_motion']:.1f} s of motion on average; sentence split right in "
        f"{result['partition_right']:.0%}; {times['p50']:.0f} ms (p95 {times['p95']:.0f} ms) a case",
        " ".join([" " * 23, *(f"{head:>7}" for head in _COLUMNS.values())]),
    ]
    for words in ("all", "seen", "unseen"):
        for method in METHODS:
            numbers = result["methods"][method][words]
            cells = [f"{'-':>7}" if numbers[name] is None else f"{numbers[name]:7.3f}" for name in _COLUMNS]
            lines.append(" ".join([f"{method:<14} {words:<8}", *cells]))
    return "\n".join(lines)


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": float(p50), "p95": float(p95)}
