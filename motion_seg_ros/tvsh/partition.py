"""Where a stream of codes divides into runs: exact dynamic programming inside the lag.

A run of n steps costs n log(v + floor), v its mean squared distance to its own mean (the likelihood
of a round Gaussian of its own width), and every boundary costs a penalty. Evidence that some boundary lies
in a gap counts once, however many lie in it. Only boundaries inside the lag are open; what is older is
settled, so that one update costs the same at any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class RunStatistics:
    """Sums over the settled part of the oldest open run."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Array = np.zeros(1)
        self.square = 0.0

    def add(self, code: Array) -> None:
        self.count += 1
        self.total = self.total + code
        self.square += float(code @ code)


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """One of the things by which runs differ.

    Attributes
    ----------
    run : statistics of the settled part, which is not divided.
    values : (m, r) of the open steps.
    floor : added to every variance.
    weight : share of its evidence that counts.
    """

    run: RunStatistics
    values: Array
    floor: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class GapEvidence:
    """What is known about a gap of time.

    Attributes
    ----------
    first : the gap's boundaries lie just before the open steps from here; negative when the gap
        begins before the open steps.
    penalties : (n,) cost of the gap's first boundary at each of its n steps; below 0 where one is expected.
    """

    first: int
    penalties: Array


class Division:
    """What every run over the settled steps and the open ones that follow them would cost.

    Parameters
    ----------
    strands : what the steps are divided by; all have the same steps, and their costs add up.
    evidence : about gaps that may overlap.
    """

    def __init__(self, strands: Sequence[Strand], evidence: Sequence[GapEvidence] = ()) -> None:
        self._settled = settled = strands[0].run.count
        count = len(strands[0].values)
        # cost[i + 1, e]: a run over open steps i..e-1; cost[0, e]: the settled run and open steps 0..e-1.
        ends = np.arange(count + 1.0)
        begins = np.concatenate(([-settled], ends))
        size = np.maximum(ends - begins[:, None], 1.0)
        self._cost = cost = np.zeros(size.shape)
        for strand in strands:
            # Sums over all that comes before a begin, counted from the first open step.
            sums = np.zeros((count + 2, strand.values.shape[1]))
            sums[0] = -strand.run.total
            np.cumsum(strand.values, axis=0, out=sums[2:])
            squares = np.zeros(count + 2)
            squares[0] = -strand.run.square
            np.cumsum((strand.values**2).sum(axis=1), out=squares[2:])
            products = sums @ sums[1:].T
            lengths = (sums**2).sum(axis=1)
            shared = (lengths[:, None] + lengths[1:] - 2.0 * products) / size
            energy = np.maximum(squares[1:] - squares[:, None] - shared, 0.0)
            cost += strand.weight * size * np.log(energy / size + strand.floor)

        # The first boundary of a gap ends a run that began before the gap; only that one pays.
        for gap in evidence:
            first = min(max(gap.first, 0), count)
            last = max(first, min(gap.first + len(gap.penalties), count))
            penalty = gap.penalties[first - gap.first : last - gap.first]
            cost[1 : first + 1, first:last] += penalty
            if -settled < gap.first:
                cost[0, first:last] += penalty

    def best_boundaries(self, penalties: Array, shortest: int, newest: int) -> tuple[list[int], Array]:
        """The cheapest division.

        Parameters
        ----------
        penalties : (m,) cost of a boundary just before each open step.
        shortest, newest : least number of steps of a run, and of the run that is still open.

        Returns
        -------
        The boundaries, rising, as indices into the open steps (a boundary at i lies just before step i);
        and for each of them by how much cheaper the division is than without it (its neighbours
        unchanged), (len(boundaries),).
        """
        count = len(penalties)
        best, origin = self._cost[0].copy(), [-1] * (count + 1)
        # The oldest run may not end before it has the least length.
        best[: min(max(shortest - self._settled, 0), count)] = np.inf
        start = 0 if self._settled else 1
        # after[e, i]: a boundary just before open step i and a run from there to e.
        after = np.ascontiguousarray((self._cost[1:-1] + penalties[:, None]).T)
        for end in range(1, count + 1):
            first = end - (newest if end == count else shortest)
            if first < start:
                continue
            options = best[start : first + 1] + after[end, start : first + 1]
            choice = int(options.argmin())
            if options[choice] < best[end]:
                best[end], origin[end] = options[choice], start + choice
        cuts: list[int] = []
        place = origin[count]
        while place >= 0:
            cuts.append(place)
            place = origin[place]
        cuts.reverse()
        return cuts, np.array([self._saved(*sides, penalties) for sides in _sides(cuts, count)])

    def likeliest_boundary(
        self, begin: int, penalties: Array, shortest: int, newest: int
    ) -> tuple[int, float] | None:
        """Where the newest run, from open step ``begin`` on (-1: the settled run), would best be divided.

        A generalised likelihood ratio (Lorden, 1971): how much better two runs explain the steps than one.

        Returns
        -------
        The place and by how much cheaper the division becomes (below 0: dearer); None when the run is too
        short to be divided.
        """
        count = len(penalties)
        first = begin + shortest if begin >= 0 else max(shortest - self._settled, 0)
        last = count - newest
        if last < first:
            return None
        before = self._cost[begin + 1, first : last + 1]
        apart = before + self._cost[first + 1 : last + 2, count] + penalties[first : last + 1]
        place = int(np.argmin(apart))
        return first + place, float(self._cost[begin + 1, count] - apart[place])

    def worth(self, cuts: Sequence[int], penalties: Array) -> Array:
        """By how much cheaper the division by ``cuts`` is with a boundary just before each open step, (m,).

        The other boundaries are unchanged: above 0 for those that :meth:`best_boundaries` finds, below where
        another would only cost.
        """
        count = len(penalties)
        worth = np.full(count, -np.inf)
        for a, b, c in _sides(cuts, count):
            worth[b] = self._saved(a, b, c, penalties)
        for a, c in pairwise([-1, *cuts, count]):
            first = a + 1 if a >= 0 or self._settled else 1
            before, after = self._cost[a + 1, first:c], self._cost[first + 1 : c + 1, c]
            worth[first:c] = self._cost[a + 1, c] - before - after - penalties[first:c]
        return worth

    def _saved(self, begin: int, place: int, end: int, penalties: Array) -> float:
        """By how much cheaper a run is with a boundary than without."""
        cost = self._cost
        whole, left, right = cost[begin + 1, end], cost[begin + 1, place], cost[place + 1, end]
        return float(whole - left - right - penalties[place])


def _sides(cuts: Sequence[int], count: int) -> list[tuple[int, int, int]]:
    """Each boundary between the one before and the one after it."""
    borders = [-1, *cuts, count]
    return list(zip(borders[:-2], cuts, borders[2:], strict=True))
