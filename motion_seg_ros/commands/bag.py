"""motion-seg bag: make a rosbag2, or look into one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros.commands.terminal import OK, progress_bar, tell_notes

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands


def add(commands: Commands) -> None:
    """Add the parsers."""
    bag = commands.add_parser("bag", help="make a rosbag2, or look into one")
    actions = bag.add_subparsers(required=True, metavar="ACTION")
    video = actions.add_parser("from-video", help="images of a video or of a frames .npz to a rosbag2")
    video.add_argument("source", metavar="VIDEO")
    video.add_argument("--compressed", action="store_true", help="JPEG on image/compressed, not raw on image")
    motion = actions.add_parser(
        "from-skeleton", help="a .npz, .bvh, .amc or .npy to a rosbag2 with skeletons and labels"
    )
    motion.add_argument("source", metavar="FILE")
    motion.set_defaults(compressed=False)
    for action, run in ((video, _from_video), (motion, _from_skeleton)):
        action.add_argument(
            "--out", type=Path, required=True, help="folder of the rosbag2; an older one is replaced"
        )
        action.add_argument(
            "--storage", choices=("mcap", "sqlite3"), default="mcap", help="(default %(default)s)"
        )
        action.set_defaults(run=run)
    info = actions.add_parser("info", help="topics, types, counts and duration of a rosbag")
    info.add_argument("bag", type=Path)
    info.set_defaults(run=_info)


def _from_video(options: argparse.Namespace) -> int:
    return _write(options, images=True)


def _from_skeleton(options: argparse.Namespace) -> int:
    return _write(options, images=False)


def _write(options: argparse.Namespace, images: bool) -> int:
    from motion_seg_ros.bags.conversion import to_compressed
    from motion_seg_ros.bags.items import Image, Label, SourceError
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.bags.typestore import typestore
    from motion_seg_ros.bags.writer import BagWriter

    source = open_source(options.source, from_images=images)
    if not (source.has_images if images else source.has_skeletons):
        raise SourceError(f"{source.name} holds no {'images' if images else 'skeletons'}")
    tell_notes(source)
    with BagWriter(options.out, options.storage) as bag, progress_bar(source) as progress:
        for stamp, item in source:
            if isinstance(item, Label):
                bag.write("/label", item, stamp)
                continue
            if isinstance(item, Image) and options.compressed:
                bag.write("/image/compressed", to_compressed(item, typestore().types, stamp), stamp)
            else:
                bag.write("/image" if isinstance(item, Image) else "/skeletons", item, stamp)
            progress.update()
        count = bag.count
    if source.problem:
        print(f"motion-seg: {source.problem}", file=sys.stderr)
    print(f"wrote {count} messages to {options.out}")
    return OK


def _info(options: argparse.Namespace) -> int:
    from motion_seg_ros.bags.bag_reader import Bag

    bag = Bag(options.bag)
    print(f"{bag.path}: {(bag.end_time - bag.start_time) / 1e9:.3f} s from {bag.start_time / 1e9:.3f} s")
    for topic in bag.topics:
        print(f"{topic.count:8d}  {topic.name}  {topic.type}")
    for key, value in bag.notes.items():
        print(f"{key}: {value}")
    if bag.problem:
        print(f"motion-seg: {bag.problem}", file=sys.stderr)
    return OK
