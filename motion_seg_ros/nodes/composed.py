"""composed: pose_node, humocon_node and tvsh_node, and a source if one is named, in one process.

Images from the source then never cross DDS, and none is dropped when a recording is replayed.
"""

from __future__ import annotations

from ..bags.items import Image
from ..humocon.runtime import EncoderConfig, has_weights
from .humocon_node import HumoconNode
from .managed import ManagedNode
from .pose_node import PoseNode
from .runtime import run
from .source_node import SourceNode, SourceSettings
from .tvsh_node import TvshNode


def nodes() -> list[ManagedNode]:
    """The nodes of the process, producers before consumers."""
    pose, humocon, tvsh = PoseNode(), HumoconNode(), TvshNode()

    def show(stamp: int, image: Image) -> None:
        tvsh.keep(stamp, image, image.rgb.nbytes)
        humocon.keep(stamp, image)
        pose.accept(stamp, image, wait=source.replaying)

    source = SourceNode(image_sink=show)
    made = [source, pose, humocon, tvsh]
    idle = {
        source: not source.settings(SourceSettings).source,
        humocon: not has_weights(humocon.settings(EncoderConfig)),
    }
    for node in (node for node, is_idle in idle.items() if is_idle):
        node.destroy_node()
        made.remove(node)
    return made


def main() -> int:
    return run(nodes)


if __name__ == "__main__":
    raise SystemExit(main())
