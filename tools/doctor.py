"""Say what is installed, what is missing, and how to get it. Uses the standard library only."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SET_UP = "./run shell true"


def main() -> int:
    """Print one line for each thing, `ok` or `--`."""
    rows = [*system(), *ros(), *packages(), *inference(), *extras()]
    width = max(len(name) for name, _, _ in rows)
    for name, good, text in rows:
        print(f"{'ok ' if good else '-- '} {name:<{width}}  {text}")
    return 0


Row = tuple[str, bool, str]


def system() -> list[Row]:
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 10) <= sys.version_info[:2] <= (3, 14)
    rows = [
        ("system", True, f"{os_name()}, {platform.machine()}, {os.cpu_count()} CPUs"),
        ("python", supported, f"{version} ({sys.executable}); 3.10 to 3.14 will do"),
        program("C++ compiler", "g++", "sudo apt-get install g++"),
        program("cmake", "cmake", f"{SET_UP} (from PyPI)"),
    ]
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        rows.append(("Python headers", False, "missing: sudo apt-get install python3-dev"))
    return rows


def os_name() -> str:
    try:
        release = Path("/etc/os-release").read_text()
    except OSError:
        return platform.platform()
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', release, re.MULTILINE)
    return found.group(1) if found else platform.platform()


def program(title: str, name: str, get: str) -> Row:
    path = shutil.which(name)
    if path is None:
        return title, False, f"missing: {get}"
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return title, True, f"{shown.partition(chr(10))[0].strip()} ({path})"


def ros() -> list[Row]:
    prefix = os.environ.get("MOTION_SEG_ROS_PREFIX") or f"PyPI, {ROOT / '.venv'}"
    installed = importlib.util.find_spec("rclpy") is not None
    distro = os.environ.get("MOTION_SEG_ROS_DISTRO", "?")
    get = "" if installed else f": not installed yet: {SET_UP}"
    rows = [("ROS 2", installed, f"{distro} from {prefix}{get}")]
    built = importable("motion_seg_ros.msg")
    rows.append(("messages", built, "built" if built else f"not built yet: {SET_UP}"))
    rmw = os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp (the default)")
    rows.append(("middleware", True, f"{rmw}, ROS_DOMAIN_ID={os.environ.get('ROS_DOMAIN_ID', '0')}"))
    profile = Path(os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE", ROOT / "config" / "fastdds_shm.xml"))
    rows.append(("Fast DDS profile", profile.is_file(), str(profile)))
    return rows


def importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def packages() -> list[Row]:
    """Every distribution that setup.py requires, read without running it."""
    text = (ROOT / "setup.py").read_text()
    core = re.search(r"^CORE = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    developer = re.search(r'"dev": \[(.*?)\]', text, re.DOTALL)
    assert core
    assert developer
    rows = []
    for wanted in re.findall(r'"([^"]+)"', core.group(1) + developer.group(1)):
        name = re.split(r"[<>=!~]", wanted)[0]
        try:
            rows.append((name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((name, False, f"missing: {SET_UP}, or pip install '{wanted}'"))
    return rows


def inference() -> list[Row]:
    rows = []
    if importlib.util.find_spec("onnxruntime") is not None:
        try:
            import onnxruntime
        except Exception as reason:  # a broken installation can fail in any way, and that is what to show
            rows.append(("ONNX providers", False, f"onnxruntime does not import: {reason}"))
        else:
            rows.append(("ONNX providers", True, ", ".join(onnxruntime.get_available_providers())))
    sys.path.insert(0, str(ROOT))
    from motion_seg_ros.pose.model import OFFICIAL, ModelMissing, find_model

    for name in OFFICIAL:
        try:
            rows.append((f"pose model {name}", True, f"{find_model(name)} (SHA-256 right)"))
        except ModelMissing as reason:
            rows.append((f"pose model {name}", False, f"{reason}{'' if name == 'full' else ' (optional)'}"))
    return rows


def extras() -> list[Row]:
    clip = ROOT / ".cache" / "demo.mp4"
    cameras = sorted(str(path) for path in Path("/dev").glob("video*"))
    return [
        ("sample clip", clip.is_file(), str(clip) if clip.is_file() else f"missing: {SET_UP}"),
        (
            "cameras",
            bool(cameras),
            ", ".join(cameras) or "none: give a video or a bag instead",
        ),
        program("chromium (tests)", "chromium", "sudo apt-get install chromium chromium-driver"),
        program("chromedriver (tests)", "chromedriver", "sudo apt-get install chromium-driver"),
    ]


if __name__ == "__main__":
    sys.exit(main())
