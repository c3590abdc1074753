"""What bench/ablation.py runs for its curves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from test_baselines import motions

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import ablation


def test_curves_of_answers_take_every_seed_and_latency(tmp_path: Path) -> None:
    data, truth = motions([40, 50, 40, 50], [0, 1, 0, 2])
    path = tmp_path / "made.npz"
    np.savez(path, features=data, labels=truth, names=np.array(["a", "b", "c"]), fps=10.0)
    # A seed draws errors, and nothing where there are none.
    none_wrong = {ablation._answered((path, 0.0, 0.0, seed)) for seed in range(4)}
    assert len(none_wrong) == 1
    for latency in ablation.LATENCIES:
        assert 0.0 < ablation._answered((path, 0.1, latency, 1)) <= 1.0
