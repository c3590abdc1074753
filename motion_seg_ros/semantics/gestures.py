"""What arms and legs do, told from their measures: the part of the describer that looks at single limbs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.movement import Arm, Leg, Movement, swings

# Arm lengths. A hand is raised above the shoulder by so much; it moves, rather than sways, by so much.
_ABOVE, _MOVED = 0.2, 0.45
# A hand that stays below the shoulder is raised, not only stretched out, when it rises by so much.
_LIFT = 0.6
# A swing of a waving hand; how often it must go to and fro.
_WAVE, _WAVES = 0.1, 4
# Distance of hands that clap: a depth camera seldom sees them touch.
_TOGETHER = 0.5
# Arm lengths a second, ahead: a punch or a throw rather than a push.
_FAST = 3.0
# Arm lengths that a fist on guard goes ahead, often.
_JAB, _JABS = 0.25, 3
# Leg lengths: a foot that leaves the other by so much is lifted; a step on the spot.
_LIFTED, _STEPPED = 0.22, 0.06


@dataclass(frozen=True, slots=True)
class Action:
    """The same said twice: ``clause`` continues "A person ...", ``phrase`` stands alone ("waving a hand")."""

    clause: str
    phrase: str


@dataclass(frozen=True, slots=True)
class _Gesture:
    """An action of one arm or both; ``{}`` is where "the left hand" goes."""

    clause: str
    phrase: str

    def of(self, hand: str) -> Action:
        return Action(self.clause.replace("{}", hand), self.phrase.replace("{}", hand))


_CLAP = Action("claps the hands", "clapping the hands")
_CIRCLES = _Gesture("moves {} in large circles", "circling {}")
_WAVES_HAND = _Gesture("waves {}", "waving {}")
_RAISES_LOWERS = _Gesture("raises and lowers {}", "raising {}")
_RAISES = _Gesture("raises {}", "raising {}")
_LOWERS = _Gesture("lowers {}", "lowering {}")
_HOLDS_UP = _Gesture("holds {} up", "holding {} up")
_THROWS = _Gesture("throws with {}", "throwing with {}")
_PUNCHES = _Gesture("punches forward with {}", "punching with {}")
_PUSHES = _Gesture("pushes {} forward", "pushing {} forward")
_PULLS = _Gesture("pulls {} back", "pulling {} back")
_REACHES_BACK = _Gesture("reaches forward with {} and draws back", "reaching forward with {}")
_SPREADS = _Gesture("stretches {} out to the side", "stretching {} out to the side")
_SWINGS = _Gesture("swings {}", "swinging {}")
_HOLDS_AHEAD = _Gesture("holds {} in front of the body", "holding {} in front of the body")


def arm_actions(movement: Movement, free: bool) -> list[Action]:
    """What the arms do; only what is done above the shoulders where the body is busy (``free`` False)."""
    arms = movement.arms
    if free and _claps(movement):
        return [_CLAP]
    gestures = [None if arm is None else _gesture(arm, movement.fps, free) for arm in arms]
    left, right = gestures
    # Both hands do the same when only the ends of their ways differ.
    if left is not None and right is not None and left.phrase == right.phrase:
        return [max(left, right, key=lambda gesture: len(gesture.clause)).of("both hands")]
    return [
        gesture.of(f"the {side} hand")
        for side, gesture in (("left", left), ("right", right))
        if gesture is not None
    ]


def leg_action(movement: Movement) -> Action | None:
    """What the legs of somebody do who stays where they are."""
    left, right = movement.legs
    if left is None or right is None:
        return None
    apart = left.foot[:, 2] - right.foot[:, 2]
    steps = swings(apart, 2 * _STEPPED)
    up, down = float(apart.max()) > _LIFTED, float(apart.min()) < -_LIFTED
    if up != down:
        side, leg = ("left", left) if up else ("right", right)
        return _one_leg(leg, side)
    if (up and down) or steps >= 3:
        return Action("steps on the spot", "stepping on the spot")
    return None


def _one_leg(leg: Leg, side: str) -> Action:
    # A kick ends with a leg that is nearly straight and well ahead.
    kicks = float((leg.foot[:, 0] - 0.5 * np.abs(np.sin(leg.bend))).max()) > 0.35
    if kicks:
        return Action(f"kicks with the {side} leg", f"kicking with the {side} leg")
    return Action(f"lifts the {side} leg", f"lifting the {side} leg")


def _claps(movement: Movement) -> bool:
    apart = movement.hands_apart
    left, right = movement.arms
    if apart is None or left is None or right is None:
        return False
    near = apart < _TOGETHER
    # Fists that box come near each other too, but go ahead in turn.
    boxes = min(swings(arm.hand[:, 0], _JAB) for arm in (left, right)) > 2
    if swings(np.minimum(apart, 2 * _TOGETHER), 0.4 * _TOGETHER) < 4 or boxes or not near.any():
        return False
    # Below the shoulders: hands that cross over the head wave.
    return bool(np.median(np.concatenate((left.hand[near, 2], right.hand[near, 2]))) < 0.0)


def _gesture(arm: Arm, fps: float, free: bool) -> _Gesture | None:
    hand = arm.hand
    ahead, _, up = hand.T
    top = float(up.max())
    # With the forearm up a hand is raised at the height of the shoulder too; fists on guard are not.
    forearm = float((up - arm.elbow).max())
    if top > _ABOVE or (forearm > 0.25 and top > -0.3 and not swings(ahead, _MOVED)):
        return _overhead(arm, fps)
    if not free:
        # Arms swing with the steps: only hands that are carried in front are worth a word.
        return _HOLDS_AHEAD if _held_ahead(arm) and hand[:, 0].std() < 0.15 else None
    if np.linalg.norm(np.ptp(hand, axis=0)) < _MOVED:
        return _HOLDS_AHEAD if _held_ahead(arm) else None
    if swings(ahead, _JAB) >= _JABS and _peak(ahead, fps) > _FAST - 0.5 and ahead.max() > 0.6:
        return _PUNCHES
    if np.ptp(up) > _LIFT:
        return _overhead(arm, fps)
    return _low(arm, fps)


def _overhead(arm: Arm, fps: float) -> _Gesture:
    """A hand that is raised for a while."""
    up = arm.hand[:, 2]
    if _circles(arm.hand):
        return _CIRCLES
    if _oscillations(arm) >= _WAVES:
        return _WAVES_HAND
    top = int(up.argmax())
    rises, falls = up[top] - up[: top + 1].min() > _MOVED, up[top] - up[top:].min() > _MOVED
    if falls and not rises and _throws(arm.hand[top:], fps):
        return _THROWS
    if rises and falls:
        return _RAISES_LOWERS
    return _RAISES if rises else _LOWERS if falls else _HOLDS_UP


def _throws(hand: NDArray[np.float64], fps: float) -> bool:
    """Whether a bent arm stretches while the hand shoots forward; one that is lowered stays as it is."""
    reach = np.linalg.norm(hand, axis=1)
    return _peak(hand[:, 0], fps) > _FAST and bool(reach.max() > reach[0] + 0.15)


def _oscillations(arm: Arm) -> int:
    """How often a raised hand goes to and fro, sideways or up and down."""
    raised = arm.hand[arm.hand[:, 2] > max(-0.3, float(arm.hand[:, 2].max()) - 0.7)]
    return max(swings(raised[:, 1], _WAVE), swings(raised[:, 2], _WAVE)) if len(raised) else 0


def _circles(hand: NDArray[np.float64]) -> bool:
    """Whether the hand goes round a wide circle, seen from the side or from ahead."""
    for plane in ((0, 2), (1, 2)):
        flat = hand[:, plane]
        flat = flat - (flat.max(axis=0) + flat.min(axis=0)) / 2.0
        radius = np.linalg.norm(flat, axis=1)
        angle = np.unwrap(np.arctan2(flat[:, 1], flat[:, 0]))
        if radius.max() > 0.4 and radius.min() > 0.4 * radius.max() and np.ptp(angle) > 1.8 * math.pi:
            return True
    return False


def _held_ahead(arm: Arm) -> bool:
    ahead, _, up = np.median(arm.hand, axis=0)
    return bool(ahead > 0.3 and up > -0.6)


def _low(arm: Arm, fps: float) -> _Gesture | None:
    """A hand that stays below the shoulder but moves."""
    ahead, out, up = arm.hand.T
    strokes = swings(ahead, _MOVED)
    if float(ahead.max()) > 0.55 and up[ahead.argmax()] > -0.6:
        if strokes >= 2:
            return _REACHES_BACK
        if strokes == 1:
            return _PUSHES if ahead[-1] > ahead[0] else _PULLS
    if float(out.max()) > 0.6 and np.ptp(out) > _MOVED and up[out.argmax()] > -0.6:
        return _SPREADS
    if strokes >= 2 or swings(out, _MOVED) >= 3:
        return _SWINGS
    return _HOLDS_AHEAD if _held_ahead(arm) else None


def _peak(path: NDArray[np.float64], fps: float) -> float:
    """Greatest speed forward along a path."""
    return float(np.diff(path).max() * fps) if len(path) > 1 else 0.0
