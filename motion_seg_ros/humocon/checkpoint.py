"""The file in which a training rests: weights, what resumes it, and what its export tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from motion_seg_ros import checkpoint_file
from motion_seg_ros.humocon.configuration import TrainingConfig
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.settings_file import from_mapping
from motion_seg_ros.skeleton.motion_inputs import INPUTS

_FORMAT = "motion_seg_ros.training/3"


@dataclass(frozen=True)
class Gallery:
    """What the codebook did with unchanged windows of the training's motion.

    Attributes
    ----------
    inputs : (G, T, INPUTS) float32, the windows.
    names, starts : of their clips, and where each begins in its clip (s).
    video : (V, n, 64, 64) uint8, windows that were rendered for validation; none without video.
    """

    inputs: Tensor
    names: list[str]
    starts: list[float]
    video: Tensor


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
    content |= {"config": asdict(checkpoint.config), "gallery": asdict(checkpoint.gallery)}
    checkpoint_file.save(content, _FORMAT, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, running nothing that it holds; ValueError as :func:`checkpoint_file.load`."""
    return checkpoint_file.load(path, _FORMAT, "train-concepts", _checkpoint)


def _checkpoint(content: dict[str, Any]) -> Checkpoint:
    gallery = Gallery(**content["gallery"])
    windows, _, size = gallery.inputs.shape
    if not windows == len(gallery.names) == len(gallery.starts) or size != INPUTS:
        raise ValueError("its gallery contradicts itself")
    checkpoint = Checkpoint(
        config=from_mapping(TrainingConfig, content["config"]),
        epoch=content["epoch"],
        model=content["model"],
        resume=content["resume"],
        gallery=gallery,
        history=content["history"],
    )
    checkpoint.build()
    return checkpoint
