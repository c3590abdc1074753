"""People in the messages of other packages: PoseArray, MarkerArray, and Skeleton2D of ROS4HRI (REP-155).

They carry bare joints. Which joint is which is told by a joint set, or guessed from their number; which way
is up is guessed from the bodies. All that is guessed is guessed from the first messages, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags import conversion
from motion_seg_ros.bags.bag_reader import Bag, Topic
from motion_seg_ros.bags.conversion import MarkerPoints, MessageError
from motion_seg_ros.bags.images import ImageError
from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.datasets.skeletons import guess_axes, known_counts, names_in, names_of, skeleton
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import Skeleton

# The messages that guesses are made from.
_SAMPLES = 100
# Drivers that number the joints of several people give each a hundred (Azure Kinect's).
_HUNDRED = 100
_COCO = JOINT_SETS["coco17"]
# coco17 from a Skeleton2D; its neck is the middle of the shoulders and is derived again where it is needed.
_FROM_OPENPOSE = tuple(names_in("openpose18").index(joint) for joint in _COCO.joints)
_SHOULDERS, _HIPS = (
    [_COCO.index(f"{side}_{part}") for side in ("left", "right")] for part in ("shoulder", "hip")
)
# Middle of the shoulders to middle of the hips of a grown-up in metres, about; a convention.
_TRUNK = 0.5
# A trunk of less than this share of the image's height is not measured.
_MIN_TRUNK = 0.02
# Where no trunk is seen, the image is taken to be so high, in metres, where the person stands.
_IMAGE_HEIGHT = 2.0
_ASPECT = 4 / 3


class People(ABC):
    """Topics whose messages show people, and what makes skeletons of them.

    Attributes
    ----------
    topics : those to read, the one with the most messages first.
    notes : what was guessed, a sentence each.
    """

    def __init__(self, topics: Sequence[Topic], notes: Sequence[str]) -> None:
        self.topics, self.notes = tuple(topics), list(notes)

    @abstractmethod
    def skeletons(self, topic: str, msg: Any) -> tuple[Skeleton, ...] | None:
        """Who is seen in a message; nobody if it is empty, None for one that does not say who is seen.

        Raises
        ------
        MessageError : its joints are not those of the joint set.
        """


def find_people(bag: Bag, topics: Sequence[Topic], joint_set: str, several: bool) -> People | None:
    """What shows people among topics that are sorted by their numbers of messages; None if nothing does.

    Parameters
    ----------
    joint_set : of bare joints; "" = known by their number.
    several : each PoseArray among the topics is a person; else the first that fits is the only one.

    Raises
    ------
    SourceError : the definition of a message that is needed is not in the recording.
    """
    poses = [topic for topic in topics if topic.type == conversion.POSES]
    for chosen in [poses] if several else [[topic] for topic in poses]:
        if chosen and (found := _poses(bag, chosen, joint_set)):
            return found
    for topic in topics:
        if topic.type == conversion.MARKERS and (marked := _markers(bag, topic, joint_set)):
            return marked
    return _keypoints(bag, topics)


def _first(bag: Bag, topic: Topic) -> Iterator[Any]:
    return (msg for _, _, msg in islice(bag.messages([topic.name]), _SAMPLES))


def _about(joints: Sequence[NDArray[np.float64]], names: Sequence[str]) -> tuple[str, str]:
    """The axes of some bodies, and a note of all that is guessed of them."""
    axes = guess_axes(np.stack(joints), names)
    return axes, f"{len(names)} joints are taken for {names[0]}, {names[1]}, …, {axes}"


class _Poses(People):
    """Poses that are the joints of one person, or of several in a row."""

    def __init__(
        self, topics: Sequence[Topic], names: Sequence[str], axes: str, note: str, row: bool
    ) -> None:
        super().__init__(topics, [note])
        self._names, self._axes, self._row = names, axes, row
        self._tracks = {topic.name: topic.name if len(topics) > 1 else "" for topic in topics}

    def skeletons(self, topic: str, msg: Any) -> tuple[Skeleton, ...]:
        joints = conversion.positions(msg)
        bodies = _bodies(joints, self._names, self._row)
        if bodies is None:
            raise MessageError(f"{len(joints)} poses are not the {len(self._names)} joints of a person")
        name = self._tracks[topic]
        tracks = [
            f"{name}/{i}" if name and len(bodies) > 1 else name or str(i) for i in range(1, len(bodies) + 1)
        ]
        people = zip(bodies, tracks, strict=True)
        return tuple(skeleton(body, self._names, self._axes, track) for body, track in people)


def _poses(bag: Bag, topics: Sequence[Topic], joint_set: str) -> People | None:
    samples = [conversion.positions(msg) for topic in topics for msg in _first(bag, topic)]
    names = _names(joint_set, [len(joints) for joints in samples])
    if names is None:
        return None
    row = bool(joint_set)
    rows = [_bodies(joints, names, row) for joints in samples]
    found = [body for bodies in rows if bodies is not None for body in bodies]
    return _Poses(topics, names, *_about(found, names), row) if found else None


def _bodies(joints: NDArray[np.float64], names: Sequence[str], row: bool) -> NDArray[np.float64] | None:
    """(people, J, 3); None where the number of joints does not fit."""
    count = len(names)
    if len(joints) % count or (len(joints) > count and not row):
        return None
    return joints.reshape(-1, count, 3)


def _names(joint_set: str, counts: Sequence[int]) -> tuple[str, ...] | None:
    """The names in a joint set, else those of the first number of joints that is known."""
    if joint_set:
        return names_in(joint_set)
    return next((names_of(count) for count in counts if count in known_counts()), None)


class _Markers(People):
    """Markers that are a person's joints: a list of points or spheres each, or a sphere for every joint."""

    def __init__(self, topic: Topic, names: Sequence[str], axes: str, note: str, stride: int | None) -> None:
        super().__init__([topic], [note])
        self._names, self._axes, self._stride = names, axes, stride

    def skeletons(self, topic: str, msg: Any) -> tuple[Skeleton, ...] | None:
        markers = conversion.marker_points(msg)
        if markers is None:
            return None
        bodies = _marked(markers, len(self._names), self._stride)
        if markers and not bodies:
            raise MessageError(f"no marker shows the {len(self._names)} joints of a person")
        return tuple(skeleton(body, self._names, self._axes, track) for track, body in bodies.items())


