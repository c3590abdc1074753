"""The latest revision of every segment, for as many tracks and segments as there is room for."""

from __future__ import annotations

from collections import OrderedDict

from motion_seg_ros.tvsh.events import SegmentEvent

# Tracks come and go for days; those that were heard of longest ago are forgotten.
_MOST_TRACKS = 64


class History:
    """Latest revisions by track, bounded.

    Parameters
    ----------
    capacity : most segments kept of one track; the oldest are forgotten.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._tracks: OrderedDict[str, OrderedDict[int, SegmentEvent]] = OrderedDict()

    def record(self, event: SegmentEvent) -> None:
        """Take an event as the latest revision of its segment."""
        segments = self._tracks.setdefault(event.track_id, OrderedDict())
        self._tracks.move_to_end(event.track_id)
        segments[event.segment_id] = event
        if len(segments) > self._capacity:
            segments.popitem(last=False)
        if len(self._tracks) > _MOST_TRACKS:
            self._tracks.popitem(last=False)

    @property
    def track_ids(self) -> list[str]:
        """Tracks that something is known of, in the order in which they were last heard of."""
        return list(self._tracks)

    def segments(self, track_id: str) -> list[SegmentEvent]:
        """Latest revisions of a track's segments, oldest first; empty for an unknown track."""
        return list(self._tracks.get(track_id, {}).values())

    def query(self, track_id: str, start: int, end: int) -> list[SegmentEvent]:
        """Segments that touch [start, end] (nanoseconds), of one track or, for "", of all."""
        tracks = [track_id] if track_id else self.track_ids
        found = [e for name in tracks for e in self.segments(name) if e.end >= start and e.start <= end]
        return sorted(found, key=lambda event: (event.start, event.segment_id))
