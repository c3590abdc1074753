"""A source played once, and what was seen and said meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.items import Item, Source
from motion_seg_ros.core import Core, Parameters, open_core, pose_pipeline
from motion_seg_ros.replay import Pose, replay
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

Hear: TypeAlias = Callable[[int, Item | SegmentEvent], None]
"""Takes everything that is seen or said, with its stamp (ns): labels, images, skeletons, events."""

POSE, TOKENS, SEGMENTER = "pose", "tokens", "segmenter"
STAGES = (POSE, TOKENS, SEGMENTER)
# What is counted of an oracle; each is a number in its facts.
ORACLE_COUNTS = ("asked", "answered", "cached", "late", "dropped", "errors", "tokens", "cost")


@dataclass(slots=True)
class Account:
    """How a play went, besides what was heard.

    Attributes
    ----------
    refused : frames and messages that could not be used; first_refusal : why the first could not, or "".
    dropped : frames that were lost because something was too slow; 0 where frames wait.
    oracle : ORACLE_COUNTS of the oracle; empty where nobody was asked.
    milliseconds : time on the clock that each frame took in each stage; the only part that is not the same
        in every play.
    notes : what else there is to say, a sentence each.
    """

    refused: int = 0
    first_refusal: str = ""
    dropped: int = 0
    oracle: dict[str, float] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Player(Protocol):
    """Plays a source from beginning to end and tells what is heard; it must be picklable.

    Each image and each frame of skeletons is told once, labels and images as the source has them. Events may
    come at any time after the frame that caused them.
    """

    def __call__(self, source: Source, hear: Hear) -> Account:
        """Play it."""
        ...


@dataclass(frozen=True, slots=True)
class CorePlayer:
    """Plays through the core that the nodes run, as fast as it goes: the same source, the same events.

    Attributes
    ----------
    parameters : of the nodes.
    model : pose model, or None for that of the parameters.
    """

    parameters: Parameters
    model: str | None = None

    def __call__(self, source: Source, hear: Hear) -> Account:
        """Play it."""
        core = open_core(self.parameters)
        account = Account(notes=list(core.notes))
        with pose_pipeline(source, self.model, self.parameters["pose_node"]) as pose:
            clocked = _ClockedCore(core, account)
            for step in replay(
                iter(source), clocked, _ClockedPose(core.watch(pose), account) if pose else None
            ):
                if step.refused:
                    account.refused += 1
                    account.first_refusal = account.first_refusal or step.refused
                hear(step.stamp, step.item)
                if step.frame is not None and step.frame is not step.item:
                    hear(step.stamp, step.frame)
                for event in step.events:
                    hear(event.stamp, event)
            for event in core.close():
                hear(event.stamp, event)
        if core.oracle is not None:
            facts = core.oracle.facts()
            account.oracle = {name: float(facts[name]) for name in ORACLE_COUNTS}
        return account


class _ClockedPose:
    """A pose pipeline whose time is taken."""

    def __init__(self, pose: Pose, account: Account) -> None:
        self._pose, self._took = pose, account.milliseconds.setdefault(POSE, [])

    def process(self, rgb: NDArray[np.uint8], stamp: int, frame_id: str) -> SkeletonFrame:
        began = time.perf_counter()
        frame = self._pose.process(rgb, stamp, frame_id)
        self._took.append(1e3 * (time.perf_counter() - began))
        return frame


class _ClockedCore:
    """The core, the time of whose stages is taken."""

    def __init__(self, core: Core, account: Account) -> None:
        self._core, self._took = core, account.milliseconds

    def update(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        began = time.perf_counter()
        self._core.find_concepts(frame)
        found = time.perf_counter()
        events = self._core.transcriber.update(frame)
        if self._core.tokenizer is not None:
            self._took.setdefault(TOKENS, []).append(1e3 * (found - began))
        self._took.setdefault(SEGMENTER, []).append(1e3 * (time.perf_counter() - found))
        return events
