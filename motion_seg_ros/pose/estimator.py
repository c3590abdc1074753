"""From images to the people in them: one network follows each person, one looks for newcomers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.pose.crops import Crop, around, follow, tiles
from motion_seg_ros.pose.detection import BODY, Detection, similarity
from motion_seg_ros.pose.landmarker import Landmarker

log = logging.getLogger(__name__)

# Two detections this similar are one person.
_SAME = 0.5
# How long a follower that lost its person looks on in its window before it is free for somebody else.
_PATIENCE_NS = 300_000_000


@dataclass(frozen=True)
class EstimatorOptions:
    """What a :class:`PoseEstimator` needs to know; the meaning is that of :class:`PoseConfig`."""

    model: Path
    device: str
    max_people: int
    search_period: float
    min_detection: float
    min_presence: float
    min_tracking: float


@dataclass
class _Follower:
    """A network and the window in which it follows a person; without a window it is free."""

    net: Landmarker
    crop: Crop | None = None
    seen: Detection | None = None
    seen_at: int = 0


class PoseEstimator:
    """Finds and follows up to ``max_people`` people.

    MediaPipe's own way with several people shows its detector the whole image, scaled to 224 pixels: people
    who are small in it are not found. Here every person has a PoseLandmarker of their own in VIDEO mode on a
    window that moves with them, and as long as there are fewer than ``max_people``, one more looks for
    newcomers in one tile of the image every ``search_period`` seconds of stamp time (in every image while
    nobody is seen), with those already followed blacked out. The tiles take turns.

    Parameters
    ----------
    options : see :class:`EstimatorOptions`.
    rejection : says why a detection is no person to follow, "" if it is one.

    Attributes
    ----------
    device : "cpu" or "gpu", what is really used.
    degraded : what is worse than asked for, a sentence, or "".
    gated, duplicates : counts of detections rejected, and of detections dropped because another follower
        already had the person.
    """

    def __init__(self, options: EstimatorOptions, rejection: Callable[[Detection], str]) -> None:
        self._options = options
        self._rejection = rejection
        self.device, self.degraded = options.device, ""
        self.gated = self.duplicates = 0
        self._workers = ThreadPoolExecutor(options.max_people, "pose")
        self._start()

    def _start(self) -> None:
        try:
            self._open_networks()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            if self.device != "gpu":
                raise
            self.device = "cpu"
            # The reason stands at the end of a long sentence about the graph.
            reason = str(error).splitlines()[0].rpartition("cannot be created: ")[2].strip("; ")
            self.degraded = f"MediaPipe has no GPU and runs on the CPU: {reason}"
            log.warning("%s", self.degraded)
            self._open_networks()
        self._first: int | None = None
        self._next_search = 0
        self._turn = 0

    def _open_networks(self) -> None:
        self._finder = self._landmarker(follow=False)
        self._followers = [_Follower(self._landmarker(follow=True)) for _ in range(self._options.max_people)]

    def _landmarker(self, *, follow: bool) -> Landmarker:
        options = self._options
        return Landmarker(
            options.model,
            follow=follow,
            device=self.device,
            min_detection=options.min_detection,
            min_presence=options.min_presence,
            min_tracking=options.min_tracking,
        )

    def detect(self, rgb: NDArray[np.uint8], stamp: int) -> list[Detection]:
        """The people in one image, no one twice; landmarks in pixels of the image.

        Parameters
        ----------
        rgb : (H, W, 3) uint8.
        stamp : nanoseconds, not before the last image's; reset first to go back in time.

        Raises
        ------
        ValueError : the image is empty or of another shape or type.
        """
        check_image(rgb)
        if self._first is None:
            self._first = self._next_search = stamp
        time_ms = (stamp - self._first) // 1_000_000

        active = [follower for follower in self._followers if follower.crop is not None]
        found = list(self._workers.map(lambda follower: self._look(follower, rgb, time_ms), active))
        people = [
            (follower, detection)
            for follower, detection in zip(active, found, strict=True)
            if detection is not None and self._accepted(detection)
        ]
        people = self._without_duplicates(people)
        for follower, detection in people:
            assert follower.crop is not None
            follower.crop = follow(follower.crop, detection.image_xy[BODY])
            follower.seen, follower.seen_at = detection, stamp
        for follower in active:
            if stamp - follower.seen_at > _PATIENCE_NS:
                self._release(follower)
        present = [detection for _, detection in people]
        if len(present) < len(self._followers) and (not present or stamp >= self._next_search):
            self._next_search = stamp + round(self._options.search_period * 1e9)
            for detection in self._search(rgb, present):
                self._assign(detection, stamp)
        return present

    def reset(self) -> None:
        """Forget everybody, as if just constructed: the same images then give the same results again."""
        self._close_networks()
        self._start()

    def close(self) -> None:
        """Release the networks; the object is of no use afterwards."""
        self._close_networks()
        self._workers.shutdown()

    def _close_networks(self) -> None:
        self._finder.close()
        for follower in self._followers:
            follower.net.close()

    def _accepted(self, detection: Detection) -> bool:
        if self._rejection(detection):
            self.gated += 1
            return False
        return True

    @staticmethod
    def _look(follower: _Follower, rgb: NDArray[np.uint8], time_ms: int) -> Detection | None:
        assert follower.crop is not None
        found = follower.net.detect(follower.crop.cut(rgb), time_ms)
        return _moved(found[0], follower.crop) if found else None

    def _without_duplicates(
        self, people: list[tuple[_Follower, Detection]]
    ) -> list[tuple[_Follower, Detection]]:
        """One follower for each person: of two on the same one, the one that jumped there goes."""

        def jump(pair: tuple[_Follower, Detection]) -> float:
            follower, detection = pair
            if follower.seen is None:
                return float("inf")
            return float(np.hypot(*(detection.centre - follower.seen.centre))) / detection.size

        kept: list[tuple[_Follower, Detection]] = []
        for pair in sorted(people, key=jump):
            if any(similarity(pair[1], other) > _SAME for _, other in kept):
                self.duplicates += 1
                self._release(pair[0])
            else:
                kept.append(pair)
        return sorted(kept, key=lambda pair: self._followers.index(pair[0]))

    def _search(self, rgb: NDArray[np.uint8], present: list[Detection]) -> list[Detection]:
        """Newcomers in the tile whose turn it is."""
        grid = tiles(rgb.shape[1], rgb.shape[0])
        tile = grid[self._turn % len(grid)]
        self._turn += 1
        window = tile.cut(rgb)
        for detection in present:
            # Blacked out, people already followed cost nothing and hide no newcomer behind a better score.
            low = np.floor(detection.image_xy.min(0)).astype(int) - (tile.x, tile.y)
            high = np.ceil(detection.image_xy.max(0)).astype(int) - (tile.x, tile.y)
            left, top, right, bottom = np.clip([*low, *high], 0, tile.side)
            window[top:bottom, left:right] = 0
        found = [_moved(detection, tile) for detection in self._finder.detect(window, 0)]
        return [
            detection
            for detection in found
            if self._accepted(detection) and all(similarity(detection, other) <= _SAME for other in present)
        ]

    def _assign(self, detection: Detection, stamp: int) -> None:
        """Give a newcomer the nearest follower that has lost its person, else a free one if there is any."""

        def distance(follower: _Follower) -> float:
            assert follower.seen is not None
            return float(np.hypot(*(detection.centre - follower.seen.centre)))

        idle = [
            follower for follower in self._followers if follower.crop is None or follower.seen_at != stamp
        ]
        if not idle:
            return
        lost = [follower for follower in idle if follower.crop is not None and follower.seen is not None]
        chosen = min(lost, key=distance) if lost else idle[0]
        if chosen.crop is not None:
            chosen.net.forget()
        chosen.crop, chosen.seen, chosen.seen_at = around(detection.image_xy[BODY]), detection, stamp

    def _release(self, follower: _Follower) -> None:
        follower.net.forget()
        follower.crop = follower.seen = None


def check_image(rgb: NDArray[np.uint8]) -> None:
    """Raise ValueError, one sentence, for anything but a non-empty (H, W, 3) uint8 array."""
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        kind = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise ValueError(f"an image must be an RGB array (height, width, 3) of uint8, not {kind}")
    if 0 in rgb.shape:
        raise ValueError(f"the image is empty: {rgb.shape[1]} by {rgb.shape[0]} pixels")


def _moved(detection: Detection, crop: Crop) -> Detection:
    """From the pixels of a window to those of the image."""
    return Detection(detection.image_xy + np.array([crop.x, crop.y]), detection.world, detection.visibility)
