"""Concept embeddings as what motions are told apart by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from concept_model import open_encoder, write_model
from motion import frames

from motion_seg_ros.cli import main
from motion_seg_ros.humocon.features import ConceptFeatures, concept_features
from motion_seg_ros.humocon.runtime import EncoderConfig
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

DAY = [("stand", 4.0), ("wave", 5.0), ("squat", 5.0), ("wave", 5.0)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("weights"))


def test_features_move_from_embedding_to_embedding(weights: Path) -> None:
    people = list(frames(DAY))
    encoder = open_encoder(weights)
    maker, tokenizer = ConceptFeatures(encoder), Tokenizer(encoder)
    told = [np.zeros(encoder.info.embedding)]
    vectors = []
    for number, item in enumerate(people):
        person = item.skeletons[0]
        told += [token.embedding for token in tokenizer.update(item)]
        vectors.append(maker.update(item.stamp, person.joints, person.confidence))
        newest, before = told[-1], told[max(0, len(told) - 2)]
        expected = before + (number % 4) / 4 * (newest - before)
        np.testing.assert_allclose(vectors[-1], expected, atol=1e-4)
    assert np.std(vectors, axis=0).min() > 0


def test_motions_are_told_apart_by_concepts() -> None:
    """Of the weights that ship: those of no training tell little apart."""
    config = TranscriberConfig(features="concepts")
    with pytest.raises(ValueError, match="concept model"):
        Transcriber(config)
    observe = concept_features(EncoderConfig())

    def transcribe(config: TranscriberConfig) -> list:
        transcriber = Transcriber(config, observe=observe)
        events = [event for item in frames(DAY) for event in transcriber.update(item)]
        return [event for event in events + transcriber.close() if event.final and not event.withdrawn]

    found = transcribe(config)
    assert found == transcribe(config)
    assert found != transcribe(TranscriberConfig())
    assert len(found) >= 3


def test_a_replay_and_a_benchmark_take_concepts(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = list(frames(DAY))
    source = tmp_path / "data" / "day.npz"
    source.parent.mkdir()
    lengths = [round(seconds * 30) for _, seconds in DAY]
    np.savez(
        source,
        joints=np.array([item.skeletons[0].joints for item in people], np.float32),
        joint_names=np.array(SMPL22.joints),
        labels=np.repeat([0, 1, 2, 1], lengths).astype(np.int32),
        names=np.array(["stand", "wave", "squat"]),
        fps=30.0,
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"tvsh_node: {{ros__parameters: {{features: concepts, weights: {weights}}}}}\n")
    assert main(["replay", str(source), "--config", str(config), "--out", str(tmp_path / "out")]) == 0
    config.write_text("tvsh_node: {ros__parameters: {features: concepts, weights: /nowhere}}\n")
    assert main(["replay", str(source), "--config", str(config), "--out", str(tmp_path / "out")]) == 2
    assert "/nowhere holds no motion concepts" in capsys.readouterr().err

    words = ["benchmark", str(source.parent), "--out", str(tmp_path / "bench")]
    assert main([*words, "--features", "concepts", "--weights", str(weights)]) == 0
    concepts = capsys.readouterr().out
    assert main([*words, "--features", "skeleton"]) == 0
    assert concepts != capsys.readouterr().out
