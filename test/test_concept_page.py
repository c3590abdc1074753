"""The page of concepts: what is packed into it, and that it is made from any codebook."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Page
from concept_model import write_model, write_sums
from motion import REST

from motion_seg_ros.cli import main
from motion_seg_ros.datasets.clips import Clip
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.evaluation.concept_page import (
    CodebookFile,
    ConceptPage,
    SpokenClip,
    pack_concepts,
    perplexity,
    read_codebook,
    write_concept_page,
)
from motion_seg_ros.evaluation.report import UNSEEN
from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.skeleton.joint_sets import SMPL22

FRAMES = 12
MILLIMETRE = 0.001


def book(codes: int = 4, embedding: int = 3) -> CodebookFile:
    """Concept k bends forward by k * 5 cm; the last one is never used."""
    decoded = np.tile(REST.astype(np.float32), (codes, FRAMES, 1, 1))
    decoded[:, :, SMPL22.index("head"), 0] += 0.05 * np.arange(codes)[:, None]
    decoded[-1] = np.nan
    usage = np.arange(codes, 0, -1) * 10
    usage[-1] = 0
    transitions = np.zeros((codes, codes), np.int64)
    transitions[0, 1], transitions[0, 2], transitions[1, 0] = 30, 10, 5
    nearest = np.array([["walk", ""]] * (codes - 1) + [["", ""]])
    times = np.array([[1.5, np.nan]] * (codes - 1) + [[np.nan, np.nan]], np.float32)
    codebook = np.eye(codes, embedding, dtype=np.float32)
    return CodebookFile(codebook, decoded, usage, transitions, nearest, times)


def spoken(tokens: list[int], **said: Any) -> SpokenClip:
    """Tokens of a clip at 30 Hz whose pelvis moves; the further in the clip, the nearer the embeddings."""
    count = 4 * len(tokens) + 1
    joints = np.tile(REST.astype(np.float32), (count, 1, 1))
    joints[..., 0] += np.arange(count)[:, None] / 30
    ends = (np.arange(len(tokens)) + 1) * 4 * 10**9 // 30
    embeddings = book().codebook[tokens] + np.linspace(1, 0.1, len(tokens))[:, None].astype(np.float32)
    clip = Clip(said.pop("name", "clip"), joints, 30.0, **said)
    return SpokenClip(clip, np.array(tokens), ends, embeddings)


def motions(packed: dict[str, Any]) -> np.ndarray:
    """(M, T, 22, 3) metres as the page sees them."""
    values = np.frombuffer(base64.b64decode(packed["joints"]), "<i2").reshape(-1, packed["frames"], 22, 3)
    return np.where(values == UNSEEN, np.nan, values * MILLIMETRE)


def page_data(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def test_a_concept_is_shown_in_place_and_from_the_front() -> None:
    turned = book()
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned.decoded[...] = turned.decoded @ quarter.T.astype(np.float32) + 3
    for given in (book(), turned):
        packed = pack_concepts(ConceptPage("", "", given))["decoded"]
        assert packed["index"] == [0, 1, 2, -1]
        shown = motions(packed)
        bent = REST.copy()
        bent[SMPL22.index("head"), 0] += 0.1
        np.testing.assert_allclose(shown[2, 5], bent, atol=1.1 * MILLIMETRE)


def test_usage_neighbours_and_nearest_clips_are_those_of_the_codebook() -> None:
    packed = pack_concepts(ConceptPage("", "", book()))
    assert packed["usage"] == [40, 30, 20, 0]
    assert packed["after"] == [[[1, 0.75], [2, 0.25]], [[0, 1.0]], [], []]
    assert packed["before"] == [[[1, 1.0]], [[0, 1.0]], [[0, 1.0]], []]
    assert packed["nearest"] == [[["walk", 1.5]]] * 3 + [[]]
    assert packed["data"] is None


def test_perplexity_counts_concepts_that_are_used_alike() -> None:
    assert perplexity(np.array([5, 5, 5, 0])) == pytest.approx(3)
    assert perplexity(np.array([9, 0])) == pytest.approx(1)
    assert 1 < perplexity(np.array([9, 1])) < 2


def test_labels_are_those_of_the_middle_of_each_token() -> None:
    # Frames 0-7 wave, 8-11 nothing, then the clip's own label.
    waving = spoken([0, 0, 1, 0, 2], label="walk", spans=((0, 8, "wave"), (8, 12, "")))
    other = spoken([2, 2], label="run", name="other")
    data = pack_concepts(ConceptPage("", "", book(), [waving, other]))["data"]
    assert data["usage"] == [3, 1, 3, 0]
    assert data["labels"] == [[["wave", 2], ["walk", 1]], [["", 1]], [["run", 2], ["walk", 1]], []]
    assert data["label_totals"] == [["wave", 2], ["walk", 2], ["run", 2]]
    assert data["clips"] == 2


def test_unlabelled_data_has_no_labels() -> None:
    data = pack_concepts(ConceptPage("", "", book(), [spoken([0, 1, 2])]))["data"]
    assert data["labels"] == [[], [], [], []]
    assert data["label_totals"] == []


def test_the_nearest_moment_is_shown_and_one_of_each_clip_is_named() -> None:
    far, near = spoken([0, 0, 1, 1, 0], name="far"), spoken([0, 1, 1, 1, 1, 1], name="near")
    near.embeddings[3] = near.embeddings[3] * 0 + book().codebook[1]
    data = pack_concepts(ConceptPage("", "", book(), [far, near]))["data"]
    # The first two tokens end before a motion of 12 frames is over.
    assert data["places"] == [[["far", 0.67]], [["near", 0.53], ["far", 0.53]], [], []]
    assert data["moments"]["index"] == [0, 1, -1, -1]
    np.testing.assert_allclose(motions(data["moments"])[1, -1], REST, atol=1.1 * MILLIMETRE)


def test_what_is_heard_only_at_the_beginning_of_clips_is_shown_too() -> None:
    data = pack_concepts(ConceptPage("", "", book(), [spoken([2, 0, 0, 0])]))["data"]
    assert (data["usage"][2], data["places"][2]) == (1, [["clip", 0.13]])
    # What came before the clip is its first frame.
    shown = motions(data["moments"])[data["moments"]["index"][2]]
    np.testing.assert_allclose(shown[0], shown[-5], atol=1.1 * MILLIMETRE)


def test_hostile_names_cannot_leave_the_data(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>"
    given = spoken([0, 1, 2, 0], name=hostile, label=hostile)
    path = tmp_path / "page.html"
    write_concept_page(path, ConceptPage(hostile, hostile, book(), [given], {hostile: hostile}))
    text = path.read_text(encoding="utf-8")
    assert hostile not in text
    assert text.count("<script") == 2
    assert page_data(path)["data"]["places"][0][0][0] == hostile
    assert "http://" not in text.replace("http://www.w3.org", "")
    again = tmp_path / "again.html"
    write_concept_page(again, ConceptPage(hostile, hostile, book(), [given], {hostile: hostile}))
    assert again.read_bytes() == path.read_bytes()


def save(path: Path, **changes: Any) -> Path:
    arrays = {key: getattr(book(), key) for key in CodebookFile.__dataclass_fields__} | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoded": None}, "no array 'decoded'"),
        ({"decoded": np.zeros((3, FRAMES, 22, 3), np.float32)}, "decoded is"),
        ({"decoded": np.zeros((4, 0, 22, 3), np.float32)}, "no frames"),
        ({"usage": np.zeros(5, int)}, "usage is"),
        ({"usage": np.full(4, -1)}, "negative"),
        ({"transitions": np.zeros((4, 3), int)}, "transitions is"),
        ({"times": np.zeros((4, 1), np.float32)}, "times is"),
    ],
)
def test_codebooks_that_contradict_themselves_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert read_codebook(save(tmp_path / "good.npz")).usage[0] == 40
    with pytest.raises(DatasetError, match=message):
        read_codebook(save(tmp_path / "codebook.npz", **changes))


def weights(folder: Path) -> Path:
    """An encoder with random weights, whose codebook file says what ours does."""
    write_model(folder, codes=4, embedding=3)
    with np.load(folder / "codebook.npz") as archive:
        save(folder / "codebook.npz", codebook=archive["codebook"])
    write_sums(folder)
    return folder


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = synthetic_sequence(np.random.default_rng(0), 10.0, ["walk forward", "clap"])
    np.savez(
        tmp_path / "data.npz",
        joints=made.joints.astype(np.float32),
        joint_names=np.array(SMPL22.joints),
        labels=made.labels,
        names=np.array(made.names),
        fps=30.0,
    )
    out = tmp_path / "new" / "page.html"
    folder = str(weights(tmp_path / "weights"))
    data = str(tmp_path / "data.npz")
    assert main(["concepts", "show", "--weights", folder, "--data", data, "--out", str(out)]) == 0
    packed = page_data(out)
    assert sum(packed["data"]["usage"]) == 74
    assert {label for label, _ in packed["data"]["label_totals"]} == {"walk forward", "clap"}
    assert ["Trained on", "none: random weights"] in packed["facts"]
    assert main(["concepts", "show", "--weights", folder, "--out", str(out)]) == 0
    assert page_data(out)["data"] is None
    capsys.readouterr()
    assert main(["concepts", "show", "--weights", str(tmp_path), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith("motion-seg: ")


# ---- In the browser --------------------------------------------------------------------------------------


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Page]:
    """A codebook of four concepts and a clip in which three of them are used, opened in the browser."""
    label = "a motion whose name is far too long for the screen of a telephone " * 2
    clip = spoken([0, 1, 1, 2], label=label)
    still = book()
    decoded = still.decoded.copy()
    decoded[:, :, SMPL22.index("left_wrist"), 2] += 0.02 * np.arange(FRAMES)
    moving = replace(still, decoded=decoded)
    write_concept_page(tmp_path / "page.html", ConceptPage("title", "source", moving, [clip]))
    page = Page(browser, tmp_path / "page.html")
    yield page
    assert page.requests() == []
    assert browser.get_log("browser") == []


def test_a_click_on_a_card_shows_its_concept_moving(shown: Page) -> None:
    shown.click("#cards button:nth-child(2)")
    assert shown.find("#concept-name").text == "Concept 1"
    assert [card.get_attribute("aria-pressed") for card in shown.all("#cards button")].count("true") == 1
    before = shown.picture("#decoded")
    shown.until(lambda: shown.picture("#decoded") != before)


def test_pause_stops_every_motion(shown: Page) -> None:
    shown.click("#play")
    before = [shown.picture("#decoded"), shown.picture("#cards button canvas")]
    time.sleep(0.3)
    assert [shown.picture("#decoded"), shown.picture("#cards button canvas")] == before


def test_keys_move_between_concepts(shown: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    shown.click("#cards button:nth-child(1)")
    shown.key(Keys.ARROW_RIGHT, Keys.ENTER)
    assert shown.find("#concept-name").text == "Concept 1"
    shown.click("#previous")
    assert shown.find("#concept-name").text == "Concept 0"


@pytest.mark.parametrize("width", [1280, 700, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_follows_the_scheme(shown: Page, width: int, scheme: str) -> None:
    shown.resize(width, 844, scheme)
    shown.settle()
    assert shown.js("document.documentElement.scrollWidth") <= width
    red, green, blue = map(
        int, re.findall(r"\d+", shown.js("getComputedStyle(document.body).backgroundColor"))[:3]
    )
    assert (red + green + blue > 600) == (scheme == "light")


def test_the_chosen_concept_does_not_cover_the_notes(shown: Page) -> None:
    shown.session.execute_script("scrollTo(0, 1e6)")
    shown.settle()
    overlap = """(() => {
      const a = document.querySelector("#concept").getBoundingClientRect();
      const b = document.querySelector("footer").getBoundingClientRect();
      return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    })()"""
    assert not shown.js(overlap)
