"""Human motion made up: training material without a licence, and words for what is done.

Derived: neither paper synthesises motion. A person of random proportions does one thing after another
(:mod:`.actions`, :mod:`.gaits`) in a manner of their own; the feet, or whatever touches the ground, stay
where they are, and that moves the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.actions import ACTIONS, HOLDS, POSTURES, Action, Way
from motion_seg_ros.humocon.body import CHANNELS, COLUMNS, Array, Body, pose_row
from motion_seg_ros.humocon.gaits import GAITS, Gait

SYNTHESIS_FPS = 30.0

# How often each kind of motion is chosen where all are possible.
_KINDS = {
    "hold": 0.08,
    "gait": 0.28,
    "gesture": 0.27,
    "gesture while moving": 0.1,
    "whole": 0.17,
    "change": 0.1,
}
# Metres from a joint to the ground when that part of the body lies on it, in the order of smpl22.
_CLEARANCE = np.array(
    [
        0.10,
        *[0.09] * 3,
        0.05,
        0.05,
        0.1,
        0.08,
        0.08,
        0.1,
        0.02,
        0.02,
        *[0.08] * 3,
        0.1,
        *[0.08] * 2,
        *[0.04] * 4,
    ]
)
# How sharply the lowest joint alone carries the body, metres.
_CONTACT = 0.012
# Noise never turns people over, lets them spin or fly.
_STEADY = ("turn", "lift", "fall", "tumble")
# What people take each in their own way, and the deviation (radians) of how they do a thing this time.
_FREE_POSTURES = ("stand", "sit", "kneel", "crouch")
_MANNER = 0.08
# How much slower legs go for each rad/s of sharper turning.
_SLOWED = 0.15


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A sequence of motions.

    Attributes
    ----------
    joints : (T, 22, 3) float64, metres, smpl22 in REP-103 axes, at 30 Hz; the ground is z = 0.
    labels : (T,) int32, index into ``names``.
    names : of the motions that occur, in the words of :func:`vocabulary`.
    """

    joints: Array
    labels: NDArray[np.int32]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Step:
    """One thing to do: an action in a posture, or on a gait, or one of these alone."""

    name: str
    kind: str
    start: str
    end: str
    action: Action | None = None
    gait: Gait | None = None


def vocabulary() -> tuple[str, ...]:
    """Everything a made-up person can do, in plain words."""
    return tuple(_steps())


def deed(name: str) -> str:
    """What is done in a motion of :func:`vocabulary`, whatever the legs do meanwhile."""
    return name.partition(" while ")[0]


@lru_cache(maxsize=1)
def deeds() -> tuple[str, ...]:
    """Each thing done in :func:`vocabulary`, once."""
    return tuple(dict.fromkeys(deed(name) for name in vocabulary()))


def synthetic_sequence(
    rng: np.random.Generator, seconds: float, names: Sequence[str] | None = None
) -> Synthetic:
    """Somebody doing one thing after another, with the names of what is done.

    Body, speed, vigour, posture, sway and heading are drawn for the person, the extent and timing of each
    motion for the motion. Between two motions the pose passes smoothly over, for a quarter to a half second
    around the change of label.

    Parameters
    ----------
    seconds : length; the result has ``ceil(30 seconds)`` frames.
    names : what may be done, of :func:`vocabulary`; where one of these needs another posture, the person
        takes it first (and that is labelled as what it is). All by default.

    Raises
    ------
    ValueError : unknown names, or no time at all.
    """
    count = int(np.ceil(seconds * SYNTHESIS_FPS))
    if count < 1:
        raise ValueError(f"{seconds} s of motion are none")
    steps = _steps()
    if unknown := [name for name in names or () if name not in steps]:
        raise ValueError(f"no made-up motion is called {unknown[0]!r}")
    body = Body.random(rng)
    person = _Person(rng)
    channels = np.zeros((0, CHANNELS))
    done: list[str] = []
    for step in _plan(rng, [steps[name] for name in names] if names else None):
        fade = int(rng.integers(8, 16))
        rows = person.perform(step, fade)
        if len(channels):
            weight = _ease((np.arange(2 * fade) + 0.5) / (2 * fade))[:, None]
            channels[-2 * fade :] += weight * (rows[: 2 * fade] - channels[-2 * fade :])
            rows = rows[2 * fade :]
        channels = np.concatenate((channels, rows))
        done += [step.name] * (len(channels) - len(done) - fade)
        if len(done) >= count:
            break
    channels = person.sway(_smooth(channels[:count], 1.2))
    used = tuple(dict.fromkeys(done[:count]))
    labels = np.array([used.index(name) for name in done[:count]], np.int32)
    heading = rng.uniform(-np.pi, np.pi) + np.cumsum(channels[:, COLUMNS["turn"]][:, 0]) / SYNTHESIS_FPS
    joints = _grounded(body.joints(channels, heading), channels[:, COLUMNS["lift"]][:, 0])
    joints[..., :2] += rng.uniform(-2, 2, 2)
    return Synthetic(joints, labels, used)


