import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.tvsh.moments import moments


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    total=st.integers(1, 20),
    half=st.integers(0, 7),
    walls=st.lists(st.integers(-2, 22), max_size=3),
    offset=st.sampled_from([0.0, 1e5]),
)
def test_moments_are_those_of_the_points_around(seed, total, half, walls, offset):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((total, 3)) + offset
    count = int(rng.integers(1, total + 1))
    means, spreads = moments(points, count, half, walls)
    for row, place in enumerate(range(total - count, total)):
        around = [
            other
            for other in range(total)
            if abs(other - place) <= half
            and not any(min(place, other) < wall <= max(place, other) for wall in walls)
        ]
        np.testing.assert_allclose(means[row], points[around].mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(spreads[row], points[around].std(axis=0), atol=1e-6)


def test_a_repeated_movement_has_the_same_moments_in_every_phase():
    times = np.arange(60)
    points = np.stack((np.cos(2 * np.pi * times / 13), np.sin(2 * np.pi * times / 13)), axis=1)
    means, spreads = moments(points, 40, 6, [])
    inner = slice(0, 30)
    np.testing.assert_allclose(means[inner], 0.0, atol=1e-12)
    np.testing.assert_allclose(spreads[inner], np.sqrt(0.5), atol=1e-12)
