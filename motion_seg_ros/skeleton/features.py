"""Causal features of one person's skeleton: what a motion looks like, wherever it is done and by whom.

Coordinates are taken relative to the pelvis, turned so that the body faces +x, and divided by the
body's own size. Nothing here looks at a later frame or at a clock.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

# Indices into smpl22.
PELVIS, NECK = 0, 12
LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER = 1, 2, 16, 17
LEFT_KNEE, RIGHT_KNEE, LEFT_ANKLE, RIGHT_ANKLE = 4, 5, 7, 8
# Head, shoulders, elbows, wrists, knees and ankles: what every joint set has and what moves.
BODY = (15, LEFT_SHOULDER, RIGHT_SHOULDER, 18, 19, 20, 21, LEFT_KNEE, RIGHT_KNEE, LEFT_ANKLE, RIGHT_ANKLE)
SIZE_BONES = (
    (PELVIS, NECK),
    (LEFT_HIP, LEFT_KNEE),
    (LEFT_KNEE, LEFT_ANKLE),
    (RIGHT_HIP, RIGHT_KNEE),
    (RIGHT_KNEE, RIGHT_ANKLE),
)
FEATURES = 4 * len(BODY) + 4

# How far each feature strays from its mean within 0.8 s: root mean squares of everyday motion, rounded
# from the recordings of subjects 01-03 of the CMU Graphics Lab. Head, shoulders, elbows, wrists, knees and
# ankles: x, y, z, then their speeds; then speed, vertical velocity, height and turning of the pelvis.
_STRAY = (
    ((0.19, 0.09, 0.10), 0.43),
    *[((0.16, 0.07, 0.09), 0.37)] * 2,
    *[((0.22, 0.11, 0.19), 0.66)] * 2,
    *[((0.35, 0.18, 0.34), 1.08)] * 2,
    *[((0.25, 0.11, 0.19), 0.73)] * 2,
    *[((0.39, 0.13, 0.23), 0.94)] * 2,
)

# Joints below this confidence are guesses; above it a joint is believed fully.
_FULL_CONFIDENCE = 0.5
# Fewer usable body joints than this are not a person whose motion can be told.
_MIN_JOINTS = 6
# Velocities are differences over this span, so that they mean the same at 10 and at 60 Hz.
_VELOCITY_SPAN = 0.15
# A whole body turns no faster than this filter passes; faster changes are left-right confusions.
_HEADING_TIME = 0.15
_SIZE_TIME = 5.0
# A pause longer than this leaves no velocity to compute.
_MAX_GAP = 0.5


def limb_speeds(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 11) speeds of the joints in BODY relative to the pelvis, in body sizes a second; of (..., 48)."""
    return features[..., 3 * len(BODY) : 4 * len(BODY)]


def usual_stray() -> NDArray[np.float64]:
    """(48,) how far each feature usually strays from its mean within a moment, in its own unit."""
    places = [value for place, _ in _STRAY for value in place]
    return np.array([*places, *(speed for _, speed in _STRAY), 0.56, 0.66, 0.18, 0.57])


