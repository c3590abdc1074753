import asyncio
import pickle
import sqlite3

import pytest
from oracle_backends import Scripted, question

pytest.importorskip("diskcache", reason="the extra [llm] is not installed")

from motion_seg_ros.semantics.asking import Asking, AskingConfig
from motion_seg_ros.semantics.cache import AnswerCache
from motion_seg_ros.semantics.health import OracleHealth
from motion_seg_ros.semantics.protocol import Answer

ANSWER = Answer(0.25, ("waves", "squats"), "llm:test", cost=0.01, tokens=300)


def test_an_answer_is_kept_for_the_question_and_the_backend_it_was_given_by(tmp_path):
    cache = AnswerCache(tmp_path, "a")
    assert cache.get(question()) is None
    cache.put(question(), ANSWER)
    cache.close()
    again = AnswerCache(tmp_path, "a")
    # It costs nothing a second time.
    assert again.get(question()) == Answer(0.25, ("waves", "squats"), "llm:test")
    assert again.get(question(1)) is None
    assert AnswerCache(tmp_path, "b").get(question()) is None


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


@pytest.mark.parametrize(
    ("mode", "value"),
    [
        (4, pickle.dumps(Bomb())),
        (1, "no json"),
        (1, "[]"),
        (1, '{"same": 7, "phrases": ["a", "b"], "source": "x"}'),
        (1, '{"same": 0.5, "phrases": "abc", "source": "x"}'),
        (1, 5),
    ],
)
def test_what_somebody_else_put_there_is_no_answer_and_no_pickle_is_read(tmp_path, mode, value):
    cache = AnswerCache(tmp_path, "a")
    cache.put(question(), ANSWER)
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = ?, value = ?", (mode, value))
    with pytest.raises(OSError, match="cannot be read"):
        cache.get(question())


def test_nothing_is_written_as_a_pickle(tmp_path):
    cache = AnswerCache(tmp_path, "a")
    cache.put(question(), ANSWER)
    with sqlite3.connect(tmp_path / "cache.db") as database:
        assert database.execute("SELECT raw, mode, typeof(key), typeof(value) FROM Cache").fetchall() == [
            (1, 1, "text", "text")
        ]
    assert [path.name for path in tmp_path.rglob("*.val")] == []


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cache"):
        AnswerCache(tmp_path / "file", "a")
    (tmp_path / "cache.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(OSError, match="cannot be used"):
        AnswerCache(tmp_path, "a")


def test_a_cache_that_breaks_is_counted_and_costs_no_answer(tmp_path):
    cache, health, backend = AnswerCache(tmp_path, "a"), OracleHealth(), Scripted(lambda question: ANSWER)
    asking = Asking(backend, AskingConfig(retries=0), cache, health, lambda: 0.0, waits=True)

    def ask(number):
        return asyncio.run(asking.answer(question(number)))

    assert [ask(0)[1], ask(0)[1]] == ["answered", "cached"]
    assert (health.cache_errors, health.facts().get("cache errors")) == (0, None)
    with sqlite3.connect(tmp_path / "cache.db") as other:
        other.execute("DROP TABLE Cache")
    assert ask(0) == (ANSWER, "answered")
    # It could neither be read nor written.
    assert (health.facts()["cache errors"], health.errors, len(backend.asked)) == ("2", 0, 2)
    assert health.facts()["cache error"].startswith("answers cannot be kept: ")


def test_a_locked_cache_is_counted(tmp_path):
    cache, health = AnswerCache(tmp_path, "a"), OracleHealth()
    asking = Asking(Scripted(), AskingConfig(retries=0), cache, health, lambda: 0.0, waits=True)
    with sqlite3.connect(tmp_path / "cache.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        assert asyncio.run(asking.answer(question()))[1] == "answered"
    assert health.cache_errors == 1
    assert "cannot be kept" in health.cache_error
