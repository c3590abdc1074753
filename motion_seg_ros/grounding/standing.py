"""A standing query: "tell me when he waves", answered while the motion goes on.

The masks of the last seconds are kept. Every hop new steps come in, theta is shifted with them, and a few
gradient steps bring the masks up to date (derived). Every sub-action of the text is watched for by itself: an
order can only be checked when everything has happened, which is what the action is for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.calibration import step_seconds
from motion_seg_ros.grounding.grounder import Candidate, Grounder, links_between
from motion_seg_ros.grounding.history import MotionHistory
from motion_seg_ros.grounding.masking import LEAST, MaskingConfig, Problem, masks_of, optimise
from motion_seg_ros.grounding.motion_text import MotionFeatures, unit
from motion_seg_ros.grounding.partition import Partition
from motion_seg_ros.grounding.placing import places_of
from motion_seg_ros.settings import check, setting

Array = NDArray[np.float64]

# Looks begin on a common grid (ns), so that a step is the same step in all of them.
_GRID = 1_000_000_000
# Seconds around a step that speak for it.
_AROUND = 1.0


@dataclass(frozen=True)
class StandingConfig:
    """The numbers of standing queries."""

    window: float = setting(12.0, "Seconds of motion that a standing query looks at", low=2.0, high=60.0)
    hop: float = setting(0.5, "Seconds between two looks of a standing query", low=0.1, high=5.0)
    hop_steps: int = setting(3, "Gradient steps of a standing query at each look", low=0, high=20)
    settle: float = setting(1.0, "Seconds after which the end of a sighting is final", low=0.2, high=10.0)
    shortest: float = setting(0.3, "Shortest sighting of a standing query in seconds", low=0.1, high=5.0)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A revisable statement that a sub-action was seen; the fields mean what those of a SegmentEvent mean.

    A final sighting of no length (start equals end) takes back one that was told too early.
    """

    sighting_id: int
    revision: int
    action: str
    stamp: int
    start: int
    end: int
    score: float
    final: bool


