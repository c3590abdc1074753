"""How sure a mean over bags is, and whether a difference between two runs is more than chance."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE, RESAMPLES, SEED = 0.95, 9999, 0
"""Of the intervals; resamples also of the test, where not all can be tried."""


def interval(values: ArrayLike) -> tuple[float, float] | None:
    """Bootstrap interval of a mean (BCa; Efron, 1987), or None for fewer than two values.

    Bags are drawn, not frames: the frames of one bag are not independent. Where BCa is not defined, the
    percentiles of the resampled means are given.
    """
    data = np.asarray(values, np.float64)
    if len(data) < 2:
        return None
    if np.ptp(data) == 0:
        return float(data[0]), float(data[0])
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            # BCa says that it is not defined by NaN, and by a warning besides.
            warnings.simplefilter("ignore")
            found = stats.bootstrap(
                (data,),
                np.mean,
                confidence_level=CONFIDENCE,
                n_resamples=RESAMPLES,
                method=method,
                random_state=np.random.default_rng(SEED),
            ).confidence_interval
        if np.isfinite(found.low) and np.isfinite(found.high):
            break
    return float(found.low), float(found.high)


def sign_flip_p(differences: ArrayLike) -> float:
    """Two-sided p of paired differences: how often their mean is as far from 0 when signs are arbitrary.

    All 2^n signs are tried where they are few enough, else ``RESAMPLES`` of them.
    """
    data = np.asarray(differences, np.float64)
    if len(data) < 2 or not data.any():
        return 1.0
    found = stats.permutation_test(
        (data,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        alternative="two-sided",
        random_state=np.random.default_rng(SEED),
    )
    return min(1.0, float(found.pvalue))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p values (1979): below a level, the chance of any false one among them is below it."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def least_p(count: int) -> float:
    """The smallest p that so many pairs can have in :func:`sign_flip_p`."""
    return max(2.0 / 2.0**count, 1.0 / (RESAMPLES + 1)) if count else 1.0