def _markers(bag: Bag, topic: Topic, joint_set: str) -> People | None:
    samples = [shown for msg in _first(bag, topic) if (shown := conversion.marker_points(msg))]
    lists = [len(marker.points) for shown in samples for marker in shown if marker.whole]
    names = _names(joint_set, lists)
    if names is not None and len(names) in lists:
        stride = None
    else:
        # A sphere for every joint; people whose joints are numbered on without a gap fill no hundred.
        numbers = [[m.number for m in shown if not m.whole] for shown in samples]
        names = _names(joint_set, [len(_of_one(shown)) for shown in samples])
        if names is None or not any(numbers):
            return None
        gaps = all(number % _HUNDRED < len(names) for shown in numbers for number in shown)
        stride = _HUNDRED if gaps else len(names)
    found = [body for shown in samples for body in _marked(shown, len(names), stride).values()]
    return _Markers(topic, names, *_about(found, names), stride) if found else None


def _of_one(markers: Sequence[MarkerPoints]) -> list[MarkerPoints]:
    """The spheres that are of the same person as the first one."""
    spheres = [marker for marker in markers if not marker.whole]
    return [
        marker
        for marker in spheres
        if (marker.ns, marker.number // _HUNDRED) == (spheres[0].ns, spheres[0].number // _HUNDRED)
    ]


def _marked(
    markers: Sequence[MarkerPoints], count: int, stride: int | None
) -> dict[str, NDArray[np.float64]]:
    """(J, 3) joints of each track; ``stride`` numbers of spheres are a person's, None = each list is one."""
    bodies: dict[str, NDArray[np.float64]] = {}
    for marker in markers:
        if marker.whole and stride is None and len(marker.points) == count:
            bodies[_track(marker.ns, marker.number)] = marker.points
        elif not marker.whole and stride is not None:
            person, joint = divmod(marker.number, stride)
            if joint < count:
                body = bodies.setdefault(_track(marker.ns, person), np.full((count, 3), np.nan))
                body[joint] = marker.points[0]
    return bodies


def _track(ns: str, number: int) -> str:
    return f"{ns}/{number}" if ns else str(number)


class _Keypoints(People):
    """Keypoints in an image, stood up in the plane of the image."""

    def __init__(
        self,
        topics: Sequence[Topic],
        notes: Sequence[str],
        size: tuple[int, int] | None,
        heights: dict[str, float],
    ) -> None:
        super().__init__(topics, notes)
        self._size, self._heights = size, heights
        self._aspect = size[0] / size[1] if size else _ASPECT

    def skeletons(self, topic: str, msg: Any) -> tuple[Skeleton, ...] | None:
        if topic not in self._heights:
            return None if conversion.ids(msg) else ()
        found = conversion.keypoints(msg)[list(_FROM_OPENPOSE)]
        x, y, confidence = found.T
        height = self._heights[topic]
        joints = np.stack([np.zeros_like(x), (0.5 - x) * self._aspect * height, (1 - y) * height], axis=1)
        joints[np.isnan(x)] = np.nan
        pixels = np.zeros((0, 2)) if self._size is None else found[:, :2] * self._size
        trust = np.nan_to_num(np.clip(confidence, 0, 1)).astype(np.float32)
        person = Skeleton(_body(topic), _COCO.name, joints, trust, pixels.astype(np.float32))
        return (person,)


def _body(topic: str) -> str:
    """The id in /humans/bodies/ID/skeleton2d."""
    return topic.rstrip("/").split("/")[-2] if topic.count("/") > 1 else topic.strip("/")


def _keypoints(bag: Bag, topics: Sequence[Topic]) -> People | None:
    bodies = [topic for topic in topics if topic.type == conversion.KEYPOINTS]
    tracked = [
        topic for topic in topics if topic.type == conversion.IDS and topic.name.endswith("bodies/tracked")
    ]
    if not bodies:
        return None
    if undefined := [topic for topic in bodies if not topic.defined]:
        raise SourceError(
            f"{bag.path} does not say what a {conversion.KEYPOINTS} of {undefined[0].name} is: record it as "
            "MCAP, which keeps the definitions of messages"
        )
    size = _image_size(bag)
    aspect = size[0] / size[1] if size else _ASPECT
    heights = {}
    for topic in bodies:
        trunks = []
        for msg in _first(bag, topic):
            with suppress(MessageError):  # told when it is read for good
                trunks.append(_trunk(conversion.keypoints(msg), aspect))
        seen = [trunk for trunk in trunks if trunk > _MIN_TRUNK]
        heights[topic.name] = _TRUNK / float(np.median(seen)) if seen else _IMAGE_HEIGHT
    form = f"of {size[0]} x {size[1]} pixels" if size else "taken to be 4:3"
    note = (
        f"keypoints in an image ({form}) stand in its plane, with trunks of {_TRUNK} m: "
        "nothing is known of depth"
    )
    return _Keypoints([*bodies, *tracked], [note], size, heights)


def _trunk(keypoints: NDArray[np.float64], aspect: float) -> float:
    """Length of the trunk as a share of the image's height; NaN where it is not seen."""
    points = keypoints[list(_FROM_OPENPOSE), :2] * (aspect, 1)
    return float(np.linalg.norm(points[_SHOULDERS].mean(axis=0) - points[_HIPS].mean(axis=0)))


def _image_size(bag: Bag) -> tuple[int, int] | None:
    """That of the first camera whose size is told."""
    for kind in (conversion.CAMERA_INFO, *conversion.IMAGE_TYPES):
        for topic in bag.topics:
            if topic.type == kind and topic.count:
                try:
                    size = conversion.image_size(bag.first(topic))
                except (ImageError, SourceError):
                    continue
                if min(size) > 0:
                    return size
    return None
