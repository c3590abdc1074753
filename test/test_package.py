"""The package hangs together: what is declared, built and launched has the same names."""

from __future__ import annotations

import ast
import os
import re
import runpy
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest

import motion_seg_ros

REPOSITORY = Path(__file__).resolve().parents[1]
MANIFEST = ElementTree.parse(REPOSITORY / "package.xml").getroot()
CMAKE = (REPOSITORY / "CMakeLists.txt").read_text()


@cache
def keywords() -> dict[str, Any]:
    """What setup.py gives to setup()."""
    before = Path.cwd()
    os.chdir(REPOSITORY)  # setup.py names files from there
    try:
        with mock.patch("setuptools.setup") as setup:
            runpy.run_path("setup.py")
    finally:
        os.chdir(before)
    return dict(setup.call_args.kwargs)


def executables() -> dict[str, str]:
    """Name and module of every executable that setup.py declares."""
    groups = keywords()["entry_points"]
    assert isinstance(groups, dict)
    found = {}
    for line in (line for group in groups.values() for line in group):
        name, module, function = re.fullmatch(r"([\w-]+) = ([\w.]+):(\w+)", line).groups()
        assert function == "main"
        found[name] = module
    return found


def test_the_version_is_the_same_everywhere() -> None:
    version = MANIFEST.findtext("version")
    assert version == motion_seg_ros.__version__ == keywords()["version"]


@pytest.mark.parametrize("name", executables())
def test_an_executable_has_its_main(name: str) -> None:
    source = (REPOSITORY / executables()[name].replace(".", "/")).with_suffix(".py")
    functions = {
        node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)
    }
    assert "main" in functions


def test_cmake_reads_every_executable_from_setup_py() -> None:
    pattern = re.search(r'file\(STRINGS setup.py entry_points REGEX "(.*)"\)', CMAKE).group(1)
    pattern = pattern.replace('\\"', '"').replace("${PROJECT_NAME}", "motion_seg_ros")
    lines = [line for line in (REPOSITORY / "setup.py").read_text().splitlines() if re.search(pattern, line)]
    assert len(lines) == len(executables())


def started_by(launch_file: Path) -> set[str]:
    """The executables of this package that a launch file starts, by Node(...) or by its helper node(NAME)."""
    names = set()
    for call in ast.walk(ast.parse(launch_file.read_text())):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        package = given.get("package")
        if call.func.id == "node":
            named = call.args[0]
        elif (
            call.func.id == "Node" and isinstance(package, ast.Constant) and package.value == "motion_seg_ros"
        ):
            named = given["executable"]
        else:
            continue
        if isinstance(named, ast.Constant):
            names.add(named.value)
    return names


def test_launch_files_start_only_what_exists() -> None:
    launch_files = {path.name: path for path in (REPOSITORY / "launch").glob("*.launch.py")}
    assert started_by(launch_files["motion_seg.launch.py"]) >= {"pose_node", "tvsh_node", "composed"}
    assert started_by(launch_files["replay.launch.py"])
    for name, path in launch_files.items():
        assert started_by(path) <= set(executables()), name


def test_configuration_named_by_launch_files_exists() -> None:
    named = set()
    for path in (REPOSITORY / "launch").glob("*.launch.py"):
        named |= set(re.findall(r'"config" / "([^"]+)"', path.read_text()))
    assert "fastdds_shm.xml" in named
    assert named <= {path.name for path in (REPOSITORY / "config").iterdir()}


def test_every_interface_is_built() -> None:
    declared = set(re.findall(r"\b(?:msg|srv|action)/\w+\.(?:msg|srv|action)", CMAKE))
    present = {
        path.relative_to(REPOSITORY).as_posix()
        for kind in ("msg", "srv", "action")
        for path in (REPOSITORY / kind).iterdir()
    }
    assert declared == present


def test_packages_found_by_cmake_are_declared() -> None:
    declared = {element.text for element in MANIFEST if element.tag.endswith("depend")}
    assert set(re.findall(r"find_package\((\w+)", CMAKE)) <= declared


def test_every_ros_package_that_nodes_and_launch_files_import_is_declared() -> None:
    declared = {element.text for element in MANIFEST if element.tag.endswith("depend")}
    imported = set()
    for path in (*REPOSITORY.glob("launch/*.py"), *REPOSITORY.glob("motion_seg_ros/nodes/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
    others = {"motion_seg_ros", "numpy"} | set(sys.stdlib_module_names)
    assert imported - others <= declared


def test_every_core_requirement_of_pip_is_declared_for_rosdep() -> None:
    keys = {element.text for element in MANIFEST.iter("exec_depend")}
    other = {"opencv-contrib-python": "python3-opencv", "pyyaml": "python3-yaml"}
    requirements = keywords()["install_requires"]
    assert isinstance(requirements, list)
    for requirement in requirements:
        name = re.split(r"[<>=]", requirement)[0]
        wanted = other.get(name, f"python3-{name}")
        assert wanted in keys or f"{wanted}-pip" in keys, name


@pytest.fixture
def prefix() -> Path:
    """Where colcon installed the package that this environment has sourced."""
    index = pytest.importorskip("ament_index_python.packages", reason="no ROS 2 here")
    try:
        return Path(index.get_package_prefix("motion_seg_ros"))
    except index.PackageNotFoundError:
        pytest.skip("the package is not built, or its install space is not sourced")


def test_the_install_space_has_every_executable(prefix: Path) -> None:
    installed = {path.name: path for path in (prefix / "lib" / "motion_seg_ros").iterdir()}
    assert set(installed) == set(executables())
    for name, path in installed.items():
        assert path.stat().st_mode & stat.S_IXUSR, name
        first, *_ = text = path.read_text().splitlines()
        assert first == "#!/usr/bin/env python3"
        if executables()[name] == f"motion_seg_ros.nodes.{name}":
            assert text[-1] == f'main("{name}")'
        else:
            assert f"from {executables()[name]} import main" in text


def test_the_install_space_has_the_shared_files(prefix: Path) -> None:
    for folder in ("launch", "config"):
        here = {path.name for path in (REPOSITORY / folder).iterdir() if path.is_file()}
        assert {path.name for path in (prefix / "share" / "motion_seg_ros" / folder).iterdir()} >= here


@pytest.mark.parametrize("folder", [Path("/"), REPOSITORY], ids=["elsewhere", "source-tree"])
def test_messages_and_modules_import_together(prefix: Path, folder: Path) -> None:
    """The source tree shadows the installed package; both halves must be found all the same."""
    code = "import motion_seg_ros.msg, motion_seg_ros.srv, motion_seg_ros.action, motion_seg_ros.tvsh.events"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
