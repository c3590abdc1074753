"""From a checkpoint to what the robot runs: two ONNX graphs, checked against torch, and their card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from motion_seg_ros import onnx_file
from motion_seg_ros.grounding.encoder import (
    CALIBRATION,
    FORMAT,
    MOTION_MODEL,
    SENTENCES,
    STRIDE,
    SUMS,
    TEXT_MODEL,
    network_name,
)
from motion_seg_ros.grounding.sentence_inputs import SENTENCE_INPUTS, Embed
from motion_seg_ros.grounding.text_calibration import calibrated
from motion_seg_ros.grounding.text_checkpoint import TextCheckpoint
from motion_seg_ros.grounding.text_data import Motions
from motion_seg_ros.grounding.text_model import MotionTextModel
from motion_seg_ros.skeleton.motion_inputs import INPUTS, LAYOUT, RATE

CARD = "MODEL_CARD.md"
MAX_ERROR = 1e-4


def export(checkpoint: TextCheckpoint, out: Path, kept: Motions, embed: Embed) -> None:
    """Write the networks, their calibration, their card and the checksums of all into a folder.

    Parameters
    ----------
    kept : motion that was not trained on, for the calibration.

    Raises
    ------
    ValueError : ONNX Runtime's results are not torch's.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = checkpoint.build()
    error = _networks(checkpoint, model, out)
    name = network_name((out / MOTION_MODEL).read_bytes(), (out / TEXT_MODEL).read_bytes())
    config = checkpoint.config
    calibration = calibrated(model, name, kept, embed, config.examples, config.disturbance, config.seed)
    calibration.save(out / CALIBRATION)
    (out / CARD).write_text(_model_card(checkpoint, error), encoding="utf-8")
    names = (MOTION_MODEL, TEXT_MODEL, CALIBRATION, CARD)
    sums = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (out / SUMS).write_text("".join(sums), encoding="ascii")


def _networks(checkpoint: TextCheckpoint, model: MotionTextModel, out: Path) -> float:
    """Write both graphs; the largest difference of their results from torch's."""
    length = torch.export.Dim("features", min=2, max=1_000_000)
    count = torch.export.Dim("sentences", min=1, max=100_000)
    metadata = _metadata(checkpoint)
    onnx_file.save(
        model.motion,
        {"motion": torch.randn(1, 7 * STRIDE, INPUTS)},
        ["features", "attention"],
        {"motion": {1: STRIDE * length}},
        out / MOTION_MODEL,
        metadata,
    )
    onnx_file.save(
        model.text,
        {"sentence": torch.randn(2, SENTENCE_INPUTS)},
        ["vectors"],
        {"sentence": {0: count}},
        out / TEXT_MODEL,
        metadata,
    )
    return _check_parity(model.motion, model.text, out)


def _check_parity(motion: nn.Module, text: nn.Module, out: Path) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    random = torch.Generator().manual_seed(0)
    worst = 0.0
    for name, graph, shapes in (
        (MOTION_MODEL, motion, [(1, STRIDE * n, INPUTS) for n in (2, 40, 400)]),
        (TEXT_MODEL, text, [(n, SENTENCE_INPUTS) for n in (1, 5)]),
    ):
        session = onnxruntime.InferenceSession(str(out / name), options, providers=["CPUExecutionProvider"])
        for shape in shapes:
            values = torch.randn(shape, generator=random)
            with torch.no_grad():
                expected: Tensor | tuple[Tensor, ...] = graph(values)
            found = session.run(None, {session.get_inputs()[0].name: values.numpy()})
            wanted = expected if isinstance(expected, tuple) else (expected,)
            worst = max(
                worst, *(float(np.abs(f - e.numpy()).max()) for f, e in zip(found, wanted, strict=True))
            )
    if not worst <= MAX_ERROR:
        raise ValueError(
            f"ONNX Runtime disagrees with torch by {worst:.1e} (at most {MAX_ERROR:g}): "
            f"nothing of {out} should be used"
        )
    return worst


def _metadata(checkpoint: TextCheckpoint) -> dict[str, str]:
    config = checkpoint.config
    return {
        "format": FORMAT,
        "joint_set": "smpl22",
        "layout": LAYOUT,
        "rate": f"{RATE:g}",
        "stride": str(STRIDE),
        "embedding": str(config.model.embedding),
        "sentences": SENTENCES,
        "licence": config.licence,
        "training_data": config.training_data,
        "config": json.dumps(asdict(config), sort_keys=True),
    }


def _model_card(checkpoint: TextCheckpoint, error: float) -> str:
    config = checkpoint.config
    count = {
        tower: sum(v.numel() for name, v in checkpoint.model.items() if name.startswith(f"{tower}."))
        for tower in ("motion", "text")
    }
    lines = [
        "# Motion-text encoder",
        "",
        "Motions and sentences as vectors of one space, after TMR (Petrovich et al., ICCV 2023), small and",
        "local: a feature every tenth of a second speaks of the second around it, so that masks can pick",
        "features (ZOMG, arXiv 2511.15379, whose code is not public; the instance is derived).",
        "",
        f"- Weights: {config.licence or 'no licence stated'}",
        f"- Trained on: {config.training_data or 'not stated'}",
        *(
            f"  - {source.files or f'{source.seconds:g} s of made-up motion'}"
            + "".join(f", without {key} {', '.join(names)}" for key, names in source.drop.items())
            for source in config.sources
        ),
        f"- {checkpoint.step} steps of {config.batch} sequences of {config.frames} inputs,"
        f" seed {config.seed}",
        f"- Reads smpl22 skeletons at {RATE:g} Hz ({LAYOUT}); one feature every {STRIDE} steps",
        f"- {count['motion']:,} and {count['text']:,} parameters (motion, text); {config.model.embedding}"
        f" dimensions; sentences by {SENTENCES}",
        f"- Largest difference of ONNX Runtime from torch: {error:.1e}",
        "",
        "## Validation after the last step",
        "",
        *(f"- {name}: {value:.4g}" for name, value in (checkpoint.history or [{}])[-1].items()),
        "",
        "## Limits",
        "",
        "English only. It knows the actions of its vocabulary (configs/captions.yaml) and words near them;",
        "what is done with objects, faces and fingers is not in a skeleton. Not for deciding about people.",
        "",
    ]
    return "\n".join(lines)
