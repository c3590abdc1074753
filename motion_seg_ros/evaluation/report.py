"""One self-contained HTML page that shows a transcript beside the skeletons it was made from.

The page is ``report.html`` with ``report.css``, ``report_canvas.js``, ``report.js`` and the data of the
recording put inside, as :mod:`.page` says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.page import base64_text, page, visible
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

UNSEEN = -32768
"""The int16 that stands for a joint nobody saw."""

POSE_BYTES = 12_000_000
"""Packed poses above this are thinned to every n-th: an hour stays a page that a browser opens at once."""

THUMBNAIL_BYTES = 8_000_000


@dataclass(frozen=True, eq=False)
class Report:
    """What one page shows. Nothing needs to be in order of time.

    Attributes
    ----------
    title, source : shown as they are.
    frames : everybody seen, frame by frame; an empty frame says that nobody was.
    events : the whole transcript with all revisions.
    thumbnails : (stamp in ns, JPEG) of some of the images.
    labels : (stamp in ns, text) of the ground truth; a label holds until the next, an empty one is no label.
    image_size : (width, height) in pixels of the images that ``image_xy`` of the skeletons refers to. With
        it, skeletons are drawn onto the thumbnails.
    facts : further lines for the header, such as the model or the version. The report reads no clock: a date
        stands on the page only if it is here.
    """

    title: str
    source: str
    frames: Sequence[SkeletonFrame] = ()
    events: Sequence[SegmentEvent] = ()
    thumbnails: Sequence[tuple[int, bytes]] = ()
    labels: Sequence[tuple[int, str]] = ()
    image_size: tuple[int, int] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def write_report(path: Path, report: Report) -> None:
    """Write the page; equal reports give equal bytes."""
    text = page(
        "report.html",
        report.title,
        pack(report),
        css=("page.css", "report.css"),
        js=("page.js", "report_canvas.js", "report.js"),
    )
    path.write_bytes(text.encode())


def pack(report: Report) -> dict[str, Any]:
    """The data of the page, in plain JSON values; times are seconds after ``origin``."""
    frames = sorted(report.frames, key=lambda frame: frame.stamp)
    events = sorted(report.events, key=lambda event: (event.track_id, event.segment_id, event.revision))
    labels = sorted(report.labels, key=lambda label: label[0])
    thumbnails = sorted(report.thumbnails, key=lambda thumbnail: thumbnail[0])
    stamps = [stamp for event in events for stamp in (event.start, event.end)]
    for timed in (frames[:1], frames[-1:]):
        stamps += [frame.stamp for frame in timed]
    stamps += [stamp for timed in (labels, thumbnails) for stamp, _ in (*timed[:1], *timed[-1:])]
    clock = _Clock(min(stamps, default=0))
    end = max(stamps, default=0)

    seen = _by_track(frames)
    tracks = sorted({*(key[0] for key in seen), *(event.track_id for event in events)}, key=_natural)
    number = {track: index for index, track in enumerate(tracks)}
    with_image = bool(thumbnails) and report.image_size is not None
    stride = _stride([_pose_bytes(poses, with_image) for poses in seen.values()], POSE_BYTES)
    thumb_stride = _stride([len(jpeg) for _, jpeg in thumbnails], THUMBNAIL_BYTES)
    times = np.array([frame.stamp for frame in frames], dtype=np.int64)
    interval = float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else 0.0
    hold = max(0.3, 3.0 * interval)
    return {
        "title": visible(report.title),
        "source": visible(report.source),
        "facts": [[visible(name), visible(value)] for name, value in report.facts.items()],
        "origin": str(clock.origin),
        "duration": clock(end),
        "frames": len(frames),
        "rate": round(1.0 / interval, 2) if interval else None,
        "stride": stride,
        "thumbnail_stride": thumb_stride,
        "hold": hold,
        "tracks": [visible(track) for track in tracks],
        "streams": [
            _stream(clock, number[track], joint_set, poses[::stride], with_image)
            | {"seen": _spans([clock(stamp) for stamp, _ in poses], hold)}
            for (track, joint_set, _), poses in seen.items()
        ],
        "joint_sets": {
            name: {
                "joints": list(JOINT_SETS[name].joints),
                "bones": [list(b) for b in JOINT_SETS[name].bones],
            }
            for name in sorted({key[1] for key in seen} & set(JOINT_SETS))
        },
        "events": [_event_row(clock, number[event.track_id], event) for event in events],
        "labels": _label_spans(clock, labels, end),
        "image_size": list(report.image_size) if report.image_size is not None and with_image else None,
        "thumbnails": [[clock(stamp), base64_text(jpeg)] for stamp, jpeg in thumbnails[::thumb_stride]],
    }


def pack_joints(joints: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Joints (N, J, 3) in metres as roots (N, 3) float32 in metres and offsets (N, J, 3) in millimetres.

    The root is the median of the joints seen. :data:`UNSEEN` stands for a joint without all three coordinates
    and for one further than 32 m from the root, which no body is.
    """
    finite = np.isfinite(joints).sum(axis=2) == 3
    roots = np.zeros((len(joints), 3), dtype=np.float32)
    some = np.flatnonzero(finite.sum(axis=1))
    roots[some] = np.nanmedian(np.where(finite[..., None], joints, np.nan)[some], axis=1)
    with np.errstate(invalid="ignore"):
        offsets = np.rint((joints - roots[:, None]) * 1000.0)
        usable = finite & (np.abs(offsets) < -UNSEEN).all(axis=2)
    return roots, np.where(usable[..., None], offsets, UNSEEN).astype(np.int16)


