"""What was seen and said in one play, and the lines of frames on which truth and transcript are compared."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.items import Item, Label
from motion_seg_ros.evaluation.story import Story
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

WHOEVER = ""
"""Of whom labels are that name no track."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The frames of one person, with what is true of them and what was found.

    Attributes
    ----------
    track : that the labels name, or WHOEVER: of the people in view without labels of their own the one who
        is seen in the most frames of the whole recording.
    stamps : (T,) int64 ns, rising.
    truth : (T,) int32, index into the names of the labels; -1 where nothing is known.
    found : (T,) int32 motion ids of final segments; -1 where the person is idle or not seen.
    segments : (T,) int32, index into the final segments; -1 where the person is not seen.
    """

    track: str
    stamps: NDArray[np.int64]
    truth: NDArray[np.int32]
    found: NDArray[np.int32]
    segments: NDArray[np.int32]


class Witness:
    """Hears a play.

    Parameters
    ----------
    unknown : labels that say that nothing is known, in lower case.

    Attributes
    ----------
    story : for pages: frames and thumbnails (thinned where there are many), all events.
    frames : how many frames of skeletons came.
    left_out : the labels that occurred and are taken for unknown.
    """

    def __init__(self, unknown: Collection[str] = ()) -> None:
        self.story = Story()
        self.frames = 0
        self.left_out: set[str] = set()
        self._unknown = unknown
        self._stamps: list[int] = []
        self._seen: dict[str, list[int]] = {}
        self._labels: dict[str, list[tuple[int, str]]] = {}

    def hear(self, stamp: int, item: Item | SegmentEvent) -> None:
        """Take what a player tells."""
        self.story.add(stamp, item)
        if isinstance(item, SkeletonFrame):
            self.frames += 1
            self._stamps.append(stamp)
            for name in {skeleton.track_id for skeleton in item.skeletons}:
                self._seen.setdefault(name, []).append(stamp)
        elif isinstance(item, Label):
            said = self._labels.setdefault(item.track_id, [])
            text = item.text.strip()
            if text.lower() in self._unknown:
                self.left_out.add(text)
                text = ""
            if not said or said[-1][1] != text:
                said.append((stamp, text))

    @property
    def events(self) -> list[SegmentEvent]:
        """All events, in the order in which they came."""
        return self.story.events

    @property
    def stamps(self) -> NDArray[np.int64]:
        """(T,) of the frames, each once, rising."""
        return np.unique(np.array(self._stamps, np.int64))

    @property
    def goes_back(self) -> bool:
        """Whether a frame came with an earlier stamp than the one before."""
        return any(later < earlier for earlier, later in zip(self._stamps, self._stamps[1:], strict=False))

    @property
    def tracks(self) -> list[str]:
        """Everybody who was seen."""
        return sorted(self._seen)

    @property
    def names(self) -> list[str]:
        """The labels, sorted."""
        return sorted({text for said in self._labels.values() for _, text in said if text})

    @property
    def labelled_tracks(self) -> list[str]:
        """Of whom there are labels."""
        return sorted(self._labels)

    @property
    def truth_digest(self) -> str:
        """Of all labels and their times: runs with the same one were compared with the same truth."""
        said = [(track, *label) for track in sorted(self._labels) for label in sorted(self._labels[track])]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]

    def segments(self) -> list[SegmentEvent]:
        """Final segments that were not taken back, in order of their tracks and starts."""
        final = [event for event in self.events if event.final and not event.withdrawn]
        return sorted(final, key=lambda event: (event.track_id, event.start, event.segment_id))

    def lines(self) -> list[Line]:
        """A line for everybody of whom there are labels; one of WHOEVER where there are none at all."""
        stamps, segments, names = self.stamps, self.segments(), self.names
        number = {name: place for place, name in enumerate(names)}
        where = {track: np.searchsorted(stamps, np.unique(seen)) for track, seen in self._seen.items()}
        # Whoever is seen most comes last, and so goes before the others.
        order = sorted(where, key=lambda track: (len(where[track]), track))
        lines = []
        for track in self.labelled_tracks or [WHOEVER]:
            shown = np.full(len(stamps), -1, np.int32)
            for who in order:
                if who != track and (track != WHOEVER or who in self._labels):
                    continue
                shown[where[who]] = _segment_of(stamps[where[who]], segments, who)
            motions = np.array([*(segment.motion_id for segment in segments), -1], np.int32)
            truth = _labels_at(stamps, sorted(self._labels.get(track, [])), number)
            lines.append(Line(track, stamps, truth, motions[shown], shown))
        return lines


def _segment_of(stamps: NDArray[np.int64], segments: Sequence[SegmentEvent], track: str) -> NDArray[np.int32]:
    """(T,) index of a track's segment at each of its frames, -1 if it has none.

    Frames that lie in none, for they showed too little, belong to the one before, or else to the first.
    """
    mine = [place for place, segment in enumerate(segments) if segment.track_id == track]
    if not mine:
        return np.full(len(stamps), -1, np.int32)
    starts = np.array([segments[place].start for place in mine], np.int64)
    return np.array(mine, np.int32)[np.maximum(np.searchsorted(starts, stamps, "right") - 1, 0)]


def _labels_at(
    stamps: NDArray[np.int64], said: Sequence[tuple[int, str]], number: dict[str, int]
) -> NDArray[np.int32]:
    """(T,) the label that holds at each stamp."""
    times = [stamp for stamp, _ in said]
    found = [bisect_right(times, int(stamp)) - 1 for stamp in stamps]
    return np.array([number.get(said[i][1], -1) if i >= 0 else -1 for i in found], np.int32)
