"""All standing queries at a time: whom each is about, and what it tells of each person in view."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.grounding.partition import Partition, partition
from motion_seg_ros.grounding.standing import Sighting, StandingConfig, StandingQuery

NOBODY = np.full((22, 3), np.nan)


@dataclass(slots=True)
class _Watch:
    text: str
    track_id: str  # "" = everybody
    division: Partition
    followers: dict[str, StandingQuery] = field(default_factory=dict)


class Watches:
    """Standing queries by number. What is told are pairs of a track id and a sighting.

    Parameters
    ----------
    most : queries at a time.
    """

    def __init__(self, grounder: Grounder, config: StandingConfig, most: int) -> None:
        self._grounder, self._config, self._most = grounder, config, most
        self._watches: dict[int, _Watch] = {}
        self._ids, self._sighting_ids = itertools.count(1), itertools.count(1)

    def __len__(self) -> int:
        return len(self._watches)

    def begin(self, text: str, track_id: str = "") -> tuple[int, str]:
        """The number of the query that watches for a text, and one sentence about it.

        ValueError if the text has nothing to watch for, or there are too many queries.
        """
        division = partition(text)
        if not division.actions:
            raise ValueError("; ".join(division.notes))
        known = self._find(text, track_id)
        if known is not None:
            return known, "this is watched for already"
        if len(self._watches) >= self._most:
            raise ValueError(f"{len(self._watches)} standing queries are the most at a time")
        number = next(self._ids)
        self._watches[number] = _Watch(text, track_id, division)
        return number, "watching for: " + "; ".join(dict.fromkeys(division.actions))

    def end(self, number: int, text: str = "", track_id: str = "") -> tuple[int, list[tuple[str, Sighting]]]:
        """End a query, named by its number or, with 0, by its text: its number, and its last words.

        ValueError if there is none.
        """
        known = number if number in self._watches else None if number else self._find(text, track_id)
        if known is None:
            raise ValueError("there is no such standing query")
        return known, _end(self._watches.pop(known))

    def update(self, stamp: int, people: Mapping[str, NDArray[np.floating]]) -> list[tuple[str, Sighting]]:
        """Take the next frame: the (22, 3) joints of everybody in it by track id."""
        told = []
        for watch in self._watches.values():
            for track, joints in people.items():
                if watch.track_id not in ("", track):
                    continue
                if track not in watch.followers:
                    watch.followers[track] = StandingQuery(
                        self._grounder, watch.division, self._config, self._sighting_ids
                    )
                told += [(track, sighting) for sighting in watch.followers[track].update(stamp, joints)]
            for track in [name for name in watch.followers if name not in people]:
                follower = watch.followers[track]
                told += [(track, sighting) for sighting in follower.update(stamp, NOBODY)]
                if follower.empty:
                    del watch.followers[track]
        return told

    def close(self) -> list[tuple[str, Sighting]]:
        """No frame follows for now: end what is open. The queries stay."""
        return [told for watch in self._watches.values() for told in _end(watch)]

    def _find(self, text: str, track_id: str) -> int | None:
        for number, watch in self._watches.items():
            if (watch.text, watch.track_id) == (text, track_id):
                return number
        return None


def _end(watch: _Watch) -> list[tuple[str, Sighting]]:
    told = [(track, item) for track, follower in watch.followers.items() for item in follower.close()]
    watch.followers.clear()
    return told
