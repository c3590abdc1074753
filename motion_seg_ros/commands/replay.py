"""motion-seg replay: a source to its transcript and its report."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motion_seg_ros.commands.terminal import (
    FAILED,
    INTERRUPTED,
    JOINT_SET,
    OK,
    SOURCES,
    progress_bar,
    tell_notes,
)

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands


def add(commands: Commands) -> None:
    """Add the parser."""
    replay = commands.add_parser(
        "replay", help="a source to events.jsonl and report.html, as fast as it goes"
    )
    replay.add_argument("source", help=SOURCES)
    replay.add_argument("--out", type=Path, required=True, help="folder to write to")
    replay.add_argument(
        "--config", type=Path, help="ROS parameter file with pose_node, tvsh_node and humocon_node sections"
    )
    replay.add_argument("--model", help="pose model: lite, full, heavy or a .task file")
    replay.add_argument("--from-images", action="store_true", help="estimate the poses of a bag anew")
    replay.add_argument("--joint-set", default="", help=JOINT_SET)
    replay.add_argument(
        "--topic", action="append", default=[], help="topic of a bag to read (found by type; may be repeated)"
    )
    replay.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.core import node_parameters, open_core, pose_pipeline
    from motion_seg_ros.evaluation.story import Story
    from motion_seg_ros.replay import replay
    from motion_seg_ros.tvsh.transcript import Transcript

    source = open_source(
        options.source, from_images=options.from_images, topics=options.topic, joint_set=options.joint_set
    )
    parameters = node_parameters(options.config)
    core = open_core(parameters)
    tell_notes(source)
    for note in core.notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    story, transcript = Story(), Transcript()
    refused: list[str] = []
    interrupted = False
    frames = 0
    began = time.perf_counter()
    with (
        (options.out / "events.jsonl").open("w", encoding="utf-8") as file,
        pose_pipeline(source, options.model, parameters["pose_node"]) as pose,
        progress_bar(source) as progress,
    ):

        def tell(events: Sequence[Any]) -> None:
            for event in events:
                story.add(event.stamp, event)
                file.write(event.to_json() + "\n")
                line = transcript.line(event)
                if line and event.final:
                    progress.write(line, file=sys.stdout)
            file.flush()

        try:
            for step in replay(iter(source), core, pose and core.watch(pose)):
                if step.refused:
                    refused.append(step.refused)
                story.add(step.stamp, step.item)
                if step.frame is not None:
                    frames += 1
                    progress.update()
                    if step.frame is not step.item:
                        story.add(step.stamp, step.frame)
                    tell(step.events)
        except KeyboardInterrupt:
            interrupted = True
        tell(core.close())
    seconds = time.perf_counter() - began
    if source.problem:
        print(f"motion-seg: {source.problem}", file=sys.stderr)
    if refused:
        print(f"motion-seg: {len(refused)} frames were refused; the first: {refused[0]}", file=sys.stderr)
    if not frames:
        print(f"motion-seg: {source.name} gave no frame that could be used", file=sys.stderr)
        return INTERRUPTED if interrupted else FAILED
    story.write(options.out / "report.html", title=Path(source.name).name, source=source.name)
    print(transcript.summary())
    if core.oracle is not None:
        told = core.oracle.facts()
        print(
            f"oracle {told['backend']}: {told['asked']} questions, {told['answered']} answered, "
            f"{told['cached']} from the cache, {told['errors']} errors, cost {told['cost']}"
        )
    print(
        f"{frames} frames in {seconds:.1f} s ({frames / seconds:.0f} frames/s); "
        f"wrote {options.out / 'events.jsonl'} and {options.out / 'report.html'}"
    )
    return INTERRUPTED if interrupted else OK
