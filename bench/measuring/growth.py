"""Whether something that was sampled over a long run grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

# The part of a run in which caches fill and everything is imported.
WARM_UP = 0.25
FEWEST = 12  # samples in which a trend can be seen


@dataclass(frozen=True)
class Growth:
    """The trend of a series after its warm-up.

    Attributes
    ----------
    middle : its median.
    rise : by how much its trend (Theil and Sen's: the median of all slopes) rises from the end of the warm-up
        to the end of the run; low, high : the 95 % confidence interval of it.
    allowed : the rise that counts as none.
    """

    middle: float
    rise: float
    low: float
    high: float
    allowed: float

    @property
    def none(self) -> bool:
        return self.rise <= self.allowed


def growth(values: Sequence[float], *, share: float, least: float) -> Growth:
    """The trend of evenly spaced samples, which may rise by ``share`` of their median, or by ``least``."""
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} samples are too few to see a trend in: {FEWEST} are needed")
    after = np.asarray(values, float)[round(WARM_UP * len(values)) :]
    slope, _, low, high = (float(value) * (len(after) - 1) for value in theilslopes(after))
    middle = float(np.median(after))
    return Growth(middle, slope, low, high, max(share * middle, least))
