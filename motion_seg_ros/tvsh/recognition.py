"""Which motion a run shows: recurring motions get the id that they had before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.motions import EXEMPLARS, MotionMemory, Prototype
from motion_seg_ros.tvsh.whitening import Whitening
from motion_seg_ros.tvsh.windows import Rows

Array = NDArray[np.float64]

# Prototypes that are measured anew when the metric moves: bounds the cost of a step.
_REFRESHED = 16
# Prototypes that room is made for at once.
_ROOM = 16
_ALL = slice(None)


class Recogniser:
    """Decides, in the metric of one stream, whether a run of open steps repeats one that is remembered.

    Two runs are as far apart as the median point of the one is from the nearest point of the other, both
    ways on average in squares, as a root mean square over the dimensions (derived). In the metric, 1 is about
    how far features stray within a moment. It does not mind in which phase of a repeated movement the runs
    begin and end.

    How far every open step is from every point remembered is kept, so that a step costs a row of it.

    Parameters
    ----------
    memory : the prototypes.
    whitening : the metric.
    threshold : runs nearer than this show the same motion.
    most : open steps at once, at most.
    """

    def __init__(self, memory: MotionMemory, whitening: Whitening, threshold: float, most: int) -> None:
        self._memory = memory
        self._whitening = whitening
        self._threshold = threshold
        self._metric = whitening.metric
        # Prototypes by slot of the memory, as they were after so many changes of it, and whose turn is next.
        self._prototypes: dict[int, Prototype] = {}
        self._changes = 0
        self._turn = 0
        # By slot: motion, number of points; the points in the metric of the time they were last measured,
        # (EXEMPLARS, slots, size), and their squared lengths, infinite where there are fewer.
        self._ids = np.zeros(0, np.intp)
        self._counts = np.zeros(0, np.intp)
        self._points = np.zeros((EXEMPLARS, 0, len(self._metric)))
        self._squares = np.zeros((EXEMPLARS, 0))
        # Open steps in the metric, their squared distances (EXEMPLARS * slots) from all those points, and
        # those (slots) from the nearest of each prototype.
        self._open = Rows(most, len(self._metric))
        self._far = Rows(most, 0)
        self._near = Rows(most, 0)

    def push(self, point: Array) -> None:
        """Take the newest open step (size,), projected."""
        self._follow_memory()
        self._open.push(point @ self._metric)
        self._far.push(0.0)
        self._near.push(0.0)
        self._compare(slice(-1, None), _ALL)

    def pop(self) -> None:
        """Close the oldest open step."""
        self._open.pop()
        self._far.pop()
        self._near.pop()

    def refresh(self, points: Array) -> None:
        """Follow a metric that has moved; ``points`` (m, size) are the m open steps, projected."""
        self._follow_memory()
        self._metric = self._whitening.metric
        slots = self._turn + np.arange(min(_REFRESHED, len(self._prototypes)))
        if len(slots):
            self._turn = int(slots[-1] + 1) % len(self._prototypes)
            self._measure(slots % len(self._prototypes))
        self._open.values[:] = points @ self._metric
        self._compare(_ALL, _ALL)

    def match(
        self, begin: int, end: int, own: Prototype | None = None, other_than: int = -1
    ) -> tuple[int, float]:
        """The motion of the run of open steps begin..end-1, and its confidence: (-1, 0.0) if none is near.

        The motion ``other_than`` is left out. ``own`` is compared without being remembered. The confidence
        falls from 1 at distance 0 to 0.5 at the threshold.
        """
        self._follow_memory()
        run, ids = slice(begin, end), self._ids
        distances = self._distances(self._kept(run), self._near.values[run], self._counts)
        if own:
            points = own.points @ self._metric
            far = _squared_distances(self._open.values[run], points, (points**2).sum(axis=1))[:, :, None]
            apart = self._distances(far, far.min(axis=1), np.array([len(points)]))
            distances, ids = np.append(distances, apart), np.append(ids, own.motion_id)
        distances = np.where(ids == other_than, np.inf, distances)
        nearest = int(distances.argmin()) if len(distances) else 0
        if not len(distances) or not distances[nearest] < self._threshold:
            return -1, 0.0
        return int(ids[nearest]), 1.0 - float(distances[nearest]) / self._threshold / 2.0

    def _distances(self, far: Array, near: Array, counts: NDArray[np.intp]) -> Array:
        """(N,) distances of a run from N others.

        ``far`` (n, m, N) are the squared distances of its points from those of the others, which have
        ``counts`` (N,) points, infinite beyond; ``near`` (n, N) those from the nearest of each.
        """
        count, others = len(far), np.arange(len(counts))
        ours, theirs = np.sort(near, axis=0), np.sort(far.min(axis=0), axis=0)
        middle = ours[(count - 1) // 2] + ours[count // 2]
        middle += theirs[(counts - 1) // 2, others] + theirs[counts // 2, others]
        distances: Array = np.sqrt(np.maximum(middle / 4.0, 0.0) / len(self._metric))
        return distances

    def _compare(self, steps: slice, slots: slice | list[int]) -> None:
        """Measure open steps against the prototypes in slots."""
        points, squares = self._points[:, slots], self._squares[:, slots]
        flat = points.reshape(-1, points.shape[2])
        fresh = _squared_distances(self._open.values[steps], flat, squares.ravel())
        far = fresh.reshape(len(fresh), *squares.shape)
        self._kept(steps)[:, :, slots] = far
        self._near.values[steps][:, slots] = far.min(axis=1)

    def _kept(self, steps: slice) -> Array:
        """(n, EXEMPLARS, slots) squared distances of n open steps, to be written to."""
        far = self._far.values[steps]
        return far.reshape(len(far), *self._squares.shape)

    def _follow_memory(self) -> None:
        """Take up what was remembered or forgotten since."""
        if self._changes == self._memory.changes:
            return
        self._changes = self._memory.changes
        known = self._memory.prototypes
        if len(known) > len(self._ids):
            self._make_room(len(known))
        fresh = [slot for slot, prototype in known.items() if self._prototypes.get(slot) is not prototype]
        for slot in fresh:
            self._prototypes[slot] = known[slot]
            self._ids[slot], self._counts[slot] = known[slot].motion_id, len(known[slot].points)
        self._points[:, fresh], self._squares[:, fresh] = 0.0, np.inf
        self._measure(np.array(fresh))
        self._compare(_ALL, fresh)

    def _make_room(self, slots: int) -> None:
        """For so many slots, and some more."""
        more = -(-slots // _ROOM) * _ROOM - len(self._ids)
        self._ids = np.append(self._ids, np.full(more, -1))
        self._counts = np.append(self._counts, np.ones(more, np.intp))
        self._points = np.concatenate((self._points, np.zeros((EXEMPLARS, more, self._points.shape[2]))), 1)
        self._squares = np.concatenate((self._squares, np.full((EXEMPLARS, more), np.inf)), 1)
        self._far, self._near = (Rows(self._open.most, size) for size in (self._squares.size, len(self._ids)))
        for _ in range(len(self._open)):
            self._far.push(0.0)
            self._near.push(0.0)
        self._compare(_ALL, _ALL)

    def _measure(self, slots: NDArray[np.intp]) -> None:
        """Measure the prototypes in slots anew."""
        runs = [self._prototypes[int(slot)].points for slot in slots]
        places = np.concatenate([np.arange(len(points)) for points in runs])
        owners = np.repeat(slots, self._counts[slots])
        measured = np.concatenate(runs) @ self._metric
        self._points[places, owners] = measured
        self._squares[places, owners] = (measured**2).sum(axis=1)


def _squared_distances(points: Array, others: Array, squares: Array) -> Array:
    """(n, m) of n points from m others of which the squared lengths are known."""
    far = (-2.0 * points) @ others.T
    far += squares
    far += (points**2).sum(axis=1, keepdims=True)
    return far
