"""Whatever shows people moving, by its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from motion_seg_ros.bags.bag_reader import BAG_SUFFIXES
from motion_seg_ros.bags.items import Source, SourceError
from motion_seg_ros.bags.motion_files import open_motion_file
from motion_seg_ros.bags.recording import BagSource
from motion_seg_ros.bags.video import VIDEO_SUFFIXES, CameraSource, VideoSource
from motion_seg_ros.datasets.clips import MOTION_SUFFIXES
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.skeletons import names_in

_MOTION_SUFFIXES = frozenset(MOTION_SUFFIXES)


def open_source(
    spec: str,
    *,
    from_images: bool = False,
    topics: Sequence[str] = (),
    joint_set: str = "",
    clock: Callable[[], int] = time.time_ns,
) -> Source:
    """Open a source by name, and look at it far enough to know that it can be read.

    Parameters
    ----------
    spec : a video file; a camera ("0", "/dev/video0"); a rosbag2 folder, .mcap or .db3 file; a rosbag1 .bag;
        a .npz of labelled joints or frames, of motion clips, or of AMASS with joints; a .bvh; an .amc with
        its .asf beside it; a .npy of HumanML3D's new_joints.
    from_images : play the images of a recording that has skeletons too.
    topics : of a recording, those to read; by default they are found by their types.
    joint_set : order of joints that come without names, in a recording's PoseArray and MarkerArray or in a
        .npz; by default it is known by their number.
    clock : nanoseconds, for the stamps of a camera.

    Raises
    ------
    SourceError : it cannot be read; one sentence says why.
    """
    if joint_set:
        try:
            names_in(joint_set)
        except DatasetError as error:
            raise SourceError(str(error)) from error
    if spec.isdecimal() or spec.startswith("/dev/"):
        return CameraSource(spec, clock)
    path = Path(spec).expanduser()
    if not path.exists():
        raise SourceError(f"{spec} does not exist")
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in BAG_SUFFIXES:
        return BagSource(path, from_images=from_images, topics=topics, joint_set=joint_set)
    if path.stat().st_size == 0:
        raise SourceError(f"{spec} is empty")
    if suffix in _MOTION_SUFFIXES:
        return open_motion_file(path, joint_set)
    if suffix in VIDEO_SUFFIXES:
        return VideoSource(path)
    known = ", ".join(sorted(BAG_SUFFIXES | _MOTION_SUFFIXES | VIDEO_SUFFIXES))
    raise SourceError(f"{spec} is no kind of source that is known: a camera, a rosbag2 folder, {known}")
