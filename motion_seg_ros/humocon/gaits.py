"""How a made-up person gets along, in plain words: cycles of the legs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from motion_seg_ros.humocon.actions import POSTURES
from motion_seg_ros.humocon.body import CHANNELS, COLUMNS, Array, hand_channels, mirrored_rows


@dataclass(frozen=True)
class Gait:
    """A way to get along: channels (T, CHANNELS) from phases (T,) in radians of the left leg, and a vigour.

    ``tempo`` is the usual cycles a second; ``turn`` the usual turning to the left in rad/s.
    """

    name: str
    channels: Callable[[Array, float], Array]
    tempo: float
    turn: float = 0.0


def _stride(phase: Array, vigour: float, *, hip: float, lift: float, arm: float, sign: float = 1.0) -> Array:
    """Legs that swing to and fro, knees that bend while the leg comes forward, arms against the legs."""
    channels = np.zeros((len(phase), CHANNELS))
    for side, shift in (("l", 0.0), ("r", np.pi)):
        leg = phase + shift
        swing = np.exp(2.5 * (np.cos(leg - sign * 1.35 * np.pi) - 1))
        loading = np.exp(4.0 * (np.cos(leg - sign * 0.25 * np.pi) - 1))
        push = np.exp(5.0 * (np.cos(leg - sign * 1.02 * np.pi) - 1))
        channels[:, COLUMNS[f"hip_{side}"]] = (vigour * (hip * np.cos(leg) + 0.25 * hip))[:, None]
        channels[:, COLUMNS[f"knee_{side}"]] = (0.08 + vigour * (lift * swing + 0.2 * loading))[:, None]
        channels[:, COLUMNS[f"toe_{side}"]] = (0.5 * vigour * push)[:, None]
        channels[:, COLUMNS[f"spread_{side}"]] = 0.03
        angle = -vigour * arm * np.cos(leg)
        hand = np.stack((0.97 * np.sin(angle) + 0.1, np.full(len(leg), 0.12), -0.97 * np.cos(angle)), axis=1)
        channels[:, COLUMNS[f"hand_{side}"]] = hand_channels(hand)
    channels[:, COLUMNS["twist"]] = (0.25 * vigour * hip * np.cos(phase))[:, None]
    channels[:, COLUMNS["roll"]] = (0.06 * vigour * np.sin(phase))[:, None]
    return channels


def _walk(phase: Array, vigour: float) -> Array:
    return _stride(phase, vigour, hip=0.42, lift=0.95, arm=0.45)


def _backwards(phase: Array, vigour: float) -> Array:
    return _stride(-phase, 0.75 * vigour, hip=0.36, lift=0.8, arm=0.25)


def _run(phase: Array, vigour: float) -> Array:
    channels = _stride(phase, vigour, hip=0.75, lift=1.55, arm=0.0)
    for side, shift in (("l", 0.0), ("r", np.pi)):
        swing = -np.cos(phase + shift) * vigour
        hand = np.stack((0.32 + 0.32 * swing, 0.1 - 0.12 * swing, -0.38 + 0.2 * swing), axis=1)
        channels[:, COLUMNS[f"hand_{side}"]] = hand_channels(hand)
    channels[:, COLUMNS["bend"]] = 0.2
    channels[:, COLUMNS["lift"]] = (0.07 * vigour * np.maximum(0.0, np.cos(2 * phase - 0.3)))[:, None]
    return channels


def _jog_in_place(phase: Array, vigour: float) -> Array:
    channels = _run(phase, vigour)
    for side, shift in (("l", 0.0), ("r", np.pi)):
        raised = np.maximum(0.0, np.cos(phase + shift))[:, None] * vigour
        channels[:, COLUMNS[f"hip_{side}"]] = 0.1 + 0.8 * raised
        channels[:, COLUMNS[f"knee_{side}"]] = 0.2 + 1.2 * raised
    return channels


def _march(phase: Array, vigour: float) -> Array:
    channels = _stride(phase, vigour, hip=0.5, lift=0.6, arm=0.8)
    for side, shift in (("l", 0.0), ("r", np.pi)):
        raised = np.exp(3.0 * (np.cos(phase + shift + 0.5) - 1))[:, None] * vigour
        channels[:, COLUMNS[f"hip_{side}"]] += 0.7 * raised
        channels[:, COLUMNS[f"knee_{side}"]] += 1.0 * raised
    return channels


def _sneak(phase: Array, vigour: float) -> Array:
    channels = _stride(phase, vigour, hip=0.45, lift=1.0, arm=0.1)
    for side in "lr":
        channels[:, COLUMNS[f"hip_{side}"]] += 0.6
        channels[:, COLUMNS[f"knee_{side}"]] += 0.8
        channels[:, COLUMNS[f"hand_{side}"]] = hand_channels((0.5, 0.1, -0.35))
    channels[:, COLUMNS["bend"]] = 0.6
    return channels


def _limp_right(phase: Array, vigour: float) -> Array:
    channels = _stride(phase, 0.7 * vigour, hip=0.4, lift=0.9, arm=0.3)
    channels[:, COLUMNS["knee_r"]] *= 0.25
    channels[:, COLUMNS["roll"]] = (0.2 * np.sin(phase))[:, None]
    channels[:, COLUMNS["lean"]] = (-0.25 * np.maximum(0.0, -np.sin(phase)))[:, None]
    return channels


def _skip(phase: Array, vigour: float) -> Array:
    channels = _march(phase, vigour)
    channels[:, COLUMNS["lift"]] = (0.15 * vigour * np.maximum(0.0, np.cos(2 * phase - 0.5)))[:, None]
    return channels


def _step_left(phase: Array, vigour: float) -> Array:
    """Legs open while the left foot is in the air, and close while the right one is."""
    channels = np.zeros((len(phase), CHANNELS))
    for side, shift in (("l", np.pi), ("r", 0.0)):
        raised = np.maximum(0.0, np.sin(phase + shift))
        channels[:, COLUMNS[f"spread_{side}"]] = (0.03 + 0.18 * vigour * (1 + np.cos(phase)))[:, None]
        channels[:, COLUMNS[f"hip_{side}"]] = (0.08 + 0.35 * raised)[:, None]
        channels[:, COLUMNS[f"knee_{side}"]] = (0.15 + 0.7 * raised)[:, None]
        channels[:, COLUMNS[f"hand_{side}"]] = hand_channels(POSTURES["stand"]["hand_l"])
    return channels


def _step_right(phase: Array, vigour: float) -> Array:
    return mirrored_rows(_step_left(phase, vigour))


def _limp_left(phase: Array, vigour: float) -> Array:
    return mirrored_rows(_limp_right(phase, vigour))


def _turn_in_place(phase: Array, vigour: float) -> Array:
    return _stride(phase, 0.5 * vigour, hip=0.1, lift=0.9, arm=0.15)


GAITS: tuple[Gait, ...] = (
    Gait("walk forward", _walk, 0.9),
    Gait("walk forward turning left", _walk, 0.9, 0.7),
    Gait("walk forward turning right", _walk, 0.9, -0.7),
    Gait("walk backwards", _backwards, 0.75),
    Gait("run", _run, 1.35),
    Gait("run turning left", _run, 1.35, 0.9),
    Gait("run turning right", _run, 1.35, -0.9),
    Gait("jog in place", _jog_in_place, 1.35),
    Gait("march", _march, 0.9),
    Gait("sneak", _sneak, 0.6),
    Gait("limp with the right leg", _limp_right, 0.7),
    Gait("limp with the left leg", _limp_left, 0.7),
    Gait("skip", _skip, 1.0),
    Gait("step to the left", _step_left, 0.8),
    Gait("step to the right", _step_right, 0.8),
    Gait("turn left in place", _turn_in_place, 0.9, 1.4),
    Gait("turn right in place", _turn_in_place, 0.9, -1.4),
)
