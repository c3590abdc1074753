"""What is remembered of everybody: their recent motion and the boundaries in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.history import MotionHistory


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Stamps (T,), joints (T, 22, 3) and (time, link) of the boundaries of one person at one moment."""

    stamps: NDArray[np.int64]
    joints: NDArray[np.float32]
    cuts: tuple[tuple[int, float], ...]


class MotionMemory:
    """Bounded: what is older than ``seconds`` is forgotten, also of who has gone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._span = round(seconds * 1e9)
        self._stamp = -1
        self._histories: dict[str, MotionHistory] = {}
        # Start and link of each segment of each track, by segment id.
        self._cuts: dict[str, dict[int, tuple[int, float]]] = {}

    def __len__(self) -> int:
        return len(self._histories)

    def add(self, stamp: int, people: Mapping[str, NDArray[np.floating]]) -> bool:
        """Take one frame: (22, 3) joints by track. False where stamps went back, and all is forgotten."""
        forward = stamp >= self._stamp
        if not forward:
            self._histories.clear()
            self._cuts.clear()
        self._stamp = stamp
        for track, joints in people.items():
            self._histories.setdefault(track, MotionHistory(self._seconds)).add(stamp, joints)
        for track in [name for name, seen in self._histories.items() if stamp - seen.newest > self._span]:
            del self._histories[track]
            self._cuts.pop(track, None)
        return forward

    def cut(self, track: str, segment_id: int, start: int, link: float) -> None:
        """Take what is newly known of a segment: its start, and the link across it (0 = a sure boundary).

        Segments of whom nobody has seen are not kept.
        """
        if track not in self._histories:
            return
        cuts = self._cuts.setdefault(track, {})
        cuts[segment_id] = (start, link)
        for old in [number for number, (time, _) in cuts.items() if self._stamp - time > self._span]:
            del cuts[old]

    def snapshot(self, track: str, start: int, end: int) -> dict[str, Snapshot]:
        """The motion of one track, or of everybody for "", in ``start <= stamp <= end``."""
        found = {}
        for name in sorted(self._histories) if not track else [track]:
            if name in self._histories:
                stamps, joints = self._histories[name].between(start, end)
                if len(stamps):
                    cuts = tuple(sorted(self._cuts.get(name, {}).values()))
                    found[name] = Snapshot(stamps, joints, cuts)
        return found
