"""ROS parameter files read without ROS, as ROS reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from motion_seg_ros.parameter_file import ParameterError, configure, read_parameters
from motion_seg_ros.tvsh.transcriber import TranscriberConfig


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "tvsh_node: {ros__parameters: {lag: 7.5}}",
        "/tvsh_node: {ros__parameters: {lag: 7.5}}",
        "/**/tvsh_node: {ros__parameters: {lag: 7.5}}",
        "/**: {tvsh_node: {ros__parameters: {lag: 7.5}}}",
        "/robot/left: {tvsh_node: {ros__parameters: {lag: 7.5}}}",
        "/**: {ros__parameters: {lag: 7.5}}",
        "tvsh_node: {ros__parameters: {lag: 7.5}}\n/**: {ros__parameters: {lag: 1.0}}",
        "/**: {ros__parameters: {lag: 1.0}}\ntvsh_node: {ros__parameters: {lag: 7.5}}",
        "pose_node: {ros__parameters: {lag: 1.0}}\n/**: {tvsh_node: {ros__parameters: {lag: 7.5}}}",
    ],
)
def test_every_way_to_name_a_node(tmp_path: Path, text: str) -> None:
    assert read_parameters(write(tmp_path / "p.yaml", text), "tvsh_node") == {"lag": 7.5}


def test_other_nodes_parameters_are_not_ours(tmp_path: Path) -> None:
    path = write(tmp_path / "p.yaml", "pose_node: {ros__parameters: {model: lite}}")
    assert read_parameters(path, "tvsh_node") == {}


def test_settings_take_what_they_know(tmp_path: Path) -> None:
    text = "/**: {tvsh_node: {ros__parameters: {track_timeout: 3, use_sim_time: true}}}"
    values = read_parameters(write(tmp_path / "p.yaml", text), "tvsh_node")
    assert configure(TranscriberConfig, values).track_timeout == 3.0
    with pytest.raises(ValueError, match="track_timeout must be in"):
        configure(TranscriberConfig, {"track_timeout": -1.0})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "is not YAML"),
        ("\0", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("5", "is not a parameter file"),
        ("tvsh_node: 5", "tvsh_node is no mapping"),
        ("tvsh_node: {ros__parameters: 5}", "ros__parameters of tvsh_node is no mapping"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says) as caught:
        read_parameters(write(tmp_path / "p.yaml", text), "tvsh_node")
    assert "\n" not in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot be read: No such file"):
        read_parameters(tmp_path / "p.yaml", "tvsh_node")


def test_the_packages_own_file_fits(tmp_path: Path) -> None:
    from motion_seg_ros.pose.pipeline import PoseConfig

    path = Path(__file__).resolve().parents[1] / "config" / "motion_seg.yaml"
    configure(TranscriberConfig, read_parameters(path, "tvsh_node"))
    configure(PoseConfig, read_parameters(path, "pose_node"))
