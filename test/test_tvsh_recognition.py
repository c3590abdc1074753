import itertools

import numpy as np
import pytest

from motion_seg_ros.tvsh.motions import EXEMPLARS, MotionMemory, Prototype
from motion_seg_ros.tvsh.recognition import Recogniser
from motion_seg_ros.tvsh.whitening import Whitening

PHASES = np.linspace(0, 2 * np.pi, EXEMPLARS, endpoint=False)


def circle(centre, radius=1.0, phase=0.0):
    return np.array([[centre + radius * np.cos(p + phase), radius * np.sin(p + phase)] for p in PHASES])


def match(prototypes, points, own=None, other_than=-1, threshold=0.6):
    memory = MotionMemory(16)
    for prototype in prototypes:
        memory.remember(prototype)
    recogniser = Recogniser(memory, Whitening(2, 10), threshold, len(points))
    for point in points:
        recogniser.push(point)
    return recogniser.match(0, len(points), own, other_than)


def test_the_same_movement_in_another_phase_is_recognised():
    known = [Prototype(3, circle(0.0)), Prototype(4, circle(5.0))]
    motion_id, confidence = match(known, circle(0.0, phase=1.0)[:15])
    assert motion_id == 3
    assert confidence > 0.9
    assert match(known, circle(5.2, phase=2.0))[0] == 4


def test_another_movement_is_not_recognised():
    known = [Prototype(3, circle(0.0))]
    assert match(known, circle(3.0)) == (-1, 0.0)
    # The same centre, but not the same way.
    assert match(known, circle(0.0, radius=0.05)) == (-1, 0.0)
    assert match([], circle(0.0)) == (-1, 0.0)


def test_a_motion_that_is_left_out_is_not_recognised():
    known = [Prototype(3, circle(0.0)), Prototype(4, circle(0.2)), Prototype(3, circle(0.1))]
    assert match(known, circle(0.0))[0] == 3
    assert match(known, circle(0.0), other_than=3)[0] == 4
    assert match(known[:1], circle(0.0), other_than=3) == (-1, 0.0)


def test_confidence_falls_to_a_half_at_the_threshold():
    told = [match([Prototype(0, circle(0.0))], circle(s)) for s in np.linspace(0, 2, 81)]
    known = [confidence for motion_id, confidence in told if motion_id == 0]
    assert known[0] == 1.0
    assert 0.5 <= min(known) < 0.6
    assert len(known) < len(told)


def test_an_own_prototype_is_compared_but_not_remembered():
    memory = MotionMemory(16)
    recogniser = Recogniser(memory, Whitening(2, 10), 0.6, EXEMPLARS)
    for point in circle(0.0):
        recogniser.push(point)
    assert recogniser.match(0, EXEMPLARS, Prototype(7, circle(0.1)))[0] == 7
    assert recogniser.match(0, EXEMPLARS) == (-1, 0.0)


def naive_distance(run, other):
    """Median point to the nearest of the other, both ways on average in squares, per dimension."""
    far = ((run[:, None] - other) ** 2).sum(axis=2)
    return np.sqrt((np.median(far.min(axis=0)) + np.median(far.min(axis=1))) / 2 / run.shape[1])


@pytest.mark.parametrize("capacity", [5, 40])
def test_distances_are_those_of_the_definition_while_steps_and_memory_come_and_go(capacity):
    rng = np.random.default_rng(capacity)
    memory, whitening, steps = MotionMemory(capacity), Whitening(3, 8), []
    recogniser = Recogniser(memory, whitening, 1e9, 12)
    for number in itertools.count():
        point = rng.standard_normal(3) * [3.0, 1.0, 0.3]
        whitening.learn(point)
        if len(steps) == 12:
            recogniser.pop()
            steps.pop(0)
        recogniser.push(point)
        steps.append(point)
        if number % 3 == 2:
            memory.remember(Prototype(number, rng.standard_normal((rng.integers(1, EXEMPLARS + 1), 3))))
        if number % 40 == 39:
            whitening.refresh()
            # Each call measures some of the prototypes anew.
            for _ in range(3):
                recogniser.refresh(np.array(steps))
        begin = int(rng.integers(len(steps)))
        run = whitening.measure(np.array(steps[begin:]))
        known = [
            (naive_distance(run, whitening.measure(prototype.points)), prototype.motion_id)
            for prototype in memory.prototypes.values()
        ]
        if known:
            distance, motion_id = min(known)
            found = recogniser.match(begin, len(steps))
            assert found == (motion_id, pytest.approx(1.0 - distance / 2e9, abs=1e-15))
            assert recogniser.match(begin, len(steps), other_than=motion_id)[0] != motion_id
        if number == 200:
            break
