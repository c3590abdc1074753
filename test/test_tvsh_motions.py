import numpy as np
import pytest

from motion_seg_ros.tvsh.motions import EXEMPLARS, Exemplars, MotionMemory, Prototype, Recogniser
from motion_seg_ros.tvsh.whitening import Whitening

PHASES = np.linspace(0, 2 * np.pi, 40, endpoint=False)


def circle(centre, radius=1.0, phase=0.0):
    return np.array([[centre + radius * np.cos(p + phase), radius * np.sin(p + phase)] for p in PHASES])


def recogniser(*prototypes, threshold=0.6):
    memory = MotionMemory(16)
    for prototype in prototypes:
        memory.remember(prototype)
    return Recogniser(memory, Whitening(2, 10), threshold)


def test_the_same_movement_in_another_phase_is_recognised():
    decide = recogniser(Prototype(3, circle(0.0)), Prototype(4, circle(5.0)))
    motion_id, confidence = decide.match(circle(0.0, phase=1.0)[:25])
    assert motion_id == 3
    assert confidence > 0.9
    assert decide.match(circle(5.2, phase=2.0))[0] == 4


def test_another_movement_is_not_recognised():
    decide = recogniser(Prototype(3, circle(0.0)))
    assert decide.match(circle(3.0)) == (-1, 0.0)
    # The same centre, but not the same way.
    assert decide.match(circle(0.0, radius=0.05)) == (-1, 0.0)
    assert recogniser().match(circle(0.0)) == (-1, 0.0)


def test_confidence_falls_to_a_half_at_the_threshold():
    prototype = Prototype(0, circle(0.0))
    shifts = np.linspace(0, 2, 81)
    told = [recogniser(prototype).match(circle(s)) for s in shifts]
    known = [confidence for motion_id, confidence in told if motion_id == 0]
    assert known[0] == 1.0
    assert 0.5 <= min(known) < 0.6
    assert len(known) < len(told)


def test_an_extra_prototype_is_compared_but_not_remembered():
    decide = recogniser()
    assert decide.match(circle(0.0), Prototype(7, circle(0.1)))[0] == 7
    assert decide.match(circle(0.0)) == (-1, 0.0)


def test_memory_is_bounded_and_keeps_rare_motions():
    memory = MotionMemory(4)
    for motion_id in (0, 1, 2, 2, 2, 2, 2):
        memory.remember(Prototype(motion_id, np.zeros((1, 2))))
    assert [p.motion_id for p in memory.prototypes.values()] == [0, 1, 2, 2]
    assert [memory.new_id(), memory.new_id()] == [0, 1]


@pytest.mark.parametrize("count", [1, EXEMPLARS, EXEMPLARS + 1, 1000])
def test_exemplars_are_spread_evenly(count):
    kept = Exemplars()
    for i in range(count):
        kept.add(np.array([float(i)]))
    points = kept.points.ravel()
    assert len(kept) == count
    assert min(count, EXEMPLARS // 2) <= len(points) <= EXEMPLARS
    assert points[0] == 0
    assert len(set(np.diff(points))) <= 1
    assert count - points[-1] <= 2 * count / len(points)
