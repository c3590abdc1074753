"""What a camera saw of people: cut out, kept for a while, and put beside questions."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from motion import SECOND, pose

from motion_seg_ros.core import open_core
from motion_seg_ros.semantics.pictures import Pictures, crop
from motion_seg_ros.semantics.protocol import Moment, Question
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

STEP = SECOND // 10


def scene(stamp: int, **places: tuple[float, float]) -> tuple[SkeletonFrame, np.ndarray]:
    """Everybody as a square of 40 pixels around a place, its blue the tenths of a second, on black."""
    rgb = np.zeros((240, 320, 3), np.uint8)
    people = []
    for track, (x, y) in places.items():
        rgb[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20] = (255, 128, stamp // STEP % 256)
        corners = np.array([[x - 20, y - 20], [x + 20, y + 20], [np.nan, np.nan]], np.float32)
        people.append(Skeleton(track, "smpl22", pose("stand", 0.0), np.ones(22, np.float32), corners))
    return SkeletonFrame(stamp, "camera", tuple(people)), rgb


def shown(picture: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def question(first: float, second: float, track: str = "a") -> Question:
    moments = [Moment(round(at * SECOND), np.zeros((12, 22, 3)), 10.0) for at in (first, second)]  # of 1.2 s
    return Question(track, *moments)


def test_a_person_is_cut_out_with_a_margin():
    frame, rgb = scene(0, a=(100.0, 120.0))
    picture = shown(crop(rgb, frame.skeletons[0].image_xy))
    assert picture.shape == (224, 224, 3)
    np.testing.assert_allclose(picture[112, 112], [255, 128, 0], atol=6)
    assert picture[4, 4].max() < 10  # beyond the body
    body = (picture[112, :, 0] > 128).mean()
    assert body == pytest.approx(1 / 1.4, abs=0.03)


def test_a_person_at_the_edge_is_shown_as_far_as_there_is_a_picture():
    frame, rgb = scene(0, a=(22.0, 22.0))
    picture = shown(crop(rgb, frame.skeletons[0].image_xy))
    assert max(picture.shape) == 224
    assert (picture[..., 0] > 128).mean() > 0.6


@pytest.mark.parametrize(
    "image_xy",
    [
        np.zeros((0, 2)),
        np.full((22, 2), np.nan),
        np.array([[5.0, 5.0], [9.0, 9.0]]),
        np.array([[-500.0, -500.0], [-300.0, -100.0]]),
        np.array([[1e30, 1e30], [-1e30, 3.0]]),
    ],
)
def test_who_is_not_in_the_picture_is_not_cut_out_of_it(image_xy):
    picture = crop(np.zeros((240, 320, 3), np.uint8), image_xy)
    assert picture is None or max(shown(picture).shape) <= 224


def test_moments_get_the_pictures_of_their_person_and_time():
    pictures = Pictures()
    for number in range(60):
        frame, rgb = scene(number * STEP, a=(60.0, 60.0), b=(200.0, 120.0))
        if pictures.due(frame.stamp):
            pictures.look(frame, rgb)
    told = pictures.illustrate(question(2.0, 5.0))
    for moment, at in ((told.first, 20), (told.second, 50)):
        blues = [int(shown(picture)[112, 112, 2]) for picture in moment.pictures]
        assert len(blues) == 3
        assert blues == sorted(blues)
        np.testing.assert_allclose(blues, [at - 6, at, at + 6], atol=4)
    assert told.key != question(2.0, 5.0).key
    assert told.key == pictures.illustrate(question(2.0, 5.0)).key
    assert pictures.illustrate(question(2.0, 5.0, "nobody")).first.pictures == ()


def test_what_is_kept_is_bounded_and_forgotten():
    pictures = Pictures()
    for number in range(400):
        frame, rgb = scene(number * 2 * STEP, **({"a": (60.0, 60.0)} if number < 20 else {"b": (90.0, 60.0)}))
        pictures.look(frame, rgb)
    assert pictures.illustrate(question(1.0, 3.0)).first.pictures == ()
    assert set(pictures._kept) == {"b"}
    assert len(pictures._kept["b"]) <= 151
    pictures.look(*scene(0, a=(60.0, 60.0)))  # stamps went back
    assert set(pictures._kept) == {"a"}


@pytest.mark.parametrize("shows", ["figures", "pictures"])
def test_a_replay_shows_the_images_of_its_source(shows, monkeypatch, tmp_path):
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    asked = {"backend": "openai", "model": "tiny", "shows": shows, "cache": str(tmp_path)}
    tvsh = {f"oracle.{name}": value for name, value in asked.items()}
    core = open_core({"tvsh_node": tvsh, "pose_node": {}, "humocon_node": {}})

    class Finder:
        def process(self, rgb, stamp, frame_id):
            return scene(stamp, a=(60.0, 60.0))[0]

    finder = core.watch(Finder())
    for number in range(30):
        frame, rgb = scene(number * STEP, a=(60.0, 60.0))
        assert finder.process(rgb, frame.stamp, "camera").stamp == frame.stamp
    if shows == "pictures":
        assert len(core.oracle.pictures.illustrate(question(1.0, 2.0)).first.pictures) == 3
    else:
        assert core.oracle.pictures is None
    core.close()


def test_pictures_are_a_part_of_what_is_asked():
    plain = question(0.0, 2.0)
    seen = Question("a", replace(plain.first, pictures=(b"x",)), plain.second)
    other = Question("a", replace(plain.first, pictures=(b"y",)), plain.second)
    assert len({plain.key, seen.key, other.key}) == 3
