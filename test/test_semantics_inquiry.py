import math

import numpy as np
import pytest

from motion_seg_ros.semantics.inquiry import Inquiry, even_odds


def ask(truth, inquiry, error=0.0, rng=None, start=(10, 20)):
    """Ask until the inquiry is content; the pairs asked."""
    pair, asked = start, []
    while pair is not None:
        asked.append(pair)
        wrong = rng is not None and rng.random() < error
        same = (not pair[0] < truth <= pair[1]) != wrong
        inquiry.tell(*pair, even_odds(same, 1.0 - error, 1.0 - error))
        pair = inquiry.question()
    return asked


@pytest.mark.parametrize("truth", range(11, 21))
def test_answers_that_are_right_are_bisected(truth):
    inquiry = Inquiry(10, 20, (0, 0), 0.01, 1.0, 1.0)
    asked = ask(truth, inquiry)
    assert inquiry.place == truth
    assert inquiry.boundary_probability == 1.0
    assert len(asked) <= 1 + math.ceil(math.log2(10))


def test_no_boundary_takes_one_question():
    inquiry = Inquiry(10, 20, (0, 0), 0.01, 1.0, 1.0)
    assert ask(99, inquiry) == [(10, 20)]
    assert inquiry.boundary_probability == 0.0


def test_a_different_has_to_be_confirmed_by_other_pairs():
    inquiry = Inquiry(10, 15, (2, 2), 0.013, 0.9, 0.9)
    inquiry.tell(10, 15, 0.1)
    assert inquiry.boundary_probability < 0.6
    pair = inquiry.question()
    assert pair not in (None, (10, 15))
    inquiry.tell(*pair, 0.1)
    assert inquiry.boundary_probability > 0.75


def test_beliefs_are_as_right_as_they_say():
    rng = np.random.default_rng(0)
    told, true = [], []
    for _ in range(3000):
        truth = int(rng.integers(11, 21)) if rng.random() < 0.2 else 99
        inquiry = Inquiry(10, 20, (0, 0), 0.02, 0.9, 0.8)
        pair = (10, 20)
        while pair is not None:
            inside = pair[0] < truth <= pair[1]
            same = bool((rng.random() < 0.2) if inside else (rng.random() < 0.9))
            inquiry.tell(*pair, even_odds(same, 0.9, 0.8))
            pair = inquiry.question()
        told.append(inquiry.boundary_probability)
        true.append(truth != 99)
    told, true = np.array(told), np.array(true)
    for low, high in ((0.0, 0.5), (0.5, 0.9), (0.9, 1.0)):
        inside = (told >= low) & (told < high)
        assert inside.sum() > 50
        assert abs(true[inside].mean() - told[inside].mean()) < 0.05


def test_no_pair_is_asked_twice_and_the_number_is_bounded():
    rng = np.random.default_rng(1)
    for _ in range(50):
        asked = ask(13, Inquiry(10, 20, (2, 0), 0.01, 0.7, 0.7, most=6), 0.3, rng)
        assert len(set(asked)) == len(asked) <= 6
    inquiry = Inquiry(10, 11, (0, 0), 0.5, 0.6, 0.6)
    assert ask(11, inquiry, start=(10, 11)) == [(10, 11)]


def test_what_is_asked_meanwhile_is_what_a_different_would_lead_to():
    inquiry, told = (Inquiry(10, 20, (3, 0), 0.01, 0.9, 0.9, most=4) for _ in range(2))
    told.tell(10, 20, even_odds(False, 0.9, 0.9))
    awaited = [(10, 20)]
    while pair := inquiry.question(awaited=awaited):
        awaited.append(pair)
    assert awaited[1] == told.question()
    assert len(set(awaited)) == len(awaited) == 4
    # Once there is an answer, nothing is taken for granted.
    inquiry.tell(10, 20, even_odds(True, 0.9, 0.9))
    assert inquiry.question(awaited=awaited[1:]) is None


def test_contradiction_of_answers_that_are_never_wrong_leaves_the_belief():
    inquiry = Inquiry(10, 20, (0, 0), 0.01, 1.0, 1.0)
    inquiry.tell(10, 20, 1.0)
    inquiry.tell(10, 20, 0.0)
    assert inquiry.boundary_probability == 0.0


def test_even_odds():
    assert even_odds(True, 0.9, 0.9) == pytest.approx(0.9)
    assert even_odds(False, 0.9, 0.9) == pytest.approx(0.1)
    assert even_odds(False, 0.99, 0.5) == pytest.approx(0.01 / 0.51)


@pytest.mark.parametrize(
    "arguments", [(5, 5, (0, 0), 0.1, 0.9, 0.9), (5, 9, (0, 0), 0.1, 0.5, 0.9), (5, 9, (0, 0), 0.1, 0.9, 1.1)]
)
def test_senseless_inquiries_are_errors(arguments):
    with pytest.raises(ValueError, match="must be"):
        Inquiry(*arguments)


@pytest.mark.parametrize("pair", [(9, 12), (12, 12), (14, 12), (19, 21)])
def test_answers_about_other_moments_are_errors(pair):
    with pytest.raises(ValueError, match="not inside"):
        Inquiry(10, 20, (0, 0), 0.1, 0.9, 0.9).tell(*pair, 1.0)
