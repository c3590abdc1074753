"""What a page shows of one bag: its timeline, its confusion, and the moments at which it went most wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation import metrics
from motion_seg_ros.evaluation.figures import seen_from_the_front
from motion_seg_ros.evaluation.page import base64_text, visible
from motion_seg_ros.evaluation.scoring import SAME, Scored
from motion_seg_ros.evaluation.story import Story
from motion_seg_ros.evaluation.witness import Line, Witness
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.types import SkeletonFrame

MISTAKEN, MISSED, FALSE = "mistaken", "missed", "false"
# Moments of each kind that are kept of a bag.
_KEPT = {MISTAKEN: 8, MISSED: 4, FALSE: 4}
_FIGURES = 5
# Seconds around a boundary that are shown, and from where a picture may be taken.
_AROUND, _NEAR = 600_000_000, 500_000_000


@dataclass(frozen=True, slots=True)
class _Moment:
    """A stretch of frames ``first`` to ``last`` (exclusive) of a line, or a boundary at ``first``."""

    kind: str
    line: Line
    first: int
    last: int
    weight: float


def bag_page(witness: Witness, scored: Scored) -> dict[str, Any]:
    """Everything that the page of a run shows of a bag, in plain JSON values; times are in seconds."""
    origin = int(witness.stamps[0])

    def clock(stamp: int) -> float:
        return round((int(stamp) - origin) / 1e9, 3)

    return {
        "duration": clock(int(witness.stamps[-1])),
        "labels": [visible(name) for name in scored.names],
        "named": {str(motion): label for motion, label in scored.named.items()},
        "lines": [
            {
                "track": visible(line.track),
                "truth": [
                    [clock(line.stamps[a]), clock(_end(line, b)), int(line.truth[a])]
                    for a, b in _runs(line.truth)
                    if line.truth[a] >= 0
                ],
                "found": [
                    [clock(line.stamps[a]), clock(_end(line, b)), *_said(line, scored, a)]
                    for a, b in _runs(line.segments)
                    if line.segments[a] >= 0
                ],
            }
            for line in scored.lines
        ],
        "confusion": _confusion(scored) if scored.has_truth else None,
        "delays": [round(delay, 3) for delay in scored.delays],
        "moments": [
            _shown(moment, scored, witness.story, clock(moment.line.stamps[moment.first]), clock)
            for moment in worst(scored)
        ]
        if scored.has_truth
        else [],
    }


def worst(scored: Scored) -> list[_Moment]:
    """Moments at which truth and transcript disagree, the worst first, some of each kind.

    A mistaken stretch weighs its seconds times the confidence of its motion (nobody seen: 1), a missed
    boundary half a second, a false one half a second times its confidence.
    """
    found = [moment for line in scored.lines for moment in (*_mistaken(line, scored), *_edges(line, scored))]
    found.sort(key=lambda moment: (-moment.weight, moment.line.track, moment.first, moment.kind))
    left = dict(_KEPT)
    kept = []
    for moment in found:
        if left[moment.kind]:
            left[moment.kind] -= 1
            kept.append(moment)
    return kept


def _mistaken(line: Line, scored: Scored) -> Iterator[_Moment]:
    named = np.array([scored.named.get(int(motion), -2) for motion in line.found])
    wrong = (line.truth >= 0) & (named != line.truth)
    # One stretch has one label and one segment.
    number = np.where(wrong, line.truth * (len(scored.segments) + 1) + line.segments, -2)
    for first, last in _runs(number):
        if wrong[first]:
            segment = int(line.segments[first])
            sure = scored.segments[segment].confidence if segment >= 0 else 1.0
            seconds = (_end(line, last) - int(line.stamps[first])) / 1e9
            yield _Moment(MISTAKEN, line, first, last, seconds * sure)


def _edges(line: Line, scored: Scored) -> Iterator[_Moment]:
    edges, guesses = metrics.changes(line.truth), metrics.changes(line.found)
    pairs = metrics.match(line.stamps[edges], line.stamps[guesses], SAME)
    for frame in np.delete(edges, pairs[:, 0]).tolist():
        yield _Moment(MISSED, line, frame, frame, SAME / 1e9)
    for frame in np.delete(guesses, pairs[:, 1]).tolist():
        if (line.truth[frame - 1 : frame + 1] >= 0).any():
            segment = int(line.segments[frame])
            sure = scored.segments[segment].boundary_confidence if segment >= 0 else 1.0
            yield _Moment(FALSE, line, frame, frame, sure * SAME / 1e9)


def _shown(moment: _Moment, scored: Scored, story: Story, start: float, clock: Any) -> dict[str, Any]:
    """What the page tells of a moment."""
    line, first = moment.line, moment.first
    begin, end = int(line.stamps[first]), _end(line, moment.last)
    if moment.kind != MISTAKEN:
        begin, end = begin - _AROUND, begin + _AROUND
    segment = int(line.segments[first])
    track = scored.segments[segment].track_id if segment >= 0 else line.track
    before = max(first - 1, 0)
    return {
        "kind": moment.kind,
        "track": visible(track),
        "start": start,
        "end": clock(_end(line, moment.last)) if moment.kind == MISTAKEN else start,
        "weight": round(moment.weight, 3),
        "truth": [int(line.truth[before]), int(line.truth[first])],
        "found": [_said(line, scored, before), _said(line, scored, first)],
        "figures": _figures(story.frames.items, track, begin, end),
        "image": _image(story.thumbnails.items, (begin + end) // 2),
    }


def _said(line: Line, scored: Scored, frame: int) -> list[Any]:
    """Motion (None where nobody is), phrase, confidences of the motion and of its boundary at a frame."""
    place = int(line.segments[frame])
    if place < 0:
        return [None, "", 0.0, 0.0]
    segment = scored.segments[place]
    return [
        segment.motion_id,
        visible(segment.label),
        round(segment.confidence, 3),
        round(segment.boundary_confidence, 3),
    ]


def _confusion(scored: Scored) -> dict[str, Any]:
    """Frames of each motion (None: nobody seen) by label, motions in the order of their labels."""
    rows: dict[int | None, NDArray[np.int64]] = {}
    for line in scored.lines:
        for motion, unseen, label in zip(line.found.tolist(), line.segments < 0, line.truth, strict=True):
            if label >= 0:
                row = rows.setdefault(None if unseen else motion, np.zeros(len(scored.names), np.int64))
                row[label] += 1

    def order(motion: int | None) -> tuple[bool, int, int]:
        known = -1 if motion is None else motion
        return motion is None, scored.named.get(known, len(scored.names)), known

    motions = sorted(rows, key=order)
    return {"motions": motions, "counts": [rows[motion].tolist() for motion in motions]}


def _figures(
    frames: Sequence[SkeletonFrame], track: str, begin: int, end: int
) -> list[list[list[int] | None]]:
    """Poses of a track spread over a stretch of time: for each joint centimetres to the right and up."""
    inside = [
        (frame.stamp, skeleton)
        for frame in frames
        if begin - _NEAR <= frame.stamp <= end + _NEAR
        for skeleton in frame.skeletons
        if skeleton.track_id == track
    ]
    if not inside:
        return []
    stamps = np.array([stamp for stamp, _ in inside])
    times = np.linspace(begin, end, 2 * _FIGURES + 1)[1::2]
    chosen = dict.fromkeys(int(np.abs(stamps - time).argmin()) for time in times)
    poses = []
    for place in chosen:
        skeleton = inside[place][1]
        joints, trust = to_smpl22(skeleton.joints, skeleton.confidence, skeleton.joint_set)
        poses.append(np.where(trust[:, None] > 0, joints, np.nan))
    flat = [np.rint(100 * seen_from_the_front(pose, poses[0])) for pose in poses]
    return [
        [
            [int(x), int(y)] if np.isfinite((x, y)).all() and max(abs(x), abs(y)) < 1e6 else None
            for x, y in pose
        ]
        for pose in flat
    ]


def _image(thumbnails: Sequence[tuple[int, bytes]], time: int) -> str | None:
    """The picture nearest to a time, as base64 of a JPEG."""
    stamp, jpeg = min(thumbnails, key=lambda item: abs(item[0] - time), default=(0, b""))
    return base64_text(jpeg) if jpeg and abs(stamp - time) <= _NEAR else None


def _runs(values: NDArray[np.integer]) -> list[tuple[int, int]]:
    """First and last (exclusive) frame of each run of equal values."""
    ends = metrics.changes(values).tolist()
    return list(zip([0, *ends], [*ends, len(values)], strict=True))


def _end(line: Line, last: int) -> int:
    """The stamp at which frames before ``last`` end."""
    return int(line.stamps[min(last, len(line.stamps) - 1)])
