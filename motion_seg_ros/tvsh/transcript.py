"""A transcript as lines of text for people."""

from __future__ import annotations

from .events import EventType, SegmentEvent


def describe(event: SegmentEvent) -> str:
    """Which motion it is, and what is being done."""
    name = "idle" if event.motion_id < 0 else f"motion {event.motion_id}"
    return f"{name}: {event.label}" if event.label else name


def sentence(event: SegmentEvent) -> str | None:
    """What an event that begins something or says something for good tells; None for a refinement."""
    if event.type is EventType.STARTED:
        return "something new"
    if not event.final:
        return None
    if event.withdrawn:
        return "nothing new after all"
    return f"{describe(event)}  (confidence {event.confidence:.2f})"


class Transcript:
    """Turns events into lines, with times relative to the first event's start."""

    def __init__(self) -> None:
        self._origin: int | None = None
        self._final: dict[str, list[SegmentEvent]] = {}

    def line(self, event: SegmentEvent) -> str | None:
        """:func:`sentence` with its person and when it was."""
        if self._origin is None:
            self._origin = event.start
        told = sentence(event)
        if told is None:
            return None
        start, end = ((stamp - self._origin) / 1e9 for stamp in (event.start, event.end))
        if event.final and not event.withdrawn:
            self._final.setdefault(event.track_id, []).append(event)
            when = f"{start:7.2f} – {end:7.2f} s"
        else:
            when = f"{start:7.2f} s          "
        return f"{when}  person {event.track_id}  {told}"

    def summary(self) -> str:
        """One line for each person: how many segments of how many motions."""
        lines = []
        for track, events in self._final.items():
            motions = {event.motion_id for event in events if event.motion_id >= 0}
            lines.append(f"person {track}: {len(events)} segments, {len(motions)} different motions")
        return "\n".join(lines) or "nobody was seen moving"
