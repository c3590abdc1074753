"""Sentences to ordered sub-actions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.grounding.partition import (
    MAX_ACTION_WORDS,
    MAX_ACTIONS,
    ReplyError,
    check_reply,
    partition,
)
from motion_seg_ros.grounding.rules import MAX_WORDS
from motion_seg_ros.grounding.words import content, stem

READINGS = {
    "a person walks forward, sits down and then waves": ["walks forward", "sits down", "waves"],
    "After waving he sits": ["waving", "sits"],
    "After waving, he sits": ["waving", "sits"],
    "He waves after sitting down": ["sitting down", "waves"],
    "He waves after sitting but before jumping": ["sitting", "waves", "jumping"],
    "Before sitting down, the man waves and jumps": ["waves", "jumps", "sitting down"],
    "He waves before sitting": ["waves", "sitting"],
    "having sat down, he crosses his legs": ["sat down", "crosses his legs"],
    "once he sits down he waves": ["sits down", "waves"],
    "as soon as she stands up she claps": ["stands up", "claps"],
    "he walks until he falls": ["walks", "falls"],
    "A walk is followed by a jump": ["A walk", "a jump"],
    "The kick was preceded by a bow": ["a bow", "The kick"],
    "He first sits down; before that, he waves.": ["sits down", "waves"],
    "he waves, and then, after bowing, he leaves": ["waves", "bowing", "leaves"],
    "He stands up and, after waving, sits down": ["stands up", "waving", "sits down"],
    "After walking, sitting and waving he jumps": ["walking", "sitting", "waving", "jumps"],
    "First he kicks, then he punches, finally he bows": ["kicks", "punches", "bows"],
    "first a punch, next a kick, and lastly a bow": ["a punch", "a kick", "a bow"],
    "The person is waving. Then she sits down. She stands up.": ["waving", "sits down", "stands up"],
    "someone starts by walking, then starts to run": ["walking", "run"],
    "1. walk\n2. sit down\n3. wave": ["walk", "sit down", "wave"],
    "walk -> sit → wave": ["walk", "sit", "wave"],
    "step back, raise both hands, wave": ["step back", "raise both hands", "wave"],
    "walking, sitting and waving": ["walking", "sitting", "waving"],
    "the man walks to the chair and sits": ["walks to the chair", "sits"],
    "Anna walks and sits": ["walks", "sits"],
    "The old man in a red shirt walks slowly, turns around, and finally lies down on the floor.": [
        "walks slowly",
        "turns around",
        "lies down on the floor",
    ],
    # Nothing to part.
    "raises the left and right arm": ["raises the left and right arm"],
    "walks forward and backward": ["walks forward and backward"],
    "throws the ball with the left hand and the right hand": [
        "throws the ball with the left hand and the right hand"
    ],
    "runs after the ball": ["runs after the ball"],
    "stands before the table and waves": ["stands before the table", "waves"],
    "rises from hands and knees": ["rises from hands and knees"],
    "picks up cups and plates from the table": ["picks up cups and plates from the table"],
    "hits with the left hand before hitting with the right hand, then hits with the left hand": [
        "hits with the left hand",
        "hitting with the right hand",
        "hits with the left hand",
    ],
    "guides a person to their seat and bows": ["guides a person to their seat", "bows"],
    # Verbs that no lexicon has, by their place.
    "glorps the wall and blicks a ball with the hand": ["glorps the wall", "blicks a ball with the hand"],
    "waves with the right hand and blorks down": ["waves with the right hand", "blorks down"],
    "glorps goodbye, waving both hands": ["glorps goodbye while waving both hands"],
    # At once.
    "He waves while walking, then sits": ["waves while walking", "sits"],
    "While walking, he waves": ["waves while walking"],
    "he walks, waving his hand": ["walks while waving his hand"],
    # Repetition, pronouns, questions, denial.
    "jumps twice then bows": ["jumps", "jumps", "bows"],
    "she claps three times and turns left": ["claps", "claps", "claps", "turns left"],
    "walks and waves again": ["walks", "waves"],
    "he jumps and repeats it": ["jumps", "jumps"],
    "picks up the box and puts it down": ["picks up the box", "puts the box down"],
    "tell me when he waves": ["waves"],
    "When the robot waves, tell me": ["waves"],
    "when did she pick it up?": ["pick it up"],
    "Did he wave before he sat down?": ["wave", "sat down"],
    "sits without waving": ["sits"],
    # Words that no lexicon has.
    "glorps and blicks": ["glorps", "blicks"],
    "moonwalk": ["moonwalk"],
}


@pytest.mark.parametrize("text", READINGS)
def test_a_sentence_is_read_in_order_of_time(text):
    found = partition(text)
    assert list(found.actions) == READINGS[text]
    assert found.source == "rules"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("!?!", "no words"),
        ("and then and", "names no action"),
        ("he does not wave", "denied"),
        ("er winkt und setzt sich dann", "not in English"),
        ("la persona camina y luego se sienta", "not in English"),
        ("彼は手を振って座る", "not in English"),
        ("он машет рукой", "not in English"),
        ("def f(x): return x.wave()", "code"),
        ("<script>alert('wave')</script>", "code"),
    ],
)
def test_what_names_no_action_says_why(text, said):
    found = partition(text)
    assert found.actions == ()
    assert any(said in note for note in found.notes)


def test_a_contradictory_order_keeps_what_was_said_first():
    found = partition("he sits before he stands and he stands before he sits")
    assert found.actions == ("sits", "stands")
    assert any("contradicts" in note for note in found.notes)


def test_a_long_text_is_bounded_and_says_so():
    found = partition("he walks, then sits, then waves, then jumps. " * 250)
    assert len(found.actions) == MAX_ACTIONS
    assert any("2000 words" in note and str(MAX_WORDS) in note for note in found.notes)
    assert any(f"first {MAX_ACTIONS}" in note for note in found.notes)
    assert len(partition("walks " + "very " * 200 + "slowly").actions[0].split()) == MAX_ACTION_WORDS


def test_many_repetitions_are_one_long_action():
    found = partition("waves ten times")
    assert found.actions == ("waves",)
    assert any("one long action" in note for note in found.notes)


WORDS = st.sampled_from(
    [
        "he",
        "the",
        "and",
        "then",
        ",",
        ".",
        "before",
        "after",
        "while",
        "waves",
        "sits",
        "twice",
        "not",
        "it",
        "until",
        "a",
        "kick",
        "once",
        "as",
        ";",
        "walking",
        "first",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
def test_any_text_has_a_bounded_answer_of_its_own_words(text):
    found = partition(text)
    assert len(found.actions) <= MAX_ACTIONS
    assert found.actions or found.notes
    assert found == partition(text)
    for action in found.actions:
        assert action.strip() == action != ""
        assert content(action)


def test_forms_of_a_word_are_one_word_of_content():
    assert len({stem(word) for word in ("wave", "waves", "waving", "waved", "WAVES")}) == 1
    assert stem("sat") == stem("sitting") == "sit"
    assert stem("kick") != stem("pick")


def reply(*actions: object) -> str:
    return json.dumps({"actions": list(actions)})


def test_a_language_model_is_believed_when_its_words_are_the_sentences():
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "```json\n" + reply("wave", "sits down") + "\n```"

    found = partition('After "waving" he sits down', ask)
    assert (found.actions, found.source) == (("wave", "sits down"), "llm")
    assert json.dumps('After "waving" he sits down') in prompts[0]


def test_an_answer_may_be_awaited():
    async def ask(prompt: str) -> str:
        return reply("waves", "sits")

    assert partition("he waves and sits", ask).source == "llm"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("waves; sits", "not JSON"),
        ('["waves"]', "no list of strings"),
        ('{"actions": "waves"}', "no list of strings"),
        ('{"actions": ["waves"], "why": "?"}', "other keys"),
        (reply(), "0 sub-actions"),
        (reply(*["waves"] * (MAX_ACTIONS + 1)), "sub-actions"),
        (reply("waves", 3), "no list of strings"),
        (reply("waves", " "), "says nothing"),
        (reply("waves", "he"), "says nothing"),
        (reply("waves " * 30), "30 words"),
        (reply("waves", "eats an apple"), "does not speak of"),
    ],
)
def test_an_answer_that_fails_a_check_leaves_it_to_the_rules(answer, said):
    with pytest.raises(ReplyError, match=said):
        check_reply(answer, "he waves and sits")
    found = partition("he waves and sits", lambda prompt: answer)
    assert (found.actions, found.source) == (("waves", "sits"), "rules")
    assert any(said in note for note in found.notes)


def test_a_model_that_fails_leaves_it_to_the_rules_and_tells_no_secret():
    def ask(prompt: str) -> str:
        raise ConnectionError("key sk-123 refused")

    found = partition("he waves and sits", ask)
    assert found.actions == ("waves", "sits")
    assert any("ConnectionError" in note for note in found.notes)
    assert "sk-123" not in json.dumps(found.to_dict())


def test_a_model_is_not_asked_about_what_is_no_sentence():
    def ask(prompt: str) -> str:
        raise AssertionError("asked")

    assert partition("", ask).actions == ()
    assert partition("彼は手を振って座る", ask).notes == partition("彼は手を振って座る").notes
