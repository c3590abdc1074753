"""What was seen and said, item by item, and the report of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.images import encode_jpeg, shrink
from motion_seg_ros.bags.items import Item, Label
from motion_seg_ros.bags.recording import recorded
from motion_seg_ros.evaluation.report import Report, write_report
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

# What a page can show; an hour at 30 Hz is thinned to every fourth frame.
MAX_FRAMES = 40_000
MAX_THUMBNAILS = 1_000
THUMBNAIL_WIDTH = 320
THUMBNAIL_QUALITY = 75
# Thumbnails closer than this look the same.
_THUMBNAIL_PERIOD_NS = 250_000_000
# In the metadata of a recording: width and height of the images that the skeletons' pixels refer to.
IMAGE_SIZE = "image_size"

T = TypeVar("T")


class Thinned(Generic[T]):
    """At most ``limit`` items of a long stream, evenly spread: when it is full, every second one goes."""

    def __init__(self, limit: int) -> None:
        self.items: list[T] = []
        self._limit = limit
        self._stride = 1
        self._count = 0

    def add(self, item: T) -> None:
        if self._count % self._stride == 0:
            if len(self.items) == self._limit:
                del self.items[1::2]
                self._stride *= 2
            if self._count % self._stride == 0:
                self.items.append(item)
        self._count += 1


@dataclass(slots=True)
class Story:
    """What a report shows, gathered item by item in bounded memory (events apart)."""

    frames: Thinned[SkeletonFrame] = field(default_factory=lambda: Thinned(MAX_FRAMES))
    thumbnails: Thinned[tuple[int, bytes]] = field(default_factory=lambda: Thinned(MAX_THUMBNAILS))
    events: list[SegmentEvent] = field(default_factory=list)
    labels: list[tuple[int, str]] = field(default_factory=list)
    image_size: tuple[int, int] | None = None
    _last_thumbnail: int | None = None

    def wants_thumbnail(self, stamp: int) -> bool:
        """Whether an image of this stamp would be kept, so that others need not be decoded."""
        last = self._last_thumbnail
        return last is None or abs(stamp - last) >= _THUMBNAIL_PERIOD_NS

    def add(self, stamp: int, item: Item | SegmentEvent) -> None:
        if isinstance(item, SkeletonFrame):
            self.frames.add(item)
        elif isinstance(item, SegmentEvent):
            self.events.append(item)
        elif isinstance(item, Label):
            if not self.labels or self.labels[-1][1] != item.text:
                self.labels.append((stamp, item.text))
        elif self.wants_thumbnail(stamp):
            self._last_thumbnail = stamp
            if self.image_size is None:
                self.image_size = (item.rgb.shape[1], item.rgb.shape[0])
            self.thumbnails.add((stamp, encode_jpeg(shrink(item.rgb, THUMBNAIL_WIDTH), THUMBNAIL_QUALITY)))

    def write(self, path: Path, title: str, source: str) -> None:
        """Write the page."""
        write_report(
            path,
            Report(
                title=title,
                source=source,
                frames=self.frames.items,
                events=self.events,
                thumbnails=self.thumbnails.items,
                labels=self.labels,
                image_size=self.image_size,
            ),
        )


def report_from_bag(bag: Path, out: Path) -> str:
    """Write the report of a recording that holds skeletons and segment events, and images and labels if any.

    Returns
    -------
    "" or one sentence that says what of the recording could not be read.

    Raises
    ------
    SourceError : nothing can be read, or it holds neither skeletons nor events.
    """
    reader = Bag(bag)
    story = Story(image_size=_noted_size(reader.notes.get(IMAGE_SIZE, "")))
    for stamp, item in recorded(reader, story.wants_thumbnail):
        story.add(stamp, item)
    story.write(out, title=bag.resolve().parent.name, source=str(bag))
    return reader.problem


def _noted_size(text: str) -> tuple[int, int] | None:
    """ "640 480" to (640, 480); None for anything else."""
    numbers = [int(word) for word in text.split() if word.isdecimal() and len(word) < 6]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None
