"""Peers on motions that anybody can tell apart, and what holds for all of them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from motion_seg_ros.evaluation import causal
from motion_seg_ros.evaluation.baselines import BASELINES, equal_pieces
from motion_seg_ros.evaluation.metrics import score

FPS = 10.0
LIBRARIES = {"ward": "sklearn", "ruptures": "ruptures", "clasp": "claspy", "floss": "stumpy"}


def motions(lengths: list[int], which: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that circle around a centre of their own in each motion, and the truth."""
    rng = np.random.default_rng(seed)
    centres = 3.0 * rng.standard_normal((max(which) + 1, 6))
    truth = np.repeat(which, lengths)
    phase = np.cumsum(np.full(len(truth), 2 * np.pi / 8))
    swing = np.stack((np.sin(phase), np.cos(phase)), axis=1) @ rng.standard_normal((2, 6))
    return centres[truth] + 0.3 * swing + 0.05 * rng.standard_normal((len(truth), 6)), truth


def run(name: str, data: np.ndarray, clusters: int | None):
    if name in LIBRARIES and importlib.util.find_spec(LIBRARIES[name]) is None:
        pytest.skip(f"{LIBRARIES[name]} is not installed")
    return BASELINES[name].run(data, FPS, clusters)


def test_equal_pieces() -> None:
    found = equal_pieces(np.zeros((10, 2)), FPS, 3)
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("name", "least"),
    [("tsc", 0.9), ("self-expressive", 0.9), ("spectral", 0.9), ("ward", 0.95), ("ruptures", 0.95)],
)
def test_batch_peers_find_blocks(name: str, least: float) -> None:
    data, truth = motions([40, 55, 45], [0, 1, 2])
    found = run(name, data, 3)
    assert found.labels.dtype == np.int32
    assert score(truth, found.labels, FPS).acc >= least


def test_kernel_changes_counts_by_itself() -> None:
    data, truth = motions([40, 55, 45], [0, 1, 2])
    assert score(truth, run("ruptures", data, None).labels, FPS).k_found == 3


@pytest.mark.parametrize("name", ["window-statistics", "nearest-centroid"])
def test_causal_peers_find_motions_that_recur(name: str) -> None:
    data, truth = motions([60, 60, 60, 60], [0, 1, 0, 1])
    found = run(name, data, None)
    scores = score(truth, found.labels, FPS)
    assert scores.purity >= 0.9
    # It knows what it has seen before: half of the runs are repetitions.
    assert scores.k_found < len(np.flatnonzero(np.diff(found.labels))) + 1
    assert (found.final_at >= np.arange(len(truth))).all()


@pytest.mark.parametrize("name", ["window-statistics", "nearest-centroid"])
def test_what_causal_peers_call_final_needs_no_later_frame(name: str) -> None:
    data, _ = motions([60, 50, 70], [0, 1, 2])
    whole = run(name, data, None)
    for count in (70, 111, 150):
        part = run(name, data[:count], None)
        final = whole.final_at[:count] < count
        assert final.any()
        assert (part.labels[final] == whole.labels[:count][final]).all()


@pytest.mark.parametrize("name", ["clasp", "floss"])
def test_change_point_peers_tell_a_change_after_it(name: str) -> None:
    rng = np.random.default_rng(1)
    time = np.arange(600)
    wave = np.where(time < 300, np.sin(time * 2 * np.pi / 10), np.sign(np.sin(time * 2 * np.pi / 25)))
    found = run(name, wave[:, None] + 0.02 * rng.standard_normal((600, 1)), None)
    cuts = np.flatnonzero(np.diff(found.labels)) + 1
    assert len(cuts), "nothing was found"
    assert np.abs(cuts - 300).min() < 40
    assert (found.told_at[cuts] > cuts).all()


def test_a_missing_library_is_told_in_one_sentence(monkeypatch) -> None:
    with pytest.raises(causal.MissingLibrary, match=r"not_there is not installed: pip install .*\[eval\]"):
        causal.library("not_there.at_all")


@pytest.mark.parametrize("name", ["tsc", "spectral", "ward", "equal-pieces"])
def test_who_needs_the_number_of_motions_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="number of motions"):
        BASELINES[name].run(np.zeros((10, 2)), FPS, None)


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_what_is_hardly_longer_than_nothing(name: str, count: int) -> None:
    data, _ = motions([count], [0])
    for clusters in (1, 2):
        found = run(name, data, clusters)
        assert found.labels.shape == (count,)
        assert len(np.unique(found.labels)) <= clusters or not BASELINES[name].needs_clusters
