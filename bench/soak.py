"""Whether anything grows in a long day: one command, one verdict.

    python bench/soak.py OUT [--hours 2] [--people 4] [--live MINUTES] [--page docs/load.md]

Feeds made-up people at 30 Hz, of whom each leaves after some minutes and another comes, through the whole
core as fast as it goes: concept tokens of everybody, the transcript with tokens and phrases, and the oracle
that a robot has by default, asked in the time of the stream. Every simulated minute it notes memory, handles,
threads and what a frame costs. Writes OUT/soak.csv, and OUT/soak.md with a verdict: after a quarter of the
run, nothing may grow. Ctrl-C gives the verdict on what was covered so far.

With --live MINUTES, the nodes themselves are fed as well, over DDS and by a simulated clock, at --speed times
the real rate; what is watched then is memory, handles and threads of each process. Writes OUT/live.md.
Without --hours (0) only that is done.

Beside other programs everything takes longer. So a yardstick, always the same piece of work, is measured once
a simulated second, and what a frame costs is judged in yardsticks.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from measuring.growth import FEWEST, WARM_UP, growth
from measuring.pages import machine, write_section
from measuring.people import RATE, crowd
from measuring.processes import handles, resident_mb, threads
from tqdm import tqdm

from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.oracles import encoder_backend
from motion_seg_ros.semantics.backends import OracleSettings, open_oracle
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

SAMPLE = round(60 * RATE)  # frames
LIVE_SAMPLE_S = 10.0
Row = dict[str, float]
# What may rise after the warm-up: this share of its median, or this much.
ALLOWED = {
    "resident MB": (0.02, 2.0),
    "handles": (0.0, 0.5),
    "threads": (0.0, 0.5),
    "objects": (0.05, 0.0),
    "yardsticks a frame, mean": (0.1, 0.0),
    "yardsticks a frame, p99": (0.2, 0.0),
}


def yardstick() -> None:
    """What the core does most: small work on small arrays."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        window = rng.normal(size=(60, 22))
        np.median(window, axis=0)
        np.linalg.norm(window[:, None] - window[None], axis=-1).argsort(axis=1)


def measure(frames: int, people: int) -> Iterator[Row]:
    """A row every ``SAMPLE`` frames."""
    config = TranscriberConfig()
    oracle, note = open_oracle(OracleSettings(exact=True), config.deadline, encoder_backend)
    if oracle is None or note:
        raise SystemExit(f"the soak wants the oracle that a robot has: {note}")
    transcriber = Transcriber(config, oracle)
    tokenizer = Tokenizer(ConceptEncoder(EncoderConfig()))
    cpu, wall, yards = np.zeros(SAMPLE), np.zeros(SAMPLE), []
    events = final = 0
    stream = zip(range(frames), crowd(np.random.default_rng(0), people), strict=False)
    for number, frame in tqdm(stream, total=frames, unit=" frames", disable=None, leave=False):
        began, used = time.perf_counter(), time.process_time()
        for told in tokenizer.update(frame):
            transcriber.note_tokens(told.frame_id, told.track_id, told.start, told.end, told.tokens)
        said = transcriber.update(frame)
        exchanges = oracle.exchanges()
        place = number % SAMPLE
        cpu[place], wall[place] = time.process_time() - used, time.perf_counter() - began
        if number % round(RATE) == 0:
            used = time.process_time()
            yardstick()
            yards.append(time.process_time() - used)
        events += len(said) + len(exchanges)
        final += sum(event.final for event in said)
        if place == SAMPLE - 1:
            gc.collect()
            mean, p99 = float(cpu.mean()), float(np.percentile(cpu, 99))
            yard = float(np.mean(yards))
            yards.clear()
            yield {
                "simulated s": round((number + 1) / RATE, 1),
                "resident MB": round(resident_mb(), 2),
                "handles": handles(),
                "threads": threads(),
                "objects": len(gc.get_objects()),
                "yardsticks a frame, mean": round(mean / yard, 4),
                "yardsticks a frame, p99": round(p99 / yard, 4),
                "cpu ms a frame, mean": round(1e3 * mean, 3),
                "cpu ms a frame, p99": round(1e3 * p99, 3),
                "wall ms a frame, p99": round(1e3 * float(np.percentile(wall, 99)), 3),
                "tracks begun": transcriber.health.tracks,
                "segments ended": final,
                "tokens": tokenizer.health.tokens,
                "questions": int(oracle.facts()["asked"]),
                "answers used": transcriber.health.answers,
            }
    transcriber.close()
    oracle.close()


def measure_live(minutes: float, people: int, speed: float, folder: Path) -> dict[str, list[Row]]:
    """Rows for each node, one every ``LIVE_SAMPLE_S`` simulated seconds."""
    from builtin_interfaces.msg import Time
    from measuring.nodes import Nodes
    from rosgraph_msgs.msg import Clock

    from motion_seg_ros.bags.conversion import RclpyTypes, to_message
    from motion_seg_ros.msg import SkeletonArray

    types = RclpyTypes()
    rows: dict[str, list[Row]] = {}
    with Nodes(folder) as nodes:
        for name in ("humocon_node", "tvsh_node", "grounding_node"):
            rows[nodes.start(name, use_sim_time=True)] = []
        record = nodes.start("record_node", use_sim_time=True, out=folder / "recording")
        rows[record] = []
        clock = nodes.node.create_publisher(Clock, "/clock", 10)
        skeletons = nodes.node.create_publisher(SkeletonArray, "skeletons", 10)
        nodes.until(lambda: skeletons.get_subscription_count() == len(rows), 30.0, "not every node listens")
        frames = round(minutes * 60 * RATE)
        began = time.monotonic()
        for number, frame in zip(range(frames), crowd(np.random.default_rng(0), people), strict=False):
            nodes.spin(max(0.0, began + number / RATE / speed - time.monotonic()))
            seconds, nanoseconds = divmod(frame.stamp, 10**9)
            clock.publish(Clock(clock=Time(sec=seconds, nanosec=nanoseconds)))
            skeletons.publish(to_message(frame, types))
            if number % round(LIVE_SAMPLE_S * RATE) == 0:
                for name, process in nodes.processes.items():
                    rows[name].append(
                        {
                            "resident MB": resident_mb(process.pid),
                            "handles": handles(process.pid),
                            "threads": threads(process.pid),
                            "frames received": nodes.number(name, "frames received"),
                            "frames dropped": nodes.number(name, "frames dropped"),
                        }
                    )
    return rows


