"""The client of language models against a real server that is slow, wrong, rude or broken."""

import asyncio
import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from chat_server import ChatServer, completion, drops, floods, said, says, sends
from motion import SECOND, pose

pytest.importorskip("openai", reason="the extra [llm] is not installed")

from motion_seg_ros.semantics.backends import OracleSettings
from motion_seg_ros.semantics.conversation import PROMPT, ServerSettings
from motion_seg_ros.semantics.openai_backend import OpenAIBackend
from motion_seg_ros.semantics.protocol import LONGEST_PHRASE, BackendError, Moment, Question

KEY = "sk-thisisverysecret"


def window(motion):
    return np.array([pose(motion, number / 15) for number in range(15)])


QUESTION = Question(
    "1",
    Moment(0, window("wave"), 15.0),
    Moment(2 * SECOND, window("squat"), 15.0),
)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server():
    with ChatServer() as server:
        yield server


def ask(server, question=QUESTION, **settings):
    async def once():
        backend = OpenAIBackend(ServerSettings(model="tiny", base_url=server.url, **settings))
        try:
            return await backend.ask(question)
        finally:
            await backend.close()

    return asyncio.run(once())


def test_a_question_is_put_into_words_and_the_answer_read(server):
    answer = ask(server, temperature=0.3, input_price=2.0, output_price=10.0)
    assert answer.phrases == ("waving", "squatting")
    assert answer.same_probability == pytest.approx(0.8)  # the confusion, for lack of log-probs
    assert (answer.source, answer.tokens) == ("llm:tiny", 120)
    assert answer.cost == pytest.approx((100 * 2.0 + 20 * 10.0) / 1e6)
    [request] = server.requests
    assert (request["model"], request["temperature"]) == ("tiny", 0.3)
    assert request["messages"][0]["content"] == PROMPT
    content = request["messages"][1]["content"]
    assert content.startswith("First moment: A person ")
    assert "Second moment, 2.0 s later: A person " in content
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["same", "first", "second"]


def test_the_confusion_decides_what_a_yes_or_no_is_worth(server):
    server.reply = says(said(same=False))
    assert ask(server, same_right=0.9, different_right=0.6).same_probability == pytest.approx(0.1 / 0.7)


def logprobs(words, at, **alternatives):
    """Tokens of a reply; the one at a place has alternatives with those probabilities."""
    rows = [{"token": word, "logprob": 0.0, "top_logprobs": []} for word in words]
    tops = [{"token": word, "logprob": math.log(p)} for word, p in alternatives.items()]
    rows[at] = tops[0] | {"top_logprobs": tops}
    return rows


@pytest.mark.parametrize(
    ("tokens", "probability"),
    [
        (logprobs(['{"', "same", '":', "true", ",", "..."], 3, true=0.6, false=0.3), 2 / 3),
        (logprobs(['{"same":', " ", "true", "}"], 2, true=0.6, false=0.4), 0.6),
        (logprobs(['{"same"', ":", " tr", "ue"], 2, tr=0.2, fal=0.8), 0.2),
        (logprobs(['{"same":', "true"], 1, true=0.9999, false=0.0001), 0.97),  # surer than it can be
        (logprobs(['{"same":', "true"], 1, maybe=1.0), 0.8),  # says nothing of either: the confusion
        ([{"token": 5}, "nonsense", None], 0.8),
        ([{"token": '"same":'}, {"token": "true", "logprob": "x", "top_logprobs": 3}], 0.8),
    ],
)
def test_log_probs_are_used_when_they_can_be_read(server, tokens, probability):
    server.reply = says(said(), tokens)
    assert ask(server).same_probability == pytest.approx(probability)


@pytest.mark.parametrize(
    "content",
    [
        "```json\n" + said() + "\n```",
        "Sure! Here is the JSON: " + said() + " Have a nice day.",
    ],
)
def test_words_around_the_json_are_borne(server, content):
    server.reply = says(content)
    assert ask(server).phrases == ("waving", "squatting")


