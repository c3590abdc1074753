"""Whether memory or time grows over a million frames: one command, one table.

    python bench/memory.py OUT [--frames 1000000]

Feeds the transcriber made-up skeletons at 30 Hz: one person who never leaves, and others who come and go,
each time as a new track. Everybody does one movement after another, most of them variations of movements that
were shown before and some new, so that nothing repeats exactly and much recurs; now and then an answer about
two moments comes. Writes OUT/memory.csv, a row every 2 % of the run, and prints it as a table.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from measuring.people import RATE, frame_of, movement, person
from measuring.processes import resident_mb
from tqdm import tqdm

from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.transcriber import Transcriber

ROWS = 50
RESIDENT = "stays"


def scene(rng: np.random.Generator, frames: int) -> Iterator[SkeletonFrame]:
    """One person who stays, and at most two others who come and go, as frames."""
    known = [movement(rng) for _ in range(12)]
    resident, guests, arrivals = person(rng, known), {}, 0
    for number in range(frames):
        if len(guests) < 2 and rng.random() < 1 / (20 * RATE):
            arrivals += 1
            guests[f"guest {arrivals}"] = person(rng, known), number + round(float(rng.uniform(2, 30)) * RATE)
        guests = {name: guest for name, guest in guests.items() if guest[1] > number}
        people = {RESIDENT: resident} | {name: joints for name, (joints, _) in guests.items()}
        joints = {name: next(moves) for name, moves in people.items()}
        yield frame_of(round((number + 1) * 1e9 / RATE), joints)


def measure(frames: int) -> Iterator[dict[str, float]]:
    """One row of counts every ``frames / ROWS`` frames."""
    rng = np.random.default_rng(0)
    transcriber = Transcriber()
    size = max(1, frames // ROWS)
    wall, processor, motions, events, skeletons = np.zeros(size), np.zeros(size), 0, 0, 0
    for number, frame in enumerate(tqdm(scene(rng, frames), total=frames, disable=None, leave=False)):
        began, used = time.perf_counter(), time.process_time()
        told = transcriber.update(frame)
        place = number % size
        wall[place], processor[place] = time.perf_counter() - began, time.process_time() - used
        events += len(told)
        skeletons += len(frame.skeletons)
        motions = max(motions, *(event.motion_id + 1 for event in told), 0)
        if number > RATE and rng.random() < 1 / RATE:
            chance = 0.9 if rng.random() < 0.8 else 0.1
            transcriber.answer(RESIDENT, frame.stamp - 700_000_000, frame.stamp - 300_000_000, chance)
        if place == size - 1:
            gc.collect()
            yield {
                "frames": number + 1,
                "people a frame": round(skeletons / size, 2),
                "tracks": transcriber.health.tracks,
                "segments": transcriber.health.segments,
                "motions": motions,
                "events": events,
                "resident MB": round(resident_mb(), 2),
                "blocks": sys.getallocatedblocks(),
                "objects": len(gc.get_objects()),
                "cpu ms a frame": round(1e3 * float(processor.mean()), 3),
                "cpu ms p99": round(1e3 * float(np.percentile(processor, 99)), 3),
                "wall ms a frame": round(1e3 * float(wall.mean()), 3),
            }
            skeletons = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--frames", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.frames < ROWS:
        parser.error(f"--frames must be at least {ROWS}")
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with (options.out / "memory.csv").open("w", newline="", encoding="utf-8") as file:
        writer = None
        for row in measure(options.frames):
            if writer is None:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            rows.append(row)
    print("| " + " | ".join(rows[0]) + " |")
    print("|---" * len(rows[0]) + "|")
    for row in rows[:: ROWS // 10] + rows[-1:]:
        print("| " + " | ".join(f"{value:,}" for value in row.values()) + " |")


if __name__ == "__main__":
    main()
