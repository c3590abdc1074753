"""Every format gives the same clips, and every way to be broken one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motion import REST, SECOND, frame

from motion_seg_ros.bags.clips import bag_clips
from motion_seg_ros.bags.items import Label
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.bags.writer import BagWriter
from motion_seg_ros.datasets.clips import Clip, load_motion
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.skeleton.joint_sets import SMPL22

MOTION = synthetic_sequence(np.random.default_rng(0), 2.0).joints
# x forward, y left, z up to y up: what a motion file would hold.
Y_UP = MOTION[..., [1, 2, 0]]


def only(clips: list[Clip]) -> Clip:
    assert len(clips) == 1
    return clips[0]


def write_humanml3d(folder: Path, name: str = "000001", text: str | None = None) -> Path:
    path = folder / "new_joints" / f"{name}.npy"
    path.parent.mkdir(exist_ok=True)
    np.save(path, Y_UP.astype(np.float32))
    if text is not None:
        (folder / "texts").mkdir(exist_ok=True)
        (folder / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")
    return path


def write_amass(path: Path, **arrays: object) -> Path:
    count = len(MOTION)
    contents: dict[str, object] = {
        "poses": np.zeros((count, 156)),
        "trans": MOTION[:, 0],
        "betas": np.arange(16.0),
        "gender": np.array("female"),
        "mocap_framerate": np.float64(120.0),
    }
    np.savez(path, **{key: value for key, value in {**contents, **arrays}.items() if value is not None})
    return path


def test_labelled_joints_keep_their_labels(tmp_path: Path) -> None:
    labels = np.repeat([0, -1, 1], [20, 10, 30]).astype(np.int32)
    path = tmp_path / "one.npz"
    np.savez(
        path,
        joints=Y_UP.astype(np.float32),
        joint_names=np.array(SMPL22.joints),
        labels=labels,
        names=np.array(["walk", "wave"]),
        fps=25.0,
    )
    clip = only(load_motion(path))
    np.testing.assert_allclose(clip.joints, MOTION, atol=1e-5)
    assert (clip.name, clip.fps, clip.label) == ("one", 25.0, "")
    assert clip.spans == ((0, 20, "walk"), (30, 60, "wave"))


def test_collections_come_apart_with_what_is_said_of_each(tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    np.savez(
        path,
        joints=Y_UP.astype(np.float16),
        fps=30.0,
        offsets=[0, 20, 20, 60],
        action=np.array(["bow", "nothing", "run"]),
        style=np.array(["shy", "shy", "angry"]),
    )
    bow, run = load_motion(path)
    assert (bow.name, bow.label, bow.tags["style"]) == ("many/bow", "bow", "shy")
    assert (run.label, run.tags["style"], len(run.joints)) == ("run", "angry", 40)
    np.testing.assert_allclose(run.joints, MOTION[20:], atol=2e-3)


def test_humanml3d_with_its_captions(tmp_path: Path) -> None:
    text = "a man walks.#a/DET man/NOUN#0.0#0.0\nhe turns#he#0.5#1.0\nanother word#a#0.0#0.0\n"
    clip = only(load_motion(write_humanml3d(tmp_path, text=text)))
    np.testing.assert_allclose(clip.joints, MOTION, atol=1e-5)
    assert (clip.fps, clip.label, clip.spans) == (20.0, "a man walks.", ((10, 20, "he turns"),))


def test_amass_through_the_users_body_model(tmp_path: Path) -> None:
    asked = []

    def model(poses: np.ndarray, trans: np.ndarray, betas: np.ndarray, gender: str) -> np.ndarray:
        asked.append((poses.shape, betas[3], gender))
        # Of SMPL-H: the fingers come behind the body.
        return np.pad(MOTION - MOTION[:, :1] + trans[:, None], ((0, 0), (0, 30), (0, 0)))

    path = write_amass(tmp_path / "walk_poses.npz")
    clip = only(load_motion(path, body_model=model))
    np.testing.assert_allclose(clip.joints, MOTION, atol=1e-5)
    assert clip.fps == 120.0
    assert asked == [((60, 156), 3.0, "female")]
    with pytest.raises(DatasetError, match=r"walk_poses.npz.*give a function.*or store joints"):
        load_motion(path)


@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate"])
def test_amass_with_joints_needs_no_model(tmp_path: Path, rate: str) -> None:
    more = np.concatenate((MOTION, MOTION[:, :3]), axis=1)
    changes = {"mocap_framerate": None, rate: np.float64(60.0), "joints": more, "gender": np.array(None)}
    clip = only(load_motion(write_amass(tmp_path / "a.npz", **changes)))
    np.testing.assert_allclose(clip.joints, MOTION, atol=1e-5)
    assert clip.fps == 60.0


def test_a_rosbag_becomes_clips_of_each_person_without_gaps(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    rng = np.random.default_rng(1)
    with BagWriter(bag) as writer:
        for index in range(90):
            if 40 <= index < 70:
                continue
            stamp = SECOND + round((index + rng.uniform(-0.2, 0.2)) * SECOND / 30)
            if index in (0, 1, 20):
                writer.write("/label", Label("walk" if index < 20 else "stand"), stamp)
            writer.write("/skeletons", frame(stamp, np.add(REST, (index / 30, 0, 0)), "7"), stamp)
    first, second = load_motion(bag, read_bag=bag_clips)
    assert first.name == "bag/7.1"
    assert second.name == "bag/7.2"
    assert abs(first.fps - 30) < 2
    assert abs(len(first.joints) - 40) <= 3
    assert abs(len(second.joints) - 20) <= 3
    # At a steady pace of 1 m/s, whatever the stamps were.
    pace = np.diff(first.joints[:, 0, 0]) * first.fps
    assert abs(np.median(pace) - 1) < 0.05
    assert [text for *_, text in first.spans] == ["walk", "stand"]
    with pytest.raises(DatasetError, match="rosbag"):
        load_motion(bag)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write_humanml3d(tmp_path, "b")
    write_humanml3d(tmp_path, "a")
    (tmp_path / "texts").mkdir()
    write_amass(tmp_path / "c.npz", joints=MOTION)
    np.savez(tmp_path / "shape.npz", betas=np.zeros(16))
    assert [clip.name for clip in load_motion(tmp_path)] == ["c", "a", "b"]
    with pytest.raises(DatasetError, match="holds no motion"):
        load_motion(tmp_path / "texts")


def test_every_recording_at_hand_is_upright(data_dir: Path) -> None:
    for name in ("cmu_motions", "cmu_mocap", "utkinect", "bags/utkinect_s01_e01"):
        for clip in load_motion(data_dir / name, read_bag=bag_clips):
            head, pelvis, ankle = np.nanmean(clip.joints[:, [15, 0, 7], 2], axis=0)
            assert head > pelvis > ankle, clip.name
            thigh = np.linalg.norm(clip.joints[:, 4] - clip.joints[:, 1], axis=1)
            assert 0.2 < np.nanmedian(thigh) < 0.6, clip.name


def test_motion_files_of_motion_language_can_be_replayed(tmp_path: Path) -> None:
    for path in (write_humanml3d(tmp_path), write_amass(tmp_path / "a.npz", joints=MOTION)):
        items = [item for _, item in open_source(str(path))]
        np.testing.assert_allclose(items[30].skeletons[0].joints, MOTION[30], atol=1e-5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 263), np.float32), r"new_joints \(T, 22, 3\), not \(5, 263\)"),
        (np.full((5, 22, 3), np.nan), "finite"),
        (np.zeros((0, 22, 3)), "some must be there"),
        (np.zeros((5, 22, 3), int), "new_joints"),
        (np.array([{}]), "not a whole"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(DatasetError, match=message):
        load_motion(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mocap_framerate": None}, "rate"),
        ({"mocap_framerate": np.float64(0)}, "mocap_framerate"),
        ({"trans": np.zeros((3, 3))}, "trans"),
        ({"trans": None}, "trans"),
        ({"poses": np.full((60, 156), np.nan)}, "finite"),
        ({"joints": np.zeros((60, 21, 3))}, "22 or more"),
    ],
)
def test_contradicting_amass_files_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    path = write_amass(tmp_path / "x.npz", **changes)
    with pytest.raises(DatasetError, match=message):
        load_motion(path, body_model=lambda *_: MOTION)
    with pytest.raises(DatasetError, match="body model gave"):
        load_motion(write_amass(tmp_path / "y.npz"), body_model=lambda *_: MOTION[:7])


def test_what_is_no_motion_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DatasetError, match="no motion that is known"):
        load_motion(tmp_path / "notes.txt")
    for name in ("absent.npy", "absent"):
        with pytest.raises(DatasetError, match=f"{name} does not exist"):
            load_motion(tmp_path / name)
    np.savez(tmp_path / "f.npz", features=np.zeros((3, 4)), fps=30.0)
    with pytest.raises(DatasetError, match="features"):
        load_motion(tmp_path / "f.npz")
    text = "a man walks#words\n"
    with pytest.raises(DatasetError, match="text#words#start#end"):
        load_motion(write_humanml3d(tmp_path, text=text))
