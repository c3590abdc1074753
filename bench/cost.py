"""What a frame costs the streaming segmenter, and whether it costs more the longer the stream has run.

    python bench/cost.py DATA_DIR [--rounds 3]

DATA_DIR holds folders of labelled recordings, as `motion-seg benchmark` takes them. Printed are the
milliseconds of processor time a frame of each folder, of made-up streams, and of the whole transcript of
made-up people who all come with the first frame. Every stream is run several times and the least time
of each frame counts, as it does the same work each time: so other work on the machine shows little.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from measuring.people import RATE, crowd
from numpy.typing import NDArray
from tqdm import tqdm

from motion_seg_ros.evaluation.recordings import find_recordings, load_recording, stamp_of
from motion_seg_ros.skeleton.features import BODY
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter
from motion_seg_ros.tvsh.transcriber import Transcriber

Array = NDArray[np.float64]

DIMENSION, FPS = 324, 25.0
# Of the made-up streams: how many, the frames before those that are timed, and how many are timed. A run
# lasts 65 frames on average, so that before the last of them as many runs were seen as are remembered.
STREAMS, BEFORE, TIMED = 6, (128, 2048, 10_000), 256
CROWD_FRAMES = 1200


def made_up(rng: np.random.Generator, frames: int) -> Array:
    """(frames, DIMENSION): one of six movements after another, each an ellipse, with noise."""
    paths = rng.standard_normal((6, 3, DIMENSION))
    shown = np.concatenate([np.full(rng.integers(40, 90), rng.integers(6)) for _ in range(frames // 40 + 1)])
    times = np.arange(frames) / FPS
    waves = np.stack((np.ones(frames), np.cos(9 * times), np.sin(9 * times)), axis=1)
    clean = np.einsum("tk,tkd->td", waves, paths[shown[:frames]])
    return clean + 0.05 * rng.standard_normal(clean.shape)


def made_up_speeds(frames: int) -> Array:
    """(frames, 11) limb speeds, for what they cost."""
    return 0.5 * np.exp(0.3 * np.random.default_rng(0).standard_normal((frames, len(BODY))))


def milliseconds(data: Array, fps: float, rounds: int, speeds: Array | None, stray: Array | None) -> Array:
    """(T,) processor time of each frame."""
    best = np.full(len(data), np.inf)
    for _ in range(rounds):
        segmenter = StreamingSegmenter(data.shape[1], SegmenterConfig(), stray=stray)
        for frame, features in enumerate(data):
            given = () if speeds is None else (speeds[frame],)
            began = time.thread_time()
            segmenter.update(stamp_of(frame, fps), features, *given)
            best[frame] = min(best[frame], 1e3 * (time.thread_time() - began))
    return best


def of_transcript(people: int, rounds: int) -> Array:
    """(T,) processor time of each frame of the whole transcript, when people have been there for a while."""
    frames = list(itertools.islice(crowd(np.random.default_rng(0), people), CROWD_FRAMES))
    best = np.full(len(frames), np.inf)
    for _ in range(rounds):
        transcriber = Transcriber()
        for number, frame in enumerate(frames):
            began = time.thread_time()
            transcriber.update(frame)
            best[number] = min(best[number], 1e3 * (time.thread_time() - began))
    return best[CROWD_FRAMES // 3 :]


def row(name: str, times: list[Array]) -> str:
    """A line of the table: means over recordings, as `motion-seg benchmark` has them."""
    columns = [np.mean([measure(one) for one in times]) for measure in (np.mean, np.median)]
    columns.append(np.mean([np.percentile(one, 99) for one in times]))
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in columns) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each stream (default %(default)s)")
    options = parser.parse_args()
    paths = find_recordings(options.data)[0]
    folders: dict[str, list[Array]] = {}
    for path in tqdm(paths, unit=" recordings", disable=None, leave=False):
        one = load_recording(path, options.data)
        name, data = path.parent.name, one.data[one.usable]
        plain = milliseconds(data, one.fps, options.rounds, None, one.stray)
        folders.setdefault(f"{name}, d = {data.shape[1]}", []).append(plain)
        speeds = made_up_speeds(len(data)) if one.speeds is None else one.speeds[one.usable]
        timed = milliseconds(data, one.fps, options.rounds, speeds, one.stray)
        folders.setdefault(f"{name}, with speeds", []).append(timed)
    print("| ms a frame, processor time | mean | median | p99 |\n|---|---|---|---|")
    for name, times in folders.items():
        print(row(name, times))
    streams = [made_up(np.random.default_rng(seed), BEFORE[-1] + TIMED) for seed in range(STREAMS)]
    costs = [
        milliseconds(s, FPS, options.rounds, None, None) for s in tqdm(streams, disable=None, leave=False)
    ]
    pooled = [np.concatenate([cost[first : first + TIMED] for cost in costs]) for first in BEFORE]
    for first, times in zip(BEFORE, pooled, strict=True):
        print(row(f"made up, d = {DIMENSION}, after {first} frames", [times]))
    for people in (1, 10):
        times = of_transcript(people, options.rounds)
        print(row(f"skeletons at {RATE:.0f} Hz, transcript of {people} in view", [times]))
    for first, times in zip(BEFORE[1:], pooled[1:], strict=True):
        mean = times.mean() / pooled[0].mean()
        p99 = np.percentile(times, 99) / np.percentile(pooled[0], 99)
        print(f"after {first} frames, of after {BEFORE[0]}: mean {mean:.2f}, p99 {p99:.2f}")


if __name__ == "__main__":
    main()
