"""motion-seg train-concepts and export-concepts: from motion files to what the robot runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motion_seg_ros.commands.terminal import OK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from motion_seg_ros.commands.terminal import Commands
    from motion_seg_ros.humocon.training import Probe

_MADE_UP, _SECONDS, _TESTED = 48, 20.0, 12
_EXTRA = "training needs torch, onnx, onnxscript and tensorboard: pip install 'motion_seg_ros[train]'"


def add(commands: Commands) -> None:
    """Add the parsers."""
    train = commands.add_parser("train-concepts", help="train motion concepts on motion files")
    train.add_argument(
        "config",
        help="YAML file, or the name of one that comes along: concepts (the weights that ship), "
        "concepts_video (their video side), concepts_bandai (research), concepts_small, concepts_tiny",
    )
    train.add_argument("--data", type=Path, default=Path(), help="folder of the sources (default: here)")
    train.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and logs")
    train.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="exported weights, for configurations that keep a motion encoder (default: those shipped)",
    )
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    train.set_defaults(run=_train)
    export = commands.add_parser("export-concepts", help="a checkpoint to ONNX, checked against torch")
    export.add_argument("checkpoint", type=Path, metavar="CKPT")
    export.add_argument("--out", type=Path, required=True, help="folder to write to")
    export.add_argument(
        "--static",
        action="store_true",
        help="also with fixed shapes: one person, one token",
    )
    export.set_defaults(run=_export)


def _train(options: argparse.Namespace) -> int:
    _need_torch()
    from motion_seg_ros.humocon.configuration import CONFIGS, TrainingConfig
    from motion_seg_ros.humocon.runtime import WEIGHTS
    from motion_seg_ros.humocon.training import CHECKPOINT, train
    from motion_seg_ros.settings_file import load_settings

    known = CONFIGS / f"{options.config}.yaml"
    config = load_settings(TrainingConfig, known if known.is_file() else Path(options.config))
    done = train(
        config,
        options.data,
        options.out,
        resume=options.resume,
        weights=options.weights or WEIGHTS,
        probe=_probe(),
        tell=_progress(options.out),
    )
    if _first_process():
        print("\n".join(f"{name}: {value:.4g}" for name, value in done.history[-1].items()))
        print(f"wrote {options.out / CHECKPOINT}")
    return OK


def _export(options: argparse.Namespace) -> int:
    _need_torch()
    from motion_seg_ros.humocon.checkpoint import load_checkpoint
    from motion_seg_ros.humocon.export import export

    for done in export(load_checkpoint(options.checkpoint), options.out, static=options.static):
        print(
            f"{done.kind.concepts}: {done.compared} tokens are those of torch; largest error "
            f"{done.max_error:.1e}\nwrote {options.out / done.kind.folder}"
        )
    return OK


def _need_torch() -> None:
    from importlib.util import find_spec

    if not all(find_spec(name) for name in ("torch", "onnx", "onnxscript", "tensorboard")):
        raise ValueError(_EXTRA)


def _first_process() -> bool:
    """Whether this is the process of torchrun's that speaks."""
    return os.environ.get("RANK", "0") == "0"


def _progress(out: Path) -> Any:
    """Bars on the terminal and TensorBoard's files, for the first process only."""
    from motion_seg_ros.humocon.training import Silent

    if not _first_process():
        return Silent()

    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

    class Progress(Silent):
        def __init__(self) -> None:
            self._writer = SummaryWriter(str(out / "tensorboard"))

        def steps(self, name: str, total: int) -> Callable[[int], object]:
            bar = tqdm(total=total, desc=name, file=sys.stderr, disable=None, leave=False)

            def done(count: int) -> None:
                bar.update(count - bar.n)
                if count >= total:
                    bar.close()

            return done

        def scalars(self, values: dict[str, float], step: int) -> None:
            for name, value in values.items():
                self._writer.add_scalar(name.replace(" ", "_"), value, step)
            self._writer.flush()
            shown = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
            tqdm.write(f"step {step}: {shown}", file=sys.stderr)

    return Progress()


def _probe() -> Probe:
    """How well a linear probe names made-up motions, of people it has not seen, from their tokens."""
    import numpy as np

    from motion_seg_ros.evaluation.concepts import histograms, linear_probe
    from motion_seg_ros.humocon.synthesis import SYNTHESIS_FPS, synthetic_sequence
    from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, motion_inputs

    made = [synthetic_sequence(np.random.default_rng([7, i]), _SECONDS) for i in range(_MADE_UP)]
    inputs = [motion_inputs(sequence.joints, SYNTHESIS_FPS) for sequence in made]

    def measure(encode: Callable[[NDArray[np.float32]], NDArray[np.int64]], codes: int) -> float:
        clips: list[NDArray[np.int64]] = []
        names: list[str] = []
        people: list[int] = []
        for person, (sequence, rows) in enumerate(zip(made, inputs, strict=True)):
            tokens = encode(rows)
            labels = sequence.labels[FRAMES_PER_TOKEN // 2 :: FRAMES_PER_TOKEN][: len(tokens)]
            borders = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
            for a, b in pairwise(borders):
                clips.append(tokens[a:b])
                names.append(sequence.names[labels[a]])
                people.append(person)
        _, truth = np.unique(names, return_inverse=True)
        features, test = histograms(clips, codes), np.array(people) >= _MADE_UP - _TESTED
        found = linear_probe(features[~test], truth[~test], features[test])
        return float((found == truth[test]).mean())

    return measure
