"""Made-up people who never stop moving and never repeat themselves exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

RATE = 30.0  # frames a second
# Standing, in metres: x forward, y left, z up, in the order of smpl22.
REST = np.array(
    [
        *((0, 0, 0), (0, 0.09, -0.08), (0, -0.09, -0.08), (0, 0, 0.12), (0, 0.1, -0.48), (0, -0.1, -0.48)),
        *((0, 0, 0.26), (0, 0.1, -0.9), (0, -0.1, -0.9), (0, 0, 0.32), (0.12, 0.1, -0.95)),
        *((0.12, -0.1, -0.95), (0, 0, 0.52), (0, 0.08, 0.45), (0, -0.08, 0.45), (0, 0, 0.65)),
        *((0, 0.18, 0.45), (0, -0.18, 0.45), (0, 0.2, 0.18), (0, -0.2, 0.18), (0, 0.2, -0.06)),
        (0, -0.2, -0.06),
    ]
)
LIMBS = [4, 5, 7, 8, 15, 18, 19, 20, 21]


def movement(rng: np.random.Generator) -> tuple[NDArray, NDArray, float]:
    """A movement: where it holds the limbs (9, 3) m, how far it swings them (9, 3) m, and how often (Hz)."""
    return rng.normal(0.0, 0.15, (9, 3)), rng.normal(0.0, 0.12, (9, 3)), float(rng.uniform(0.5, 2.0))


def person(rng: np.random.Generator, known: list) -> Iterator[NDArray]:
    """Joints (22, 3) of one person, frame after frame at ``RATE``, without end.

    One movement after another, each for 1 to 8 s: a variation of one in ``known``, of which now and then one
    is replaced by a new one, or standing still.
    """
    while True:
        if rng.random() < 0.05:
            known[rng.integers(len(known))] = movement(rng)
        hold, swing, pace = known[rng.integers(len(known))]
        count = round(float(rng.uniform(1.0, 8.0)) * RATE)
        still = rng.random() < 0.1
        phase = 2 * np.pi * (rng.random() + pace * rng.uniform(0.9, 1.1) * np.arange(count) / RATE)
        joints = np.tile(REST, (count, 1, 1))
        if not still:
            strength = rng.uniform(0.9, 1.1)
            joints[:, LIMBS] += strength * (hold + swing * np.sin(phase)[:, None, None])
        yield from joints + rng.normal(0.0, 0.003, joints.shape)


def frame_of(stamp: int, people: Mapping[str, NDArray], camera: str = "camera") -> SkeletonFrame:
    """The joints of everybody, all of them seen, as a frame."""
    return SkeletonFrame(
        stamp,
        camera,
        tuple(
            Skeleton(name, "smpl22", joints, np.ones(22, np.float32), np.empty((0, 2), np.float32))
            for name, joints in people.items()
        ),
    )


def crowd(rng: np.random.Generator, count: int, camera: str = "camera") -> Iterator[SkeletonFrame]:
    """Frames at ``RATE`` without end, with ``count`` people in each.

    Everybody stays for 1 to 10 minutes; then somebody else comes in their place, as a new track.
    """
    known = [movement(rng) for _ in range(12)]
    arrivals = number = 0
    present: dict[str, tuple[Iterator[NDArray], int]] = {}
    while True:
        present = {name: guest for name, guest in present.items() if guest[1] > number}
        while len(present) < count:
            arrivals += 1
            leaves = number + round(float(rng.uniform(60.0, 600.0)) * RATE)
            present[str(arrivals)] = person(rng, known), leaves
        number += 1
        joints = {name: next(guest) for name, (guest, _) in present.items()}
        yield frame_of(round(number * 1e9 / RATE), joints, camera)
