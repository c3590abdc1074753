"""A camera topic, or a source of our own, to skeletons, motion segments and events.

ros2 launch motion_seg_ros motion_seg.launch.py image:=/camera/image_raw
ros2 launch motion_seg_ros motion_seg.launch.py source:=0 rviz:=true
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable, Shutdown
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

DISTRO = os.environ.get("ROS_DISTRO")
SHARE = Path(get_package_share_directory("motion_seg_ros"))
TRUE_OR_FALSE = {"choices": ["true", "false"]}

ARGUMENTS = [
    DeclareLaunchArgument("image", default_value="image", description="Image topic of the camera."),
    DeclareLaunchArgument(
        "camera_info",
        default_value="camera_info",
        description="CameraInfo topic of the camera, if it has one.",
    ),
    DeclareLaunchArgument(
        "compressed", default_value="false", description="Use the topic IMAGE/compressed.", **TRUE_OR_FALSE
    ),
    DeclareLaunchArgument(
        "source",
        default_value="",
        description="Play this in place of a camera topic: a camera (0), a video, a bag or a motion file.",
    ),
    DeclareLaunchArgument(
        "model",
        default_value="",
        description="Pose model: lite, full, heavy or the path of a .task file. Empty: as in config.",
    ),
    DeclareLaunchArgument(
        "device",
        default_value="",
        choices=["", "cpu", "gpu"],
        description="What the pose model runs on. Empty: as in config.",
    ),
    DeclareLaunchArgument(
        "concepts", default_value="true", description="Publish motion concept tokens.", **TRUE_OR_FALSE
    ),
    DeclareLaunchArgument(
        "grounding",
        default_value="true",
        description="Offer the action ground_motion: when was this done?",
        **TRUE_OR_FALSE,
    ),
    DeclareLaunchArgument(
        "oracle",
        default_value="",
        choices=["", "none", "kinematic", "encoder", "openai", "llama_cpp"],
        description="Who is asked whether two moments show the same motion. Empty: as in config.",
    ),
    DeclareLaunchArgument(
        "composed",
        default_value="false",
        description="Run them in one process; the images of a source then never cross DDS.",
        **TRUE_OR_FALSE,
    ),
    DeclareLaunchArgument(
        "config",
        default_value=str(SHARE / "config" / "motion_seg.yaml"),
        description="Parameter file of the nodes.",
    ),
    DeclareLaunchArgument(
        "namespace", default_value="", description="Namespace of the nodes, one for each camera."
    ),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", description="Take time from /clock.", **TRUE_OR_FALSE
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        description="Configure and activate the nodes at once; else `ros2 lifecycle set` does.",
        **TRUE_OR_FALSE,
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", description="Show image, skeletons and segments.", **TRUE_OR_FALSE
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
    flags = {
        name: given[name] == "true"
        for name in ("compressed", "concepts", "grounding", "composed", "use_sim_time", "autostart", "rviz")
    }
    common = {name: flags[name] for name in ("use_sim_time", "autostart")}
    common["image_transport"] = "compressed" if flags["compressed"] else "raw"
    pose = {name: given[name] for name in ("model", "device") if given[name]}
    tvsh = {"oracle.backend": given["oracle"]} if given["oracle"] else {}
    # A camera is named by a number, which must stay text.
    source = {"source": ParameterValue(given["source"], value_type=str)} if given["source"] else {}

    def node(executable: str, parameters: dict, **options) -> Node:
        return Node(
            package="motion_seg_ros",
            executable=executable,
            namespace=given["namespace"],
            parameters=[given["config"], common | parameters],
            remappings=[
                ("image", given["image"]),
                ("image/compressed", given["image"] + "/compressed"),
                ("camera_info", given["camera_info"]),
            ],
            output="screen",
            **options,
        )

    if flags["composed"]:
        started = [node("composed", pose | tvsh | source)]
    else:
        started = [node("pose_node", pose), node("tvsh_node", tvsh)]
        if flags["concepts"]:
            started.append(node("humocon_node", {}))
        if source:
            source["subscribers"] = 1  # nothing is played before somebody looks
            started.append(node("source_node", source, on_exit=Shutdown(reason="the source is at its end")))
    if flags["grounding"]:
        started.append(node("grounding_node", {}))
    if flags["rviz"]:
        view = str(SHARE / "config" / "motion_seg.rviz")
        started.append(
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=given["namespace"],
                arguments=["-d", view],
                remappings=[("image", given["image"])],
                parameters=[{"use_sim_time": flags["use_sim_time"]}],
            )
        )
    return started
