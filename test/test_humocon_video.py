"""People cut out of images and told as video concept tokens beside their motion's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from concept_model import open_encoder, write_model, write_sums
from motion import SECOND, frames

from motion_seg_ros.humocon import runtime
from motion_seg_ros.humocon.contract import MOTION, VIDEO, ModelError
from motion_seg_ros.humocon.crops import CROP, Following
from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.humocon.video import VideoTokenizer
from motion_seg_ros.skeleton.types import SkeletonFrame

DAY = [("stand", 1.0), ("wave", 2.0), ("squat", 2.0)]
SCALE, MIDDLE = 100.0, (160.0, 120.0)  # pixels a metre, and where the pelvis is


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_model(tmp_path_factory.mktemp("model"))
    return write_model(folder, kind=VIDEO, seed=1)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ConceptEncoder:
    return open_encoder(folder, kind=VIDEO)


def body(x: float, y: float, extent: float = 80.0) -> np.ndarray:
    """(3, 2) joints of a body of so many pixels, one of them unseen."""
    half = extent / 2
    return np.array([[x - half / 2, y - half], [x + half / 2, y + half], [np.nan, np.nan]], np.float32)


def painted(places: np.ndarray, height: int = 240, width: int = 320) -> np.ndarray:
    """An image with a bright block at each joint, on a grey that changes from left to right."""
    rgb = np.repeat(np.linspace(0, 40, width).astype(np.uint8)[None, :, None], height, axis=0).repeat(3, 2)
    for x, y in np.clip(places[np.isfinite(places).all(axis=1)], 0, (width - 1, height - 1)).astype(int):
        rgb[max(y - 9, 0) : y + 10, max(x - 9, 0) : x + 10] = 250
    return rgb


def filmed(people: list[SkeletonFrame]) -> tuple[list[SkeletonFrame], list[np.ndarray]]:
    """The same people before a camera, and its images."""
    seen, images = [], []
    for item in people:
        placed = []
        for person in item.skeletons:
            image_xy = MIDDLE + SCALE * person.joints[:, 1:] * (-1, -1)
            placed.append(replace(person, image_xy=image_xy.astype(np.float32)))
        seen.append(replace(item, skeletons=tuple(placed)))
        images.append(painted(np.concatenate([person.image_xy for person in placed])))
    return seen, images


def test_a_body_is_in_the_middle_two_thirds_of_its_crop() -> None:
    rgb = np.zeros((240, 320, 3), np.uint8)
    rgb[60:140, 100:140] = 255
    crop = Following().crop(rgb, body(120, 100))
    assert crop.shape == (CROP, CROP)
    assert crop.dtype == np.float32
    y, x = np.nonzero(crop > 0.5)
    assert (y.min() + y.max()) / 2 == pytest.approx((CROP - 1) / 2, abs=1)
    assert (x.min() + x.max()) / 2 == pytest.approx((CROP - 1) / 2, abs=1)
    assert np.ptp(y) + 1 == pytest.approx(CROP / 1.5, abs=1.5)
    assert np.ptp(x) + 1 == pytest.approx(CROP / 3, abs=1.5)


@pytest.mark.parametrize("place", [(5, 100), (315, 100), (160, 5), (160, 235), (0, 0), (320, 240)])
def test_beyond_the_edge_the_picture_goes_on_as_it_ends(place: tuple[int, int]) -> None:
    rows, columns = np.mgrid[0:240, 0:320]
    rgb = (columns // 4 + rows // 4).astype(np.uint8)[..., None].repeat(3, 2)
    crop = Following().crop(rgb, body(*place))
    assert crop.shape == (CROP, CROP)
    # What is seen of the body, not moved to fit in.
    box = np.clip(body(*place)[:2], 0, (320, 240))
    at = np.clip(box.mean(axis=0), 0, (319, 239))
    assert crop[CROP // 2, CROP // 2] == pytest.approx((at[0] // 4 + at[1] // 4) / 255, abs=0.02)
    assert crop.min() >= 0
    assert crop.max() <= (319 // 4 + 239 // 4) / 255 + 0.01


def test_a_body_that_curls_up_does_not_fill_its_crop() -> None:
    following = Following()
    shown = []
    for extent in (100.0, *[50.0] * 30, 150.0):
        places = body(160, 120, extent)
        rgb = np.zeros((240, 320, 3), np.uint8)
        low, high = places[:2].astype(int)
        rgb[low[1] : high[1], low[0] : high[0]] = 255
        crop = following.crop(rgb, places)
        shown.append(((crop > 0.5).any(axis=1)).mean())
    assert shown[1] == pytest.approx(0.5 / 0.95 / 1.5, abs=0.03)
    assert shown[30] == pytest.approx(1 / 1.5, abs=0.03)
    assert shown[31] == pytest.approx(1 / 1.5, abs=0.03)  # it grows at once


@pytest.mark.parametrize(
    "image_xy",
    [
        np.zeros((0, 2), np.float32),
        np.full((22, 2), np.nan, np.float32),
        body(-500, 100),
        body(160, 120, 10.0),
        np.full((22, 2), 1e30, np.float32),
        np.array([[np.inf, 0], [10, 10], [50, np.nan]], np.float32),
    ],
)
def test_who_is_not_in_the_image_is_not_cut_out(image_xy: np.ndarray) -> None:
    assert Following().crop(np.zeros((240, 320, 3), np.uint8), image_xy) is None


@pytest.mark.parametrize(("height", "width"), [(200, 1), (1, 200), (200, 20)])
def test_an_image_that_is_hardly_a_line_shows_nobody_or_somebody(height: int, width: int) -> None:
    image_xy = np.array([[0, 0], [width, height]], np.float32)
    crop = Following().crop(np.zeros((height, width, 3), np.uint8), image_xy)
    assert crop is None if min(height, width) == 1 else crop.shape == (CROP, CROP)


def test_token_by_token_is_the_whole(folder: Path, encoder: ConceptEncoder) -> None:
    people, images = filmed(list(frames(DAY)))
    tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
    moved, seen, crops, following = [], [], [], Following()
    for item, rgb in zip(people, images, strict=True):
        told = tokenizer.update(item)
        seen += video.update(told, item, rgb)
        moved += told
        crops += [following.crop(rgb, item.skeletons[0].image_xy) for _ in told]
    assert [(t.stamp, t.frame_id, t.track_id, t.start, t.end) for t in seen] == [
        (t.stamp, t.frame_id, t.track_id, t.start, t.end) for t in moved
    ]
    whole, distances, embeddings, _ = encoder.encode(np.stack(crops)[None], encoder.state(1))
    assert [t.tokens for t in seen] == [(code,) for code in whole[0].tolist()]
    np.testing.assert_allclose([t.distances for t in seen], distances[0][:, None], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([t.embedding for t in seen], embeddings[0], atol=1e-4)
    assert {t.codebook for t in seen} == {encoder.info.codebook}
    assert encoder.info.codebook != moved[0].codebook
    assert len(set(whole[0].tolist())) > 1
    assert video.health.video_tokens == len(moved)


def test_people_together_are_people_alone(folder: Path, encoder: ConceptEncoder) -> None:
    people, images = filmed(list(frames(DAY)))
    others, _ = filmed(list(frames(DAY[1:], track_id="2")))
    both = [replace(a, skeletons=(*a.skeletons, *b.skeletons)) for a, b in zip(people, others, strict=False)]

    def told(crowd: list[SkeletonFrame]) -> list:
        tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
        pairs = zip(crowd, images, strict=False)
        return [t for item, rgb in pairs for t in video.update(tokenizer.update(item), item, rgb)]

    together = told(both)
    for name, alone in (("1", people[: len(both)]), ("2", others[: len(both)])):
        mine = [(t.start, t.tokens) for t in together if t.track_id == name]
        assert mine == [(t.start, t.tokens) for t in told(alone)]
        assert mine


def test_a_slow_camera_shows_the_last_moment_of_each_token(folder: Path, encoder: ConceptEncoder) -> None:
    people, images = filmed(list(frames(DAY, rate=5.0)))
    tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
    counts = set()
    for item, rgb in zip(people, images, strict=True):
        told = tokenizer.update(item)
        seen = video.update(told, item, rgb)
        assert [(t.start, t.end) for t in seen] == [(t.start, t.end) for t in told]
        counts.add(len(told))
    assert max(counts) == 2


@pytest.mark.parametrize("lost", ["image", "person"])
def test_who_was_not_seen_begins_anew(folder: Path, encoder: ConceptEncoder, lost: str) -> None:
    people, images = filmed(list(frames(DAY)))
    tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
    motion, seen, crops = [], [], []
    following = Following()
    for number, (item, rgb) in enumerate(zip(people, images, strict=True)):
        told = tokenizer.update(item)
        motion += told
        if 40 <= number < 60:
            nowhere = replace(item.skeletons[0], image_xy=np.zeros((0, 2), np.float32))
            away = replace(item, skeletons=(nowhere,)) if lost == "person" else item
            assert video.update(told, away, None if lost == "image" else rgb) == []
            continue
        seen += video.update(told, item, rgb)
        if number >= 60:
            crops += [following.crop(rgb, item.skeletons[0].image_xy) for _ in told]
    missed = len(motion) - len(seen)
    assert missed == 5
    health = video.health
    assert (health.without_image, health.outside_image) == ((5, 0) if lost == "image" else (0, 5))
    anew = encoder.encode(np.stack(crops)[None], encoder.state(1))[0][0]
    assert [t.tokens[0] for t in seen[-len(crops) :]] == anew.tolist()


def test_what_is_kept_of_people_is_bounded(folder: Path, encoder: ConceptEncoder) -> None:
    people, images = filmed(list(frames([("stand", 0.5)])))
    tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
    (token,) = [t for item in people[:6] for t in tokenizer.update(item)]
    for number in range(300):
        stranger = replace(people[4].skeletons[0], track_id=str(number))
        item = replace(people[4], skeletons=(stranger,))
        assert video.update([replace(token, track_id=str(number))], item, images[4])
    assert len(video._tracks) == 256


def test_an_encoder_of_the_other_kind_is_refused(tmp_path: Path, folder: Path) -> None:
    other = write_model(tmp_path, {"format": MOTION.format}, kind=VIDEO)
    with pytest.raises(ModelError, match=r"video\.onnx is of the format 'motion_seg_ros\.concepts/1'"):
        open_encoder(other, kind=VIDEO)
    with pytest.raises(ModelError, match="holds no video concepts"):
        open_encoder(tmp_path / "nowhere", kind=VIDEO)
    write_model(tmp_path, {"layout": "whole-image/1"}, kind=VIDEO)
    with pytest.raises(ModelError, match="was made for layout whole-image/1"):
        open_encoder(other, kind=VIDEO)
    path = tmp_path / "video" / "video.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match="is cut off"):
        open_encoder(other, kind=VIDEO)
    write_sums(tmp_path, VIDEO)
    with pytest.raises(ModelError, match="cannot be read"):
        open_encoder(other, kind=VIDEO)


def test_time_that_goes_back_begins_anew(folder: Path, encoder: ConceptEncoder) -> None:
    people, images = filmed(list(frames([("wave", 1.0)])))
    tokenizer, video = Tokenizer(open_encoder(folder)), VideoTokenizer(encoder)
    runs = [
        [t.tokens for item, rgb in zip(people, images, strict=True)
         for t in video.update(tokenizer.update(item), item, rgb)]
        for _ in range(2)
    ]  # fmt: skip
    assert runs[0] == runs[1]
    assert people[0].stamp == SECOND


def test_the_video_encoder_that_ships_goes_with_the_motion_encoder() -> None:
    """They were trained side by side; beside the files of the texts they are small."""
    import onnx

    motion, video = ConceptEncoder(), ConceptEncoder(kind=VIDEO)
    file = video.info.folder / VIDEO.model
    meta = {item.key: item.value for item in onnx.load(file).metadata_props}
    assert meta["motion_codebook"] == motion.info.codebook
    assert video.info.licence == "Apache-2.0"
    shipped = [path for path in Path(runtime.__file__).parents[1].glob("*/weights/**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in shipped) < 10_000_000
    assert b"/" + b"site-packages" not in file.read_bytes()
    crops = np.random.default_rng(0).random((3, 20, CROP, CROP), dtype=np.float32)
    whole = video.encode(crops, video.state(3))[0]
    state, parts = video.state(3), []
    for number in range(20):
        tokens, *_, state = video.encode(crops[:, number : number + 1], state)
        parts.append(tokens)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
