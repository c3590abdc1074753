import threading
import time

import pytest
from oracle_backends import SECOND, Blocking, Scripted, failing, question

from motion_seg_ros.semantics.asking import AskingConfig
from motion_seg_ros.semantics.protocol import Answer, BackendError
from motion_seg_ros.semantics.scheduler import Rehearsal, Scheduler

FREE = AskingConfig(per_second=1000, per_hour=100_000, retries=0)
LATER = 1000 * SECOND


@pytest.fixture
def schedule():
    made = []

    def make(backend, config=FREE, **more):
        made.append(Scheduler(backend, config, **more))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close()


def gather(line, count, now=SECOND, within=5.0):
    """Collect until so many replies have come."""
    replies, end = [], time.monotonic() + within
    while len(replies) < count:
        replies += line.collect(now)
        assert time.monotonic() < end, f"{len(replies)} of {count} replies"
        time.sleep(0.002)
    return replies


def test_every_question_gets_its_reply(schedule):
    line = schedule(Scripted(lambda q: Answer(q.second.joints[0, 0, 0] > 0), delay=0.005))
    asked = {line.submit(question(n), 0, LATER): question(n) for n in range(12)}
    for reply in gather(line, 12):
        assert reply.outcome == "answered"
        assert reply.question.key == asked[reply.number].key
        assert reply.answer.same_probability == (asked[reply.number].second.joints[0, 0, 0] > 0)
        assert reply.seconds >= 0.005
    health = line.health
    assert (health.asked, health.answered, health.requests, len(health.seconds)) == (12, 12, 12, 12)


def test_a_reply_waits_until_it_is_due_and_replies_come_in_order(schedule):
    line = schedule(Scripted())
    late, early = line.submit(question(1), 20, LATER), line.submit(question(2), 10, LATER)
    time.sleep(0.1)
    assert line.collect(9) == []
    assert [reply.number for reply in line.collect(10)] == [early]
    assert [reply.number for reply in line.collect(20)] == [late]


def test_neither_submit_nor_collect_waits_for_a_backend_that_blocks_its_loop(schedule):
    line = schedule(Blocking(delay=0.5))
    longest = 0.0
    for n in range(100):
        began = time.perf_counter()
        line.submit(question(n), 0, LATER)
        line.collect(n)
        longest = max(longest, time.perf_counter() - began)
    assert longest < 0.1


def test_an_answer_that_can_no_longer_matter_is_cancelled(schedule):
    backend = Scripted(delay=60.0)
    line = schedule(backend)
    line.submit(question(), 0, 5 * SECOND)
    time.sleep(0.05)
    assert line.collect(4 * SECOND) == []
    [reply] = gather(line, 1, 5 * SECOND)
    assert (reply.outcome, reply.answer, backend.cancelled) == ("late", None, 1)
    assert line.health.late == 1


def test_one_that_is_over_before_it_was_begun_is_late_too(schedule):
    backend = Blocking(delay=0.2)
    line = schedule(backend)
    line.submit(question(1), 0, LATER)  # blocks the loop meanwhile
    time.sleep(0.05)
    line.submit(question(2), 0, SECOND)
    line.collect(SECOND)
    assert [reply.outcome for reply in gather(line, 2, SECOND)] == ["answered", "late"]


def test_too_many_open_questions_are_dropped_and_the_in_flight_limit_holds(schedule):
    backend = Scripted(delay=0.1)
    line = schedule(backend, AskingConfig(per_second=1000, retries=0, waiting=6, in_flight=2))
    for n in range(10):
        line.submit(question(n), 0, LATER)
    outcomes = [reply.outcome for reply in gather(line, 10)]
    assert (outcomes.count("answered"), outcomes.count("dropped")) == (6, 4)
    assert backend.most_under_way == 2
    assert (line.health.answered, line.health.dropped) == (6, 4)


def test_the_budget_is_never_exceeded_retries_included(schedule):
    backend = Scripted(failing(BackendError("busy")))
    line = schedule(backend, AskingConfig(per_second=3, per_hour=5, retries=3, failures=100))
    for n in range(8):
        line.submit(question(n), 0, LATER)
    time.sleep(3.0)
    assert len(backend.times) == 5  # the hour's
    # A request is made a moment after it was counted.
    assert all(sum(0 <= t - first < 0.9 for t in backend.times) <= 3 for first in backend.times)


def test_a_failure_is_tried_again_and_told_when_it_stays(schedule):
    said = iter([BackendError("first"), BackendError("second"), Answer(0.7)])

    def say(_):
        answer = next(said)
        if isinstance(answer, BackendError):
            raise answer
        return answer

    line = schedule(Scripted(say), AskingConfig(per_second=100, retries=2))
    line.submit(question(), 0, LATER)
    assert gather(line, 1)[0].answer.same_probability == 0.7
    assert line.health.requests == 3
    hopeless = schedule(Scripted(failing(BackendError("no such model", transient=False))))
    hopeless.submit(question(), 0, LATER)
    assert gather(hopeless, 1)[0].outcome == "error"
    assert hopeless.health.requests == 1
    assert hopeless.health.last_error == "no such model"
    assert hopeless.health.breaker == "open"


