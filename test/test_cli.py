"""motion-seg as its users run it: in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from motion import NAMES, frames

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.cli import main
from motion_seg_ros.tvsh.events import read_jsonl

ROOT = Path(__file__).resolve().parents[1]
PARTS = [("stand", 4.0), ("wave", 5.0), ("squat", 5.0)]


def motion_seg(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "motion_seg_ros.cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def squats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled .npz of a person who stands, waves and squats, y up as motion capture writes it."""
    path = tmp_path_factory.mktemp("npz") / "squats.npz"
    joints = np.stack([frame.skeletons[0].joints for frame in frames(PARTS, start=0)])
    labels = np.repeat(np.arange(3, dtype=np.int32), [round(30 * seconds) for _, seconds in PARTS])
    np.savez(
        path,
        joints=joints[..., [1, 2, 0]].astype(np.float32),
        joint_names=np.array(NAMES),
        labels=labels,
        names=np.array([name for name, _ in PARTS]),
        fps=np.float64(30),
    )
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(8):
        writer.write(np.full((48, 64, 3), 30 * shade, np.uint8))
    writer.release()
    return path


def test_a_file_and_its_recording_give_the_same_events(squats: Path, tmp_path: Path) -> None:
    direct = motion_seg("replay", squats, "--out", tmp_path / "direct")
    assert direct.returncode == 0, direct.stderr
    made = motion_seg("bag", "from-skeleton", squats, "--out", tmp_path / "bag")
    assert made.returncode == 0, made.stderr
    again = motion_seg("replay", tmp_path / "bag", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr
    events = (tmp_path / "direct" / "events.jsonl").read_bytes()
    assert (tmp_path / "again" / "events.jsonl").read_bytes() == events
    assert b"<html" in (tmp_path / "direct" / "report.html").read_bytes()

    lines = direct.stdout.splitlines()
    final = [event for event in read_jsonl(tmp_path / "direct" / "events.jsonl") if event.final]
    assert len(final) >= 3
    told = [event for event in final if not event.withdrawn]
    assert sum("confidence" in line for line in lines) == len(told)
    assert lines[-1].startswith("420 frames in ")
    assert "frames/s" in lines[-1]
    assert "taken to have y up" in direct.stderr
    assert "Traceback" not in direct.stderr + again.stderr


def test_labels_become_a_topic_that_changes_when_they_do(squats: Path, tmp_path: Path) -> None:
    assert (
        main(["bag", "from-skeleton", str(squats), "--out", str(tmp_path / "bag"), "--storage", "sqlite3"])
        == 0
    )
    bag = Bag(tmp_path / "bag")
    assert [(topic.name, topic.type, topic.count) for topic in bag.topics] == [
        ("/label", "std_msgs/msg/String", 3),
        ("/skeletons", "motion_seg_ros/msg/SkeletonArray", 420),
    ]
    labels = [(time, msg.data) for _, time, msg in bag.messages(["/label"])]
    assert labels == [(0, "stand"), (4 * 10**9, "wave"), (9 * 10**9, "squat")]
    assert list((tmp_path / "bag").glob("*.db3"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_video_becomes_a_recording(
    video: Path, tmp_path: Path, compressed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--compressed"] if compressed else []
    assert main(["bag", "from-video", str(video), "--out", str(tmp_path / "bag"), *more]) == 0
    source = open_source(str(tmp_path / "bag"))
    pairs = list(zip(source, open_source(str(video)), strict=True))
    assert len(pairs) == 8
    for (stamp, image), (true_stamp, true_image) in pairs:
        assert stamp == true_stamp
        difference = np.abs(image.rgb.astype(int) - true_image.rgb)  # type: ignore[union-attr]
        assert difference.max() <= (3 if compressed else 0)
    capsys.readouterr()
    assert main(["bag", "info", str(tmp_path / "bag")]) == 0
    topic = (
        "/image/compressed  sensor_msgs/msg/CompressedImage"
        if compressed
        else "/image  sensor_msgs/msg/Image"
    )
    assert capsys.readouterr().out.splitlines()[1:] == [f"       8  {topic}"]


def test_the_parameter_file_is_the_nodes(
    squats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def replay(text: str) -> int:
        (tmp_path / "p.yaml").write_text(text)
        config = str(tmp_path / "p.yaml")
        return main(["replay", str(squats), "--out", str(tmp_path / "out"), "--config", config])

    assert replay("/**: {tvsh_node: {ros__parameters: {update_interval: 0.1}}}") == 0
    often = len(list(read_jsonl(tmp_path / "out" / "events.jsonl")))
    assert replay("/**: {tvsh_node: {ros__parameters: {update_interval: 5.0}}}") == 0
    assert often > 1.5 * len(list(read_jsonl(tmp_path / "out" / "events.jsonl")))
    assert replay("/**: {tvsh_node: {ros__parameters: {update_interval: 0.0}}}") == 2
    assert "motion-seg: update_interval must be in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay", "/nowhere.mp4", "--out", "{out}"], "/nowhere.mp4 does not exist"),
        (["replay", "/dev/video97", "--out", "{out}"], "camera /dev/video97 cannot be opened"),
        (["replay", "{file}", "--out", "{out}"], "is no kind of source that is known"),
        (["replay", "{npz}", "--out", "{file}/x"], "Not a directory"),
        (["replay", "{npz}", "--out", "{out}", "--config", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["bag", "from-video", "{npz}", "--out", "{out}"], "holds no images"),
        (["bag", "from-skeleton", "{npz}", "--out", "{home}"], "is no recording (it holds "),
        (["bag", "info", "{home}"], "no rosbag2"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    squats: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    places = {"npz": squats, "out": tmp_path / "out", "file": tmp_path / "notes.txt", "home": tmp_path}
    assert main([argument.format(**places) for argument in arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    *notes, sentence = captured.err.splitlines()
    assert sentence.startswith("motion-seg: ")
    assert says in sentence
    assert all("taken to have" in note for note in notes)
    with pytest.raises(SourceError):
        open_source("/nowhere.mp4")


def test_a_broken_video_says_one_sentence_and_ffmpeg_nothing(video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "b.mp4"
    broken.write_bytes(video.read_bytes()[:200])
    done = motion_seg("replay", broken, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"motion-seg: {broken} is not a video that can be read, or is cut off at its header"
    ]


def test_help_is_there_at_once() -> None:
    spans = []
    for _ in range(3):
        start = time.perf_counter()
        done = motion_seg("--help")
        spans.append(time.perf_counter() - start)
    assert done.returncode == 0
    assert "replay" in done.stdout
    # 0.1 s here; numpy alone would double it, OpenCV and the networks take seconds.
    assert min(spans) < 0.5
    code = "import sys, motion_seg_ros.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    heavy = "print([m for m in ('numpy', 'cv2', 'mediapipe', 'rosbags', 'scipy') if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code + heavy], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_ends_the_transcript_and_keeps_what_there_is(tmp_path: Path) -> None:
    """An hour of motion, interrupted when the first segment has ended."""
    joints = np.stack([frame.skeletons[0].joints for frame in frames(PARTS * 20, start=0)])
    np.savez(tmp_path / "long.npz", joints=joints, joint_names=np.array(NAMES), fps=np.float64(30))
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "motion_seg_ros.cli",
            "replay",
            tmp_path / "long.npz",
            "--out",
            tmp_path / "out",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "person 1" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    events = list(read_jsonl(tmp_path / "out" / "events.jsonl"))
    assert events[-1].final
    assert events[-1].end < len(joints) / 30 * 1e9 - 1e9
    assert (tmp_path / "out" / "report.html").exists()


def test_a_reader_that_has_seen_enough(squats: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "motion_seg_ros.cli", "replay", squats, "--out", tmp_path / "out"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_shared_recordings_end_to_end(data_dir: Path, tmp_path: Path) -> None:
    """The same joints as PoseArray in a bag and as .npz: the same segments, a second later."""
    spans = []
    for name in ("utkinect/utkinect_s01_e01.npz", "bags/utkinect_s01_e01"):
        assert main(["replay", str(data_dir / name), "--out", str(tmp_path / "out")]) == 0
        final = [event for event in read_jsonl(tmp_path / "out" / "events.jsonl") if event.final]
        origin = final[0].start
        spans.append(
            [(e.motion_id, round((e.start - origin) / 1e8), round((e.end - origin) / 1e8)) for e in final]
        )
    assert spans[0] == spans[1]
    assert len(spans[0]) >= 5


def test_the_help_names_every_method_of_the_benchmark_and_the_version_is_told(capsys) -> None:
    from motion_seg_ros import __version__
    from motion_seg_ros.evaluation.benchmark_config import METHODS

    for arguments in (["benchmark", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.replace("-\n", "-").split())
    assert told.endswith(f"motion-seg {__version__}")
    assert all(method in told.replace(" ", "") for method in METHODS)
