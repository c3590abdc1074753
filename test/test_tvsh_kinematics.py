import numpy as np
import pytest

from motion_seg_ros.tvsh.links import KinematicLinks


def feed(values, fps=30.0):
    links = KinematicLinks()
    return [jump for i, v in enumerate(values) for jump in links.update(round(i * 1e9 / fps), v)]


def walk(rng, count, scale=1.0):
    return scale * (np.cumsum(0.05 * rng.standard_normal((count, 20)), axis=0) + rng.standard_normal(20))


@pytest.mark.parametrize("fps", [10, 25, 60])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_splice_is_found_where_it_is_at_any_scale_and_rate(fps, scale):
    rng = np.random.default_rng(0)
    count = 5 * fps
    values = np.vstack((walk(rng, count, scale), walk(rng, count, scale)))
    [(time, link)] = feed(values, fps)
    assert link == 0.0
    assert time == pytest.approx((count - 0.5) / fps * 1e9, abs=2)


def test_an_uncut_stream_has_no_jumps():
    rng = np.random.default_rng(1)
    assert feed(walk(rng, 1500)) == []
    assert feed(np.sin(np.linspace(0, 300, 1500))[:, None] * np.ones(5)) == []
    assert feed(np.ones((300, 4))) == []


def test_a_jump_is_told_half_a_second_later():
    values = np.vstack((walk(np.random.default_rng(2), 60), walk(np.random.default_rng(3), 60)))
    links = KinematicLinks()
    told = [i for i, v in enumerate(values) if links.update(round(i * 1e9 / 30), v)]
    assert told == [75]
