"""pose_node over real DDS, with the real model."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from motion import SECOND
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from ros_graph import Graph
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from visualization_msgs.msg import MarkerArray

from motion_seg_ros.bags.conversion import RclpyTypes, from_message, to_compressed, to_message
from motion_seg_ros.bags.items import Image
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.msg import SkeletonArray

TYPES = RclpyTypes()


@pytest.fixture
def graph(tmp_path):
    with Graph(tmp_path) as graph:
        yield graph


def noise(seed: int) -> Image:
    random = np.random.default_rng(seed)
    return Image(random.integers(0, 255, (480, 640, 3), dtype=np.uint8), "camera")


def test_two_processes_at_vga_30_hz_lose_under_one_frame_in_a_hundred(graph, tmp_path):
    """The camera is source_node; what pose_node says it received is compared with what was published."""
    clip = tmp_path / "vga.npz"
    frames = np.random.default_rng(0).integers(0, 255, (4, 480, 640, 3), dtype=np.uint8)
    np.savez(
        clip,
        frames=np.resize(frames, (300, 480, 640, 3)),
        labels=np.zeros(300, np.int32),
        names=np.array(["noise"]),
        fps=30.0,
    )
    graph.start("pose_node")
    graph.until(lambda: graph.state("pose_node") == "active")
    received = [0]
    while True:
        source = graph.start("source_node", source=clip, subscribers=1)
        graph.until(lambda source=source: source.poll() is not None, within=60.0)
        graph.spin(1.5)
        assert source.returncode == 0
        received.append(int(graph.fact("pose_node", "frames received")))
        # Of three plays one must do: something else may take the processor away for a moment.
        if received[-1] - received[-2] >= 297 or len(received) > 3:
            break
    assert received[-1] - received[-2] >= 297, received


def test_people_in_a_real_video_become_skeletons_with_the_stamps_of_its_images(graph, sample_clip):
    graph.start("pose_node")
    skeletons = graph.heard(SkeletonArray, "skeletons")
    debug = graph.heard(ImageMessage, "debug_image")
    markers = graph.collect(MarkerArray, "markers")
    images = graph.publisher(ImageMessage, "image", qos_profile_sensor_data)
    sent = []
    for stamp, image in islice(open_source(str(sample_clip)), 15):
        sent.append(stamp + SECOND)
        images.publish(to_message(Image(image.rgb, "camera_optical_frame"), TYPES, sent[-1]))
        graph.until(lambda: len(skeletons) == len(sent))
    frames = [from_message(message) for message in skeletons]
    assert [frame.stamp for frame in frames] == sent
    assert {frame.frame_id for frame in frames} == {"camera_frame"}
    people = [skeleton for frame in frames for skeleton in frame.skeletons]
    assert {person.track_id for person in people} == {"1"}
    head, hips = people[-1].joints[0], people[-1].joints[[23, 24]].mean(axis=0)
    assert head[2] > hips[2] + 0.3  # z is up
    assert hips[0] > 1.0  # x is away from the camera
    assert debug
    assert len(markers[-1].markers[0].points) > 10


def test_bad_images_are_refused_by_one_clear_error_and_the_node_lives(graph):
    graph.start("pose_node")
    skeletons = graph.heard(SkeletonArray, "skeletons")
    images = graph.publisher(ImageMessage, "image", qos_profile_sensor_data)
    empty = ImageMessage()
    wrong = to_message(noise(0), TYPES, SECOND)
    wrong.encoding = "jpeg2000"
    short = to_message(noise(0), TYPES, 2 * SECOND)
    short.data = short.data[:1000]
    for message in (empty, wrong, short):
        images.publish(message)
        graph.spin(0.3)
    graph.until(lambda: graph.fact("pose_node", "images refused") == "3")
    assert graph.diagnostics["pose_node"].level == b"\x01"
    assert "refused" in graph.diagnostics["pose_node"].message
    images.publish(to_message(noise(1), TYPES, 3 * SECOND))
    graph.until(lambda: skeletons)
    # Nobody is seen in noise, and that is said too.
    assert from_message(skeletons[-1]).stamp == 3 * SECOND
    assert from_message(skeletons[-1]).skeletons == ()
    images.publish(to_message(noise(2), TYPES, SECOND))  # stamps go back
    graph.until(lambda: from_message(skeletons[-1]).stamp == SECOND)
    assert graph.interrupt("pose_node") == 0


def test_compressed_images(graph):
    graph.start("pose_node", image_transport="compressed")
    skeletons = graph.heard(SkeletonArray, "skeletons")
    images = graph.publisher(CompressedImage, "image/compressed", QoSProfile(depth=5))
    images.publish(to_compressed(noise(0), TYPES, SECOND))
    graph.until(lambda: skeletons)
    assert from_message(skeletons[-1]).stamp == SECOND


def test_images_that_come_too_fast_are_dropped_and_counted(graph):
    graph.start("pose_node", queue_size=1)
    skeletons = graph.heard(SkeletonArray, "skeletons")
    images = graph.publisher(ImageMessage, "image", QoSProfile(depth=100))
    sent = 0

    def dropped() -> bool:
        nonlocal sent
        for _ in range(5):
            sent += 1
            images.publish(to_message(noise(sent % 3), TYPES, sent * SECOND // 200))
        return int(graph.fact("pose_node", "frames dropped") or 0) > 0

    graph.until(dropped)
    stamps = [from_message(message).stamp for message in skeletons]
    assert 0 < len(stamps) < sent
    assert stamps == sorted(stamps)
