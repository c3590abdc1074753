"""Motion concept tokens as they travel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ConceptTokens:
    """Motion concepts of one track over [start, end); the fields are those of ConceptTokens.msg.

    Without tokens, and over no time, it marks that all tokens of everybody up to its stamp have been told.

    Attributes
    ----------
    stamp, start, end : integer nanoseconds; ``stamp`` is that of the frame that completed the tokens.
    codebook : SHA-256 of the codebook that the tokens index.
    tokens : in order of time, each over an equal part of the span.
    distances : squared distance of each token's state to its code.
    embedding : (E,) float32 mean encoded state, or (0,) where it is left out.
    """

    stamp: int
    frame_id: str
    track_id: str
    codebook: str
    start: int
    end: int
    tokens: tuple[int, ...]
    distances: tuple[float, ...]
    embedding: NDArray[np.float32]

    @property
    def is_mark(self) -> bool:
        return not self.tokens


def mark(stamp: int, frame_id: str) -> ConceptTokens:
    """What says that all tokens of a camera up to a stamp (ns) have been told."""
    return ConceptTokens(stamp, frame_id, "", "", stamp, stamp, (), (), np.zeros(0, np.float32))
