"""demo: a source through the real nodes, in processes of their own over DDS, and the live transcript.

Writes OUT/events.jsonl, OUT/bag/, OUT/report.html and the log of each process. It starts the nodes itself,
with the parameter files that the launch files use, because not every machine has `ros2 launch`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ..bags.items import Source, SourceError
from ..bags.sources import open_source
from ..evaluation.story import report_from_bag
from ..humocon.runtime import EncoderConfig, has_weights
from ..tvsh.events import SegmentEvent
from ..tvsh.transcript import Transcript
from .ending import ending
from .files import config_file
from .record_node import RecordNode
from .runtime import REST_S

# A package that was built without weights has no node that needs them.
CONCEPTS = ["humocon_node"] if has_weights(EncoderConfig()) else []
STOP_S = 5.0  # for a child to end when somebody waits for it


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class Child:
    """A process of the demo, its output in a log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "motion_seg_ros.nodes", name, "--ros-args", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the demo, which stops its children in order
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-5:])


class Demo:
    """The processes of one run and the recorder that listens to them."""

    def __init__(self, options: argparse.Namespace, source: Source) -> None:
        self._options = options
        self._source = source
        ending.listen()
        # What the children say to the last is recorded.
        ending.nothing_to_lose = lambda: False
        self._children: list[Child] = []
        self._diagnosed: dict[str, dict[str, str]] = {}
        self._failure = ""
        self._ready = False
        self._transcript = Transcript()
        # A bag keeps its stamps; at another speed, time itself must go faster or slower.
        replaying = source.kind == "bag" or options.rate != 1.0
        shared = [
            *("--params-file", str(config_file("motion_seg.yaml"))),
            *(("--params-file", str(options.config)) if options.config else ()),
            *("--params-file", str(config_file("replay.yaml"))),
            *("-p", f"use_sim_time:={str(replaying).lower()}"),
        ]
        rclpy.init(
            args=["--ros-args", *shared, "-p", f"out:='{options.out}'", "--log-level", "record_node:=warn"],
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._recorder = RecordNode(on_event=self._show)
        self._recorder.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._recorder)
        self._shared = shared
        playing = {
            "source": f"'{options.source}'",  # quoted, for a camera is named by a number
            "rate": options.rate,
            "clock": str(replaying).lower(),
            "from_images": str(options.from_images).lower(),
            # Who is next in the chain, and the recorder.
            "subscribers": 2 if source.has_images else 2 + len(CONCEPTS),
        }
        self._source_arguments = [
            word for name, value in playing.items() for word in ("-p", f"source_node:{name}:={value}")
        ]
        if options.model:
            self._shared += ["-p", f"model:={options.model}"]

    def run(self) -> None:
        """Start everything, play the source to its end or until a signal."""
        self._began = time.monotonic()
        self._recorder.start()
        if self._options.composed:
            names = ["composed"]
        else:
            # Producers first: they are stopped in this order.
            pose = ["pose_node"] if self._source.has_images else []
            names = ["source_node", *pose, *CONCEPTS, "tvsh_node"]
        print(f"starting {', '.join(names)} …", flush=True)
        for name in names:
            extra = self._source_arguments if name in ("source_node", "composed") else []
            log = self._options.out / "log" / f"{name}.log"
            self._children.append(Child(name, [*self._shared, *extra], log))
        while self._children[0].running and not ending.asked.is_set():
            self._executor.spin_once(timeout_sec=0.1)
            self._check()
            if self._recorder.monitor.received:
                self._say_ready()
        self._check()

    def stop(self) -> None:
        """Stop producers before consumers, then the recorder, which waits for the last events."""
        for child in self._children:
            self._signal(child, signal.SIGINT)
            if child.running:
                self._signal(child, signal.SIGKILL)
        end = time.monotonic() + STOP_S
        while not self._recorder.drained and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        self._recorder.stop()
        self._recorder.destroy_node()
        self._executor.shutdown()
        rclpy.shutdown()

    def summary(self) -> str:
        """What was found, and measured facts of the run from /diagnostics."""
        lines = [self._transcript.summary()]
        for name, latency in (("pose_node", "image stamp to skeletons"), ("tvsh_node", "stamp to event")):
            facts = self._diagnosed.get(name, {})
            if f"{latency} p50 (ms)" not in facts:
                continue
            received, dropped = facts["frames received"], facts.get("frames dropped", "0")
            p50, p95 = (facts[f"{latency} {share} (ms)"] for share in ("p50", "p95"))
            lines.append(
                f"{name}: {received} frames, {dropped} dropped; {latency} {p50} ms (p50), {p95} ms (p95)"
            )
        return "\n".join(lines)

    def _say_ready(self) -> None:
        if not self._ready:
            self._ready = True
            seconds = time.monotonic() - self._began
            print(f"ready in {seconds:.1f} s; playing {self._source.name}\n", flush=True)

    def _show(self, event: SegmentEvent) -> None:
        self._say_ready()
        line = self._transcript.line(event)
        if line:
            print(line, flush=True)

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node = status.name.partition(":")[0].rpartition("/")[2]
            self._diagnosed[node] = {item.key: item.value for item in status.values}
            if status.level == DiagnosticStatus.ERROR:
                self._failure = f"{node}: {status.message}"

    def _check(self) -> None:
        """DemoError if a child ended by an error or says that it cannot work."""
        for child in self._children:
            if child.process.poll() not in (None, 0):
                raise DemoError(
                    f"{child.name} ended with code {child.process.returncode}:\n{child.last_words()}"
                )
        if self._failure:
            raise DemoError(self._failure)

    def _signal(self, child: Child, number: int) -> None:
        if not child.running:
            return
        child.process.send_signal(number)
        end = time.monotonic() + (STOP_S if ending.asked.is_set() else REST_S)
        while child.running and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0])
    sample = os.environ.get("MOTION_SEG_SAMPLE")
    parser.add_argument(
        "source",
        nargs="?" if sample else None,
        default=sample,
        help="camera (0, /dev/video0), video, rosbag, .npz, .bvh or .amc",
    )
    out = Path(os.environ.get("MOTION_SEG_OUT", "out/demo"))
    parser.add_argument("--out", type=Path, default=out, help="folder to write to (%(default)s)")
    parser.add_argument("--config", type=Path, help="parameter file, on top of config/motion_seg.yaml")
    parser.add_argument("--model", help="pose model: lite, full, heavy or a .task file")
    parser.add_argument("--rate", type=float, default=1.0, help="playback speed (%(default)s)")
    parser.add_argument("--from-images", action="store_true", help="estimate the poses of a bag anew")
    parser.add_argument("--composed", action="store_true", help="one process: images do not cross DDS")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> int:
    options = arguments(args)
    # A demo stays on this machine unless its user says otherwise.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        source = open_source(options.source, from_images=options.from_images)
        (options.out / "log").mkdir(parents=True, exist_ok=True)
    except (SourceError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    demo = Demo(options, source)
    problem = ""
    try:
        demo.run()
    except DemoError as error:
        problem = str(error)
    finally:
        demo.stop()
    if problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    try:
        report_from_bag(options.out / "bag", options.out / "report.html")
    except SourceError as error:  # stopped before anything was seen
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"\n{demo.summary()}\n")
    for name in ("events.jsonl", "report.html", "bag"):
        print(f"wrote {options.out / name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
