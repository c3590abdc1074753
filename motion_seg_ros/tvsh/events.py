"""The events of a transcript and their JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np


class EventType(IntEnum):
    """What happened to a segment; the values are those of SegmentEvent.msg."""

    STARTED = 0
    UPDATED = 1
    ENDED = 2


@dataclass(frozen=True, slots=True)
class SegmentEvent:
    """One line of a transcript; the fields and their meaning are those of SegmentEvent.msg.

    Times are integer nanoseconds. Confidences are rounded to float32, so that an event that
    travelled through a message equals the original.
    """

    stamp: int
    frame_id: str
    track_id: str
    segment_id: int
    revision: int
    type: EventType
    final: bool
    motion_id: int
    start: int
    end: int
    confidence: float
    boundary_confidence: float
    label: str = ""
    label_source: str = ""
    concept_tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("confidence", "boundary_confidence"):
            object.__setattr__(self, name, float(np.float32(getattr(self, name))))

    @property
    def withdrawn(self) -> bool:
        """Whether the segment was announced and taken back: no boundary is at its start after all.

        Until it is final it waits for the next boundary.
        """
        return self.start == self.end and self.boundary_confidence == 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the message; ``type`` by name."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"type": self.type.name, "concept_tokens": list(self.concept_tokens)}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SegmentEvent:
        """The inverse of :meth:`to_dict`; KeyError or TypeError for other fields."""
        return cls(
            **values
            | {
                "type": EventType[values["type"]],
                "concept_tokens": tuple(values["concept_tokens"]),
            }
        )


def read_jsonl(path: Path) -> Iterator[SegmentEvent]:
    """Events of a file with one :meth:`SegmentEvent.to_json` a line."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield SegmentEvent.from_dict(json.loads(line))
