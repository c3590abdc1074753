"""The one place that touches the fields of messages.

Messages are handled by duck typing, so the classes of rclpy (nodes) and of rosbags (recordings) both work.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.images import decode_compressed, decode_image, encode_jpeg
from motion_seg_ros.bags.items import Image, Item, Label
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.plain_text import InputError
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

SKELETONS = "motion_seg_ros/msg/SkeletonArray"
EVENT = "motion_seg_ros/msg/SegmentEvent"
CONCEPTS = "motion_seg_ros/msg/ConceptTokens"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)
POSES = "geometry_msgs/msg/PoseArray"
MARKERS = "visualization_msgs/msg/MarkerArray"
KEYPOINTS = "hri_msgs/msg/Skeleton2D"
IDS = "hri_msgs/msg/IdsList"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TEXT = "std_msgs/msg/String"

_SECOND = 1_000_000_000
# More people are no frame, longer names are no tracks, and farther joints (m) are broken numbers.
MOST_PEOPLE, _LONGEST_ID, _FARTHEST = 256, 200, 1e6
_INFO = 20  # of rcl_interfaces/Log, whose constants are bytes in some releases and numbers in others

_KEYPOINTS = 18  # of a Skeleton2D
# Types and actions of visualization_msgs/Marker.
_SPHERE, _SPHERE_LIST, _POINTS = 2, 7, 8
_DELETE, _DELETE_ALL = 2, 3


class MessageError(InputError):
    """A message whose fields contradict each other; the message is one sentence."""


class RclpyTypes(Mapping[str, type]):
    """rclpy's message classes by name, imported when first asked for: "std_msgs/msg/String" -> the class."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name not in self._classes:
            package, kind, short = name.split("/")
            self._classes[name] = getattr(import_module(f"{package}.{kind}"), short)
        return self._classes[name]

    def __iter__(self) -> Any:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


def type_name(msg: Any) -> str:
    """The short name of a message's type, "SkeletonArray", for rclpy's and rosbags' classes."""
    return type(msg).__name__.rpartition("__")[2]


def stamp_of(msg: Any) -> int | None:
    """The header's stamp in nanoseconds; None for a message without a header or a valid stamp above zero.

    A MarkerArray has no header of its own: the first stamp among its markers counts.
    """
    header = getattr(msg, "header", None)
    for item in (header,) if header is not None else (m.header for m in getattr(msg, "markers", ())):
        with suppress(MessageError):
            if stamp := time_to_ns(item.stamp):
                return stamp
    return None


def time_to_ns(time: Any) -> int:
    """Nanoseconds of a builtin_interfaces/Time; MessageError for one that no clock shows."""
    if time.sec < 0 or time.nanosec >= _SECOND:
        raise MessageError(f"a time of {time.sec} s and {time.nanosec} ns is none that a message may hold")
    return int(time.sec) * _SECOND + int(time.nanosec)


def from_message(msg: Any) -> Item | SegmentEvent | ConceptTokens:
    """The core object of a SkeletonArray, SegmentEvent, ConceptTokens, Image, CompressedImage or String (a
    label).

    Raises
    ------
    MessageError, ImageError : the fields contradict each other.
    KeyError : another type of message.
    """
    return _FROM[type_name(msg)](msg)


def to_message(obj: Item | SegmentEvent | ConceptTokens, types: Mapping[str, Any], stamp: int = 0) -> Any:
    """The message of a core object, with the classes in ``types`` (name -> class).

    ``stamp`` (ns) is for images only: everything else carries its own or has none.

    Raises
    ------
    MessageError : a stamp that builtin_interfaces/Time cannot hold.
    """
    if isinstance(obj, SkeletonFrame):
        return _skeletons_to_message(obj, types)
    if isinstance(obj, SegmentEvent):
        return _event_to_message(obj, types)
    if isinstance(obj, ConceptTokens):
        return _concepts_to_message(obj, types)
    if isinstance(obj, Image):
        return _image_to_message(obj, types, stamp)
    return types[TEXT](data=obj.text)


def to_compressed(image: Image, types: Mapping[str, Any], stamp: int, quality: int = 90) -> Any:
    """The JPEG CompressedImage of an image; ``quality`` is 0..100."""
    cls = types[COMPRESSED_IMAGE]
    return cls(
        header=_header(stamp, image.frame_id, types),
        format="rgb8; jpeg compressed bgr8",
        data=_numbers(cls, "B", encode_jpeg(image.rgb, quality)),
    )


