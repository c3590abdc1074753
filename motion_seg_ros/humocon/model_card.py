"""The page that says what a set of weights is: written from the checkpoint, not by hand."""

from __future__ import annotations

import numpy as np

from motion_seg_ros.humocon.checkpoint import Checkpoint
from motion_seg_ros.humocon.codebook import Codebook


def model_card(
    checkpoint: Checkpoint, book: Codebook, metadata: dict[str, str], parity: dict[str, float]
) -> str:
    """Markdown for MODEL_CARD.md."""
    config, sources = checkpoint.config, checkpoint.config.sources
    parameters = sum(v.numel() for name, v in checkpoint.model.items() if name.startswith("motion."))
    shares = book.usage[book.usage > 0] / max(book.usage.sum(), 1)
    perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
    lines = [
        "# Motion concepts",
        "",
        "Discrete concepts of human motion: a causal encoder of skeletons and its codebook, after the first",
        "stage of HuMoCon (arXiv 2505.20920), whose code is not public; the instance is derived.",
        "",
        f"- Weights: {config.licence or 'no licence stated'}",
        f"- Trained on: {config.training_data or 'not stated'}",
        *(
            f"  - {source.files or f'{source.seconds:g} s of made-up motion'}, share {source.share:g}"
            + "".join(f", without {key} {', '.join(names)}" for key, names in source.leave_out.items())
            for source in sources
        ),
        f"- {checkpoint.epoch} epochs of {config.steps} steps of {config.batch} windows of {config.frames}"
        f" frames, seed {config.seed}",
        f"- Reads smpl22 skeletons at {metadata['rate']} Hz ({metadata['layout']}); one token every"
        f" {metadata['frames_per_token']} steps",
        f"- {parameters:,} parameters; {metadata['codes']} codes of {metadata['embedding']} dimensions;"
        f" codebook {metadata['codebook']}",
        f"- Of the codes {int((book.usage > 0).sum())} occur in {int(book.usage.sum())} tokens of training"
        f" motion; perplexity {perplexity:.1f}",
        f"- ONNX Runtime against torch: {int(parity['tokens'])} tokens, all equal; largest error"
        f" {parity['max_error']:.1e}",
        "",
        "## Validation after the last epoch",
        "",
        *(f"- {name}: {value:.4g}" for name, value in (checkpoint.history or [{}])[-1].items()),
        "",
        "## Limits",
        "",
        "Concepts are of how a body moves, not of objects, places or intentions. Motion unlike the training",
        "data gets the nearest concept there is; its distance says how near that is. Not for deciding about",
        "people.",
        "",
    ]
    return "\n".join(lines)
