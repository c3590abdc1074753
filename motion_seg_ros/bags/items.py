"""What a recording, a video or a camera delivers: stamped images, skeletons and labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.plain_text import InputError
from motion_seg_ros.skeleton.types import SkeletonFrame


class SourceError(InputError):
    """A source that cannot be read; the message is one sentence for the person who named it."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One picture: ``rgb`` is (H, W, 3) uint8, contiguous; treat it as read-only."""

    rgb: NDArray[np.uint8]
    frame_id: str


@dataclass(frozen=True, slots=True)
class Label:
    """What somebody says is being done from now on, until the next label of the same track.

    Attributes
    ----------
    text : "" for nothing known.
    track_id : of whom it is said; "" for whoever is in view.
    """

    text: str
    track_id: str = ""


Item: TypeAlias = Image | SkeletonFrame | Label


class Source(ABC):
    """An iterable of ``(stamp_ns, item)`` in the order of stamps.

    Each iteration starts at the beginning (not for a camera) and holds a bounded part in memory.

    Attributes
    ----------
    name : the file, folder or device.
    kind : "video", "camera", "bag" or "motion" (a file of joints or frames).
    has_images, has_skeletons, has_labels : which items it yields.
    duration : seconds, or None where unknown.
    fps : frames (images or skeleton frames) a second on average, or None where unknown.
    count : about how many frames will come, or None where unknown.
    live : stamps come from a clock and items come when they happen.
    notes : choices made for the user, a sentence each (which topic, which axis is up).
    problem : "" or one sentence saying what of the source could not be read; complete after an iteration.
    """

    kind = ""
    live = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_images = False
        self.has_skeletons = False
        self.has_labels = False
        self.duration: float | None = None
        self.fps: float | None = None
        self.count: int | None = None
        self.notes: list[str] = []
        self.problem = ""

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[int, Item]]:
        """Read from the beginning."""
