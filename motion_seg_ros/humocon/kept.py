"""The motion encoder of exported weights, kept as it is while the video side is trained beside it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.humocon.contract import CODEBOOK, MOTION, ModelError, checked_model
from motion_seg_ros.humocon.export import Graph, check_parity
from motion_seg_ros.humocon.modelling import ConceptModel


def keep_motion(model: ConceptModel, folder: Path, motion: Tensor) -> None:
    """Give a model the motion encoder and codebook of a folder of weights, which no training changes then.

    Parameters
    ----------
    motion : (G, T, INPUTS), windows on which the file and the model are compared.

    Raises
    ------
    ModelError : the files cannot be used, or are of an encoder of another size.
    ValueError : they give other tokens than the model that was made of them.
    """
    import onnx

    proto = onnx.load_model_from_string(checked_model(folder, MOTION))
    # An exported parameter is called by its place in the encoder, after the encoder's own name.
    values = {item.name.partition(".")[2]: item for item in proto.graph.initializer}
    weights = {}
    for name, old in model.motion.state_dict().items():
        value = values.get(name)
        if value is None or tuple(value.dims) != tuple(old.shape):
            raise ModelError(
                f"{folder / MOTION.model} holds no {name} of {' x '.join(map(str, old.shape))} numbers: the "
                "configuration is of an encoder of another size"
            )
        weights[name] = torch.from_numpy(onnx.numpy_helper.to_array(value).copy())
    codebook = torch.from_numpy(Archive(folder / CODEBOOK).array("codebook", "f", 2).copy())
    if codebook.shape != model.motion_codes.codebook.shape:
        raise ModelError(
            f"{folder / CODEBOOK} holds {len(codebook)} codes, the configuration {model.config.codes}"
        )
    model.motion.load_state_dict(weights)
    model.motion_codes.codebook.copy_(codebook)
    check_parity(Graph(model).eval(), MOTION, folder, motion)
    model.motion.requires_grad_(False)
