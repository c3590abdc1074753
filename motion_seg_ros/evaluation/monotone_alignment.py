"""Monotone alignment of the steps of a motion with ordered sub-actions, by dynamic programming.

It maximises sum_l score(l, y_l) over paths y that never go back, in O(L k) (derived). With a background, the
states are background, 1, background, 2, ..., k, background and any of them may be skipped, so that a
sub-action of which no step is more like it than like nothing gets no steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def align(similarity: Array, background: Array | float | None = None) -> NDArray[np.int64]:
    """The sub-action of each step.

    Parameters
    ----------
    similarity : (L, k) of steps and sub-actions, in order; k >= 1.
    background : what a step of no sub-action scores, one number or (L,); without it every step belongs to one
        and every sub-action gets a step as long as there are as many steps as sub-actions.

    Returns
    -------
    (L,) 0..k-1, or -1 for background.
    """
    length, count = similarity.shape
    if background is None:
        return _path(similarity, forced=length >= count)
    scores = np.empty((length, 2 * count + 1))
    scores[:, 1::2] = similarity
    scores[:, 0::2] = np.broadcast_to(np.asarray(background, np.float64), (length,))[:, None]
    states = _path(scores, forced=False)
    return np.where(states % 2 == 1, states // 2, -1)


def _path(scores: Array, *, forced: bool) -> NDArray[np.int64]:
    """The best non-decreasing sequence of states; with ``forced`` it visits every one of them."""
    length, states = scores.shape
    before = np.empty((length, states), np.int64)
    every = np.arange(states)
    best = scores[0].copy()
    if forced:
        best[1:] = -np.inf
    for step in range(1, length):
        if forced:
            came = np.concatenate(([-np.inf], best[:-1])) > best
            before[step] = every - came
            best = np.where(came, np.concatenate(([-np.inf], best[:-1])), best) + scores[step]
        else:
            highest = np.maximum.accumulate(best)
            # The first state that reaches the highest value so far: ties go to the earlier state.
            rises = np.concatenate(([True], best[1:] > highest[:-1]))
            before[step] = np.maximum.accumulate(np.where(rises, every, 0))
            best = highest + scores[step]
    path = np.empty(length, np.int64)
    path[-1] = states - 1 if forced else int(np.argmax(best))
    for step in range(length - 1, 0, -1):
        path[step - 1] = before[step, path[step]]
    return path
