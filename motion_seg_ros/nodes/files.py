"""Where the files that come with the package are."""

from __future__ import annotations

import os
from pathlib import Path


def config_file(name: str) -> Path:
    """A file of config/: in the source tree, or in the share folder of an installation.

    Raises
    ------
    FileNotFoundError : the installation is incomplete.
    """
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    folders = [
        Path(__file__).resolve().parents[2] / "config",
        *(Path(prefix) / "share" / "motion_seg_ros" / "config" for prefix in prefixes),
    ]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no {name} in {', '.join(map(str, folders))}: build the package and source it")
