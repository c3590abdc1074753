"""The numbers of one bag: how well its transcript agrees with its labels, and how soon things were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation import metrics, segmental
from motion_seg_ros.evaluation.playback import Account
from motion_seg_ros.evaluation.witness import Line, Witness
from motion_seg_ros.tvsh.events import SegmentEvent

_SECOND = 1_000_000_000
# A boundary that is told at most so far (ns) from where it comes to lie is the same boundary, and one that is
# found at most so far from a true one is that one.
SAME = _SECOND // 2


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a bag: the head of its column, its meaning, and which way is better (0: neither)."""

    head: str
    meaning: str
    better: int = 0


METRICS: dict[str, Metric] = {
    "acc": Metric("ACC", "share of labelled frames that are right (Hungarian)", 1),
    "purity": Metric("purity", "share of labelled frames with their motion's most frequent label", 1),
    "nmi": Metric("NMI", "normalised mutual information of motions and labels", 1),
    "ari": Metric("ARI", "adjusted Rand index of motions and labels", 1),
    "edit": Metric("edit", "segmental edit score: order of segments, whatever their lengths", 1),
    "f1_10": Metric("F1@.1", "segments that overlap theirs by a tenth", 1),
    "f1_25": Metric("F1@.25", "segments that overlap theirs by a quarter", 1),
    "f1_50": Metric("F1@.5", "segments that overlap theirs by half", 1),
    "boundary_f1_0.2s": Metric("bF1 .2 s", "boundaries within 0.2 s", 1),
    "boundary_f1_0.5s": Metric("bF1 .5 s", "boundaries within 0.5 s", 1),
    "delay_s": Metric("delay s", "median from a true boundary to the event that first told of it", -1),
    "finality_lag_s": Metric("lag s", "median from the end of a segment to its final event", -1),
    "finality_lag_max_s": Metric("max lag s", "longest of these"),
    "k_true": Metric("K", "different labels"),
    "k_found": Metric("K found", "different motions in labelled frames"),
    "segments": Metric("segments", "final segments"),
    "motions": Metric("motions", "different motions of final segments"),
    "withdrawn": Metric("taken back", "segments that were announced and taken back"),
    "frames": Metric("frames", "frames of skeletons"),
    "refused": Metric("refused", "frames and messages that could not be used", -1),
    "dropped": Metric("dropped", "frames lost because something was too slow", -1),
    "questions": Metric("questions", "asked of the oracle", -1),
    "cost": Metric("cost", "of its answers, as the backend counts it", -1),
}
TRUTH = ("acc", "purity", "nmi", "ari", "edit", "f1_10", "f1_25", "f1_50", "boundary_f1_0.2s",
         "boundary_f1_0.5s", "delay_s", "k_true", "k_found")  # fmt: skip
