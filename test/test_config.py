"""The parameter files that come with the package say nothing that the nodes do not know."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from motion_seg_ros.parameter_file import configure, read_parameters
from motion_seg_ros.pose.pipeline import PoseConfig
from motion_seg_ros.tvsh.transcriber import TranscriberConfig

CONFIG = Path(__file__).resolve().parents[1] / "config" / "motion_seg.yaml"


@pytest.mark.parametrize(("node", "kind"), [("pose_node", PoseConfig), ("tvsh_node", TranscriberConfig)])
def test_the_parameter_file_shows_parameters_that_exist_at_their_defaults(node, kind):
    parameters = read_parameters(CONFIG, node)
    assert parameters
    assert set(parameters) <= {item.name for item in fields(kind)}
    assert configure(kind, parameters) == kind()
