"""A recorded bag through the nodes again: the bag in, a bag of events (and events.jsonl) out.

    ros2 launch motion_seg_ros replay.launch.py bag:=out/demo/bag out:=out/replay

The same skeletons give the same final events, at any rate.
"""

import os
from pathlib import Path
from signal import SIGINT

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events import matches_action
from launch.events.process import SignalProcess
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from motion_seg_ros.bags.sources import open_source

DISTRO = os.environ.get("ROS_DISTRO")
SHARE = Path(get_package_share_directory("motion_seg_ros"))

ARGUMENTS = [
    DeclareLaunchArgument("bag", description="rosbag2 folder, .mcap, .db3 or rosbag1 .bag."),
    DeclareLaunchArgument("out", default_value="out/replay", description="Folder for bag/ and events.jsonl."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Playback speed."),
    DeclareLaunchArgument(
        "from_images",
        default_value="false",
        choices=["true", "false"],
        description="Estimate the poses from the bag's images, also when it has skeletons.",
    ),
    DeclareLaunchArgument(
        "concepts",
        default_value="true",
        choices=["true", "false"],
        description="Publish motion concept tokens, and attach them to the segments.",
    ),
    DeclareLaunchArgument(
        "config",
        default_value=str(SHARE / "config" / "motion_seg.yaml"),
        description="Parameter file of the nodes.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    # Large images need more shared memory than Fast DDS takes by itself.
    profile = "FASTRTPS_DEFAULT_PROFILES_FILE" if DISTRO == "jazzy" else "FASTDDS_DEFAULT_PROFILES_FILE"
    ours = str(SHARE / "config" / "fastdds_shm.xml")
    environment = SetEnvironmentVariable(profile, EnvironmentVariable(profile, default_value=ours))
    return LaunchDescription([*ARGUMENTS, environment, OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[Node]:
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    from_images, concepts = (given[name] == "true" for name in ("from_images", "concepts"))
    bag = open_source(given["bag"], from_images=from_images)

    def node(executable: str, parameters: dict, **options) -> Node:
        return Node(
            package="motion_seg_ros",
            executable=executable,
            parameters=[
                given["config"],
                str(SHARE / "config" / "replay.yaml"),
                {"use_sim_time": True, **parameters},
            ],
            output="screen",
            **options,
        )

    playing = {
        "source": ParameterValue(given["bag"], value_type=str),
        "rate": float(given["rate"]),
        "from_images": from_images,
        "clock": True,
        "subscribers": 3 if concepts and not bag.has_images else 2,  # what is next, and the recorder
    }
    # Each stops when those before it have ended, so that nothing on its way is lost; the recorder stops last.
    told = {"concept_tokens": concepts}
    tvsh = node("tvsh_node", told, on_exit=Shutdown(reason="the bag is transcribed"))
    chain = [tvsh]
    if concepts:
        chain.insert(0, node("humocon_node", {}, on_exit=interrupt(tvsh)))
    if bag.has_images:
        chain.insert(0, node("pose_node", {}, on_exit=interrupt(chain[0])))
    source = node("source_node", playing, on_exit=interrupt(chain[0]))
    return [node("record_node", {"out": ParameterValue(given["out"], value_type=str)}), *chain, source]


def interrupt(action: Node) -> EmitEvent:
    return EmitEvent(event=SignalProcess(signal_number=SIGINT, process_matcher=matches_action(action)))
