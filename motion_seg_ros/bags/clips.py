"""Clips of motion from the skeletons of a recording."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.items import Label, SourceError
from motion_seg_ros.bags.recording import BagSource
from motion_seg_ros.datasets.clips import Clip
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.types import SkeletonFrame

# Somebody who is gone for longer starts another clip.
_GAP_S = 0.5
_SHORTEST = 2
_MOST_FPS = 1000.0


def bag_clips(path: Path) -> list[Clip]:
    """The motion of every person in a rosbag, a clip for each time they are seen without a longer gap.

    Frames of a recording are not evenly spaced: a clip has the rate of its median period, and its frames
    lie on straight lines between those of the recording.

    Raises
    ------
    DatasetError : the bag cannot be read or has no skeletons.
    """
    try:
        source = BagSource(path)
        if not source.has_skeletons:
            raise DatasetError(f"{path} holds images and no skeletons")
        seen: dict[str, list[tuple[int, NDArray[np.float64]]]] = {}
        labels: list[tuple[int, str]] = []
        for stamp, item in source:
            if isinstance(item, Label):
                # Recorders repeat what has not changed.
                if not labels or item.text != labels[-1][1]:
                    labels.append((stamp, item.text))
            elif isinstance(item, SkeletonFrame):
                for person in item.skeletons:
                    joints, sure = to_smpl22(person.joints, person.confidence, person.joint_set)
                    joints[sure == 0] = np.nan
                    seen.setdefault(person.track_id, []).append((stamp, joints))
    except SourceError as error:
        raise DatasetError(str(error)) from error
    clips = []
    for track, frames in seen.items():
        stamps = np.array([stamp for stamp, _ in frames], np.int64)
        cuts = np.flatnonzero(np.diff(stamps) > _GAP_S * 1e9) + 1
        joints = np.stack([row for _, row in frames])
        for part, (times, rows) in enumerate(
            zip(np.split(stamps, cuts), np.split(joints, cuts), strict=True), start=1
        ):
            if len(times) >= _SHORTEST:
                clips.append(_even(f"{path.stem}/{track}.{part}", times, rows, labels))
    return clips


def _even(
    name: str, stamps: NDArray[np.int64], joints: NDArray[np.float64], labels: list[tuple[int, str]]
) -> Clip:
    # Two skeletons of one stamp, or stamps that differ by less than any camera's, are no rate.
    period = max(float(np.median(np.diff(stamps))), 1e9 / _MOST_FPS)
    steps = np.arange(int((stamps[-1] - stamps[0]) / period) + 1) * period
    times = (stamps - stamps[0]).astype(np.float64)
    columns = joints.reshape(len(joints), -1).T
    rows = np.stack([np.interp(steps, times, column) for column in columns], axis=1)
    spans = []
    for (stamp, text), (end, _) in pairwise([*labels, (2**63 - 1, "")]):
        first, last = np.searchsorted(steps, np.array([stamp, end], np.float64) - float(stamps[0]))
        if text and last > first:
            spans.append((int(first), int(last), text))
    return Clip(name, rows.reshape(-1, 22, 3).astype(np.float32), 1e9 / period, spans=tuple(spans))
