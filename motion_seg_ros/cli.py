"""motion-seg: what can be done without ROS."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The rooms of the house are heavy, and `motion-seg --help` is not: each command imports what it needs.
if TYPE_CHECKING:
    from motion_seg_ros.bags.items import Source

OK, FAILED, INTERRUPTED = 0, 2, 130
_SOURCES = "video, camera (0, /dev/video0), rosbag2, .mcap, .db3, .bag, .npz, .bvh or .amc"


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
        from motion_seg_ros.bags.items import SourceError
        from motion_seg_ros.pose.model import ModelMissing

        # What a person can put right is one sentence; anything else is our own mistake and keeps its trace.
        if not isinstance(error, SourceError | ModelMissing | ValueError | OSError):
            raise
        print(f"motion-seg: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motion-seg", description="Live transcripts of human motion: what can be done without ROS."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    replay = commands.add_parser(
        "replay", help="a source to events.jsonl and report.html, as fast as it goes"
    )
    replay.add_argument("source", help=_SOURCES)
    replay.add_argument("--out", type=Path, required=True, help="folder to write to")
    replay.add_argument(
        "--config", type=Path, help="ROS parameter file with pose_node and tvsh_node sections"
    )
    replay.add_argument("--model", help="pose model: lite, full, heavy or a .task file")
    replay.add_argument("--from-images", action="store_true", help="estimate the poses of a bag anew")
    replay.add_argument(
        "--topic", action="append", default=[], help="topic of a bag to read (found by type; may be repeated)"
    )
    replay.set_defaults(run=_replay)

    bag = commands.add_parser("bag", help="make a rosbag2, or look into one")
    actions = bag.add_subparsers(required=True, metavar="ACTION")
    video = actions.add_parser("from-video", help="images of a video or of a frames .npz to a rosbag2")
    video.add_argument("source", metavar="VIDEO")
    video.add_argument("--compressed", action="store_true", help="JPEG on image/compressed, not raw on image")
    motion = actions.add_parser(
        "from-skeleton", help="a .npz, .bvh or .amc to a rosbag2 with skeletons and labels"
    )
    motion.add_argument("source", metavar="FILE")
    motion.set_defaults(compressed=False)
    for action, run in ((video, _bag_from_video), (motion, _bag_from_skeleton)):
        action.add_argument(
            "--out", type=Path, required=True, help="folder of the rosbag2; an older one is replaced"
        )
        action.add_argument(
            "--storage", choices=("mcap", "sqlite3"), default="mcap", help="(default %(default)s)"
        )
        action.set_defaults(run=run)
    info = actions.add_parser("info", help="topics, types, counts and duration of a rosbag")
    info.add_argument("bag", type=Path)
    info.set_defaults(run=_bag_info)

    benchmark = commands.add_parser("benchmark", help="score TVSH and other methods on labelled recordings")
    benchmark.add_argument(
        "data", type=Path, metavar="DATA_DIR", help="folder of .npz files, or of such folders"
    )
    benchmark.add_argument(
        "--mode", choices=("batch", "stream"), default="stream", help="(default %(default)s)"
    )
    benchmark.add_argument(
        "--clusters",
        choices=("known", "unknown"),
        default="unknown",
        help="whether the number of motions is given (default %(default)s)",
    )
    benchmark.add_argument(
        "--links",
        default="kinematic",
        help="none, kinematic or simulated:EVERY,ERR[,LATENCY_S] (default %(default)s)",
    )
    benchmark.add_argument("--method", default="tvsh", help="tvsh, a peer, or all (default %(default)s)")
    benchmark.add_argument("--out", type=Path, required=True, help="folder for summary.json and the labels")
    benchmark.add_argument("--jobs", type=int, default=1, help="processes (default %(default)s)")
    benchmark.set_defaults(run=_benchmark)
    return parser


def _replay(options: argparse.Namespace) -> int:
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.parameter_file import configure, read_parameters
    from motion_seg_ros.replay import Story, replay
    from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig
    from motion_seg_ros.tvsh.transcript import Transcript

    source = open_source(options.source, from_images=options.from_images, topics=options.topic)
    parameters = {
        node: read_parameters(options.config, node) if options.config else {}
        for node in ("pose_node", "tvsh_node")
    }
    transcriber = Transcriber(configure(TranscriberConfig, parameters["tvsh_node"]))
    _tell_notes(source)
    options.out.mkdir(parents=True, exist_ok=True)
    story, transcript = Story(), Transcript()
    refused: list[str] = []
    interrupted = False
    frames = 0
    began = time.perf_counter()
    with (
        (options.out / "events.jsonl").open("w", encoding="utf-8") as file,
        _pose(source, options.model, parameters["pose_node"]) as pose,
        _progress(source) as progress,
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
            for step in replay(iter(source), transcriber, pose):
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
        tell(transcriber.close())
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
    print(
        f"{frames} frames in {seconds:.1f} s ({frames / seconds:.0f} frames/s); "
        f"wrote {options.out / 'events.jsonl'} and {options.out / 'report.html'}"
    )
    return INTERRUPTED if interrupted else OK


@contextmanager
def _pose(source: Source, model: str | None, parameters: dict[str, Any]) -> Iterator[Any]:
    """The pose pipeline if the source has images, else None."""
    if not source.has_images:
        yield None
        return
    from motion_seg_ros.parameter_file import configure
    from motion_seg_ros.pose.pipeline import PoseConfig, PosePipeline

    pipeline = PosePipeline(configure(PoseConfig, parameters | ({"model": model} if model else {})))
    try:
        yield pipeline
    finally:
        pipeline.close()


def _progress(source: Source) -> Any:
    """A bar on the terminal; nothing in a file or a pipe."""
    from tqdm import tqdm

    return tqdm(total=source.count, unit=" frames", file=sys.stderr, disable=None, leave=False)


def _tell_notes(source: Source) -> None:
    for note in source.notes:
        print(f"motion-seg: {note}", file=sys.stderr)


def _bag_from_video(options: argparse.Namespace) -> int:
    return _write_bag(options, images=True)


def _bag_from_skeleton(options: argparse.Namespace) -> int:
    return _write_bag(options, images=False)


def _write_bag(options: argparse.Namespace, images: bool) -> int:
    from motion_seg_ros.bags.conversion import to_compressed
    from motion_seg_ros.bags.items import Image, Label, SourceError
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.bags.typestore import typestore
    from motion_seg_ros.bags.writer import BagWriter

    source = open_source(options.source, from_images=images)
    if not (source.has_images if images else source.has_skeletons):
        raise SourceError(f"{source.name} holds no {'images' if images else 'skeletons'}")
    _tell_notes(source)
    with BagWriter(options.out, options.storage) as bag, _progress(source) as progress:
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


def _bag_info(options: argparse.Namespace) -> int:
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


def _benchmark(options: argparse.Namespace) -> int:
    # One thread, for times that mean something; numpy reads this when it is first imported.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    from tqdm import tqdm

    from motion_seg_ros.evaluation.benchmark import BenchmarkConfig, run_benchmark, table

    if options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {options.jobs}")
    config = BenchmarkConfig(options.mode, options.clusters, options.links, options.method)
    with tqdm(unit=" runs", file=sys.stderr, disable=None, leave=False) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        sheets, notes = run_benchmark(options.data, config, options.out, options.jobs, tell)
    for note in notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    print(table(config, sheets))
    print(f"wrote {options.out / 'summary.json'}")
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
