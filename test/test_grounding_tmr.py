"""HumanML3D's features, and the adapter for TMR's checkpoints with random weights of their layout."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from motion import REST

from motion_seg_ros.datasets.rotations import about_axis
from motion_seg_ros.grounding.humanml3d import FEATURES, bone_lengths, humanml3d_features
from motion_seg_ros.grounding.tmr_adapter import TmrEncoder
from motion_seg_ros.humocon.synthesis import synthetic_sequence

torch = pytest.importorskip("torch", reason="TMR checkpoints need torch")

ROOT, PLACES, TURNS, SPEEDS, FEET = (
    slice(0, 4),
    slice(4, 67),
    slice(67, 193),
    slice(193, 259),
    slice(259, 263),
)


@pytest.fixture(scope="module")
def motion() -> np.ndarray:
    made = synthetic_sequence(
        np.random.default_rng(1), 6.0, ["walk forward turning left", "wave with the left hand"]
    )
    return made.joints[::3] * 1.0


def turned(joints: np.ndarray, angle: float) -> np.ndarray:
    return joints @ about_axis("z", np.array([angle]))[0].T


def test_a_motion_is_the_same_wherever_it_is_done(motion: np.ndarray) -> None:
    features = humanml3d_features(motion)
    assert features.shape == (len(motion) - 1, FEATURES)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(humanml3d_features(motion + np.array([3.0, -2.0, 0.7])), features, atol=1e-9)
    for angle in (0.3, -2.0, np.pi):
        np.testing.assert_allclose(humanml3d_features(turned(motion, angle)), features, atol=1e-8)


def test_places_and_way_give_the_joints_back(motion: np.ndarray) -> None:
    # What HumanML3D's own recovery does: sum up the turning, then the way, then add the places.
    features = humanml3d_features(motion)
    heading = 2 * np.concatenate(([0.0], np.cumsum(features[:-1, 0])))
    cos, sin = np.cos(heading), np.sin(heading)
    after = 2 * np.cumsum(features[:, 0])
    way = np.stack(
        (
            np.cos(after) * features[:, 1] - np.sin(after) * features[:, 2],
            np.sin(after) * features[:, 1] + np.cos(after) * features[:, 2],
        ),
        axis=1,
    )
    path = np.concatenate((np.zeros((1, 2)), np.cumsum(way, axis=0)))[:-1]
    places = features[:, PLACES].reshape(len(features), 21, 3)
    x = cos[:, None] * places[..., 0] - sin[:, None] * places[..., 2] + path[:, :1]
    z = sin[:, None] * places[..., 0] + cos[:, None] * places[..., 2] + path[:, 1:]
    body = motion[:, :, [1, 2, 0]]
    distances = np.linalg.norm(np.diff(np.stack((x, places[..., 1], z), axis=2), axis=0), axis=2)
    np.testing.assert_allclose(distances, np.linalg.norm(np.diff(body[:-1, 1:], axis=0), axis=2), atol=1e-6)


def test_turning_left_and_going_forward_have_their_signs() -> None:
    steps = np.arange(60)
    left = np.stack([turned(REST, 0.02 * step) for step in steps])
    # The angle undoes the turning, and half of it is kept; the filter takes a little more at the ends.
    middle = humanml3d_features(left)[25:35, 0]
    assert ((middle < -0.008) & (middle > -0.0101)).all()
    forward = np.repeat(REST[None], 60, axis=0) + steps[:, None, None] * [0.05, 0.0, 0.0]
    features = humanml3d_features(forward)
    np.testing.assert_allclose(features[:, 1:3], [[0.0, 0.05]] * 59, atol=1e-9)
    np.testing.assert_allclose(
        features[:, SPEEDS].reshape(59, 22, 3), [[[0.0, 0.0, 0.05]] * 22] * 59, atol=1e-9
    )
    sideways = np.repeat(REST[None], 60, axis=0) + steps[:, None, None] * [0.0, 0.05, 0.0]
    np.testing.assert_allclose(humanml3d_features(sideways)[:, 1:3], [[0.05, 0.0]] * 59, atol=1e-9)


def test_feet_stand_or_move() -> None:
    joints = np.repeat(REST[None], 10, axis=0)
    joints[:, [7, 10], 0] += 0.06 * np.arange(10)[:, None]
    feet = humanml3d_features(joints)[:, FEET]
    # Left ankle and toes go 6 cm a frame: 0.0036 square metres.
    np.testing.assert_array_equal(feet, [[0, 0, 1, 1]] * 9)


def test_turns_are_columns_of_rotations(motion: np.ndarray) -> None:
    columns = humanml3d_features(motion)[:, TURNS].reshape(-1, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(columns, axis=2), 1, atol=1e-9)
    np.testing.assert_allclose((columns[:, 0] * columns[:, 1]).sum(axis=1), 0, atol=1e-9)


def test_a_body_at_rest_has_no_turns() -> None:
    # Every bone as the layout has it at rest: left, up, down or forward; shoulders are broader than hips.
    chains = (
        (0, 2, 5, 8, 11),
        (0, 1, 4, 7, 10),
        (0, 3, 6, 9, 12, 15),
        (9, 14, 17, 19, 21),
        (9, 13, 16, 18, 20),
    )
    ways = {
        **{1: (0, 0.1, 0), 2: (0, -0.1, 0), 13: (0, 0.2, 0), 14: (0, -0.2, 0)},
        **dict.fromkeys((3, 6, 9, 12), (0, 0, 0.2)),
        **dict.fromkeys((10, 11, 15), (0.2, 0, 0)),
    }
    pose = np.zeros((22, 3))
    for chain in chains:
        for parent, child in pairwise(chain):
            pose[child] = pose[parent] + ways.get(child, (0, 0, -0.2))
    turns = humanml3d_features(np.repeat(pose[None], 3, axis=0))[:, TURNS].reshape(2, 21, 6)
    np.testing.assert_allclose(turns, np.broadcast_to([1, 0, 0, 0, 1, 0], (2, 21, 6)), atol=1e-9)


def test_bones_get_the_lengths_of_an_example(motion: np.ndarray) -> None:
    example = synthetic_sequence(np.random.default_rng(7), 1.0).joints[0]
    lengths = bone_lengths(example)
    places = humanml3d_features(motion, lengths)[:, PLACES].reshape(-1, 21, 3)
    knee, ankle = places[:, 3], places[:, 6]
    np.testing.assert_allclose(np.linalg.norm(knee - ankle, axis=1), lengths[7], atol=1e-9)
    # A giant of the same proportions moves the same when both get the same bones.
    np.testing.assert_allclose(
        humanml3d_features(2 * motion, lengths), humanml3d_features(motion, lengths), atol=1e-8
    )


@pytest.mark.parametrize("joints", [np.zeros((1, 22, 3)), np.zeros((4, 21, 3)), np.full((4, 22, 3), np.nan)])
def test_what_cannot_be_described_is_refused(joints: np.ndarray) -> None:
    with pytest.raises(ValueError, match="motion"):
        humanml3d_features(joints)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tmr")
    (folder / "last_weights").mkdir()
    for name, inputs in (("motion_encoder", FEATURES), ("text_encoder", 768)):
        torch.save(weights(inputs), folder / "last_weights" / f"{name}.pt")
    torch.save(torch.zeros(FEATURES), folder / "mean.pt")
    torch.save(torch.ones(FEATURES), folder / "std.pt")
    return folder


def weights(inputs: int) -> dict[str, object]:
    """As configs/model/temos.yaml says: two tokens, six layers, 256 and 1024 wide, four heads."""
    layer = {
        "self_attn.in_proj_weight": (768, 256),
        "self_attn.in_proj_bias": (768,),
        "self_attn.out_proj.weight": (256, 256),
        "self_attn.out_proj.bias": (256,),
        "linear1.weight": (1024, 256),
        "linear1.bias": (1024,),
        "linear2.weight": (256, 1024),
        "linear2.bias": (256,),
        **{f"norm{n}.{part}": (256,) for n in (1, 2) for part in ("weight", "bias")},
    }
    shapes = {"tokens": (2, 256), "projection.weight": (256, inputs), "projection.bias": (256,)}
    shapes |= {f"seqTransEncoder.layers.{n}.{name}": shape for n in range(6) for name, shape in layer.items()}
    random = torch.Generator().manual_seed(0)
    return {name: 0.05 * torch.randn(shape, generator=random) for name, shape in shapes.items()}


def open_encoder(folder: Path) -> TmrEncoder:
    def tokens(text: str) -> np.ndarray:
        return np.random.default_rng(len(text)).normal(size=(len(text.split()), 768)).astype(np.float32)

    return TmrEncoder(folder, tokens=tokens)


def test_it_speaks_the_protocol(checkpoint: Path, motion: np.ndarray) -> None:
    encoder = open_encoder(checkpoint)
    motion = motion.copy()
    motion[3:5, 20] = np.nan
    features = encoder.frame_features(motion, 10.0)
    assert features.values.shape[1] == 256
    np.testing.assert_allclose(np.linalg.norm(features.values, axis=1), 1, atol=1e-6)
    assert (np.diff(features.times) == 100_000_000).all()
    assert abs(features.times[-1] / 1e9 - len(motion) / 10) < 0.2
    texts = encoder.embed_text(["a person walks", "somebody waves with the left hand"])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)
    assert encoder.embed_text([]).shape == (0, 256)
    assert len(encoder.frame_features(motion[:1], 10.0)) >= 1


def test_the_same_motion_elsewhere_has_the_same_features(checkpoint: Path, motion: np.ndarray) -> None:
    encoder = open_encoder(checkpoint)
    one = encoder.frame_features(motion, 10.0).values
    other = encoder.frame_features(turned(motion, 1.0) + np.array([1.0, 2.0, 0.0]), 10.0).values
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["last_weights/motion_encoder.pt", "last_weights/text_encoder.pt", "mean.pt"]
)
def test_files_that_cannot_be_used_say_why(checkpoint: Path, tmp_path: Path, name: str) -> None:
    spoilt = tmp_path / "tmr"
    shutil.copytree(checkpoint, spoilt)
    (spoilt / name).write_bytes((checkpoint / name).read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cut off|no weights") as caught:
        open_encoder(spoilt)
    assert "\n" not in str(caught.value)
    torch.save({"a": torch.zeros(1)}, spoilt / name)
    with pytest.raises(ValueError, match=r"not laid out|not a file of statistics"):
        open_encoder(spoilt)
    (spoilt / name).unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        open_encoder(spoilt)
