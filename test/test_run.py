"""./run and tools/install.py: what a newcomer meets first. Nothing is downloaded or built here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tools"))

import install  # noqa: E402


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The door and its tools alone, in a folder whose name has a space, with nothing installed."""
    folder = tmp_path / "a checkout"
    (folder / "motion_seg_ros").mkdir(parents=True)
    for name in ("run", "setup.py"):
        shutil.copy(REPOSITORY / name, folder)
    for name in ("tools", "requirements", "motion_seg_ros/pose"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "motion_seg_ros" / "__init__.py").touch()
    (folder / "motion_seg_ros" / "pose" / "__init__.py").write_text("")
    return folder


def run(checkout: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """./run in a bare environment, as in a new terminal."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent), **environ}
    command = [str(checkout / "run"), *arguments]
    return subprocess.run(command, env=bare, cwd="/", capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_command(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode == 0
    for command in ("demo", "test", "docs", "bench", "shell", "doctor"):
        assert f"./run {command}" in done.stdout


def test_an_unknown_command_is_refused_before_anything_is_installed(checkout: Path) -> None:
    done = run(checkout, "frobnicate")
    assert done.returncode == 1
    assert "no './run frobnicate'" in done.stderr
    assert not (checkout / ".venv").exists()


def test_doctor_works_before_anything_is_installed(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, "doctor", XDG_CACHE_HOME=str(tmp_path / "empty"))
    assert done.returncode == 0, done.stderr
    assert "messages" in done.stdout
    assert "./run shell true" in done.stdout
    assert "python3 -m motion_seg_ros.pose.model full" in done.stdout


def test_an_old_ros_is_refused_in_one_sentence(checkout: Path) -> None:
    done = run(checkout, "demo", ROS_DISTRO="humble", AMENT_PREFIX_PATH="/opt/ros/humble")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ROS 2 humble is sourced")


def test_an_unknown_distro_is_refused_in_one_sentence(checkout: Path) -> None:
    done = run(checkout, "demo", MOTION_SEG_ROS_DISTRO="turtle")
    assert done.returncode == 1
    assert "no ROS 2 'turtle'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_second_of_two_runs_waits(checkout: Path) -> None:
    import fcntl

    (checkout / ".cache").mkdir()
    with (checkout / ".cache" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bare = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent), "MOTION_SEG_ROS_DISTRO": "turtle"}
        waiting = subprocess.Popen(
            [checkout / "run", "demo"], env=bare, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
        assert waiting.poll() is None
        fcntl.flock(lock, fcntl.LOCK_UN)
        _, rest = waiting.communicate(timeout=20)
    assert "turtle" in rest


def test_a_stamp_is_current_only_when_the_step_was_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "CACHE", tmp_path)
    stamp = install.Stamp("step", "inputs")
    assert not stamp.current()
    stamp.begin()
    stamp.complete()
    assert stamp.current()
    assert not install.Stamp("step", "other inputs").current()
    stamp.begin()
    assert not stamp.current(), "an interrupted step must be done again"


def test_a_failed_step_shows_the_end_of_its_log_and_the_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "CACHE", tmp_path)
    code = "print(*range(100), sep=chr(10)); raise SystemExit(3)"
    with pytest.raises(install.Failed, match=r"'Count' failed: count slower .*count\.txt"):
        install.step("Count", [sys.executable, "-c", code], hint="count slower")
    shown = capsys.readouterr().err.split()
    assert "99" in shown
    assert "84" not in shown


def test_relocation_replaces_the_build_farm_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    exported = tmp_path / "share" / "some_msgs" / "cmake" / "export.cmake"
    exported.parent.mkdir(parents=True)
    farm = "/opt/python/cp312-cp312"
    exported.write_text(
        f'A "{farm}/include/python3.12;{farm}/lib/python3.12/site-packages/numpy/_core/include"\n'
        f'B "{farm}/lib/python3.12/site-packages/numpy/core/include;${{PREFIX}}/include"\n'
    )
    install.relocate()
    text = exported.read_text()
    assert "/opt/python" not in text
    for folder in text.replace('"', ";").split(";"):
        assert not folder.startswith("/") or Path(folder).is_dir(), folder
    assert text.count(";") == 2
    install.relocate()
    assert exported.read_text() == text


def test_the_locks_pin_every_requirement_once() -> None:
    for lock in (REPOSITORY / "requirements").glob("*.lock"):
        lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
        names = [line.split("==")[0].lower().replace("_", "-") for line in lines]
        assert all("==" in line for line in lines), lock
        assert len(set(names)) == len(names), lock