def verdict_live(rows: dict[str, list[Row]], minutes: float, people: int, speed: float) -> tuple[str, bool]:
    """A table, and whether nothing grew."""
    lines = [
        f"{minutes:g} simulated minutes of {people} people at {RATE:g} Hz to live nodes, {speed:g} times as "
        "fast as real time:",
        "",
        "| node | resident MB | its rise (allowed) | handles | threads | frames dropped | |",
        "|---|---|---|---|---|---|---|",
    ]
    well = True
    for name, samples in rows.items():
        found = {
            what: growth([row[what] for row in samples], share=share, least=least)
            for what, (share, least) in ALLOWED.items()
            if what in samples[0]
        }
        fine = all(trend.none for trend in found.values())
        well = well and fine
        memory, last = found["resident MB"], samples[-1]
        lines.append(
            f"| {name} | {memory.middle:.0f} | {memory.rise:+.2f} ({memory.allowed:.1f}) "
            f"| {found['handles'].middle:.0f} {found['handles'].rise:+.0f} "
            f"| {found['threads'].middle:.0f} {found['threads'].rise:+.0f} "
            f"| {last['frames dropped']:.0f} of {last['frames received'] + last['frames dropped']:.0f} "
            f"| {'no growth' if fine else '**grows**'} |"
        )
    return "\n".join(lines) + "\n", well


def soak(frames: int, people: int, folder: Path) -> tuple[list[Row], float]:
    """Every sample, also in FOLDER/soak.csv, and the seconds that it took."""
    rows: list[Row] = []
    began = time.monotonic()
    with (
        (folder / "soak.csv").open("w", newline="", encoding="utf-8") as file,
        contextlib.suppress(KeyboardInterrupt),
    ):
        writer = None
        for row in measure(frames, people):
            if writer is None:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            rows.append(row)
    if len(rows) < FEWEST:
        raise SystemExit(f"stopped before there were {FEWEST} samples")
    return rows, time.monotonic() - began


def verdict(rows: list[Row], people: int, seconds: float) -> tuple[str, bool]:
    """A table, and whether nothing grew."""
    last = rows[-1]
    lines = [
        f"{last['simulated s'] / 3600:.2f} h of {people} people at {RATE:g} Hz in {seconds / 60:.0f} min: "
        f"{round(last['simulated s'] * RATE)} frames, {last['tracks begun']} tracks, "
        f"{last['segments ended']} segments, {last['tokens']} tokens, {last['questions']} questions, "
        f"{last['answers used']} answers used.",
        "",
        f"| after the first {WARM_UP:.0%} | median | rise to the end (95 % interval) | counts as none | |",
        "|---|---|---|---|---|",
    ]
    well = True
    for name, (share, least) in ALLOWED.items():
        found = growth([row[name] for row in rows], share=share, least=least)
        well = well and found.none
        lines.append(
            f"| {name} | {found.middle:.4g} | {found.rise:+.3g} ({found.low:+.3g} to {found.high:+.3g}) "
            f"| up to {found.allowed:.3g} | {'no growth' if found.none else '**grows**'} |"
        )
    mean, p99 = (np.median([row[f"cpu ms a frame, {of}"] for row in rows]) for of in ("mean", "p99"))
    lines += ["", f"A frame took {mean:.1f} ms of processor time, p99 {p99:.1f} ms."]
    return "\n".join(lines) + "\n", well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--hours", type=float, default=2.0, help="simulated hours (%(default)s); 0: none")
    parser.add_argument("--people", type=int, default=4, help="in view at any time (%(default)s)")
    parser.add_argument("--live", type=float, default=0.0, help="simulated minutes with live nodes")
    parser.add_argument("--speed", type=float, default=2.0, help="of their time (%(default)s)")
    parser.add_argument("--page", type=Path, help='page whose sections "soak" and "live" are written too')
    options = parser.parse_args()
    where = machine()
    frames = round(options.hours * 3600 * RATE) // SAMPLE * SAMPLE
    if options.live and options.live * 60 / LIVE_SAMPLE_S < FEWEST:
        parser.error(f"--live must be at least {FEWEST * LIVE_SAMPLE_S / 60:g} minutes")
    if (frames and frames < FEWEST * SAMPLE) or options.people < 1:
        parser.error(f"at least one person for {FEWEST} minutes is needed")
    options.out.mkdir(parents=True, exist_ok=True)
    verdicts = {}
    if frames:
        rows, seconds = soak(frames, options.people, options.out)
        verdicts["soak"] = verdict(rows, options.people, seconds)
    if options.live:
        live = measure_live(options.live, options.people, options.speed, options.out)
        verdicts["live"] = verdict_live(live, options.live, options.people, options.speed)
    for name, (text, _) in verdicts.items():
        (options.out / f"{name}.md").write_text(text, encoding="utf-8")
        if options.page:
            write_section(options.page, name, f"{where}\n{text}")
        print(text)
    return 0 if all(well for _, well in verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
