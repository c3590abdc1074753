"""motion-seg: what can be done without ROS."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros import __version__
from motion_seg_ros.commands import (
    bag,
    benchmark,
    concept_training,
    concepts,
    evaluate,
    grounding,
    oracle,
    replay,
    text,
    tokens,
)
from motion_seg_ros.commands.terminal import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from motion_seg_ros.evaluation.playback import Player

# In the order of --help.
_GROUPS = (replay, evaluate, tokens, concepts, grounding, bag, benchmark, concept_training, oracle, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 when done, 2 with one sentence why not, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    # FFmpeg and OpenCV would say in their words what we say in ours.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    # As in the nodes: matrices are small, and the same bag gives the same bits.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("motion-seg: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our lines has seen enough; Python would complain once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        from motion_seg_ros.pose.model import ModelMissing

        # What a person can put right is one sentence; anything else is our own mistake and keeps its trace.
        if not isinstance(error, ModelMissing | ValueError | OSError):
            raise
        print(f"motion-seg: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motion-seg", description="Live transcripts of human motion: what can be done without ROS."
    )
    parser.add_argument("--version", action="version", version=f"motion-seg {__version__}")
    # The commands know nothing of ROS; who asks for the live nodes gets them from here.
    parser.set_defaults(open_ros_player=_open_ros_player)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in _GROUPS:
        group.add(commands)
    return parser


def _open_ros_player(config: Path | None, model: str | None) -> Player:
    """What plays a recording to the live nodes; ValueError without ROS."""
    try:
        # By its name: what has ROS in it has no types that could be checked without.
        module = import_module("motion_seg_ros.nodes.playback")
    except ImportError as error:
        raise ValueError(
            f"--through ros needs ROS 2 and the package built in a workspace that is sourced: {error}"
        ) from error
    player: Player = module.RosPlayer(config, model)
    return player


if __name__ == "__main__":
    raise SystemExit(main())
