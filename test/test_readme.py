"""Every command in the README is one that a test runs, or one whose names are checked here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from test_views import published

from motion_seg_ros.cli import _parser

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()
COMMANDS = [line.partition("  #")[0].strip() for line in re.findall(r"^    (\S.*)$", README, re.MULTILINE)]

# Which test runs it, and the words of that test that do.
RUN_BY = {
    "./run demo": ("test_demo.py", '"motion_seg_ros.nodes.demo"'),
    "./run test": ("test_style.py", "def test_style"),  # as everything that ./run test runs
    "./run docs": ("test_docs.py", '"mkdocs", "build", "--strict"'),
    "colcon build": ("test_package.py", "def test_the_install_space_has_every_executable"),
    "python3 -m motion_seg_ros.pose.model full": ("test_run.py", "python3 -m motion_seg_ros.pose.model full"),
    "motion-seg replay": ("test_cli.py", 'motion_seg("replay", squats'),
    "motion-seg bag info": ("test_cli.py", 'main(["bag", "info"'),
    "motion-seg tokens": ("test_tokens_command.py", 'main(["tokens"'),
    "motion-seg concepts show": ("test_concept_page.py", 'main(["concepts", "show"'),
    "motion-seg ground": ("test_grounding_command.py", 'main(["ground"'),
}


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_run_by_a_test_or_names_what_exists(command: str) -> None:
    if command.startswith("ros2 launch"):
        # Not every machine with our nodes has `ros2 launch`; the demo starts the same nodes without it.
        from test_docs import launch_arguments

        file = command.split()[3]
        assert set(re.findall(r"(\w+):=", command)) <= set(launch_arguments()[file])
        return
    if command.startswith("ros2 topic echo"):
        assert command.split()[3].lstrip("/") in published()
        return
    plain = command.removeprefix(".venv/bin/")
    (known,) = (name for name in RUN_BY if plain == name or plain.startswith(f"{name} "))
    test, words = RUN_BY[known]
    assert words in (REPOSITORY / "test" / test).read_text()
    if plain.startswith("motion-seg"):
        assert _parser().parse_args(shlex.split(plain)[1:])


def test_the_picture_is_small_and_there() -> None:
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert 10_000 < (REPOSITORY / picture).stat().st_size < 300_000


def test_every_file_that_the_readme_links_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / link).is_file(), link
