"""Frames that wait until all of their motion concepts have been told, so that a replay loses none."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from ..settings import check, setting

Frame = TypeVar("Frame")

# Marks of frames that we never get, as those of another camera, are forgotten in the end.
_MOST_MARKS = 10_000


@dataclass(frozen=True)
class ExactSettings:
    """The parameter that humocon_node, which marks frames, and tvsh_node, which waits for marks, share."""

    PREFIX: ClassVar[str] = "concepts."

    exact: bool = setting(
        False,
        "Whether frames wait for their motion concepts, whose end humocon_node then marks by a message "
        "without tokens: a replay gives the same events every time; not for robots",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(slots=True)
class _Held(Generic[Frame]):
    key: tuple[str, int]
    frame: Frame
    marked: bool = False


class HeldFrames(Generic[Frame]):
    """Frames in the order in which they came, each held until the mark with its camera and stamp.

    Frames and marks come by two topics, either first. A frame that was lost on its way to who marks goes on
    with the next of its camera that was not.
    """

    def __init__(self) -> None:
        self._frames: deque[_Held[Frame]] = deque()
        self._marks: dict[tuple[str, int], None] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def hold(self, frame_id: str, stamp: int, frame: Frame) -> list[Frame]:
        """Take a frame; returns those that need not wait any more."""
        key = frame_id, stamp
        self._frames.append(_Held(key, frame))
        if key not in self._marks:
            return []
        del self._marks[key]
        return self._go_on(key)

    def mark(self, frame_id: str, stamp: int) -> list[Frame]:
        """Take a mark; returns those that need not wait any more."""
        key = frame_id, stamp
        if any(held.key == key for held in self._frames):
            return self._go_on(key)
        self._marks[key] = None
        if len(self._marks) > _MOST_MARKS:
            del self._marks[next(iter(self._marks))]
        return []

    def release(self) -> list[Frame]:
        """All that are held."""
        released = [held.frame for held in self._frames]
        self._frames.clear()
        return released

    def _go_on(self, key: tuple[str, int]) -> list[Frame]:
        for held in self._frames:
            held.marked = held.marked or held.key[0] == key[0]
            if held.key == key:
                break
        ready = []
        while self._frames and self._frames[0].marked:
            ready.append(self._frames.popleft().frame)
        return ready
