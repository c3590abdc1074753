"""One executable of the package: ``python -m motion_seg_ros.nodes NAME --ros-args ...``."""

import sys
from importlib import import_module

from .ending import ending, leave


def main(name: str) -> None:
    """Run an executable by the name that `ros2 run motion_seg_ros NAME` knows it by, and end the process."""
    ending.listen()
    leave(import_module(f"motion_seg_ros.nodes.{name}").main())


if __name__ == "__main__":
    main(sys.argv.pop(1))
