"""composed: pose_node and tvsh_node, and a source if one is named, in one process.

Images from the source then never cross DDS, and none is dropped when a recording is replayed.
"""

from __future__ import annotations

from .managed import ManagedNode
from .pose_node import PoseNode
from .runtime import run
from .source_node import SourceNode, SourceSettings
from .tvsh_node import TvshNode


def nodes() -> list[ManagedNode]:
    """The nodes of the process, producers before consumers."""
    pose, tvsh = PoseNode(), TvshNode()
    source = SourceNode(image_sink=lambda stamp, image: pose.accept(stamp, image, wait=source.replaying))
    if not source.settings(SourceSettings).source:
        source.destroy_node()
        return [pose, tvsh]
    return [source, pose, tvsh]


def main() -> int:
    return run(nodes)


if __name__ == "__main__":
    raise SystemExit(main())
