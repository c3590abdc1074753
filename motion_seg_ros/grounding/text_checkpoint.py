"""The file in which a training of the motion-text encoder rests."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from motion_seg_ros.grounding.text_config import TextTrainingConfig, from_mapping
from motion_seg_ros.grounding.text_model import MotionTextModel
from motion_seg_ros.skeleton.motion_inputs import LAYOUT

_FORMAT = "motion_seg_ros.text_training/1"


@dataclass(frozen=True)
class TextCheckpoint:
    """A training after ``step`` steps; ``resume`` is what it needs to go on, ``history`` its measurements."""

    config: TextTrainingConfig
    step: int
    model: dict[str, Tensor]
    resume: dict[str, Any]
    history: list[dict[str, float]]

    def build(self) -> MotionTextModel:
        """The model with its weights, for evaluation."""
        model = MotionTextModel(self.config.model)
        model.load_state_dict(self.model)
        return model.eval()


def save_checkpoint(checkpoint: TextCheckpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    content = {name: getattr(checkpoint, name) for name in ("step", "model", "resume", "history")}
    content |= {"format": _FORMAT, "layout": LAYOUT, "config": asdict(checkpoint.config)}
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> TextCheckpoint:
    """Read a checkpoint, running nothing that it holds.

    Raises
    ------
    ValueError : the file is missing, cut off, of something else, or of other inputs; one sentence.
    """
    broken = (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except broken as error:
        raise ValueError(f"{path} is not a checkpoint of train-text, or is cut off") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path} is not a checkpoint of train-text")
    if content["layout"] != LAYOUT:
        raise ValueError(f"{path} was trained on inputs {content['layout']}, but these are {LAYOUT}")
    try:
        config = from_mapping(content["config"])
        checkpoint = TextCheckpoint(
            config, content["step"], content["model"], content["resume"], content["history"]
        )
        checkpoint.build()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit this version: {str(error).splitlines()[0]}") from error
    return checkpoint
