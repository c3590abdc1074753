"""The concept encoder as a measure of how alike two windows of motion are, for the oracle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.semantics.encoder import Embedding
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, motion_inputs

# Digits of the codebook's hash that name the weights.
_DIGITS = 12


def concept_embedding(encoder: ConceptEncoder) -> Embedding:
    """Means and spreads of the states that the encoder quantises, over a window."""

    def embed(joints: NDArray[np.floating], fps: float) -> NDArray[np.floating]:
        motion = motion_inputs(joints, fps)
        tokens = len(motion) // FRAMES_PER_TOKEN
        if tokens == 0:
            return np.zeros(2 * encoder.info.embedding, np.float32)
        steps = motion[None, : tokens * FRAMES_PER_TOKEN]
        _, _, states, _ = encoder.encode(steps, encoder.state(1))
        return np.concatenate((states[0].mean(axis=0), states[0].std(axis=0)))

    return Embedding(f"concepts {encoder.info.codebook[:_DIGITS]}", embed)
