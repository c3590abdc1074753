"""motion-seg ground and benchmark-grounding: where in a motion a sentence is."""

from __future__ import annotations

import argparse
import json
import os
import sys
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
    """Add the parsers."""
    ground = commands.add_parser(
        "ground",
        help="where in a source a sentence is",
        description="Find the sub-actions of a sentence in the motion of everybody in a source. Writes FILE "
        "(JSON; times are seconds in the source) and, beside it, a page with the masks over the timeline.",
    )
    ground.add_argument("text", metavar="TEXT", help='a sentence: "he waves, then sits down"')
    ground.add_argument("source", metavar="SOURCE", help=SOURCES)
    ground.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON file to write")
    _add_weights(ground)
    ground.add_argument(
        "--partition",
        choices=("rules", "openai"),
        help="who splits the sentence: rules, or a language model whose answer is checked (default: what "
        "--config says, or rules)",
    )
    ground.add_argument(
        "--config",
        type=Path,
        help="ROS parameter file whose grounding_node section has partition.model and the like",
    )
    ground.add_argument("--model", help="pose model for images: lite, full, heavy or a .task file")
    ground.add_argument("--from-images", action="store_true", help="estimate the poses of a bag anew")
    ground.add_argument("--joint-set", default="", help=JOINT_SET)
    ground.set_defaults(run=_ground)

    benchmark = commands.add_parser(
        "benchmark-grounding",
        help="score grounding and its peers on spliced clips of known action",
        description="Join clips of labelled motion, make sentences about them, and compare what every method "
        "finds with the truth. Writes summary.json and cases/NUMBER.json to DIR.",
    )
    benchmark.add_argument(
        "data", type=Path, metavar="DATA", help="file of labelled motion, or a folder of such"
    )
    benchmark.add_argument("--seed", type=int, default=0, help="of the cases (default %(default)s)")
    benchmark.add_argument("--n", type=int, default=200, help="cases (default %(default)s)")
    benchmark.add_argument(
        "--actions", type=int, default=3, help="sub-actions of a sentence, 1 to 4 (default %(default)s)"
    )
    _add_weights(benchmark)
    benchmark.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    benchmark.set_defaults(run=_benchmark)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="folder of an exported motion-text encoder (default: the one shipped)",
    )


def _ground(options: argparse.Namespace) -> int:
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.core import pose_pipeline
    from motion_seg_ros.evaluation.grounding_page import GroundedTrack, write_page
    from motion_seg_ros.grounded import People, answers_json
    from motion_seg_ros.grounding.grounder import GroundingConfig
    from motion_seg_ros.grounding.language_model import PartitionSettings, open_ask
    from motion_seg_ros.grounding.loading import load_grounder
    from motion_seg_ros.parameter_file import configure, read_parameters
    from motion_seg_ros.replay import replay

    if options.out.suffix.lower() == ".html":
        raise ValueError("--out names the JSON file; the page is written beside it")
    parameters = read_parameters(options.config, "grounding_node") if options.config else {}
    chosen = {} if options.partition is None else {"partition.backend": options.partition}
    ask = open_ask(configure(PartitionSettings, parameters | chosen))
    grounder = load_grounder(options.weights, configure(GroundingConfig, parameters), ask)
    source = open_source(options.source, from_images=options.from_images, joint_set=options.joint_set)
    tell_notes(source)
    people = People()
    refused: list[str] = []
    result = OK
    with pose_pipeline(source, options.model, {}) as pose, progress_bar(source) as progress:
        try:
            for step in replay(iter(source), people, pose):
                refused += [step.refused] if step.refused else []
                progress.update(step.frame is not None)
        except KeyboardInterrupt:
            result = INTERRUPTED
    people.close()
    if source.problem:
        print(f"motion-seg: {source.problem}", file=sys.stderr)
    if refused:
        print(f"motion-seg: {len(refused)} frames were refused; the first: {refused[0]}", file=sys.stderr)
    if not people.tracks:
        print(f"motion-seg: {source.name} shows nobody", file=sys.stderr)
        return result or FAILED
    answers = people.ground(grounder, options.text)
    origin = min(person.stamps[0] for person in people.tracks.values())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    values = answers_json(options.text, source.name, answers, origin)
    options.out.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = options.out.with_suffix(".html")
    tracks = [
        GroundedTrack(track, *person.motion(), [time for time, _ in person.cuts], answers[track])
        for track, person in people.tracks.items()
    ]
    write_page(page, options.text, source.name, tracks, {"encoder": grounder.motion_text.name})
    _tell(values)
    print(f"wrote {options.out} and {page}")
    return result


def _tell(values: dict[str, Any]) -> None:
    """The spans, a line each."""
    for note in dict.fromkeys(note for track in values["tracks"] for note in track["partition"]["notes"]):
        print(f"motion-seg: {note}", file=sys.stderr)
    found = False
    for track in values["tracks"]:
        for span in track["spans"]:
            found = True
            times = f"{span['start']:8.2f} - {span['end']:.2f} s"
            print(f"{times}  {span['text']}  (track {track['track']}, score {span['score']:.2f})")
    if not found:
        print("nothing like this happened")


def _benchmark(options: argparse.Namespace) -> int:
    # One thread, for times that mean something; numpy reads this when it is first imported.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    from tqdm import tqdm

    from motion_seg_ros.evaluation.grounding import run_benchmark, table
    from motion_seg_ros.grounding.loading import load_grounder

    grounder = load_grounder(options.weights)
    with tqdm(unit=" cases", file=sys.stderr, disable=None, leave=False) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        result, notes = run_benchmark(
            options.data,
            grounder,
            options.out,
            count=options.n,
            actions=options.actions,
            seed=options.seed,
            progress=tell,
        )
    for note in notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    print(table(result))
    print(f"wrote {options.out / 'summary.json'}")
    return OK