class StandingQuery:
    """Watches one person's motion for the sub-actions of a text.

    Parameters
    ----------
    grounder : its encoder, calibration and masking numbers are used.
    division : the text, split; with no actions nothing is ever told.
    ids : gives a number to each sighting.
    """

    def __init__(
        self,
        grounder: Grounder,
        division: Partition,
        config: StandingConfig | None = None,
        ids: Iterator[int] | None = None,
    ) -> None:
        self.division = division
        self.config = config or StandingConfig()
        self._actions = tuple(dict.fromkeys(division.actions))
        self._grounder = grounder
        self._ids = ids or itertools.count(1)
        self._texts = np.asarray(grounder.motion_text.embed_text(self._actions), np.float64)
        # Sub-actions may come in any order, and more than once.
        self._masking: MaskingConfig = replace(grounder.config, order=0.0, steps=self.config.hop_steps)
        self.reset()

    def reset(self) -> None:
        """Forget the motion; what was told and is not final stays so."""
        self._history = MotionHistory(self.config.window)
        self._next = -1
        self._sighted = False
        self._times = np.zeros(0, np.int64)
        self._theta = np.zeros((len(self._actions) + 1, 0))
        self._open: dict[int, Sighting] = {}
        rows = range(len(self._actions))
        self._done, self._told_end = dict.fromkeys(rows, 0), dict.fromkeys(rows, 0)

    def update(self, stamp: int, joints: NDArray[np.floating]) -> list[Sighting]:
        """Take the next frame, (22, 3) joints; what is new, most of the time nothing."""
        told: list[Sighting] = []
        if len(self._history) and stamp < self._history.newest:
            told = self.close()
        self._history.add(stamp, joints)
        if not self._actions or stamp < self._next:
            return told
        self._next = stamp + round(self.config.hop * 1e9)
        return told + self._look(stamp)

    @property
    def empty(self) -> bool:
        """Whether nothing is open and nobody was seen within the window."""
        return not self._open and not self._sighted

    def close(self) -> list[Sighting]:
        """End what is open, at the last frame seen, and forget the motion."""
        told = [
            replace(item, revision=item.revision + 1, final=True, stamp=self._history.newest)
            for item in self._open.values()
        ]
        self.reset()
        return told

    def _look(self, stamp: int) -> list[Sighting]:
        oldest = stamp - round(self.config.window * 1e9)
        features = self._grounder.encode(*self._history.between(-(-oldest // _GRID) * _GRID, stamp))
        self._sighted = features is not None
        if features is None:
            return [told for row in range(len(self._actions)) for told in self._compare(row, [], stamp)]
        masks = self._follow(features)
        told = []
        for row in range(len(self._actions)):
            told += self._compare(row, self._seen(row, masks[row] > 0.5, features), stamp)
        return told

    def _follow(self, features: MotionFeatures) -> Array:
        """Shift theta to the steps of these features, and improve it."""
        likely = self._likely(features)
        theta = self._masking.sharpness * np.log(np.maximum(likely, LEAST))
        if len(self._times):
            nearest = np.clip(np.searchsorted(self._times, features.times), 0, len(self._times) - 1)
            left = np.maximum(nearest - 1, 0)
            closer = np.abs(self._times[left] - features.times) < np.abs(
                self._times[nearest] - features.times
            )
            nearest = np.where(closer, left, nearest)
            known = np.abs(self._times[nearest] - features.times) < 5e8 * step_seconds(features.times)
            theta[:, known] = self._theta[:, nearest[known]]
        problem = Problem(
            features.values,
            features.attention,
            self._texts,
            likely,
            links_between(features.times, ()),
            self._grounder.calibration.background,
        )
        self._theta = optimise(theta, problem, self._masking)
        self._times = features.times
        return masks_of(self._theta, self._masking.sharpness)

    def _likely(self, features: MotionFeatures) -> Array:
        """(k + 1, L) how likely each step shows each sub-action, the background last, by the sum of the log
        odds of the steps around it; each is as likely as the background before.
        """
        odds = self._grounder.calibration.odds(unit(features.values) @ self._texts.T)
        reach = round(_AROUND / step_seconds(features.times) / 2)
        sums = np.vstack((np.zeros(odds.shape[1]), np.cumsum(odds, axis=0)))
        places = np.arange(len(odds))
        around = sums[np.minimum(places + reach + 1, len(odds))] - sums[np.maximum(places - reach, 0)]
        return masks_of(np.vstack((around.T, np.zeros(len(odds)))), 1.0)

    def _seen(self, row: int, mask: NDArray[np.bool_], features: MotionFeatures) -> list[Candidate]:
        """The runs of one mask that the score believes; runs with a short pause between them are one."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
        period = step_seconds(features.times)
        runs: list[list[int]] = []
        for first, last in edges.reshape(-1, 2).tolist():
            if runs and (first - runs[-1][1]) * period < self.config.settle:
                runs[-1][1] = last
            else:
                runs.append([first, last])
        long = [(first, last) for first, last in runs if (last - first) * period >= self.config.shortest]
        if not long:
            return []
        text = self._texts[row]
        odds = self._grounder.calibration.odds(unit(features.values) @ text[:, None])
        nowhere = np.zeros(len(features) + 1)
        happened = float(places_of(odds, nowhere, period, self._grounder.config).present[0])
        judged = [self._grounder.judge(self._actions[row], text, run, features, happened) for run in long]
        return [candidate for candidate in judged if candidate.found]

    def _compare(self, row: int, candidates: Sequence[Candidate], stamp: int) -> list[Sighting]:
        """What is new for one sub-action, now that these are its runs."""
        settle = round(self.config.settle * 1e9)
        told = []
        known = self._open.get(row)
        if known is not None and not any(_overlap(known, candidate) for candidate in candidates):
            told.append(self._lose(row, stamp, settle))
            known = None
        for candidate in candidates:
            assert candidate.start is not None
            assert candidate.end is not None
            start, end = max(candidate.start, self._done[row]), min(candidate.end, stamp)
            if end - start < round(self.config.shortest * 1e9):
                continue
            over = stamp - end >= settle
            if known is None or not _overlap(known, candidate):
                fresh = Sighting(
                    next(self._ids), 0, candidate.action, stamp, start, end, candidate.score, over
                )
                told.append(fresh)
            else:
                # It began when it was first seen to, also when that has left the window.
                start = min(start, known.start)
                fresh = replace(known, stamp=stamp, start=start, end=end, score=candidate.score, final=over)
                if over or end - self._told_end[row] >= settle:
                    fresh = replace(fresh, revision=known.revision + 1)
                    told.append(fresh)
            if told and told[-1] is fresh:
                self._told_end[row] = end
            known = None
            if over:
                self._open.pop(row, None)
                self._done[row] = end
            else:
                self._open[row] = fresh
        return told

    def _lose(self, row: int, stamp: int, settle: int) -> Sighting:
        """The last word on an open sighting that no run shows any more: over, or told too early."""
        item = self._open.pop(row)
        if stamp - item.end >= settle:
            self._done[row] = item.end
        else:
            item = replace(item, end=item.start, score=0.0)
        return replace(item, revision=item.revision + 1, stamp=stamp, final=True)


def _overlap(known: Sighting, candidate: Candidate) -> bool:
    assert candidate.start is not None
    assert candidate.end is not None
    return candidate.start <= known.end and known.start <= candidate.end