def test_retry_after_keeps_everybody_quiet(schedule):
    answers = iter([BackendError("slow down", retry_after=0.5)])

    def say(_):
        for error in answers:
            raise error
        return Answer(0.5)

    backend = Scripted(say)
    line = schedule(backend, AskingConfig(per_second=100, retries=1))
    line.submit(question(1), 0, LATER)
    time.sleep(0.1)
    line.submit(question(2), 0, LATER)
    assert [reply.outcome for reply in gather(line, 2)] == ["answered", "answered"]
    assert min(time - backend.times[0] for time in backend.times[1:]) >= 0.49
    assert line.health.breaker == "closed"


def test_the_breaker_opens_and_closes(schedule):
    clock = [0.0]
    backend = Scripted(failing(BackendError("down")))
    line = schedule(backend, AskingConfig(per_second=1000, retries=0, failures=3), clock=lambda: clock[0])

    def ask(n):
        line.submit(question(n), 0, LATER)
        return gather(line, 1)[0].outcome

    assert [ask(n) for n in range(5)] == ["error"] * 3 + ["dropped"] * 2
    assert (line.health.breaker, len(backend.asked)) == ("open", 3)
    clock[0] = 10.5
    backend.say = lambda _: Answer(0.5)
    assert [ask(n) for n in range(2)] == ["answered"] * 2
    assert line.health.breaker == "closed"


def test_a_stalled_backend_opens_the_breaker(schedule):
    line = schedule(Scripted(delay=60.0), AskingConfig(per_second=1000, retries=0, failures=2, timeout=0.1))
    for n in range(2):
        line.submit(question(n), 0, LATER)
    assert [reply.outcome for reply in gather(line, 2)] == ["error", "error"]
    assert "no answer within" in line.health.last_error
    assert line.health.breaker == "open"
    late = schedule(Scripted(delay=60.0), AskingConfig(per_second=1000, retries=0, failures=2))
    for n in range(2):
        late.submit(question(n), 0, SECOND)
    time.sleep(0.05)
    gather(late, 2, SECOND)
    late.submit(question(9), 0, LATER)
    assert gather(late, 1)[0].outcome == "dropped"


def test_a_mistake_in_a_backend_is_an_error_and_not_the_end(schedule):
    line = schedule(Scripted(lambda _: 1 / 0))
    line.submit(question(), 0, LATER)
    assert gather(line, 1)[0].outcome == "error"
    assert "ZeroDivisionError" in line.health.last_error
    line.backend.say = lambda _: Answer(0.5)
    line.submit(question(1), 0, LATER)
    line.collect(SECOND)


@pytest.mark.parametrize("backend", [Scripted(delay=60.0), Blocking(delay=5.0)])
def test_closing_takes_less_than_a_second_whatever_the_backend_does(backend):
    line = Scheduler(backend, FREE)
    for n in range(3):
        line.submit(question(n), 0, LATER)
    time.sleep(0.05)
    began = time.monotonic()
    line.close()
    line.close()
    assert time.monotonic() - began < 1.0
    line.submit(question(9), 0, LATER)
    assert [reply.outcome for reply in gather(line, 1)][-1] in ("dropped", "late")


def test_closing_leaves_no_thread_and_closes_backend_and_cache():
    class Kept(dict):
        closed = 0

        def get(self, question):
            return super().get(question.key)

        def put(self, question, answer):
            self[question.key] = answer

        def close(self):
            self.closed += 1

    backend, cache = Scripted(), Kept()
    line = Scheduler(backend, FREE, cache)
    for _ in range(2):
        line.submit(question(), 0, LATER)
        gather(line, 1)
    assert (line.health.answered, line.health.cached, len(backend.asked)) == (1, 1, 1)
    line.close()
    assert (backend.closed, cache.closed) == (1, 1)
    assert not [thread for thread in threading.enumerate() if thread is line._thread]


def test_stamps_that_go_back_end_what_is_open(schedule):
    line = schedule(Scripted())
    line.submit(question(), 10 * SECOND, LATER)
    time.sleep(0.05)
    assert line.collect(9 * SECOND) == []
    assert len(line.collect(SECOND)) == 1


def test_a_rehearsal_goes_by_the_stamps_of_the_stream():
    line = Rehearsal(Scripted(), AskingConfig(per_second=2, retries=0))
    outcomes = []
    for n in range(30):
        now = n * SECOND // 10
        outcomes += [reply.outcome for reply in line.collect(now)]
        line.submit(question(n), now + SECOND // 5, LATER)
    # Two a second of the stream, though all 30 were asked within moments.
    assert outcomes[:12] == ["answered"] * 2 + ["dropped"] * 8 + ["answered"] * 2
    assert line.collect(0) != []
    line.submit(question(99), SECOND // 5, LATER)
    assert line.collect(SECOND)[0].outcome == "answered"
    line.close()
    line.close()
    assert line.backend.closed == 1
