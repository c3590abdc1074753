"""The whole way from images to named skeletons, with the real networks on the sample clip."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple

import cv2
import numpy as np
import pytest

from motion_seg_ros.pose.landmarker import _quiet
from motion_seg_ros.pose.model import ModelMissing, find_model
from motion_seg_ros.pose.pipeline import PoseConfig, PosePipeline
from motion_seg_ros.skeleton.joint_sets import to_smpl22

FPS = 30
WIDTH, HEIGHT = 640, 360


@pytest.fixture(scope="module", autouse=True)
def _model():
    try:
        find_model("full")
    except ModelMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def clip(sample_clip):
    """The clip's images at 640 by 360, RGB."""
    video, images = cv2.VideoCapture(str(sample_clip)), []
    while True:
        more, image = video.read()
        if not more:
            break
        small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        images.append(np.ascontiguousarray(small[..., ::-1]))
    assert len(images) == 230
    return images


def stamp(index):
    return 1_700_000_000_000_000_000 + round(index * 1e9 / FPS)


def run(pipeline, images, first=0):
    return [
        pipeline.process(image, stamp(first + i), "camera_optical_frame") for i, image in enumerate(images)
    ]


@pytest.fixture(scope="module")
def frames(clip):
    with PosePipeline(PoseConfig()) as pipeline:
        result = run(pipeline, clip)
        assert pipeline.health.frames == len(clip)
        assert pipeline.health.tracks == 2
        assert pipeline.health.skeletons == sum(len(frame.skeletons) for frame in result)
    return result


def at(frames, track):
    """(image indices, skeletons) of a track."""
    found = [(i, s) for i, frame in enumerate(frames) for s in frame.skeletons if s.track_id == track]
    return [i for i, _ in found], [s for _, s in found]


def test_both_people_are_followed_under_one_name_each(frames):
    assert {s.track_id for frame in frames for s in frame.skeletons} == {"1", "2"}
    man, _ = at(frames, "1")
    woman, _ = at(frames, "2")
    # On the wall until he jumps, and on the ground from landing to the edge of the image.
    assert man[0] < 12
    assert len([i for i in man if 12 <= i < 165]) >= 0.95 * 153
    assert len([i for i in man if 200 <= i < 225]) >= 0.5 * 25
    assert woman[0] < 62
    assert len([i for i in woman if 62 <= i < 195]) >= 0.95 * 133


def test_each_name_stays_with_its_person(frames):
    for i, skeleton in zip(*at(frames, "1"), strict=True):
        x, y = np.median(skeleton.image_xy, 0)
        assert (200 < x < 360 and y < 120) if i < 165 else x > 290, i
    for i, skeleton in zip(*at(frames, "2"), strict=True):
        # She walks from right to left at an even pace.
        assert abs(np.median(skeleton.image_xy[:, 0]) - (185 + (150 - i) * 3.6)) < 40, i


def test_bodies_stand_upright_apart_and_in_front_of_the_camera(frames):
    upright = []
    for frame in frames[60:155]:
        assert frame.frame_id == "camera_frame"
        centres = {}
        for s in frame.skeletons:
            assert s.joint_set == "blazepose33"
            assert s.joints.dtype == np.float64
            assert s.confidence.dtype == s.image_xy.dtype == np.float32
            np.testing.assert_array_equal(np.isnan(s.joints).any(1), s.confidence < 0.5)
            joints, _ = to_smpl22(s.joints, s.confidence, s.joint_set)
            head, pelvis, foot = joints[[15, 0, 7]]
            # Comparisons with NaN are false: a joint that is not seen is no offence.
            upright.append(not (head[2] < pelvis[2] + 0.4 or foot[2] > pelvis[2] - 0.4))
            assert 2 < np.nanmedian(s.joints[:, 0]) < 20
            centres[s.track_id] = np.nanmedian(s.joints, 0)
        if len(centres) == 2:
            # He stands on a wall, she walks below and comes from the right.
            assert centres["1"][2] > centres["2"][2] + 0.7
    assert np.mean(upright) > 0.95
    first = at(frames, "2")[1][0]
    assert np.nanmedian(first.joints[:, 1]) < -1


def test_landmarks_project_onto_their_pixels(frames):
    focal = WIDTH / 2 / np.tan(np.radians(30))
    errors = []
    for frame in frames:
        for s in frame.skeletons:
            x, y, z = s.joints.T
            pixels = np.stack([WIDTH / 2 - focal * y / x, HEIGHT / 2 - focal * z / x], 1)
            errors.append(np.nanmedian(np.linalg.norm(pixels - s.image_xy, axis=1)))
    assert np.median(errors) < 8


def same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert (a.stamp, a.frame_id, len(a.skeletons)) == (b.stamp, b.frame_id, len(b.skeletons))
        for s, t in zip(a.skeletons, b.skeletons, strict=True):
            assert (s.track_id, s.joint_set) == (t.track_id, t.joint_set)
            for array, other in zip(astuple(s)[2:], astuple(t)[2:], strict=True):
                assert array.tobytes() == other.tobytes()


