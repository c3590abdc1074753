import asyncio

import numpy as np
import pytest
from motion import SECOND, pose

from motion_seg_ros.semantics.kinematic import KinematicBackend
from motion_seg_ros.semantics.protocol import BackendError, Moment, Question


def moment(motion, begin, turned=0.0, frames=24):
    joints = np.array([pose(motion, begin + i / 30) for i in range(frames)])
    turn = np.array([[np.cos(turned), -np.sin(turned), 0], [np.sin(turned), np.cos(turned), 0], [0, 0, 1]])
    return Moment(round(begin * SECOND), joints @ turn.T + [3.0, 1.0, 0.0], 30.0)


def same(first, second):
    return asyncio.run(KinematicBackend().ask(Question("1", first, second))).same_probability


def test_one_motion_is_more_alike_than_two_wherever_and_whichever_way_it_is_done():
    alike = [same(moment(m, 0.0), moment(m, 0.9, turned)) for m in ("wave", "squat") for turned in (0.0, 2.0)]
    apart = [same(moment("wave", 0.0), moment(other, 0.9, 2.0)) for other in ("squat", "stand")]
    assert min(alike) > 0.6
    assert max(apart) < min(alike) - 0.1


def test_unseen_joints_are_borne_and_nobody_is_an_error():
    partly = moment("wave", 0.0)
    partly.joints[:, [7, 8, 10, 11]] = np.nan
    assert same(partly, moment("wave", 0.9)) > 0.4
    with pytest.raises(BackendError, match="too little"):
        same(Moment(0, np.full((5, 22, 3), np.nan), 30.0), partly)
