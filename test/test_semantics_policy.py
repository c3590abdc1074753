"""The policy alone: made-up frames, places of boundaries as the test wants them, and answers of its own."""

from dataclasses import replace

import numpy as np
import pytest
from motion import SECOND, pose

from motion_seg_ros.semantics.policy import Evidence, Policy, PolicyConfig
from motion_seg_ros.semantics.protocol import Answer
from motion_seg_ros.skeleton.features import SkeletonFeatures

DEADLINE, REPLY = 1.2, 0.2
TENTH = SECOND // 10


def body(motion, seconds):
    """As the other tests' people, or lying on the back and kicking."""
    if motion != "lie":
        return pose(motion, seconds)
    standing = pose("squat", seconds)
    return np.stack((standing[:, 2], standing[:, 1], 1.0 - standing[:, 0]), axis=1)


class Day:
    """A person who does one thing after another, a policy that asks about it, and who answers."""

    def __init__(
        self, parts, answer, *, outlook=lambda now: [], delay=REPLY, config=None, rate=30.0, lose=()
    ):
        self.policy = Policy(replace(config or PolicyConfig(), window=0.8), DEADLINE, REPLY)
        self.wishes, self.evidence, self.in_time, self.asked_at = [], [], [], []
        waiting, maker, number = [], SkeletonFeatures(), 0
        for motion, seconds in parts:
            for _ in range(round(seconds * rate)):
                now = round(number * SECOND / rate)
                number += 1
                if any(begin <= now < end for begin, end in lose):
                    continue
                for due, wish in list(waiting):
                    if now >= due:
                        waiting.remove((due, wish))
                        self.tell(wish, answer(wish), now)
                joints = body(motion, now / SECOND)
                features = maker.update(now, joints, np.ones(22))
                for wish in self.policy.see("1", now, joints, features, lambda now=now: outlook(now)):
                    self.wishes.append(wish)
                    self.asked_at.append(now)
                    waiting.append((now + round(delay * SECOND), wish))

    def tell(self, wish, same, now):
        found = self.policy.tell(wish, None if same is None else Answer(same), now)
        if found is not None:
            self.evidence.append(found)
            self.in_time += [found] if now < wish.until else []

    @property
    def about_gaps(self):
        return [wish for wish in self.wishes if wish.probe is None]


def candidates(*places):
    """An outlook of places (seconds, probability) while they are open."""
    return lambda now: [(round(t * SECOND), p) for t, p in places if t * SECOND <= now <= t * SECOND + 1.8e9]


def truth(boundaries, right=1.0):
    """Answers by where the boundaries are; a probe's is known."""

    def answer(wish):
        first, second = wish.question.first.stamp, wish.question.second.stamp
        same = (
            wish.probe
            if wish.probe is not None
            else not any(first < b * SECOND <= second for b in boundaries)
        )
        return 0.95 * right + 0.05 * (1 - right) if same else 1 - (0.95 * right + 0.05 * (1 - right))

    return answer


def test_the_place_of_a_boundary_is_asked_about_as_soon_as_both_sides_are_seen():
    day = Day([("wave", 4.0), ("squat", 4.0)], truth([4.0]), outlook=candidates((4.0, 0.4)))
    question = day.about_gaps[0].question
    assert question.first.stamp < 4 * SECOND < question.second.stamp
    # The windows do not reach over the place, and hold the frames of the person.
    half = 0.4 * SECOND
    assert question.first.stamp + half < 4 * SECOND < question.second.stamp - half
    assert len(question.first.joints) == pytest.approx(0.8 * 30, abs=1)
    assert question.first.fps == pytest.approx(30.0)
    assert 0 <= day.asked_at[0] - (question.second.stamp + half) <= TENTH


def test_a_different_is_confirmed_by_another_pair_and_a_same_ends_the_matter():
    apart = Day([("wave", 8.0)], truth([4.0]), outlook=candidates((4.0, 0.4)))
    pairs = [(w.question.first.stamp, w.question.second.stamp) for w in apart.about_gaps]
    assert len(pairs) == len(set(pairs)) >= 2
    assert [e.same_probability < 0.5 for e in apart.evidence[:2]] == [True, True]
    joined = Day([("wave", 8.0)], truth([]), outlook=candidates((4.0, 0.4)))
    assert len(joined.about_gaps) == 1
    [evidence] = joined.evidence
    assert evidence == Evidence("1", *pairs[0], evidence.same_probability)
    assert evidence.same_probability > 0.9


