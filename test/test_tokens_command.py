"""motion-seg tokens: the tokens of clips, recordings and several people, with their times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from concept_model import open_encoder, write_model
from motion import SECOND, frames

from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.cli import main
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import read_jsonl

DAY = [("stand", 1.0), ("wave", 3.0), ("squat", 2.0)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("weights"))


def tokens(source: Path, weights: Path, out: Path) -> dict[str, np.ndarray]:
    assert main(["tokens", str(source), "--weights", str(weights), "--out", str(out)]) == 0
    with np.load(out, allow_pickle=False) as archive:
        return dict(archive)


def streamed(source: Path, weights: Path) -> list[tuple[str, int, int]]:
    tokenizer = Tokenizer(open_encoder(weights))
    people = [item for _, item in open_source(str(source)) if isinstance(item, SkeletonFrame)]
    told = [token for item in people for token in tokenizer.update(item)]
    return [(t.track_id, t.end, *t.tokens) for t in told]


def write_clips(path: Path, lengths: list[int]) -> Path:
    people = np.array([item.skeletons[0].joints for item in frames([*DAY, *DAY])])
    np.savez(
        path,
        joints=np.concatenate([people[:n] for n in lengths]).astype(np.float32),
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        joint_names=np.array(SMPL22.joints),
        fps=30.0,
    )
    return path


def test_concatenated_clips_give_concatenated_tokens(tmp_path: Path, weights: Path) -> None:
    lengths = [100, 0, 3, 57, 0, 4, 5, 300]
    source = write_clips(tmp_path / "clips.npz", lengths)
    found = tokens(source, weights, tmp_path / "new" / "tokens.npz")
    counts = [max(0, n - 1) // 4 for n in lengths]
    assert found["offsets"].tolist() == [0, *np.cumsum(counts)]
    assert (found["tokens"].dtype, found["times"].dtype) == (np.uint16, np.int64)
    assert found["embeddings"].shape == (sum(counts), 8)
    assert found["embeddings"].dtype == np.float32
    present = [number for number, n in enumerate(c for c in lengths if c) for _ in range(max(0, n - 1) // 4)]
    ours = zip((str(n + 1) for n in present), found["times"].tolist(), found["tokens"].tolist(), strict=True)
    assert list(ours) == streamed(source, weights)
    assert str(found["codebook"]) == open_encoder(weights).info.codebook


def test_one_clip_has_no_offsets(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "one.npz"
    joints = np.array([item.skeletons[0].joints for item in frames(DAY)], np.float32)
    np.savez(source, joints=joints, joint_names=np.array(SMPL22.joints), fps=30.0)
    found = tokens(source, weights, tmp_path / "tokens.npz")
    assert set(found) == {"tokens", "times", "embeddings", "codebook"}
    assert len(found["tokens"]) == (len(joints) - 1) // 4
    expected = streamed(source, weights)
    assert list(zip("1" * 999, found["times"].tolist(), found["tokens"].tolist(), strict=False)) == expected


def test_a_recording_of_several_people_has_tracks(tmp_path: Path, weights: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for one, two in zip(frames(DAY), frames(DAY[1:], track_id="2"), strict=False):
            both = SkeletonFrame(one.stamp, one.frame_id, one.skeletons + two.skeletons)
            bag.write("/skeletons", both, one.stamp)
    found = tokens(tmp_path / "bag", weights, tmp_path / "tokens.npz")
    ours = zip(found["tracks"].tolist(), found["times"].tolist(), found["tokens"].tolist(), strict=True)
    assert list(ours) == streamed(tmp_path / "bag", weights)
    assert set(found["tracks"]) == {"1", "2"}
    assert found["times"].min() > SECOND


@pytest.mark.parametrize("kind", ["folder", "source", "provider"])
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    source = write_clips(tmp_path / "clips.npz", [40])
    given = {
        "folder": (source, tmp_path, "cpu", "holds no motion concepts"),
        "source": (tmp_path / "absent.npz", weights, "cpu", "does not exist"),
        "provider": (source, weights, "abacus", "knows no provider 'abacus'"),
    }[kind]
    out = tmp_path / "tokens.npz"
    words = ["tokens", str(given[0]), "--weights", str(given[1]), "--providers", given[2], "--out", str(out)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert given[3] in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_recordings(tmp_path: Path, weights: Path, data_dir: Path) -> None:
    for name in ("utkinect/utkinect_s03_e01.npz", "bags/utkinect_s01_e01"):
        found = tokens(data_dir / name, weights, tmp_path / "tokens.npz")
        expected = streamed(data_dir / name, weights)
        ours = zip(found["times"].tolist(), found["tokens"].tolist(), strict=True)
        assert list(ours) == [item[1:] for item in expected]


def test_a_collection_at_once_is_its_frames_one_by_one(tmp_path: Path, weights: Path, data_dir: Path) -> None:
    source = data_dir / "cmu_motions" / "eight_actions.npz"
    found = tokens(source, weights, tmp_path / "tokens.npz")
    clips = [str(clip + 1) for clip, n in enumerate(np.diff(found["offsets"])) for _ in range(n)]
    ours = zip(clips, found["times"].tolist(), found["tokens"].tolist(), strict=True)
    assert list(ours) == streamed(source, weights)


def test_a_replay_writes_tokens_into_events(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "one.npz"
    joints = np.array([item.skeletons[0].joints for item in frames([*DAY, *DAY])], np.float32)
    np.savez(source, joints=joints, joint_names=np.array(SMPL22.joints), fps=30.0)
    found = tokens(source, weights, tmp_path / "tokens.npz")
    config = tmp_path / "config.yaml"
    config.write_text(f"humocon_node: {{ros__parameters: {{weights: {weights}}}}}\n")
    assert main(["replay", str(source), "--config", str(config), "--out", str(tmp_path / "out")]) == 0
    final = [event for event in read_jsonl(tmp_path / "out" / "events.jsonl") if event.final]
    assert len(final) >= 3
    for event in final:
        inside = (found["times"] - 4 * round(1e9 / 30) >= event.start) & (found["times"] <= event.end)
        assert event.concept_tokens == tuple(found["tokens"][inside].tolist())
    assert sum(len(event.concept_tokens) for event in final) > 0.8 * len(found["tokens"])

    config.write_text(f"{config.read_text()}tvsh_node: {{ros__parameters: {{concept_tokens: false}}}}\n")
    assert main(["replay", str(source), "--config", str(config), "--out", str(tmp_path / "plain")]) == 0
    plain = [event for event in read_jsonl(tmp_path / "plain" / "events.jsonl") if event.final]
    assert plain == [replace(event, concept_tokens=()) for event in final]
