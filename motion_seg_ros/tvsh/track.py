"""The transcript of one track: from runs of steps to revisions of segments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.events import EventType, SegmentEvent
from motion_seg_ros.tvsh.streaming import Run, StreamingSegmenter

# A boundary that moves by less than this (ns) is not told before it is final.
_VISIBLE_MOVE = 150_000_000


@dataclass(slots=True)
class _Announced:
    """A segment that has been told of and is not final: its run's first step and the last event."""

    first: int
    event: SegmentEvent


class TrackTranscript:
    """Announces, revises and ends the segments of one track.

    Segments are announced in order of time and stay in that order. When a boundary that was announced
    turns out to be none, its segment is not final yet and waits at the newest frame, with
    start == end, for the next boundary; if the track ends first, it becomes final so, with
    confidence 0.

    Parameters
    ----------
    track_id : name of the track.
    segmenter : fed by this object alone.
    new_segment_id : called for every segment.
    update_interval : nanoseconds between events that say only that the newest segment goes on.
    """

    def __init__(
        self,
        track_id: str,
        segmenter: StreamingSegmenter,
        new_segment_id: Callable[[], int],
        update_interval: int,
    ) -> None:
        self.track_id = track_id
        self.last_seen = 0
        self._segmenter = segmenter
        self._new_segment_id = new_segment_id
        self._update_interval = update_interval
        self._announced: list[_Announced] = []
        self._stamps: deque[int] = deque()

    def update(
        self, stamp: int, frame_id: str, features: NDArray[np.float64], speeds: NDArray[np.float64]
    ) -> list[SegmentEvent]:
        """Take the features and limb speeds of the next frame in which the person is seen."""
        self.last_seen = stamp
        self._stamps.append(stamp)
        self._segmenter.update(stamp, features, speeds)
        events = [self._end(run, stamp, frame_id) for run in self._segmenter.closed]
        events += self._revise(stamp, frame_id)
        # A boundary can only come to lie among steps that are not settled.
        settled = self._segmenter.resampler.time_of(self._segmenter.settled)
        while len(self._stamps) > 2 and self._stamps[1] < settled:
            self._stamps.popleft()
        return events

    def answer(self, first: int, second: int, same_probability: float) -> bool:
        """As :meth:`StreamingSegmenter.answer`."""
        return self._segmenter.answer(first, second, same_probability)

    def outlook(self) -> list[tuple[int, float]]:
        """As :meth:`StreamingSegmenter.outlook`."""
        return self._segmenter.outlook()

    def retell(self, segment_id: int, stamp: int, frame_id: str) -> SegmentEvent | None:
        """Another revision of a segment that is not final, as it was told last; None for any other."""
        for place, known in enumerate(self._announced):
            if known.event.segment_id == segment_id:
                event = replace(
                    known.event, stamp=stamp, frame_id=frame_id, revision=known.event.revision + 1
                )
                self._announced[place] = _Announced(known.first, event)
                return replace(event, type=EventType.UPDATED)
        return None

    def finish(self, stamp: int, frame_id: str) -> list[SegmentEvent]:
        """End everything at the last frame seen; ``stamp`` is that of the frame that tells so."""
        self._segmenter.finish()
        runs = self._segmenter.closed
        # The frames after the last full step belong to the last run.
        events = [self._end(run, stamp, frame_id) for run in runs[:-1]]
        events += [self._end(run, stamp, frame_id, at=self.last_seen) for run in runs[-1:]]
        while self._announced:
            spare = self._announced.pop(0).event
            events.append(
                replace(
                    spare,
                    stamp=stamp,
                    frame_id=frame_id,
                    revision=spare.revision + 1,
                    type=EventType.ENDED,
                    final=True,
                    motion_id=-1,
                    start=self.last_seen,
                    end=self.last_seen,
                    confidence=0.0,
                    boundary_confidence=0.0,
                )
            )
        return events

    def _end(self, run: Run, stamp: int, frame_id: str, at: int | None = None) -> SegmentEvent:
        """The final event of the oldest segment."""
        event = self._event(0, run, stamp, frame_id, EventType.ENDED, at)
        if self._announced:
            self._announced.pop(0)
        return replace(event, final=True)

    def _revise(self, stamp: int, frame_id: str) -> list[SegmentEvent]:
        """Tell what has changed of the segments that are open."""
        events = []
        runs = self._segmenter.open_runs
        for place, run in enumerate(runs):
            newest = place == len(runs) - 1
            kind = EventType.UPDATED if newest else EventType.ENDED
            end = stamp if newest else None
            if place >= len(self._announced):
                event = self._event(place, run, stamp, frame_id, EventType.STARTED, end)
                self._announced.append(_Announced(run.first, event))
                events.append(event)
                continue
            event = self._event(place, run, stamp, frame_id, kind, end)
            if self._matters(self._announced[place].event, event):
                self._announced[place] = _Announced(run.first, event)
                events.append(event)
        for place in range(len(runs), len(self._announced)):
            spare = self._announced[place].event
            if self._announced[place].first >= 0:
                event = replace(
                    spare,
                    stamp=stamp,
                    frame_id=frame_id,
                    revision=spare.revision + 1,
                    type=EventType.UPDATED,
                    motion_id=-1,
                    start=stamp,
                    end=stamp,
                    confidence=0.0,
                    boundary_confidence=0.0,
                )
                self._announced[place] = _Announced(-1, event)
                events.append(event)
        return events

    def _matters(self, before: SegmentEvent, now: SegmentEvent) -> bool:
        ended = now.type is EventType.ENDED
        if before.motion_id != now.motion_id or (before.type is EventType.ENDED) != ended:
            return True
        if abs(now.start - before.start) >= _VISIBLE_MOVE:
            return True
        if ended:
            return abs(now.end - before.end) >= _VISIBLE_MOVE
        return now.stamp - before.stamp >= self._update_interval

    def _event(
        self, place: int, run: Run, stamp: int, frame_id: str, kind: EventType, end: int | None
    ) -> SegmentEvent:
        known = self._announced[place] if place < len(self._announced) else None
        start = known.event.start if known and known.first == run.first else self._first_frame(run.first)
        last = self._last_frame(run.last) if end is None else end
        return SegmentEvent(
            stamp=stamp,
            frame_id=frame_id,
            track_id=self.track_id,
            segment_id=known.event.segment_id if known else self._new_segment_id(),
            revision=known.event.revision + 1 if known else 0,
            type=kind,
            final=False,
            motion_id=run.motion_id,
            start=start,
            end=max(start, last),
            confidence=run.confidence,
            boundary_confidence=run.boundary_confidence,
        )

    def _first_frame(self, step: int) -> int:
        """Stamp of the first frame at or after the beginning of a step."""
        time = self._segmenter.resampler.time_of(step)
        return next((stamp for stamp in self._stamps if stamp >= time), self._stamps[-1])

    def _last_frame(self, step: int) -> int:
        """Stamp of the last frame before the beginning of a step."""
        time = self._segmenter.resampler.time_of(step)
        return next((stamp for stamp in reversed(self._stamps) if stamp < time), self._stamps[0])