class _Clock:
    """Nanoseconds of a stamp -> seconds after the first one."""

    def __init__(self, origin: int) -> None:
        self.origin = origin

    def __call__(self, stamp: int) -> float:
        return (stamp - self.origin) / 1e9


_Poses = list[tuple[int, Skeleton]]


def _by_track(frames: Iterable[SkeletonFrame]) -> dict[tuple[str, str, int], _Poses]:
    """(stamp, skeleton) in order of time for each track and joint set; nobody without a joint."""
    seen: dict[tuple[str, str, int], _Poses] = {}
    for frame in frames:
        for skeleton in frame.skeletons:
            if np.isfinite(skeleton.joints).all(axis=1).any():
                key = (skeleton.track_id, skeleton.joint_set, len(skeleton.joints))
                seen.setdefault(key, []).append((frame.stamp, skeleton))
    return seen


def _pose_bytes(poses: _Poses, with_image: bool) -> int:
    """What :func:`_stream` needs for them."""
    return len(poses) * (8 + 12 + len(poses[0][1].joints) * (10 if with_image else 6))


def _stream(clock: _Clock, track: int, joint_set: str, poses: _Poses, with_image: bool) -> dict[str, Any]:
    """The poses of one track as base64 of little-endian arrays."""
    roots, offsets = pack_joints(np.stack([skeleton.joints for _, skeleton in poses]))
    stream: dict[str, Any] = {
        "track": track,
        "joint_set": visible(joint_set),
        "size": offsets.shape[1],
        "times": base64_text(np.array([clock(stamp) for stamp, _ in poses], dtype="<f8").tobytes()),
        "roots": base64_text(roots.astype("<f4").tobytes()),
        "offsets": base64_text(offsets.astype("<i2").tobytes()),
        # An estimator that does not know where people are puts the hips of each at the origin.
        "rooted": bool(np.abs(roots).max() < 1.0),
    }
    if with_image:
        pixels = np.full((*offsets.shape[:2], 2), np.nan)
        for row, (_, skeleton) in zip(pixels, poses, strict=True):
            if len(skeleton.image_xy) == len(row):
                row[:] = skeleton.image_xy
        inside = (np.isfinite(pixels) & (np.abs(pixels) < -UNSEEN)).all(axis=2, keepdims=True)
        stream["pixels"] = base64_text(np.where(inside, np.rint(pixels), UNSEEN).astype("<i2").tobytes())
    return stream


def _event_row(clock: _Clock, track: int, event: SegmentEvent) -> list[Any]:
    """In the order that report.js reads. Segment ids are text: JavaScript rounds above 2**53."""
    return [
        track,
        str(event.segment_id),
        event.revision,
        event.type.name,
        event.final,
        event.motion_id,
        clock(event.start),
        clock(event.end),
        _number(event.confidence),
        _number(event.boundary_confidence),
        visible(event.label),
        visible(event.label_source),
        clock(event.stamp),
    ]


def _label_spans(clock: _Clock, labels: Sequence[tuple[int, str]], end: int) -> list[list[Any]]:
    """[start, end, text] of each run of equal labels, without the empty ones."""
    spans: list[list[Any]] = []
    last = None
    for stamp, text in labels:
        if text == last:
            continue
        if spans and spans[-1][1] is None:
            spans[-1][1] = clock(stamp)
        if text:
            spans.append([clock(stamp), None, visible(text)])
        last = text
    if spans and spans[-1][1] is None:
        spans[-1][1] = clock(end)
    return spans


def _spans(times: Sequence[float], hold: float) -> list[list[float]]:
    """[start, end] of each run of times without a gap above ``hold``."""
    spans: list[list[float]] = []
    for time in times:
        if spans and time - spans[-1][1] <= hold:
            spans[-1][1] = time
        else:
            spans.append([time, time])
    return spans


def _stride(sizes: Sequence[int], limit: int) -> int:
    return max(1, math.ceil(sum(sizes) / limit))


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sorts track "10" after track "9"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return [(0, len(part.lstrip("0")), part) if part[0] in "0123456789" else (1, 0, part) for part in parts]
