import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.semantics.limits import Breaker, Budget


@given(
    pauses=st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200),
    per_second=st.integers(1, 5),
    per_hour=st.integers(1, 60),
)
def test_no_window_holds_more_than_the_budget(pauses, per_second, per_hour):
    budget, sent, now = Budget(per_second, per_hour), [], 0.0
    for pause in pauses:
        now += pause
        if budget.wait(now) <= 0.0:
            budget.spend(now)
            sent.append(now)
    for span, most in ((1.0, per_second), (3600.0, per_hour)):
        for first in sent:
            assert sum(1 for time in sent if 0.0 <= time - first < span) <= most


def test_the_wait_is_as_long_as_needed_and_no_longer():
    budget = Budget(2, 100)
    for now in (0.0, 0.4):
        assert budget.wait(now) == 0.0
        budget.spend(now)
    assert budget.wait(0.5) == pytest.approx(0.5)
    assert budget.wait(1.0) == 0.0
    hour = Budget(100, 3)
    for now in (0.0, 10.0, 20.0):
        hour.spend(now)
    assert hour.wait(30.0) == pytest.approx(3570.0)


def test_a_breaker_opens_tries_and_closes():
    breaker = Breaker(3, 10.0)
    for _ in range(2):
        breaker.failed(0.0)
        assert breaker.allows(0.0)
    breaker.failed(1.0)
    assert (breaker.state, breaker.allows(10.9)) == ("open", False)
    assert breaker.allows(11.0)
    assert (breaker.state, breaker.allows(11.0)) == ("half-open", False)
    breaker.succeeded()
    assert (breaker.state, breaker.allows(11.0), breaker.opened) == ("closed", True, 1)


def test_the_rest_doubles_with_every_trial_that_fails_and_is_forgotten_after_a_success():
    breaker, now, rests = Breaker(1, 10.0, longest=50.0), 0.0, []
    for _ in range(4):
        breaker.failed(now)
        rest = next(s for s in np.arange(0.0, 100.0, 10.0) if breaker.allows(now + s))
        rests.append(rest)
        now += rest
    assert rests == [10.0, 20.0, 40.0, 50.0]
    breaker.succeeded()
    breaker.failed(now)
    assert breaker.allows(now + 10.0)


def test_successes_keep_it_closed_and_a_lasting_failure_opens_it_at_once():
    breaker = Breaker(2, 10.0)
    for _ in range(5):
        breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed(0.0, lasting=True)
    assert breaker.state == "open"


def test_a_trial_that_is_given_up_leaves_the_next():
    breaker = Breaker(1, 10.0)
    breaker.failed(0.0)
    assert breaker.allows(10.0)
    breaker.abandoned()
    assert breaker.allows(10.0)
