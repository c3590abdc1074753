"""What motion concepts are worth: numbers of exported weights, and the terms of the loss on and off.

    python bench/concepts.py DATA_DIR OUT [--weights DIR] [--ablate SEEDS] [--config NAME] [--epochs N]

DATA_DIR holds the folders of the recordings (bandai_namco, utkinect, cmu_mocap; what is not there is left
out). Writes OUT/concepts.md. ``--ablate 3`` trains a configuration anew three times for each row; one that is
not the shipped weights' own (``--config concepts_tiny``) shows what the terms do at its scale.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from tqdm import tqdm

from motion_seg_ros.datasets.clips import Clip, load_motion
from motion_seg_ros.evaluation.concepts import (
    dominant_runs,
    histograms,
    label_information,
    linear_probe,
    nearest_centroid,
    pose_clusters,
)
from motion_seg_ros.humocon.contract import VIDEO
from motion_seg_ros.humocon.crops import CROP, Following
from motion_seg_ros.humocon.rendering import render
from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, POSITIONS, RATE, motion_inputs
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

# The actions of the second part of the Bandai-Namco data, and its styles that no training may see.
ACTIONS = (
    *("raise-up-left-hand", "raise-up-right-hand", "raise-up-both-hands", "run", "walk"),
    *("walk-turn-left", "walk-turn-right", "wave-left-hand", "wave-right-hand", "wave-both-hands"),
)
HELD_OUT = ("elderly", "masculine")
RENDERED = 4  # one clip in so many is rendered
WINDOW_S = 2.0  # over which a token is dominant
LABELLED = ("utkinect", "cmu_mocap")
ROWS = {
    "all terms": {},
    "no L_dis, no L_act": {"dis": 0.0, "act": 0.0},
    "no L_align": {"align": 0.0},
    "no names": {"names": 0.0},
}
# Of a configuration that keeps a motion encoder.
VIDEO_ROWS = {"all terms": {}, "no L_align": {"align": 0.0}, "no pose": {"pose": 0.0}}
MEASURES = (
    *("position error m", "velocity error m/s", "power above 3 Hz kept", "velocity told by codes"),
    "retrieval R@1 of 100",
)


def tokens_of(encoder: ConceptEncoder, inputs: np.ndarray) -> np.ndarray:
    whole = inputs[None, : len(inputs) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN]
    return encoder.encode(whole, encoder.state(1))[0][0]


def bandai(encoder: ConceptEncoder, video: ConceptEncoder | None, clips: Sequence[Clip]) -> list[str]:
    """Names of clips of held-out styles, from histograms of their tokens."""
    second = [c for c in clips if c.label in ACTIONS and c.tags.get("take", "").startswith("dataset-2")]
    tokens = [tokens_of(encoder, motion_inputs(c.joints, c.fps)) for c in tqdm(second, disable=None)]
    rows = judged("Bandai-Namco, 10 actions, styles held out", tokens, encoder.info.codes, second)
    if video:
        shown, rng = slice(None, None, RENDERED), np.random.default_rng(0)
        filmed = [video_tokens_of(video, clip, rng) for clip in tqdm(second[shown], disable=None)]
        name = f"every {RENDERED}th of these clips"
        rows += judged(f"{name}, motion tokens", tokens[shown], encoder.info.codes, second[shown])
        rows += judged(f"{name} rendered, video tokens", filmed, video.info.codes, second[shown])
    return rows


def video_tokens_of(encoder: ConceptEncoder, clip: Clip, rng: np.random.Generator) -> np.ndarray:
    """What the video encoder says of a clip that a random camera sees."""
    times = np.arange(FRAMES_PER_TOKEN, len(clip.joints) / clip.fps * RATE, FRAMES_PER_TOKEN) / RATE
    pictures, _ = render(clip.joints[(times * clip.fps).astype(int)], rng, size=CROP)
    return encoder.encode(pictures[None].astype(np.float32) / 255, encoder.state(1))[0][0]


def judged(what: str, tokens: Sequence[np.ndarray], codes: int, clips: Sequence[Clip]) -> list[str]:
    """Two classifiers of histograms, which learn from all but the styles held out; and from all but one of
    the other styles, each in turn, by which a training may be chosen."""
    features = histograms(tokens, codes)
    labels = np.array([ACTIONS.index(clip.label) for clip in clips])
    styles = np.array([clip.tags["style"] for clip in clips])
    held = np.isin(styles, HELD_OUT)
    rows = []
    for name, judge in (("linear probe", linear_probe), ("nearest centroid", nearest_centroid)):
        right = [
            np.mean(judge(features[train], labels[train], features[test]) == labels[test])
            for train, test in [
                (~held, held),
                *((~held & (styles != style), styles == style) for style in np.unique(styles[~held])),
            ]
        ]
        rows.append(f"| {what}: {name} (other styles in turn) | {right[0]:.3f} ({np.mean(right[1:]):.3f}) |")
    return rows


def labelled(encoder: ConceptEncoder, name: str, clips: Sequence[Clip]) -> str:
    """Information of dominant tokens on labels, mean of the recordings, beside k-means on poses."""
    found, poses = [], []
    for clip in clips:
        inputs = motion_inputs(clip.joints, clip.fps)
        tokens = tokens_of(encoder, inputs)
        frame = ((np.arange(len(tokens)) + 0.5) * FRAMES_PER_TOKEN / RATE * clip.fps).astype(int)
        names = sorted({label for _, _, label in clip.spans})
        truth = np.full(len(clip.joints), -1)
        for begin, end, label in clip.spans:
            truth[begin:end] = names.index(label)
        truth = truth[np.minimum(frame, len(truth) - 1)]
        runs = dominant_runs(tokens, round(WINDOW_S * RATE / FRAMES_PER_TOKEN))
        found.append(label_information(truth, runs))
        pose = inputs[: 4 * len(tokens) : FRAMES_PER_TOKEN, POSITIONS].astype(float)
        poses.append(label_information(truth, pose_clusters(pose, len(names))))
    return (
        f"| {name}, NMI of dominant tokens (k-means on poses) | {np.mean(found):.3f} ({np.mean(poses):.3f}) |"
    )


def times(encoder: ConceptEncoder, inputs: np.ndarray) -> list[str]:
    """One person on one thread."""
    rows = []
    for name, frames in (("a window of 64 steps", 64), ("a token of 4 steps", FRAMES_PER_TOKEN)):
        motion, state, taken = inputs[None, :frames], encoder.state(1), []
        for _ in range(500):
            begin = time.perf_counter()
            encoder.encode(motion, state)
            taken.append(1e3 * (time.perf_counter() - begin))
        half, most = np.percentile(taken, (50, 99))
        rows.append(f"| {name}, one thread: p50, p99 | {half:.2f}, {most:.2f} ms |")
    return rows


def stream_time(encoder: ConceptEncoder, clip: Clip) -> str:
    """A frame of one person through the tokenizer: inputs and network, three times over."""
    frames = [
        SkeletonFrame(
            round(index * 1e9 / clip.fps),
            "camera",
            (Skeleton("a", "smpl22", joints, np.ones(22, np.float32), np.zeros((0, 2), np.float32)),),
        )
        for index, joints in enumerate(clip.joints.astype(np.float64))
    ]
    means = []
    for _ in range(3):
        tokenizer = Tokenizer(encoder)
        begin = time.perf_counter()
        for frame in frames:
            tokenizer.update(frame)
        means.append(1e3 * (time.perf_counter() - begin) / len(frames))
    return (
        f"| a frame of one person's stream at {clip.fps:g} Hz, inputs and network: mean of {len(frames)}, "
        f"best and worst of three runs | {min(means):.2f}, {max(means):.2f} ms |"
    )


def look_time(encoder: ConceptEncoder) -> str:
    """One person cut out of an image of 640 x 480 and encoded, on one thread."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    following, state, taken = Following(), encoder.state(1), []
    for _ in range(500):
        begin = time.perf_counter()
        crop = following.crop(rgb, rng.uniform((250, 100), (390, 400), (22, 2)))
        *_, state = encoder.encode(crop[None, None], state)
        taken.append(1e3 * (time.perf_counter() - begin))
    half, most = np.percentile(taken, (50, 99))
    return f"| a picture of one person, cut out and encoded: p50, p99 | {half:.2f}, {most:.2f} ms |"


