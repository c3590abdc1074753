"""What was answered about pairs of moments, and what that says about boundaries between steps.

Answers are independent evidence whose log odds add up. An answer counts for what is settled from one fixed
age of its later moment on, so that it does not matter when it came before, nor in which order.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

import numpy as np

from motion_seg_ros.tvsh.partition import GapEvidence

# An answer is not believed beyond e to this power.
_SURE = 12.0


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """What an answer says about boundaries at the steps first..last, in log odds that there are none."""

    first: int
    last: int
    odds: float
    penalties: tuple[float, ...]

    @classmethod
    def about(cls, begin: int, end: int, odds: float, period: int) -> Answer:
        """From two moments in nanoseconds since the first step began.

        A boundary is told at the nearest step. A "different" speaks for every step that its gap comes near
        to, but a "same" speaks against a step only as far as the gap holds the times nearest to it:
        so the seams of gaps do not count twice, nor an answer against its neighbour.
        """
        first, last = ((2 * time + period) // (2 * period) for time in (begin, end))
        # Nothing is before step 0 that could end there.
        first, last = max(first, 1), max(last, 1)
        steps = np.arange(first, last + 1)
        near = np.minimum((steps + 0.5) * period, end) - np.maximum((steps - 0.5) * period, begin)
        share = np.clip(near / period, 0.0, 1.0) if odds > 0.0 else np.ones(len(steps))
        return cls(first, last, odds, tuple((odds * share).tolist()))


class Answers:
    """Answers about steps that are not settled.

    Parameters
    ----------
    period : nanoseconds of a step.
    deadline : steps after the later moment from which an answer counts for what is settled.
    """

    def __init__(self, period: int, deadline: int) -> None:
        self._period, self._deadline = period, deadline
        # Sorted, so that sums do not depend on the order of arrival.
        self._open: list[Answer] = []
        # Answers about steps up to this one are known to whoever asks.
        self._horizon = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, begin: int, end: int, same_probability: float, steps: int) -> bool:
        """Take an answer that came after so many steps; False if that is past its deadline.

        ``begin`` and ``end`` are moments in nanoseconds since the first step began.
        """
        odds = math.log(max(same_probability, 1e-300)) - math.log(max(1.0 - same_probability, 1e-300))
        answer = Answer.about(begin, end, min(max(odds, -_SURE), _SURE), self._period)
        if steps >= answer.last + self._deadline:
            return False
        insort(self._open, answer)
        return True

    def show_due(self, steps: int) -> None:
        """Show the answers that, after so many steps, could not come any more."""
        self._horizon = steps - self._deadline

    def show_all(self, steps: int) -> bool:
        """Show those that came early too; whether there are any."""
        early = any(answer.last > self._horizon for answer in self._open)
        self._horizon = steps
        return early

    def forget(self, settled: int) -> None:
        """Drop what is about settled steps only."""
        if self._open:
            self._open = [answer for answer in self._open if answer.last >= settled]

    def evidence(self, settled: int, weight: float) -> list[GapEvidence]:
        """For the division of the steps from ``settled`` on; ``weight`` costs a nat of log odds."""
        return [
            GapEvidence(answer.first - settled, weight * np.array(answer.penalties))
            for answer in self._shown()
        ]

    def told_apart(self, step: int) -> bool:
        """Whether answers say that another motion begins with that step."""
        return sum(answer.odds for answer in self._shown() if answer.first <= step <= answer.last) < 0.0

    def _shown(self) -> list[Answer]:
        return [answer for answer in self._open if answer.last <= self._horizon]