@lru_cache(maxsize=1)
def _steps() -> dict[str, _Step]:
    walk = next(gait for gait in GAITS if gait.name == "walk forward")
    steps = [_Step(name, "hold", posture, posture) for posture, name in HOLDS.items()]
    steps += [_Step(gait.name, "gait", "stand", "stand", gait=gait) for gait in GAITS]
    for action in ACTIONS:
        if action.start != "any":
            kind = "whole" if action.start == action.end else "change"
            steps.append(_Step(action.name, kind, action.start, action.end, action))
            continue
        steps.append(_Step(action.name, "gesture", "stand", "stand", action))
        steps.append(_Step(f"{action.name} while sitting", "gesture", "sit", "sit", action))
        name = f"{action.name} while walking forward"
        steps.append(_Step(name, "gesture while moving", "stand", "stand", action, walk))
    return {step.name: step for step in steps}


def _plan(rng: np.random.Generator, allowed: Sequence[_Step] | None) -> Iterator[_Step]:
    """Steps without end, each in the posture that the last one ended in."""
    steps = tuple(_steps().values())
    changes = [step for step in steps if step.kind == "change"]
    posture = "stand" if allowed is None else allowed[int(rng.integers(len(allowed)))].start
    while True:
        possible = [step for step in allowed or steps if step.start == posture]
        if allowed:
            # Every posture is reached from standing, and left for it.
            wanted = {step.start for step in allowed} - {posture}
            ways = [step for step in changes if step.start == posture and step not in possible]
            possible += [step for step in ways if step.end in wanted or (wanted and posture != "stand")]
        share = {kind: sum(step.kind == kind for step in possible) for kind in _KINDS}
        weight = np.array([_KINDS[step.kind] / share[step.kind] for step in possible])
        step = possible[int(rng.choice(len(possible), p=weight / weight.sum()))]
        posture = step.end
        yield step


