"""The page that says what a set of weights is: written from the checkpoint, not by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.checkpoint import Checkpoint
from motion_seg_ros.humocon.contract import MOTION, Kind

_ABOUT = """\
Discrete concepts of human motion: a causal encoder of {what} and its codebook, after the first
stage of HuMoCon (arXiv 2505.20920), whose code is not public; the instance is derived."""
_MOTION_LIMITS = """\
Concepts are of how a body moves, not of objects, places or intentions. Motion unlike the training
data gets the nearest concept there is; its distance says how near that is. Not for deciding about
people."""
_VIDEO_LIMITS = """\
Trained on rendered bodies only: real clothes, bodies, rooms and light are unlike them, and what an
image shows besides its person may change the tokens. Not for deciding about people."""


@dataclass(frozen=True)
class Exported:
    """What was written of one encoder.

    Attributes
    ----------
    parameters : of the encoder, without its codebook.
    usage : (K,) of each code, in tokens of the checkpoint's gallery.
    compared, max_error : tokens compared with torch's, all of them equal, and the largest error of an output.
    """

    kind: Kind
    metadata: Mapping[str, str]
    parameters: int
    usage: NDArray[np.int64]
    compared: int
    max_error: float


def model_card(checkpoint: Checkpoint, done: Exported) -> str:
    """Markdown for MODEL_CARD.md."""
    config, motion = checkpoint.config, done.kind is MOTION
    shares = done.usage[done.usage > 0] / max(done.usage.sum(), 1)
    perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
    lines = [
        f"# {done.kind.concepts.capitalize()}",
        "",
        _ABOUT.format(what="skeletons" if motion else "small pictures of a person"),
        "",
        f"- Weights: {config.licence or 'no licence stated'}",
        f"- Trained on: {config.training_data or 'not stated'}" + ("" if motion else ", rendered"),
        *(
            f"  - {source.files or f'{source.seconds:g} s of made-up motion'}, share {source.share:g}"
            + "".join(f", without {key} {', '.join(names)}" for key, names in source.leave_out.items())
            for source in config.sources
        ),
        f"- {checkpoint.epoch} epochs of {config.steps} steps of {config.batch} windows of {config.frames}"
        f" frames, seed {config.seed}",
        *_reads(checkpoint, done),
        f"- {done.parameters:,} parameters; {done.metadata['codes']} codes of {done.metadata['embedding']}"
        f" dimensions; codebook {done.metadata['codebook']}",
        f"- Of the codes {int((done.usage > 0).sum())} occur in {int(done.usage.sum())} tokens of"
        f" {'training' if motion else 'held-out'} motion; perplexity {perplexity:.1f}",
        f"- ONNX Runtime against torch: {done.compared} tokens, all equal; largest error"
        f" {done.max_error:.1e}",
        "",
        "## Validation after the last epoch",
        "",
        *(f"- {name}: {value:.4g}" for name, value in (checkpoint.history or [{}])[-1].items()),
        "",
        "## Limits",
        "",
        _MOTION_LIMITS if motion else _VIDEO_LIMITS,
        "",
    ]
    return "\n".join(lines)


def _reads(checkpoint: Checkpoint, done: Exported) -> Iterator[str]:
    meta = done.metadata
    if done.kind is MOTION:
        yield (
            f"- Reads smpl22 skeletons at {meta['rate']} Hz ({meta['layout']}); one token every"
            f" {meta['frames_per_token']} steps"
        )
        return
    side = " x ".join(map(str, done.kind.shape))
    yield f"- Reads grey crops of {side} pixels at {meta['rate']} Hz ({meta['layout']}), one a token"
    yield (
        f"- {checkpoint.config.clips_with_video} windows were rendered; trained beside the motion codebook"
        f" {meta['motion_codebook']}" + (", which was kept" if checkpoint.config.keep_motion else "")
    )
