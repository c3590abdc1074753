import numpy as np
import pytest

from motion_seg_ros.tvsh.motions import EXEMPLARS, Exemplars, MotionMemory, Prototype


def test_memory_is_bounded_and_keeps_rare_motions():
    memory = MotionMemory(4)
    for motion_id in (0, 1, 2, 2, 2, 2, 2):
        memory.remember(Prototype(motion_id, np.zeros((1, 2))))
    assert [p.motion_id for p in memory.prototypes.values()] == [0, 1, 2, 2]
    assert [memory.new_id(), memory.new_id()] == [0, 1]


def test_what_is_forgotten_leaves_its_slot():
    memory, kept = MotionMemory(3), [Prototype(i, np.full((1, 2), float(i))) for i in (0, 1, 1, 1, 2)]
    for prototype in kept:
        memory.remember(prototype)
    # The oldest runs of motion 1 went, one after another.
    assert memory.prototypes == {0: kept[0], 1: kept[3], 2: kept[4]}
    assert list(memory.prototypes) == [0, 1, 2]
    assert memory.changes == len(kept)


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
