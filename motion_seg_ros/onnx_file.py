"""Networks of PyTorch written as ONNX, when a training is exported; the robot's run time does without."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_OPSET = 20


def save(
    graph: nn.Module,
    example: Mapping[str, Tensor],
    outputs: Sequence[str],
    shapes: Any,
    path: Path,
    metadata: Mapping[str, str],
) -> None:
    """Write a network; equal networks give equal files, wherever they are made.

    Parameters
    ----------
    example : inputs by name, in order.
    shapes : dynamic dimensions of the inputs by name, as of :func:`torch.onnx.export`; None for none.
    """
    import onnx

    with warnings.catch_warnings():
        # What the exporter says about itself is of no use to who exports.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            graph,
            tuple(example.values()),
            dynamo=True,
            opset_version=_OPSET,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None  # as always with dynamo=True
    proto = program.model_proto
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]  # the exporter notes there which lines of this machine's files made it
    onnx.helper.set_model_props(proto, dict(metadata))
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
