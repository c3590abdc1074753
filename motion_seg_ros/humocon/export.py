"""From a checkpoint to what the robot runs: ONNX, checked against torch, with its codebook and its card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from motion_seg_ros import onnx_file
from motion_seg_ros.humocon.checkpoint import Checkpoint
from motion_seg_ros.humocon.codebook import Codebook, describe_codebook
from motion_seg_ros.humocon.model_card import model_card
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, INPUTS, LAYOUT, RATE

FORMAT = "motion_seg_ros.concepts/1"
MODEL, STATIC_MODEL = "concepts.onnx", "concepts.static.onnx"
MAX_ERROR = 1e-4
_NAMES = ("tokens", "distances", "embeddings", "next_state")


class Graph(nn.Module):
    """What runs on the robot: motion and state to tokens, distances, embeddings and the next state."""

    def __init__(self, model: ConceptModel) -> None:
        super().__init__()
        self.motion = model.motion
        self.codes = model.motion_codes

    def forward(self, motion: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        _, embeddings, following = self.motion(motion, state)
        tokens, distances = self.codes(embeddings)
        return tokens, distances, embeddings, following


def export(checkpoint: Checkpoint, out: Path, *, static: bool = False) -> dict[str, float]:
    """Write concepts.onnx, codebook.npz, MODEL_CARD.md and SHA256SUMS into a folder.

    Parameters
    ----------
    static : also write concepts.static.onnx, for one track and one token, as CUDA graphs need it.

    Returns
    -------
    The parity that was measured: tokens compared, share of equal ones, largest error of an embedding.

    Raises
    ------
    ValueError : ONNX Runtime's results are not torch's.
    """
    model = checkpoint.build()
    book = describe_codebook(model, checkpoint.gallery)
    out.mkdir(parents=True, exist_ok=True)
    files = [MODEL, *([STATIC_MODEL] if static else [])]
    metadata = _metadata(checkpoint, book)
    for name in files:
        _write_onnx(Graph(model).eval(), out / name, metadata, static=name == STATIC_MODEL)
    parity = check_parity(model, out, checkpoint.gallery.inputs, files)
    np.savez_compressed(
        out / "codebook.npz", **{item.name: getattr(book, item.name) for item in fields(book)}
    )
    card = model_card(checkpoint, book, metadata, parity)
    (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    sums = [
        f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (*files, "codebook.npz", "MODEL_CARD.md")
    ]
    (out / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    return parity


def codebook_hash(codebook: np.ndarray) -> str:
    """SHA-256 of a codebook's bytes: float32, C order, little endian."""
    return hashlib.sha256(np.ascontiguousarray(codebook, "<f4").tobytes()).hexdigest()


def check_parity(model: ConceptModel, folder: Path, motion: Tensor, files: list[str]) -> dict[str, float]:
    """Compare the files' results with torch's on windows of real motion (G, T, INPUTS).

    Raises
    ------
    ValueError : a token differs whose two nearest codes are not at the same distance, or an error is above
        1e-4.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = Graph(model).eval()
    compared = different = 0
    worst = 0.0
    for name in files:
        session = onnxruntime.InferenceSession(
            str(folder / name), options, providers=["CPUExecutionProvider"]
        )
        batch, step = (1, FRAMES_PER_TOKEN) if name == STATIC_MODEL else (64, motion.shape[1] // 2 // 4 * 4)
        windows = motion[: 8 if name == STATIC_MODEL else 512]
        for part in torch.split(windows, batch):
            state = torch.zeros(len(part), model.motion.state_size)
            for frames in torch.split(part, step, dim=1):
                with torch.no_grad():
                    expected = [value.numpy() for value in graph(frames, state)]
                found = session.run(None, {"motion": frames.numpy(), "state": state.numpy()})
                compared += found[0].size
                different += int((found[0] != expected[0]).sum())
                worst = max(
                    worst, *(float(np.abs(f - e).max()) for f, e in zip(found[1:], expected[1:], strict=True))
                )
                state = torch.from_numpy(expected[3])
    if different or not worst <= MAX_ERROR:
        raise ValueError(
            f"ONNX Runtime disagrees with torch: {different} of {compared} tokens, "
            f"error {worst:.1e} (at most {MAX_ERROR:g}); nothing of {folder} should be used"
        )
    return {"tokens": float(compared), "equal": 1.0, "max_error": worst}


def _metadata(checkpoint: Checkpoint, book: Codebook) -> dict[str, str]:
    config = checkpoint.config
    return {
        "format": FORMAT,
        "joint_set": "smpl22",
        "layout": LAYOUT,
        "rate": f"{RATE:g}",
        "frames_per_token": str(FRAMES_PER_TOKEN),
        "codes": str(config.model.codes),
        "embedding": str(config.model.embedding),
        "codebook": codebook_hash(book.codebook),
        "licence": config.licence,
        "training_data": config.training_data,
        "config": json.dumps(asdict(config), sort_keys=True),
    }


def _write_onnx(graph: Graph, path: Path, metadata: dict[str, str], *, static: bool) -> None:
    size = graph.motion.state_size
    batch, tokens = (1, 1) if static else (2, 3)
    example = {
        "motion": torch.zeros(batch, tokens * FRAMES_PER_TOKEN, INPUTS),
        "state": torch.zeros(batch, size),
    }
    shapes = None
    if not static:
        people, count = torch.export.Dim("batch", max=4096), torch.export.Dim("tokens", max=65536)
        shapes = {"motion": {0: people, 1: FRAMES_PER_TOKEN * count}, "state": {0: people}}
    onnx_file.save(graph, example, _NAMES, shapes, path, metadata)
