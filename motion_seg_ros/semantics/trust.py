"""How far a backend is believed, by what it says to questions whose answer is known.

Two moments a tenth of a second apart show the same motion, and two of which the bodies do plainly different
things do not: a backend that always says the same, or anything, is found out by them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A backend is taken to be right this often until it has been seen to be otherwise, worth so many probes.
_RIGHT, _PROBES = 0.95, 4.0
# Rates right of both kinds add up to 1 for a coin and for who always says the same. Less than this above it,
# after so many probes of the kind that goes wrong, nothing that the backend says is believed.
_LEAST_INFORMED, _FEWEST = 0.35, 4
# Probes are forgotten with this time constant, counted in probes: a backend may have been mended.
_MEMORY = 30.0


@dataclass(slots=True)
class _Rate:
    right: float = 0.0
    asked: float = 0.0

    def count(self, share: float) -> None:
        keep = 1.0 - 1.0 / _MEMORY
        self.right, self.asked = keep * self.right + share, keep * self.asked + 1.0

    @property
    def value(self) -> float:
        return (_RIGHT * _PROBES + self.right) / (_PROBES + self.asked)


class Trust:
    """Rates at which "same" and "different" are right, from probes."""

    def __init__(self) -> None:
        self._same, self._different = _Rate(), _Rate()

    def probed(self, same: bool, same_probability: float) -> None:
        """Take the answer to a question whose answer is ``same``."""
        rate = self._same if same else self._different
        # Half and half is no lie, but no help either.
        rate.count(same_probability if same else 1.0 - same_probability)

    @property
    def rates(self) -> tuple[float, float]:
        """P(says same | same) and P(says different | different)."""
        return self._same.value, self._different.value

    @property
    def probes(self) -> tuple[float, float]:
        """How many of either kind the rates rest on."""
        return self._same.asked, self._different.asked

    @property
    def complaint(self) -> str:
        """What is wrong with the backend in one sentence, or ""."""
        same, different = self.rates
        worse = self._same if same < different else self._different
        if worse.asked < _FEWEST - 0.5 or same + different - 1.0 >= _LEAST_INFORMED:
            return ""
        if same - different > 0.4:
            return "the oracle says that plainly different motions are the same: it is not believed"
        if different - same > 0.4:
            return "the oracle says that one moment differs from itself: it is not believed"
        return "the oracle contradicts itself: it is not believed"

    def temper(self, same_probability: float) -> float:
        """What an answer is worth: no more than answers of its kind are by the probes."""
        if self.complaint:
            return 0.5
        same, different = self.rates
        most = max(math.log(same / (1.0 - different)), 0.0)
        least = min(math.log((1.0 - same) / different), 0.0)
        clipped = min(max(same_probability, 1e-9), 1.0 - 1e-9)
        odds = math.log(clipped / (1.0 - clipped))
        return 1.0 / (1.0 + math.exp(-min(max(odds, least), most)))