def ablation(data: Path, out: Path, name: str, seeds: int, epochs: int) -> Iterator[str]:
    """Train with terms on and off, over seeds; means and deviations of the validation's measurements."""
    from motion_seg_ros.humocon.configuration import CONFIGS, TrainingConfig
    from motion_seg_ros.humocon.training import CHECKPOINT, train
    from motion_seg_ros.settings_file import load_settings

    config = load_settings(TrainingConfig, CONFIGS / f"{name}.yaml")
    rows = {
        row: off
        for row, off in (VIDEO_ROWS if config.keep_motion else ROWS).items()
        if not off or any(getattr(config.losses, term) for term in off)
    }
    shown = MEASURES[-1:] if config.keep_motion else MEASURES[: len(MEASURES) - (not config.paired)]
    yield ""
    yield f"{name}, {epochs} epochs of {config.steps} steps: mean ± deviation of {seeds} seeds."
    yield ""
    yield "| | " + " | ".join(shown) + " |"
    yield "|---" * (len(shown) + 1) + "|"
    found: dict[str, np.ndarray] = {}
    for row, off in rows.items():
        runs = []
        for seed in range(seeds):
            one = replace(config, seed=seed, epochs=epochs, losses=replace(config.losses, **off))
            folder = out / f"{row.replace(' ', '_').replace(',', '')}_{seed}"
            runs.append(train(one, data, folder, resume=(folder / CHECKPOINT).is_file()).history[-1])
        found[row] = np.array([[run[measure] for measure in shown] for run in runs])
        yield _row(row, found[row])
    for row in list(found)[1:]:
        yield _row(f"{row}, less all terms of the same seed", found[row] - found["all terms"])