def segment_array(
    stamp: int, frame_id: str, track_id: str, events: Sequence[SegmentEvent], types: Mapping[str, Any]
) -> Any:
    """The SegmentArray of one track's latest segments, newest last."""
    return types["motion_seg_ros/msg/SegmentArray"](
        header=_header(stamp, frame_id, types),
        track_id=track_id,
        segments=[_event_to_message(event, types) for event in events],
    )


def grounded_span(text: str, start: int, end: int, score: float, types: Mapping[str, Any]) -> Any:
    """The GroundedSpan of one sub-action; times are nanoseconds."""
    return types["motion_seg_ros/msg/GroundedSpan"](
        text=text, start=ns_to_time(start, types), end=ns_to_time(end, types), score=score
    )


def transcript_line(event: SegmentEvent, text: str, types: Mapping[str, Any]) -> Any:
    """What an event tells, as a rcl_interfaces/Log: the message that viewers show line by line."""
    return types["rcl_interfaces/msg/Log"](
        stamp=ns_to_time(event.stamp, types),
        level=_INFO,
        name=f"person {event.track_id}",
        msg=text,
        file="",
        function="",
        line=0,
    )


def ns_to_time(stamp: int, types: Mapping[str, Any]) -> Any:
    """A builtin_interfaces/Time of integer nanoseconds."""
    sec, nanosec = divmod(stamp, _SECOND)
    if not 0 <= sec < 2**31:
        raise MessageError(f"{stamp} ns is no time that a message can hold (0 to 2^31 s)")
    return types["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec)


def positions(msg: Any) -> NDArray[np.float64]:
    """(J, 3) positions of a PoseArray, in its own axes; NaN where not finite or far beyond any room."""
    return _points([pose.position for pose in msg.poses])


@dataclass(frozen=True, slots=True, eq=False)
class MarkerPoints:
    """The (N, 3) points of one marker, in its frame; a sphere is one point, and not ``whole``: no list."""

    ns: str
    number: int
    whole: bool
    points: NDArray[np.float64]


def marker_points(msg: Any) -> list[MarkerPoints] | None:
    """The markers of points that a MarkerArray leaves behind, its actions done in their order.

    None for one that says nothing of points: it neither shows nor deletes some.
    """
    shown: dict[tuple[str, int], MarkerPoints] = {}
    speaks = not msg.markers
    for marker in msg.markers:
        key = _name(marker.ns), int(marker.id)
        if marker.action == _DELETE_ALL:
            shown.clear()
        elif marker.action == _DELETE:
            shown.pop(key, None)
        elif marker.type in (_SPHERE, _SPHERE_LIST, _POINTS):
            whole = marker.type != _SPHERE
            own = _points(marker.points) if whole else np.zeros((1, 3))
            shown[key] = MarkerPoints(*key, whole, _moved(own, marker.pose))
        else:
            continue
        speaks = True
    return list(shown.values()) if speaks else None


def keypoints(msg: Any) -> NDArray[np.float64]:
    """(18, 3) of a Skeleton2D: x (right) and y (down) as shares of the image, and a confidence in 0..1.

    NaN where a keypoint is not seen: without confidence, or nowhere.

    Raises
    ------
    MessageError : another number of keypoints.
    """
    found = np.array([(point.x, point.y, point.c) for point in msg.skeleton], np.float64).reshape(-1, 3)
    if len(found) != _KEYPOINTS:
        raise MessageError(f"{len(found)} keypoints in a skeleton, which has {_KEYPOINTS}")
    found[~np.isfinite(found).all(axis=1) | (found[:, 2] <= 0)] = np.nan
    return found


def ids(msg: Any) -> tuple[str, ...]:
    """The ids of an IdsList."""
    return tuple(str(name) for name in msg.ids)


def image_size(msg: Any) -> tuple[int, int]:
    """Width and height in pixels that an Image, a CompressedImage or a CameraInfo tells.

    Raises
    ------
    ImageError : a picture that cannot be decoded.
    """
    if type_name(msg) == "CompressedImage":
        height, width = decode_compressed(msg).shape[:2]
        return width, height
    return int(msg.width), int(msg.height)


def frame_id_of(msg: Any) -> str:
    """The coordinate frame in the message's header, or in that of its first marker; "" without markers."""
    if (header := getattr(msg, "header", None)) is None:
        header = msg.markers[0].header if len(msg.markers) else None
    return str(header.frame_id) if header is not None else ""


def _skeletons_from_message(msg: Any) -> SkeletonFrame:
    if len(msg.skeletons) > MOST_PEOPLE:
        raise MessageError(f"{len(msg.skeletons)} people in a frame are more than {MOST_PEOPLE}")
    return SkeletonFrame(
        time_to_ns(msg.header.stamp),
        frame_id_of(msg),
        tuple(_skeleton_from_message(skeleton) for skeleton in msg.skeletons),
    )


def _skeleton_from_message(msg: Any) -> Skeleton:
    if msg.joint_set not in JOINT_SETS:
        raise MessageError(f"joint set {msg.joint_set!r:.60} is none of {', '.join(JOINT_SETS)}")
    count = len(JOINT_SETS[msg.joint_set].joints)
    if len(msg.joints) != count:
        raise MessageError(f"{len(msg.joints)} joints in a {msg.joint_set} skeleton, which has {count}")
    joints = _points(msg.joints)
    confidence = np.array(msg.confidence, dtype=np.float32)
    image_xy = np.array(msg.image_xy, dtype=np.float32)
    if confidence.size == 0:
        # A tracker that does not rate its joints says only whether it saw them.
        confidence = np.asarray(np.isfinite(joints).all(axis=1), dtype=np.float32)
    if confidence.size != count or image_xy.size not in (0, 2 * count):
        raise MessageError(
            f"{confidence.size} confidences and {image_xy.size} image coordinates for {count} joints"
        )
    confidence = np.clip(np.where(np.isnan(confidence), np.float32(0), confidence), 0, 1)
    return Skeleton(_name(msg.track_id), str(msg.joint_set), joints, confidence, image_xy.reshape(-1, 2))


def _name(track_id: Any) -> str:
    """The name of a track; MessageError for one that cannot be shown or told apart."""
    name = str(track_id)
    if len(name) > _LONGEST_ID or not name.isprintable():
        raise MessageError(
            f"the track id {name[:60]!r} is not printable or has more than {_LONGEST_ID} characters"
        )
    return name


def _points(points: Sequence[Any]) -> NDArray[np.float64]:
    flat = [value for point in points for value in (point.x, point.y, point.z)]
    joints = np.array(flat, dtype=np.float64).reshape(-1, 3)
    joints[~(np.abs(joints) <= _FARTHEST)] = np.nan
    return joints


def _moved(points: NDArray[np.float64], pose: Any) -> NDArray[np.float64]:
    """Points in the frame of the marker's header from points in the marker's own."""
    place, turn = pose.position, pose.orientation
    axis, w = np.array([turn.x, turn.y, turn.z], np.float64), float(turn.w)
    square = float(axis @ axis) + w * w
    # A quaternion of zeros stands for no rotation, as in RViz.
    if square > 0:
        points = points + 2 * np.cross(axis, np.cross(axis, points) + w * points) / square
    moved = points + np.array([place.x, place.y, place.z], np.float64)
    moved[~np.isfinite(moved).all(axis=1)] = np.nan
    return moved


def _event_from_message(msg: Any) -> SegmentEvent:
    if int(msg.type) not in tuple(EventType):
        raise MessageError(f"{msg.type} is no type of a segment's event")
    start, end = time_to_ns(msg.start), time_to_ns(msg.end)
    if end < start:
        raise MessageError(f"a segment from {start} to {end} ns ends before it starts")
    sure = float(msg.confidence), float(msg.boundary_confidence)
    if not all(0 <= value <= 1 for value in sure):
        raise MessageError(f"confidences of {sure[0]:g} and {sure[1]:g} are not from 0 to 1")
    return SegmentEvent(
        stamp=time_to_ns(msg.header.stamp),
        frame_id=frame_id_of(msg),
        track_id=_name(msg.track_id),
        segment_id=int(msg.segment_id),
        revision=int(msg.revision),
        type=EventType(int(msg.type)),
        final=bool(msg.final),
        motion_id=int(msg.motion_id),
        start=start,
        end=end,
        confidence=sure[0],
        boundary_confidence=sure[1],
        label=str(msg.label),
        label_source=str(msg.label_source),
        concept_tokens=tuple(int(token) for token in msg.concept_tokens),
    )


def _concepts_from_message(msg: Any) -> ConceptTokens:
    start, end = time_to_ns(msg.start), time_to_ns(msg.end)
    if len(msg.tokens) != len(msg.distances) or end < start or (end == start) != (not len(msg.tokens)):
        raise MessageError(
            f"{len(msg.tokens)} tokens with {len(msg.distances)} distances from {start} to {end} ns"
        )
    return ConceptTokens(
        stamp=time_to_ns(msg.header.stamp),
        frame_id=frame_id_of(msg),
        track_id=_name(msg.track_id),
        codebook=str(msg.codebook),
        start=start,
        end=end,
        tokens=tuple(int(token) for token in msg.tokens),
        distances=tuple(float(distance) for distance in msg.distances),
        embedding=np.array(msg.embedding, dtype=np.float32),
    )


def _skeletons_to_message(frame: SkeletonFrame, types: Mapping[str, Any]) -> Any:
    header = _header(frame.stamp, frame.frame_id, types)
    point = types["geometry_msgs/msg/Point"]
    cls = types["motion_seg_ros/msg/Skeleton"]
    return types[SKELETONS](
        header=header,
        skeletons=[
            cls(
                header=header,
                track_id=skeleton.track_id,
                joint_set=skeleton.joint_set,
                joints=[point(x=x, y=y, z=z) for x, y, z in skeleton.joints.tolist()],
                image_xy=_numbers(cls, "f", skeleton.image_xy.astype(np.float32).tobytes()),
                confidence=_numbers(cls, "f", skeleton.confidence.astype(np.float32).tobytes()),
            )
            for skeleton in frame.skeletons
        ],
    )


def _event_to_message(event: SegmentEvent, types: Mapping[str, Any]) -> Any:
    cls = types[EVENT]
    return cls(
        header=_header(event.stamp, event.frame_id, types),
        track_id=event.track_id,
        segment_id=event.segment_id,
        revision=event.revision,
        type=int(event.type),
        final=event.final,
        motion_id=event.motion_id,
        start=ns_to_time(event.start, types),
        end=ns_to_time(event.end, types),
        confidence=event.confidence,
        boundary_confidence=event.boundary_confidence,
        label=event.label,
        label_source=event.label_source,
        concept_tokens=_numbers(cls, "H", array("H", event.concept_tokens).tobytes()),
    )


def _concepts_to_message(concepts: ConceptTokens, types: Mapping[str, Any]) -> Any:
    cls = types[CONCEPTS]
    return cls(
        header=_header(concepts.stamp, concepts.frame_id, types),
        track_id=concepts.track_id,
        codebook=concepts.codebook,
        start=ns_to_time(concepts.start, types),
        end=ns_to_time(concepts.end, types),
        tokens=_numbers(cls, "H", array("H", concepts.tokens).tobytes()),
        distances=_numbers(cls, "f", array("f", concepts.distances).tobytes()),
        embedding=_numbers(cls, "f", concepts.embedding.astype(np.float32).tobytes()),
    )


def _image_to_message(image: Image, types: Mapping[str, Any], stamp: int) -> Any:
    height, width = image.rgb.shape[:2]
    cls = types[IMAGE]
    return cls(
        header=_header(stamp, image.frame_id, types),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * width,
        data=_numbers(cls, "B", image.rgb.tobytes()),
    )


def _header(stamp: int, frame_id: str, types: Mapping[str, Any]) -> Any:
    return types["std_msgs/msg/Header"](stamp=ns_to_time(stamp, types), frame_id=frame_id)


def _numbers(cls: Any, code: str, data: bytes) -> Any:
    """Numbers as the message class wants them.

    rclpy copies an array.array in one go but checks an ndarray element by element (67 ms for a VGA image);
    rosbags serialises ndarrays only.
    """
    if hasattr(cls, "get_fields_and_field_types"):
        return array(code, data)
    return np.frombuffer(data, dtype=code)


def _image_from_message(msg: Any) -> Image:
    return Image(decode_image(msg), frame_id_of(msg))


def _compressed_from_message(msg: Any) -> Image:
    return Image(decode_compressed(msg), frame_id_of(msg))


def _label_from_message(msg: Any) -> Label:
    return Label(str(msg.data))


_FROM: dict[str, Callable[[Any], Item | SegmentEvent | ConceptTokens]] = {
    "SkeletonArray": _skeletons_from_message,
    "SegmentEvent": _event_from_message,
    "ConceptTokens": _concepts_from_message,
    "Image": _image_from_message,
    "CompressedImage": _compressed_from_message,
    "String": _label_from_message,
}