def test_the_same_images_give_the_same_bits_again(clip, frames):
    with PosePipeline(PoseConfig()) as pipeline:
        part = run(pipeline, clip[:75])
        same(part, frames[:75])
        # A stamp that goes back starts afresh, names included ...
        again = run(pipeline, clip[:20])
        assert pipeline.health.resets == 1
        same(again, frames[:20])
        # ... and so does reset().
        pipeline.reset()
        same(run(pipeline, clip[:20]), frames[:20])
        assert pipeline.health.resets == 1


def test_images_within_one_millisecond(clip):
    with PosePipeline(PoseConfig(max_people=1, min_hits=1)) as pipeline:
        results = [pipeline.process(image, 100 + i // 2, "c") for i, image in enumerate(clip[:12])]
    assert any(frame.skeletons for frame in results)


def test_bad_images_are_refused_and_change_nothing(clip, frames):
    bad = [
        (np.empty((0, 0, 3), np.uint8), "empty"),
        (np.zeros((0, 64, 3), np.uint8), "empty"),
        (np.zeros((48, 64), np.uint8), "RGB array"),
        (np.zeros((48, 64, 4), np.uint8), "RGB array"),
        (np.zeros((48, 64, 3), np.float32), "float32"),
        (None, "NoneType"),
    ]
    with PosePipeline(PoseConfig()) as pipeline:
        first = run(pipeline, clip[:10])
        for image, words in bad:
            with pytest.raises(ValueError, match=words):
                pipeline.process(image, 0, "camera")
        for focal in (0.0, -5.0, float("nan")):
            with pytest.raises(ValueError, match="focal length"):
                pipeline.process(clip[0], stamp(10), "camera", focal)
        assert pipeline.health.resets == 0
        same(first + run(pipeline, clip[10:20], first=10), frames[:20])


def test_an_image_that_is_a_view_is_as_good_as_a_copy(clip, frames):
    with PosePipeline(PoseConfig()) as pipeline:
        views = [np.ascontiguousarray(image[:, ::-1])[:, ::-1] for image in clip[:12]]
        assert not views[0].flags.c_contiguous
        same(run(pipeline, views), frames[:12])


def test_distance_scales_with_the_focal_length(clip):
    def nearest(focal):
        with PosePipeline(PoseConfig(max_people=1)) as pipeline:
            result = [pipeline.process(image, stamp(i), "c", focal) for i, image in enumerate(clip[:12])]
        return np.nanmedian(result[-1].skeletons[0].joints[:, 0])

    assert nearest(1108.5) == pytest.approx(2 * nearest(554.25), rel=0.02)


def test_nobody_is_seen_where_nobody_is():
    noise = np.random.default_rng(0)
    scenes = [
        np.zeros((240, 320, 3), np.uint8),
        np.full((240, 320, 3), 200, np.uint8),
        noise.integers(0, 255, (240, 320, 3), dtype=np.uint8),
    ]
    with PosePipeline(PoseConfig(max_people=2)) as pipeline:
        assert not any(frame.skeletons for frame in run(pipeline, scenes * 10))


def test_a_missing_gpu_is_a_stated_degradation():
    with PosePipeline(PoseConfig(device="gpu", max_people=1)) as pipeline:
        health = pipeline.health
        assert health.device in ("cpu", "gpu")
        assert bool(health.degraded) == (health.device == "cpu")
        assert pipeline.process(np.zeros((48, 64, 3), np.uint8), 0, "c").skeletons == ()


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    path = tmp_path / "broken.task"
    path.write_bytes(b"not a model")
    with pytest.raises((ValueError, RuntimeError)):
        PosePipeline(PoseConfig(model=str(path)))


@pytest.mark.parametrize(
    "setting", [{"max_people": 0}, {"device": "tpu"}, {"min_visibility": 1.5}, {"max_gap": -1.0}]
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        PoseConfig(**setting)


def test_chatter_is_kept_off_stderr_and_errors_are_not(capfd):
    import os

    with _quiet():
        for line in (
            b"WARNING: All log messages before absl::InitializeLog()\n",
            b"W0000 00:00:17.4 12 feedback.cc:121] a warning\n",
            b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
            b"E0000 00:00:17.4 12 gl.cc:1] an error\n",
            b"Segmentation fault\n",
        ):
            os.write(2, line)
    assert capfd.readouterr().err.splitlines() == [
        "E0000 00:00:17.4 12 gl.cc:1] an error",
        "Segmentation fault",
    ]


def test_a_run_is_silent(sample_clip):
    code = (
        "import sys, cv2\n"
        "from motion_seg_ros.pose.pipeline import PoseConfig, PosePipeline\n"
        "video = cv2.VideoCapture(sys.argv[1])\n"
        "with PosePipeline(PoseConfig(max_people=1, min_hits=1)) as pipeline:\n"
        "    seen = 0\n"
        "    for i in range(12):\n"
        "        image = video.read()[1][..., ::-1]\n"
        "        seen += len(pipeline.process(image, i * 33_000_000, '').skeletons)\n"
        "print(seen)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(sample_clip)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert int(result.stdout) > 0
    assert result.stderr == ""
