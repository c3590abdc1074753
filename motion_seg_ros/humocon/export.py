"""From a checkpoint to what the robot runs: ONNX, checked against torch, with its codebook and its card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motion_seg_ros import onnx_file
from motion_seg_ros.humocon.checkpoint import Checkpoint
from motion_seg_ros.humocon.codebook import describe_codebook
from motion_seg_ros.humocon.contract import CODEBOOK, MOTION, OUTPUTS, SUMS, VIDEO, Kind
from motion_seg_ros.humocon.model_card import Exported, model_card
from motion_seg_ros.humocon.modelling import ConceptModel, MotionEncoder, VideoEncoder
from motion_seg_ros.humocon.quantiser import Quantiser

CARD = "MODEL_CARD.md"
MAX_ERROR = 1e-4
# Windows that a file with dynamic and one with static shapes are compared on.
_COMPARED, _COMPARED_STATIC = 512, 8


class Graph(nn.Module):
    """What runs on the robot: motion or video and state to tokens, distances, embeddings, the next state."""

    def __init__(self, model: ConceptModel, kind: Kind = MOTION) -> None:
        super().__init__()
        self.encoder: MotionEncoder | VideoEncoder = model.motion if kind is MOTION else model.video
        self.codes: Quantiser = model.motion_codes if kind is MOTION else model.video_codes

    def forward(self, seen: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        _, embeddings, following = self.encoder(seen, state)
        tokens, distances = self.codes(embeddings)
        return tokens, distances, embeddings, following


def export(checkpoint: Checkpoint, out: Path, *, static: bool = False) -> list[Exported]:
    """Write what a training made: the motion encoder, unless it was only kept, into a folder, and the video
    encoder, if there was video, into ``video`` in it; each an ONNX file, codebook.npz, MODEL_CARD.md and
    SHA256SUMS.

    Parameters
    ----------
    static : also write files for one track and one token, as CUDA graphs need them.

    Raises
    ------
    ValueError : ONNX Runtime's results are not torch's.
    """
    model = checkpoint.build()
    gallery = checkpoint.gallery
    done = []
    if not checkpoint.config.keep_motion:
        book = describe_codebook(model, gallery)
        arrays = {item.name: getattr(book, item.name) for item in fields(book)}
        done.append(_export(model, MOTION, gallery.inputs, arrays, checkpoint, out, static))
    if len(gallery.video):
        video = gallery.video.float() / 255
        with torch.no_grad():
            codes = model.encode_video(video).codes.numpy()
        arrays = {
            "codebook": model.video_codes.codebook.numpy(),
            "usage": np.bincount(codes.ravel(), minlength=checkpoint.config.model.video_codes),
        }
        done.append(_export(model, VIDEO, video, arrays, checkpoint, out, static))
    return done


def _export(
    model: ConceptModel,
    kind: Kind,
    seen: Tensor,
    book: dict[str, Any],
    checkpoint: Checkpoint,
    out: Path,
    static: bool,
) -> Exported:
    """Write one encoder and compare it on windows that it may see."""
    folder = out / kind.folder
    folder.mkdir(parents=True, exist_ok=True)
    metadata = _metadata(model, checkpoint, kind)
    graph = Graph(model, kind).eval()
    shapes = {kind.model: False} | ({_static(kind): True} if static else {})
    for name, fixed in shapes.items():
        _write_onnx(graph, kind, folder / name, metadata, static=fixed)
    compared, worst = check_parity(graph, kind, folder, seen, static=static)
    np.savez_compressed(folder / CODEBOOK, **book)
    exported = Exported(
        kind, metadata, sum(v.numel() for v in graph.encoder.parameters()), book["usage"], compared, worst
    )
    (folder / CARD).write_text(model_card(checkpoint, exported), encoding="utf-8")
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (*shapes, CODEBOOK, CARD)
    ]
    (folder / SUMS).write_text("".join(sums), encoding="ascii")
    return exported


def _static(kind: Kind) -> str:
    return kind.model.replace(".onnx", ".static.onnx")


def codebook_hash(codebook: np.ndarray) -> str:
    """SHA-256 of a codebook's bytes: float32, C order, little endian."""
    return hashlib.sha256(np.ascontiguousarray(codebook, "<f4").tobytes()).hexdigest()


def check_parity(
    graph: Graph, kind: Kind, folder: Path, seen: Tensor, *, static: bool = False
) -> tuple[int, float]:
    """Compare a folder's files with torch on windows (G, T, ...) of what the encoder reads.

    Returns
    -------
    How many tokens were compared, and the largest error of an output.

    Raises
    ------
    ValueError : a token differs, or an error is above 1e-4.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    compared = different = 0
    worst = 0.0
    for fixed in (False, True) if static else (False,):
        session = onnxruntime.InferenceSession(
            str(folder / (_static(kind) if fixed else kind.model)),
            options,
            providers=["CPUExecutionProvider"],
        )
        batch, step = (1, kind.frames) if fixed else (64, seen.shape[1] // 2 // kind.frames * kind.frames)
        for part in torch.split(seen[: _COMPARED_STATIC if fixed else _COMPARED], batch):
            state = graph.encoder.start(part)
            for frames in torch.split(part, step, dim=1):
                with torch.no_grad():
                    expected = [value.numpy() for value in graph(frames, state)]
                found = session.run(None, {kind.input: frames.numpy(), "state": state.numpy()})
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
    return compared, worst


def _metadata(model: ConceptModel, checkpoint: Checkpoint, kind: Kind) -> dict[str, str]:
    config = checkpoint.config
    motion, video = (codebook_hash(part.codebook.numpy()) for part in (model.motion_codes, model.video_codes))
    own = (
        {"codes": str(config.model.codes), "codebook": motion}
        if kind is MOTION
        else {"codes": str(config.model.video_codes), "codebook": video, "motion_codebook": motion}
    )
    return {
        "format": kind.format,
        **kind.meta,
        **own,
        "embedding": str(config.model.embedding),
        "licence": config.licence,
        "training_data": config.training_data,
        "config": json.dumps(asdict(config), sort_keys=True),
    }


def _write_onnx(graph: Graph, kind: Kind, path: Path, metadata: dict[str, str], *, static: bool) -> None:
    batch, tokens = (1, 1) if static else (2, 3)
    example = {
        kind.input: torch.zeros(batch, tokens * kind.frames, *kind.shape),
        "state": torch.zeros(batch, graph.encoder.state_size),
    }
    shapes = None
    if not static:
        people, count = torch.export.Dim("batch", max=4096), torch.export.Dim("tokens", max=65536)
        shapes = {"seen": {0: people, 1: kind.frames * count}, "state": {0: people}}
    onnx_file.save(graph, example, OUTPUTS, shapes, path, metadata)
