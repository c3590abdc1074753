"""The streaming segmenter: feature vectors in, runs with recurring motion ids out.

Frames become even steps; steps are measured in a metric learned from the stream; the moments (mean and
spread) around the measured steps are embedded by fixed-lag ADMM over an adaptive dictionary; the codes
are divided into runs, as answers and jumps suggest; runs are compared with remembered runs. What is
older than the lag is settled and never changes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.settings import setting
from motion_seg_ros.skeleton.resampling import StepResampler
from motion_seg_ros.tvsh.admm import EmbeddingConfig
from motion_seg_ros.tvsh.answers import Answers
from motion_seg_ros.tvsh.dictionary import AdaptiveDictionary
from motion_seg_ros.tvsh.incremental import FixedLagCodes
from motion_seg_ros.tvsh.links import KinematicLinks
from motion_seg_ros.tvsh.moments import moments
from motion_seg_ros.tvsh.motions import Exemplars, MotionMemory, Prototype, Recogniser
from motion_seg_ros.tvsh.partition import Division, RunStatistics
from motion_seg_ros.tvsh.whitening import Whitening

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SegmenterConfig(EmbeddingConfig):
    """The numbers of the streaming segmenter."""

    rate: float = setting(15.0, "Steps a second that frames are resampled to", low=5.0, high=60.0)
    lag: float = setting(1.8, "Seconds after which a boundary and a label are final", low=0.6, high=10.0)
    embedding_lag: float = setting(1.0, "Seconds for which codes are refined", low=0.2, high=10.0)
    iterations: int = setting(3, "ADMM iterations a step", low=1, high=50)
    moment: float = setting(0.8, "Seconds over which motion counts as one moment", low=0.2, high=5.0)
    boundary_penalty: float = setting(20.0, "Evidence (nats) that a boundary needs", low=0.0, high=1000.0)
    announcement: float = setting(
        0.5,
        "Share of that evidence for which a boundary is announced, to be taken back if no more comes",
        low=0.0,
        high=1.0,
    )
    spread_floor: float = setting(
        0.3, "Least spread of a run, as a share of the typical change in 2 s", low=0.01, high=10.0
    )
    shortest: float = setting(0.4, "Shortest run in seconds", low=0.1, high=5.0)
    newest: float = setting(0.2, "Seconds of a new run before it is announced", low=0.05, high=5.0)
    recurrence: float = setting(0.7, "Distance below which two runs show one motion", low=0.0, high=5.0)
    idle: float = setting(
        0.2, "Mean limb speed (body sizes a second) below which a person is idle", low=0.0, high=10.0
    )
    deadline: float = setting(1.2, "Seconds within which an answer about motions counts", low=0.0, high=10.0)
    answer_weight: float = setting(
        8.0,
        "Evidence (nats) of a boundary that one nat of log odds of an answer is worth",
        low=0.0,
        high=100.0,
    )
    motions: int = setting(128, "Most remembered runs", low=1, high=4096)
    jumps: bool = setting(True, "Whether a jump between two frames (a splice, a swapped track) is a boundary")


# What the typical change of a code in 2 s is taken to be before it has been seen, and for how many steps
# of evidence that counts.
_USUAL_CHANGE, _USUAL_STEPS = 0.6, 15
_LEAST_FLOOR = 0.01
# An announced boundary is taken back when less than this share of what it was announced for is left.
_KEPT = 0.5
# By how much the division is too sure of itself: on recordings of three kinds, one place in three that was
# the best for a second but cost 16 nats too much was a boundary, and one in four that saved 12 was none.
_DOUBT = 3.0
# A boundary that would cost more than this (nats) is as unlikely as one that costs this.
_LEAST_WORTH = 400.0
# Activity of which nobody says anything.
_BUSY = 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of steps of one motion.

    Attributes
    ----------
    first, last : step numbers; ``last`` is exclusive.
    motion_id : -1 while not yet known, and for a run that is idle.
    confidence : of the motion id, 0..1; 0.5 for a motion that has not been seen before.
    boundary_confidence : that a boundary is at ``first``, 0..1.
    """

    first: int
    last: int
    motion_id: int
    confidence: float
    boundary_confidence: float


