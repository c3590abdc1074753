"""Stable names for the people seen from image to image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from motion_seg_ros.pose.detection import Detection, similarity

# Below this similarity a detection and a track are two people.
_LEAST = 0.2
# Width of the similarity's bell in body sizes, at once and per second without a sight: somebody who jumps
# off a wall moves two of their sizes in a second.
_SPREAD, _SPREAD_PER_SECOND = 0.15, 2.0
# Seconds after which a velocity no longer predicts anything: people turn and stop.
_MOMENTUM = 0.3
# Weight of the newest sight in velocity and size. Size is smoothed because a body that crouches is as near
# as before.
_NEWEST_VELOCITY, _NEWEST_SIZE = 0.4, 0.1


@dataclass
class _Track:
    detection: Detection
    stamp: int
    size: float
    velocity: NDArray[np.float64]
    born: int
    hits: int = 1
    name: str = ""

    def likeness(self, detection: Detection, stamp: int) -> float:
        """Similarity with the last pose, moved on at constant velocity or left where it was; 0 if too small.

        The wider the tolerance, the less it counts (the density of a bell of that width), so that somebody
        out of sight does not claim whoever passes the place where they were last seen.
        """
        gap = (stamp - self.stamp) * 1e-9
        seen = self.detection
        moved = seen.image_xy + self.velocity * min(gap, _MOMENTUM)
        ahead = Detection(moved, seen.world, seen.visibility)
        spread = _SPREAD + _SPREAD_PER_SECOND * gap
        value = max(similarity(pose, detection, spread, self.size) for pose in (ahead, seen))
        return value * _SPREAD / spread if value >= _LEAST else 0.0

    def take(self, detection: Detection, stamp: int) -> None:
        if stamp > self.stamp:
            velocity = (detection.centre - self.detection.centre) / ((stamp - self.stamp) * 1e-9)
            self.velocity = self.velocity + _NEWEST_VELOCITY * (velocity - self.velocity)
        self.size += _NEWEST_SIZE * (detection.size - self.size)
        self.detection, self.stamp, self.hits = detection, stamp, self.hits + 1


class Tracker:
    """Gives each person a name that stays theirs: "1", "2", ... in the order in which they appeared.

    In every image detections and tracks are matched one to one so that the sum of their similarities is
    greatest (Hungarian method). The similarity is COCO's keypoint similarity, relative to the person's size,
    between the detection and the track's last pose, moved on at constant velocity or left where it was,
    whichever fits better (people walk on, and people stop); its tolerance grows while the person is out of
    sight, and its weight shrinks as much. Looks take no part: on real video the colours of torso and thighs
    told two people apart hardly better than chance (AUC 0.57 to 0.71; light changes as people turn).

    - Out of sight for up to ``max_gap`` seconds of stamp time, a person keeps the name; after that, the name
      is gone and never used again.
    - A newcomer is named with the ``min_hits``-th image in a row in which they were seen, which keeps ghosts
      of one or two images out of the transcript at the price of that delay, once for each person.
    - Where people cross, place and velocity keep the names apart as long as both are seen, and give them
      back to people who were hidden for a moment and went on as they came. People who meet, hide one another
      and turn back may leave with swapped names; who appears where somebody has just left is taken for them.

    Parameters
    ----------
    max_gap : seconds.
    min_hits : images, at least 1.

    Attributes
    ----------
    named : how many names have been given since the last reset.
    """

    def __init__(self, max_gap: float, min_hits: int) -> None:
        self._max_gap = round(max_gap * 1e9)
        self._min_hits = min_hits
        self.reset()

    def reset(self) -> None:
        """Forget everybody; the next person is "1" again."""
        self._tracks: list[_Track] = []
        self._born = 0
        self.named = 0

    def update(self, stamp: int, detections: Sequence[Detection]) -> list[str]:
        """The name of each detection, "" for newcomers who have none yet.

        Parameters
        ----------
        stamp : nanoseconds, not before the last one (ValueError); reset first to go back in time.
        detections : the people in the image, each at most once.
        """
        if any(track.stamp > stamp for track in self._tracks):
            raise ValueError(f"stamp {stamp} lies before the last one; reset the tracker to go back in time")
        self._tracks = [track for track in self._tracks if stamp - track.stamp <= self._max_gap]
        likeness = np.zeros((len(self._tracks), len(detections)))
        for row, track in enumerate(self._tracks):
            for column, detection in enumerate(detections):
                likeness[row, column] = track.likeness(detection, stamp)
        rows, columns = linear_sum_assignment(likeness, maximize=True)
        matched = {
            int(column): self._tracks[row]
            for row, column in zip(rows, columns, strict=True)
            if likeness[row, column] > 0
        }
        present = []
        for column, detection in enumerate(detections):
            if column in matched:
                matched[column].take(detection, stamp)
                present.append(matched[column])
            else:
                present.append(_Track(detection, stamp, detection.size, np.zeros(2), self._born))
                self._born += 1
        # A newcomer must be seen in every image until named; the named may be out of sight for a while.
        found = {id(track) for track in present}
        absent = [track for track in self._tracks if track.name and id(track) not in found]
        self._tracks = absent + present
        for track in sorted(present, key=lambda track: track.born):
            if not track.name and track.hits >= self._min_hits:
                self.named += 1
                track.name = str(self.named)
        return [track.name for track in present]
