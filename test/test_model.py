"""The pose model: found, refused, built from packages, and good enough to see a person."""

from __future__ import annotations

import hashlib
import urllib.error
import zipfile
from pathlib import Path

import pytest

from motion_seg_ros.pose import model
from motion_seg_ros.pose.model import ModelMissing, find_model, install_model

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder, and an empty cache behind it."""
    monkeypatch.setenv("MOTION_SEG_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def test_a_missing_model_names_the_command_that_gets_it(folder: Path) -> None:
    with pytest.raises(ModelMissing, match=r"python3 -m motion_seg_ros\.pose\.model heavy"):
        find_model("heavy")


def test_a_path_is_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.task"
    own.write_bytes(b"my model")
    assert find_model(str(own)) == own
    with pytest.raises(ModelMissing, match="no pose model at"):
        find_model(str(tmp_path / "absent.task"))


def test_the_official_bundle_is_accepted_and_a_damaged_one_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    path = folder / "pose_landmarker_lite.task"
    path.write_bytes(b"official")
    monkeypatch.setitem(model.OFFICIAL, "lite", hashlib.sha256(b"official").hexdigest())
    assert find_model("lite") == path
    path.write_bytes(b"truncated")
    with pytest.raises(ModelMissing, match="damaged"):
        find_model("lite")


def test_the_cache_is_searched_after_the_chosen_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "cache" / "motion_seg_ros" / "pose_landmarker_full.task"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"official")
    monkeypatch.setitem(model.OFFICIAL, "full", hashlib.sha256(b"official").hexdigest())
    assert find_model("full") == cached


def test_a_forged_download_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = folder.parent / "forged"
    forged.write_bytes(b"not the model")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: forged.open("rb"))
    monkeypatch.setattr(model, "_build", lambda name: b"built from packages")
    path = install_model("full")
    assert path.read_bytes() == b"built from packages"
    assert find_model("full") == path


@pytest.mark.usefixtures("unreachable")
def test_a_wrong_network_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_from_installed", lambda member: b"another network")
    with pytest.raises(ModelMissing, match="wrong SHA-256"):
        install_model("full")
    assert not folder.exists()


def networks(task: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(task) as bundle:
        assert {entry.compress_type for entry in bundle.infolist()} == {zipfile.ZIP_STORED}
        return {entry: bundle.read(entry) for entry in bundle.namelist()}


def test_metadata_is_added_once_more_without_changing_the_network() -> None:
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    try:
        task = find_model("full")
    except ModelMissing as reason:
        pytest.skip(str(reason))
    before = networks(task)["pose_detector.tflite"]
    after = model.with_metadata(before, mean=127.5, std=127.5)
    old, new = (tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(part, 0)) for part in (before, after))
    assert len(new.buffers) == len(old.buffers) + 1
    assert new.metadata[-1].name == b"TFLITE_METADATA"
    assert [len(graph.operators) for graph in new.subgraphs] == [
        len(graph.operators) for graph in old.subgraphs
    ]
    assert model.with_metadata(before, mean=127.5, std=127.5) == after


def test_the_model_sees_a_person() -> None:
    import cv2
    import mediapipe
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import PoseLandmarker, PoseLandmarkerOptions

    clip = REPOSITORY / ".cache" / "demo.mp4"
    if not clip.is_file():
        pytest.skip("the sample clip is not here: ./run gets it")
    try:
        task = find_model("full")
    except ModelMissing as reason:
        pytest.skip(str(reason))
    video = cv2.VideoCapture(str(clip))
    video.set(cv2.CAP_PROP_POS_FRAMES, 60)
    read, frame = video.read()
    assert read
    image = mediapipe.Image(
        image_format=mediapipe.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    )
    options = PoseLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(task)))
    with PoseLandmarker.create_from_options(options) as landmarker:
        poses = landmarker.detect(image).pose_world_landmarks
    assert len(poses) == 1
    nose, ankles = poses[0][0], poses[0][27:29]
    # World landmarks are in metres, y down, the hips at the origin.
    assert 1.0 < max(ankle.y for ankle in ankles) - nose.y < 2.0
