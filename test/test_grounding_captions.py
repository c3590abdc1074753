"""Captions: English that says what the data sets' labels mean."""

from __future__ import annotations

import re

import numpy as np
import pytest

from motion_seg_ros.grounding.captions import (
    FRAMES,
    Action,
    captions,
    composed,
    conjugated,
    find_action,
    general_captions,
    label_text,
    sentence,
    vocabulary,
    with_style,
)
from motion_seg_ros.humocon.synthesis import vocabulary as made_up

ACTIONS = list({(action.name, action.side): action for action in vocabulary().values()}.values())


@pytest.mark.parametrize(
    ("verb", "third", "gerund", "past"),
    [
        ("wave", "waves", "waving", "waved"),
        ("walk", "walks", "walking", "walked"),
        ("carry", "carries", "carrying", "carried"),
        ("sway", "sways", "swaying", "swayed"),
        ("clap", "claps", "clapping", "clapped"),
        ("squat", "squats", "squatting", "squatted"),
        ("throw", "throws", "throwing", "threw"),
        ("fix", "fixes", "fixing", "fixed"),
        ("bow", "bows", "bowing", "bowed"),
        ("lie", "lies", "lying", "lay"),
        ("tiptoe", "tiptoes", "tiptoeing", "tiptoed"),
        ("tee", "tees", "teeing", "teed"),
        ("go", "goes", "going", "went"),
        ("push", "pushes", "pushing", "pushed"),
        ("lean", "leans", "leaning", "leaned"),
        ("control", "controls", "controlling", "controlled"),
    ],
)
def test_verbs_are_spelt_as_in_english(verb: str, third: str, gerund: str, past: str) -> None:
    assert [conjugated(verb, form) for form in ("base", "third", "gerund", "past")] == [
        verb,
        third,
        gerund,
        past,
    ]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action.name} {action.side}".strip())
def test_every_caption_is_a_plain_sentence(action: Action) -> None:
    for text in (*captions(action), *captions(action, unseen=True), *general_captions(action)):
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z',-]*( [a-zA-Z',-]+)*", text), text
        assert "SIDE" not in text
        assert "OTHER" not in text
    if action.side:
        assert all(re.search(rf"\b{action.side}(-handed)?\b", text) for text in captions(action)), (
            "says its side"
        )
        assert not any(re.search(r"\b(left|right)\b", text) for text in general_captions(action))


def test_words_kept_from_training_are_not_taught() -> None:
    taught = {phrase for action in ACTIONS for phrase in (*action.phrases, *action.general)}
    kept = {phrase for action in ACTIONS for phrase in action.unseen}
    assert not taught & kept
    assert all(len(action.unseen) >= 2 and action.phrases for action in ACTIONS)
    # One phrase means one action, or zero-shot recognition has no truth.
    owners: dict[str, set[str]] = {}
    for action in ACTIONS:
        for phrase in (*action.phrases, *action.unseen):
            owners.setdefault(phrase, set()).add(action.name)
    shared = {phrase: names for phrase, names in owners.items() if len(names) > 1}
    assert not shared


@pytest.mark.parametrize(
    ("label", "name", "side"),
    [
        ("walk-turn-left", "turn SIDE while walking", "left"),
        ("raise-up-both-hands", "raise both hands", ""),
        ("wave-right-hand", "wave the SIDE hand", "right"),
        ("train/walking_extra/walking_13", "walk", ""),
        ("clapHands", "clap", ""),
        ("JumpJack", "do jumping jacks", ""),
        ("leg_kick", "kick with the SIDE leg", ""),
        ("wave with the left hand while sitting", "wave the SIDE hand", "left"),
    ],
)
def test_labels_find_their_action(label: str, name: str, side: str) -> None:
    action = find_action(label)
    assert action is not None
    assert (action.name, action.side) == (name, side)


def test_every_motion_that_is_made_up_has_words() -> None:
    assert [name for name in made_up() if find_action(name) is None] == []


def test_unknown_labels_have_no_action_but_a_text() -> None:
    assert find_action("brushTeeth") is None
    assert label_text("brushTeeth") == "brush teeth"
    assert label_text("sit-down_2") == "sit down 2"


def test_the_mirror_of_an_action_is_the_action_on_the_other_side() -> None:
    swap = {"left": "right", "right": "left"}
    for action in ACTIONS:
        other = action.mirror()
        assert other.mirror() is action or other.mirror() == action
        if action.side:
            expected = [
                re.sub(r"left|right", lambda found: swap[found[0]], phrase) for phrase in action.phrases
            ]
            assert list(other.phrases) == expected
            assert other.side == swap[action.side]


def test_composed_sentences_keep_the_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        text = composed(["{walk}", "{wave} the left hand"], rng)
        assert re.fullmatch(r"a person walks\b.*\b(waves|waving) the left hand", text)


def test_styles_follow_the_sentence() -> None:
    rng = np.random.default_rng(0)
    assert with_style("a person runs", "happy", rng) in (
        "a person runs happily",
        "a person runs in a happy mood",
    )
    assert with_style("a person runs", "normal", rng) == "a person runs"


def test_frames_hold_one_phrase() -> None:
    assert all(frame.count("{}") == 1 for _, frame in FRAMES)
    assert sentence("{bend} and {rise}", "past", "she {}") == "she bent and rose"
