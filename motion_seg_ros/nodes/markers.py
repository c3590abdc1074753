"""Skeletons and what their people do, as RViz markers."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from geometry_msgs.msg import Point
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ..skeleton.joint_sets import JOINT_SETS
from ..skeleton.types import Skeleton, SkeletonFrame

BONE_WIDTH = 0.03  # metres
TEXT_HEIGHT = 0.15  # metres
TRANSCRIPT_AT = Point(x=5.0, y=0.0, z=2.5)  # metres, in the frame of the camera: over people some steps away
LIFETIME = Duration(seconds=0.5).to_msg()
# Okabe and Ito's colours, told apart by the colour-blind too.
COLOURS = [
    ColorRGBA(r=r / 255, g=g / 255, b=b / 255, a=1.0)
    for r, g, b in (
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (213, 94, 0),
        (204, 121, 167),
    )
]


def skeleton_markers(header: Header, frame: SkeletonFrame) -> MarkerArray:
    """The bones of everybody, in a colour each. Markers vanish by themselves."""
    markers = []
    for skeleton in frame.skeletons:
        marker = _marker(header, skeleton, Marker.LINE_LIST)
        marker.points = _bones(skeleton)
        marker.scale.x = BONE_WIDTH
        markers.append(marker)
    return MarkerArray(markers=markers)


def caption_markers(header: Header, frame: SkeletonFrame, captions: Mapping[str, str]) -> MarkerArray:
    """Text over the head of everybody who has a caption (by track id)."""
    markers = []
    for skeleton in frame.skeletons:
        seen = skeleton.joints[np.isfinite(skeleton.joints).all(axis=1)]
        if skeleton.track_id not in captions or not len(seen):
            continue
        marker = _marker(header, skeleton, Marker.TEXT_VIEW_FACING)
        marker.text = captions[skeleton.track_id]
        marker.scale.z = TEXT_HEIGHT
        x, y = seen[:, :2].mean(axis=0).tolist()
        marker.pose.position = Point(x=x, y=y, z=float(seen[:, 2].max()) + 2 * TEXT_HEIGHT)
        markers.append(marker)
    return MarkerArray(markers=markers)


def transcript_marker(header: Header, lines: Iterable[str]) -> Marker:
    """The last lines of the transcript, in the namespace ``transcript``: RViz has no panel for text."""
    marker = _plain(header, "transcript", Marker.TEXT_VIEW_FACING)
    marker.text = "\n".join(lines)
    marker.scale.z = TEXT_HEIGHT
    marker.pose.position = TRANSCRIPT_AT
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    return marker


def _marker(header: Header, skeleton: Skeleton, kind: int) -> Marker:
    marker = _plain(header, skeleton.track_id, kind)
    marker.color = COLOURS[zlib.crc32(skeleton.track_id.encode()) % len(COLOURS)]
    return marker


def _plain(header: Header, namespace: str, kind: int) -> Marker:
    marker = Marker(header=header, ns=namespace, type=kind, action=Marker.ADD, lifetime=LIFETIME)
    marker.pose.orientation.w = 1.0
    return marker


def _bones(skeleton: Skeleton) -> list[Point]:
    ends = skeleton.joints[np.array(JOINT_SETS[skeleton.joint_set].bones)]
    ends = ends[np.isfinite(ends).all(axis=(1, 2))].reshape(-1, 3)
    return [Point(x=x, y=y, z=z) for x, y, z in ends.tolist()]
