"""A window of poses in one plain English sentence, and in a short phrase that labels a segment.

Rules over measures of the body: the same window gives the same words on every machine. The words say what
limbs and trunk do, not what for: whether a person greets or stops a taxi is for a language model to guess.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from motion_seg_ros.semantics.gestures import Action, arm_actions, leg_action
from motion_seg_ros.semantics.movement import Movement, measure, median, swings

# Leg lengths a second: below, nobody is going anywhere; above, walking becomes brisk, and running (the speed
# at which people change their gait has the Froude number 0.5: 2.4 for legs of 0.85 m).
_GOING, _SLOW, _BRISK, _RUNNING = 0.25, 0.5, 1.9, 2.4
# More steps a second than people walk, at a speed at which that is not shuffling.
_RUNNING_STEPS, _RUNNING_SPEED = 2.45, 1.7
# Leg lengths that must be covered, so that a shift of weight is no step.
_STEP = 0.25
# Leg lengths by which the feet pass each other in a step.
_STRIDE = 0.3
# Radians of turning worth a word, and of turning round.
_TURN, _ABOUT = math.radians(45), math.radians(135)
_TWIST = math.radians(40)
# Leg lengths by which both feet leave the ground in a jump, and the seconds that it may take.
_JUMP, _ALOFT = 0.08, 1.0
# Leg lengths by which one knee is above the other.
_KNEE = 0.3
_STANDS = Action("stands", "standing still")


@dataclass(frozen=True, slots=True)
class Description:
    """What a person does.

    Attributes
    ----------
    sentence : one English sentence.
    phrase : a few words such as "waving the left hand"; "" when too little is seen.
    """

    sentence: str
    phrase: str


def describe(joints: NDArray[np.floating], fps: float) -> Description:
    """Put a window of poses into words.

    Parameters
    ----------
    joints : (T, 22, 3) smpl22, metres, z up, NaN where unseen; T >= 1. About 2 s tell most.
    fps : frames a second.

    Raises
    ------
    ValueError : another shape, or a rate that is none.
    """
    movement = measure(joints, fps)
    if movement is None:
        return Description("Too little of the person is seen.", "")
    base = _body(movement)
    limbs = arm_actions(movement, free=base.free_arms) if base.arms else []
    if base.free_legs and (leg := leg_action(movement)):
        limbs.append(leg)
    phrases = [limb.phrase for limb in limbs]
    if base.idle:
        clause = _listed([base.action.clause, *(limb.clause for limb in limbs)])
    else:
        clause = f"{base.action.clause} while {_listed(phrases)}" if phrases else base.action.clause
    # That somebody stands goes without saying.
    if not phrases or base.action != _STANDS:
        phrases = [base.action.phrase, *phrases]
    return Description(f"A person {clause}.", " and ".join(phrases[:2]))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True, slots=True)
class _Base:
    """What the body as a whole does, and what that leaves to be told of the limbs.

    ``free_arms`` and ``free_legs`` may do anything; ``arms`` that are not free only what stands out.
    """

    action: Action
    arms: bool = True
    free_arms: bool = False
    free_legs: bool = False
    idle: bool = False


def _body(movement: Movement) -> _Base:
    for rule in (_lies, _jumps, _changes_height, _goes, _raises_knees, _stays_low, _bends):
        if base := rule(movement):
            return base
    return _stays(movement)


def _lies(movement: Movement) -> _Base | None:
    flat = median(movement.lean) > math.radians(60) and abs(median(movement.height)) < 0.4
    return _Base(Action("lies on the ground", "lying"), arms=False) if flat else None


def _jumps(movement: Movement) -> _Base | None:
    pelvis = movement.pelvis[:, 2]
    lower_ankle = pelvis - movement.height
    if not np.isfinite(lower_ankle).all() or _speed(movement) > _RUNNING_SPEED:
        return None
    # In the air the pelvis rises with both feet, and not for long: a floor that a camera sees as a slope and
    # arms that draw the whole skeleton of a depth camera up take more time.
    span = max(1, round(_ALOFT * movement.fps))
    rise = np.minimum(
        *(curve - median_filter(curve, span, mode="nearest") for curve in (lower_ankle, pelvis))
    )
    return _Base(Action("jumps", "jumping")) if rise.max() > _JUMP else None


def _raises_knees(movement: Movement) -> _Base | None:
    """Both thighs are level in turn."""
    left, right = movement.legs
    if left is None or right is None:
        return None
    knees = left.knee[:, 2] - right.knee[:, 2]
    if knees.max() < _KNEE or knees.min() > -_KNEE:
        return None
    return _Base(Action("raises the knees in turn", "raising the knees in turn"))


def _goes(movement: Movement) -> _Base | None:
    speed = _speed(movement)
    if speed < _GOING or speed * movement.seconds < _STEP or not _steps(movement):
        return None
    ahead, left = movement.velocity.mean(axis=0)
    angle = math.atan2(left, ahead)
    if speed > _RUNNING or (speed > _RUNNING_SPEED and _cadence(movement) > _RUNNING_STEPS):
        verb, manner = ("runs", "running"), ""
    else:
        verb = ("walks", "walking")
        manner = " slowly" if speed < _SLOW else " briskly" if speed > _BRISK else ""
    way = " forward"
    if abs(angle) > math.radians(120):
        way = " backward"
    elif abs(angle) > math.radians(60):
        way = " sideways to the left" if angle > 0 else " sideways to the right"
    turn = _turn(movement)
    shown = "" if way == " forward" else way
    action = Action(
        f"{verb[0]}{manner}{way}" + (f" and turns {turn}" if turn else ""),
        f"{verb[1]}{shown}" + (f" and turning {turn}" if turn else ""),
    )
    return _Base(action)


def _steps(movement: Movement) -> bool:
    """Whether the feet take part; somebody who sits down or bends is no walker."""
    low = _low(movement)
    return low is None or low > 0.75


def _changes_height(movement: Movement) -> _Base | None:
    """Sits down, stands up, squats, crouches down, gets up."""
    if not np.isfinite(movement.height).all():
        return None
    edge = max(1, len(movement.height) // 6)
    height = movement.height
    first, last, low = float(height[:edge].mean()), float(height[-edge:].mean()), float(height.min())
    down, up = first - low, last - low
    bent = max((float(leg.bend.max()) for leg in movement.legs if leg is not None), default=0.0)
    if bent < math.radians(45):
        return None
    if down > 0.3 and up > 0.3:
        if bent > math.radians(80) and float(movement.lean.max()) < math.radians(40):
            return _Base(Action("squats down and gets up again", "squatting"))
        return _Base(Action("bends down to the ground and gets up again", "bending down and getting up"))
    if first - last > 0.17:
        if _seated(movement, slice(-edge, None)):
            return _Base(Action("sits down", "sitting down"))
        if last < 0.65:
            return _Base(Action("crouches down", "crouching down"))
    if last - first > 0.17:
        if _seated(movement, slice(None, edge)):
            return _Base(Action("stands up from a seat", "standing up"))
        if first < 0.65:
            return _Base(Action("gets up from the ground", "getting up"))
    return None


def _stays_low(movement: Movement) -> _Base | None:
    if not np.isfinite(movement.height).all():
        return None
    for holds, action in _LOW_POSTURES:
        if holds(movement):
            return _Base(action, free_arms=True, idle=True)
    return None


def _seated(movement: Movement, part: slice = slice(None)) -> bool:
    """Thighs well forward of hanging, the feet ahead of the hips rather than below, a seat's height."""
    legs = [leg for leg in movement.legs if leg is not None]
    thighs = [math.atan2(median(leg.knee[part, 0]), -median(leg.knee[part, 2])) for leg in legs]
    feet = [median(leg.foot[part, 0]) for leg in legs]
    raised = median(movement.height[part]) > 0.53
    return bool(legs) and raised and min(thighs) > math.radians(35) and min(feet) > 0.2


