"""humocon_node with images: video concepts beside motion's, and bad images that hurt nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from concept_model import open_encoder, write_model
from motion import frames
from ros_graph import Hosted
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage

from motion_seg_ros.bags.bag_reader import Bag
from motion_seg_ros.bags.conversion import RclpyTypes, from_message, to_compressed, to_message
from motion_seg_ros.bags.items import Image
from motion_seg_ros.humocon.contract import VIDEO
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.humocon.video import VideoTokenizer
from motion_seg_ros.msg import ConceptTokens, SkeletonArray
from motion_seg_ros.nodes.humocon_node import HumoconNode, HumoconSettings
from motion_seg_ros.nodes.record_node import RecordNode

TYPES = RclpyTypes()
DAY = [("stand", 1.0), ("wave", 2.0), ("squat", 1.0)]
TOPICS = ("skeletons", "image", "image/compressed")
LOSSLESS = {
    f"qos_overrides./{topic}.subscription.{key}": value
    for topic in TOPICS
    for key, value in {"reliability": "reliable", "history": "keep_all"}.items()
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = write_model(tmp_path_factory.mktemp("weights"))
    return write_model(folder, kind=VIDEO, seed=1)


def filmed() -> list:
    """Frames of somebody who is somewhere in an image, and the images."""
    random = np.random.default_rng(0)
    found = []
    for item in frames(DAY):
        person = item.skeletons[0]
        image_xy = (80, 60) + 50 * person.joints[:, 1:] * (-1, -1)
        placed = replace(person, image_xy=image_xy.astype(np.float32))
        rgb = random.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        found.append((replace(item, skeletons=(placed,)), rgb))
    return found


def plain(told) -> list:
    return [(t.stamp, t.track_id, t.codebook, t.start, t.end, t.tokens) for t in told]


def core(weights: Path, pairs) -> tuple[list, list]:
    """Motion and video tokens of (frame, rgb or None)."""
    tokenizer = Tokenizer(open_encoder(weights))
    video = VideoTokenizer(open_encoder(weights, kind=VIDEO))
    motion, seen = [], []
    for item, rgb in pairs:
        told = tokenizer.update(item)
        motion += told
        seen += video.update(told, item, rgb)
    return plain(motion), plain(seen)


def received(host: Hosted) -> str:
    """How many images the node has got."""
    return {value.key: value.value for value in host.node.monitor.values()}.get("images received", "0")


def hosted(tmp_path: Path, weights: Path, **parameters) -> Hosted:
    return Hosted(tmp_path, HumoconNode, weights=str(weights), **LOSSLESS, **parameters)


def test_images_are_told_beside_motion_and_bad_ones_hurt_nobody(tmp_path, weights):
    with hosted(tmp_path, weights, images="image") as host:
        graph = host.graph
        moved = graph.collect(ConceptTokens, "concept_tokens", 1000)
        seen = graph.collect(ConceptTokens, "video_concept_tokens", 1000)
        skeletons = graph.publisher(SkeletonArray, "skeletons", 1000)
        images = graph.publisher(ImageMessage, "image", 1000)
        expected, sent = [], 0
        for number, (item, rgb) in enumerate(filmed()):
            image = to_message(Image(rgb, "camera"), TYPES, item.stamp)
            # Of frames that complete a token: one image is not sent, one is nonsense and one comes late.
            bad = {40: "missing", 60: "nonsense", 80: "late"}.get(number)
            if bad == "nonsense":
                image.encoding = "octopus8"
            if bad in (None, "nonsense"):
                images.publish(image)
                sent += 1
                graph.until(lambda count=str(sent): received(host) == count)
            skeletons.publish(to_message(item, TYPES))
            if bad == "late":
                graph.until(lambda count=number + 1: host.node.monitor.received == count)
                images.publish(image)
                sent += 1
            expected.append((item, None if bad else rgb))
        motion, video = core(weights, expected)
        graph.until(lambda: len(moved) == len(motion) and len(seen) == len(video))
        assert plain(map(from_message, moved)) == motion
        assert plain(map(from_message, seen)) == video
        assert len(video) == len(motion) - 3
        assert {t.codebook for t in moved}.isdisjoint(t.codebook for t in seen)
        graph.until(lambda: graph.fact("humocon_node", "video tokens") == str(len(video)))
        assert graph.fact("humocon_node", "without image") == "3"
        assert graph.fact("humocon_node", "images refused") == "1"
        assert graph.fact("humocon_node", "video codebook") == seen[0].codebook


def test_compressed_images_are_read_too(tmp_path, weights):
    with hosted(tmp_path, weights, images="image", embedding=True) as host:
        graph = host.graph
        seen = graph.collect(ConceptTokens, "video_concept_tokens", 1000)
        skeletons = graph.publisher(SkeletonArray, "skeletons", 1000)
        images = graph.publisher(CompressedImage, "image/compressed", 1000)
        expected = []
        for number, (item, rgb) in enumerate(filmed()[:40]):
            image = to_compressed(Image(rgb, "camera"), TYPES, item.stamp)
            images.publish(image)
            graph.until(lambda count=str(number + 1): received(host) == count)
            skeletons.publish(to_message(item, TYPES))
            expected.append((item, from_message(image).rgb))
        _, video = core(weights, expected)
        graph.until(lambda: len(seen) == len(video))
        assert plain(map(from_message, seen)) == video
        assert all(len(message.embedding) == 8 for message in seen)


def test_images_that_belong_to_nobody_are_said(tmp_path, weights):
    with hosted(tmp_path, weights, images="image") as host:
        graph = host.graph
        moved = graph.collect(ConceptTokens, "concept_tokens", 1000)
        skeletons = graph.publisher(SkeletonArray, "skeletons", 1000)
        for item, _ in filmed()[:30]:
            skeletons.publish(to_message(item, TYPES))
        graph.until(lambda: len(moved) == 7)
        graph.until(lambda: "humocon_node" in graph.diagnostics)
        graph.until(lambda: graph.fact("humocon_node", "without image") == "7")


def test_no_image_is_read_unless_asked_for(tmp_path, weights):
    with hosted(tmp_path, weights) as host:
        graph = host.graph
        graph.until(lambda: graph.node.count_subscribers("skeletons"))
        assert graph.node.count_subscribers("image") == 0
        assert graph.node.count_publishers("video_concept_tokens") == 0


def test_each_topic_of_skeletons_has_its_images():
    assert HumoconSettings(topics="a, b", images="c, d").image_names == ["c", "d"]
    with pytest.raises(ValueError, match="images must name none or 2"):
        HumoconSettings(topics="a, b", images="c")


def test_weights_without_a_video_encoder_are_said(tmp_path):
    folder = write_model(tmp_path / "weights")
    with hosted(tmp_path, folder, images="image") as host:
        graph = host.graph
        graph.until(lambda: "humocon_node" in graph.diagnostics)
        graph.until(lambda: "holds no video concepts" in graph.diagnostics["humocon_node"].message)
        assert host.node.problem


def test_a_recording_holds_both_kinds_of_tokens(tmp_path):
    topics = ["concept_tokens", "video_concept_tokens"]
    with Hosted(tmp_path, RecordNode, out=str(tmp_path / "out")) as host:
        for topic in topics:
            host.graph.publisher(ConceptTokens, topic).publish(ConceptTokens(track_id=topic))
        host.graph.until(lambda: host.node.monitor.received == 2)
    recorded = Bag(tmp_path / "out" / "bag").messages([f"/{topic}" for topic in topics])
    assert sorted((topic, message.track_id) for topic, _, message in recorded) == [
        ("/concept_tokens", "concept_tokens"),
        ("/video_concept_tokens", "video_concept_tokens"),
    ]
