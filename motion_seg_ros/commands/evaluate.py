"""motion-seg evaluate and compare: recordings scored through the core, and two such runs side by side."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros.commands.terminal import FAILED, INTERRUPTED, JOINT_SET, OK

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands


def add(commands: Commands) -> None:
    """Add the parsers."""
    evaluate = commands.add_parser(
        "evaluate",
        help="score the transcripts of recordings against their labels",
        description="Play recordings through the core or the nodes and score what is said. Writes "
        "DIR/summary.json, DIR/report.html and a folder for each bag. What is there already is not done "
        "again.",
    )
    evaluate.add_argument(
        "bags", nargs="+", type=Path, metavar="BAG", help="whatever replay takes, but a camera"
    )
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    evaluate.add_argument("--jobs", type=int, default=1, help="processes (default %(default)s)")
    evaluate.add_argument(
        "--config", type=Path, help="ROS parameter file with pose_node, tvsh_node and humocon_node sections"
    )
    evaluate.add_argument("--model", help="pose model: lite, full, heavy or a .task file")
    evaluate.add_argument("--from-images", action="store_true", help="estimate the poses of bags anew")
    evaluate.add_argument(
        "--topic", action="append", default=[], help="topic of the bags to read (found by type; repeatable)"
    )
    evaluate.add_argument("--joint-set", default="", help=JOINT_SET)
    evaluate.add_argument(
        "--labels",
        default="",
        metavar="TOPIC_OR_FILE",
        help="what people really do: a topic of String or SegmentEvent, or a .csv, .json or .eaf "
        "(FILE.eaf#TIER); default: the file beside each bag, else its topic with label or truth in the name",
    )
    evaluate.add_argument(
        "--through",
        choices=("core", "ros"),
        default="core",
        help="the core alone, or the live nodes over DDS with a simulated clock (default %(default)s)",
    )
    evaluate.add_argument(
        "--unknown",
        action="append",
        metavar="LABEL",
        help="label that says that nothing is known; repeatable (default: none, idle, unknown, unlabelled, "
        "background, null, -1)",
    )
    evaluate.set_defaults(run=_evaluate)
    compare = commands.add_parser(
        "compare",
        help="whether a difference between two runs of evaluate is real",
        description="Compare two runs over the bags of the same name, metric by metric.",
    )
    compare.add_argument("first", type=Path, metavar="RUN_A", help="DIR of an evaluate")
    compare.add_argument("second", type=Path, metavar="RUN_B", help="DIR of another")
    compare.add_argument("--json", type=Path, metavar="FILE", help="file to write the comparison to")
    compare.set_defaults(run=_compare)


def _evaluate(options: argparse.Namespace) -> int:
    # One thread a process, for times that mean something; numpy reads this when it is first imported.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    from tqdm import tqdm

    from motion_seg_ros.bags.truth import open_labelled
    from motion_seg_ros.core import node_parameters
    from motion_seg_ros.evaluation.bag_run import UNKNOWN, Setup
    from motion_seg_ros.evaluation.evaluate import REPORT, evaluate, tasks_of
    from motion_seg_ros.evaluation.playback import CorePlayer
    from motion_seg_ros.evaluation.run_table import table

    if options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {options.jobs}")
    labels = Path(options.labels.partition("#")[0]) if options.labels else None
    if labels is not None and labels.is_file() and len(options.bags) > 1:
        raise ValueError(f"--labels {options.labels} is about one recording, not {len(options.bags)}")
    parameters = node_parameters(options.config)
    setup = Setup(
        open=partial(
            open_labelled,
            labels=options.labels,
            from_images=options.from_images,
            topics=options.topic,
            joint_set=options.joint_set,
        ),
        player=(
            options.open_ros_player(options.config, options.model)
            if options.through == "ros"
            else CorePlayer(parameters, options.model)
        ),
        settings={
            "through": options.through,
            "parameters": parameters,
            "model": options.model,
            "from_images": options.from_images,
            "topics": options.topic,
            "joint_set": options.joint_set,
            "labels": options.labels,
        },
        also=(labels,) if labels is not None and labels.is_file() else (),
        unknown=frozenset(label.lower() for label in options.unknown or UNKNOWN),
    )
    tasks = tasks_of(options.bags, options.out)
    with tqdm(
        total=sum(task.size for task in tasks),
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        disable=None,
        leave=False,
    ) as bar:
        run = evaluate(tasks, setup, options.out, options.jobs, lambda done: bar.update(done - bar.n))
    for row in run.rows:
        for note in [row["error"]] if row["error"] else row["notes"]:
            print(f"motion-seg: {row['name']}: {note}", file=sys.stderr)
    print(table(run.rows))
    if run.kept:
        print(f"{run.kept} of {len(tasks)} bags were evaluated before and are kept")
    print(f"wrote {options.out / 'summary.json'} and {options.out / REPORT}")
    if run.interrupted:
        return INTERRUPTED
    return FAILED if run.failed else OK


def _compare(options: argparse.Namespace) -> int:
    from motion_seg_ros.evaluation.bag_run import write_json
    from motion_seg_ros.evaluation.compare import compare_runs

    found = compare_runs(options.first, options.second)
    print(*found.lines(), sep="\n")
    if options.json:
        write_json(options.json, found.to_dict())
        print(f"wrote {options.json}")
    return OK
