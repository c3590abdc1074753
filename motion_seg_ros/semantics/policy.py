"""Which questions are worth asking: pure and deterministic, by the stamps of the frames alone.

Where a boundary may be, the moments before and after are compared, as soon as the second is over; what
is most uncertain goes first. A "different" is confirmed, and the place narrowed down, by other pairs
around it (see :mod:`motion_seg_ros.semantics.inquiry`); where answers are so slow that the second of two
would come too late, the other pairs are asked about before the first answer is there. Where nothing is
uncertain for long, the likeliest place is asked about all the same. Every few questions one is a probe whose
answer is known (see :mod:`motion_seg_ros.semantics.trust`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.inquiry import Inquiry, information
from motion_seg_ros.semantics.kinematic import distance, signature
from motion_seg_ros.semantics.protocol import Answer, Moment, Question
from motion_seg_ros.semantics.trust import Trust
from motion_seg_ros.settings import check, setting

Array = NDArray[np.float64]

_SECOND = 1_000_000_000
# Seconds between looks at a track, and between the moments that an inquiry may ask about.
_LOOK, _GRID = 0.1, 0.2
# Moments keep so far (s) from the boundary between them, and an inquiry reaches so far beyond its first pair.
_CLEAR, _MARGIN = 0.1, 0.4
# A pause among the frames of a moment (s) that leaves it unseen.
_UNSEEN = 0.3
# Two boundaries are not inquired into nearer than this (s).
_APART = 0.6
# Questions that may be asked in a burst, and the share of questions that are probes, at first and later.
_BURST = 6.0
_PROBE_EARLY, _PROBE_LATE, _PROVEN = 3, 10, 8
# Seconds between the moments that are kept for probes, how many are, and how far apart the two that are least
# alike must be: of a dozen moments of a recording those were of one motion in 0 to 2 cases of 100.
_KEEP_EVERY, _KEPT, _UNLIKE = 2.0, 12, 1.5
# A moment and itself.
_NEARBY = 0.1
_SURE = 0.98
# Most questions about one place, all under way at a time where answers are slow.
_MOST = 4
# How many of the last answers tell how long one takes.
_WAITS = 16


@dataclass(frozen=True)
class PolicyConfig:
    """What is asked, and how often."""

    window: float = setting(1.2, "Seconds of motion around each moment of a question", low=0.2, high=5.0)
    per_minute: float = setting(
        12.0, "Questions a minute and person, on average; a few may come at once", low=0.1, high=900.0
    )
    silence: float = setting(
        10.0, "Seconds without a question after which one is asked anyway", low=1.0, high=3600.0
    )
    worth: float = setting(
        0.05, "Information (nats) that an answer must promise to be asked for", low=0.0, high=0.7
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """A question that should be asked.

    Attributes
    ----------
    asked : stamp of the frame with which it is asked.
    until : stamp from which the answer can matter no more.
    probe : the known answer (whether it is the same), or None.
    """

    question: Question
    asked: int
    until: int
    probe: bool | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """That no boundary lies between two stamps of a track, by one answer and with even odds beforehand."""

    track_id: str
    first: int
    second: int
    same_probability: float


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    stamp: int
    joints: Array
    features: Array


@dataclass(slots=True, eq=False)
class _Gap:
    """An inquiry into one place; moment i of the inquiry is at ``origin + i * _GRID``."""

    inquiry: Inquiry
    place: int
    origin: int
    begun: bool = False
    awaited: dict[tuple[int, int], Wish] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Track:
    frames: deque[_Frame]
    allowance: float = _BURST
    looked: int = 0
    last_asked: int = 0
    gaps: list[_Gap] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    probes: list[Wish] = field(default_factory=list)
    kept: deque[tuple[Moment, Array]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    kept_at: int = 0
    since_probe: int = 0
    probe_same: bool = True


class Policy:
    """Decides, for every track, what to ask.

    Parameters
    ----------
    config : what and how often.
    deadline : seconds after a question's second moment within which an answer counts.
    reply : seconds after which an answer is used at the earliest.
    """

    def __init__(self, config: PolicyConfig, deadline: float, reply: float) -> None:
        self.trust = Trust()
        self._config = config
        self._deadline, self._reply = _ns(deadline), _ns(reply)
        self._half = _ns(config.window / 2)
        # From a boundary to the moments on its sides.
        self._side = self._half + _ns(_CLEAR)
        self._reach = self._deadline + 2 * self._side + _ns(_MARGIN) + _SECOND
        self._tracks: dict[str, _Track] = {}
        # How long (ns) the last answers took.
        self._waits: deque[int] = deque(maxlen=_WAITS)

    def see(
        self,
        track_id: str,
        stamp: int,
        joints: Array,
        features: Array,
        outlook: Callable[[], Sequence[tuple[int, float]]],
    ) -> list[Wish]:
        """Take the next frame of a track.

        Parameters
        ----------
        joints : (22, 3) smpl22.
        features : (48,) of :class:`motion_seg_ros.skeleton.features.SkeletonFeatures`.
        outlook : gives places of boundaries that are not final: stamps, oldest first, and probabilities.
        """
        track = self._tracks.get(track_id)
        if track is None or stamp <= track.frames[-1].stamp:
            track = self._tracks[track_id] = _Track(deque(), looked=stamp, last_asked=stamp, kept_at=stamp)
        track.frames.append(_Frame(stamp, joints, features))
        while stamp - track.frames[0].stamp > self._reach:
            track.frames.popleft()
        elapsed = stamp - track.looked
        if elapsed < _ns(_LOOK):
            return []
        track.looked = stamp
        gained = elapsed / _SECOND * self._config.per_minute / 60.0
        track.allowance = min(track.allowance + gained, _BURST)
        self._keep(track, stamp)
        track.gaps = [gap for gap in track.gaps if gap.awaited or self._in_time(gap, stamp)]
        track.places = [place for place in track.places if stamp - place <= self._reach]
        if track.allowance < 1.0:
            return []
        probe = self._probe(track_id, track, stamp)
        wishes = [probe] if probe else self._inquire(track_id, track, stamp, outlook)
        track.allowance -= len(wishes)
        if wishes:
            track.last_asked = stamp
        return wishes

    def tell(self, wish: Wish, answer: Answer | None, stamp: int) -> Evidence | None:
        """Take what became of a wish by a frame's stamp; what it says about boundaries, if anything."""
        track = self._tracks.get(wish.question.track_id)
        # What was given up at once, or ended because stamps went back, does not tell how long answers take.
        if wish.asked < stamp and (answer is not None or stamp >= wish.until):
            self._waits.append(stamp - wish.asked)
        if wish.probe is not None:
            if answer is not None:
                self.trust.probed(wish.probe, answer.same_probability)
            return None
        same = None if answer is None else self.trust.temper(answer.same_probability)
        for gap in track.gaps if track else ():
            for pair in [pair for pair, asked in gap.awaited.items() if asked is wish]:
                del gap.awaited[pair]
                if same is not None:
                    gap.inquiry.tell(*pair, same)
        if same is None or same == 0.5:
            return None
        question = wish.question
        return Evidence(question.track_id, question.first.stamp, question.second.stamp, same)

    def end(self, track_id: str) -> None:
        """Forget a track that is over."""
        self._tracks.pop(track_id, None)

    @property
    def slow(self) -> bool:
        """Whether the second of two answers, one after the other, would come too late."""
        return 2 * self._usual_wait > self._deadline - self._half

    @property
    def _usual_wait(self) -> int:
        """Nanoseconds from a question to its answer."""
        return max(self._reply, round(float(np.median(self._waits)))) if self._waits else self._reply

    # -- boundaries -------------------------------------------------------------------------------

    def _inquire(
        self,
        track_id: str,
        track: _Track,
        stamp: int,
        outlook: Callable[[], Sequence[tuple[int, float]]],
    ) -> list[Wish]:
        """The next questions of an inquiry that is open, or the first of a new one."""
        for gap in list(track.gaps):
            if wishes := self._ask(track_id, track, gap, stamp):
                return wishes
        if track.gaps and not self.slow:
            return []
        fresh = self._new_gap(track, stamp, outlook())
        return [] if fresh is None else self._ask(track_id, track, fresh, stamp)

    def _new_gap(self, track: _Track, stamp: int, outlook: Sequence[tuple[int, float]]) -> _Gap | None:
        """An inquiry into the place whose answer promises most, if it promises enough."""
        same_right, different_right = (min(max(rate, 0.51), _SURE) for rate in self.trust.rates)
        best, chosen = 0.0, None
        for place, probability in outlook:
            if not self._askable(place, stamp) or any(abs(place - p) < _ns(_APART) for p in track.places):
                continue
            promise = information(probability, same_right, different_right)
            if promise > best:
                best, chosen = promise, (place, probability)
        quiet = stamp - track.last_asked > _ns(self._config.silence)
        # What is left of the allowance is kept for what promises more.
        if chosen is None or not (quiet or best >= self._config.worth * _BURST / track.allowance):
            return None
        place, probability = chosen
        count = max(1, round(2 * self._side / _ns(_GRID)))
        before = self._margin(track, place)
        rate = probability / count
        inquiry = Inquiry(
            0, count, (before, 0), rate, same_right, different_right, most=_MOST, sure=0.9,
            apart=max(1, round(2 * self._half / _ns(_GRID))),
        )  # fmt: skip
        gap = _Gap(inquiry, place, place - count * _ns(_GRID) // 2)
        track.gaps.append(gap)
        track.places.append(place)
        return gap

    def _askable(self, place: int, stamp: int) -> bool:
        """Whether the second moment is over, and an answer would come in time."""
        second = place + self._side
        return second + self._half <= stamp and stamp + self._reply < second + self._deadline

    def _in_time(self, gap: _Gap, stamp: int) -> bool:
        return stamp + self._reply < gap.place + self._side + self._deadline

    def _margin(self, track: _Track, place: int) -> int:
        """How many moments before the gap may be asked about too: none across another boundary."""
        earlier = [other for other in track.places if other < place]
        room = min(place - self._side - max(earlier, default=0), _ns(_MARGIN))
        return max(0, room // _ns(_GRID))

    def _ask(self, track_id: str, track: _Track, gap: _Gap, stamp: int) -> list[Wish]:
        """The next questions of an inquiry: first the pair around the place, then what promises most."""
        room = min(_MOST if self.slow else 1, len(gap.awaited) + int(track.allowance))
        wishes: list[Wish] = []
        while len(gap.awaited) < room:
            pair = self._pair(gap, stamp)
            wish = None if pair is None else self._wish(track_id, track, gap, pair, stamp)
            if pair is None or wish is None:
                if not gap.awaited:
                    track.gaps.remove(gap)
                break
            gap.awaited[pair] = wish
            track.since_probe += 1
            wishes.append(wish)
        return wishes

    def _pair(self, gap: _Gap, stamp: int) -> tuple[int, int] | None:
        if not gap.begun:
            gap.begun = True
            return 0, max(1, round(2 * self._side / _ns(_GRID)))
        # An answer about moments that are older would come too late.
        oldest = (stamp + self._usual_wait - self._deadline - gap.origin) // _ns(_GRID)
        return gap.inquiry.question(oldest, gap.awaited)

    def _wish(
        self, track_id: str, track: _Track, gap: _Gap, pair: tuple[int, int], stamp: int
    ) -> Wish | None:
        first, second = (gap.origin + place * _ns(_GRID) for place in pair)
        question = self._question(track_id, track, first, second)
        return None if question is None else Wish(question, stamp, second + self._deadline)

    def _question(self, track_id: str, track: _Track, first: int, second: int) -> Question | None:
        moments = [found for time in (first, second) if (found := self._moment(track, time))]
        return Question(track_id, moments[0][0], moments[1][0]) if len(moments) == 2 else None

    def _moment(self, track: _Track, time: int) -> tuple[Moment, Array] | None:
        """The moment at a stamp and its features; None if it was not seen well enough."""
        begin, end = time - self._half, time + self._half
        inside = [frame for frame in track.frames if begin <= frame.stamp <= end]
        if len(inside) < 3:
            return None
        stamps = np.array([begin, *(frame.stamp for frame in inside), end])
        if np.diff(stamps).max() > _ns(_UNSEEN):
            return None
        fps = (len(inside) - 1) * _SECOND / (inside[-1].stamp - inside[0].stamp)
        joints = np.array([frame.joints for frame in inside])
        return Moment(time, joints, fps), np.array([frame.features for frame in inside])

    # -- probes -----------------------------------------------------------------------------------

    def _keep(self, track: _Track, stamp: int) -> None:
        if stamp - track.kept_at < _ns(_KEEP_EVERY):
            return
        track.kept_at = stamp
        found = self._moment(track, stamp - self._half)
        if found is not None:
            track.kept.append((found[0], signature(found[1])))

    def _probe(self, track_id: str, track: _Track, stamp: int) -> Wish | None:
        """A question whose answer is known, when it is time for one."""
        proven = min(self.trust.probes) >= _PROVEN
        if track.since_probe < (_PROBE_LATE if proven else _PROBE_EARLY):
            return None
        wish = self._same_probe(track_id, track, stamp) if track.probe_same else None
        wish = wish or self._different_probe(track_id, track, stamp)
        if wish is not None:
            track.since_probe = 0
            track.probe_same = not wish.probe
        return wish

    def _same_probe(self, track_id: str, track: _Track, stamp: int) -> Wish | None:
        second = stamp - self._half
        question = self._question(track_id, track, second - _ns(_NEARBY), second)
        return None if question is None else Wish(question, stamp, stamp + self._deadline, True)

    def _different_probe(self, track_id: str, track: _Track, stamp: int) -> Wish | None:
        """The two kept moments that are least alike, if they are plainly different."""
        kept = list(track.kept)
        pairs = [(distance(a[1], b[1]), a[0], b[0]) for i, a in enumerate(kept) for b in kept[i + 1 :]]
        if not pairs:
            track.probe_same = True
            return None
        apart, first, second = max(pairs, key=lambda pair: pair[0])
        if apart < _UNLIKE:
            track.probe_same = True
            return None
        # Another pair next time.
        track.kept = deque((k for k in kept if k[0] is not first), maxlen=_KEPT)
        return Wish(Question(track_id, first, second), stamp, stamp + self._deadline, False)


def _ns(seconds: float) -> int:
    return round(seconds * _SECOND)
