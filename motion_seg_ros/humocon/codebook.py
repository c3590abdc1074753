"""What the concepts stand for, seen on windows of the training's motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from motion_seg_ros.humocon.checkpoint import Gallery
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, POSITIONS, RATE
from motion_seg_ros.skeleton.standard_body import body_joints

_TOKENS = 8  # of a concept's motion: the moment that leads up to it and ends with it
_NEAREST = 3


@dataclass(frozen=True)
class Codebook:
    """The concepts of a model.

    Attributes
    ----------
    codebook : (K, E) float32, unit vectors.
    decoded : (K, 32, 22, 3) float32 metres at 30 Hz: the decoder's motion for the tokens that lead up to the
        concept's nearest token; NaN for a concept without any.
    usage : (K,) int64, tokens of the gallery.
    transitions : (K, K) int64, how often a token of a row was followed by one of a column.
    nearest : (K, 3) names of the clips with the nearest tokens; "" where there are fewer.
    times : (K, 3) float32, where these tokens end in their clips (s); NaN where there are fewer.
    """

    codebook: NDArray[np.float32]
    decoded: NDArray[np.float32]
    usage: NDArray[np.int64]
    transitions: NDArray[np.int64]
    nearest: NDArray[np.str_]
    times: NDArray[np.float32]


@torch.no_grad()
def describe_codebook(model: ConceptModel, gallery: Gallery) -> Codebook:
    """Encode and decode the gallery."""
    encoded = model.encode_motion(gallery.inputs)
    tokens = encoded.codes.numpy()
    codes = model.config.codes
    distances = model.motion_codes(encoded.embeddings)[1].numpy()
    decoded = model.motion_decoder(encoded.quantised, torch.zeros_like(encoded.codes, dtype=torch.bool))
    positions = decoded[..., POSITIONS] / model.motion.scale[POSITIONS] + model.motion.mean[POSITIONS]

    transitions = np.zeros((codes, codes), np.int64)
    np.add.at(transitions, (tokens[:, :-1].ravel(), tokens[:, 1:].ravel()), 1)
    length = _TOKENS * FRAMES_PER_TOKEN
    shown = np.full((codes, length, 22, 3), np.nan, np.float32)
    names = np.full((codes, _NEAREST), "", dtype=f"<U{max(map(len, gallery.names), default=1)}")
    times = np.full((codes, _NEAREST), np.nan, np.float32)
    for code in range(codes):
        window, place = np.nonzero(tokens == code)
        # Early tokens have little to look back on.
        order = np.lexsort((distances[window, place], place < _TOKENS - 1))
        _, first = np.unique(window[order], return_index=True)
        best = order[np.sort(first)[:_NEAREST]]
        for rank, (w, n) in enumerate(zip(window[best], place[best], strict=True)):
            names[code, rank] = gallery.names[w]
            times[code, rank] = gallery.starts[w] + (n + 1) * FRAMES_PER_TOKEN / RATE
        if len(best):
            end = (max(int(place[best[0]]), _TOKENS - 1) + 1) * FRAMES_PER_TOKEN
            shown[code] = body_joints(positions[window[best[0]], end - length : end].numpy())
    return Codebook(
        model.motion_codes.codebook.numpy().astype(np.float32),
        shown,
        np.bincount(tokens.ravel(), minlength=codes),
        transitions,
        names,
        times,
    )
