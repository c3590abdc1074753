"""The file in which a training rests: weights, what resumes it, and what its export tells."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from motion_seg_ros.humocon.configuration import TrainingConfig, from_mapping
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.skeleton.motion_inputs import LAYOUT

_FORMAT = "motion_seg_ros.training/1"
# What torch raises for files that are not its own, or not whole.
_BROKEN = (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Gallery:
    """What the codebook did with unchanged windows of the training's motion.

    Attributes
    ----------
    inputs : (G, T, INPUTS) float32, the windows.
    names, starts : of their clips, and where each begins in its clip (s).
    """

    inputs: Tensor
    names: list[str]
    starts: list[float]


@dataclass(frozen=True)
class Checkpoint:
    """A training after ``epoch`` epochs.

    ``resume`` holds what the trainer needs to go on; ``history`` the measurements of each epoch.
    """

    config: TrainingConfig
    epoch: int
    model: dict[str, Tensor]
    resume: dict[str, Any]
    gallery: Gallery
    history: list[dict[str, float]]

    def build(self) -> ConceptModel:
        """The model with its weights, for evaluation."""
        model = ConceptModel(self.config.model)
        model.load_state_dict(self.model)
        return model.eval()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    content = {name: getattr(checkpoint, name) for name in ("epoch", "model", "resume", "history")}
    content |= {"format": _FORMAT, "layout": LAYOUT, "config": asdict(checkpoint.config)}
    content |= {"gallery": asdict(checkpoint.gallery)}
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, running nothing that it holds.

    Raises
    ------
    ValueError : the file is missing, cut off, of something else, or of other inputs; one sentence.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise ValueError(f"{path} is not a checkpoint of train-concepts, or is cut off") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path} is not a checkpoint of train-concepts")
    if content["layout"] != LAYOUT:
        raise ValueError(f"{path} was trained on inputs {content['layout']}, but these are {LAYOUT}")
    try:
        checkpoint = Checkpoint(
            from_mapping(content["config"]),
            content["epoch"],
            content["model"],
            content["resume"],
            Gallery(**content["gallery"]),
            content["history"],
        )
        checkpoint.build()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit this version: {str(error).splitlines()[0]}") from error
    return checkpoint
