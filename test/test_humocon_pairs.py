"""Rendered windows that go with their motion, also seen in a mirror."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from motion_seg_ros.humocon.configuration import SourceConfig
from motion_seg_ros.humocon.crops import CROP
from motion_seg_ros.humocon.modelling import FLOW_CELLS
from motion_seg_ros.humocon.motions import load_motions
from motion_seg_ros.humocon.pairs import render_pairs


def test_a_turned_pair_is_seen_in_a_mirror_and_the_others_stay():
    motions, _ = load_motions((SourceConfig(seconds=200),), Path(), 0)
    pairs = render_pairs(motions, 3, 32, np.random.default_rng(0), speed=0.0)
    chosen, turn = np.array([2, 0]), np.array([True, False])
    shown = pairs.turned(chosen, turn)
    for row, (pair, turned) in enumerate(zip(chosen, turn, strict=True)):
        assert shown.windows.clip[row] == pairs.windows.clip[pair]
        assert shown.windows.mirror[row] == (pairs.windows.mirror[pair] != turned)
        for token in range(8):
            for x in range(CROP):
                other = CROP - 1 - x if turned else x
                assert (shown.video[row, token, :, x] == pairs.video[pair, token, :, other]).all()
            flow = pairs.flow[pair, token].reshape(FLOW_CELLS, FLOW_CELLS, 2)
            found = shown.flow[row, token].reshape(FLOW_CELLS, FLOW_CELLS, 2)
            for x in range(FLOW_CELLS):
                right, down = flow[:, FLOW_CELLS - 1 - x if turned else x].T
                assert (found[:, x] == np.stack((-right if turned else right, down), axis=1)).all()
    assert np.abs(pairs.flow[2, :, 0::2]).max() > 0  # something goes left or right
