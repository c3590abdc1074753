"""Training, its checkpoints and its export, with a configuration that takes seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from motion_seg_ros.humocon import losses, training  # noqa: E402
from motion_seg_ros.humocon.checkpoint import load_checkpoint  # noqa: E402
from motion_seg_ros.humocon.codebook import describe_codebook  # noqa: E402
from motion_seg_ros.humocon.configuration import CONFIGS, TrainingConfig  # noqa: E402
from motion_seg_ros.humocon.contract import MOTION, VIDEO, ModelError  # noqa: E402
from motion_seg_ros.humocon.export import Graph, check_parity, export  # noqa: E402
from motion_seg_ros.humocon.modelling import ConceptModel  # noqa: E402
from motion_seg_ros.humocon.motions import Windows, load_motions, names_of  # noqa: E402
from motion_seg_ros.humocon.objective import Batch, Objective  # noqa: E402
from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig  # noqa: E402
from motion_seg_ros.humocon.synthesis import deeds  # noqa: E402
from motion_seg_ros.humocon.training import LOST_BATCH, TrainingLost, train  # noqa: E402
from motion_seg_ros.humocon.validation import reconstruction  # noqa: E402
from motion_seg_ros.settings_file import load_settings  # noqa: E402
from motion_seg_ros.skeleton.motion_inputs import MOTION as ROOT  # noqa: E402
from motion_seg_ros.skeleton.motion_inputs import POSITIONS, SEEN, VELOCITIES  # noqa: E402

TERMS = ("motion", "video", "pose", "dis", "act", "align", "names")
TINY = load_settings(TrainingConfig, CONFIGS / "concepts_tiny.yaml")
# Nothing but motion, as fast as it goes.
SHORT = replace(
    TINY,
    epochs=2,
    steps=3,
    batch=4,
    paired=0,
    losses=replace(TINY.losses, video=0.0, align=0.0),
    sources=TINY.sources,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    train(TINY, Path(), folder)
    return folder


def test_every_term_falls_and_is_told(trained):
    first, *_, last = load_checkpoint(trained / "checkpoint.pt").history
    for term in TERMS:
        assert last[f"train {term}"] < first[f"train {term}"], term
    assert last["perplexity / codes"] > 0.3


@pytest.mark.parametrize(("setting", "changed"), [("temperature", "names"), ("align_temperature", "align")])
def test_names_and_alignment_have_a_temperature_each(trained, setting, changed):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    motion = checkpoint.gallery.inputs[:4]
    shape = motion.shape[0], motion.shape[1] // 4
    random = torch.Generator().manual_seed(0)
    video, thumbnails, flow = (
        torch.rand(*shape, *size, generator=random) for size in ((64, 64), (256,), (32,))
    )
    names = torch.zeros(shape, dtype=torch.long)
    batch = Batch(motion, motion, torch.ones(shape), names, video, thumbnails, flow)
    terms = []
    for config in (TINY.losses, replace(TINY.losses, **{setting: 0.5})):
        torch.manual_seed(0)
        terms.append(Objective(checkpoint.build(), config).eval()(batch)[1])
    assert {name for name in TERMS if not torch.equal(terms[0][name], terms[1][name])} == {changed}


def test_frame_by_frame_is_the_whole_clip(trained):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    model = checkpoint.build()
    motion = checkpoint.gallery.inputs[:2]
    with torch.no_grad():
        whole = model.encode_motion(motion)
        state, parts = model.motion.start(motion), []
        for frames in torch.split(motion, 4, dim=1):
            _, embeddings, state = model.motion(frames, state)
            parts.append(embeddings)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole.embeddings, atol=1e-5, rtol=0)
    assert torch.equal(model.motion_codes(torch.cat(parts, dim=1))[0], whole.codes)


def test_a_token_knows_nothing_of_what_follows(trained):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    model, motion = checkpoint.build(), checkpoint.gallery.inputs[:1]
    changed = motion.clone()
    changed[:, 16:] += 1
    with torch.no_grad():
        one, other = model.encode_motion(motion), model.encode_motion(changed)
    torch.testing.assert_close(one.embeddings[:, :4], other.embeddings[:, :4])
    assert not torch.allclose(one.embeddings[:, 4:], other.embeddings[:, 4:])


def test_a_state_that_concepts_classify_knows_only_the_pose_of_its_frame(trained):
    """Or its own velocity would be in it, and L_act would ask nothing of the concept."""
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    model, motion = checkpoint.build(), checkpoint.gallery.inputs[:1]
    changed = motion.clone()
    changed[:, 9:, POSITIONS] += 1
    changed[..., VELOCITIES] += 1
    changed[..., ROOT] += 1
    with torch.no_grad():
        one, other = model.motion_states(motion), model.motion_states(changed)
    torch.testing.assert_close(one[:, :9], other[:, :9])
    assert not torch.allclose(one[:, 9:], other[:, 9:])


def test_what_codes_tell_of_the_velocity_is_the_share_between_them(trained, monkeypatch):
    model = load_checkpoint(trained / "checkpoint.pt").build()
    motion, valid = torch.zeros(2, 8, 110), torch.ones(2, 2)
    motion[..., SEEN] = 1
    motion[:, 4:, ROOT.start] = torch.tensor([1.0, 3.0])[:, None]
    told = []
    for codes in ([[0, 1], [0, 2]], [[0, 1], [0, 1]], [[5, 5], [5, 5]]):
        encoded = replace(model.encode_motion(motion), codes=torch.tensor(codes))
        monkeypatch.setattr(model, "encode_motion", lambda _, encoded=encoded: encoded)
        told.append(reconstruction(model, motion, valid).velocity_told)
        monkeypatch.undo()
    # Forward velocities 0, 1, 0, 3: their variance is 1.5, of which 0.5 is within the second code.
    assert told == pytest.approx([1, 2 / 3, 0], abs=1e-4)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    done = export(load_checkpoint(trained / "checkpoint.pt"), folder, static=True)
    assert [each.kind for each in done] == [MOTION, VIDEO]
    assert max(each.max_error for each in done) < 1e-4
    return folder


def test_what_is_exported_is_what_was_trained(trained, exported):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    assert str(Path(training.__file__).parent).encode() not in (exported / "concepts.onnx").read_bytes()
    encoder = ConceptEncoder(EncoderConfig(weights=str(exported)))
    motion = checkpoint.gallery.inputs[:3].numpy()
    with torch.no_grad():
        expected = checkpoint.build().encode_motion(checkpoint.gallery.inputs[:3])
    state = np.zeros((3, encoder.info.state), np.float32)
    tokens, _, embeddings, _ = encoder.encode(motion, state)
    np.testing.assert_array_equal(tokens, expected.codes.numpy())
    np.testing.assert_allclose(embeddings, expected.embeddings.numpy(), atol=1e-4)
    book = np.load(exported / "codebook.npz")
    assert book["decoded"].shape == (16, 32, 22, 3)
    assert book["usage"].sum() == book["transitions"].sum() + len(checkpoint.gallery.inputs)
    card = (exported / "MODEL_CARD.md").read_text()
    assert TINY.licence in card
    assert encoder.info.codebook in card


def test_the_video_encoder_is_exported_too(trained, exported):
    """Rendered windows, crop by crop, give the tokens of the whole windows in torch."""
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    assert str(Path(training.__file__).parent).encode() not in (exported / "video/video.onnx").read_bytes()
    encoder = ConceptEncoder(EncoderConfig(weights=str(exported)), VIDEO)
    video = checkpoint.gallery.video[:3].float() / 255
    assert video.std() > 0.05
    with torch.no_grad():
        expected = checkpoint.build().encode_video(video)
    state, tokens, embeddings = encoder.state(3), [], []
    for crop in torch.split(video, 1, dim=1):
        token, _, embedding, state = encoder.encode(crop.numpy(), state)
        tokens.append(token)
        embeddings.append(embedding)
    np.testing.assert_array_equal(np.concatenate(tokens, axis=1), expected.codes.numpy())
    np.testing.assert_allclose(np.concatenate(embeddings, axis=1), expected.embeddings.numpy(), atol=1e-4)
    card = (exported / "video/MODEL_CARD.md").read_text()
    motion = ConceptEncoder(EncoderConfig(weights=str(exported))).info.codebook
    assert encoder.info.codebook in card
    assert motion in card
    assert motion != encoder.info.codebook


def test_an_export_that_disagrees_with_torch_is_refused(trained, exported):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    model = checkpoint.build()
    with torch.no_grad():
        model.motion.head[1].bias += 0.01
    with pytest.raises(ValueError, match="disagrees with torch"):
        check_parity(Graph(model).eval(), MOTION, exported, checkpoint.gallery.inputs[:8])


# The video side alone, as fast as it goes.
KEPT = replace(TINY, keep_motion=True, epochs=1, steps=2, batch=4, paired=4, clips_with_video=4)


def test_a_motion_encoder_that_is_kept_stays_as_it_was_exported(exported, tmp_path):
    done = train(KEPT, Path(), tmp_path, weights=exported)
    model = done.build()
    check_parity(Graph(model), MOTION, exported, done.gallery.inputs[:8])
    torch.manual_seed(KEPT.seed)
    for name, value in ConceptModel(KEPT.model).state_dict().items():
        # Beside the encoder that is kept nothing of motion is trained.
        own = name.startswith(("video", "motion_projection", "motion.", "motion_codes.codebook"))
        assert torch.equal(value, done.model[name]) != own, name
    assert {name.removeprefix("train ") for name in done.history[-1]} == {
        *("video", "pose", "align", "dis", "act"),
        *("retrieval R@1 of 100", "video perplexity / codes", "video dead codes"),
    }


def test_a_motion_encoder_of_another_size_is_not_kept(exported, tmp_path):
    config = replace(KEPT, model=replace(TINY.model, channels=64))
    with pytest.raises(ModelError, match="of an encoder of another size"):
        train(config, Path(), tmp_path, weights=exported)
    config = replace(KEPT, model=replace(TINY.model, codes=17))
    with pytest.raises(ModelError, match="holds 16 codes, the configuration 17"):
        train(config, Path(), tmp_path, weights=exported)


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    whole = train(SHORT, Path(), tmp_path / "whole")

    def stop(encode, codes):
        if (tmp_path / "parts" / "checkpoint.pt").exists():
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, Path(), tmp_path / "parts", probe=stop)
    parts = train(SHORT, Path(), tmp_path / "parts", resume=True)
    assert parts.epoch == whole.epoch == 2
    for name, value in whole.model.items():
        assert torch.equal(value, parts.model[name]), name
    assert train(SHORT, Path(), tmp_path / "parts", resume=True).history == parts.history
    with pytest.raises(ValueError, match="another configuration"):
        train(replace(SHORT, batch=5), Path(), tmp_path / "parts", resume=True)


def test_a_loss_that_is_not_finite_stops_training_with_its_batch(tmp_path, monkeypatch):
    calls = []  # two a step

    def broken(*arguments):
        calls.append(1)
        return losses_reconstruction(*arguments) * (float("nan") if len(calls) == 3 else 1.0)

    losses_reconstruction = losses.reconstruction
    monkeypatch.setattr(losses, "reconstruction", broken)
    with pytest.raises(TrainingLost, match=r"nan in step 2 of epoch 1; its batch is in .*lost_batch\.pt"):
        train(SHORT, Path(), tmp_path)
    lost = torch.load(tmp_path / LOST_BATCH, weights_only=True)
    assert lost["step"] == 1
    assert lost["batch"]["motion"].shape == (4, TINY.frames, 110)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("damage", ["missing", "cut off", "foreign", "other inputs", "other shapes"])
def test_a_checkpoint_that_cannot_be_used_is_one_sentence(trained, tmp_path, damage):
    path = tmp_path / "checkpoint.pt"
    whole = (trained / "checkpoint.pt").read_bytes()
    content = torch.load(trained / "checkpoint.pt", weights_only=True)
    if damage == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    elif damage == "other inputs":
        torch.save(content | {"layout": "other/1"}, path)
    elif damage == "other shapes":
        content["config"]["model"]["codes"] = 17
        torch.save(content, path)
    with pytest.raises(ValueError, match=str(path)) as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_the_codebook_is_described_by_its_own_windows(trained):
    checkpoint = load_checkpoint(trained / "checkpoint.pt")
    book = describe_codebook(checkpoint.build(), checkpoint.gallery)
    used = book.usage > 0
    assert (book.nearest[used, 0] != "").all()
    assert np.isfinite(book.decoded[used]).all()
    assert set(book.nearest[used, 0]) <= set(checkpoint.gallery.names)
    assert np.isfinite(book.times[used, 0]).all()


def test_windows_of_made_up_motion_know_its_names_also_in_a_mirror():
    motions, _ = load_motions(TINY.sources, Path(), 0)
    index, (begin, end, name) = next(
        (i, span)
        for i, clip in enumerate(motions.clips)
        for span in clip.spans
        if "left" in span[2] and "while" not in span[2] and span[1] - span[0] > 40
    )
    windows = Windows(
        np.array([index, index]), np.full(2, (begin + 1) / 30), np.ones(2), np.array([False, True])
    )
    assert end - begin > 36
    names = [deeds()[place] for place in names_of(motions, windows, 32)[:, 3]]
    swapped = {"left": "right", "right": "left"}
    assert names == [name, " ".join(swapped.get(word, word) for word in name.split())]


def test_motion_that_is_not_there_is_one_sentence(tmp_path):
    config = replace(SHORT, sources=(replace(SHORT.sources[0], files="*.npz"),))
    with pytest.raises(ValueError, match=r"has no file \*\.npz"):
        training.train(config, tmp_path, tmp_path)
