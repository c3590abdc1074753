"""The parameter files that come with the package say nothing that the nodes do not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from motion_seg_ros.humocon.runtime import EncoderConfig
from motion_seg_ros.parameter_file import configure, read_parameters
from motion_seg_ros.pose.pipeline import PoseConfig
from motion_seg_ros.semantics.backends import OracleSettings
from motion_seg_ros.settings import parameter_names
from motion_seg_ros.tvsh.transcriber import TranscriberConfig

CONFIG = Path(__file__).resolve().parents[1] / "config" / "motion_seg.yaml"


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        ("pose_node", (PoseConfig,)),
        ("tvsh_node", (TranscriberConfig, OracleSettings)),
        ("humocon_node", (EncoderConfig,)),
    ],
)
def test_the_parameter_file_shows_parameters_that_exist_at_their_defaults(
    node: str, kinds: tuple[type, ...]
) -> None:
    parameters = read_parameters(CONFIG, node)
    assert parameters
    assert set(parameters) <= {name for kind in kinds for name in parameter_names(kind).values()}
    for kind in kinds:
        assert configure(kind, parameters) == kind()
