"""The .npz format: what is right is read, what is wrong is one sentence, and nothing is unpickled."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_seg_ros.bags.items import Image, Label, SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.datasets import labelled
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive, load_clips, load_labelled
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import SkeletonFrame

NAMES = JOINT_SETS["smpl22"].joints
RANDOM = np.random.default_rng(0)
JOINTS = RANDOM.normal(size=(6, 22, 3)).astype(np.float32)
LABELS = np.array([-1, 0, 0, 1, 1, -1], np.int32)
GOOD: dict[str, Any] = {"labels": LABELS, "names": np.array(["walk", "wave"]), "fps": np.float64(15)}
GOOD_JOINTS = GOOD | {"joints": JOINTS, "joint_names": np.array(NAMES)}


def save(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_joints(tmp_path: Path) -> None:
    joints = JOINTS.copy()
    joints[2, 3] = np.nan
    sequence = load_labelled(save(tmp_path / "a.npz", GOOD_JOINTS | {"joints": joints}))
    assert (sequence.name, sequence.kind, sequence.fps) == ("a", "joints", 15.0)
    assert (sequence.names, sequence.joint_names) == (("walk", "wave"), NAMES)
    np.testing.assert_array_equal(sequence.joints, joints)
    np.testing.assert_array_equal(sequence.labels, LABELS)
    assert sequence.features is None
    assert sequence.frames is None


def test_features_and_frames(tmp_path: Path) -> None:
    features = RANDOM.normal(size=(6, 9)).astype(np.float32)
    sequence = load_labelled(save(tmp_path / "f.npz", GOOD | {"features": features}))
    assert sequence.kind == "features"
    np.testing.assert_array_equal(sequence.features, features)
    frames = RANDOM.integers(0, 255, (6, 4, 5, 3), dtype=np.uint8)
    sequence = load_labelled(save(tmp_path / "p.npz", GOOD | {"frames": frames}))
    assert sequence.kind == "frames"
    np.testing.assert_array_equal(sequence.frames, frames)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": LABELS[:5]}, "5 labels for 6 frames"),
        ({"labels": LABELS + 5}, r"labels must be in -1\.\.1"),
        ({"labels": LABELS - 1}, r"labels must be in -1\.\.1"),
        ({"labels": LABELS.astype(float)}, "labels must have 1 dimensions and a dtype of kind i/u"),
        ({"names": np.array(["walk", None], object)}, "names holds Python objects"),
        ({"names": np.zeros(2)}, "names must have"),
        ({"fps": np.float64(0)}, "fps must be in"),
        ({"fps": np.float64(np.nan)}, "fps must be in"),
        ({"fps": np.ones(3)}, "fps must have 0 dimensions"),
        ({"joints": JOINTS[..., :2]}, r"joints must be \(T, J, 3\)"),
        ({"joints": JOINTS[0]}, "joints must have 3 dimensions"),
        ({"joints": np.full_like(JOINTS, np.nan)}, "finite, or NaN where unseen"),
        ({"joints": np.where(JOINTS > 1, np.inf, JOINTS)}, "finite, or NaN where unseen"),
        ({"joints": JOINTS[:0]}, "joints is empty"),
        ({"joints": JOINTS.astype(object)}, "joints holds Python objects"),
        ({"joint_names": np.array(NAMES[:9])}, "9 joint_names for 22 joints"),
        ({"features": np.zeros((6, 2))}, "features and joints"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(DatasetError, match=says) as caught:
        load_labelled(save(tmp_path / "a.npz", GOOD_JOINTS | change))
    assert "a.npz" in str(caught.value)


@pytest.mark.parametrize("missing", ["labels", "names", "fps", "joints"])
def test_what_is_missing_is_said(tmp_path: Path, missing: str) -> None:
    arrays = {key: value for key, value in GOOD_JOINTS.items() if key != missing}
    with pytest.raises(DatasetError, match=missing):
        load_labelled(save(tmp_path / "a.npz", arrays))


def test_features_may_be_unseen_but_not_infinite_or_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", GOOD | {"features": np.full((6, 2), np.nan)})
    assert np.isnan(load_labelled(path).features).all()
    for features in (np.full((6, 2), np.inf), np.zeros((6, 0))):
        with pytest.raises(DatasetError, match=r"a\.npz: features must be one or more values, finite"):
            load_labelled(save(tmp_path / "a.npz", GOOD | {"features": features}))


def test_a_header_that_lies_takes_no_memory(tmp_path: Path) -> None:
    """A terabyte in the header and eight bytes behind it."""
    path = save(tmp_path / "a.npz", GOOD)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 22, 3)}
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("joints.npy", header.getvalue() + bytes(8))
    with pytest.raises(DatasetError, match="has not the bytes"):
        load_labelled(path)


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match="at most 1000 are read"):
        load_labelled(save(tmp_path / "a.npz", GOOD_JOINTS))


def test_clips_of_a_collection(tmp_path: Path) -> None:
    arrays = {
        "joints": JOINTS.astype(np.float16),
        "offsets": np.array([0, 2, 2, 6]),
        "clip": np.array(["a", "empty", "b"]),
        "joint_names": np.array(NAMES),
        "fps": np.float64(30),
    }
    path = save(tmp_path / "c.npz", arrays)
    clips, names, fps = load_clips(path)
    assert [(clip.name, len(clip.joints)) for clip in clips] == [("a", 2), ("b", 4)]
    assert (names, fps) == (NAMES, 30.0)
    for offsets in ([0, 9, 6], [1, 6], [0, 5], [0, 4, 2, 6]):
        with pytest.raises(DatasetError, match="offsets must rise from 0"):
            load_clips(save(tmp_path / "d.npz", arrays | {"offsets": np.array(offsets)}))
    with pytest.raises(DatasetError, match="3 names for 1 clips"):
        load_clips(save(tmp_path / "e.npz", arrays | {"offsets": np.array([0, 6])}))


def test_clips_as_a_source_are_people_of_their_own(tmp_path: Path) -> None:
    arrays = {"joints": JOINTS, "offsets": np.array([0, 2, 6]), "fps": np.float64(10)}
    source = open_source(str(save(tmp_path / "c.npz", arrays)))
    seen = [(stamp, item.skeletons[0].track_id) for stamp, item in source if isinstance(item, SkeletonFrame)]
    second = 10**9
    gap = 2 * second // 10 + second
    assert seen == [
        *((0, "1"), (second // 10, "1")),
        *((gap + i * second // 10, "2") for i in range(4)),
    ]
    assert [(s, i.text) for s, i in source if isinstance(i, Label)] == [(0, "clip 1"), (gap, "clip 2")]


def test_labels_as_a_source_come_when_they_change(tmp_path: Path) -> None:
    source = open_source(str(save(tmp_path / "a.npz", GOOD_JOINTS)))
    items = [(round(stamp * 15 / 1e9), item.text) for stamp, item in source if isinstance(item, Label)]
    assert items == [(0, ""), (1, "walk"), (3, "wave"), (5, "")]
    assert source.has_labels


def test_frames_are_a_source_of_images(tmp_path: Path) -> None:
    frames = RANDOM.integers(0, 255, (6, 4, 5, 3), dtype=np.uint8)
    source = open_source(str(save(tmp_path / "p.npz", GOOD | {"frames": frames})))
    assert (source.has_images, source.has_labels, source.count) == (True, True, 6)
    images = [item.rgb for _, item in source if isinstance(item, Image)]
    np.testing.assert_array_equal(images, frames[..., ::-1])
    assert [frame.shape for frame in Archive(tmp_path / "p.npz").frames()] == [(4, 5, 3)] * 6


def test_what_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="features only; a replay needs joints or frames"):
        open_source(str(save(tmp_path / "f.npz", GOOD | {"features": np.zeros((6, 2))})))
    with pytest.raises(SourceError, match="7 joints without names"):
        open_source(str(save(tmp_path / "j.npz", {"joints": np.ones((6, 7, 3)), "fps": np.float64(9)})))
    odd = GOOD_JOINTS | {"joint_names": np.array([f"marker {i}" for i in range(22)])}
    with pytest.raises(SourceError, match=r"m\.npz: no left_hip, .* among the joint names"):
        open_source(str(save(tmp_path / "m.npz", odd)))


def test_all_shared_sequences_are_read(data_dir: Path) -> None:
    folders = ["hms_weiz", "hms_ut_recut", "utkinect", "cmu_mocap", "weizmann_frames"]
    paths = [path for folder in folders for path in (data_dir / folder).glob("*.npz")]
    assert len(paths) > 30
    for path in paths:
        sequence = load_labelled(path)
        data = getattr(sequence, sequence.kind)
        assert len(data) == len(sequence.labels) > 100
    clips, names, _ = load_clips(data_dir / "bandai_namco" / "motions.npz")
    assert (len(clips), len(names)) == (2322, 21)