class _Person:
    """How somebody moves: what stays the same from one motion to the next."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._speed = float(np.exp(rng.normal(0.0, 0.2)))
        self._vigour = float(rng.uniform(0.85, 1.15))
        self._hold = self._steady(rng.normal(0, 0.05, CHANNELS))
        self._hold[COLUMNS["bend"]] += abs(rng.normal(0, 0.12))
        self._hold[COLUMNS["nod"]] += rng.normal(0, 0.12)
        self._sway = float(rng.uniform(0.005, 0.04))
        self._arms = float(rng.uniform(0.3, 1.2))
        self._postures = {
            name: self._own(pose_row(pose)[0], name in _FREE_POSTURES) for name, pose in POSTURES.items()
        }

    def sway(self, channels: Array) -> Array:
        """The posture of this person, and slow small movements that nobody means."""
        noise = _smooth(self._rng.normal(0, 1, channels.shape), 12.0) * np.sqrt(2 * np.sqrt(np.pi) * 12.0)
        result = channels + self._hold + self._sway * self._steady(noise)
        for side in "lr":
            # A knee does not bend forwards, however it sways.
            result[:, COLUMNS[f"knee_{side}"]] = np.maximum(result[:, COLUMNS[f"knee_{side}"]], 0.02)
        return result

    def perform(self, step: _Step, fade: int) -> Array:
        """(T, CHANNELS), with ``fade`` more frames in front and behind for the passing over."""
        rng = self._rng
        pace = min(self._speed * float(np.exp(rng.normal(0.0, 0.2))), 1.5)
        vigour = min(self._vigour * float(rng.uniform(0.85, 1.15)), 1.2)
        posture, ending = self._postures[step.start], self._postures[step.end]
        rows, used = (
            np.tile(posture, (int(rng.uniform(1.5, 5.0) * SYNTHESIS_FPS), 1)),
            np.zeros(CHANNELS, bool),
        )
        if step.action:
            way = step.action.ways[int(rng.integers(len(step.action.ways)))]
            rows, used = self._keyed(posture, ending, way, pace, vigour)
        rows = np.pad(rows, ((fade, fade), (0, 0)), mode="edge")
        if step.gait:
            rows = np.where(used, rows, self._going(step.gait, len(rows), pace, vigour))
        return rows

    def _going(self, gait: Gait, length: int, pace: float, vigour: float) -> Array:
        rng = self._rng
        meander = 0.12 * _smooth(rng.normal(0, 1, (length, 1)), 15.0)[:, 0] * np.sqrt(30.0)
        turn = self._turning(gait.turn, length) + rng.normal(0, 0.06) + meander
        rate = gait.tempo * pace * np.exp(_smooth(rng.normal(0, 0.3, (length, 1)), 6.0)[:, 0])
        rate /= 1 + _SLOWED * np.abs(turn - gait.turn)
        phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(rate) / SYNTHESIS_FPS
        base = gait.channels(phase, vigour)
        for side in "lr":
            # Some swing their arms, some hardly do, and nobody both alike.
            hand = base[:, COLUMNS[f"hand_{side}"]]
            usual = hand.mean(axis=0)
            base[:, COLUMNS[f"hand_{side}"]] = usual + self._arms * rng.uniform(0.7, 1.3) * (hand - usual)
        base[:, COLUMNS["turn"]] += turn[:, None]
        base[:, COLUMNS["lean"]] -= 0.1 * np.clip(turn, -1.0, 1.0)[:, None]
        return base

    def _turning(self, usual: float, length: int) -> Array:
        """(length,) rad/s to the left: a bend all along, or one sharp turn somewhere on the way."""
        rng = self._rng
        if rng.random() < 0.6:
            return np.full(length, usual * rng.uniform(0.6, 1.5))
        angle = rng.uniform(0.8, 3.2)
        frames = min(int(max(angle / rng.uniform(0.9, 2.0), 0.7) * SYNTHESIS_FPS), length)
        turn = np.full(length, 0.5 * usual)
        first = int(rng.integers(length - frames + 1))
        share = (np.arange(frames) + 0.5) / frames
        turn[first : first + frames] += (
            np.sign(usual) * angle * (1 - np.cos(2 * np.pi * share)) * SYNTHESIS_FPS / frames
        )
        return turn

    def _keyed(
        self, start: Array, end: Array, way: Way, pace: float, vigour: float
    ) -> tuple[Array, NDArray[np.bool_]]:
        """(T, CHANNELS) from key to key with minimum jerk, and the channels that the action uses."""
        rng = self._rng
        poses = [pose_row(pose) for _, pose in way.keys]
        used = np.any([said for _, said in poses], axis=0) | (start != end)
        whole = sum(seconds for seconds, _ in way.keys[way.cycle :]) / pace
        rounds = max(1, round(rng.uniform(1.5, 4.5) / whole)) if whole else 0
        order = [*range(way.cycle), *(list(range(way.cycle, len(poses))) * rounds)]
        rows, last = [start[None]], start
        # Where this time the hands, trunk and legs are, all the while.
        manner = self._steady(rng.normal(0, _MANNER, CHANNELS))
        for key in order:
            values, said = poses[key]
            # What a pose does not say is on the way from the one posture to the other.
            rest = start + (end - start) * (key + 1) / len(poses)
            extent = vigour * rng.normal(1.0, 0.06) + rng.normal(0, 0.03, CHANNELS)
            aim = rest + np.where(said, extent * (values - rest) + manner, 0.0)
            seconds = way.keys[key][0] / pace * float(np.exp(rng.normal(0, 0.15)))
            frames = max(2, round(seconds * SYNTHESIS_FPS))
            rows.append(last + _ease(np.arange(1, frames + 1) / frames)[:, None] * (aim - last))
            last = aim
        return np.concatenate(rows), used

    def _own(self, posture: Array, free: bool) -> Array:
        """A posture as this person takes it: how high the chair is, where the hands rest."""
        rng = self._rng
        if not free:
            return posture
        own = posture * (1 + self._steady(rng.normal(0, 0.1, CHANNELS)))
        for side in "lr":
            # A hand rests elsewhere, with the elbow about as straight.
            hand = COLUMNS[f"hand_{side}"]
            own[hand] = posture[hand] + rng.normal(0, (0.1, 0.1, 0.02))
        return own

    @staticmethod
    def _steady(values: Array) -> Array:
        values = values.copy()
        for name in _STEADY:
            values[..., COLUMNS[name]] = 0
        return values


def _grounded(joints: Array, lift: Array) -> Array:
    """The body (T, 22, 3), whose pelvis was held in one place, with what touches the ground held instead."""
    heights = joints[..., 2] - _CLEARANCE
    lowest = heights.min(axis=1, keepdims=True)
    carries = np.exp((lowest - heights) / _CONTACT)
    carries /= carries.sum(axis=1, keepdims=True)
    steps = np.zeros((len(joints), 2))
    share = (carries[1:] + carries[:-1])[..., None] / 2
    steps[1:] = -(share * np.diff(joints[..., :2], axis=0)).sum(axis=1)
    moved = joints.copy()
    moved[..., :2] += np.cumsum(_smooth(steps, 1.5), axis=0)[:, None]
    moved[..., 2] += (np.maximum(lift, 0) - lowest[:, 0])[:, None]
    return moved


def _ease(share: Array) -> Array:
    """Minimum jerk from 0 to 1 (Flash and Hogan 1985, the way hands move)."""
    return share**3 * (10 - 15 * share + 6 * share**2)


def _smooth(rows: Array, width: float) -> Array:
    """Each column of (T, n) under a Gaussian of ``width`` frames; the ends are held."""
    reach = int(np.ceil(3 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1)
