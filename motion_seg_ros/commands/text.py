"""motion-seg train-text: from labelled motion to the motion-text encoder that grounding uses."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros.commands.terminal import OK

if TYPE_CHECKING:
    import numpy as np

    from motion_seg_ros.commands.terminal import Commands
    from motion_seg_ros.grounding.text_data import Recording

_SECONDS = 20.0
_EXTRA = "training needs torch, onnx and onnxscript: pip install 'motion_seg_ros[train]'"


def add(commands: Commands) -> None:
    """Add the parser."""
    train = commands.add_parser("train-text", help="train the motion-text encoder on labelled motion")
    train.add_argument(
        "config",
        help="YAML file, or the name of one that comes along: text (the weights that ship), "
        "text_bandai (research)",
    )
    train.add_argument("--data", type=Path, default=Path(), help="folder of the sources (default: here)")
    train.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and weights/")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    train.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from importlib.util import find_spec

    if not all(find_spec(name) for name in ("torch", "onnx", "onnxscript")):
        raise ValueError(_EXTRA)
    import torch
    from tqdm import tqdm

    from motion_seg_ros.grounding.text_config import CONFIGS, TextTrainingConfig
    from motion_seg_ros.grounding.text_training import WEIGHTS, train
    from motion_seg_ros.semantics.sentences import SentenceEncoder
    from motion_seg_ros.settings_file import load_settings

    # Small matrices: threads cost more than they give, and one thread gives the same bits everywhere.
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="motion-seg: %(message)s", stream=sys.stderr)
    known = CONFIGS / f"{options.config}.yaml"
    config = load_settings(TextTrainingConfig, known if known.is_file() else Path(options.config))
    with tqdm(total=config.steps, unit=" steps", file=sys.stderr, disable=None, leave=False) as bar:
        done = train(
            config,
            options.data,
            options.out,
            SentenceEncoder().embed,
            _make_up,
            resume=options.resume,
            progress=lambda step, total: bar.update(step - bar.n),
        )
    print("\n".join(f"{name}: {value:.4g}" for name, value in done.history[-1].items()))
    print(f"wrote {options.out / WEIGHTS}")
    return OK


def _make_up(rng: np.random.Generator, seconds: float) -> Iterator[Recording]:
    """Made-up motion of many people, with the names of what they do."""
    from motion_seg_ros.grounding.text_data import Recording
    from motion_seg_ros.humocon.synthesis import SYNTHESIS_FPS, synthetic_sequence

    for _ in range(max(1, round(seconds / _SECONDS))):
        made = synthetic_sequence(rng, _SECONDS)
        yield Recording(made.joints, SYNTHESIS_FPS, made.labels, made.names, "", "made up")
