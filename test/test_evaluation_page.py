"""The page of a run: what is packed into it, and what it does in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Page
from motion import pose
from test_evaluate import LABELS, event, heard

from motion_seg_ros.bags.items import Image, Label
from motion_seg_ros.evaluation.bag_run import Setup
from motion_seg_ros.evaluation.evaluate import Run, run_summary
from motion_seg_ros.evaluation.evaluation_page import pack_run, write_run_page
from motion_seg_ros.evaluation.figures import seen_from_the_front
from motion_seg_ros.evaluation.moments import FALSE, MISSED, MISTAKEN, bag_page, worst
from motion_seg_ros.evaluation.playback import Account
from motion_seg_ros.evaluation.scoring import METRICS, Scored, score_play
from motion_seg_ros.evaluation.witness import Witness
from motion_seg_ros.tvsh.events import SegmentEvent

HOSTILE = "</script><script>window.hacked = 1</script>"
EVENTS = [
    event(1, 5, 0.0, 4.1, 6.1, label="waving"),
    event(2, 7, 4.2, 6.9, 8.4),
    event(3, 5, 7.0, 8.9, 9.9, confidence=0.6),
    event(4, 9, 9.0, 11.9, 11.9),
]


def played(events: list[SegmentEvent] | None = None, said: list[Any] | None = None) -> tuple[Witness, Scored]:
    witness = heard(EVENTS if events is None else events, LABELS if said is None else said)
    return witness, score_play(witness, Account(milliseconds={"segmenter": [1.0, 2.0]}))


def row(name: str, scored: Scored, **change: Any) -> dict[str, Any]:
    values = {
        "name": name,
        "error": None,
        "seconds": 12.0,
        "metrics": {key: scored.metrics[key] for key in METRICS},
        "notes": ["a note"],
        "machine": {"stages": {"segmenter": {"p50_ms": 1.0, "p99_ms": 2.0}}},
    }
    return values | change


def summary_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    setup = Setup(lambda spec: None, lambda source, hear: Account(), {"through": "core"}, code="c0de")  # type: ignore[arg-type, return-value]
    return run_summary(Run(rows), setup, len(rows))


# ---- Moments ---------------------------------------------------------------------------------------------


def test_the_worst_moments_are_where_truth_and_transcript_disagree() -> None:
    _, scored = played()
    # The truth is a until 4 s, b until 8 s, nothing known until 10 s, a again; 5 is a and 7 is b.
    assert scored.named == {5: 0, 7: 1}
    found = [(m.kind, m.first, m.last, round(m.weight, 3)) for m in worst(scored)]
    assert found == [
        # Motion 9 is nobody's; 2 s of it are labelled, less the last frame, which has no length.
        (MISTAKEN, 100, 120, pytest.approx(1.9 * 0.9, abs=0.001)),
        (MISTAKEN, 70, 80, pytest.approx(1.0 * 0.6, abs=0.001)),
        (MISSED, 80, 80, 0.5),
        (MISSED, 100, 100, 0.5),
        (FALSE, 70, 70, pytest.approx(0.4)),
        (MISTAKEN, 40, 42, pytest.approx(0.2 * 0.9, abs=0.001)),
    ]


def test_a_perfect_transcript_has_no_worst_moment() -> None:
    events = [event(1, 0, 0.0, 3.9, 5.0), event(2, 1, 4.0, 7.9, 9.0), event(3, 0, 8.0, 11.9, 11.9)]
    _, scored = played(events, [(0.0, Label("a")), (4.0, Label("b")), (8.0, Label("a"))])
    assert worst(scored) == []


def test_a_moment_shows_what_was_seen_there() -> None:
    witness, _ = played()
    for k in range(120):
        witness.hear(k * 10**8, Image(np.full((48, 64, 3), k, np.uint8), "camera"))
    shown = bag_page(witness, score_play(witness, Account()))
    first = shown["moments"][0]
    assert first["kind"] == MISTAKEN
    assert (first["start"], first["end"]) == (10.0, 11.9)
    assert first["track"] == "1"
    assert first["truth"] == [-1, 0]
    assert first["found"][1][0] == 9
    assert len(first["figures"]) == 5
    assert first["image"]
    flat = np.array(first["figures"][0])
    np.testing.assert_allclose(flat, 100 * seen_from_the_front(pose("stand", 0.0)), atol=0.51)
    # Somebody who looks along x and is seen from there has the left hand at the right of the page.
    assert flat[20, 0] > flat[21, 0]
    assert flat[15, 1] > flat[7, 1]


def test_the_timeline_and_the_confusion_count_every_labelled_frame() -> None:
    witness, scored = played()
    shown = bag_page(witness, scored)
    assert shown["duration"] == 11.9
    (line,) = shown["lines"]
    assert line["truth"] == [[0.0, 4.0, 0], [4.0, 8.0, 1], [10.0, 11.9, 0]]
    assert [span[:3] for span in line["found"]] == [
        [0.0, 4.2, 5],
        [4.2, 7.0, 7],
        [7.0, 9.0, 5],
        [9.0, 11.9, 9],
    ]
    assert line["found"][0][3] == "waving"
    assert shown["confusion"] == {"motions": [5, 7, 9], "counts": [[40, 12], [0, 28], [20, 0]]}


def test_without_labels_there_is_a_timeline_and_nothing_to_be_wrong_about() -> None:
    witness, scored = played(said=[])
    shown = bag_page(witness, scored)
    assert shown["confusion"] is None
    assert shown["moments"] == []
    assert shown["lines"][0]["truth"] == []
    assert len(shown["lines"][0]["found"]) == 4


# ---- The page --------------------------------------------------------------------------------------------


def page_data(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.S)
    assert found
    return json.loads(found[1])


def test_labels_of_all_bags_have_numbers_of_all_bags() -> None:
    one, other = played(), played(said=[(0.0, Label("z")), (6.0, Label("a"))])
    pages = {"one": bag_page(*one), "other": bag_page(*other)}
    packed = pack_run(summary_of([row("one", one[1]), row("other", other[1])]), pages)
    assert packed["labels"] == ["a", "b", "z"]
    assert packed["bags"][1]["labels"] == [0, 2]
    assert [span[2] for span in packed["bags"][1]["lines"][0]["truth"]] == [2, 0]
    assert packed["metrics"][0]["bags"] == 2
    assert packed["metrics"][0]["low"] <= packed["metrics"][0]["mean"] <= packed["metrics"][0]["high"]


def test_hostile_names_cannot_leave_the_data(tmp_path: Path) -> None:
    events = [event(1, 5, 0.0, 11.9, 11.9, label=HOSTILE, track_id="1")]
    witness, scored = played(events, [(0.0, Label(HOSTILE)), (3.0, Label("b"))])
    rows = [row(HOSTILE, scored, notes=[HOSTILE]), row("x", scored, error=HOSTILE)]
    paths = [tmp_path / "1.html", tmp_path / "2.html"]
    for path in paths:
        write_run_page(path, summary_of(rows), {HOSTILE: bag_page(witness, scored)})
    text = paths[0].read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert text.count("<script") == 2
    assert page_data(paths[0])["bags"][0]["name"] == HOSTILE
    assert paths[1].read_bytes() == paths[0].read_bytes()


# ---- In the browser --------------------------------------------------------------------------------------


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Page]:
    """Three bags, one of which failed; labels and names that are too long for a telephone."""
    long = "a motion whose name is far too long for the screen of a telephone " * 2
    one, other = played(), played(said=[(0.0, Label(long)), (6.0, Label("a"))])
    pages = {"one": bag_page(*one), long: bag_page(*other)}
    rows = [row("one", one[1]), row(long, other[1]), row("broken", other[1], error="it is no recording")]
    write_run_page(tmp_path / "page.html", summary_of(rows), pages)
    page = Page(browser, tmp_path / "page.html")
    yield page
    assert page.requests() == []
    assert browser.get_log("browser") == []


def test_the_table_has_a_row_for_every_bag_and_sorts(shown: Page) -> None:
    def names() -> list[str]:
        return [cell.text[:6] for cell in shown.all("#table tbody th")]

    assert names() == ["one", "a moti", "broken"]
    assert shown.find("#table tbody td.failed").text == "it is no recording"
    assert shown.find("#remarks").text.startswith("1 of 3 bags could not be evaluated")
    shown.click("#table thead th:nth-child(2) button")
    best = names()
    shown.click("#table thead th:nth-child(2) button")
    assert names() == best[::-1]


def test_moments_are_filtered_and_lead_to_the_timeline(shown: Page) -> None:
    count = len(shown.all("#moments article"))
    assert count > 6
    before = shown.picture("#moments canvas")
    assert before != shown.js(
        "(() => { const c = document.createElement('canvas'); return c.toDataURL(); })()"
    )
    shown.session.execute_script(
        "const s = document.getElementById('kind'); s.value = 'missed'; s.dispatchEvent(new Event('change'))"
    )
    kinds = {item.text.split(",")[0] for item in shown.all("#moments .kind")}
    assert kinds == {"missed boundary"}
    assert len(shown.all("#moments article")) < count
    name = shown.find("#moments article bdi").text
    shown.click("#moments article h3 button")
    assert shown.find(".timeline.chosen h3 bdi").text.startswith(name[:20])


def test_a_timeline_tells_what_is_under_the_pointer(shown: Page) -> None:
    canvas = shown.find(".timeline canvas")
    shown.session.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    shown.settle()
    size = canvas.size
    shown.actions().move_to_element_with_offset(
        canvas, -size["width"] // 2 + 30, 34 - size["height"] // 2
    ).perform()
    shown.settle()
    assert shown.find("#tip").text.startswith("true: a")
    shown.actions().move_to_element_with_offset(
        canvas, -size["width"] // 2 + 30, 56 - size["height"] // 2
    ).perform()
    shown.settle()
    assert shown.find("#tip").text.startswith("found: motion 5 (a)\n“waving”")


def test_the_confusion_is_of_all_bags_or_of_one(shown: Page) -> None:
    rows = [head.text for head in shown.all("#matrix tbody th")]
    assert rows[:2] == ["a", rows[1]]
    shown.session.execute_script(
        "const s = document.getElementById('confusion-bag'); s.value = 'one'; "
        "s.dispatchEvent(new Event('change'))"
    )
    assert [head.text for head in shown.all("#matrix tbody th")] == [
        "motion 5 (a)",
        "motion 7 (b)",
        "motion 9",
    ]
    assert [cell.text for cell in shown.all("#matrix tbody td")] == ["77", "23", "", "100", "100", ""]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_follows_the_scheme(shown: Page, width: int, scheme: str) -> None:
    shown.resize(width, 844, scheme)
    shown.settle()
    assert shown.js("document.documentElement.scrollWidth") <= width
    colour = shown.js("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colour)[:3])) > 600) == (scheme == "light")
