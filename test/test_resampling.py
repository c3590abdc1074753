import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import resample

from motion_seg_ros.skeleton.resampling import StepResampler


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(0, 1000))
def test_steps_are_means_of_the_line_through_the_frames(gaps, seed):
    stamps = [7_000_000 * t for t in np.concatenate(([5], 5 + np.cumsum(gaps)))]
    values = np.random.default_rng(seed).random((len(stamps), 2))
    resampler = StepResampler(15.0)
    steps = [s for t, v in zip(stamps, values, strict=True) for s in resampler.update(int(t), v)]
    expected = resample([int(t) for t in stamps], values, resampler.period)
    assert len(steps) == len(expected)
    if len(steps):
        np.testing.assert_allclose(steps, expected, atol=2e-3)


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_every_rate_gives_the_same_steps_of_a_line(fps):
    resampler = StepResampler(15.0)
    steps = [
        step
        for i in range(2 * fps + 1)
        for step in resampler.update(round(i * 1e9 / fps), np.array([i / fps]))
    ]
    assert len(steps) >= 29
    np.testing.assert_allclose(np.ravel(steps), (np.arange(len(steps)) + 0.5) / 15, atol=1e-6)
    assert resampler.time_of(3) == 3 * resampler.period