def _on_the_ground(movement: Movement) -> bool:
    return median(movement.height) < 0.35 and median(movement.lean) < math.radians(50)


def _kneeling(movement: Movement) -> bool:
    """A shank that lies flat under a pelvis that is not on the ground."""
    shanks = [median(leg.knee[:, 2] - leg.foot[:, 2]) for leg in movement.legs if leg is not None]
    return min(shanks, default=1.0) < 0.15 and 0.4 < median(movement.height) < 0.8


def _crouching(movement: Movement) -> bool:
    return median(movement.height) < 0.65


_LOW_POSTURES = (
    (_on_the_ground, Action("sits on the ground", "sitting on the ground")),
    (_kneeling, Action("kneels", "kneeling")),
    (_seated, Action("sits", "sitting")),
    (_crouching, Action("crouches", "crouching")),
)


def _bends(movement: Movement) -> _Base | None:
    lean = movement.lean_forward
    # Whoever leans all the time is bent; who goes there and back bends.
    edge = max(1, len(lean) // 6)
    first, last = float(np.abs(lean[:edge]).mean()), float(np.abs(lean[-edge:]).mean())
    most = float(np.abs(lean).max())
    if most < math.radians(30):
        return None
    way = "forward" if lean[np.abs(lean).argmax()] > 0 else "backward"
    if swings(lean, math.radians(30)) >= 3:
        return _Base(Action("bends down and straightens up repeatedly", "bending down repeatedly"))
    if most - first > math.radians(20) and most - last > math.radians(20):
        action = Action(f"bends {way} and straightens up", f"bending {way}")
    elif most - first > math.radians(20):
        action = Action(f"bends {way}", f"bending {way}")
    elif most - last > math.radians(20):
        action = Action("straightens up", "straightening up")
    else:
        return _Base(Action(f"stands bent {way}", f"standing bent {way}"), free_arms=True, idle=True)
    return _Base(action)


def _stays(movement: Movement) -> _Base:
    if swings(movement.facing, _TWIST) >= 2:
        return _Base(Action("twists the body from side to side", "twisting from side to side"))
    if turn := _turn(movement):
        return _Base(Action(f"turns {turn} on the spot", f"turning {turn}"))
    return _Base(_STANDS, free_arms=True, free_legs=True, idle=True)


def _turn(movement: Movement) -> str:
    turned = float(movement.facing[-1])
    if abs(turned) < _TURN:
        return ""
    side = "left" if turned > 0 else "right"
    return f"around to the {side}" if abs(turned) > _ABOUT else side


def _speed(movement: Movement) -> float:
    """Of the way that the person goes as it faces, in leg lengths a second: swaying cancels out."""
    return float(np.hypot(*movement.velocity.mean(axis=0)))


def _cadence(movement: Movement) -> float:
    """Steps a second."""
    left, right = movement.legs
    if left is None or right is None or movement.seconds <= 0.0:
        return 0.0
    return swings(left.foot[:, 0] - right.foot[:, 0], _STRIDE) / movement.seconds


def _low(movement: Movement) -> float | None:
    return float(movement.height.min()) if np.isfinite(movement.height).all() else None