"""The metrics that need labels; null without."""
OVERLAPS = {"f1_10": 0.1, "f1_25": 0.25, "f1_50": 0.5}
TOLERANCES = {"boundary_f1_0.2s": _SECOND // 5, "boundary_f1_0.5s": _SECOND // 2}


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A bag's numbers and what they were made of.

    Attributes
    ----------
    metrics : a value or None for each of METRICS.
    lines : the lines that have truth; without any, those that have none.
    names : labels that the lines' truth indexes.
    named : label of each motion that has one, by the one-to-one matching.
    segments : final segments that the lines index.
    delays, lags : seconds, of each matched boundary and each final segment.
    """

    metrics: dict[str, float | None]
    lines: list[Line]
    names: list[str]
    segments: list[SegmentEvent]
    named: dict[int, int] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    @property
    def has_truth(self) -> bool:
        """Whether there was anything to compare with."""
        return self.metrics["acc"] is not None


def score_play(witness: Witness, account: Account) -> Scored:
    """All numbers of one play."""
    lines, segments = witness.lines(), witness.segments()
    labelled = [line for line in lines if (line.truth >= 0).any()]
    values: dict[str, float | None] = dict.fromkeys(METRICS)
    values |= _of_transcript(witness, segments) | {
        "refused": account.refused,
        "dropped": account.dropped,
        "questions": account.oracle.get("asked", 0.0),
        "cost": account.oracle.get("cost", 0.0),
    }
    lags = [(segment.stamp - segment.end) / _SECOND for segment in segments]
    if lags:
        values |= {"finality_lag_s": float(np.median(lags)), "finality_lag_max_s": max(lags)}
    if not labelled:
        return Scored(values, lines, witness.names, segments, lags=lags)
    delays = [delay for line in labelled for delay in _delays(line, segments, witness.events)]
    values["delay_s"] = float(np.median(delays)) if delays else None
    agreement, named = _agreement(labelled)
    return Scored(values | agreement, labelled, witness.names, segments, named, delays, lags)


def _of_transcript(witness: Witness, segments: Sequence[SegmentEvent]) -> dict[str, Any]:
    taken_back = {event.segment_id for event in witness.events if event.final and event.withdrawn}
    return {
        "segments": len(segments),
        "motions": len({segment.motion_id for segment in segments if segment.motion_id >= 0}),
        "withdrawn": len(taken_back),
        "frames": witness.frames,
    }


def _agreement(lines: Sequence[Line]) -> tuple[dict[str, float | None], dict[int, int]]:
    """The metrics of all lines together, and the label of each motion.

    Motions are the same for everybody in a bag, so that they are matched with the labels once; counts of
    boundaries and segments, and edits, are summed over the lines.
    """
    truth = np.concatenate([line.truth for line in lines])
    found = np.concatenate([line.found for line in lines])
    table = metrics.contingency(truth, found)
    named = segmental.best_names(truth, found)
    values: dict[str, float | None] = {
        "acc": metrics.accuracy(table),
        "purity": metrics.purity(table),
        "nmi": metrics.mutual_information(table),
        "ari": metrics.adjusted_rand(table),
        "k_true": table.shape[0],
        "k_found": table.shape[1],
    }
    for name, tolerance in TOLERANCES.items():
        counts = [metrics.boundary_counts(x.truth, x.found, x.stamps, tolerance) for x in lines]
        values[name] = metrics.f1(*(sum(column) for column in zip(*counts, strict=True)))
    divided = [
        (
            segmental.pieces(line.truth, line.truth >= 0),
            segmental.pieces(segmental.renamed(line.found, named), line.truth >= 0),
        )
        for line in lines
    ]
    for name, share in OVERLAPS.items():
        counts = [segmental.overlap_counts(*both, share) for both in divided]
        values[name] = metrics.f1(*(sum(column) for column in zip(*counts, strict=True)))
    orders = [([p.label for p in true], [p.label for p in guess]) for true, guess in divided]
    edits = sum(segmental.edit_distance(*both) for both in orders)
    values["edit"] = 1.0 - edits / sum(max(map(len, both)) for both in orders)
    return values, named


def _delays(line: Line, segments: Sequence[SegmentEvent], events: Sequence[SegmentEvent]) -> list[float]:
    """Seconds from each true boundary that was found to the event that first told of it."""
    times, guesses = line.stamps[metrics.changes(line.truth)], metrics.changes(line.found)
    told = first_told(line, segments, events, guesses)
    pairs = metrics.match(times, line.stamps[guesses], SAME)
    return [
        (told[guess] - int(times[edge])) / _SECOND
        for edge, guess in pairs.tolist()
        if told[guess] is not None
    ]


def first_told(
    line: Line,
    segments: Sequence[SegmentEvent],
    events: Sequence[SegmentEvent],
    guesses: NDArray[np.int64],
) -> list[int | None]:
    """The stamp (ns) of the event that first told of each found boundary; None for one that nobody told of.

    An event that puts a beginning within half a second of a boundary, and of no other nearer, tells of it.
    """
    told: list[int | None] = [None] * len(guesses)
    places = line.stamps[guesses]
    for event in events if len(guesses) else ():
        nearest = int(np.abs(places - event.start).argmin())
        segment = int(line.segments[guesses[nearest]])
        if event.withdrawn or segment < 0 or segments[segment].track_id != event.track_id:
            continue
        known = told[nearest]
        if abs(event.start - int(places[nearest])) <= SAME and (known is None or event.stamp < known):
            told[nearest] = event.stamp
    return told
