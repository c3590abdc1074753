"""TVSH on a recording, in its batch and its streaming form, as a benchmark runs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.found import Found
from motion_seg_ros.evaluation.recordings import Recording, stamp_of
from motion_seg_ros.skeleton.resampling import StepResampler
from motion_seg_ros.tvsh.batch import BatchConfig, segment_sequence
from motion_seg_ros.tvsh.links import KinematicLinks
from motion_seg_ros.tvsh.streaming import Run

# A boundary that is told at most so many seconds from where it comes to lie is the same boundary.
_SAME_BOUNDARY = 0.5


class Segmenter(Protocol):
    """What of :class:`motion_seg_ros.tvsh.streaming.StreamingSegmenter` is used here."""

    resampler: StepResampler
    open_runs: list[Run]
    settled_ids: list[int]

    def update(self, stamp: int, features: NDArray[np.float64], speeds: NDArray[np.float64] = ...) -> None:
        """Take the next frame."""

    def answer(self, first: int, second: int, same_probability: float) -> bool:
        """Take an answer about two moments."""

    def finish(self) -> None:
        """Settle everything."""


class Adviser(Protocol):
    """Whoever asks about a recording while it goes by."""

    @property
    def questions(self) -> int:
        """How many were asked."""
        ...

    def told(self, frame: int) -> Sequence[tuple[int, int, float]]:
        """Take the next frame; two stamps and the probability of no boundary between them of each answer."""
        ...


def kinematic_links(recording: Recording) -> NDArray[np.float64]:
    """(T,) links of a whole recording from jumps between its frames."""
    fps, count = recording.fps, len(recording.data)
    stamps = [stamp_of(frame, fps) for frame in range(count)]
    links, judge = np.ones(count), KinematicLinks()
    for stamp, value in zip(stamps, recording.data, strict=True):
        for when, link in judge.update(stamp, value):
            frame = int(np.searchsorted(stamps, when))
            links[frame] = min(links[frame], link)
    return links


def batch(
    recording: Recording,
    clusters: int | None,
    links: NDArray[np.float64] | None,
    config: BatchConfig | None = None,
) -> Found:
    """Batch TVSH of all frames at once.

    Parameters
    ----------
    clusters : number of motions; None to estimate it.
    links : (T,) as of :func:`motion_seg_ros.tvsh.batch.segment_sequence`, or None.
    """
    result = segment_sequence(recording.data, recording.fps, config, clusters=clusters, links=links)
    return Found(result.labels)


def stream(recording: Recording, segmenter: Segmenter, adviser: Adviser | None = None) -> Found:
    """Feed a segmenter one frame at a time, and the answers that an adviser gets meanwhile.

    Idle frames have the label -1.

    A frame in which too little was seen is not fed, and has the label of the frame before.
    """
    count, fps = len(recording.data), recording.fps
    ids: list[int] = []
    settled_at: list[int] = []
    first_told: dict[int, int] = {}
    milliseconds = np.zeros(count)
    for frame in range(count):
        if recording.usable[frame]:
            speeds = () if recording.speeds is None else (recording.speeds[frame],)
            # Of the processor, so that whatever else runs on the machine is not in it.
            began = time.thread_time()
            segmenter.update(stamp_of(frame, fps), recording.data[frame], *speeds)
            milliseconds[frame] = 1e3 * (time.thread_time() - began)
            ids += segmenter.settled_ids
            settled_at += [frame] * len(segmenter.settled_ids)
            for run in segmenter.open_runs[1:]:
                first_told.setdefault(run.first, frame)
        for answer in adviser.told(frame) if adviser else ():
            segmenter.answer(*answer)
    segmenter.finish()
    ids += segmenter.settled_ids
    settled_at += [count - 1] * len(segmenter.settled_ids)
    found = _on_frames(recording, segmenter.resampler, ids, settled_at, first_told, milliseconds)
    return replace(found, questions=adviser.questions if adviser else 0)


def _on_frames(
    recording: Recording,
    resampler: StepResampler,
    ids: list[int],
    settled_at: list[int],
    first_told: dict[int, int],
    milliseconds: NDArray[np.float64],
) -> Found:
    """From even steps to frames."""
    count, fps = len(recording.data), recording.fps
    if not ids:
        # Shorter than one step.
        last = np.full(count, count - 1, np.int64)
        return Found(np.full(count, -1, np.int32), last, last, milliseconds)
    # The frame that an unusable frame repeats; the steps begin with the first usable one.
    seen = np.maximum.accumulate(np.where(recording.usable, np.arange(count), -1))
    shown = np.where(seen < 0, int(np.argmax(recording.usable)), seen)
    steps = np.array([(stamp_of(int(f), fps) - resampler.origin) // resampler.period for f in shown])
    complete = steps < len(ids)
    steps = np.minimum(steps, len(ids) - 1)
    labels = np.array(ids, np.int32)[steps]
    final_at = np.where(complete, np.array(settled_at, np.int64)[steps], count - 1)
    final_at = np.maximum(final_at, np.arange(count))
    told_at = final_at.copy()
    reach = _SAME_BOUNDARY * 1e9 / resampler.period
    for frame in np.flatnonzero(np.diff(labels)) + 1:
        near = [at for step, at in first_told.items() if abs(step - steps[frame]) <= reach]
        told_at[frame] = min([*near, int(final_at[frame])])
    return Found(labels, final_at, told_at, milliseconds)
