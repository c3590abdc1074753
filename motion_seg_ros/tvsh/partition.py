"""Where a stream of codes divides into runs: exact dynamic programming inside the lag.

A run of n steps costs n log(v + floor), v its mean squared distance to its own mean (the likelihood
of a round Gaussian of its own width), and every boundary costs a penalty. Evidence that some boundary lies
in a gap counts once, however many lie in it. Only boundaries inside the lag are open; what is older is
settled, so that one update costs the same at any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class RunStatistics:
    """Sums over the settled part of the oldest open run."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self.total = np.zeros(size)
        self.square = 0.0

    def add(self, code: Array) -> None:
        self.count += 1
        self.total += code
        self.square += float(code @ code)


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


def best_boundaries(
    run: RunStatistics,
    codes: Array,
    penalties: Array,
    floor: float,
    shortest: int,
    newest: int,
    evidence: Sequence[GapEvidence] = (),
) -> tuple[list[int], Array]:
    """The cheapest division of the settled run followed by the open codes.

    Parameters
    ----------
    run : statistics of the settled part, which is not divided.
    codes : (m, r) codes of the open steps.
    penalties : (m,) cost of a boundary just before each open step.
    floor : added to every variance.
    shortest, newest : least number of steps of a run, and of the run that is still open.
    evidence : about gaps that may overlap.

    Returns
    -------
    The boundaries, rising, as indices into the open steps (a boundary at i lies just before step i);
    and for each of them by how much cheaper the division is than without it (its neighbours
    unchanged), (len(boundaries),).
    """
    count = len(codes)
    sums = np.vstack((np.zeros_like(run.total), np.cumsum(codes, axis=0)))
    squares = np.concatenate(([0.0], np.cumsum((codes**2).sum(axis=1))))
    products = sums @ sums.T
    lengths = np.diag(products)
    places = np.arange(count + 1)

    # cost[i, e]: a run over open steps i..e-1; whole[e]: the settled run and open steps 0..e-1.
    size = np.maximum(places[None, :] - places[:, None], 1)
    energy = (squares[None, :] - squares[:, None]) - (
        lengths[None, :] + lengths[:, None] - 2 * products
    ) / size
    cost = size * np.log(np.maximum(energy, 0.0) / size + floor)
    total = np.maximum(run.count + places, 1)
    joined = run.total + sums
    energy = run.square + squares - (joined**2).sum(axis=1) / total
    whole = total * np.log(np.maximum(energy, 0.0) / total + floor)

    # The first boundary of a gap ends a run that began before the gap; only that one pays.
    for gap in evidence:
        first = min(max(gap.first, 0), count)
        last = max(first, min(gap.first + len(gap.penalties), count))
        penalty = gap.penalties[first - gap.first : last - gap.first]
        cost[:first, first:last] += penalty
        if -run.count < gap.first:
            whole[first:last] += penalty

    best, origin = whole.copy(), np.full(count + 1, -1)
    # The oldest run may not end before it has the least length.
    best[: min(max(shortest - run.count, 0), count)] = np.inf
    for end in range(1, count + 1):
        least = newest if end == count else shortest
        first = end - least
        if first < 0:
            continue
        start = 0 if run.count else 1
        if first < start:
            continue
        options = best[start : first + 1] + penalties[start : first + 1] + cost[start : first + 1, end]
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
            _span(whole, cost, a, c) - _span(whole, cost, a, b) - cost[b, c] - penalties[b]
            for a, b, c in zip(borders[:-2], borders[1:-1], borders[2:], strict=True)
        ]
    )
    return cuts, gains


def _span(whole: Array, cost: Array, begin: int, end: int) -> float:
    return float(whole[end] if begin < 0 else cost[begin, end])
