"""Files in which trainings rest, as torch writes them: plain values and tensors, nothing that runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from motion_seg_ros.plain_text import InputError, reason
from motion_seg_ros.skeleton.motion_inputs import LAYOUT

Checkpoint = TypeVar("Checkpoint")


def save(content: dict[str, Any], form: str, path: Path) -> None:
    """Write a checkpoint of a format, whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save({**content, "format": form, "layout": LAYOUT}, partial)
    os.replace(partial, path)


def load(path: Path, form: str, command: str, build: Callable[[dict[str, Any]], Checkpoint]) -> Checkpoint:
    """Read what :func:`save` wrote.

    Parameters
    ----------
    command : that makes such checkpoints, for the sentence about a file that is none.
    build : the checkpoint of what the file holds.

    Raises
    ------
    ValueError : the file is missing, cut off, of something else, or of other inputs; one sentence.
    """
    content = read(path, f"a checkpoint of {command}")
    if not isinstance(content, dict) or content.get("format") != form:
        raise InputError(f"{path} is not a checkpoint of {command}")
    if content.get("layout") != LAYOUT:
        raise InputError(
            f"{path} was trained on inputs {content.get('layout')!r:.60}, but these are {LAYOUT}"
        )
    try:
        return build(content)
    except Exception as error:  # what was written by another version may fail to fit in any way
        raise InputError(f"{path} does not fit this version: {reason(error)}") from error


def read(path: Path, what: str) -> Any:
    """What torch wrote into a file, running nothing of it; ValueError where it is not whole or not that."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # torch's reader was not made for files that are not its own
        raise InputError(f"{path} is not {what}, or is cut off") from error