def usable_joints(joints: NDArray[np.float64], confidence: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which joints of a (J, 3) skeleton are finite and have a confidence above 0; (J,) bool."""
    return np.isfinite(joints).all(axis=1) & np.isfinite(confidence) & (confidence > 0)


class SkeletonFeatures:
    """Turns the smpl22 joints of one track into one feature vector a frame, causally.

    The (48,) float64 vector holds, in units of the body's size (mean of trunk, thigh and shank
    lengths): 33 coordinates of head, shoulders, elbows, wrists, knees and ankles (x forward,
    y left, z up, from the pelvis), the 11 speeds of those joints relative to the pelvis (per
    second), the pelvis' horizontal speed and vertical velocity (per second), its height above the
    lower ankle, and the rate of turning (radians per second).

    A joint that is missing keeps its last place; one of low confidence moves towards its new place
    in proportion to its confidence. A joint never seen lies at the pelvis.
    """

    def __init__(self) -> None:
        self._stamp: int | None = None
        self._size = 0.0
        self._heading = np.zeros(2)
        self._body = np.zeros((len(BODY), 3))
        self._seen = np.zeros(len(BODY), bool)
        self._past: deque[tuple[int, NDArray[np.float64], NDArray[np.float64], float]] = deque()

    def update(
        self, stamp: int, joints: NDArray[np.float64], confidence: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Features of the next frame, or None when too little of the body is seen.

        Parameters
        ----------
        stamp : int nanoseconds, later than the last.
        joints : (22, 3) metres, z up, NaN where unseen.
        confidence : (22,) in 0..1.
        """
        usable = usable_joints(joints, confidence)
        if not usable[PELVIS] or usable[list(BODY)].sum() < _MIN_JOINTS:
            return None
        elapsed = 0.0 if self._stamp is None else (stamp - self._stamp) * 1e-9
        if elapsed > _MAX_GAP:
            self._past.clear()
        self._stamp = stamp
        self._measure(joints, usable, elapsed)
        if self._size <= 0:
            return None
        self._turn(joints, usable, elapsed)
        self._place(joints, confidence, usable)
        return self._describe(stamp, joints[PELVIS])

    def _measure(self, joints: NDArray[np.float64], usable: NDArray[np.bool_], elapsed: float) -> None:
        lengths = [math.dist(joints[a], joints[b]) for a, b in SIZE_BONES if usable[a] and usable[b]]
        if not lengths or sum(lengths) <= 0:
            return
        size = sum(lengths) / len(lengths)
        gain = _gain(elapsed, _SIZE_TIME) if self._size > 0 else 1.0
        self._size += gain * (size - self._size)

    def _turn(self, joints: NDArray[np.float64], usable: NDArray[np.bool_], elapsed: float) -> None:
        """Follow the horizontal unit vector that points to the person's left."""
        left = np.zeros(2)
        for a, b in ((LEFT_HIP, RIGHT_HIP), (LEFT_SHOULDER, RIGHT_SHOULDER)):
            if usable[a] and usable[b]:
                left += joints[a, :2] - joints[b, :2]
        length = math.hypot(left[0], left[1])
        # Lying down or seen edge-on, the axis says nothing: keep the last heading.
        if length > 0.05 * self._size:
            known = bool(self._heading.any())
            gain = _gain(elapsed, _HEADING_TIME) if known else 1.0
            heading = self._heading + gain * (left / length - self._heading)
            norm = math.hypot(heading[0], heading[1])
            if norm > 1e-6:
                self._heading = heading / norm
        elif not self._heading.any():
            self._heading = np.array([0.0, 1.0])

    def _place(
        self, joints: NDArray[np.float64], confidence: NDArray[np.float64], usable: NDArray[np.bool_]
    ) -> None:
        x, y = self._heading[1], -self._heading[0]  # the forward axis: left turned by -90 degrees
        turn = np.array([[x, y, 0.0], [-y, x, 0.0], [0.0, 0.0, 1.0]])
        index = np.array(BODY)
        body = (joints[index] - joints[PELVIS]) @ turn.T / self._size
        gain = np.clip(confidence[index] / _FULL_CONFIDENCE, 0.0, 1.0)
        gain = np.where(usable[index], np.where(self._seen, gain, 1.0), 0.0)
        move = np.where(gain[:, None] > 0, body - self._body, 0.0)
        self._body = self._body + gain[:, None] * move
        self._seen |= usable[index]

    def _describe(self, stamp: int, pelvis: NDArray[np.float64]) -> NDArray[np.float64]:
        heading = math.atan2(self._heading[1], self._heading[0])
        past = self._past
        past.append((stamp, self._body, pelvis / self._size, heading))
        # Keep the newest frame that is at least the span old, and everything after it.
        while len(past) > 2 and (stamp - past[1][0]) * 1e-9 >= _VELOCITY_SPAN:
            past.popleft()
        then, body, root, turned = past[0]
        speeds = np.zeros(len(BODY))
        motion = np.zeros(3)
        turning = 0.0
        if stamp > then:
            seconds = (stamp - then) * 1e-9
            speeds = np.sqrt(((self._body - body) ** 2).sum(axis=1)) / seconds
            motion = (pelvis / self._size - root) / seconds
            turning = math.remainder(heading - turned, 2 * math.pi) / seconds
        ankles = self._body[[BODY.index(LEFT_ANKLE), BODY.index(RIGHT_ANKLE)], 2]
        moving = (math.hypot(motion[0], motion[1]), motion[2], -float(ankles.min()), turning)
        return np.concatenate((self._body.ravel(), speeds, moving))


def _gain(elapsed: float, time: float) -> float:
    """Share of the new value in an exponential mean of that time constant (s)."""
    return -math.expm1(-elapsed / time)
