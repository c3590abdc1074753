"""Whether video concepts, trained on rendered bodies, know real people: a video against its motion.

    python bench/video_concepts.py CHECKPOINT [VIDEO...] [--frames N] [--sheet OUT.png] [--rendered DATA_DIR]

Poses are estimated, everybody is cut out as humocon_node does, and both encoders of the checkpoint and the
projections in which they were aligned tell how near a picture is to the motion of its own moment, of other
moments of the same person (2 s away and more) and of others at the same moment. ``--sheet`` writes the
pictures that were cut out of the first video. ``--rendered`` finds the video of motions among windows of the
clips that were held out, rendered anew.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import cv2
import numpy as np
import torch

from motion_seg_ros.bags.items import Image
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.core import pose_pipeline
from motion_seg_ros.humocon.augmentation import plain_windows
from motion_seg_ros.humocon.checkpoint import Checkpoint, load_checkpoint
from motion_seg_ros.humocon.crops import Following
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.humocon.motions import load_motions
from motion_seg_ros.humocon.pairs import render_pairs
from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.humocon.validation import encode_rendered, retrieval
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN

AWAY = 15  # tokens, 2 s
WINDOW = 16  # tokens of a window of training
SHEET = 16  # pictures in a row
RENDERED = 800


class Listening(ConceptEncoder):
    """The shipped encoder, which also keeps what it was given last."""

    def encode(self, seen, state):
        self.last = seen
        return super().encode(seen, state)


def watch(path: str, most: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Steps of motion (4, INPUTS) and the picture (64, 64) of every token, by person."""
    source, encoder = open_source(path, from_images=True), Listening()
    tokenizer, following, found = Tokenizer(encoder), defaultdict(Following), defaultdict(list)
    with pose_pipeline(source, None, {}) as pose:
        images = ((stamp, item) for stamp, item in source if isinstance(item, Image))
        for (stamp, image), _ in zip(images, range(most), strict=False):
            frame = pose.process(image.rgb, stamp, image.frame_id, None)
            told = tokenizer.update(frame)
            if len(told) != len({token.track_id for token in told}):
                raise SystemExit(f"{path} has fewer than 7.5 frames a second: tokens would share pictures")
            places = {person.track_id: person.image_xy for person in frame.skeletons}
            for row, token in enumerate(told):
                crop = following[token.track_id].crop(image.rgb, places[token.track_id])
                if crop is not None:
                    found[token.track_id].append((encoder.last[row], crop))
    return {name: seen for name, seen in found.items() if len(seen) > 2 * AWAY}


