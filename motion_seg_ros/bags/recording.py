"""Rosbags as sources: rosbag2 (MCAP, SQLite) and rosbag1, whole or damaged, without ROS."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motion_seg_ros.bags import conversion
from motion_seg_ros.bags.bag_reader import Bag, Topic
from motion_seg_ros.bags.conversion import MessageError, from_message, stamp_of
from motion_seg_ros.bags.images import ImageError
from motion_seg_ros.bags.items import Item, Label, Source, SourceError
from motion_seg_ros.bags.people import People, find_people
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

# A recorder stores what arrives; stamps of one sensor's topics are out of order by no more than this.
_HORIZON_NS = 500_000_000
_MAX_WAITING = 256
# Stamps this far from the time of recording come from another clock.
_OTHER_CLOCK_NS = 1_000_000_000
_SAYING = (conversion.TEXT, conversion.EVENT)
_DEPTH_ENCODINGS = ("16UC1", "32FC1")


@dataclass(frozen=True, slots=True)
class _Stream:
    """A topic to read, and what its messages become."""

    topic: Topic
    reads: str  # "skeletons", "joints", "images" or "labels"


class BagSource(Source):
    """The people in a recording: its skeletons, or its images, and its labels.

    Topics are found by type: SkeletonArray, else what :mod:`motion_seg_ros.bags.people` understands
    (PoseArray, MarkerArray, Skeleton2D), else Image or CompressedImage; of several, the one with the most
    messages. Labels are a String topic with "label" or "truth" in its name. Items are ordered by the stamps
    in their headers; a message without one, or with a zero stamp, counts by the time it was recorded. What
    cannot be decoded is left out and counted in ``problem``.

    Parameters
    ----------
    from_images : images before skeletons.
    topics : those to read; by default they are found. Of several PoseArray each is then a person.
    joint_set : of bare joints; "" = known by their number.
    """

    kind = "bag"

    def __init__(
        self, path: Path, *, from_images: bool = False, topics: Sequence[str] = (), joint_set: str = ""
    ) -> None:
        super().__init__(str(path))
        self._bag = Bag(path)
        self._people: People | None = None
        streams = self._choose(from_images, topics, joint_set)
        self._reads = {stream.topic.name: stream.reads for stream in streams}
        main = streams[0].topic
        self.has_skeletons = streams[0].reads in ("skeletons", "joints")
        self.has_images = streams[0].reads == "images"
        self.has_labels = any(stream.reads == "labels" for stream in streams)
        self.duration = (self._bag.end_time - self._bag.start_time) / 1e9
        self.count = main.count
        self.fps = (main.count - 1) / self.duration if self.duration > 0 and main.count > 1 else None
        self.problem = self._bag.problem
        read = ", ".join(stream.topic.name for stream in streams if stream.reads == streams[0].reads)
        self.notes.append(f"{streams[0].reads} are read from {read}")
        self.notes += self._people.notes if self._people else ()

    @property
    def topics(self) -> tuple[str, ...]:
        """Names of all topics in the recording."""
        return tuple(topic.name for topic in self._bag.topics)

    @property
    def truth_topic(self) -> str:
        """The topic that says what people really do; "" where none is called so."""
        said = [t for t in self._bag.topics if t.count and is_truth(t.name) and t.type in _SAYING]
        return max(said, key=lambda topic: topic.count).name if said else ""

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        self.problem = ""
        failures: Counter[str] = Counter()
        first_failure = ""
        # Where everybody has a topic of their own, those who are seen at the same time are one frame.
        together: SkeletonFrame | None = None
        for stamp, (topic, msg) in in_stamp_order(_stamped(self._bag, self._reads)):
            if together is not None and together.stamp != stamp:
                yield together.stamp, together
                together = None
            try:
                if self._people is None or self._reads[topic] != "joints":
                    yield stamp, self._item(stamp, topic, msg)
                elif (found := self._people.skeletons(topic, msg)) is not None:
                    together = _joined(together, stamp, conversion.frame_id_of(msg), found)
            except (MessageError, ImageError, AttributeError) as error:
                # AttributeError: a message of our name whose definition in this bag is another one.
                failures[topic] += 1
                first_failure = first_failure or str(error)
        if together is not None:
            yield together.stamp, together
        problems = [self._bag.problem] if self._bag.problem else []
        if failures:
            counts = ", ".join(f"{count} of {topic}" for topic, count in failures.items())
            problems.append(f"messages left out: {counts}; the first because of: {first_failure}")
        self.problem = "; ".join(problems)

    def said(self, topic: str) -> Iterator[tuple[int, Label | SegmentEvent]]:
        """What a topic of String or SegmentEvent says, in the order of stamps; broken messages are left out.

        Raises
        ------
        SourceError : the topic carries something else.
        """
        kind = next((found.type for found in self._bag.topics if found.name == topic), "")
        if kind not in _SAYING:
            raise SourceError(f"{topic} of {self.name} carries {kind or 'nothing'}: no labels")
        # Messages of people tell by which clock a label without a stamp was recorded.
        people = {name for name, reads in self._reads.items() if reads != "labels"}
        for stamp, (name, msg) in in_stamp_order(_stamped(self._bag, {topic, *people})):
            if name == topic:
                with suppress(ValueError, AttributeError):
                    item = from_message(msg)
                    if isinstance(item, Label | SegmentEvent):
                        yield stamp, item

    def _item(self, stamp: int, topic: str, msg: Any) -> Item:
        item = from_message(msg)
        if isinstance(item, SkeletonFrame) and item.stamp != stamp:
            return SkeletonFrame(stamp, item.frame_id, item.skeletons)
        if isinstance(item, SegmentEvent | ConceptTokens):
            raise MessageError(f"{topic} carries what was said of people, not people")
        return item

    def _choose(self, from_images: bool, wanted: Sequence[str], joint_set: str) -> list[_Stream]:
        """The topics to read, the people first; SourceError where there are none."""
        bag = self._bag
        present = {topic.name: topic for topic in bag.topics}
        if missing := [name for name in wanted if name not in present]:
            raise SourceError(f"{bag.path} has no topic {missing[0]}; it has {', '.join(present) or 'none'}")
        topics = [present[name] for name in wanted] if wanted else bag.topics
        topics = sorted((t for t in topics if t.count > 0), key=lambda t: (-t.count, t.name))
        if not topics:
            raise SourceError(f"{bag.path} holds no messages")
        labels = _labels(topics)[:1]
        images = _images(bag, topics, wanted) if from_images else None
        if images is None:
            if ours := next((topic for topic in topics if topic.type == conversion.SKELETONS), None):
                return [_Stream(ours, "skeletons"), *labels]
            self._people = find_people(bag, topics, joint_set, several=bool(wanted))
            if self._people:
                return [*(_Stream(topic, "joints") for topic in self._people.topics), *labels]
            images = _images(bag, topics, wanted)
        if images:
            return [images, *labels]
        types = ", ".join(f"{t.name} ({t.type})" for t in topics)
        # Names in a damaged file may hold anything.
        types = " ".join(types.split())[:300]
        what = f"nor joints of {joint_set} " if joint_set else ""
        raise SourceError(f"{bag.path} holds neither skeletons {what}nor images, only {types}")


def recorded(bag: Bag, wants_image: Callable[[int], bool]) -> Iterator[tuple[int, Item | SegmentEvent]]:
    """Skeletons, segment events, labels and images of a recording, each with its stamp.

    ``wants_image(stamp)`` says which images are worth decoding. Broken messages are left out.

    Raises
    ------
    SourceError : there are neither skeletons nor events.
    """
    kinds = (conversion.SKELETONS, conversion.EVENT)
    if not any(topic.type in kinds and topic.count for topic in bag.topics):
        raise SourceError(f"{bag.path} holds neither skeletons nor segment events")
    names = {topic.name: topic.type for topic in bag.topics if topic.type in kinds}
    names |= {stream.topic.name: stream.topic.type for stream in _labels(bag.topics)[:1]}
    by_size = sorted(bag.topics, key=lambda topic: (-topic.count, topic.name))
    if images := _images(bag, by_size, ()):
        names[images.topic.name] = images.topic.type
    for stamp, (topic, msg) in in_stamp_order(_stamped(bag, names)):
        if names[topic] not in conversion.IMAGE_TYPES or wants_image(stamp):
            # The report shows what there is; how much was broken was told by who read the recording.
            with suppress(MessageError, ImageError, AttributeError):
                item = from_message(msg)
                if not isinstance(item, ConceptTokens):
                    yield stamp, item


def _stamped(bag: Bag, topics: Collection[str]) -> Iterator[tuple[int, tuple[str, Any]]]:
    """Messages of a recording with their stamps, in the order of the recording."""
    # Labels have no header. In a recording of a simulation or of a replay their time of recording belongs to
    # another clock than the stamps, and is moved by the difference, which the first stamp tells.
    shift: int | None = None
    early: list[tuple[int, tuple[str, Any]]] = []
    for topic, time, msg in bag.messages(topics):
        stamp = stamp_of(msg)
        if stamp is not None:
            shift = stamp - time if abs(stamp - time) > _OTHER_CLOCK_NS else 0
        elif shift is None and len(early) < _MAX_WAITING:
            early.append((time, (topic, msg)))
            continue
        for when, item in early:
            yield when + (shift or 0), item
        early.clear()
        yield (time + (shift or 0) if stamp is None else stamp), (topic, msg)
    yield from early


def _joined(
    frame: SkeletonFrame | None, stamp: int, frame_id: str, people: Sequence[Skeleton]
) -> SkeletonFrame:
    """A frame with some more people; of two with the same track, the later one. MessageError for a crowd."""
    before = frame.skeletons if frame is not None else ()
    everybody = {skeleton.track_id: skeleton for skeleton in (*before, *people)}
    if len(everybody) > conversion.MOST_PEOPLE:
        raise MessageError(f"{len(everybody)} people in a frame are more than {conversion.MOST_PEOPLE}")
    frame_id = (frame.frame_id if frame is not None else "") or frame_id
    return SkeletonFrame(stamp, frame_id, tuple(everybody.values()))


def in_stamp_order(
    stamped: Iterable[tuple[int, Any]], horizon: int = _HORIZON_NS, limit: int = _MAX_WAITING
) -> Iterator[tuple[int, Any]]:
    """Sort a nearly sorted stream, holding back at most ``limit`` items or ``horizon`` ns of it.

    Equal stamps keep their order. A stamp further back than the horizon is a jump (a bag that was played in a
    loop): everything before it comes first.
    """
    waiting: list[tuple[int, int, Any]] = []
    newest: int | None = None
    for number, (stamp, item) in enumerate(stamped):
        if newest is not None and stamp < newest - horizon:
            while waiting:
                yield _pop(waiting)
            newest = None
        newest = stamp if newest is None else max(newest, stamp)
        heapq.heappush(waiting, (stamp, number, item))
        while waiting and (waiting[0][0] <= newest - horizon or len(waiting) > limit):
            yield _pop(waiting)
    while waiting:
        yield _pop(waiting)


def _pop(waiting: list[tuple[int, int, Any]]) -> tuple[int, Any]:
    stamp, _, item = heapq.heappop(waiting)
    return stamp, item


def _labels(topics: Sequence[Topic]) -> list[_Stream]:
    """String topics that carry labels and not, say, a robot's description."""
    return [
        _Stream(t, "labels") for t in topics if t.type == conversion.TEXT and is_truth(t.name) and t.count
    ]


def is_truth(topic: str) -> bool:
    """Whether a topic's name promises what people really do."""
    return any(word in topic.lower() for word in ("label", "truth"))


def _images(bag: Bag, topics: Sequence[Topic], wanted: Collection[str]) -> _Stream | None:
    """The first topic of colour or grey images; drawings of our own only where they are asked for."""
    for topic in topics:
        if topic.type not in conversion.IMAGE_TYPES or not topic.count:
            continue
        if topic.name.endswith("debug_image") and topic.name not in wanted:
            continue
        first = bag.first(topic)
        form = first.encoding if topic.type == conversion.IMAGE else first.format
        if form not in _DEPTH_ENCODINGS and "compressedDepth" not in form:
            return _Stream(topic, "images")
    return None
