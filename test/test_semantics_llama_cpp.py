"""The worker process of GGUF models, with a module that stands in for llama-cpp-python."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from test_semantics_openai import QUESTION

from motion_seg_ros.semantics.conversation import ModelSettings
from motion_seg_ros.semantics.llama_cpp_backend import LlamaCppBackend
from motion_seg_ros.semantics.protocol import BackendError

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def model(tmp_path, monkeypatch):
    paths = [str(Path(__file__).parent / "fake_llama"), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def make(**script):
        path = tmp_path / "tiny.gguf"
        path.write_text(json.dumps(script))
        return LlamaCppBackend(ModelSettings(model=str(path)))

    return make


def run(backend, *steps):
    async def all_of_it():
        try:
            return [await step(backend) for step in steps]
        finally:
            await backend.close()

    return asyncio.run(all_of_it())


def ask(backend):
    return backend.ask(QUESTION)


def test_questions_go_to_one_process_and_answers_come_back(model):
    async def process(backend):
        return backend._process.pid

    backend = model()
    first, pid, second, again = run(backend, ask, process, ask, process)
    assert first == second
    assert first.phrases == ("waving", "squatting")
    assert first.same_probability == pytest.approx(0.2)
    assert (first.source, first.tokens) == ("llm:tiny.gguf", 60)
    assert pid == again != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_model_that_cannot_be_loaded_is_told_and_not_tried_forever(model):
    with pytest.raises(BackendError, match="not a GGUF file") as raised:
        run(model(broken=True), ask)
    assert not raised.value.transient


def test_a_model_that_fails_once_is_asked_again(model):
    with pytest.raises(BackendError, match="out of context") as raised:
        run(model(fails=True), ask)
    assert raised.value.transient


def test_a_process_that_dies_is_started_anew(model, tmp_path):
    async def dying(backend):
        with pytest.raises(BackendError, match="has died"):
            await backend.ask(QUESTION)
        (tmp_path / "tiny.gguf").write_text("{}")

    assert run(model(dies=True), dying, ask)[1].phrases == ("waving", "squatting")


def test_a_crash_is_named_and_its_status_is_not_lost(model, caplog):
    # As of a llama.cpp that was built for another processor.
    with pytest.raises(BackendError, match=r"has died \(Illegal instruction\)"):
        run(model(crashes=True), ask)
    assert not caplog.records


def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(model):
    async def impatient(backend):
        await backend.ask(QUESTION)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(backend.ask(QUESTION), 0.1)
        return await backend.ask(QUESTION)

    assert run(model(seconds=0.3), impatient)[0].phrases == ("waving", "squatting")


def test_closing_does_not_wait_for_a_thought(model):
    async def leave(backend):
        task = asyncio.create_task(backend.ask(QUESTION))
        await asyncio.sleep(1.5)
        task.cancel()
        began = time.monotonic()
        await backend.close()
        return time.monotonic() - began

    assert run(model(seconds=60.0), leave)[0] < 0.4


def test_settings_that_cannot_work_are_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"oracle\.model"):
        LlamaCppBackend(ModelSettings())
    with pytest.raises(FileNotFoundError, match="no model at"):
        LlamaCppBackend(ModelSettings(model=str(tmp_path / "missing.gguf")))
    with pytest.raises(ValueError, match="descriptions only"):
        LlamaCppBackend(ModelSettings(model=str(tmp_path), shows="figures"))
