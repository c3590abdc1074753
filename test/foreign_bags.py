"""Recordings with messages of other packages, in every format, made with the rosbags library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from motion_seg_ros.bags.typestore import typestore

FORMATS = ("mcap", "sqlite3", "rosbag1")
POSES, MARKERS = "geometry_msgs/msg/PoseArray", "visualization_msgs/msg/MarkerArray"
KEYPOINTS, IDS, TEXT = "hri_msgs/msg/Skeleton2D", "hri_msgs/msg/IdsList", "std_msgs/msg/String"

_HRI = {
    "NormalizedPointOfInterest2D": "float32 x\nfloat32 y\nfloat32 c\n",
    "Skeleton2D": "uint8 NOSE=0\nstd_msgs/Header header\nhri_msgs/NormalizedPointOfInterest2D[] skeleton\n",
    "IdsList": "std_msgs/Header header\nstring[] ids\n",
}


def store_of(form: str) -> Typestore:
    """The types that a recording of that format is written with."""
    store = get_typestore(Stores.ROS1_NOETIC) if form == "rosbag1" else get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for name, text in _HRI.items():
        types.update(get_types_from_msg(text, f"hri_msgs/msg/{name}"))
    store.register(types)
    if form != "rosbag1":
        store.register({k: v for k, v in typestore().fielddefs.items() if k.startswith("motion_seg_ros/")})
    return store


class Messages:
    """Makes messages of a store; what is not given is zero."""

    def __init__(self, form: str) -> None:
        self.form, self.store = form, store_of(form)

    def make(self, name: str, **values: Any) -> Any:
        made = {field: values.pop(field, None) for field, _ in self.store.fielddefs[name][1]}
        assert not values, values
        for field, kind in self.store.fielddefs[name][1]:
            if made[field] is None:
                made[field] = self._zero(*kind)
        return self.store.types[name](**made)

    def _zero(self, kind: Nodetype, of: Any) -> Any:
        if kind == Nodetype.NAME:
            return self.make(of)
        if kind == Nodetype.BASE:
            return {"string": "", "bool": False}.get(of[0], 0.0 if of[0].startswith("float") else 0)
        (inner, what), size = of
        if inner == Nodetype.BASE and what[0] != "string":
            return np.zeros(size or 0, what[0])
        return []

    def header(self, stamp: int, frame: str = "camera") -> Any:
        time = self.make("builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9)
        return self.make("std_msgs/msg/Header", stamp=time, frame_id=frame)

    def point(self, x: float, y: float, z: float) -> Any:
        return self.make("geometry_msgs/msg/Point", x=x, y=y, z=z)

    def pose(self, point: Sequence[float] = (0, 0, 0), turn: Sequence[float] = (0, 0, 0, 1)) -> Any:
        x, y, z, w = map(float, turn)
        return self.make(
            "geometry_msgs/msg/Pose",
            position=self.point(*map(float, point)),
            orientation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )

    def poses(self, stamp: int, joints: np.ndarray) -> Any:
        poses = [self.pose(point) for point in joints.tolist()]
        return self.make(POSES, header=self.header(stamp), poses=poses)

    def marker(self, stamp: int, kind: int, number: int, ns: str = "", **more: Any) -> Any:
        """``points`` is an array of points."""
        points = [self.point(*row) for row in more.pop("points", np.zeros((0, 3))).tolist()]
        more.setdefault("pose", self.pose())
        return self.make(
            "visualization_msgs/msg/Marker",
            header=self.header(stamp),
            ns=ns,
            id=number,
            type=kind,
            points=points,
            **more,
        )

    def markers(self, *markers: Any) -> Any:
        return self.make(MARKERS, markers=list(markers))

    def keypoints(self, stamp: int, found: np.ndarray) -> Any:
        """``found`` is (18, 3): x, y, confidence."""
        point = self.store.types["hri_msgs/msg/NormalizedPointOfInterest2D"]
        skeleton = [point(x=x, y=y, c=c) for x, y, c in found.tolist()]
        return self.make(KEYPOINTS, header=self.header(stamp), skeleton=skeleton)

    def write(self, path: Path, messages: Sequence[tuple[str, int, Any]]) -> Path:
        """Write ``(topic, time of recording, message)``."""
        if self.form == "rosbag1":
            path = path.with_suffix(".bag")
            writer: Any = Writer1(path)
            serialise = self.store.serialize_ros1
        else:
            writer = Writer(path, version=9, storage_plugin=StoragePlugin[self.form.upper()])
            serialise = self.store.serialize_cdr
        connections: dict[str, Any] = {}
        with writer:
            for topic, time, message in messages:
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=self.store)
                writer.write(connections[topic], time, serialise(message, kind))
        return path
