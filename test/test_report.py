"""The report page: what is packed into it, and what it does in a real browser."""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motion_seg_ros.evaluation import report as module
from motion_seg_ros.evaluation.page import script_json, visible
from motion_seg_ros.evaluation.report import UNSEEN, Report, pack, pack_joints, write_report
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame
from motion_seg_ros.tvsh.events import EventType, SegmentEvent

ORIGIN = 1_700_000_000_123_456_789
HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.hacked=1'>",
    "\"'`&amp;&lt;${1}{{data}}",
    "\u202eevil\u202c \u2066x\u2069",
    "\x00\x07\x1b[31m\r\n\t\x7f\x9b",
    "\u2028\u2029\ud800\udfff",
    "ภาษา 走る עברית 🏃🏽‍♀️",
    "x" * 5000,
    "",
]


def second(t: float) -> int:
    return ORIGIN + round(t * 1e9)


def person(t: float, track: str = "1", at: float = 0.0, joint_set: str = "smpl22") -> Skeleton:
    """A standing figure that swings its arms; ``at`` metres to the left."""
    names = JOINT_SETS[joint_set].joints
    joints = np.zeros((len(names), 3))
    heights = {"ankle": 0.1, "foot": 0.0, "heel": 0.0, "knee": 0.5, "hip": 0.95, "pelvis": 1.0, "spine": 1.2}
    for j, name in enumerate(names):
        height = next((h for part, h in heights.items() if part in name), 1.5)
        side = 0.2 if "left" in name else -0.2 if "right" in name else 0.0
        joints[j] = (0.0, at + side, height)
        if "wrist" in name or "elbow" in name:
            joints[j, 2] += 0.4 * math.sin(4.0 * t)
    image_xy = np.stack([100.0 - 40.0 * joints[:, 1], 100.0 - 50.0 * joints[:, 2]], axis=1)
    return Skeleton(track, joint_set, joints, np.ones(len(names), np.float32), image_xy.astype(np.float32))


def event(segment: int, motion: int, start: float, end: float, **changes: Any) -> SegmentEvent:
    values = {
        "stamp": second(end),
        "frame_id": "map",
        "track_id": "1",
        "segment_id": segment,
        "revision": 0,
        "type": EventType.ENDED,
        "final": True,
        "motion_id": motion,
        "start": second(start),
        "end": second(end),
        "confidence": 0.9,
        "boundary_confidence": 0.8,
    }
    return SegmentEvent(**values | changes)


def jpeg(blue: int, green: int, red: int) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((120, 160, 3), (blue, green, red), np.uint8))
    assert ok
    return bytes(data)


def sample(**changes: Any) -> Report:
    """Ten seconds: track 1 all the time but for 4 s to 5 s, track 2 from 2 s on; nobody from 9.5 s."""
    frames = []
    for k in range(300):
        t = k / 30.0
        seen = []
        if not 4.0 <= t < 5.0 and t < 9.5:
            seen.append(person(t, "1"))
        if 2.0 <= t < 9.5:
            seen.append(person(t, "2", at=1.5))
        frames.append(SkeletonFrame(second(t), "map", tuple(seen)))
    events = [
        event(1, 5, 0.0, 0.5, type=EventType.STARTED, final=False),
        event(1, 3, 0.0, 1.5, revision=1, type=EventType.UPDATED, final=False),
        event(1, 0, 0.0, 2.0, revision=2, label="wave", label_source="kinematic"),
        event(2, -1, 2.0, 4.0),
        event(3, 1, 5.0, 9.5, label="jump", label_source="llm:model"),
        event(1, 0, 2.0, 6.0, track_id="2", label="wave"),
        event(2, 2, 6.0, 9.5, track_id="2", final=False, type=EventType.UPDATED),
    ]
    values: dict[str, Any] = {
        "title": "A recording",
        "source": "sample",
        "frames": frames,
        "events": events,
        "labels": [(second(0.0), "waving"), (second(2.0), ""), (second(5.0), "jumping")],
        "facts": {"Model": "none"},
    }
    return Report(**values | changes)


def unpack(stream: dict[str, Any]) -> tuple[NDArray, NDArray]:
    """Times (N,) and joints (N, J, 3) as the page sees them."""
    times = np.frombuffer(base64.b64decode(stream["times"]), "<f8")
    roots = np.frombuffer(base64.b64decode(stream["roots"]), "<f4").reshape(-1, 1, 3)
    offsets = np.frombuffer(base64.b64decode(stream["offsets"]), "<i2").reshape(len(times), -1, 3)
    return times, np.where(offsets == UNSEEN, np.nan, roots + offsets / 1000.0)