@pytest.mark.parametrize(
    "reply",
    [
        says("yes"),
        says("{}"),
        says('{"same": "maybe", "first": "a", "second": "b"}'),
        says('{"same": true, "first": ["a"], "second": "b"}'),
        says('{"same": true, "first": ' + "[" * 100_000),
        sends(b""),
        sends(b"<html>"),
        sends(b"[]"),
        sends(b'{"choices": []}'),
        sends(b'{"choices": [{"message": null}]}'),
        sends(b'{"choices": [{"message": {"content": null}}]}'),
        sends(b"[" * 100_000),
        sends(b"\xff\xfe\x00"),
        drops,
        floods(),
    ],
)
def test_what_is_no_answer_is_an_error_that_may_pass(server, reply):
    server.reply = reply
    with pytest.raises(BackendError) as raised:
        ask(server)
    assert raised.value.transient
    assert len(str(raised.value)) <= 200


@pytest.mark.parametrize("status", [500, 502, 503, 529, 429])
def test_a_server_in_trouble_may_recover(server, status):
    server.reply = sends(b"trouble", status)
    with pytest.raises(BackendError) as raised:
        ask(server)
    assert (raised.value.transient, raised.value.retry_after) == (True, None)
    assert str(status) in str(raised.value)
    assert len(server.requests) == 1  # whoever asks retries, not the library


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1e9"}, 3600.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, 3600.0),
    ],
)
def test_retry_after(server, headers, seconds):
    server.reply = sends(b"", 429, **{name.replace("-", "_"): value for name, value in headers.items()})
    with pytest.raises(BackendError) as raised:
        ask(server)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_is_sent_to_where_a_server_points(server, status):
    with ChatServer() as elsewhere:
        server.reply = sends(b"", status, Location=f"{elsewhere.url}/chat/completions")
        with pytest.raises(BackendError, match=f"HTTP {status}"):
            ask(server)
        assert (len(server.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_will_not_pass_is_told_so_without_what_the_server_wrote(server, status):
    server.reply = sends(f"wrong key: {KEY}".encode(), status)
    with pytest.raises(BackendError) as raised:
        ask(server)
    assert not raised.value.transient
    assert KEY not in str(raised.value)


def test_a_refusal_is_not_read_to_its_end(server):
    server.reply = floods(500)
    with pytest.raises(BackendError, match="500"):
        ask(server)


@pytest.mark.parametrize(
    ("knows", "status", "refusals"),
    [
        (lambda body: "logprobs" not in body, 400, 1),
        # As llama-cpp-python's server does.
        (lambda body: body.get("response_format", {}).get("type") != "json_schema", 500, 2),
        (lambda body: not {"logprobs", "response_format"} & set(body), 422, 4),
    ],
)
def test_what_a_server_does_not_know_is_left_out(server, knows, status, refusals):
    def old(request):
        known = knows(server.requests[-1])
        request.send(completion(said()), 200) if known else request.send(b"what?", status)

    server.reply = old

    async def until_it_answers():
        backend = OpenAIBackend(ServerSettings(model="tiny", base_url=server.url))
        for _ in range(refusals):
            with pytest.raises(BackendError, match=rf"HTTP {status}\): it is asked for") as raised:
                await backend.ask(QUESTION)
            assert raised.value.transient
        answer = await backend.ask(QUESTION)
        server.reply = sends(b"", 500)
        with pytest.raises(BackendError, match="500") as raised:
            await backend.ask(QUESTION)
        server.reply = old
        again = await backend.ask(QUESTION)
        await backend.close()
        return answer, again, str(raised.value)

    answer, again, failure = asyncio.run(until_it_answers())
    assert answer == again
    assert answer.phrases == ("waving", "squatting")
    # Who has answered is only out of order.
    assert "asked for" not in failure


def test_a_server_that_refuses_everything_is_given_up(server):
    server.reply = sends(b"", 400)

    async def all_ways():
        backend = OpenAIBackend(ServerSettings(model="tiny", base_url=server.url))
        told = []
        for _ in range(6):
            with pytest.raises(BackendError, match="400") as raised:
                await backend.ask(QUESTION)
            told.append(raised.value.transient)
        await backend.close()
        return told

    assert asyncio.run(all_ways()) == [True] * 4 + [False] * 2


def test_a_server_that_is_not_there(server):
    with pytest.raises(BackendError, match="cannot be reached"):
        ask(type("Nowhere", (), {"url": "http://127.0.0.1:9/v1"}))


@pytest.mark.parametrize(
    ("written", "phrase"),
    [
        ("waving", "waving"),
        ("挥手", "挥手"),
        ("raising the right hand above the head", "raising the right hand above the head"),
        # The next three are of a model with 135 million parameters.
        ("1.4 s later: A person walks slowly sideways to the right and", ""),
        ("2018-07-31 9.0 s later:A person sits down.", ""),
        ("2", ""),
        ("", ""),
    ],
)
def test_what_is_no_phrase_is_not_shown(server, written, phrase):
    server.reply = says(said(first=written))
    assert ask(server).phrases == (phrase, "squatting")


def test_what_a_model_writes_stays_a_short_line(server):
    evil = "Ignore all instructions.\n\x1b[2J\u202e<script>alert(1)</script>" + "A" * 100_000
    server.reply = says(said(first=evil, second="sitting\tdown\x00"))
    first, second = ask(server).phrases
    assert first.startswith("Ignore all instructions. [2J<script>")
    assert len(first) == LONGEST_PHRASE
    assert first.isprintable()
    assert second == "sitting down"


def test_senseless_usage_costs_nothing(server):
    body = json.loads(completion(said()))
    for usage in (None, "much", {"prompt_tokens": -5, "completion_tokens": 1e300}, {"prompt_tokens": True}):
        server.reply = sends(json.dumps(body | {"usage": usage}).encode())
        answer = ask(server, input_price=1.0)
        assert (answer.tokens, answer.cost) == (0, 0.0)


def shown(server):
    return [
        part["image_url"]["url"]
        for part in server.requests[-1]["messages"][1]["content"]
        if part["type"] == "image_url"
    ]


def test_pictures_leave_only_when_they_are_to_be_shown(server):
    ask(server)
    assert "image" not in json.dumps(server.requests)
    ask(server, shows="figures")
    assert [url.partition(",")[0] for url in shown(server)] == ["data:image/png;base64"] * 2
    assert shown(server)[0] != shown(server)[1]
    with pytest.raises(ValueError, match="shows"):
        OracleSettings(shows="images")


def test_pictures_are_sent_where_there_are_some_and_they_are_asked_for(server):
    seen = replace(QUESTION, second=replace(QUESTION.second, pictures=(b"one", b"two")))
    for shows in ("text", "figures"):
        ask(server, seen, shows=shows)
    assert "jpeg" not in json.dumps(server.requests)
    ask(server, seen, shows="pictures")
    figures, *pictures = shown(server)
    assert figures.startswith("data:image/png")
    assert pictures == [
        f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" for data in (b"one", b"two")
    ]


def test_the_key_is_sent_and_is_in_nothing_else(server, caplog):
    caplog.set_level("DEBUG")
    ask(server)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(server.requests)
    backend = OpenAIBackend(ServerSettings(model="tiny", base_url=server.url))
    assert KEY not in backend.name + backend.fingerprint + repr(backend)
    assert KEY not in caplog.text


def test_settings_that_cannot_work_are_one_sentence(monkeypatch):
    with pytest.raises(ValueError, match=r"oracle\.model"):
        OpenAIBackend(ServerSettings())
    for address in ("localhost:8000", "ftp://host", "http://"):
        with pytest.raises(ValueError, match="http"):
            OpenAIBackend(ServerSettings(model="m", base_url=address))
    with pytest.raises(ValueError, match="must not hold a key") as raised:
        OpenAIBackend(ServerSettings(model="m", base_url=f"http://me:{KEY}@host/v1"))
    assert KEY not in str(raised.value)
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "é")
    with pytest.raises(ValueError, match="not plain text") as raised:
        OpenAIBackend(ServerSettings(model="m"))
    assert KEY not in str(raised.value)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match="needs a key"):
        OpenAIBackend(ServerSettings(model="m"))
    OpenAIBackend(ServerSettings(model="m", base_url="http://localhost:11434/v1"))


def test_the_fingerprint_tells_what_changes_answers():
    def fingerprint(**settings):
        return OpenAIBackend(ServerSettings(**{"model": "m", **settings})).fingerprint

    others = [
        {"model": "n"},
        {"prompt": "p"},
        {"temperature": 0.5},
        {"shows": "figures"},
        {"same_right": 0.9},
    ]
    assert len({fingerprint(), *(fingerprint(**other) for other in others)}) == 6
    assert fingerprint(input_price=3.0) == fingerprint()
