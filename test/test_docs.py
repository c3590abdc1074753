"""The documentation builds without a warning, names what exists, and quotes what the code says."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_package import executables
from test_views import published

from motion_seg_ros.cli import _parser
from motion_seg_ros.parameter_file import read_parameters

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
sys.path.insert(0, str(REPOSITORY / "tools"))


def build(source: Path, out: Path, demo: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environ = os.environ | {"MOTION_SEG_DEMO": str(demo)}
    return subprocess.run(command, cwd=source, env=environ, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's output whose pictures are made already: making them is tested by itself."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "report.html").write_text("<html>")
    (folder / "pictures").mkdir()
    _, png = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))
    for name in ("report.png", "concepts.png", "ground.png"):
        (folder / "pictures" / name).write_bytes(png.tobytes())
    return folder


@pytest.fixture(scope="module")
def site(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="MkDocs is not installed: ./run test brings it")
    pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")
    out = tmp_path_factory.mktemp("site")
    done = build(REPOSITORY, out, demo)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_has_every_page_and_what_the_code_declares(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert len(pages) > 15
    assert all((site / page).is_file() for page in pages)
    made = {name: (site / "reference" / f"{name}.html").read_text() for name in ("parameters", "commands")}
    for parameter in ("autostart", "lag", "oracle.backend", "max_people", "most_goals", "image_width"):
        assert f"<code>{parameter}</code>" in made["parameters"]
    for command in ("motion-seg replay", "motion-seg bag from-video", "motion-seg oracle check"):
        assert f">{command}<" in made["commands"]
    assert "boundary_confidence" in (site / "reference" / "messages.html").read_text()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text())
        assert not fetched, f"{page.name}: {fetched}"


def test_a_broken_link_and_a_missing_picture_stop_the_build(site: Path, demo: Path, tmp_path: Path) -> None:
    for name in ("docs", "tools", "msg", "srv", "action", "launch", "config"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    for name in ("mkdocs.yml", "run", "CONTRIBUTING.md"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "motion_seg_ros").symlink_to(REPOSITORY / "motion_seg_ros")
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write("\n[here](../run) [gone](../gone.py) [gone](gone.md)\n")
        page.write("\n![gone](images/gone.png) [gone](tutorial.md#gone)\n")
    done = build(tmp_path, tmp_path / "out", demo)
    assert done.returncode == 1
    assert "../run" not in done.stderr
    for missing in ("../gone.py", "gone.md", "images/gone.png", "tutorial.md#gone"):
        assert missing in done.stderr


def templates() -> list[str]:
    """Every text in the code, with … for what is put in."""
    found = []
    for path in (*REPOSITORY.glob("motion_seg_ros/**/*.py"), *REPOSITORY.glob("tools/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(map(str, parts)))
    return found


def test_every_error_that_is_quoted_is_one_that_the_code_says() -> None:
    quoted = re.findall(r"^### `+ ?(.+?) ?`+$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(quoted) > 25
    said = templates()
    for error in quoted:
        # What stands between … may be put together from several texts.
        parts = [part for part in error.split("…") if part.strip()]
        assert any(error in text for text in said) or all(
            any(part in text for text in said) for part in parts
        ), error


def test_parameters_in_the_documentation_exist(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")
    import reference

    known = set(re.findall(r"^\| `([\w.]+)` \|", reference.parameters(), re.MULTILINE))
    checked = 0
    for page in DOCS.rglob("*.md"):
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)):
            path = tmp_path / f"{page.stem}-{number}.yaml"
            path.write_text(block)
            for node in re.findall(r"^/\*\*/(\w+):", block, re.MULTILINE):
                assert node in executables()
                given = read_parameters(path, node)
                assert given
                assert set(given) <= known, page
                checked += len(given)
    assert checked > 10


def test_every_topic_has_its_row() -> None:
    page = (DOCS / "reference" / "topics.md").read_text()
    for topic in published():
        assert f"`{topic}`" in page or f"`/{topic}`" in page, topic


def launch_arguments() -> dict[str, dict[str, dict[str, str]]]:
    """The arguments of each launch file, by its name."""
    import reference

    return {path.name: reference.launch_arguments(path) for path in REPOSITORY.glob("launch/*.launch.py")}


def test_launch_arguments_in_the_documentation_exist() -> None:
    known = launch_arguments()
    lines = [
        line
        for page in DOCS.rglob("*.md")
        for line in page.read_text().splitlines()
        if "ros2 launch " in line
    ]
    assert len(lines) > 8
    for line in lines:
        file = re.search(r"\w+\.launch\.py", line)
        given = set(re.findall(r"(\w+):=", line.partition("ros2 launch")[2]))
        assert file is None or given <= set(known[file.group()]), line


def test_commands_in_the_documentation_are_known_to_their_parsers() -> None:
    lines = [
        line.strip()
        for page in (*DOCS.rglob("*.md"), REPOSITORY / "README.md")
        for line in page.read_text().splitlines()
        if re.match(r"    (\.venv/bin/)?motion-seg ", line)
    ]
    assert len(lines) > 10
    for line in lines:
        if "|" not in line:  # which only a synopsis has
            assert _parser().parse_args(shlex.split(line.partition(" # ")[0])[1:]), line
