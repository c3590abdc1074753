"""What all our nodes do alike: lifecycle, parameters, diagnostics."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from motion import SECOND, frames
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters
from rclpy.qos import ReliabilityPolicy, qos_profile_sensor_data
from rclpy.time import Time
from ros_graph import Graph, Hosted
from std_msgs.msg import Header

from motion_seg_ros.msg import SkeletonArray
from motion_seg_ros.nodes.tvsh_node import TvshNode
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS


@pytest.fixture
def graph(tmp_path):
    with Graph(tmp_path) as graph:
        yield graph


def set_double(graph: Graph, node: str, name: str, value: float):
    parameter = Parameter(
        name=name, value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    )
    return graph.call(SetParameters, f"{node}/set_parameters", parameters=[parameter]).results[0]


def test_lifecycle_goes_up_and_down_and_up_again(graph):
    graph.start("tvsh_node", autostart=False)
    assert graph.state("tvsh_node") == "unconfigured"
    for transition, state in [
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("configure", "inactive"),
    ]:
        assert graph.transition("tvsh_node", transition)
        assert graph.state("tvsh_node") == state
    # A node that was deactivated by hand stays so, although it starts by itself.
    graph.spin(1.5)
    assert graph.state("tvsh_node") == "inactive"
    assert not graph.transition("tvsh_node", "cleanup") or graph.state("tvsh_node") == "unconfigured"
    assert graph.interrupt("tvsh_node") == 0


@pytest.mark.parametrize("node", ["tvsh_node", "pose_node", "source_node", "record_node"])
def test_every_parameter_is_described_and_numbers_have_ranges(graph, node):
    graph.start(node, autostart=False)
    names = graph.call(ListParameters, f"{node}/list_parameters").result.names
    ours = [name for name in names if name not in ("use_sim_time", "start_type_description_service")]
    described = graph.call(DescribeParameters, f"{node}/describe_parameters", names=ours).descriptors
    assert len(described) > 1
    for item in described:
        assert item.description, item.name
        if item.type == ParameterType.PARAMETER_DOUBLE:
            assert item.floating_point_range, item.name
        if item.type == ParameterType.PARAMETER_INTEGER:
            assert item.integer_range, item.name


def test_parameters_are_checked_and_fixed_while_configured(graph):
    graph.start("source_node", autostart=False)
    assert not set_double(graph, "source_node", "rate", -1.0).successful
    refused = set_double(graph, "source_node", "rate", math.nan)
    assert not refused.successful
    assert "rate" in refused.reason
    assert set_double(graph, "source_node", "rate", 2.0).successful


def test_parameters_are_fixed_while_active(graph):
    graph.start("tvsh_node")
    graph.until(lambda: graph.state("tvsh_node") == "active")
    refused = set_double(graph, "tvsh_node", "track_timeout", 1.5)
    assert not refused.successful
    assert "deactivate" in refused.reason


@pytest.mark.parametrize(
    ("node", "parameters", "said"),
    [
        ("source_node", {"source": "/nowhere/at.mp4"}, "/nowhere/at.mp4 does not exist"),
        ("source_node", {}, "the parameter 'source' is empty"),
        ("record_node", {}, "the parameter 'out' is empty"),
        ("pose_node", {"model": "/nowhere/pose.task"}, "/nowhere/pose.task"),
        ("pose_node", {"model": __file__}, "is not a pose model that MediaPipe can load"),
    ],
)
def test_what_is_missing_is_one_clear_error_and_the_node_lives(graph, node, parameters, said):
    process = graph.start(node, **parameters)
    graph.until(lambda: said in getattr(graph.diagnostics.get(node), "message", ""))
    assert graph.diagnostics[node].level == b"\x02"
    assert graph.state(node) == "unconfigured"
    assert graph.log(node).count(said) == 1
    assert "Traceback" not in graph.log(node)
    assert process.poll() is None
    assert graph.interrupt(node) == 0


def test_a_corrupt_bag_is_one_clear_error_and_the_node_lives(graph, tmp_path):
    bag = tmp_path / "corrupt.mcap"
    bag.write_bytes(b"\x89MCAP0\r\n" + bytes(range(256)) * 40)
    process = graph.start("source_node", source=bag)
    graph.until(lambda: "corrupt.mcap" in getattr(graph.diagnostics.get("source_node"), "message", ""))
    assert graph.state("source_node") == "unconfigured"
    assert "Traceback" not in graph.log("source_node")
    assert process.poll() is None


def test_a_source_that_is_stopped_by_hand_plays_again_from_the_beginning(graph, tmp_path):
    clip = tmp_path / "clip.npz"
    joints = np.array([item.skeletons[0].joints for item in frames([("wave", 20.0)])])
    names = np.array(JOINT_SETS["smpl22"].joints)
    np.savez(clip, joints=joints, joint_names=names, labels=np.zeros(600, np.int32), names=["wave"], fps=30.0)
    process = graph.start("source_node", source=clip)
    graph.until(lambda: graph.state("source_node") == "active")
    skeletons = graph.heard(SkeletonArray, "skeletons")
    graph.until(lambda: skeletons)
    assert graph.transition("source_node", "deactivate")
    graph.spin(0.5)
    count = len(skeletons)
    graph.spin(0.5)
    assert len(skeletons) == count
    assert process.poll() is None
    assert graph.transition("source_node", "activate")
    graph.until(lambda: len(skeletons) > count)
    assert graph.interrupt("source_node") == 0


def test_an_impossible_qos_is_one_clear_error_and_the_node_lives(graph):
    name = "qos_overrides./segment_events.publisher.reliability"
    process = graph.start("tvsh_node", **{name: "sometimes"})
    graph.until(lambda: "cannot configure" in getattr(graph.diagnostics.get("tvsh_node"), "message", ""))
    assert graph.state("tvsh_node") == "unconfigured"
    assert "Traceback" not in graph.log("tvsh_node")
    assert process.poll() is None
    assert graph.interrupt("tvsh_node") == 0


@pytest.mark.parametrize(
    ("node", "parameters", "said"),
    [
        ("tvsh_node", {"qos_overrides./skeletons.subscription.reliability": "sometimes"}, "sometimes"),
        ("humocon_node", {"topics": "people, a b"}, "'a b'"),
        ("humocon_node", {"topics": "','"}, "topics must name at least one topic"),
    ],
)
def test_a_topic_that_cannot_be_listened_to_is_one_clear_error(graph, node, parameters, said):
    process = graph.start(node, **parameters)
    graph.until(lambda: said in getattr(graph.diagnostics.get(node), "message", ""))
    assert graph.diagnostics[node].level == b"\x02"
    activates = "at least" not in said
    assert graph.state(node) == ("inactive" if activates else "unconfigured")
    # Nothing of the attempt is left: it is the same the next time, and after a new beginning.
    if activates:
        assert not graph.transition(node, "activate")
        assert graph.transition(node, "cleanup")
    assert process.poll() is None
    assert graph.interrupt(node) == 0
    assert "Traceback" not in graph.log(node)


def test_what_came_while_a_node_did_not_listen_was_not_dropped(graph):
    graph.start("tvsh_node")
    graph.until(lambda: graph.state("tvsh_node") == "active")
    publisher = graph.node.create_publisher(SkeletonArray, "skeletons", qos_profile_sensor_data)
    stamp = itertools.count(SECOND, SECOND // 30)

    def until_taken() -> None:
        before = taken()
        while taken() < before + 3:
            say()
            graph.spin(0.05)

    def say() -> None:
        publisher.publish(SkeletonArray(header=Header(stamp=Time(nanoseconds=next(stamp)).to_msg())))

    def taken() -> int:
        return int(dict(facts()).get("frames received", 0))

    def facts() -> list[tuple[str, str]]:
        known = graph.diagnostics.get("tvsh_node")
        return [(fact.key, fact.value) for fact in known.values] if known else []

    until_taken()
    assert graph.transition("tvsh_node", "deactivate")
    for _ in range(50):
        say()
    graph.spin(0.5)
    assert graph.transition("tvsh_node", "activate")
    until_taken()
    assert int(dict(facts()).get("frames dropped", 0)) < 50


def test_an_override_of_one_node_is_no_other_nodes(tmp_path):
    """Composed nodes share a process, and rclpy writes overrides into the QoS object that it is given."""

    def reliability(**parameters: str) -> int:
        with Hosted(tmp_path, TvshNode, **parameters) as hosted:
            return hosted.node._skeletons.qos_profile.reliability

    override = {"qos_overrides./skeletons.subscription.reliability": "reliable"}
    assert reliability(**override) == ReliabilityPolicy.RELIABLE
    assert reliability() == ReliabilityPolicy.BEST_EFFORT


def test_a_parameter_of_the_wrong_type_is_one_clear_error(graph):
    process = graph.start("source_node", rate="quick")
    graph.until(lambda: process.poll() is not None)
    assert process.returncode == 2
    assert "rate" in graph.log("source_node")
    assert "Traceback" not in graph.log("source_node")


def test_a_parameter_file_that_is_none_is_one_clear_error(graph):
    process = graph.start("tvsh_node", "--params-file", __file__)
    graph.until(lambda: process.poll() is not None)
    assert process.returncode == 2
    assert "parse params file" in graph.log("tvsh_node")
    assert "Traceback" not in graph.log("tvsh_node")
