"""A sentence in a source, without ROS: everybody's motion, the boundaries in it, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.grounder import Grounder, Grounding
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.transcriber import Transcriber


@dataclass(slots=True)
class Person:
    """What was seen of one track: stamps, joints, and (time, link) of the boundaries in its motion."""

    stamps: list[int] = field(default_factory=list)
    joints: list[NDArray[np.float32]] = field(default_factory=list)
    cuts: list[tuple[int, float]] = field(default_factory=list)

    def motion(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Stamps (T,) and joints (T, 22, 3)."""
        return np.array(self.stamps, np.int64), np.array(self.joints, np.float32)


class People:
    """Gathers everybody's motion from the frames of a source, for :func:`motion_seg_ros.replay.replay`."""

    def __init__(self) -> None:
        self.tracks: dict[str, Person] = {}
        self._transcriber = Transcriber()

    def update(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        """Take the next frame; ValueError where it does not fit, as of the transcriber."""
        events = self._transcriber.update(frame)
        for skeleton in frame.skeletons:
            joints, trust = to_smpl22(skeleton.joints, skeleton.confidence, skeleton.joint_set)
            person = self.tracks.setdefault(skeleton.track_id, Person())
            if not person.stamps or frame.stamp > person.stamps[-1]:
                person.stamps.append(frame.stamp)
                person.joints.append(np.where(trust[:, None] > 0, joints, np.nan).astype(np.float32))
        self._cut(events)
        return events

    def close(self) -> None:
        """No frame will follow."""
        self._cut(self._transcriber.close())

    def ground(self, grounder: Grounder, text: str) -> dict[str, Grounding]:
        """The answer for each track."""
        division = grounder.divide(text)
        return {
            track: grounder.ground(division, *person.motion(), person.cuts)
            for track, person in self.tracks.items()
        }

    def _cut(self, events: list[SegmentEvent]) -> None:
        for event in events:
            person = self.tracks.get(event.track_id)
            if event.final and not event.withdrawn and person and event.start > person.stamps[0]:
                person.cuts.append((event.start, 1.0 - event.boundary_confidence))


def answers_json(text: str, source: str, answers: Mapping[str, Grounding], origin: int) -> dict[str, Any]:
    """Everything that was found, in plain values; times are seconds after ``origin`` (ns)."""

    def seconds(time: int | None) -> float | None:
        return None if time is None else round((time - origin) / 1e9, 3)

    return {
        "text": text,
        "source": source,
        "origin_ns": origin,
        "found": any(answer.found for answer in answers.values()),
        "tracks": [
            {
                "track": track,
                "found": answer.found,
                "spans": [
                    {
                        "text": item.action,
                        "start": seconds(item.start),
                        "end": seconds(item.end),
                        "score": round(item.score, 4),
                    }
                    for item in answer.spans
                ],
                "candidates": [
                    {
                        "text": item.action,
                        "start": seconds(item.start),
                        "end": seconds(item.end),
                        "score": round(item.score, 4),
                        "found": item.found,
                    }
                    for item in answer.candidates
                ],
                "partition": answer.partition.to_dict(),
                "notes": list(answer.notes),
            }
            for track, answer in answers.items()
        ],
    }
