"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Small matrices lose more than they gain from BLAS threads, and tests run beside one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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
