"""What segments are called: a language model's phrase when there is one, else the describer's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.describer import describe
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

Array = NDArray[np.float64]
# (track, start, end) to a phrase and who said it, or two empty strings.
Phrases = Callable[[str, int, int], tuple[str, str]]

DESCRIBER = "kinematic"
_SECOND = 1_000_000_000
# Poses are described at most at this rate and over this many seconds; what is shorter is not described.
_RATE, _LONGEST, _SHORTEST = 15.0, 3.0, 0.6
_INTERVAL = round(0.8 * _SECOND / _RATE)


@dataclass(frozen=True, slots=True)
class _Label:
    start: int
    end: int
    text: str


class Labels:
    """Labels of the segments that are not final.

    Parameters
    ----------
    keep : seconds of poses that are kept of each person.
    phrases : what a language model has said of a span; ("", "") when nothing.
    """

    def __init__(self, keep: float, phrases: Phrases) -> None:
        self._keep = round((keep + _LONGEST) * _SECOND)
        self._phrases = phrases
        self._poses: dict[str, deque[tuple[int, Array]]] = {}
        self._described: dict[int, _Label] = {}

    def see(self, track_id: str, stamp: int, joints: Array) -> None:
        """Keep the pose (22, 3) of a frame."""
        poses = self._poses.setdefault(track_id, deque())
        if poses and 0 <= stamp - poses[-1][0] < _INTERVAL:
            return
        poses.append((stamp, joints))
        while stamp - poses[0][0] > self._keep:
            poses.popleft()

    def end(self, track_id: str) -> None:
        """Forget the poses of a track that is over."""
        self._poses.pop(track_id, None)

    def of(self, event: SegmentEvent) -> tuple[str, str]:
        """Label and source of an event; both empty while there is nothing to say."""
        text, source = "", ""
        if not event.withdrawn:
            text, source = self._phrases(event.track_id, event.start, event.end)
            if not text:
                text = self._describe(event)
                source = DESCRIBER if text else ""
        if event.final:
            self._described.pop(event.segment_id, None)
        return text, source

    def _describe(self, event: SegmentEvent) -> str:
        """In the describer's words; those of before while the segment has the same end or goes on."""
        known = self._described.get(event.segment_id)
        if event.type is EventType.STARTED or event.end - event.start < round(_SHORTEST * _SECOND):
            return known.text if known else ""
        if known and (known.start, known.end) == (event.start, event.end):
            return known.text
        # Of what is long, the last part is what is still kept.
        middle = (event.start + event.end) // 2
        first = max(event.start, min(middle - round(_LONGEST * _SECOND / 2), event.end))
        inside = [(t, p) for t, p in self._poses.get(event.track_id, ()) if first <= t <= event.end]
        inside = inside[: round(_LONGEST * _RATE)]
        if len(inside) < 2 or inside[-1][0] - inside[0][0] < round(_SHORTEST * _SECOND / 2):
            return known.text if known else ""
        fps = (len(inside) - 1) * _SECOND / (inside[-1][0] - inside[0][0])
        text = describe(np.array([joints for _, joints in inside]), fps).phrase
        self._described[event.segment_id] = _Label(event.start, event.end, text)
        return text