class StreamingSegmenter:
    """Runs of one stream of feature vectors, at a constant cost and memory a frame.

    Parameters
    ----------
    dimension : length d of the feature vectors.
    config : the numbers.
    memory : the motions known so far, when several streams share them.
    stray : (d,) how far each feature usually strays from its mean within a moment, if that is known.

    Attributes
    ----------
    open_runs : the present division of all that is not closed, oldest first; revisable, except that
        the first run keeps its beginning and, once it has one, its motion id. The newest may be one that
        is only expected: the confidence of its boundary is below 0.5, and nothing settled depends on it.
    closed : the runs that the last call settled for good.
    settled_ids : motion ids of the steps whose label the last call settled; ``settled`` counts all.
    """

    def __init__(
        self,
        dimension: int,
        config: SegmenterConfig,
        memory: MotionMemory | None = None,
        stray: Array | None = None,
    ) -> None:
        self._config = config
        self._memory = memory or MotionMemory(config.motions)
        rate = config.rate
        self._lag = max(2, round(config.lag * rate))
        self._shortest = max(1, round(config.shortest * rate))
        self._newest = max(1, round(config.newest * rate))
        self._warmup = max(2, round(config.moment * rate))
        self._hop = max(1, round(0.5 * rate))
        self.resampler = StepResampler(rate)
        self._whitening = Whitening(dimension, self._warmup, stray)
        self._recogniser = Recogniser(self._memory, self._whitening, config.recurrence)
        self._dictionary = AdaptiveDictionary(3 * self._whitening.size, config.atoms)
        # Codes come to rest before their steps are settled.
        self._free = min(self._lag, max(1, round(config.embedding_lag * rate)))
        self._embedding = FixedLagCodes(config, self._free)
        self._embedding.use_atoms(self._dictionary.atoms)
        self._half = self._warmup // 2
        # Settled steps that moments of open ones reach back to.
        self._before: deque[Array] = deque(maxlen=self._half)
        self._points: deque[Array] = deque()
        self._activity: deque[float] = deque()
        self._codes: deque[Array] = deque()
        self._rested: deque[Array] = deque(maxlen=max(1, round(2.0 * rate)))
        self._changes: deque[float] = deque([_USUAL_CHANGE] * _USUAL_STEPS, maxlen=round(30 * rate))
        self._kinematics = KinematicLinks()
        # Links of the open steps to the step before, where they are not 1.
        self._links: dict[int, float] = {}
        self._answers = Answers(self.resampler.period, round(config.deadline * rate))
        self._answered = False
        self.ignored_answers = 0
        self._newest_stamp: int | None = None
        self._steps = 0
        self.settled = 0
        self._cuts: list[int] = []
        self._cut_confidence: list[float] = []
        # A boundary that may yet be found in the newest run, and its confidence.
        self._expected: tuple[int, float] | None = None
        # Of a boundary before each open step, as far as the steps have been divided.
        self._worth: deque[float] = deque()
        self._statistics = RunStatistics(config.atoms)
        self._exemplars = Exemplars()
        self._run = Run(0, 0, -1, 0.0, 1.0)
        self.open_runs: list[Run] = []
        self.closed: list[Run] = []
        self.settled_ids: list[int] = []

    def update(self, stamp: int, features: Array, activity: float = _BUSY) -> None:
        """Take the next frame.

        Parameters
        ----------
        stamp : nanoseconds, later than the last.
        features : (d,) finite values.
        activity : in the unit of the setting ``idle``; without it nothing is idle.
        """
        self.closed, self.settled_ids = [], []
        self._newest_stamp = stamp
        for time, link in self._kinematics.update(stamp, features) if self._config.jumps else ():
            step = round((time - self.resampler.origin) / self.resampler.period)
            if step >= self.settled:
                self._links[step] = min(link, self._links.get(step, 1.0))
        steps = self.resampler.update(stamp, np.append(features, activity))
        for value in steps:
            self._activity.append(float(value[-1]))
            self._step(self._whitening.project(value[:-1]))
            if len(self._points) > self._lag:
                self._settle()
        if steps or self._answered:
            self._foresee()
            self._describe()
        if not self.open_runs:
            self.open_runs = [self._run]

    def answer(self, first: int, second: int, same_probability: float) -> bool:
        """Take an answer to the question whether two moments show the same motion.

        Answers are independent evidence and add up, so that the order in which they come does not matter and
        contradictory ones cancel. An answer takes effect on what is settled at one fixed age of its later
        moment, ``deadline``: one that comes late gives the same result as one that comes at once. On
        ``open_runs`` it acts with the next step.

        Parameters
        ----------
        first, second : stamps of the two moments in nanoseconds, ``first`` before ``second``.
        same_probability : that no boundary lies between them, judged from this answer alone when both are
            as likely beforehand: 0.9 for a "same", 0.1 for a "different", of somebody who is right nine times
            in ten.

        Returns
        -------
        Whether the answer counts. One that is later than the deadline, or about a moment outside the
        stream, changes nothing and is counted in ``ignored_answers``.

        Raises
        ------
        ValueError : ``first`` is not before ``second``, or the probability is not in 0..1.
        """
        if not first < second:
            raise ValueError(f"the first moment, {first}, must be before the second, {second}")
        if not 0.0 <= same_probability <= 1.0:
            raise ValueError(f"a probability must be in 0..1, not {same_probability}")
        origin = self.resampler.origin
        seen = self._newest_stamp is not None and first >= origin and second <= self._newest_stamp
        if not seen or not self._answers.add(first - origin, second - origin, same_probability, self._steps):
            self.ignored_answers += 1
            return False
        self._answered = True
        return True

    def outlook(self) -> list[tuple[int, float]]:
        """Where a boundary may be that is not settled: (stamp in nanoseconds, probability), oldest first.

        These are the places that are better than all others within the length of the shortest run, found or
        not. What answers have said is in the probability. One between two runs that were recognised as
        the same motion is at most as likely as not.
        """
        found = []
        worth = np.array(self._worth)
        told = {run.first - self.settled for run in self.open_runs}
        for place in range(len(worth)):
            around = worth[max(place - self._shortest, 0) : place + self._shortest + 1]
            if worth[place] < around.max() or not np.isfinite(worth[place]):
                continue
            probability = _confidence(max(worth[place], -_LEAST_WORTH) / _DOUBT)
            if place in self._cuts and place not in told:
                probability = min(probability, 0.5)
            found.append((self.resampler.time_of(self.settled + place), probability))
        return found

    def finish(self) -> None:
        """Settle everything that is open; no frame may follow."""
        self.closed, self.settled_ids = [], []
        self._foresee()
        while self._points:
            self._settle()
        self._remember()
        self.closed.append(self._run)
        self.open_runs = []

    def _step(self, point: Array) -> None:
        self._whitening.learn(point)
        self._points.append(point)
        self._steps += 1
        if self._steps < self._warmup:
            return
        if self._steps == self._warmup:
            self._whitening.refresh()
            for count in range(1, self._steps + 1):
                self._embed(self._columns(count))
        else:
            if self._steps % self._hop == 0:
                self._refresh()
            self._embed(self._columns())
        self._answers.show_due(self._steps)
        self._divide()

    def _foresee(self) -> None:
        """Let the answers that came early show, in what is not settled."""
        self._answered = False
        if self._answers.show_all(self._steps) and self._steps >= self._warmup:
            self._divide()

    def _refresh(self) -> None:
        self._whitening.refresh()
        self._recogniser.refresh()
        self._dictionary.sweep()
        self._embedding.use_atoms(self._dictionary.atoms)

    def _columns(self, until: int | None = None) -> Array:
        """Columns of the steps that will be free when one more is embedded, newest last."""
        points = np.array([*self._before, *self._points])
        oldest = self._steps - len(points)
        walls = [step - oldest for step, link in self._links.items() if link < 0.5 and step > oldest]
        count = min(len(self._embedding.codes) + 1, self._free)
        means, spreads = moments(self._whitening.measure(points)[:until], count, self._half, walls)
        return self._whitening.columns(means, spreads)

    def _embed(self, columns: Array) -> None:
        column = columns[-1]
        left = self._embedding.push(column)
        # A moment goes on after its step: what was known of the last ones has grown.
        self._embedding.replace_data(columns)
        links = self._embedding.links
        for step, link in self._links.items():
            place = step - self._steps + len(links)
            if 0 <= place < len(links):
                links[place] = link
        self._embedding.refine(self._config.iterations)
        if self._dictionary.consider(column, self._embedding.codes[-1]) is not None:
            self._embedding.use_atoms(self._dictionary.atoms)
            self._embedding.refine(self._config.iterations)
        if left is None:
            return
        self._dictionary.learn(*left)
        code = _unit(left[1])
        self._codes.append(code)
        if len(self._rested) == self._rested.maxlen:
            self._changes.append(float(((code - self._rested[0]) ** 2).sum()))
        self._rested.append(code)

    def _divide(self) -> None:
        free = self._embedding.codes
        free = free / np.maximum(np.linalg.norm(free, axis=1, keepdims=True), 1e-12)
        codes = np.vstack((*self._codes, free)) if self._codes else free
        config = self._config
        floor = max(config.spread_floor * float(np.median(self._changes)), _LEAST_FLOOR)
        penalties = np.full(len(codes), config.boundary_penalty)
        for step, link in self._links.items():
            if self.settled <= step < self._steps:
                penalties[step - self.settled] *= link
        evidence = self._answers.evidence(self.settled, config.answer_weight)
        division = Division(self._statistics, codes, floor, evidence)
        self._cuts, gains = division.best_boundaries(penalties, self._shortest, self._newest)
        self._worth = deque(division.worth(self._cuts, penalties).tolist())
        # Even odds for a boundary that pays for itself exactly.
        self._cut_confidence = [_confidence(max(gain, 0.0)) for gain in gains]
        begin = self._cuts[-1] if self._cuts else -1
        # What was announced is not taken back for a little, or it would come and go with the noise.
        kept = self._expected is not None and self._expected[0] > begin
        share = config.announcement * (_KEPT if kept else 1.0)
        found = division.likeliest_boundary(begin, share * penalties, self._shortest, self._newest)
        self._expected = None
        if found and found[1] > 0.0:
            place, gain = found
            missing = gain - (1.0 - share) * float(penalties[place])
            self._expected = place, _confidence(min(missing, 0.0))

    def _settle(self) -> None:
        """Make the label of the oldest open step final."""
        if self._cuts and self._cuts[0] == 0:
            self._begin_run()
        elif len(self._exemplars) == 0:
            self._name_run()
        point = self._points.popleft()
        self._activity.popleft()
        if self._codes:
            self._statistics.add(self._codes.popleft())
        self._before.append(point)
        self._exemplars.add(point)
        self._run = replace(self._run, last=self.settled + 1)
        self._links.pop(self.settled, None)
        self.settled += 1
        self._answers.forget(self.settled)
        self.settled_ids.append(self._run.motion_id)
        self._cuts = [cut - 1 for cut in self._cuts]
        if self._worth:
            self._worth.popleft()
        if self._expected:
            place, confidence = self._expected
            self._expected = (place - 1, confidence) if place > 0 else None

    def _begin_run(self) -> None:
        """A boundary has come to lie before the oldest open step."""
        confidence = self._cut_confidence.pop(0)
        self._cuts.pop(0)
        self._remember()
        before = self._run
        self._run = Run(self.settled, self.settled, -1, 0.0, confidence)
        apart = self._answers.told_apart(self.settled)
        self._name_run(before.motion_id if apart else -1)
        if self._run.motion_id == before.motion_id and not apart:
            # Another phase of the same motion: one run to the outside.
            self._run = before
        else:
            self.closed.append(before)
        self._statistics = RunStatistics(self._config.atoms)
        self._exemplars = Exemplars()

    def _prototype(self) -> Prototype:
        """What the settled part of the oldest run looks like."""
        return Prototype(self._run.motion_id, self._exemplars.points)

    def _name_run(self, other_than: int = -1) -> None:
        """Decide for good which motion the run shows that begins with the oldest open step."""
        if self._steps < self._warmup:
            return
        end = self._cuts[0] if self._cuts else len(self._points)
        motion_id, confidence = self._recognise(0, end, other_than=other_than)
        if motion_id < 0 and confidence == 0.0:
            motion_id, confidence = self._memory.new_id(), 0.5
        self._run = replace(self._run, motion_id=motion_id, confidence=confidence)

    def _remember(self) -> None:
        if self._run.motion_id >= 0:
            self._memory.remember(self._prototype())

    def _recognise(self, begin: int, end: int, *extra: Prototype, other_than: int = -1) -> tuple[int, float]:
        """Motion id and confidence of open steps: (-1, above 0.5) if idle, (-1, 0.0) if not known."""
        activity = float(np.mean([self._activity[i] for i in range(begin, end)]))
        if activity < self._config.idle:
            return -1, 1.0 - activity / self._config.idle / 2.0
        points = np.array([self._points[i] for i in range(begin, end)])
        return self._recogniser.match(points, *extra, other_than=other_than)

    def _describe(self) -> None:
        """Set ``open_runs`` from the present boundaries."""
        borders, trusts = [*self._cuts, len(self._points)], self._cut_confidence
        if self._expected:
            borders.insert(-1, self._expected[0])
            trusts = [*trusts, self._expected[1]]
        run = replace(self._run, last=self.settled + borders[0])
        extra = []
        if len(self._exemplars):
            extra = [self._prototype()]
        elif self._steps >= self._warmup:
            motion_id, confidence = self._recognise(0, borders[0])
            run = replace(run, motion_id=motion_id, confidence=confidence)
        self.open_runs = [run]
        for begin, end, trust in zip(borders, borders[1:], trusts, strict=False):
            before = self.open_runs[-1].motion_id
            apart = self._answers.told_apart(self.settled + begin)
            motion_id, confidence = self._recognise(begin, end, *extra, other_than=before if apart else -1)
            if motion_id >= 0 and motion_id == before:
                self.open_runs[-1] = replace(self.open_runs[-1], last=self.settled + end)
            else:
                run = Run(self.settled + begin, self.settled + end, motion_id, confidence, trust)
                self.open_runs.append(run)


def _confidence(gain: float) -> float:
    """Of a boundary that makes the division cheaper by so much."""
    return 1.0 / (1.0 + math.exp(-gain / 4.0))


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
