"""What grounding asks of a motion-text encoder, and the attention pooling that both share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Keeps the logarithm of a mask finite.
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class MotionFeatures:
    """The frozen features of a stretch of motion, one row for each of L steps.

    Attributes
    ----------
    values : (L, d) float64; their weighted means, made unit vectors, are compared with texts.
    attention : (L,) float64, logits: how much a step matters to the meaning of what surrounds it.
    times : (L,) int64, nanoseconds, rising: the middle of each step.
    """

    values: Array
    attention: Array
    times: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)

    def between(self, first: int, last: int) -> MotionFeatures:
        """The steps ``first <= step < last``."""
        place = slice(first, last)
        return MotionFeatures(self.values[place], self.attention[place], self.times[place])


class MotionText(Protocol):
    """A frozen encoder of motions and texts into one space of unit vectors.

    Attributes
    ----------
    name : tells encoders apart: a content hash of its weights, to which a calibration belongs.
    """

    name: str

    def frame_features(self, joints: NDArray[np.floating], fps: float) -> MotionFeatures:
        """Features of a motion.

        Parameters
        ----------
        joints : (T, 22, 3) smpl22 in metres, z up, NaN where unseen; T >= 1.
        fps : frames a second.

        Returns
        -------
        MotionFeatures with times that count from the first frame; finite also where joints are NaN.
        """

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """(n, d) unit vectors of n texts."""


def unit(vectors: Array) -> Array:
    """Rows as unit vectors; a row of zeros stays one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def pool(values: Array, attention: Array, masks: Array) -> tuple[Array, Array]:
    """Attention pooling P(M * F): weights are the softmax of attention + log mask over steps.

    Parameters
    ----------
    values : (L, d); attention : (L,); masks : (k, L) in 0..1.

    Returns
    -------
    (k, d) pooled vectors, not normalised, and (k, L) the weights, which sum to 1 in each row.
    """
    scale = np.exp(attention - attention.max())
    weights = scale * (masks + _EPSILON)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weights @ values, weights


def pool_gradient(values: Array, weights: Array, masks: Array, slope: Array) -> Array:
    """(k, L) derivative by the masks of a loss whose derivative by the pooled vectors is (k, d)."""
    by_weight = slope @ values.T
    inner = (weights * by_weight).sum(axis=1, keepdims=True)
    return weights * (by_weight - inner) / (masks + _EPSILON)
