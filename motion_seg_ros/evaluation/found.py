"""What a method says about one sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Motions of T frames; a causal method also says when it knew.

    Attributes
    ----------
    labels : (T,) int32.
    final_at : (T,) int64, the index of the input frame after which the frame's label could no longer change.
    told_at : (T,) int64, the index of the input frame with which a boundary just before the frame was first
        told; it matters only where the label changes.
    milliseconds : (T,) time spent on each input frame.
    questions : how many "same motion?" questions were answered.
    """

    labels: NDArray[np.int32]
    final_at: NDArray[np.int64] | None = None
    told_at: NDArray[np.int64] | None = None
    milliseconds: NDArray[np.float64] | None = None
    questions: int = 0