@torch.no_grad()
def closeness(model: ConceptModel, people: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> list[str]:
    """Rows of a table: cosines of pictures with motions, and how often the own moment's is the nearer."""
    aligned = {}
    for name, seen in people.items():
        motion = torch.from_numpy(np.concatenate([steps for steps, _ in seen]))[None]
        video = torch.from_numpy(np.stack([crop for _, crop in seen]))[None]
        states = model.encode_motion(motion).states, model.encode_video(video).states
        aligned[name] = [part[0] for part in model.project(*states)]
    own, elsewhere, others, wins, crowd_wins, found = [], [], [], [], [], []
    for name, (motion, video) in aligned.items():
        cosines = video @ motion.T
        steps = torch.arange(len(motion))
        away = (steps[:, None] - steps).abs() >= AWAY
        mine = cosines.diagonal()
        own.append(mine)
        elsewhere.append(cosines[away])
        wins.append((mine[:, None] > cosines)[away])
        for other, (motion_of_other, _) in aligned.items():
            if other != name:
                count = min(len(video), len(motion_of_other))
                theirs = (video[:count] * motion_of_other[:count]).sum(dim=1)
                others.append(theirs)
                crowd_wins.append(mine[:count] > theirs)
        windows = [
            part[: len(part) // WINDOW * WINDOW].reshape(-1, WINDOW * part.shape[1])
            for part in (video, motion)
        ]
        found.append((windows[0] @ windows[1].T).argmax(dim=1) == torch.arange(len(windows[0])))
    rows = [
        f"| cosine with the motion of the same moment | {torch.cat(own).mean():.3f} |",
        f"| of other moments of the same person | {torch.cat(elsewhere).mean():.3f} |",
        f"| the same moment's is nearer | {torch.cat(wins).float().mean():.3f} (chance .5) |",
    ]
    if others:
        rows += [
            f"| cosine with the motion of others at that moment | {torch.cat(others).mean():.3f} |",
            f"| one's own is nearer | {torch.cat(crowd_wins).float().mean():.3f} (chance .5) |",
        ]
    chance = np.mean([1 / len(part) for part in found for _ in part])
    rows.append(
        f"| R@1 of {len(torch.cat(found))} windows of 2 s among the same person's | "
        f"{torch.cat(found).float().mean():.3f} (chance {chance:.3f}) |"
    )
    return rows


@torch.no_grad()
def rendered(checkpoint: Checkpoint, data: Path) -> list[str]:
    """R@1 of a hundred: as aligned, by the pose that pictures tell, by projections that learned nothing."""
    config, model = checkpoint.config, checkpoint.build()
    _, held = load_motions(config.sources, data, config.seed)
    # The trainer draws its own of [seed, 2].
    rng = np.random.default_rng([config.seed, 5])
    pairs = render_pairs(held, RENDERED, config.frames, rng, speed=config.augmentation.speed)
    inputs = torch.from_numpy(plain_windows(held, pairs.windows, config.frames)[0])
    motion, video = model.encode_motion(inputs), encode_rendered(model, torch.from_numpy(pairs.video))
    aligned = retrieval(model, motion, video)
    poses = model.state_targets(inputs)[0][:, FRAMES_PER_TOKEN - 1 :: FRAMES_PER_TOKEN].flatten(1)
    told = model.video_pose(video.states).flatten(1)
    found = [
        torch.cdist(one, other).argmin(dim=1) == torch.arange(len(one))
        for one, other in zip(torch.split(poses, 100), torch.split(told, 100), strict=True)
    ]
    torch.manual_seed(0)
    untrained = ConceptModel(config.model).eval()
    model.motion_projection, model.video_projection = untrained.motion_projection, untrained.video_projection
    return [
        f"| {RENDERED} rendered windows, R@1 of 100 | {aligned:.3f} |",
        f"| by the nearest pose | {torch.cat(found).float().mean():.3f} |",
        f"| by untrained projections | {retrieval(model, motion, video):.3f} |",
    ]


def tokens(model: ConceptModel, people: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> str:
    """How many of the video codes are heard, and how long one is kept."""
    codes = []
    for seen in people.values():
        video = torch.from_numpy(np.stack([crop for _, crop in seen]))[None]
        with torch.no_grad():
            codes.append(model.encode_video(video).codes[0].numpy())
    runs = sum(1 + int((np.diff(part) != 0).sum()) for part in codes)
    whole = np.concatenate(codes)
    shares = np.bincount(whole) / len(whole)
    perplexity = np.exp(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return (
        f"| {len(whole)} video tokens: codes, perplexity, tokens in a row | "
        f"{len(set(whole))} of {model.config.video_codes}, {perplexity:.1f}, {len(whole) / runs:.1f} |"
    )


def sheet(people: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> np.ndarray:
    """All pictures of everybody, row by row."""
    rows = []
    for seen in people.values():
        crops = [crop for _, crop in seen]
        crops += [np.zeros_like(crops[0])] * (-len(crops) % SHEET)
        rows += [np.concatenate(crops[i : i + SHEET], axis=1) for i in range(0, len(crops), SHEET)]
    return (255 * np.concatenate(rows)).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("videos", nargs="*", metavar="VIDEO")
    parser.add_argument("--rendered", type=Path, metavar="DATA_DIR")
    parser.add_argument(
        "--frames", type=int, default=1000, metavar="N", help="of each at most (default %(default)s)"
    )
    parser.add_argument("--sheet", type=Path, metavar="OUT.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(options.checkpoint)
    model = checkpoint.build()
    if options.rendered:
        print("| | |", "|---|---|", *rendered(checkpoint, options.rendered), "", sep="\n", flush=True)
    for number, path in enumerate(options.videos):
        people = watch(path, options.frames)
        if number == 0 and options.sheet:
            cv2.imwrite(str(options.sheet), sheet(people))
        print(f"{path}: {len(people)} people", "", "| | |", "|---|---|", sep="\n")
        print(*closeness(model, people), tokens(model, people), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
