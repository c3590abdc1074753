"""Shared fixtures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

# Small matrices lose more than they gain from BLAS threads, and tests run beside one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Graphs of runs side by side, and of whoever works on this machine, must not meet.
_ours = ExitStack()
with suppress(ImportError):  # nothing of ROS is tested then
    from motion_seg_ros.nodes.domain import own_domain

    os.environ["ROS_DOMAIN_ID"] = str(_ours.enter_context(own_domain()))
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The labelled recordings: $MOTION_SEG_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("MOTION_SEG_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}: set MOTION_SEG_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def sample_clip() -> Path:
    """The demo's video, which ./run fetches."""
    clip = REPOSITORY / ".cache" / "demo.mp4"
    if not clip.is_file():
        pytest.skip("no sample clip: ./run fetches it")
    return clip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium, for one module: a page left open moves on beside the tests that follow."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = (
        "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
        "disable-component-update disable-sync window-size=1280,900"
    )
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield session
    session.quit()
