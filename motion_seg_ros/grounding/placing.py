"""Where ordered sub-actions are in a motion, as probabilities: a hidden semi-Markov model. Derived.

The sub-actions come in their order, each once or not at all, with background before, between and after.
How long one lasts is log-normal; what its steps say is a sum of log odds against the background; where the
motion is known to change, a border is likelier. All ways to cut the motion are summed exactly, forwards and
backwards (Rabiner 1989, with durations as in Yu 2010), so strong evidence decides by itself, and where it is
weak what remains is the prior: sub-actions of usual lengths, in order, spread over the motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.settings import check, setting

Array = NDArray[np.float64]

# Longest duration that is thought of, seconds, and rows of a table of all durations that are made at once.
_LONGEST, _ROWS = 60.0, 2048
_NEVER = -1e30


@dataclass(frozen=True)
class PlacingConfig:
    """The numbers of the prior."""

    usual: float = setting(2.5, "Usual seconds of a sub-action", low=0.1, high=60.0)
    spread: float = setting(0.6, "Deviation of the logarithm of its seconds", low=0.05, high=3.0)
    present: float = setting(
        0.9, "How likely it is, before looking, that a sub-action happened", low=0.01, high=0.999
    )
    borders: float = setting(
        3.0, "Log odds by which a known change of motion is likelier a border", low=0.0, high=20.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What the model says.

    Attributes
    ----------
    inside : (k, L) probability that a step belongs to each sub-action.
    present : (k,) probability that each happened at all.
    """

    inside: Array
    present: Array


def places_of(odds: Array, changes: Array, step: float, config: PlacingConfig) -> Places:
    """Posterior places of k sub-actions among L steps.

    Parameters
    ----------
    odds : (L, k) log odds of each step showing each sub-action rather than background.
    changes : (L + 1,) in 0..1 how sure it is that the motion changes before each step; the two ends count
        as sure whatever is said of them.
    step : seconds of a step.
    """
    length, count = odds.shape
    total = np.vstack((np.zeros(count), np.cumsum(odds, axis=0)))
    border = config.borders * changes
    border[[0, -1]] = config.borders
    lasting = _durations(length, step, config)
    # Any step may be the first one, each as likely.
    happens = np.log(config.present) - np.log(length)
    missing = np.log1p(-config.present)

    # ready[j] : (L + 1,) everything before a border after which sub-action j may begin.
    # ended[j] : the same where sub-action j ends.
    ready = [np.zeros(length + 1)]
    ended = []
    waiting = np.full(length + 1, _NEVER)
    waiting[0] = 0.0
    for action in range(count):
        opened = ready[-1] + border - total[:, action]
        closed = _summed(opened, lasting) + border + total[:, action] + happens
        ended.append(closed)
        waiting = np.logaddexp(closed, waiting + missing)
        ready.append(np.logaddexp.accumulate(waiting))
    everything = ready[-1][-1]

    inside, present = np.zeros((count, length)), np.zeros(count)
    # after : (L + 1,) everything that may follow a border at which the sub-actions up to one are decided.
    after = np.zeros(length + 1)
    skipped = after
    for action in range(count - 1, -1, -1):
        ends = np.exp(ended[action] + skipped - everything)
        closed = skipped + border + total[:, action]
        begun = _summed(closed[::-1], lasting)[::-1] + border - total[:, action] + happens
        starts = np.exp(ready[action] + begun - everything)
        inside[action] = np.cumsum(starts - ends)[:-1]
        present[action] = starts.sum()
        after = np.logaddexp.accumulate(begun[::-1])[::-1]
        skipped = np.logaddexp(after, skipped + missing)
    return Places(np.clip(inside, 0.0, 1.0), np.clip(present, 0.0, 1.0))


def best_run(mask: Array) -> tuple[int, int]:
    """The run of steps (first, one after the last) with the highest soft tIoU with a mask (L,) in 0..1.

    Of a mask of probabilities it is the run to answer with when overlap with an unknown truth counts. Exact:
    a ratio is maximised by maximising differences (Dinkelbach 1967), a difference by a running minimum.
    """
    total = float(mask.sum())
    ratio, run = 0.0, (0, len(mask))
    while True:
        first, last = run
        held = float(mask[first:last].sum())
        reached = held / max(last - first + total - held, 1e-12)
        if reached <= ratio + 1e-12:
            return run
        ratio = reached
        sums = np.concatenate(([0.0], np.cumsum((1.0 + ratio) * mask - ratio)))
        lowest = np.minimum.accumulate(sums)
        last = 1 + int(np.argmax(sums[1:] - lowest[:-1]))
        run = int(np.argmin(sums[:last])), last


def _durations(length: int, step: float, config: PlacingConfig) -> Array:
    """(D,) log probability of lasting 1..D steps."""
    seconds = step * np.arange(1, min(length, max(1, round(_LONGEST / step))) + 1)
    distance = (np.log(seconds) - np.log(config.usual)) / config.spread
    score = -0.5 * distance**2 - np.log(seconds)
    whole: Array = score - np.logaddexp.reduce(score)
    return whole


def _summed(opened: Array, lasting: Array) -> Array:
    """(L + 1,) log of the sum over d >= 1 of exp(opened[l - d] + lasting[d - 1])."""
    longest = len(lasting)
    padded = np.concatenate((np.full(longest, _NEVER), opened[:-1]))
    windows = np.lib.stride_tricks.sliding_window_view(padded, longest)
    result = np.empty(len(opened))
    for first in range(0, len(opened), _ROWS):
        rows = slice(first, first + _ROWS)
        terms = windows[rows] + lasting[::-1]
        top = terms.max(axis=1)
        result[rows] = top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
    return result
