"""Drawn movements in words: what is said of them, and that it depends on nothing but the movement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from motion import NAMES, REST

from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.semantics.describer import describe

FPS = 30.0
PELVIS, HEAD = 0, 15
LEFT_ARM, RIGHT_ARM = (18, 20), (19, 21)
LEFT_LEG, RIGHT_LEG = (4, 7, 10), (5, 8, 11)
UPPER = [i for i in range(22) if i not in (4, 5, 7, 8, 10, 11)]
MIRROR = [
    NAMES.index(name.replace("left", "x").replace("right", "left").replace("x", "right")) for name in NAMES
]


def still(seconds=2.0, fps=FPS):
    return np.repeat(REST[None] + [0, 0, 0.95], round(seconds * fps), axis=0)


def clock(joints, fps=FPS):
    return np.arange(len(joints)) / fps


def rise(time, begin=0.3, end=1.0):
    """0 before, 1 after, smooth between."""
    share = np.clip((time - begin) / (end - begin), 0, 1)
    return share * share * (3 - 2 * share)


def hand(joints, side, place, elbow=None):
    """Put a wrist at (T, 3) from its shoulder, forward, outward, up in metres; the elbow halfway."""
    sign = 1.0 if side == "left" else -1.0
    shoulder, (elbow_index, wrist) = (16, LEFT_ARM) if side == "left" else (17, RIGHT_ARM)
    place = np.broadcast_to(place, (len(joints), 3)) * [1.0, sign, 1.0]
    middle = place / 2 if elbow is None else np.broadcast_to(elbow, place.shape) * [1.0, sign, 1.0]
    joints[:, elbow_index] = joints[:, shoulder] + middle
    joints[:, wrist] = joints[:, shoulder] + place


def waving(sides, seconds=2.0, fps=FPS, rate=1.5):
    joints = still(seconds, fps)
    swing = 0.12 * np.sin(2 * np.pi * rate * clock(joints, fps))
    for side in sides:
        place = np.column_stack((0.05 + 0 * swing, 0.2 + swing, 0.3 + 0 * swing))
        hand(joints, side, place, elbow=(0.05, 0.2, 0.05))
    return joints


def raising(sides, back=False):
    joints = still()
    angle = np.pi * (rise(clock(joints)) - (rise(clock(joints), 1.2, 1.9) if back else 0))
    for side in sides:
        hand(joints, side, 0.5 * np.column_stack((np.sin(angle), 0.1 + 0 * angle, -np.cos(angle))))
    return joints


def going(direction=(1.0, 0.0), speed=1.2, turn=0.0, rate=1.9, lift=0.1):
    """Steps of ``rate`` a second at ``speed`` m/s, forward and left, turning by ``turn`` radians in all."""
    joints = still(2.4)
    time = clock(joints)
    phase = np.pi * rate * time
    stride = speed / rate / 2
    for leg, sign in ((LEFT_LEG, 1), (RIGHT_LEG, -1)):
        ahead = sign * stride * np.sin(phase)
        up = lift * np.maximum(0.0, sign * np.cos(phase))
        for joint, share in zip(leg, (0.5, 1.0, 1.0), strict=True):
            joints[:, joint, 0] += share * ahead * direction[0] + (0.3 * up if share < 1 else 0)
            joints[:, joint, 1] += share * ahead * direction[1]
            joints[:, joint, 2] += share * up
    yaw = turn * time / time[-1]
    path = np.zeros((len(time), 2))
    step = speed / FPS * np.array(direction)
    cos, sin = np.cos(yaw), np.sin(yaw)
    path[1:, 0] = np.cumsum(cos * step[0] - sin * step[1])[:-1]
    path[1:, 1] = np.cumsum(sin * step[0] + cos * step[1])[:-1]
    x, y = joints[..., 0].copy(), joints[..., 1].copy()
    joints[..., 0] = cos[:, None] * x - sin[:, None] * y + path[:, None, 0]
    joints[..., 1] = sin[:, None] * x + cos[:, None] * y + path[:, None, 1]
    return joints


def lowered(depth, ahead, lean=0.0, share=None):
    """The pelvis moves back and down over standing feet, the trunk leans forward."""
    joints = still()
    share = rise(clock(joints), 0.4, 1.6) if share is None else share(clock(joints))
    joints[:, UPPER, 2] -= depth * share[:, None]
    joints[:, UPPER, 0] -= ahead * share[:, None]
    for knee, hip in ((4, 1), (5, 2)):
        # Thigh and shank of 0.4 and 0.42 m meet ahead of the line from hip to ankle.
        ankle = joints[:, knee + 3]
        middle = (joints[:, hip] + ankle) / 2
        half = np.linalg.norm(joints[:, hip] - ankle, axis=1) / 2
        joints[:, knee] = middle
        joints[:, knee, 0] += np.sqrt(np.maximum(0.41**2 - half**2, 0.0))
    return leaned(joints, lean * share)


def leaned(joints, angle):
    """The trunk above the hips turned forward about the pelvis."""
    trunk = [i for i in UPPER if i not in (0, 1, 2)]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    off = joints[:, trunk] - joints[:, :1]
    joints[:, trunk, 0] = joints[:, :1, 0] + cos * off[..., 0] + sin * off[..., 2]
    joints[:, trunk, 2] = joints[:, :1, 2] - sin * off[..., 0] + cos * off[..., 2]
    return joints


def bowing():
    joints = still()
    return leaned(joints, 1.0 * (rise(clock(joints), 0.2, 0.8) - rise(clock(joints), 1.2, 1.8)))


def clapping():
    joints = still()
    spread = 0.14 + 0.12 * np.cos(2 * np.pi * 2 * clock(joints))
    for side in ("left", "right"):
        hand(joints, side, np.column_stack((0.3 + 0 * spread, spread - 0.16, -0.15 + 0 * spread)))
    return joints


def pushing(sides):
    joints = still()
    share = rise(clock(joints), 0.4, 1.2)
    for side in sides:
        hand(joints, side, np.column_stack((0.15 + 0.33 * share, 0 * share, -0.12 + 0.1 * share)))
    return joints


def jumping():
    joints = still()
    time = clock(joints) - 0.7
    joints[..., 2] += np.maximum(0.0, 0.3 - 4.9 * (time - 0.25) ** 2)[:, None]
    return joints


def kicking(leg):
    joints = still()
    share = rise(clock(joints), 0.6, 0.9) - rise(clock(joints), 1.1, 1.5)
    for joint, length in zip(leg, (0.4, 0.82, 0.87), strict=True):
        joints[:, joint, 0] += length * np.sin(1.2 * share)
        joints[:, joint, 2] += length * (1 - np.cos(1.2 * share))
    return joints


def marching():
    joints = still()
    for leg, sign in ((LEFT_LEG, 1), (RIGHT_LEG, -1)):
        up = np.maximum(0.0, sign * np.sin(2 * np.pi * 0.9 * clock(joints)))
        joints[:, leg[0]] += up[:, None] * [0.38, 0, 0.38]
        joints[:, leg[1:], 2] += 0.38 * up[:, None]
        joints[:, leg[1:], 0] += 0.3 * up[:, None]
    return joints


def turning(angle):
    joints = still()
    yaw = angle * rise(clock(joints), 0.2, 1.8)
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y = joints[..., 0], joints[..., 1]
    return np.stack((cos * x - sin * y, sin * x + cos * y, joints[..., 2]), axis=-1)


def lying():
    return still()[..., [2, 1, 0]] * [1, 1, 1] + [0, 0, 0.1]


def kneeling():
    joints = still() - [0, 0, 0.4]
    joints[:, [7, 8]] = joints[:, [4, 5]] - [0.4, 0, 0]
    joints[:, [10, 11]] = joints[:, [7, 8]] - [0.1, 0, 0]
    return joints


def on_the_ground():
    joints = still() - [0, 0, 0.87]
    for leg, side in ((LEFT_LEG, 0.1), (RIGHT_LEG, -0.1)):
        for joint, reach in zip(leg, (0.4, 0.8, 0.8), strict=True):
            joints[:, joint] = joints[:, 0] + [reach, side, -0.05]
    return joints


def punching(side):
    joints = still()
    share = np.maximum(0.0, np.sin(2 * np.pi * 1.6 * clock(joints)))
    hand(joints, side, np.column_stack((0.1 + 0.38 * share, 0 * share, -0.1 + 0.05 * share)))
    return joints


def seated_down(share=None):
    return lowered(0.4, 0.42, 0.1, share)


DRAWN = {
    "standing still": still(),
    "waving the left hand": waving(["left"]),
    "waving the right hand": waving(["right"]),
    "waving both hands": waving(["left", "right"]),
    "raising the left hand": raising(["left"]),
    "raising both hands": raising(["left", "right"], back=True),
    "lowering the right hand": raising(["right"])[::-1],
    "pushing the right hand forward": pushing(["right"]),
    "pulling both hands back": pushing(["left", "right"])[::-1],
    "clapping the hands": clapping(),
    "walking": going(),
    "walking backward": going((-1.0, 0.0), 0.8),
    "walking sideways to the left": going((0.0, 1.0), 0.8),
    "walking and turning right": going(turn=-1.4),
    "running": going(speed=2.8, rate=2.8, lift=0.25),
    "turning left": turning(1.5),
    "turning around to the right": turning(-3.0),
    "sitting down": seated_down(),
    "standing up": seated_down()[::-1],
    "sitting": seated_down(lambda time: np.ones_like(time)),
    "squatting": lowered(0.45, 0.1, 0.3, lambda time: np.sin(np.pi * time / 2) ** 2),
    "crouching down": lowered(0.5, 0.05, 0.2),
    "bending forward": bowing(),
    "jumping": jumping(),
    "kicking with the right leg": kicking(RIGHT_LEG),
    "raising the knees in turn": marching(),
    "lying": lying(),
    "kneeling": kneeling(),
    "sitting on the ground": on_the_ground(),
    "punching with the right hand": punching("right"),
}


@pytest.mark.parametrize("phrase", DRAWN)
def test_drawn_movement_is_named(phrase):
    said = describe(DRAWN[phrase], FPS)
    assert said.phrase == phrase, said.sentence
    assert said.sentence.startswith("A person ")
    assert said.sentence.endswith(".")


@pytest.mark.parametrize("phrase", DRAWN)
def test_words_do_not_depend_on_place_heading_or_size(phrase):
    cos, sin = np.cos(2.0), np.sin(2.0)
    turned = DRAWN[phrase] @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T
    assert describe(1.3 * turned + [5, -3, 0.7], FPS) == describe(DRAWN[phrase], FPS)


@pytest.mark.parametrize("phrase", DRAWN)
def test_a_mirrored_movement_swaps_left_and_right(phrase):
    mirrored = DRAWN[phrase][:, MIRROR] * [1, -1, 1]
    swapped = phrase.replace("left", "x").replace("right", "left").replace("x", "right")
    assert describe(mirrored, FPS).phrase == swapped


@pytest.mark.parametrize("phrase", [p for p in DRAWN if p not in ("jumping",)])
def test_a_depth_camera_of_15_frames_a_second_is_enough(phrase):
    noise = np.random.default_rng(1).normal(0, 0.01, DRAWN[phrase][::2].shape)
    assert describe(DRAWN[phrase][::2] + noise, FPS / 2).phrase == phrase


@pytest.mark.parametrize("phrase", ["walking", "waving the left hand", "sitting down", "standing still"])
def test_gaps_are_bridged(phrase):
    joints = DRAWN[phrase].copy()
    joints[20:24] = np.nan
    joints[::7, 20] = np.nan
    assert describe(joints, FPS).phrase == phrase


def test_a_limb_that_is_not_seen_is_not_told_of():
    joints = DRAWN["waving both hands"].copy()
    joints[:, RIGHT_ARM] = np.nan
    assert describe(joints, FPS).phrase == "waving the left hand"
    joints[:, [*LEFT_ARM, *LEFT_LEG, *RIGHT_LEG]] = np.nan
    assert describe(joints, FPS).phrase == "standing still"


def test_nothing_seen_has_no_phrase():
    said = describe(np.full((10, 22, 3), np.nan), FPS)
    assert said.phrase == ""
    assert said.sentence == "Too little of the person is seen."
    assert describe(np.zeros((10, 22, 3)), FPS).phrase == ""


def test_one_pose_is_a_posture():
    assert describe(still()[:1], FPS).phrase == "standing still"
    assert describe(DRAWN["sitting"][:1], FPS).phrase == "sitting"


def test_an_arm_that_moves_while_walking_is_told():
    joints = going()
    wave = waving(["left"], len(joints) / FPS)
    joints[:, LEFT_ARM] = joints[:, :1] + wave[:, LEFT_ARM] - wave[:, :1]
    said = describe(joints, FPS)
    assert said.sentence == "A person walks forward while waving the left hand."
    assert said.phrase == "walking and waving the left hand"


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("stand still", "standing still"),
        ("walk forward", "walking"),
        ("walk forward turning left", "walking and turning left"),
        ("walk backwards", "walking backward"),
        ("run", "running"),
        ("step to the right", "walking sideways to the right"),
        ("wave with the right hand", "waving the right hand"),
        ("wave with both hands", "waving both hands"),
        ("raise the left hand", "raising the left hand"),
        ("raise both arms to the sides", "raising both hands"),
        ("bow", "bending forward"),
        ("sit down", "sitting down"),
        ("stand up from a chair", "standing up"),
        ("lift the left knee", "lifting the left leg"),
        ("kneel", "kneeling"),
        ("lie on the back", "lying"),
    ],
)
def test_made_up_people_are_understood(name, phrase):
    """Other bodies, postures, paces and sway than those drawn here; at least 3 of 5 people."""
    said = []
    for seed in range(5):
        made = synthetic_sequence(np.random.default_rng(seed), 6.0, [name])
        frames = np.flatnonzero(made.labels == made.names.index(name))
        end = int(np.argmax(np.diff(frames, append=-1) != 1)) + 1
        said.append(describe(made.joints[frames[:end]][:75], FPS).phrase)
    assert sum(words == phrase for words in said) >= 3, said


@settings(max_examples=60, deadline=None)
@given(
    joints=st.integers(1, 40).flatmap(
        lambda count: arrays(
            np.float64,
            (count, 22, 3),
            elements=st.one_of(st.floats(-3, 3), st.just(np.nan), st.floats(-1e12, 1e12)),
        )
    ),
    fps=st.floats(1.0, 240.0),
)
def test_any_numbers_give_one_sentence(joints, fps):
    said = describe(joints, fps)
    assert said.sentence.count(".") == 1
    assert "{" not in said.sentence + said.phrase
    assert said == describe(joints.copy(), fps)


@pytest.mark.parametrize("shape", [(22, 3), (0, 22, 3), (5, 21, 3), (5, 22, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(T, 22, 3\)"):
        describe(np.zeros(shape), FPS)


@pytest.mark.parametrize("fps", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(fps):
    with pytest.raises(ValueError, match="frames a second"):
        describe(still(), fps)
