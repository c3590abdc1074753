"""motion-seg concepts: the codebook of an encoder made visible."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros.commands.terminal import OK

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands
    from motion_seg_ros.datasets.clips import Clip
    from motion_seg_ros.evaluation.concept_page import SpokenClip
    from motion_seg_ros.humocon.runtime import ConceptEncoder


def add(commands: Commands) -> None:
    """Add the parser."""
    concepts = commands.add_parser("concepts", help="look at motion concepts")
    kinds = concepts.add_subparsers(required=True, metavar="KIND")
    show = kinds.add_parser(
        "show",
        help="a page with every concept of a codebook",
        description="Write one HTML page that shows each motion concept: its decoded motion, how often it is "
        "used, what comes before and after it, and the nearest training clips. With --data also where it "
        "occurs there and under which labels.",
    )
    show.add_argument(
        "--weights",
        default="",
        metavar="DIR",
        help="folder of an encoder (default: the one shipped)",
    )
    show.add_argument(
        "--data",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="motion to encode: .npz, .bvh, .amc, .npy, rosbags of skeletons, or folders of them",
    )
    show.add_argument("--out", type=Path, required=True, metavar="FILE", help=".html file to write")
    show.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from motion_seg_ros.bags.clips import bag_clips
    from motion_seg_ros.datasets.clips import load_motion
    from motion_seg_ros.evaluation.concept_page import ConceptPage, read_codebook, write_concept_page
    from motion_seg_ros.humocon.contract import CODEBOOK
    from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig

    encoder = ConceptEncoder(EncoderConfig(options.weights))
    info = encoder.info
    book = read_codebook(info.folder / CODEBOOK)
    clips = [clip for path in options.data for clip in load_motion(path, read_bag=bag_clips)]
    facts = {
        "Codebook": f"{info.codes} × {info.embedding}, {info.codebook[:12]}",
        "Licence": info.licence,
        "Trained on": info.training_data,
    }
    if options.data:
        facts["Data"] = ", ".join(path.name for path in options.data)
    shown = ConceptPage(
        "Motion concepts", options.weights or "the weights shipped", book, _spoken(encoder, clips), facts
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_concept_page(options.out, shown)
    print(f"{options.out}", file=sys.stderr)
    return OK


def _spoken(encoder: ConceptEncoder, clips: list[Clip]) -> list[SpokenClip]:
    """Encode all clips, those of one rate at a time."""
    from tqdm import tqdm

    from motion_seg_ros.evaluation.concept_page import SpokenClip
    from motion_seg_ros.humocon.clips import tokenize_clips

    spoken: list[SpokenClip] = []
    frames = sum(len(clip.joints) for clip in clips)
    bar = tqdm(total=frames, unit=" frames", file=sys.stderr, disable=None, leave=False)
    for fps, group in itertools.groupby(sorted(clips, key=lambda clip: clip.fps), key=lambda clip: clip.fps):
        alike = list(group)
        told = tokenize_clips(encoder, [clip.joints for clip in alike], fps, progress=bar.update)
        spoken += [SpokenClip(c, t.tokens, t.ends, t.embeddings) for c, t in zip(alike, told, strict=True)]
    bar.close()
    return spoken
