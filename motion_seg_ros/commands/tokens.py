"""motion-seg tokens: a source to motion concept tokens."""

from __future__ import annotations

import argparse
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
    from motion_seg_ros.bags.items import Source
    from motion_seg_ros.bags.motion_files import MotionSource
    from motion_seg_ros.commands.terminal import Commands
    from motion_seg_ros.humocon.runtime import ConceptEncoder

_ABOUT = """\
Write the motion concepts of a source to an .npz file of

  tokens      (N,) uint16, a token for every 4 steps of 30 Hz of each person
  times       (N,) int64, nanoseconds, the end of each token in the time of the source
  embeddings  (N, d) float32, the continuous states that the tokens stand for
  codebook    SHA-256 of the codebook that the tokens index

and, where there are several people, tracks (N,), whose track each token is of. A file of several clips one
after another (an .npz with offsets) gives offsets (clips + 1,) instead: the tokens of clip i are
tokens[offsets[i]:offsets[i + 1]], none if it is shorter than a token. Its clips follow one another in time
with a pause of a second, as when it is replayed."""


def add(commands: Commands) -> None:
    """Add the parser."""
    tokens = commands.add_parser(
        "tokens",
        help="a source to motion concept tokens",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tokens.add_argument("source", help=SOURCES)
    tokens.add_argument("--out", type=Path, required=True, metavar="FILE", help=".npz file to write")
    tokens.add_argument(
        "--weights",
        default="",
        metavar="DIR",
        help="folder of an exported encoder (default: the one shipped)",
    )
    tokens.add_argument(
        "--providers",
        default="cpu",
        help="of ONNX Runtime, preferred first: tensorrt,cuda,cpu (default %(default)s)",
    )
    tokens.add_argument("--model", help="pose model for images: lite, full, heavy or a .task file")
    tokens.add_argument("--from-images", action="store_true", help="estimate the poses of a bag anew")
    tokens.add_argument("--joint-set", default="", help=JOINT_SET)
    tokens.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from motion_seg_ros.bags.motion_files import MotionSource
    from motion_seg_ros.bags.sources import open_source
    from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig

    source = open_source(options.source, from_images=options.from_images, joint_set=options.joint_set)
    encoder = ConceptEncoder(EncoderConfig(options.weights, options.providers))
    tell_notes(source)
    for note in encoder.info.notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, MotionSource):
        found, result = _of_clips(source, Path(options.source), encoder), OK
    else:
        found, result = _of_frames(source, encoder, options.model)
    if source.problem:
        print(f"motion-seg: {source.problem}", file=sys.stderr)
    with options.out.open("wb") as file:
        np.savez(file, **found, codebook=np.array(encoder.info.codebook))
    tokens = found["tokens"]
    print(
        f"{len(tokens)} tokens, {len(np.unique(tokens))} of {encoder.info.codes} concepts; "
        f"wrote {options.out}"
    )
    return result


def _of_clips(source: MotionSource, path: Path, encoder: ConceptEncoder) -> dict[str, Any]:
    """The arrays of a file of joints, all clips at once."""
    import numpy as np

    from motion_seg_ros.datasets.labelled import Archive
    from motion_seg_ros.humocon.clips import tokenize_clips

    starts, clips = zip(*source.motions(), strict=True)
    with progress_bar(source) as progress:
        found = tokenize_clips(encoder, clips, source.rate, progress=progress.update)
    arrays = {
        "tokens": np.concatenate([clip.tokens for clip in found]).astype(np.uint16),
        "times": np.concatenate([start + clip.ends for start, clip in zip(starts, found, strict=True)]),
        "embeddings": np.concatenate([clip.embeddings for clip in found]),
    }
    if path.suffix.lower() == ".npz" and "offsets" in (archive := Archive(path)):
        # The source leaves out clips without frames.
        lengths = np.diff(archive.array("offsets", "iu", 1).astype(np.int64))
        lengths[lengths > 0] = [len(clip.tokens) for clip in found]
        arrays["offsets"] = np.concatenate(([0], np.cumsum(lengths)))
    return arrays


def _of_frames(source: Source, encoder: ConceptEncoder, model: str | None) -> tuple[dict[str, Any], int]:
    """The arrays of everything else, frame by frame, and how it ended."""
    import numpy as np

    from motion_seg_ros.core import pose_pipeline
    from motion_seg_ros.humocon.streaming import Tokenizer
    from motion_seg_ros.humocon.tokens import ConceptTokens
    from motion_seg_ros.replay import replay
    from motion_seg_ros.skeleton.types import SkeletonFrame

    found: list[ConceptTokens] = []
    tokenizer = Tokenizer(encoder)

    class Listener:
        def update(self, frame: SkeletonFrame) -> list[Any]:
            found.extend(tokenizer.update(frame))
            return []

    refused: list[str] = []
    result = OK
    with pose_pipeline(source, model, {}) as pose, progress_bar(source) as progress:
        try:
            for step in replay(iter(source), Listener(), pose):
                refused += [step.refused] if step.refused else []
                progress.update(step.frame is not None)
        except KeyboardInterrupt:
            result = INTERRUPTED
    if refused:
        print(f"motion-seg: {len(refused)} frames were refused; the first: {refused[0]}", file=sys.stderr)
    if not tokenizer.health.frames:
        print(f"motion-seg: {source.name} gave no frame that could be used", file=sys.stderr)
        result = result or FAILED
    arrays = {
        "tokens": np.array([token for item in found for token in item.tokens], np.uint16),
        "times": np.array([item.end for item in found], np.int64),
        "embeddings": np.array([item.embedding for item in found], np.float32).reshape(
            -1, encoder.info.embedding
        ),
    }
    tracks = np.array([item.track_id for item in found], np.str_)
    if len(np.unique(tracks)) > 1:
        arrays["tracks"] = tracks
    return arrays, result
