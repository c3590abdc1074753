"""What the commands share: how they end and what they show on the way."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motion_seg_ros.bags.items import Source

    # What add_subparsers gives.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

OK, FAILED, INTERRUPTED = 0, 2, 130
SOURCES = "video, camera (0, /dev/video0), rosbag2, .mcap, .db3, .bag, .npz, .bvh, .amc or .npy"
JOINT_SET = (
    "order of joints without names, as in a PoseArray: smpl22, kinect25, openpose25 … (by their number)"
)


def progress_bar(source: Source) -> Any:
    """A bar on the terminal; nothing in a file or a pipe."""
    from tqdm import tqdm

    return tqdm(total=source.count, unit=" frames", file=sys.stderr, disable=None, leave=False)


def tell_notes(source: Source) -> None:
    """What the user should know of a source, on stderr."""
    for note in source.notes:
        print(f"motion-seg: {note}", file=sys.stderr)
