"""What the files of an exported encoder must be: which encoder reads what, and what of it is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.humocon.crops import CROP, CROPS
from motion_seg_ros.plain_text import InputError
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, INPUTS, LAYOUT, RATE

CODEBOOK, SUMS = "codebook.npz", "SHA256SUMS"
_MOST_CODES = 1 << 16  # a token is a uint16
_MOST_STATE = 1 << 20
OUTPUTS = ["tokens", "distances", "embeddings", "next_state"]
_META = ("codes", "embedding", "codebook", "licence", "training_data")


@dataclass(frozen=True)
class Kind:
    """What an encoder reads, and how its file says so.

    Attributes
    ----------
    concepts : what it tells, in words.
    folder, model : below a folder of weights, where its files lie, and what its own is called.
    format : of its file; ``meta``, what else its metadata must say.
    input : the name of what it reads: ``frames`` to a token, of numbers of ``shape`` each.
    """

    concepts: str
    folder: str
    model: str
    format: str
    meta: Mapping[str, str]
    input: str
    frames: int
    shape: tuple[int, ...]


MOTION = Kind(
    "motion concepts",
    "",
    "concepts.onnx",
    "motion_seg_ros.concepts/1",
    MappingProxyType(
        {
            "joint_set": "smpl22",
            "layout": LAYOUT,
            "rate": f"{RATE:g}",
            "frames_per_token": str(FRAMES_PER_TOKEN),
        }
    ),
    "motion",
    FRAMES_PER_TOKEN,
    (INPUTS,),
)
VIDEO = Kind(
    "video concepts",
    "video",
    "video.onnx",
    "motion_seg_ros.video_concepts/1",
    MappingProxyType({"layout": CROPS, "rate": f"{RATE / FRAMES_PER_TOKEN:g}"}),
    "video",
    1,
    (CROP, CROP),
)


class ModelError(InputError):
    """Weights or a provider that cannot be used; the message is one sentence."""


def checked_model(folder: Path, kind: Kind) -> bytes:
    """The model, after it and the codebook were compared with the folder's list of checksums."""
    sums: dict[str, str] = {}
    names = (kind.model, CODEBOOK)
    try:
        for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition(" ")
            sums[name.lstrip(" *")] = digest.lower()
        content = [(folder / name).read_bytes() for name in names]
    except UnicodeDecodeError as error:
        raise ModelError(f"{folder / SUMS} is no list of checksums") from error
    except OSError as error:
        raise ModelError(
            f"{folder} holds no {kind.concepts}: {error.filename}: {error.strerror or error}"
        ) from error
    for name, data in zip(names, content, strict=True):
        if name not in sums:
            raise ModelError(f"{folder / SUMS} does not name {name}")
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise ModelError(f"{folder / name} is cut off or was changed: {SUMS} names another SHA-256")
    return content[0]


def check_codebook(path: Path, kind: Kind, meta: Mapping[str, str]) -> None:
    """ModelError unless the codebook beside the model is the one that is in it."""
    try:
        codebook = Archive(path).array("codebook", "f", 2)
    except DatasetError as error:
        raise ModelError(f"{path} holds no codebook: {error}") from error
    digest = hashlib.sha256(np.ascontiguousarray(codebook, "<f4").tobytes()).hexdigest()
    if digest != meta["codebook"]:
        theirs = meta["codebook"][:12]
        raise ModelError(f"{path} is the codebook {digest[:12]}, but {kind.model} was exported with {theirs}")


def checked_contract(session: Any, path: Path, kind: Kind) -> dict[str, str]:
    """The metadata of a model that this version can run; ModelError for any other."""
    meta: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if meta.get("format") != kind.format:
        found = meta.get("format")
        what = f"is of the format {found!r}" if found else f"is not an encoder of {kind.concepts}"
        raise ModelError(f"{path} {what}; this version runs {kind.format}")
    if missing := [key for key in (*kind.meta, *_META) if key not in meta]:
        raise ModelError(f"{path} does not say its {', '.join(missing)}: export it again")
    for key, value in kind.meta.items():
        if meta[key] != value:
            raise ModelError(f"{path} was made for {key} {meta[key]}; this version has {value}")
    names = [item.name for item in session.get_inputs()], [item.name for item in session.get_outputs()]
    if names != ([kind.input, "state"], OUTPUTS):
        raise ModelError(
            f"{path} turns {names[0]} into {names[1]}, not {[kind.input, 'state']} into {OUTPUTS}"
        )
    shape, state = session.get_inputs()[0].shape[2:], state_size(session)
    if tuple(shape) != kind.shape or not 0 < state <= _MOST_STATE:
        raise ModelError(
            f"{path} takes {_times(shape)} numbers a frame and {state} of state; this version makes "
            f"{_times(kind.shape)}"
        )
    codes, embedding = meta["codes"], str([0, *session.get_outputs()[2].shape][-1])
    if (
        not (codes + embedding).isdecimal()
        or not 0 < int(codes[:9]) <= _MOST_CODES
        or meta["embedding"] != embedding
    ):
        raise ModelError(f"{path} has {codes} codes of {meta['embedding']} numbers, which cannot be")
    return meta


def state_size(session: Any) -> int:
    """Numbers of the state; 0 if they are not fixed."""
    size = [0, *session.get_inputs()[1].shape][-1]
    return size if isinstance(size, int) else 0


def _times(shape: Sequence[Any]) -> str:
    return " x ".join(map(str, shape))
