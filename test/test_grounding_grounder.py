"""Sentences in motions whose truth is planted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from planted import CALIBRATION, PlantedText, motion

from motion_seg_ros.grounding.calibrating import Example, calibrate, overlap
from motion_seg_ros.grounding.calibration import (
    Calibration,
    even_cosine,
    fit_score,
    load_calibration,
)
from motion_seg_ros.grounding.grounder import (
    STAGES,
    Grounder,
    GroundingConfig,
    OutOfTime,
    links_between,
)
from motion_seg_ros.grounding.history import MotionHistory, evenly

SECOND = 1_000_000_000
DAY = [(None, 2.0), ("walk", 3.0), ("wave", 2.0), (None, 1.0), ("kick", 1.5), ("sit", 3.0)]


@pytest.fixture
def grounder():
    return Grounder(PlantedText(), CALIBRATION)


def seconds(candidates):
    return [(item.action, round(item.start / 1e9, 1), round(item.end / 1e9, 1)) for item in candidates]


def test_every_sub_action_is_found_where_it_was_planted(grounder):
    answer = grounder.ground("he walks, then waves and finally sits down", *motion(DAY))
    assert answer.found
    assert [item.action for item in answer.spans] == ["walks", "waves", "sits down"]
    for item, (start, end) in zip(answer.spans, [(2.0, 5.0), (5.0, 7.0), (9.5, 12.5)], strict=True):
        assert item.start / 1e9 == pytest.approx(start, abs=0.15)
        assert item.end / 1e9 == pytest.approx(end, abs=0.15)
        assert item.score > 0.9
    assert answer.masks.shape == (4, len(answer.times))
    np.testing.assert_allclose(answer.masks.sum(axis=0), 1.0)


def test_words_in_another_order_than_time_give_spans_in_time(grounder):
    answer = grounder.ground("he sits after waving", *motion(DAY))
    assert [item.action for item in answer.spans] == ["waving", "sits"]
    assert answer.spans[0].end <= answer.spans[1].start


def test_what_did_not_happen_has_no_span(grounder):
    answer = grounder.ground("he claps", *motion(DAY))
    assert answer.spans == ()
    assert not answer.found
    answer = grounder.ground("he walks, then claps, then sits", *motion(DAY))
    assert [item.action for item in answer.spans] == ["walks", "sits"]
    assert not answer.found


def test_a_wrong_order_is_not_forced(grounder):
    """Nobody waves after sitting: at most one of the two can be found."""
    answer = grounder.ground("he sits, then waves", *motion(DAY))
    assert len(answer.spans) == 1


def test_a_repetition_is_two_spans(grounder):
    script = [("jump", 2.0), (None, 1.5), ("jump", 2.0), (None, 1.0)]
    answer = grounder.ground("he jumps twice", *motion(script))
    first, second = answer.spans
    assert first.end / 1e9 == pytest.approx(2.0, abs=0.15)
    assert second.start / 1e9 == pytest.approx(3.5, abs=0.15)


@pytest.mark.parametrize("text", ["", "def f(): return {}", "彼は座る", "he does not wave"])
def test_a_text_without_actions_is_answered_with_the_reason(grounder, text):
    answer = grounder.ground(text, *motion(DAY))
    assert answer.spans == answer.candidates == ()
    assert answer.partition.notes
    assert grounder.motion_text.calls == 0
    json.dumps(answer.trace())


@pytest.mark.parametrize("length", [0, 1, 2, 5, 10])
def test_a_motion_shorter_than_a_mask_is_answered(grounder, length):
    stamps, joints = motion([("wave", 1.0)])
    answer = grounder.ground("he waves, sits, claps and jumps", stamps[:length], joints[:length])
    assert len(answer.candidates) == 4
    assert all(item.action != "waves" for item in answer.spans) or length


def test_nan_frames_are_nobody(grounder):
    stamps, joints = motion(DAY)
    nobody = grounder.ground("he waves", stamps, np.full_like(joints, np.nan))
    assert nobody.candidates[0].start is None
    assert any("nobody" in note for note in nobody.notes)
    joints[100:120] = np.nan  # a pause of two thirds of a second inside the walk
    joints[::7, 5] = np.nan
    answer = grounder.ground("he walks, then waves", stamps, joints)
    assert [item.action for item in answer.spans] == ["walks", "waves"]
    assert answer.spans[0].start / 1e9 == pytest.approx(2.0, abs=0.15)
    assert answer.spans[0].end / 1e9 == pytest.approx(5.0, abs=0.15)


def test_irregular_stamps_give_absolute_times(grounder):
    stamps, joints = motion(DAY, rate=50.0, start=1_700_000_000 * SECOND)
    random = np.random.default_rng(0)
    kept = np.sort(random.choice(len(stamps), len(stamps) // 2, replace=False))
    answer = grounder.ground("he waves", stamps[kept], joints[kept])
    (span,) = answer.spans
    assert (span.start - stamps[0]) / 1e9 == pytest.approx(5.0, abs=0.2)
    assert (span.end - stamps[0]) / 1e9 == pytest.approx(7.0, abs=0.2)


def test_shapes_and_stamps_are_checked(grounder):
    stamps, joints = motion(DAY)
    with pytest.raises(ValueError, match="rise"):
        grounder.ground("he waves", stamps[::-1], joints)
    with pytest.raises(ValueError, match="22"):
        grounder.ground("he waves", stamps, joints[:, :21])


def test_the_same_question_has_the_same_answer(grounder):
    first = grounder.ground("walks then sits", *motion(DAY))
    second = Grounder(PlantedText(), CALIBRATION).ground("walks then sits", *motion(DAY))
    assert first.trace() == second.trace()
    np.testing.assert_array_equal(first.masks, second.masks)


@pytest.mark.parametrize("stage", STAGES)
def test_it_can_be_ended_in_every_stage(grounder, stage):
    class Cancelled(Exception):
        pass

    def proceed(now, progress):
        if now == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        grounder.ground("walks then sits", *motion(DAY), proceed=proceed)


def test_stages_come_in_order_with_rising_progress(grounder):
    told = []
    grounder.ground("walks then sits", *motion(DAY), proceed=lambda *told_now: told.append(told_now))
    assert list(dict.fromkeys(stage for stage, _ in told)) == list(STAGES)
    for stage in STAGES:
        progress = [value for name, value in told if name == stage]
        assert progress == sorted(progress)
        assert 0 <= progress[0] <= progress[-1] <= 1
    assert sum(stage == "mask" for stage, _ in told) == GroundingConfig().steps + 1


def test_a_deadline_in_the_masks_leaves_what_they_start_from(grounder):
    def proceed(stage, progress):
        if stage == "mask" and progress > 0.3:
            raise OutOfTime

    answer = grounder.ground("walks then sits", *motion(DAY), proceed=proceed)
    assert [item.action for item in answer.spans] == ["walks", "sits"]
    np.testing.assert_allclose(answer.masks.sum(axis=0), 1.0)
    assert any("deadline" in note for note in answer.notes)


def test_a_language_models_division_is_used_and_told():
    asked = Grounder(PlantedText(), CALIBRATION, ask=lambda prompt: '{"actions": ["waves", "sits"]}')
    answer = asked.ground("he waves before he sits", *motion(DAY))
    assert [item.action for item in answer.spans] == ["waves", "sits"]
    assert answer.trace()["partition"]["source"] == "llm"


def test_a_known_cut_is_no_place_to_smooth():
    times = np.arange(5, dtype=np.int64) * SECOND // 10
    links = links_between(times, [(250_000_000, 0.1), (260_000_000, 0.5), (9 * SECOND, 0.0)])
    np.testing.assert_allclose(links, [1.0, 1.0, 0.05, 1.0])
    gap = np.array([0, 1, 2, 9, 10], np.int64) * SECOND // 10
    np.testing.assert_allclose(links_between(gap, []), [1, 1, 0, 1])


# -- history ----------------------------------------------------------------------------------------------


def test_history_is_bounded_and_begins_anew_when_time_goes_back():
    history = MotionHistory(2.0)
    stamps, joints = motion([("walk", 5.0)])
    assert all(history.add(int(stamp), frame) for stamp, frame in zip(stamps, joints, strict=True))
    assert len(history) == 61
    kept, _ = history.between(0, 10 * SECOND)
    assert kept[0] == stamps[-1] - 2 * SECOND
    some, frames = history.between(4 * SECOND, 4 * SECOND + SECOND // 2)
    assert len(some) == len(frames) == 16
    assert not history.add(0, joints[0])
    assert len(history) == 1
    assert len(MotionHistory(1.0).between(0, SECOND)[0]) == 0


def test_even_steps_lie_on_the_lines_between_frames():
    stamps = np.array([0, 40, 100, 130, 900, 1000], np.int64) * 1_000_000
    joints = np.zeros((6, 1, 3))
    joints[:, 0, 0] = stamps / 1e9
    joints[1, 0, 1] = np.nan
    even = evenly(stamps, joints, 100.0)
    assert len(even) == 101
    inside = even[:, 0, 0]
    wanted = np.arange(101) / 100
    seen = np.isfinite(inside)
    np.testing.assert_allclose(inside[seen], wanted[seen], atol=1e-12)
    assert not seen[14:90].any()  # nobody for 0.77 s
    assert seen[:14].all()
    assert seen[90:].all()
    assert np.isnan(even[1:10, 0, 1]).all()  # between a seen and an unseen place
    assert np.isfinite(even[[0, 10], 0, 1]).all()


# -- calibration ---------------------------------------------------------------------------------------------


def test_the_even_cosine_parts_right_from_wrong():
    random = np.random.default_rng(0)
    right, wrong = random.normal(0.7, 0.1, 500), random.normal(0.3, 0.1, 5000)
    found = even_cosine(right, wrong)
    places = np.linspace(-1, 1, 2001)
    gains = [np.mean(right > place) - np.mean(wrong > place) for place in places]
    assert np.mean(right > found) - np.mean(wrong > found) == pytest.approx(max(gains), abs=1e-3)


def test_a_fitted_score_is_a_probability():
    random = np.random.default_rng(0)
    evidence = random.standard_normal((4000, 5)) * [0.1, 1, 10, 1, 1] + [0.5, 0, 3, 1, 0]
    logit = (evidence - [0.5, 0, 3, 1, 0]) @ [12.0, 0.7, -0.1, 0.0, 0.4] - 0.5
    present = random.uniform(size=4000) < 1 / (1 + np.exp(-logit))
    bias, weights = fit_score(list(evidence), list(present))
    model = Calibration("x", 0.3, 1.0, bias, weights)
    scores = np.array([model.score(row) for row in evidence])
    for low in np.arange(0, 1, 0.2):
        inside = (scores >= low) & (scores < low + 0.2)
        assert present[inside].mean() == pytest.approx(scores[inside].mean(), abs=0.06)
    with pytest.raises(ValueError, match="did not"):
        fit_score(list(evidence), [True] * 4000)


def test_a_perfect_parting_has_finite_weights():
    bias, weights = fit_score([np.array([x, 0, 0.0]) for x in (0, 1, 2, 3)], [False, False, True, True])
    assert np.isfinite([bias, *weights]).all()
    model = Calibration("x", 0.3, 1.0, bias, weights)
    assert model.score(np.array([0, 0, 0.0])) < 0.5 < model.score(np.array([3, 0, 0.0]))


def test_a_calibration_travels_through_its_file(tmp_path):
    path = tmp_path / "calibration.json"
    CALIBRATION.save(path)
    assert load_calibration(path, "planted") == CALIBRATION
    with pytest.raises(ValueError, match="belongs to the encoder planted"):
        load_calibration(path, "other")
    for change, said in [
        ({"format": "x/2"}, "format"),
        ({"bias": "much"}, "calibration"),
        ({"weights": {}}, "calibration"),
        ({"background": 7}, "numbers"),
        ({"bias": float("nan")}, "numbers"),
    ]:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(ValueError, match=said):
            load_calibration(path, "planted")
        CALIBRATION.save(path)
    path.write_text("[")
    with pytest.raises(ValueError, match="calibration"):
        load_calibration(path, "planted")


def test_a_threshold_decides_what_is_found():
    strict = Grounder(PlantedText(), replace(CALIBRATION, threshold=1.0))
    answer = strict.ground("he waves", *motion(DAY))
    assert answer.candidates[0].start is not None
    assert answer.spans == ()


def test_a_calibration_is_learnt_from_examples():
    """The learnt numbers find what happened and refuse what did not, in motions they never saw."""
    encoder = PlantedText(noise=0.35)
    random = np.random.default_rng(0)

    def example(absent):
        words = random.permutation(["wave", "sit", "walk", "jump", "kick"]).tolist()
        script = [(word, random.uniform(1.0, 3.0)) for word in words[:3]]
        stamps, joints = motion(script)
        borders = np.cumsum([0.0, *(length for _, length in script)])
        actions = [words[0], words[3] if absent else words[1], words[2]]
        truths = [(round(a * 1e9), round(b * 1e9)) for a, b in itertools.pairwise(borders)]
        return stamps, joints, actions, [truths[0], None if absent else truths[1], truths[2]]

    examples = []
    blank = Grounder(encoder, CALIBRATION)
    for number in range(30):
        stamps, joints, actions, truths = example(number % 2 == 1)
        examples.append(Example(blank.encode(stamps, joints), tuple(actions), tuple(truths)))
    learnt = Grounder(encoder, calibrate(encoder, examples))
    assert 0.0 < learnt.calibration.background < 1.0
    right = []
    for number in range(30):
        stamps, joints, actions, truths = example(number % 2 == 1)
        answer = learnt.ground(", then ".join(actions), stamps, joints)
        right += [
            item.found == (truth is not None) for item, truth in zip(answer.candidates, truths, strict=True)
        ]
    assert np.mean(right) > 0.9


def test_overlap_is_intersection_over_union():
    assert overlap((0, 10), (0, 10)) == 1.0
    assert overlap((0, 10), (5, 20)) == pytest.approx(5 / 20)
    assert overlap((0, 10), (10, 20)) == 0.0
