"""An articulated person of 22 joints, posed by the angles of its joints and the places of its hands.

Derived: a working model for making up motion, not a measurement of people. Legs and trunk are forward
kinematics; a hand is placed where the pose wants it, which is how people think of a gesture, and the elbow
follows from the two lengths of the arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motion_seg_ros.datasets.rotations import about_axis
from motion_seg_ros.skeleton.joint_sets import SMPL22

Array: TypeAlias = NDArray[np.float64]
Pose: TypeAlias = Mapping[str, "float | tuple[float, float, float]"]

# Radians. Legs: hip flexed forward, thigh spread outwards and turned outwards, knee flexed, toes pointed.
# Hands: see hand_channels. Trunk: bent forward, leaning left, twisted left; head: nodding forward, turned
# left; pelvis: rolled left. The whole body: fallen forward, rolled about its length to the left. Then the
# turning to the left (rad/s) and the height above what carries it (m).
_SCALARS = ("hip", "spread", "out", "knee", "toe")
COLUMNS: dict[str, slice] = {
    **{
        f"{part}_{side}": slice(2 * i + j, 2 * i + j + 1)
        for i, part in enumerate(_SCALARS)
        for j, side in enumerate("lr")
    },
    "hand_l": slice(10, 13),
    "hand_r": slice(13, 16),
    **{
        part: slice(16 + i, 17 + i)
        for i, part in enumerate(
            ("bend", "lean", "twist", "nod", "look", "roll", "fall", "tumble", "turn", "lift")
        )
    },
}
CHANNELS = 26
# What changes its sign when left and right change places.
_ODD = ("lean", "twist", "look", "roll", "tumble", "turn")
_FOOT_LIMITS = (-0.5, 0.9)
_LEFT_RIGHT = (("l", 1.0), ("r", -1.0))

# Metres, x forward, y left, z up: from its parent to each joint of smpl22, of somebody of 1.75 m who stands
# with hanging arms. About the medians of the recordings in CMU's subjects 01-03.
_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_LEFT_OFFSETS = {
    "pelvis": (0.0, 0.0, 0.0),
    "hip": (0.0, 0.09, -0.08),
    "knee": (0.0, 0.0, -0.41),
    "ankle": (0.0, 0.0, -0.41),
    "foot": (0.13, 0.0, -0.055),
    "spine1": (-0.01, 0.0, 0.115),
    "spine2": (0.0, 0.0, 0.12),
    "spine3": (0.005, 0.0, 0.09),
    "neck": (0.0, 0.0, 0.19),
    "collar": (0.0, 0.07, 0.11),
    "head": (0.03, 0.0, 0.10),
    "shoulder": (-0.01, 0.11, 0.03),
    "elbow": (0.0, 0.0, -0.28),
    "wrist": (0.0, 0.0, -0.26),
}
# The joint whose rotation turns the bone that ends in each joint: those of spine and collars are its own.
_BONE_TURN = tuple(i if i in (3, 6, 9, 13, 14, 15) else max(parent, 0) for i, parent in enumerate(_PARENTS))
# Where an arm is at its ease, forward, outwards and up, and where its elbow then points. From there an arm
# turns the shortest way to wherever its hand is; only a hand behind the back and inwards has no such way.
_EASE = np.array([0.9, 0.3, -0.3]) / np.linalg.norm([0.9, 0.3, -0.3])
_ASIDE = np.cross(_EASE, (0.0, 0.0, 1.0)) / np.linalg.norm(np.cross(_EASE, (0.0, 0.0, 1.0)))
_ACROSS = np.cross(_EASE, _ASIDE)
_ELBOW = 0.95 * _ACROSS * np.sign(-_ACROSS[2]) + 0.3 * _ASIDE * np.sign(_ASIDE[1])
_ELBOW /= np.linalg.norm(_ELBOW)


def hand_channels(place: ArrayLike) -> Array:
    """(..., 3) channels of hands from their places (..., 3): forward, outwards, up, in lengths of the arm.

    Two are the rotation vector (rad) of the shortest turn from the arm at its ease, one is the distance from
    the shoulder: between two places, an arm swings around its shoulder instead of moving through it.
    """
    points = np.asarray(place, np.float64)
    distance = np.linalg.norm(points, axis=-1, keepdims=True)
    along = points / np.maximum(distance, 1e-9)
    axis = np.cross(_EASE, along)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    turn = axis / np.maximum(sine, 1e-9) * np.arctan2(sine, (along @ _EASE)[..., None])
    return np.concatenate((turn @ _ASIDE[:, None], turn @ _ACROSS[:, None], distance), axis=-1)


def pose_row(pose: Pose) -> tuple[Array, NDArray[np.bool_]]:
    """The (CHANNELS,) values of a pose, 0 where it says nothing, and where it says something."""
    values, said = np.zeros(CHANNELS), np.zeros(CHANNELS, bool)
    for name, value in pose.items():
        values[COLUMNS[name]] = hand_channels(value) if isinstance(value, tuple) else value
        said[COLUMNS[name]] = True
    return values, said


def mirrored(pose: Pose) -> Pose:
    """The same pose with left and right changed."""
    result: dict[str, float | tuple[float, float, float]] = {}
    for name, value in pose.items():
        part, _, side = name.partition("_")
        if side:
            result[f"{part}_{'r' if side == 'l' else 'l'}"] = value
        else:
            result[name] = -value if name in _ODD and not isinstance(value, tuple) else value
    return result


def mirrored_rows(channels: Array) -> Array:
    """(T, CHANNELS) with left and right changed."""
    result = channels.copy()
    for name, columns in COLUMNS.items():
        part, _, side = name.partition("_")
        if side:
            result[:, columns] = channels[:, COLUMNS[f"{part}_{'r' if side == 'l' else 'l'}"]]
        elif name in _ODD:
            result[:, columns] = -channels[:, columns]
    return result


@dataclass(frozen=True)
class Body:
    """One person's proportions: ``offsets`` (22, 3) metres from each joint's parent, arms hanging."""

    offsets: Array

    @staticmethod
    def random(rng: np.random.Generator) -> Body:
        """Somebody of 1.1 to 2 m; where a recorder puts hips, spine and collars varies as well."""
        height = rng.uniform(0.65, 1.15) if rng.random() < 0.2 else rng.uniform(0.9, 1.1)
        parts = {part: height * rng.normal(1.0, 0.06) for part in _LEFT_OFFSETS}
        parts["ankle"] = parts["knee"] * rng.normal(1.0, 0.03)
        breadth = rng.normal(1.0, 0.12)
        shift = {part: rng.normal(0, 0.012, 3) * (1, 0, 1) for part in ("hip", "spine1", "collar", "head")}
        offsets = np.zeros((22, 3))
        for i, name in enumerate(SMPL22.joints):
            part = name.rpartition("_")[2]
            offset = np.array(_LEFT_OFFSETS[part]) + shift.get(part, 0.0)
            mirror = -1.0 if name.startswith("right") else 1.0
            offsets[i] = offset * parts[part] * (1.0, mirror * breadth, 1.0)
        return Body(offsets)

    def joints(self, channels: Array, heading: Array) -> Array:
        """(T, 22, 3) metres, the pelvis at the origin, from (T, CHANNELS) and the (T,) heading in radians."""
        get = {name: channels[:, columns] for name, columns in COLUMNS.items()}
        angle = {name: value[:, 0] for name, value in get.items() if value.shape[1] == 1}
        turns = np.empty((len(channels), 22, 3, 3))
        whole = about_axis("z", heading) @ about_axis("y", angle["fall"]) @ about_axis("z", angle["tumble"])
        turns[:, 0] = whole @ about_axis("x", -angle["roll"])
        spine = (
            about_axis("z", angle["twist"] / 3)
            @ about_axis("y", angle["bend"] / 3)
            @ about_axis("x", -angle["lean"] / 3)
        )
        for joint in (3, 6, 9):
            turns[:, joint] = turns[:, _PARENTS[joint]] @ spine
        head = about_axis("z", angle["look"] / 2) @ about_axis("y", angle["nod"] / 2)
        turns[:, 12] = turns[:, 9] @ head
        turns[:, 15] = turns[:, 12] @ head
        arms: dict[str, tuple[Array, Array]] = {}
        for number, (side, sign) in enumerate(_LEFT_RIGHT):
            hip, knee, ankle, foot = (1 + number, 4 + number, 7 + number, 10 + number)
            bent = angle[f"knee_{side}"] - angle[f"hip_{side}"]
            turns[:, hip] = (
                whole
                @ about_axis("z", sign * angle[f"out_{side}"])
                @ about_axis("x", sign * angle[f"spread_{side}"])
                @ about_axis("y", -angle[f"hip_{side}"])
            )
            turns[:, knee] = turns[:, hip] @ about_axis("y", angle[f"knee_{side}"])
            # The sole stays level as far as the ankle lets it.
            level = np.clip(-bent - angle["fall"], *_FOOT_LIMITS) + angle[f"toe_{side}"]
            turns[:, ankle] = turns[:, foot] = turns[:, knee] @ about_axis("y", level)
            # A collar rises with the hand.
            arms[side] = _arm(get[f"hand_{side}"], *self._arm_lengths(number))
            raised = 0.5 + 0.5 * np.tanh(4 * arms[side][1][:, 2])
            turns[:, 13 + number] = turns[:, 9] @ about_axis("x", sign * 0.4 * raised)
        places = np.zeros((len(channels), 22, 3))
        for joint in range(1, 18):
            parent = _PARENTS[joint]
            places[:, joint] = places[:, parent] + turns[:, _BONE_TURN[joint]] @ self.offsets[joint]
        for number, (side, sign) in enumerate(_LEFT_RIGHT):
            for joint, place in zip((18 + number, 20 + number), arms[side], strict=True):
                turned = np.einsum("tij,tj->ti", turns[:, 9], place * (1.0, sign, 1.0))
                places[:, joint] = places[:, 16 + number] + turned
        return places

    def _arm_lengths(self, number: int) -> tuple[float, float]:
        upper, fore = (float(np.linalg.norm(self.offsets[joint + number])) for joint in (18, 20))
        return upper, fore


def _arm(channels: Array, upper: float, fore: float) -> tuple[Array, Array]:
    """(T, 3) elbow and wrist from the shoulder: the wrist as wished, or as near as the arm lets it."""
    turn = channels[:, :1] * _ASIDE + channels[:, 1:2] * _ACROSS
    angle = np.linalg.norm(turn, axis=1, keepdims=True)
    axis = turn / np.maximum(angle, 1e-9)
    # Rodrigues' formula for a direction and, with its part along the axis, for the elbow's.
    along = np.cos(angle) * _EASE + np.sin(angle) * np.cross(axis, _EASE)
    side = np.cos(angle) * _ELBOW + np.sin(angle) * np.cross(axis, _ELBOW)
    side += (1 - np.cos(angle)) * (axis @ _ELBOW)[:, None] * axis
    reach = upper + fore
    distance = np.clip(channels[:, 2:] * reach, max(0.3 * reach, 1.05 * abs(upper - fore)), 0.995 * reach)
    # The law of cosines: how far along the line to the wrist the elbow's foot point lies.
    foot = (upper**2 - fore**2 + distance**2) / (2 * distance)
    return along * foot + side * np.sqrt(np.maximum(upper**2 - foot**2, 0.0)), along * distance
