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
        # cost[i, e]: a run over open steps i..e-1; whole[e]: the settled run and open steps 0..e-1.
        cost, whole = np.zeros((count + 1, count + 1)), np.zeros(count + 1)
        places = np.arange(count + 1)
        size = np.maximum(places[None, :] - places[:, None], 1)
        total = np.maximum(settled + places, 1)
        for strand in strands:
            run, values = strand.run, strand.values
            sums = np.vstack((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)))
            squares = np.concatenate(([0.0], np.cumsum((values**2).sum(axis=1))))
            products = sums @ sums.T
            lengths = np.diag(products)
            energy = (squares[None, :] - squares[:, None]) - (
                lengths[None, :] + lengths[:, None] - 2 * products
            ) / size
            cost += strand.weight * size * np.log(np.maximum(energy, 0.0) / size + strand.floor)
            joined = run.total + sums
            energy = run.square + squares - (joined**2).sum(axis=1) / total
            whole += strand.weight * total * np.log(np.maximum(energy, 0.0) / total + strand.floor)

        # The first boundary of a gap ends a run that began before the gap; only that one pays.
        for gap in evidence:
            first = min(max(gap.first, 0), count)
            last = max(first, min(gap.first + len(gap.penalties), count))
            penalty = gap.penalties[first - gap.first : last - gap.first]
            cost[:first, first:last] += penalty
            if -settled < gap.first:
                whole[first:last] += penalty
        self._cost, self._whole = cost, whole

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
        best, origin = self._whole.copy(), np.full(count + 1, -1)
        # The oldest run may not end before it has the least length.
        best[: min(max(shortest - self._settled, 0), count)] = np.inf
        start = 0 if self._settled else 1
        for end in range(1, count + 1):
            first = end - (newest if end == count else shortest)
            if first < start:
                continue
            options = (
                best[start : first + 1] + penalties[start : first + 1] + self._cost[start : first + 1, end]
            )
            choice = int(np.argmin(options))
            if options[choice] < best[end]:
                best[end], origin[end] = options[choice], start + choice
        cuts: list[int] = []
        place = int(origin[count])
        while place >= 0:
            cuts.append(place)
            place = int(origin[place])
        cuts.reverse()
        borders = [-1, *cuts, count]
        gains = np.array(
            [
                self._span(a, c) - self._span(a, b) - self._span(b, c) - penalties[b]
                for a, b, c in zip(borders[:-2], borders[1:-1], borders[2:], strict=True)
            ]
        )
        return cuts, gains

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
        before = self._whole[first : last + 1] if begin < 0 else self._cost[begin, first : last + 1]
        apart = before + self._cost[first : last + 1, count] + penalties[first : last + 1]
        place = int(np.argmin(apart))
        return first + place, self._span(begin, count) - float(apart[place])

    def worth(self, cuts: Sequence[int], penalties: Array) -> Array:
        """By how much cheaper the division by ``cuts`` is with a boundary just before each open step, (m,).

        The other boundaries are unchanged: above 0 for those that :meth:`best_boundaries` finds, below where
        another would only cost.
        """
        count = len(penalties)
        borders = [-1, *cuts, count]
        worth = np.full(count, -np.inf)
        for a, b, c in zip(borders[:-2], borders[1:-1], borders[2:], strict=True):
            worth[b] = self._span(a, c) - self._span(a, b) - self._span(b, c) - penalties[b]
        for a, c in pairwise(borders):
            inside = np.arange(a + 1 if a >= 0 or self._settled else 1, c)
            before = self._whole[inside] if a < 0 else self._cost[a, inside]
            worth[inside] = self._span(a, c) - before - self._cost[inside, c] - penalties[inside]
        return worth

    def _span(self, begin: int, end: int) -> float:
        return float(self._whole[end] if begin < 0 else self._cost[begin, end])
