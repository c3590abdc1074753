"""The streaming segmenter: feature vectors in, runs with recurring motion ids out.

Frames become even steps; steps are measured in a metric learned from the stream; the moments (mean and
spread) around the measured steps are embedded by fixed-lag ADMM over an adaptive dictionary; the codes, and
how fast the body moves, are divided into runs, as answers and jumps suggest; runs are compared with
remembered runs. What is older than the lag is settled and never changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.resampling import StepResampler
from motion_seg_ros.tvsh.answers import Answers
from motion_seg_ros.tvsh.code_stream import CodeStream
from motion_seg_ros.tvsh.links import KinematicLinks
from motion_seg_ros.tvsh.motions import Exemplars, MotionMemory, Prototype
from motion_seg_ros.tvsh.pace import Pace
from motion_seg_ros.tvsh.partition import Division, RunStatistics, Strand
from motion_seg_ros.tvsh.recognition import Recogniser
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig

Array = NDArray[np.float64]


_LEAST_FLOOR = 0.01
# An announced boundary is taken back when less than this share of what it was announced for is left.
_KEPT = 0.5
# By how much the division is too sure of itself: on recordings of three kinds, one place in three that was
# the best for a second but cost 16 nats too much was a boundary, and one in four that saved 12 was none.
_DOUBT = 3.0
# What codes and pace say is in part the same, so that where both are there each counts for less.
_SHARED = 0.9
# The two sides of a boundary that saves so many times what it costs are never one motion.
_CLEAR = 2.0
# A boundary that would cost more than this (nats) is as unlikely as one that costs this.
_LEAST_WORTH = 400.0
_NO_SPEEDS = np.zeros(0)


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
        self.resampler = StepResampler(rate)
        self._stream = CodeStream(dimension, config, stray)
        self._recogniser = Recogniser(
            self._memory, self._stream.whitening, config.recurrence, self._stream.most
        )
        self._pace = Pace()
        self._kinematics = KinematicLinks()
        # Links of the open steps to the step before, where they are not 1.
        self._links: dict[int, float] = {}
        self._answers = Answers(self.resampler.period, round(config.deadline * rate))
        self._answered = False
        self.ignored_answers = 0
        self._newest_stamp: int | None = None
        self.settled = 0
        self._cuts: list[int] = []
        self._cut_confidence: list[float] = []
        # A boundary that may yet be found in the newest run, and its confidence.
        self._expected: tuple[int, float] | None = None
        # Of a boundary before each open step, as far as the steps have been divided.
        self._worth = np.zeros(0)
        self._statistics = RunStatistics()
        self._exemplars = Exemplars()
        self._run = Run(0, 0, -1, 0.0, 1.0)
        self.open_runs: list[Run] = []
        self.closed: list[Run] = []
        self.settled_ids: list[int] = []

    def update(self, stamp: int, features: Array, speeds: Array = _NO_SPEEDS) -> None:
        """Take the next frame.

        Parameters
        ----------
        stamp : nanoseconds, later than the last.
        features : (d,) finite values.
        speeds : (k,) of parts of the body, in the unit of the setting ``idle``; without them nothing is idle.
            Every frame has as many.
        """
        self.closed, self.settled_ids = [], []
        self._newest_stamp = stamp
        for time, link in self._kinematics.update(stamp, features) if self._config.jumps else ():
            step = round((time - self.resampler.origin) / self.resampler.period)
            if step >= self.settled:
                self._links[step] = min(link, self._links.get(step, 1.0))
        steps = self.resampler.update(stamp, np.concatenate((features, speeds)))
        for value in steps:
            self._pace.push(value[len(features) :])
            self._step(value[: len(features)])
            if len(self._stream.points) > self._lag:
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
        if not seen or not self._answers.add(
            first - origin, second - origin, same_probability, self._stream.steps
        ):
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
        worth = self._worth
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
        while len(self._stream.points):
            self._settle()
        self._remember()
        self.closed.append(self._run)
        self.open_runs = []

    def _step(self, features: Array) -> None:
        self._stream.push(features, self._links)
        self._recogniser.push(self._stream.points[-1])
        if self._stream.renewed:
            self._recogniser.refresh(self._stream.points)
        if self._stream.warm:
            self._answers.show_due(self._stream.steps)
            self._divide()

    def _foresee(self) -> None:
        """Let the answers that came early show, in what is not settled."""
        self._answered = False
        if self._answers.show_all(self._stream.steps) and self._stream.warm:
            self._divide()

    def _divide(self) -> None:
        codes, config = self._stream.codes(), self._config
        floor = max(config.spread_floor * self._stream.usual_change, _LEAST_FLOOR)
        penalties = np.full(len(codes), config.boundary_penalty)
        for step, link in self._links.items():
            if self.settled <= step < self._stream.steps:
                penalties[step - self.settled] *= link
        evidence = self._answers.evidence(self.settled, config.answer_weight)
        strands = [Strand(self._statistics, codes, floor)]
        if self._pace.known:
            share = _SHARED * config.pace_weight
            strands = [Strand(self._statistics, codes, floor, _SHARED), self._pace.strand(share)]
        division = Division(strands, evidence)
        self._cuts, gains = division.best_boundaries(penalties, self._shortest, self._newest)
        self._worth = division.worth(self._cuts, penalties)
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
        point, code = self._stream.pop()
        self._recogniser.pop()
        self._pace.pop(coded=code is not None)
        if code is not None:
            self._statistics.add(code)
        self._exemplars.add(point)
        self._run = replace(self._run, last=self.settled + 1)
        self._links.pop(self.settled, None)
        self.settled += 1
        self._answers.forget(self.settled)
        self.settled_ids.append(self._run.motion_id)
        self._cuts = [cut - 1 for cut in self._cuts]
        self._worth = self._worth[1:]
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
        apart = self._apart(self.settled, confidence)
        self._name_run(before.motion_id if apart else -1)
        if self._run.motion_id == before.motion_id and not apart:
            # Another phase of the same motion: one run to the outside.
            self._run = before
        else:
            self.closed.append(before)
        self._statistics = RunStatistics()
        self._pace.begin_run()
        self._exemplars = Exemplars()

    def _apart(self, step: int, confidence: float) -> bool:
        """Whether another motion begins with a step, and not another phase of the same."""
        clear = confidence > _confidence(_CLEAR * self._config.boundary_penalty)
        return clear or self._answers.told_apart(step)

    def _prototype(self) -> Prototype:
        """What the settled part of the oldest run looks like."""
        return Prototype(self._run.motion_id, self._exemplars.points)

    def _name_run(self, other_than: int = -1) -> None:
        """Decide for good which motion the run shows that begins with the oldest open step."""
        if not self._stream.warm:
            return
        end = self._cuts[0] if self._cuts else len(self._stream.points)
        motion_id, confidence = self._recognise(0, end, other_than=other_than)
        if motion_id < 0 and confidence == 0.0:
            motion_id, confidence = self._memory.new_id(), 0.5
        self._run = replace(self._run, motion_id=motion_id, confidence=confidence)

    def _remember(self) -> None:
        if self._run.motion_id >= 0:
            self._memory.remember(self._prototype())

    def _recognise(
        self, begin: int, end: int, own: Prototype | None = None, other_than: int = -1
    ) -> tuple[int, float]:
        """Motion id and confidence of open steps: (-1, above 0.5) if idle, (-1, 0.0) if not known."""
        speed = self._pace.mean(begin, end)
        if speed < self._config.idle:
            return -1, 1.0 - speed / self._config.idle / 2.0
        return self._recogniser.match(begin, end, own, other_than)

    def _describe(self) -> None:
        """Set ``open_runs`` from the present boundaries."""
        borders, trusts = [*self._cuts, len(self._stream.points)], self._cut_confidence
        if self._expected:
            borders.insert(-1, self._expected[0])
            trusts = [*trusts, self._expected[1]]
        run = replace(self._run, last=self.settled + borders[0])
        own = None
        if len(self._exemplars):
            own = self._prototype()
        elif self._stream.warm:
            motion_id, confidence = self._recognise(0, borders[0])
            run = replace(run, motion_id=motion_id, confidence=confidence)
        self.open_runs = [run]
        for begin, end, trust in zip(borders, borders[1:], trusts, strict=False):
            before = self.open_runs[-1].motion_id
            apart = self._apart(self.settled + begin, trust)
            motion_id, confidence = self._recognise(begin, end, own, before if apart else -1)
            if motion_id >= 0 and motion_id == before:
                self.open_runs[-1] = replace(self.open_runs[-1], last=self.settled + end)
            else:
                run = Run(self.settled + begin, self.settled + end, motion_id, confidence, trust)
                self.open_runs.append(run)


def _confidence(gain: float) -> float:
    """Of a boundary that makes the division cheaper by so much."""
    return 1.0 / (1.0 + math.exp(-gain / 4.0))