def test_the_most_uncertain_place_is_asked_about_first():
    both = [(4 * SECOND, 0.05), (9 * SECOND // 2, 0.5)]
    day = Day([("wave", 8.0)], truth([]), outlook=lambda now: both if now > 5.4e9 else [])
    question = day.about_gaps[0].question
    assert question.second.stamp - question.first.stamp == SECOND
    assert question.first.stamp + SECOND // 2 == 4.5e9
    both = Day(
        [("wave", 8.0)],
        truth([]),
        outlook=lambda now: candidates((4.0, 0.02), (4.65, 0.5))(now - SECOND // 2),
    )
    question = both.about_gaps[0].question
    assert question.first.stamp < 4.65e9 < question.second.stamp


def test_what_is_certain_is_not_asked_about_until_there_was_silence():
    sure = candidates(*((t, 0.001) for t in np.arange(1.0, 40.0, 1.0)))
    day = Day([("wave", 40.0)], truth([]), outlook=sure)
    times = np.array(day.asked_at) / SECOND
    about = np.array([at for at, wish in zip(times, day.wishes, strict=True) if wish.probe is None])
    assert len(about) == 3
    assert (np.diff([0.0, *about]) > 10.0).all()


def test_questions_keep_to_their_rate():
    always = candidates(*((t, 0.5) for t in np.arange(1.0, 120.0, 0.7)))
    day = Day([("wave", 120.0)], truth([]), outlook=always, config=PolicyConfig(per_minute=10.0))
    assert 15 <= len(day.wishes) <= 2 * 10 + 6
    assert min(np.diff(day.asked_at)) >= TENTH


def test_every_question_can_be_answered_in_time():
    always = candidates(*((t, 0.5) for t in np.arange(1.0, 60.0, 0.7)))
    day = Day(
        [("wave", 60.0)], truth([3.1, 20.0, 41.0]), outlook=always, config=PolicyConfig(per_minute=60.0)
    )
    assert len(day.wishes) > 30
    for wish, asked in zip(day.wishes, day.asked_at, strict=True):
        assert asked + REPLY * SECOND < wish.until
        if wish.probe is None:
            assert wish.until == wish.question.second.stamp + DEADLINE * SECOND
            assert wish.question.second.stamp + 0.4 * SECOND <= asked


def test_no_answer_ends_the_question_and_not_the_asking():
    always = candidates(*((t, 0.5) for t in np.arange(1.0, 30.0, 1.0)))
    day = Day([("wave", 30.0)], lambda wish: None, outlook=always)
    assert len(day.wishes) > 5
    assert day.evidence == []


def test_moments_that_were_not_seen_are_not_asked_about():
    day = Day([("wave", 8.0)], truth([]), outlook=candidates((4.0, 0.5)), lose=[(round(4.2e9), round(4.7e9))])
    assert day.about_gaps == []


def test_stamps_that_go_back_begin_anew():
    day = Day([("wave", 8.0)], truth([]), outlook=candidates((4.0, 0.5)))
    assert day.wishes
    assert day.policy.see("1", 0, pose("wave", 0.0), np.zeros(48), list) == []
    day.policy.end("1")
    assert day.policy.tell(day.wishes[0], Answer(0.9), 0) is not None


PLACES = np.arange(2.0, 58.0, 4.0)


def slow_day(delay, answer):
    """Places that may be boundaries every four seconds, and answers that take their time."""
    often = PolicyConfig(per_minute=120.0)
    places = candidates(*((t, 0.4) for t in PLACES))
    return Day([("wave", 60.0)], answer, outlook=places, delay=delay, config=often)


def by_place(day):
    """Of every place, when its questions were asked, and about which pairs."""
    asked = {place: [] for place in PLACES}
    for at, wish in zip(day.asked_at, day.wishes, strict=True):
        if wish.probe is None:
            middle = (wish.question.first.stamp + wish.question.second.stamp) / 2e9
            place = PLACES[np.abs(PLACES - middle).argmin()]
            asked[place].append((at, wish.question.first.stamp, wish.question.second.stamp))
    return list(asked.values())


def test_where_answers_are_slow_other_pairs_are_asked_about_meanwhile():
    # 0.8 s are left when both sides of a place are over: too few for two answers of 0.5 s.
    slow, quick = (by_place(slow_day(delay, truth(PLACES))) for delay in (0.5, REPLY))
    for place in slow[2:]:
        times, pairs = [at for at, *_ in place], [pair for _, *pair in place]
        assert len(place) >= 2
        assert times[-1] - times[0] < 0.5 * SECOND
        assert len({tuple(pair) for pair in pairs}) == len(pairs)
    for place in quick:
        assert (np.diff([at for at, *_ in place]) >= REPLY * SECOND).all()


def test_slow_answers_that_come_in_time_confirm_one_another():
    def evidence(day):
        return [sum(e.first < place * SECOND < e.second for e in day.in_time) for place in PLACES[2:-1]]

    assert min(evidence(slow_day(0.5, truth(PLACES)))) >= 2


def test_whoever_becomes_quick_is_asked_one_thing_at_a_time_again():
    policy = Policy(replace(PolicyConfig(), window=0.8), DEADLINE, REPLY)
    wish = slow_day(REPLY, truth([])).wishes[0]

    def waited(seconds, answer):
        for _ in range(20):
            policy.tell(wish, answer, wish.asked + round(seconds * SECOND))
        return policy.slow

    assert not policy.slow
    assert waited(0.5, Answer(0.9))
    assert not waited(0.2, Answer(0.9))
    # Refused at once, it was not quick; given up at last, it was slow; when stamps go back, nobody knows.
    assert waited(0.5, Answer(0.9))
    assert waited(0.0, None)
    assert waited(-5.0, Answer(0.9))
    assert not waited(0.2, Answer(0.9))
    assert waited(3.0, None)


LONG = [("wave", 20.0), ("lie", 20.0)] * 4
EVERY_SECOND = candidates(*((t, 0.5) for t in np.arange(1.0, 160.0, 1.0)))


@pytest.mark.parametrize(("lie", "words"), [(1.0, "plainly different"), (0.0, "differs from itself")])
def test_a_backend_that_always_says_one_thing_is_found_out_and_not_believed(lie, words):
    day = Day(LONG, lambda wish: lie, outlook=EVERY_SECOND, config=PolicyConfig(per_minute=30.0))
    assert words in day.policy.trust.complaint
    # Its answers count less and less, and from then on for nothing.
    assert len(day.evidence) < len(day.about_gaps)
    assert abs(day.evidence[-1].same_probability - 0.5) < 0.2 < abs(day.evidence[0].same_probability - 0.5)


def test_a_backend_that_throws_coins_is_found_out():
    coin = np.random.default_rng(0)
    day = Day(
        LONG,
        lambda wish: float(coin.random() < 0.5),
        outlook=EVERY_SECOND,
        config=PolicyConfig(per_minute=60.0),
    )
    assert day.policy.trust.complaint


def test_an_honest_backend_is_believed_with_a_tenth_of_errors():
    coin = np.random.default_rng(0)
    honest = truth([20.0 * n for n in range(1, 8)])
    day = Day(
        LONG,
        lambda wish: honest(wish) if coin.random() < 0.9 else 1.0 - honest(wish),
        outlook=EVERY_SECOND,
        config=PolicyConfig(per_minute=60.0),
    )
    assert day.policy.trust.complaint == ""
    assert min(day.policy.trust.probes) >= 4
    assert min(day.policy.trust.rates) > 0.75


def test_one_who_was_found_out_and_mends_is_believed_again():
    lies = iter([0.0] * 40)
    honest = truth([20.0 * n for n in range(1, 8)])
    day = Day(
        LONG * 3,
        lambda wish: next(lies, None) or honest(wish),
        outlook=candidates(*((t, 0.5) for t in np.arange(1.0, 480.0, 1.0))),
        config=PolicyConfig(per_minute=60.0),
    )
    assert day.policy.trust.complaint == ""


def test_motions_that_are_not_plainly_different_are_no_probes():
    day = Day([("wave", 30.0), ("squat", 30.0)], truth([]), outlook=EVERY_SECOND)
    assert {wish.probe for wish in day.wishes if wish.probe is not None} == {True}
