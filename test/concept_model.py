"""A small encoder of concepts as an ONNX file of the real one's contract, with random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from motion_seg_ros.humocon.contract import MOTION, Kind
from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig

onnx = pytest.importorskip("onnx", reason="the extra 'train' brings onnx")

MEMORY = 2  # frames that the causal convolution looks back


def write_model(
    folder: Path,
    metadata: Mapping[str, str] = MappingProxyType({}),
    *,
    kind: Kind = MOTION,
    codes: int = 16,
    embedding: int = 8,
    seed: int = 0,
) -> Path:
    """Write the files of a kind of encoder below a folder; ``metadata`` goes over the usual."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    size = int(np.prod(kind.shape))
    codebook = rng.normal(0, 0.5, (codes, embedding)).astype(np.float32)
    constants = {
        "kernel": rng.normal(0, 10 / size**0.5, (embedding, size, MEMORY + 1)),
        "pool": rng.normal(0, 0.7, (embedding, embedding, kind.frames)),
        "codes": codebook.T,
        "squares": (codebook**2).sum(1),
        "minus_two": np.array(-2.0),
    }
    shapes = {
        "as_memory": [0, MEMORY, size],
        "as_state": [0, MEMORY * size],
        "as_frames": [0, 0, size],
        "last": [2],
        "from": [-MEMORY],
        "to": [2**31],
        "along": [1],
    }
    initializers = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    initializers += [numpy_helper.from_array(np.asarray(v, np.int64), k) for k, v in shapes.items()]
    make = helper.make_node
    nodes = [
        make("Reshape", ["state", "as_memory"], ["memory"]),
        make("Reshape", [kind.input, "as_frames"], ["flat"]),
        make("Concat", ["memory", "flat"], ["frames"], axis=1),
        make("Slice", ["frames", "from", "to", "along"], ["kept"]),
        make("Reshape", ["kept", "as_state"], ["next_state"]),
        make("Transpose", ["frames"], ["channels"], perm=[0, 2, 1]),
        make("Conv", ["channels", "kernel"], ["convolved"]),
        make("Tanh", ["convolved"], ["hidden"]),
        make("Conv", ["hidden", "pool"], ["pooled"], strides=[kind.frames]),
        make("Transpose", ["pooled"], ["embeddings"], perm=[0, 2, 1]),
        make("MatMul", ["embeddings", "codes"], ["products"]),
        make("Mul", ["products", "minus_two"], ["cross"]),
        make("ReduceSumSquare", ["embeddings", "last"], ["lengths"], keepdims=1),
        make("Add", ["cross", "squares"], ["partial"]),
        make("Add", ["partial", "lengths"], ["all_distances"]),
        make("ArgMin", ["all_distances"], ["tokens"], axis=2, keepdims=0),
        make("ReduceMin", ["all_distances", "last"], ["distances"], keepdims=0),
    ]

    def value(name: str, kind: int, shape: list) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    number = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "concepts",
        [
            value(kind.input, number, ["B", "T", *kind.shape]),
            value("state", number, ["B", MEMORY * size]),
        ],
        [
            value("tokens", TensorProto.INT64, ["B", "n"]),
            value("distances", number, ["B", "n"]),
            value("embeddings", number, ["B", "n", embedding]),
            value("next_state", number, ["B", MEMORY * size]),
        ],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(
        model,
        {
            "format": kind.format,
            **kind.meta,
            "codes": str(codes),
            "embedding": str(embedding),
            "codebook": hashlib.sha256(codebook.tobytes()).hexdigest(),
            "licence": "none",
            "training_data": "none: random weights",
            "config": "",
        }
        | dict(metadata),
    )
    onnx.checker.check_model(model)
    own = folder / kind.folder
    own.mkdir(parents=True, exist_ok=True)
    (own / kind.model).write_bytes(model.SerializeToString())
    np.savez(own / "codebook.npz", codebook=codebook)
    write_sums(folder, kind)
    return folder


def write_sums(folder: Path, kind: Kind = MOTION) -> None:
    """Make the checksums fit what is in the folder now."""
    own = folder / kind.folder
    lines = [
        f"{hashlib.sha256((own / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (kind.model, "codebook.npz")
    ]
    (own / "SHA256SUMS").write_text("".join(lines))


def open_encoder(folder: Path, providers: str = "cpu", kind: Kind = MOTION) -> ConceptEncoder:
    """The encoder in a folder."""
    return ConceptEncoder(EncoderConfig(str(folder), providers), kind)
