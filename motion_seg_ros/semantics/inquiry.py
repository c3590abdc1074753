"""Which pair of moments to ask about next: probabilistic bisection with answers that may be wrong.

Horstein's posterior matching (IEEE Trans. Inf. Theory, 1963) with one more hypothesis, that there is no
boundary at all (derived). One wrong "different" is so outvoted by other pairs before anybody believes it.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


class Inquiry:
    """Questions about one gap, until it is clear whether a boundary lies in it, and where.

    Moments are the integers 0..n of whoever asks, for instance indices of frames; a boundary at b
    lies between the moments b-1 and b. At most one boundary is expected.

    Parameters
    ----------
    first, last : the moments of the gap.
    margin : how many moments before and after the gap may be asked about too, so that
        there are other pairs around it; their own gaps have their own inquiries.
    boundary_rate : probability of a boundary between two neighbouring moments, before any answer.
    same_right, different_right : probability that the answer is right when the motion is the same, and when
        it is different; above 0.5.
    most : most questions, beyond which the inquiry ends as it stands.
    sure : probability above which nothing more is asked.
    apart : least distance of the two moments of a question that the inquiry proposes.
    """

    def __init__(
        self,
        first: int,
        last: int,
        margin: tuple[int, int],
        boundary_rate: float,
        same_right: float,
        different_right: float,
        most: int = 8,
        sure: float = 0.95,
        apart: int = 1,
    ) -> None:
        if not first < last:
            raise ValueError(f"the first moment, {first}, must be before the last, {last}")
        if not 0.5 < same_right <= 1.0 or not 0.5 < different_right <= 1.0:
            raise ValueError(f"answers must be right more often than not: {same_right}, {different_right}")
        before, after = margin
        self._first, self._last = first - before, last + after
        self._right = (same_right, different_right)
        self._left, self._sure, self._apart = most, sure, apart
        self._asked: set[tuple[int, int]] = set()
        # Of a boundary at each place, and of none. One outside the gap is one that its own inquiry missed.
        missed = (1.0 - different_right) * boundary_rate
        places = np.repeat([missed, boundary_rate, missed], [before, last - first, after])
        places *= min(1.0, 0.5 / float(places.sum()))
        self._belief: NDArray[np.float64] = np.append(places, 1.0 - places.sum())

    @property
    def boundary_probability(self) -> float:
        """That there is a boundary in the gap at all."""
        return float(1.0 - self._belief[-1])

    @property
    def place(self) -> int:
        """Where a boundary would most probably be."""
        return self._first + 1 + int(np.argmax(self._belief[:-1]))

    def tell(self, first: int, second: int, same_probability: float) -> None:
        """Take the answer about two moments, asked for or not.

        Parameters
        ----------
        same_probability : by this answer alone with even odds beforehand, as :func:`even_odds` gives it.

        Raises
        ------
        ValueError : a moment is outside the inquiry, or ``first`` is not before ``second``.
        """
        if not self._first <= first < second <= self._last:
            raise ValueError(f"({first}, {second}) is not inside ({self._first}, {self._last})")
        self._belief = self._after(first, second, same_probability)
        self._asked.add((first, second))
        self._left -= 1

    def question(
        self, after: int | None = None, awaited: Collection[tuple[int, int]] = ()
    ) -> tuple[int, int] | None:
        """The pair, not asked about before, whose answer tells most; None when nothing more need be asked.

        Parameters
        ----------
        after : the second moment must come after this one, if it is given.
        awaited : pairs that are asked about and have no answer yet, oldest first. Where no other has one, the
            oldest is taken to be a "different": otherwise what is asked meanwhile would not matter.
        """
        belief = self._belief
        if awaited and not self._asked:
            belief = self._after(*next(iter(awaited)), even_odds(False, *self._right))
        if self._left <= len(awaited) or float(belief.max()) >= self._sure:
            return None
        before = np.concatenate(([0.0], np.cumsum(belief[:-1])))
        best, chosen = 0.0, None
        for first in range(len(before) - 1):
            for second in range(first + self._apart, len(before)):
                pair = (self._first + first, self._first + second)
                if pair in self._asked or pair in awaited or (after is not None and pair[1] <= after):
                    continue
                worth = information(float(before[second] - before[first]), *self._right)
                if worth > best + 1e-12:
                    best, chosen = worth, pair
        return chosen

    def _after(self, first: int, second: int, same_probability: float) -> NDArray[np.float64]:
        """The belief after an answer."""
        likelihood = np.full(len(self._belief), same_probability)
        likelihood[first - self._first : second - self._first] = 1.0 - same_probability
        belief = self._belief * likelihood
        total = float(belief.sum())
        # Answers that are never wrong contradict each other: nothing can be learned from the last one.
        return belief / total if total > 0.0 else self._belief


def information(different: float, same_right: float, different_right: float) -> float:
    """What one answer tells (nats) when the motions differ with that probability."""
    says = different * different_right + (1.0 - different) * (1.0 - same_right)
    noise = different * _entropy(different_right) + (1.0 - different) * _entropy(same_right)
    return _entropy(says) - noise


def even_odds(same: bool, same_right: float, different_right: float) -> float:
    """P(no boundary) by one answer alone, with even odds beforehand: what the segmenter takes."""
    if same:
        return same_right / (same_right + 1.0 - different_right)
    return (1.0 - same_right) / (1.0 - same_right + different_right)


def _entropy(share: float) -> float:
    if not 0.0 < share < 1.0:
        return 0.0
    return -share * math.log(share) - (1.0 - share) * math.log(1.0 - share)
