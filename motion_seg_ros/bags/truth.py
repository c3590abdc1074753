"""What people really did in a recording: from labels beside it, or from a topic in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from pathlib import Path
from typing import Any, TypeAlias

from motion_seg_ros.bags.items import Item, Label, Source, SourceError
from motion_seg_ros.bags.recording import BagSource
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.datasets.annotations import Row, Span, find_sidecar, in_order, read_annotations
from motion_seg_ros.tvsh.events import SegmentEvent

Said: TypeAlias = list[tuple[int, Label]]
"""Labels with their stamps, in their order."""


def open_labelled(spec: str, labels: str = "", **options: Any) -> Source:
    """A source whose labels are the truth about it.

    Parameters
    ----------
    spec, options : as in :func:`motion_seg_ros.bags.sources.open_source`.
    labels : a topic of String or SegmentEvent, or a file of :mod:`motion_seg_ros.datasets.annotations` (an
        ELAN tier behind "#"). By default the file beside the source, else what the source itself says: its
        topic with "label" or "truth" in the name, or the labels in a motion file.

    Raises
    ------
    SourceError : the source cannot be read, or there is no such topic or file.
    DatasetError : labels that cannot be used; both are one sentence.
    """
    source = open_source(spec, **options)
    if isinstance(source, BagSource) and labels in source.topics:
        return _Labelled(source, _of_topic(source, labels), labels)
    if labels:
        name, _, tier = labels.partition("#")
        path = Path(name).expanduser()
        if not path.is_file():
            topics = f" nor a topic of {source.name}" if isinstance(source, BagSource) else ""
            raise SourceError(f"{labels} is no file{topics}")
        return _Labelled(source, _of_file(source, path, tier), str(path))
    if not source.live and (sidecar := find_sidecar(source.name)) is not None:
        return _Labelled(source, _of_file(source, sidecar), str(sidecar))
    if isinstance(source, BagSource) and not source.has_labels and source.truth_topic:
        return _Labelled(source, _of_topic(source, source.truth_topic), source.truth_topic)
    return source


class _Labelled(Source):
    """A source with other labels than its own."""

    def __init__(self, source: Source, said: Said, origin: str) -> None:
        super().__init__(source.name)
        self._source = source
        self._said = said
        self.kind, self.live = source.kind, source.live
        self.has_images, self.has_skeletons, self.has_labels = source.has_images, source.has_skeletons, True
        self.duration, self.fps, self.count = source.duration, source.fps, source.count
        self.problem = source.problem
        self.notes = [*source.notes, f"labels are read from {origin}"]

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        shown = ((stamp, item) for stamp, item in self._source if not isinstance(item, Label))
        # Of the same stamp the label comes first: it holds from this frame on.
        yield from merge(self._said, shown, key=lambda item: item[0])
        self.problem = self._source.problem


def _of_file(source: Source, path: Path, tier: str = "") -> Said:
    found = read_annotations(path, tier)
    first = next((stamp for stamp, item in source if not isinstance(item, Label)), None)
    if first is None:
        raise SourceError(source.problem or f"{source.name} shows nothing that labels could be about")
    spans = found.stamped(first)
    last = float("inf") if source.duration is None else first + (source.duration + 1) * 1e9
    if all(span.end <= first or span.start > last for span in spans):
        raise SourceError(f"no label of {path} lies within {source.name}, which begins at {first} ns")
    return _of_spans(spans)


def _of_spans(spans: Sequence[Span]) -> Said:
    """A label at the beginning of each span, and an empty one where a span ends and none follows."""
    begins = {(span.track_id, span.start) for span in spans}
    said = [(span.start, Label(span.label, span.track_id)) for span in spans]
    said += [(s.end, Label("", s.track_id)) for s in spans if (s.track_id, s.end) not in begins]
    return sorted(said, key=lambda item: (item[0], item[1].track_id))


def _of_topic(source: BagSource, topic: str) -> Said:
    """What a topic says: labels as they are, of segments the last revision of each."""
    said: Said = []
    latest: dict[tuple[str, int], SegmentEvent] = {}
    for stamp, item in source.said(topic):
        if isinstance(item, Label):
            said.append((stamp, item))
        else:
            latest[item.track_id, item.segment_id] = item
    rows = [
        Row(f"segment {event.segment_id}", event.start, event.end, _name(event), event.track_id)
        for event in latest.values()
        if not event.withdrawn
    ]
    if not rows and not said:
        raise SourceError(f"{topic} of {source.name} says nothing that can be read")
    return said or _of_spans(in_order(f"{topic} of {source.name}", rows))


def _name(event: SegmentEvent) -> str:
    """A motion without a label is called by its number; what is none says as much as no span."""
    return event.label or (f"motion {event.motion_id}" if event.motion_id >= 0 else "")
