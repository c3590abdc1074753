"""How many people, cameras and frames a second this machine takes: one command, two tables.

    python bench/load.py [PAGE] [--seconds 10] [--video .cache/demo.mp4]

For each camera a tvsh_node and a humocon_node, in a namespace and in processes of their own, get made-up
people over DDS, twice as many each time, until frames drop; and a pose_node gets the pictures of a video at
growing rates. What is dropped, how late the rest is and what each stage costs is what the nodes say of
themselves in /diagnostics; memory and processor time are the system's. Writes the section "load" of PAGE
(docs/load.md).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from measuring.nodes import Nodes
from measuring.pages import machine, write_section
from measuring.people import crowd
from measuring.processes import cpu_s, resident_mb
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image as ImageMessage

from motion_seg_ros.bags.conversion import RclpyTypes, to_message
from motion_seg_ros.bags.images import shrink
from motion_seg_ros.bags.items import Image
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.msg import SkeletonArray
from motion_seg_ros.skeleton.types import SkeletonFrame

ROOT = Path(__file__).resolve().parents[1]
TYPES = RclpyTypes()
# Dropping more than this share of the frames is what "too much" means.
TOO_MUCH = 0.01
MOST_PEOPLE = 64
PICTURE_RATES = (10.0, 20.0, 30.0, 60.0)  # Hz
STAGES = {
    "tvsh_node": ("convert", "segment", "publish"),
    "humocon_node": ("convert", "encode"),
    "pose_node": ("decode", "estimate", "publish"),
}
LATENESS = {
    "tvsh_node": "stamp to event",
    "humocon_node": "stamp to tokens",
    "pose_node": "image stamp to skeletons",
}
Send = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """What one node said of one setting."""

    setting: str
    node: str
    sent: int
    taken: int
    dropped: float
    late: tuple[float, float]
    stages: str
    cpu: float
    memory: float

    def __str__(self) -> str:
        p50, p95 = self.late
        return (
            f"| {self.setting} | {self.node} | {self.taken / self.sent:.0%} | {self.dropped:.0f} "
            f"| {p50:.0f} / {p95:.0f} | {self.stages} | {self.cpu:.0%} | {self.memory:.0f} |"
        )

    @property
    def too_much(self) -> bool:
        return self.taken < (1.0 - TOO_MUCH) * self.sent


HEAD = (
    "| setting | node | frames taken | said to be dropped | lateness p50 / p95 (ms) "
    "| stages, p50 (ms) | one core's time | memory (MB) |\n|---|---|---|---|---|---|---|---|"
)


def pace(nodes: Nodes, rate: float, seconds: float, send: Send) -> int:
    """Call ``send(number, stamp)`` at a rate while listening; how many times it was."""
    count = round(rate * seconds)
    began = time.monotonic()
    for number in range(count):
        nodes.spin(max(0.0, began + number / rate - time.monotonic()))
        send(number, time.time_ns())
    return count


def measure(nodes: Nodes, setting: str, rate: float, seconds: float, send: Send) -> list[Row]:
    """A row for each node, over so many seconds after two to warm up."""
    pace(nodes, rate, 2.0, send)
    nodes.spin(1.5)
    before = {name: (nodes.number(name, "frames received"), dropped(nodes, name)) for name in nodes.processes}
    used = {name: cpu_s(process.pid) for name, process in nodes.processes.items()}
    began = time.monotonic()
    sent = pace(nodes, rate, seconds, send)
    wall = time.monotonic() - began
    cpu = {name: (cpu_s(process.pid) - used[name]) / wall for name, process in nodes.processes.items()}
    nodes.spin(2.5)  # what still waits, and the last word on it
    rows = []
    for name, process in nodes.processes.items():
        kind = name.rpartition("/")[2]
        received, lost = (now - then for now, then in zip(told(nodes, name), before[name], strict=True))
        # Those that pose_node's own queue dropped had been received.
        taken = received - (lost if kind == "pose_node" else 0)
        late = tuple(nodes.number(name, f"{LATENESS[kind]} {share} (ms)") for share in ("p50", "p95"))
        stages = ", ".join(f"{stage} {nodes.number(name, f'{stage} p50 (ms)'):.1f}" for stage in STAGES[kind])
        if kind == "tvsh_node":
            stages += f", oracle {nodes.number(name, 'oracle p50 (ms)'):.1f} aside"
        rows.append(
            Row(setting, name, sent, round(taken), lost, late, stages, cpu[name], resident_mb(process.pid))
        )
    return rows


def dropped(nodes: Nodes, name: str) -> float:
    return nodes.number(name, "frames dropped")


def told(nodes: Nodes, name: str) -> tuple[float, float]:
    return nodes.number(name, "frames received"), dropped(nodes, name)


def doublings(most: int) -> Iterator[int]:
    number = 1
    while number <= most:
        yield number
        number *= 2


def skeletons(folder: Path, cameras: int, rate: float, seconds: float) -> list[Row]:
    """More and more people before each of some cameras, until frames drop."""
    rows: list[Row] = []
    with Nodes(folder) as nodes:
        names = [f"camera{number}" for number in range(1, cameras + 1)]
        for namespace in names:
            for executable in ("humocon_node", "tvsh_node"):
                nodes.start(executable, namespace)
        publishers = [
            nodes.node.create_publisher(SkeletonArray, f"/{name}/skeletons", qos_profile_sensor_data)
            for name in names
        ]
        for people in doublings(MOST_PEOPLE):
            seen = list(islice(crowd(np.random.default_rng(people), people), round(rate * (seconds + 2))))

            def send(number: int, stamp: int, seen: Sequence[SkeletonFrame] = seen) -> None:
                frame = seen[number % len(seen)]
                message = to_message(SkeletonFrame(stamp, frame.frame_id, frame.skeletons), TYPES)
                for publisher in publishers:
                    publisher.publish(message)

            nodes.until(
                lambda: all(publisher.get_subscription_count() >= 2 for publisher in publishers),
                30.0,
                "nobody listens to skeletons",
            )
            rows += measure(nodes, f"{cameras} x {people} at {rate:g} Hz", rate, seconds, send)
            print("\n".join(map(str, rows[-2 * cameras :])), flush=True)
            if any(row.too_much for row in rows[-2 * cameras :]):
                break
    return rows


def pictures(folder: Path, video: Path, seconds: float) -> list[Row]:
    """A video at growing rates, until frames drop."""
    shown: list[Any] = []
    for _, item in islice(open_source(str(video)), 150):
        shown.append(to_message(Image(shrink(item.rgb, 640), "camera"), TYPES, 0))
    rows: list[Row] = []
    with Nodes(folder) as nodes:
        nodes.start("pose_node")
        publisher = nodes.node.create_publisher(ImageMessage, "image", qos_profile_sensor_data)
        nodes.until(publisher.get_subscription_count, 30.0, "pose_node does not listen")
        images = cycle(shown)

        def send(number: int, stamp: int) -> None:
            message = next(images)
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
            publisher.publish(message)

        for rate in PICTURE_RATES:
            rows += measure(nodes, f"video at {rate:g} Hz", rate, seconds, send)
            print(rows[-1], flush=True)
            if rows[-1].too_much:
                break
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, nargs="?", default=ROOT / "docs" / "load.md")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each setting (%(default)s)")
    parser.add_argument("--rates", type=float, nargs="+", default=[30.0, 60.0], help="(%(default)s)")
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2], help="(%(default)s)")
    parser.add_argument("--video", type=Path, default=ROOT / ".cache" / "demo.mp4")
    options = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", str(os.getpid() % 101 + 1))
    lines = [machine(), f"Each setting ran for {options.seconds:g} s.", "", HEAD]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for cameras in options.cameras:
            for rate in options.rates:
                lines += map(str, skeletons(Path(folder), cameras, rate, options.seconds))
        if options.video.is_file():
            lines += map(str, pictures(Path(folder), options.video, options.seconds))
        else:
            lines += ["", f"pose_node was not measured: there is no {options.video.name}."]
    write_section(options.page, "load", "\n".join(lines))


if __name__ == "__main__":
    main()
