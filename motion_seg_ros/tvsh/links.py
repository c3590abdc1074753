"""Links between consecutive frames and the temporal variation graph (TVS) built from them.

A link l_t in [0, 1] is the probability that no boundary lies between frames t-1 and t. Frames i < j
no further apart than the span s are joined with weight T_ij = product of l_k over k in (i, j]
(derived; with every link 1 this is the graph of Temporal Subspace Clustering, ICCV 2015).
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import numpy as np
from numpy.typing import NDArray

# Half of the time (ns) around a pair of frames, and the time over which ratios are usual.
_AROUND, _USUAL = 500_000_000, 30_000_000_000
# Fewest pairs that a median is taken of.
_FEWEST = 8
# The logarithm of the least ratio that may be a jump, and the least spread of logarithms.
_LEAST_RATIO, _LEAST_SPREAD = math.log(1.8), 0.05
# Spreads above the usual ratio at which a link begins to fall, and at which it is 0.
_JUMP = (3.0, 6.0)


def tvs_weights(links: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """The bands of T: ``weights[k - 1, t]`` joins frames t-k and t.

    Parameters
    ----------
    links : (N,) in 0..1; ``links[t]`` joins t-1 and t, so ``links[0]`` has no meaning here.
    span : s >= 1, the largest distance of joined frames.

    Returns
    -------
    (span, N) float64, 0 where t < k.
    """
    count = len(links)
    weights = np.zeros((span, count))
    for k in range(1, min(span, count - 1) + 1):
        before = np.ones(count - k) if k == 1 else weights[k - 2, k - 1 : -1]
        weights[k - 1, k:] = before * links[k:]
    return weights


def laplacian_bands(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """L = diag(T 1) - T in the upper banded form of :func:`scipy.linalg.solveh_banded`.

    ``weights`` is (s, N) from :func:`tvs_weights`; the result is (s + 1, N), its last row the
    diagonal.
    """
    span, count = weights.shape
    bands = np.zeros((span + 1, count))
    for k in range(1, min(span, count - 1) + 1):
        bands[span - k] = -weights[k - 1]
        bands[span, k:] += weights[k - 1, k:]
        bands[span, :-k] += weights[k - 1, k:]
    return bands


def apply_laplacian(weights: NDArray[np.float64], codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Z L for codes Z (r, N), without forming L."""
    out = np.zeros_like(codes)
    for k in range(1, min(weights.shape[0], codes.shape[1] - 1) + 1):
        pull = (codes[:, k:] - codes[:, :-k]) * weights[k - 1, k:]
        out[:, k:] += pull
        out[:, :-k] -= pull
    return out


def tvs_matrix(links: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """T as an (N, N) matrix, for few frames; see :func:`tvs_weights`."""
    frames = np.arange(len(links))
    apart = frames - frames[:, None]
    # Along row i, from its diagonal on: the products of the links after i.
    products = np.cumprod(np.where(apart > 0, links, 1.0), axis=1)
    upper = np.where((apart > 0) & (apart <= span), products, 0.0)
    return upper + upper.T


class KinematicLinks:
    """Links from jumps: a body cannot leap from one frame to the next, a boundary can (derived).

    The distance of two consecutive frames is compared with the median distance within half a second
    around them, and the logarithm of that ratio with its own spread over the last half minute:
    a ratio several spreads above the usual one, and of at least :data:`_LEAST_RATIO`, is a jump. Nothing
    has a unit or a scale. Spliced recordings, a camera that is switched and a track that passes to
    another person jump at most boundaries, and there these links do most of the work (without
    them the accuracy on hms_weiz and hms_ut falls by about 0.2). In an uncut stream of one person there
    are none, every link is 1, and nothing is gained.
    """

    def __init__(self) -> None:
        self._stamp: int | None = None
        self._value: NDArray[np.float64] = np.zeros(0)
        # (time between the two frames, distance), decided when half a second has followed.
        self._recent: deque[tuple[int, float]] = deque()
        self._next = 0
        self._usual: deque[tuple[int, float]] = deque()

    def update(self, stamp: int, value: NDArray[np.float64]) -> list[tuple[int, float]]:
        """Take the next frame; return (time in nanoseconds, link) of every jump that is now decided."""
        if self._stamp is None:
            self._stamp, self._value = stamp, value
            return []
        distance = float(np.linalg.norm(value - self._value))
        self._recent.append(((self._stamp + stamp) // 2, distance))
        self._stamp, self._value = stamp, value
        jumps = []
        while self._next < len(self._recent) and stamp - self._recent[self._next][0] >= _AROUND:
            time, link = self._decide(self._next)
            if link < 1.0:
                jumps.append((time, link))
            self._next += 1
            while self._recent[self._next - 1][0] - self._recent[0][0] > _AROUND:
                self._recent.popleft()
                self._next -= 1
        return jumps

    def _decide(self, place: int) -> tuple[int, float]:
        time, distance = self._recent[place]
        around = [d for t, d in self._recent if abs(t - time) <= _AROUND and d > 0.0]
        if distance <= 0.0 or len(around) < _FEWEST:
            return time, 1.0
        ratio = math.log(distance / median(around))
        self._usual.append((time, ratio))
        while time - self._usual[0][0] > _USUAL:
            self._usual.popleft()
        if len(self._usual) < _FEWEST or ratio < _LEAST_RATIO:
            return time, 1.0
        ratios = [r for _, r in self._usual]
        middle = median(ratios)
        spread = max(1.4826 * median(abs(r - middle) for r in ratios), _LEAST_SPREAD)
        low, high = _JUMP
        return time, min(max((high - (ratio - middle) / spread) / (high - low), 0.0), 1.0)
