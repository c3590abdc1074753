"""Published TMR checkpoints (Petrovich, Black, Varol: TMR, ICCV 2023) as a motion-text encoder.

A folder holds what TMR's own ``extract.py`` and release give: ``last_weights/motion_encoder.pt`` and
``last_weights/text_encoder.pt``, and the statistics ``mean.pt`` and ``std.pt`` of its features. Torch and
transformers are needed. TMR knows whole motions only: a feature is that of the two seconds around its step.

Not run: a published checkpoint, which was not to be had. Networks and names of weights follow the public
source (github.com/Mathux/TMR, ``src/model/actor.py``, ``configs/model/temos.yaml``), and are tested with
random weights of that layout; the features are those of :mod:`motion_seg_ros.grounding.humanml3d`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.history import evenly
from motion_seg_ros.grounding.humanml3d import FEATURES, RATE, bone_lengths, humanml3d_features
from motion_seg_ros.grounding.motion_text import MotionFeatures, unit

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]
# A text to the (n, 768) states of its tokens.
Tokens = Callable[[str], NDArray[np.float32]]

MOTION_WEIGHTS, TEXT_WEIGHTS = "last_weights/motion_encoder.pt", "last_weights/text_encoder.pt"
_HEADS = 4
_WINDOW, _HOP = 40, 2  # features at 20 Hz: two seconds, every tenth
_EPSILON = 1e-12


class TmrEncoder:
    """:class:`motion_seg_ros.grounding.motion_text.MotionText` by a TMR checkpoint.

    Parameters
    ----------
    folder : see above.
    example : (22, 3) pose in metres whose bones the features expect (HumanML3D's ``skeleton_example_h3d.npy``
        in its own axes); every body keeps its own bones where None.
    tokens : states of a text's tokens; DistilBERT (distilbert-base-uncased) by transformers where None.

    Raises
    ------
    ValueError : files are missing, cut off or of another layout, or torch is not installed; one sentence.
    """

    def __init__(
        self, folder: Path, example: NDArray[np.floating] | None = None, tokens: Tokens | None = None
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise ValueError("TMR checkpoints need torch: pip install 'motion_seg_ros[train]'") from error
        weights = {name: _load(folder / name) for name in (MOTION_WEIGHTS, TEXT_WEIGHTS)}
        self._mean, self._std = (_statistics(folder / name) for name in ("mean.pt", "std.pt"))
        self._motion = _encoder(weights[MOTION_WEIGHTS], FEATURES, folder / MOTION_WEIGHTS)
        self._text = _encoder(weights[TEXT_WEIGHTS], None, folder / TEXT_WEIGHTS)
        self._lengths = None if example is None else bone_lengths(np.asarray(example, np.float64))
        self._tokens = tokens or _distilbert()
        content = b"".join((folder / name).read_bytes() for name in weights)
        self.name = "tmr-" + hashlib.sha256(content).hexdigest()[:28]
        self._torch = torch

    def frame_features(self, joints: NDArray[np.floating], fps: float) -> MotionFeatures:
        """Features of the two seconds around every tenth of a second; all steps count the same.

        Parameters
        ----------
        joints : (T, 22, 3) smpl22 in metres, z up; T >= 1. A joint not seen stays where it was last seen.
        fps : frames a second.
        """
        described = self._described(_filled(joints), fps)
        places = range(0, max(len(described), 1), _HOP)
        windows = [described[max(0, p - _WINDOW // 2) : p + _WINDOW // 2] for p in places]
        values = [self._encoded(window) for window in windows]
        times = np.round((np.array(places) + 0.5) * 1e9 / RATE).astype(np.int64)
        return MotionFeatures(np.array(values), np.zeros(len(times)), times)

    def embed_text(self, texts: Sequence[str]) -> Array:
        """(n, d) unit vectors of n texts."""
        size = int(self._text.tokens.shape[1])
        vectors = [self._pass(self._text, self._tokens(text)) for text in texts]
        return unit(np.array(vectors, np.float64).reshape(len(texts), size))

    def _described(self, joints: Array, fps: float) -> NDArray[np.float32]:
        stamps = np.round(np.arange(len(joints) + 1) * 1e9 / fps).astype(np.int64)
        longer = np.concatenate((joints, joints[-1:]))
        even = evenly(stamps, longer, RATE)
        if len(even) < 2:
            even = np.concatenate((even, even[-1:]))
        features = humanml3d_features(even, self._lengths)
        return ((features - self._mean) / (self._std + _EPSILON)).astype(np.float32)

    def _encoded(self, window: NDArray[np.float32]) -> Array:
        return unit(self._pass(self._motion, window)[None])[0]

    def _pass(self, encoder: Any, values: NDArray[np.float32]) -> Array:
        with self._torch.no_grad():
            vector = encoder(self._torch.from_numpy(values)[None])
        return vector[0].double().numpy()


def _filled(joints: NDArray[np.floating]) -> Array:
    """Joints with what is not seen held from before, or from the first time that it is seen."""
    filled = np.array(joints, np.float64)
    if filled.ndim != 3 or filled.shape[1:] != (22, 3) or not len(filled):
        raise ValueError(f"a motion must be (T, 22, 3) with T >= 1, not {filled.shape}")
    seen = np.isfinite(filled).all(axis=2)
    last = np.where(seen, np.arange(len(filled))[:, None], -1)
    last = np.maximum.accumulate(last, axis=0)
    first = np.argmax(seen, axis=0)
    source = np.where(last >= 0, last, first)
    filled = filled[source, np.arange(22)]
    # A joint that nobody ever saw lies in the middle of the others.
    middle = np.nanmean(filled, axis=(0, 1)) if seen.any() else np.zeros(3)
    return np.where(np.isfinite(filled), filled, np.nan_to_num(middle))


def _load(path: Path) -> dict[str, Any]:
    from motion_seg_ros.checkpoint_file import read

    content = read(path, "a file of weights")
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no weights")
    return content


def _statistics(path: Path) -> Array:
    from motion_seg_ros.checkpoint_file import read

    what = "a file of statistics"
    try:
        numbers = np.asarray(read(path, what), np.float64)
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{path} is not {what}") from error
    if numbers.shape != (FEATURES,):
        raise ValueError(f"{path} must hold {FEATURES} numbers, not {numbers.shape}")
    return numbers


def _encoder(weights: dict[str, Any], features: int | None, path: Path) -> Any:
    """The transformer that the weights are of; it gives the mean of TMR's distribution."""
    import torch
    from torch import nn

    class Encoder(nn.Module):
        """As TMR's ``ACTORStyleEncoder``: tokens before the sequence, whose states are mean and variance."""

        def __init__(self, inputs: int, size: int, inner: int, layers: int, count: int) -> None:
            super().__init__()
            self.projection = nn.Linear(inputs, size)
            self.tokens = nn.Parameter(torch.zeros(count, size))
            layer = nn.TransformerEncoderLayer(size, _HEADS, inner, activation="gelu", batch_first=True)
            self.seqTransEncoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            shown = self.projection(values)
            tokens = self.tokens.expand(len(values), -1, -1)
            sequence = torch.cat((tokens, shown), dim=1)
            sequence = sequence + _positions(sequence.shape[1], sequence.shape[2])
            states: torch.Tensor = self.seqTransEncoder(sequence)
            return states[:, 0]

    try:
        size, inputs = weights["projection.weight"].shape
        inner = len(weights["seqTransEncoder.layers.0.linear1.weight"])
        layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("seqTransEncoder."))
        encoder = Encoder(inputs, size, inner, layers, len(weights["tokens"]))
        encoder.load_state_dict(weights)
    except (KeyError, IndexError, ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} is not laid out as TMR's encoders are") from error
    if features is not None and inputs != features:
        raise ValueError(f"{path} reads {inputs} features a frame, not the {features} of HumanML3D")
    return encoder.eval()


def _positions(length: int, size: int) -> torch.Tensor:
    """(length, size) sines and cosines of positions (Vaswani et al., 2017)."""
    import torch

    position = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, size, 2, dtype=torch.float32) * (-math.log(10000.0) / size))
    table = torch.zeros(length, size)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table


def _distilbert() -> Tokens:
    from importlib import import_module

    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise ValueError("the texts of TMR need transformers: pip install transformers") from error
    name = "distilbert-base-uncased"
    tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    model = transformers.AutoModel.from_pretrained(name).eval()

    def tokens(text: str) -> NDArray[np.float32]:
        import torch

        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        return np.asarray(states[0].numpy(), np.float32)

    return tokens