class Parsed(HTMLParser):
    """The scripts, the title and the attributes of a page as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.title = ""
        self.attributes: list[tuple[str, str | None]] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title":
            self.title += data


# ---- Packing ---------------------------------------------------------------------------------------------


def test_joints_survive_to_half_a_millimetre_wherever_they_stand() -> None:
    joints = np.random.default_rng(1).normal([4000.0, -70.0, 2.0], size=(50, 22, 3))
    roots, offsets = pack_joints(joints)
    assert (roots.dtype, offsets.dtype) == (np.float32, np.int16)
    # A float32 holds 4 km to 0.25 mm.
    np.testing.assert_allclose(roots[:, None] + offsets / 1000.0, joints, atol=0.0008)


def test_what_nobody_saw_is_one_value_and_does_not_move_the_rest() -> None:
    joints = np.zeros((3, 5, 3))
    joints[0, 1, 2] = np.nan
    joints[0, 2] = np.inf, -np.inf, 0.0
    joints[0, 3, 0] = 1e6
    joints[1] = np.nan
    roots, offsets = pack_joints(joints)
    expected = np.zeros((3, 5, 3), np.int16)
    expected[0, 1:4] = UNSEEN
    expected[1] = UNSEEN
    np.testing.assert_array_equal(offsets, expected)
    np.testing.assert_array_equal(roots, 0.0)


def test_all_frames_of_a_short_recording_are_on_the_page() -> None:
    page = pack(sample())
    assert (page["stride"], page["frames"], page["rate"]) == (1, 300, 30.0)
    assert page["tracks"] == ["1", "2"]
    assert page["origin"] == str(ORIGIN)
    times, joints = unpack(page["streams"][0])
    assert len(times) == 300 - 30 - 15
    np.testing.assert_allclose(joints[60], person(2.0).joints, atol=0.001)
    assert times[60] == pytest.approx(2.0)


def test_gaps_are_kept_apart() -> None:
    first, other = pack(sample())["streams"]
    assert [[round(a, 1), round(b, 1)] for a, b in first["seen"]] == [[0.0, 4.0], [5.0, 9.5]]
    assert len(other["seen"]) == 1


def test_labels_are_runs_and_empty_ones_are_none() -> None:
    labels = [(second(t), "a") for t in (1.0, 2.0)] + [(second(3.0), ""), (second(4.0), "b")]
    report = sample(labels=labels[::-1])
    last = pytest.approx(299 / 30)
    assert pack(report)["labels"] == [[1.0, 3.0, "a"], [4.0, last, "b"]]


def test_a_minute_of_two_people_is_under_two_megabytes(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", two_people(seconds=60))
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def two_people(seconds: int) -> Report:
    joint_set = "blazepose33"
    pair = person(0.0, "1", joint_set=joint_set), person(0.0, "2", 1.0, joint_set)
    frames = [SkeletonFrame(second(k / 30.0), "map", pair) for k in range(30 * seconds)]
    return Report("", "", frames, thumbnails=[(ORIGIN, jpeg(0, 0, 0))], image_size=(640, 480))


def test_long_recordings_are_thinned_to_a_budget_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    full = pack(two_people(seconds=20))
    size = sum(
        len(base64.b64decode(s[k])) for s in full["streams"] for k in ("times", "roots", "offsets", "pixels")
    )
    monkeypatch.setattr(module, "POSE_BYTES", size / 3)
    thin = pack(two_people(seconds=20))
    assert (full["stride"], thin["stride"]) == (1, 3)
    np.testing.assert_array_equal(unpack(thin["streams"][0])[0], unpack(full["streams"][0])[0][::3])
    assert thin["streams"][0]["seen"] == full["streams"][0]["seen"]
    assert (thin["frames"], thin["rate"]) == (full["frames"], full["rate"])


def test_thumbnails_are_thinned_to_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = [(second(t), bytes(100)) for t in range(10)]
    monkeypatch.setattr(module, "THUMBNAIL_BYTES", 400)
    page = pack(sample(thumbnails=thumbnails))
    assert page["thumbnail_stride"] == 3
    assert [t for t, _ in page["thumbnails"]] == [0.0, 3.0, 6.0, 9.0]


def test_json_is_strict_and_values_without_a_number_are_null() -> None:
    page = pack(
        sample(events=[event(2**64 - 1, 0, 0.0, 1.0, confidence=math.nan, boundary_confidence=math.inf)])
    )
    row = page["events"][0]
    assert row[1] == "18446744073709551615"
    assert row[8:10] == [None, None]
    assert json.loads(script_json(page), parse_constant=pytest.fail) == page
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json([math.nan])


def test_tracks_come_in_natural_order_whatever_their_names() -> None:
    names = ["10", "9", "a2", "a10", "", "9" * 6000]
    page = pack(Report("", "", events=[event(0, 0, 0.0, 1.0, track_id=name) for name in names]))
    assert page["tracks"] == ["", "9", "10", "9" * 6000, "a2", "a10"]


@given(st.text(st.characters(), max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_string_ends_the_script_it_stands_in(text: str) -> None:
    packed = script_json([text])
    assert packed.isascii()
    assert not set("<>&") & set(packed)
    assert json.loads(packed) == [text]


def test_strings_that_would_disturb_the_page_are_made_visible() -> None:
    assert visible("a\x00b\u202ec\ud800d\u2066") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert visible("走る עברית 🏃🏽‍♀️") == "走る עברית 🏃🏽‍♀️"


def hostile() -> Report:
    events = [
        event(k, k, k, k + 1.0, label=text, label_source=text, track_id=text)
        for k, text in enumerate(HOSTILE)
    ]
    labels = [(second(k), text) for k, text in enumerate(HOSTILE)]
    return Report("".join(HOSTILE), HOSTILE[0], events=events, labels=labels, facts={HOSTILE[1]: HOSTILE[2]})


def test_hostile_strings_stay_strings(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", hostile())
    parsed = Parsed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(parsed.scripts) == 2
    labels = {row[1]: row[10] for row in json.loads(parsed.scripts[0])["events"]}
    assert labels == {str(k): visible(text) for k, text in enumerate(HOSTILE)}
    assert parsed.title == visible("".join(HOSTILE))


def test_the_page_names_nothing_outside_itself(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", sample())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    attributes = Parsed(text).attributes
    assert [value for name, value in attributes if name in {"src", "href"}] == ["data:,"]
    policy = next(value for name, value in attributes if name == "content" and "default-src" in str(value))
    assert str(policy).startswith("default-src 'none'; img-src data:;")


def test_equal_recordings_give_equal_pages_in_whatever_order_they_come(tmp_path: Path) -> None:
    report = sample()
    write_report(tmp_path / "a.html", report)
    turned = sample(frames=report.frames[::-1], events=report.events[::-1], labels=report.labels[::-1])
    write_report(tmp_path / "b.html", turned)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


# ---- In the browser --------------------------------------------------------------------------------------


class ReportPage(Page):
    """A report opened in the browser."""

    def click_timeline(self, t: float, track: int) -> None:
        x, y = self.place(t, track)
        canvas = self.find("#timeline")
        size = canvas.size
        move = self.actions().move_to_element_with_offset(
            canvas, x - size["width"] // 2, y - size["height"] // 2
        )
        move.click().perform()
        self.settle()

    def place(self, t: float, track: int) -> tuple[int, int]:
        """Where the timeline shows the middle of a bar."""
        x, y = self.js(f"[toX({t}), AXIS + truthHeight + {track} * ROW + STEM + 4 + BAR / 2]")
        return round(x), round(y)

    def move_to(self, t: float) -> None:
        self.session.execute_script(f"moveTo({t})")
        self.settle()

    @property
    def time(self) -> float:
        return float(self.find("#time").text.split("/")[0])

    @property
    def selected(self) -> str:
        (row,) = self.all("tr[aria-current]")
        return str(row.text)


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., ReportPage]]:
    """Opens a report; afterwards there must be nothing on the console and nothing asked of a network."""
    pages = []

    def opened(report: Report) -> ReportPage:
        write_report(tmp_path / "report.html", report)
        pages.append(ReportPage(browser, tmp_path / "report.html"))
        return pages[-1]

    yield opened
    assert pages[-1].requests() == []
    assert browser.get_log("browser") == []


def test_a_click_on_a_bar_moves_the_cursor_and_marks_the_row(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    page.click_timeline(7.0, track=0)
    assert page.time == pytest.approx(7.0, abs=0.02)
    assert "jump" in page.selected
    assert page.selected.startswith("5.00")
    page.click_timeline(3.0, track=1)
    assert "wave" in page.selected
    assert page.selected.startswith("2.00")


def test_a_click_on_a_row_moves_the_cursor_and_marks_the_bar(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    before = page.picture("#timeline")
    row = next(row for row in page.all("tr.segment") if "jump" in row.text)
    row.find_element("css selector", "td.label").click()
    page.settle()
    assert page.time == 5.0
    assert "jump" in page.selected
    assert page.js("state.selected.label") == "jump"
    assert page.picture("#timeline") != before


def test_the_latest_revision_is_shown_and_its_history_unfolds(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    row = page.find("tr.segment")
    assert [cell.text for cell in row.find_elements("css selector", "td")][:4] == [
        "0.00",
        "2.00 s",
        "2.00",
        "0",
    ]
    page.click("tr.segment button.history")
    lines = [item.text for item in page.all("tr.history li")]
    assert [line.split(":")[0] for line in lines] == [
        "started revision 0 at 0.50",
        "updated revision 1 at 1.50",
        "ended, final revision 2 at 2.00",
    ]
    assert "motion 5" in lines[0]
    page.click("tr.segment button.history")
    assert page.all("tr.history") == []


def test_play_moves_the_skeleton_and_pause_stops_it(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    still = page.picture()
    page.click("#play")
    assert page.find("#play").text == "Pause"
    page.until(lambda: page.time > 0.1)
    assert page.picture() != still
    page.click("#play")
    stopped = page.time
    still = page.picture()
    time.sleep(0.2)
    assert (page.time, page.picture()) == (stopped, still)


def test_play_ends_with_the_recording(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    page.move_to(9.9)
    page.click("#play")
    page.until(lambda: bool(page.find("#play").text == "Play"))
    assert page.time == pytest.approx(299 / 30, abs=0.01)


def test_the_same_motion_has_the_same_colour_in_every_track(show: Callable[..., ReportPage]) -> None:
    page = show(sample())

    def colour(t: float, track: int) -> tuple[int, ...]:
        x, y = page.place(t, track)
        return page.pixel("#timeline", x, y + 7)

    waving = colour(1.7, 0)
    assert waving == (0x77, 0xAA, 0xDD, 255)
    assert colour(5.5, 1) == waving
    assert len({waving, colour(7.0, 0), colour(3.0, 0)}) == 3


def test_a_boundary_is_as_tall_as_it_is_sure(show: Callable[..., ReportPage]) -> None:
    events = [event(k, 0, 1.0 + k, 2.0 + k, boundary_confidence=b) for k, b in enumerate((0.2, 0.5, 1.0))]
    page = show(sample(events=events))

    def height(t: float) -> int:
        x, y = page.place(t, 0)
        ink = page.js("theme.ink.match(/\\d+/g).map(Number)")
        column = [page.pixel("#timeline", x + 1, y - 12 - k)[:3] for k in range(11)]
        return sum(list(pixel) == ink for pixel in column)

    assert [height(t) for t in (1.0, 2.0, 3.0)] == [2, 5, 10]


def test_filters_leave_one_motion_or_one_track(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    assert page.find("#count").text == "5"
    page.click("#motions button[data-motion='0']")
    assert page.find("#motions button[data-motion='0']").get_attribute("aria-pressed") == "true"
    assert [row.text.count("wave") for row in page.all("tr.segment")] == [1, 1]
    assert page.find("#count").text == "2 of 5"
    page.find("#track-filter").send_keys("2")
    page.settle()
    assert len(page.all("tr.segment")) == 1
    page.click_timeline(7.0, track=0)
    assert page.find("#count").text == "5", "a click on a bar that is filtered away shows it again"
    assert "jump" in page.selected


def test_the_keyboard_does_what_the_pointer_does(show: Callable[..., ReportPage]) -> None:
    from selenium.webdriver.common.keys import Keys

    page = show(sample())
    page.session.execute_script("$('timeline').focus()")
    page.key(Keys.ARROW_RIGHT)
    assert page.time == pytest.approx(1 / 30, abs=0.01)
    page.actions().key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    assert float(page.find("#timeline").get_attribute("aria-valuenow")) == pytest.approx(1 + 1 / 30, abs=0.01)
    page.key(Keys.PAGE_DOWN)
    assert page.time == 2.0
    assert "track 2: motion 0 wave" in page.find("#timeline").get_attribute("aria-valuetext")
    page.key(Keys.PAGE_DOWN)
    assert page.time == 5.0
    page.key(Keys.PAGE_UP)
    assert page.time == 2.0
    page.key(Keys.HOME)
    assert page.time == 0.0
    page.key(" ")
    page.until(lambda: page.time > 0.0)
    page.key(" ")
    assert page.find("#play").text == "Play"
    page.key("+")
    assert page.js("state.to - state.from") == pytest.approx(299 / 60, abs=0.01)


def test_every_control_can_be_reached_and_has_a_name(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    nameless = [
        node.get_attribute("outerHTML")
        for node in page.all("button, select, input, [tabindex='0']")
        if node.is_displayed() and not node.accessible_name
    ]
    assert nameless == []
    assert page.all("[tabindex]:not([tabindex='0']):not(#table-box)") == []


def test_the_wheel_zooms_about_the_pointer_and_the_buttons_back_out(show: Callable[..., ReportPage]) -> None:
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    page = show(sample())
    x = page.js("toX(8)") - page.find("#timeline").size["width"] / 2
    origin = ScrollOrigin.from_element(page.find("#timeline"), round(x), 0)
    page.actions().scroll_from_origin(origin, 0, -400).perform()
    page.settle()
    start, end = page.js("[state.from, state.to]")
    assert end - start == pytest.approx(299 / 30 / math.e, rel=0.02)
    assert (8 - start) / (end - start) == pytest.approx(0.8, abs=0.02)
    page.actions().scroll_from_origin(origin, -100, 0).perform()
    page.settle()
    assert page.js("state.from") < start
    page.click("#zoom-all")
    assert page.js("[state.from, state.to]") == pytest.approx([0, 299 / 30])


def test_the_scene_turns(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    front = page.picture()
    page.click("[data-view='side']")
    side = page.picture()
    page.actions().drag_and_drop_by_offset(page.find("#scene"), 60, 20).perform()
    page.settle()
    dragged = page.picture()
    page.click("[data-view='front']")
    assert len({front, side, dragged}) == 3
    assert page.picture() == front


def test_only_those_who_are_seen_are_drawn(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    people = []
    for t in (1.0, 3.0, 4.5, 9.8):
        page.move_to(t)
        people.append([node.text for node in page.all("#now b")])
    assert people == [["1"], ["1", "2"], ["2"], []]
    assert "nobody" in page.find("#now").text
    assert page.js("data.streams.map((s) => poseAt(s, 4.5) === null)") == [True, False]


def test_thinned_skeletons_are_drawn_between_their_frames(
    show: Callable[..., ReportPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSE_BYTES", 8000)
    page = show(sample())
    assert "every 10th frame (3.0 Hz)" in page.find("#notes").text
    elbow = JOINT_SETS["smpl22"].index("left_elbow")
    height = page.js(f"poseAt(data.streams[0], 1.5)[{elbow}][2]")
    assert height == pytest.approx(person(1.5).joints[elbow, 2], abs=0.03)
    assert page.js("poseAt(data.streams[0], 4.2)") is None


def test_people_who_share_an_origin_stand_side_by_side(show: Callable[..., ReportPage]) -> None:
    pair = person(0.0, "1"), person(0.0, "2")
    lowered = [
        Skeleton(s.track_id, s.joint_set, s.joints - [0, 0, 1], s.confidence, s.image_xy) for s in pair
    ]
    page = show(Report("", "", [SkeletonFrame(second(k / 10), "map", tuple(lowered)) for k in range(10)]))
    apart = page.js("poseAt(data.streams[0], 0)[0][1] - poseAt(data.streams[1], 0)[0][1]")
    assert abs(apart) == pytest.approx(1.4)
    assert "side by side" in page.find("#notes").text


def test_the_image_is_the_nearest_earlier_with_the_skeleton_on_it(
    show: Callable[..., ReportPage],
) -> None:
    thumbnails = [(second(0.0), jpeg(0, 0, 200)), (second(5.0), jpeg(200, 0, 0))]
    page = show(sample(thumbnails=thumbnails, image_size=(160, 120)))
    for t, colour in ((4.9, [200, 0, 0]), (5.1, [0, 0, 200])):
        page.move_to(t)
        page.until(lambda: bool(np.allclose(page.pixel("#image", 3, 3)[:3], colour, atol=4)))  # noqa: B023
    drawn = page.picture("#image")
    page.click("#overlay")
    assert page.picture("#image") != drawn


def test_the_theme_follows_the_system_and_the_button(show: Callable[..., ReportPage]) -> None:
    page = show(sample())
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.js(background)
    painted = page.picture("#timeline")
    page.click("#theme")
    dark = page.js(background)
    assert dark != light
    assert page.picture("#timeline") != painted
    page.click("#theme")
    assert (page.js(background), page.picture("#timeline")) == (light, painted)
    page = show(sample())
    page.resize(1280, 900, "dark")
    page.settle()
    assert page.js(background) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(show: Callable[..., ReportPage], scheme: str) -> None:
    page = show(sample())
    page.resize(1280, 900, scheme)
    page.settle()
    theme = page.js("Object.fromEntries(Object.entries(theme).filter(([k, v]) => typeof v === 'string'))")

    def luminance(css: str) -> float:
        if css.startswith("#"):
            values = np.array([int(css[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        else:
            values = np.array(css[css.index("(") + 1 : -1].split(","), float)[:3] / 255
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    for ink in ("ink", "soft", "accent"):
        for ground in ("page", "panel", "seen"):
            assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    for look in page.js("Array.from({ length: 16 }, (_, motion) => colours(motion))"):
        assert contrast(look["ink"], look["fill"]) >= 4.5, look


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(show: Callable[..., ReportPage], width: int) -> None:
    page = show(sample(thumbnails=[(second(0.0), jpeg(0, 0, 0))], image_size=(160, 120), source="x" * 500))
    page.resize(width, 800)
    page.settle()
    assert page.js("document.documentElement.scrollWidth") <= width


def test_hostile_strings_are_shown_as_they_are(show: Callable[..., ReportPage]) -> None:
    page = show(hostile())
    assert page.js("window.hacked") is None
    assert page.js("document.scripts.length") == 2
    assert page.find("#source").text == HOSTILE[0]
    shown = page.js("[...document.querySelectorAll('td.label bdi')].map((node) => node.textContent)")
    assert shown == [visible(text) for text in HOSTILE], "rows come in order of time"
    page.resize(390, 800)
    page.settle()
    assert page.js("document.documentElement.scrollWidth") <= 390


def test_an_empty_report_says_so(show: Callable[..., ReportPage]) -> None:
    page = show(Report("Empty", "nothing"))
    assert "no events and no frames" in page.find("#empty").text
    assert not page.find("#main").is_displayed()


@pytest.mark.parametrize("kept", ["frames", "events", "thumbnails", "labels"])
def test_each_part_may_stand_alone(show: Callable[..., ReportPage], kept: str) -> None:
    nothing: dict[str, Any] = {"frames": (), "events": (), "labels": (), "facts": {}}
    if kept == "thumbnails":
        changes = nothing | {"thumbnails": [(second(0.0), jpeg(0, 0, 0)), (second(1.0), jpeg(9, 9, 9))]}
    else:
        changes = {name: value for name, value in nothing.items() if name != kept}
    page = show(sample(**changes))
    assert page.find("#main").is_displayed()
    page.click_timeline(0.5, track=0)
    page.click("#play")
    page.until(lambda: page.time > 0.5)


def test_an_hour_stays_smooth(show: Callable[..., ReportPage]) -> None:
    events = [event(k, k % 12, 1.8 * k, 1.8 * k + 1.7, track_id=str(k % 2)) for k in range(2000)]
    frames = [SkeletonFrame(second(k / 5), "map", (person(k / 5, "0"),)) for k in range(5 * 3600)]
    page = show(Report("An hour", "made", frames, events))
    times = page.js(
        "Array.from({ length: 20 }, (_, i) => { state.t = i * 100; const start = performance.now();"
        " drawTimeline(); drawOverview(); drawScene(); drawNow(); return performance.now() - start; })"
    )
    assert np.median(times) < 50, "milliseconds a frame, on a machine without a GPU"
    page.session.execute_script("select(segments[1500], segments[1500].start)")
    page.settle()
    assert page.selected.startswith("45:00")
    assert page.js("$('table-box').scrollTop") > 10000
