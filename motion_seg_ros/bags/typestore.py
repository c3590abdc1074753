"""The message types of recordings: those of ROS and this package's own, from its .msg files."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

PACKAGE = "motion_seg_ros"


@cache
def typestore() -> Typestore:
    """ROS 2's common interfaces and this package's messages.

    Raises
    ------
    FileNotFoundError : the package's .msg files are nowhere: the installation is incomplete.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for path in sorted(_message_folder().glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), f"{PACKAGE}/msg/{path.stem}"))
    store.register(types)
    return store


def _message_folder() -> Path:
    """Where the .msg files are: in the source tree, in an installation by pip or in one by colcon."""
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [
        Path(__file__).resolve().parents[2] / "msg",
        *(Path(prefix) / "share" / PACKAGE / "msg" for prefix in prefixes if prefix),
    ]
    for folder in folders:
        if (folder / "SkeletonArray.msg").is_file():
            return folder
    raise FileNotFoundError(
        f"no {PACKAGE} message files in {', '.join(map(str, folders))}: install the package"
    )
