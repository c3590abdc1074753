"""A source through the core, without ROS and as fast as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.items import Item, Label
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent


class Pose(Protocol):
    """Images to skeletons: a PosePipeline."""

    def process(self, rgb: NDArray[np.uint8], stamp: int, frame_id: str) -> SkeletonFrame:
        """The people in one image."""


class Talk(Protocol):
    """Skeletons to events: a Transcriber, or the whole core."""

    def update(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        """What is new with this frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one item of a source led to; ``refused`` says why it could not be used, or is empty."""

    stamp: int
    item: Item
    frame: SkeletonFrame | None = None
    events: tuple[SegmentEvent, ...] = ()
    refused: str = ""


def replay(items: Iterator[tuple[int, Item]], talk: Talk, pose: Pose | None) -> Iterator[Step]:
    """Feed a source's items to the core; an item that the core refuses is told and left out, as by the nodes.

    ``pose`` is needed for a source with images.
    """
    for stamp, item in items:
        if isinstance(item, Label):
            yield Step(stamp, item)
            continue
        try:
            if isinstance(item, SkeletonFrame):
                frame = item
            elif pose is not None:
                frame = pose.process(item.rgb, stamp, item.frame_id)
            else:
                raise ValueError("an image came, but there is nothing to find people in it")
            yield Step(stamp, item, frame, tuple(talk.update(frame)))
        except ValueError as error:
            yield Step(stamp, item, refused=str(error))
