"""A language model that splits sentences, behind a real server that is right, wrong, slow or broken."""

import json
import time

import pytest
from chat_server import ChatServer, drops, floods, says, sends, silent
from planted import CALIBRATION, PlantedText, motion

pytest.importorskip("openai", reason="the extra [llm] is not installed")

from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.grounding.language_model import PartitionSettings, open_ask
from motion_seg_ros.grounding.partition import partition

KEY = "sk-thisisverysecret"
SENTENCE = "he waves after he sat down"
ASIDE = json.dumps({"actions": ["he sat down", "he waves"]})


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server():
    with ChatServer(says(ASIDE)) as server:
        yield server


def asked(server, **settings):
    return open_ask(PartitionSettings(backend="openai", model="tiny", base_url=server.url, **settings))


def test_its_answer_is_used_and_told_and_the_key_stays_in_the_request(server):
    division = partition(SENTENCE, asked(server))
    assert division.source == "llm"
    assert division.actions == ("he sat down", "he waves")
    (request,) = server.requests
    assert request["model"] == "tiny"
    assert SENTENCE in request["messages"][0]["content"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(request) + repr(division)


def test_a_grounding_says_who_split_the_sentence(server):
    grounder = Grounder(PlantedText(), CALIBRATION, ask=asked(server))
    answer = grounder.ground(SENTENCE, *motion([("sit", 2.0), ("wave", 2.0)]))
    assert [item.action for item in answer.spans] == ["he sat down", "he waves"]
    assert answer.trace()["partition"]["source"] == "llm"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (says(json.dumps({"actions": ["he somersaults"]})), "somersault"),
        (says("Sure! First he sits."), "not JSON"),
        (says(json.dumps({"actions": []})), "0 sub-actions"),
        (sends(b"<html>"), "no chat completion"),
        (sends(b'{"choices": [{"message": {"content": null}}]}'), "said nothing"),
        (sends(json.dumps({"error": KEY}).encode(), 401), "HTTP 401"),
        (sends(b"", 500), "HTTP 500"),
        (drops, "cannot be reached"),
        (floods(), "longer than"),
    ],
)
def test_whatever_else_it_answers_the_rules_take_its_place(server, reply, said):
    server.reply = reply
    division = partition(SENTENCE, asked(server))
    assert division.source == "rules"
    assert division.actions == partition(SENTENCE).actions
    assert any(said in note for note in division.notes), division.notes
    assert not any(KEY in note for note in division.notes)


def test_a_silent_server_is_not_waited_for(server):
    server.reply = silent
    began = time.monotonic()
    division = partition(SENTENCE, asked(server, timeout=0.3))
    assert time.monotonic() - began < 3.0
    assert division.source == "rules"
    assert any("Timeout" in note for note in division.notes)


def test_nothing_is_asked_about_a_text_without_actions(server):
    assert partition("", asked(server)).actions == ()
    assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backend": "openai"}, "partition.model"),
        ({"backend": "openai", "model": "m", "base_url": "ftp://x"}, "partition.base_url"),
        ({"backend": "openai", "model": "m", "base_url": "http://me:you@x"}, "must not hold a key"),
        ({"backend": "openai", "model": "m", "key_variable": "NO_SUCH_KEY"}, "NO_SUCH_KEY"),
        ({"backend": "chat"}, "backend"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings, said):
    with pytest.raises(ValueError, match=said):
        open_ask(PartitionSettings(**settings))


def test_the_rules_ask_nobody():
    assert open_ask(PartitionSettings()) is None
