"""The file in which a training of the motion-text encoder rests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from motion_seg_ros import checkpoint_file
from motion_seg_ros.grounding.text_config import TextTrainingConfig
from motion_seg_ros.grounding.text_model import MotionTextModel
from motion_seg_ros.settings_file import from_mapping

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
    checkpoint_file.save({**content, "config": asdict(checkpoint.config)}, _FORMAT, path)


def load_checkpoint(path: Path) -> TextCheckpoint:
    """Read a checkpoint, running nothing that it holds; ValueError as :func:`checkpoint_file.load`."""
    return checkpoint_file.load(path, _FORMAT, "train-text", _checkpoint)


def _checkpoint(content: dict[str, Any]) -> TextCheckpoint:
    config = from_mapping(TextTrainingConfig, content["config"])
    names = ("step", "model", "resume", "history")
    checkpoint = TextCheckpoint(config, *(content[name] for name in names))
    checkpoint.build()
    return checkpoint
