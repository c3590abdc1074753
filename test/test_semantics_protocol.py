import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.plain_text import one_line
from motion_seg_ros.semantics.protocol import (
    LONGEST_PHRASE,
    Answer,
    BackendError,
    Moment,
    Question,
)

JOINTS = np.random.default_rng(0).normal(size=(9, 22, 3))


def question(first=JOINTS, second=JOINTS, *, begin=0, gap=500_000_000, fps=15.0, track="1"):
    return Question(track, Moment(begin, first, fps), Moment(begin + gap, second, fps))


def test_equal_content_has_one_key_whoever_does_it_and_whenever():
    key = question().key
    assert question(track="2", begin=10**18).key == key
    assert question(JOINTS + 1e-6).key == key
    assert question(JOINTS.astype(np.float32)).key == key


@pytest.mark.parametrize(
    "other",
    [
        question(JOINTS + 0.01),
        question(second=JOINTS + 0.01),
        question(JOINTS[:-1]),
        question(gap=700_000_000),
        question(fps=30.0),
        question(np.where(np.arange(22)[None, :, None] == 3, np.nan, JOINTS)),
    ],
)
def test_other_content_has_another_key(other):
    assert other.key != question().key


def test_unseen_is_not_the_origin():
    zero, unseen = JOINTS.copy(), JOINTS.copy()
    zero[:, 3], unseen[:, 3] = 0.0, np.nan
    assert question(zero).key != question(unseen).key


def test_gap():
    assert question().gap_s == 0.5


@given(st.text())
def test_phrases_are_short_printable_lines_and_stay_so(text):
    phrase = one_line(text, LONGEST_PHRASE)
    assert len(phrase) <= LONGEST_PHRASE
    assert phrase.isprintable()
    assert one_line(phrase, LONGEST_PHRASE) == phrase


def test_phrases_keep_their_words():
    assert one_line("  waves\r\n\tthe  right\u2028hand ", LONGEST_PHRASE) == "waves the right hand"
    assert one_line("a\x1b[31mb\u202ec\x00", LONGEST_PHRASE) == "a[31mbc"
    assert one_line("hebt die Hände über den Kopf", LONGEST_PHRASE) == "hebt die Hände über den Kopf"
    assert one_line("a" * 10**7, LONGEST_PHRASE) == "a" * LONGEST_PHRASE


def test_an_answer_cleans_what_it_is_given():
    assert Answer(0.5, ("x\ny", "\x07"), "llm:m").phrases == ("x y", "")


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_senseless_probabilities_are_errors(probability):
    with pytest.raises(ValueError, match="must be in"):
        Answer(probability)


@pytest.mark.parametrize(
    ("joints", "fps"), [(JOINTS[0], 15.0), (JOINTS[:0], 15.0), (JOINTS[:, :21], 15.0), (JOINTS, 0.0)]
)
def test_senseless_moments_are_errors(joints, fps):
    with pytest.raises(ValueError, match="moment"):
        Moment(0, joints, fps)


def test_errors_are_one_line():
    error = BackendError("line\nline " + "x" * 1000, retry_after=3.0)
    assert "\n" not in str(error)
    assert len(str(error)) <= 200
    assert error.transient