def _row(name: str, runs: np.ndarray) -> str:
    """Mean and deviation of runs (S, measures)."""
    cells = zip(runs.mean(axis=0), runs.std(axis=0), strict=True)
    return f"| {name} | " + " | ".join(f"{mean:.3f} ± {spread:.3f}" for mean, spread in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--weights", default="", metavar="DIR", help="default: those that ship")
    parser.add_argument("--ablate", type=int, default=0, metavar="SEEDS", help="train each row so many times")
    parser.add_argument("--config", default="concepts", metavar="NAME", help="what to train for --ablate")
    parser.add_argument("--epochs", type=int, default=6, help="of these trainings (default %(default)s)")
    options = parser.parse_args()
    encoder = ConceptEncoder(EncoderConfig(weights=options.weights))
    lines = [f"Codebook {encoder.info.codebook[:12]}, {encoder.info.codes} codes.", "", "| | |", "|---|---|"]
    video = None
    if (encoder.info.folder / VIDEO.folder).is_dir():
        video = ConceptEncoder(EncoderConfig(weights=options.weights), VIDEO)
    if (options.data / "bandai_namco").is_dir():
        lines += bandai(encoder, video, load_motion(options.data / "bandai_namco"))
    measured: list[str] = []
    for name in LABELLED:
        if (options.data / name).is_dir():
            clips = [clip for clip in load_motion(options.data / name) if clip.spans]
            lines.append(labelled(encoder, name, clips))
            measured = times(encoder, motion_inputs(clips[0].joints, clips[0].fps))
            measured.append(stream_time(encoder, clips[0]))
    lines += measured
    if video:
        lines.append(look_time(video))
    rows: Iterator[str] = iter(())
    if options.ablate:
        rows = ablation(options.data, options.out, options.config, options.ablate, options.epochs)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "concepts.md", "w", encoding="utf-8") as file:
        for line in itertools.chain(lines, rows):
            print(line, file=file, flush=True)
            print(line, flush=True)


if __name__ == "__main__":
    main()
