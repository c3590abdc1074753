"""Pictures of the documentation, made in a browser from what the demo wrote.

./run shell python tools/pictures.py out/demo docs/images/live.jpg      # the picture of the README
"""

from __future__ import annotations

import base64
import html
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from motion_seg_ros.bags.bag_reader import Bag  # noqa: E402
from motion_seg_ros.bags.conversion import CONCEPTS, EVENT, IMAGE_TYPES, SKELETONS, from_message  # noqa: E402
from motion_seg_ros.bags.images import encode_jpeg  # noqa: E402
from motion_seg_ros.bags.items import Image  # noqa: E402
from motion_seg_ros.evaluation.story import IMAGE_SIZE  # noqa: E402
from motion_seg_ros.humocon.tokens import ConceptTokens  # noqa: E402
from motion_seg_ros.pose.drawing import colour, draw  # noqa: E402
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame  # noqa: E402
from motion_seg_ros.tvsh.events import EventType, SegmentEvent  # noqa: E402

SENTENCE = "somebody walks, then turns"
LARGEST = 300_000  # bytes of the README's picture
WIDEST, APART = 240, 90.0  # pixels: of a bubble, and between people who can be told apart


class NoBrowser(Exception):
    """Pictures need a browser; the message says how to get it."""


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise NoBrowser("pictures need Chromium: sudo apt-get install chromium chromium-driver")
    from selenium import webdriver

    with tempfile.TemporaryDirectory() as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "no-first-run", f"user-data-dir={folder}"):
            options.add_argument(f"--{flag}")
        session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            yield session
        finally:
            session.quit()


def shot(session: Any, page: Path, width: int, height: int, script: str = "") -> bytes:
    """A page as PNG, after a script has put it into the state to be seen."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    session.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    session.get(page.as_uri())
    if script:
        session.execute_script(script)
    painted = "const next = requestAnimationFrame; next(() => next(() => setTimeout(arguments[0], 200)))"
    session.execute_async_script(painted)
    return bytes(session.get_screenshot_as_png())


NAMES = ("report.png", "concepts.png", "ground.png")


def make(demo: Path) -> Path:
    """The folder of the tutorial's pictures; they are made again when the demo has been run again."""
    folder, report = demo / "pictures", demo / "report.html"
    made = [folder / name for name in NAMES]
    if all(path.is_file() and path.stat().st_mtime >= report.stat().st_mtime for path in made):
        return folder
    folder.mkdir(exist_ok=True)
    pages = {
        "report.png": (demo / "report.html", 1100, 860, "document.getElementById('timeline').focus()"),
        "concepts.png": (_command("concepts", "show", out="concepts.html"), 1100, 620, ""),
        "ground.png": (_command("ground", SENTENCE, str(demo / "bag"), out="when.json"), 1100, 520, ""),
    }
    with browser() as session:
        for name in NAMES:
            (folder / name).write_bytes(shot(session, *pages[name]))
    return folder


def _command(*words: str, out: str) -> Path:
    """The page that a command of motion-seg writes."""
    folder = Path(tempfile.mkdtemp(prefix="motion-seg-docs-"))
    command = [sys.executable, "-m", "motion_seg_ros.cli", *words, "--out", str(folder / out)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return (folder / out).with_suffix(".html")


# -- the picture of the README ------------------------------------------------------------------------


@dataclass
class Moment:
    """Everything that was known when an image came."""

    stamp: int
    image: Image
    frame: SkeletonFrame
    events: list[SegmentEvent]
    tokens: dict[str, list[int]] = field(default_factory=dict)

    def doing(self, track: str) -> SegmentEvent | None:
        """The newest segment of a person that was not taken back."""
        newest = {event.segment_id: event for event in self.events if event.track_id == track}
        told = [event for event in newest.values() if not event.withdrawn]
        return told[-1] if told else None

    @property
    def worth(self) -> tuple[int, int, float]:
        """How much there is to see: people who are described, differently, and stand apart."""
        told = [doing.label for person in self.frame.skeletons if (doing := self.doing(person.track_id))]
        places = sorted(np.median(person.image_xy[:, 0]) for person in self.frame.skeletons)
        apart = float(min(np.diff(places), default=0.0))
        return sum(map(bool, told)), len(set(told)), min(apart, APART)


def moments(bag: Path) -> Iterator[Moment]:
    """The moments of a recording that have an image."""
    reader = Bag(bag)
    kinds = {topic.name: topic.type for topic in reader.topics}
    if IMAGE_SIZE not in reader.notes:
        raise SystemExit(f"{bag} has no images: make it by ./run demo, without --composed")
    width = int(reader.notes[IMAGE_SIZE].split()[0])
    wanted = [name for name, kind in kinds.items() if kind in (CONCEPTS, EVENT, SKELETONS, *IMAGE_TYPES)]
    frames: dict[int, SkeletonFrame] = {}
    images: dict[int, Image] = {}
    events: list[SegmentEvent] = []
    tokens: dict[str, list[int]] = {}
    for _, _, message in reader.messages(wanted):
        item = from_message(message)
        if isinstance(item, SegmentEvent):
            events.append(item)
        elif isinstance(item, ConceptTokens):
            tokens.setdefault(item.track_id, []).extend(item.tokens)
        elif isinstance(item, SkeletonFrame):
            frames[item.stamp] = item
        elif isinstance(item, Image):
            images[message.header.stamp.sec * 10**9 + message.header.stamp.nanosec] = item
        for stamp in sorted(frames.keys() & images.keys()):
            image, frame = images.pop(stamp), _scaled(frames.pop(stamp), width)
            yield Moment(stamp, image, frame, [*events], {track: [*said] for track, said in tokens.items()})


def _scaled(frame: SkeletonFrame, width: int) -> SkeletonFrame:
    """A frame whose pixels are those of the image as it was recorded: 640 wide at most."""
    scale = min(1.0, 640 / width)
    people = [
        Skeleton(p.track_id, p.joint_set, p.joints, p.confidence, p.image_xy * np.float32(scale))
        for p in frame.skeletons
    ]
    return SkeletonFrame(frame.stamp, frame.frame_id, tuple(people))


def live(bag: Path) -> bytes:
    """The JPEG that shows a newcomer what the package does: one moment of a recording."""
    moment = max(moments(bag), key=lambda moment: moment.worth)
    with tempfile.TemporaryDirectory() as folder, browser() as session:
        page = Path(folder, "live.html")
        page.write_text(_page(moment), encoding="utf-8")
        png = shot(session, page, 1100, 405)
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return encode_jpeg(picture, 88)


STYLE = """
* { box-sizing: border-box } body { margin: 0; background: #14171c; color: #e8eaed; overflow: hidden;
  font: 14px/1.4 system-ui, "DejaVu Sans", sans-serif; display: grid; grid-template-columns: 720px 380px;
  height: 405px }
#picture { position: relative; height: 405px; overflow: hidden }
#picture img { width: 720px; display: block }
.bubble { position: absolute; max-width: 240px; padding: 5px 9px 6px; border-radius: 7px;
  background: #14171cd9; border-left: 5px solid var(--ink); white-space: nowrap }
.bubble b { display: block; font-size: 15px; white-space: normal }
.tokens { display: flex; gap: 3px; margin-top: 3px; color: #14171c;
  font: 11px ui-monospace, "DejaVu Sans Mono", monospace }
.tokens i { font-style: normal; padding: 0 4px; border-radius: 3px }
#side { padding: 14px 16px; display: flex; flex-direction: column; gap: 8px; overflow: hidden }
h1 { margin: 0; font-size: 13px; font-weight: 600; color: #9aa0a6 }
h1 code { color: #8ab4f8; font: 13px ui-monospace, "DejaVu Sans Mono", monospace }
ol { margin: 0; padding: 0; list-style: none; flex: 1; display: flex; flex-direction: column; gap: 9px;
  justify-content: flex-end; overflow: hidden }
li { border-left: 5px solid var(--ink); padding-left: 9px }
li span { display: block; color: #9aa0a6; font-size: 12px } li.open b::after { content: " …"; color: #9aa0a6 }
b { font-weight: 600 } footer { color: #9aa0a6; font-size: 12px;
  border-top: 1px solid #3c4043; padding-top: 8px }
"""


def _page(moment: Moment) -> str:
    image = draw(moment.image.rgb, moment.frame)
    zoom = 720 / image.shape[1]
    data = base64.b64encode(encode_jpeg(image, 95)).decode()
    origin = min(event.start for event in moment.events)
    people = [np.nanmedian(person.image_xy[:, 0]) for person in moment.frame.skeletons]
    middle, bubbles = np.mean(people), []
    for person in moment.frame.skeletons:
        doing = moment.doing(person.track_id)
        seen = person.image_xy[np.isfinite(person.image_xy).all(axis=1)]
        if doing is None or not len(seen):
            continue
        # Beside the person, away from the middle of everybody.
        left = np.median(seen[:, 0]) < middle and seen[:, 0].min() * zoom > WIDEST + 20
        place = 720 - seen[:, 0].min() * zoom + 14 if left else seen[:, 0].max() * zoom + 14
        top = max(8.0, float(seen[:, 1].min()) * zoom - 10)
        bubbles.append(
            f'<div class="bubble" style="{"right" if left else "left"}:{place:.0f}px;top:{top:.0f}px;'
            f'{_ink(person.track_id)}">'
            f"person {html.escape(person.track_id)}<b>{html.escape(doing.label or 'something new')}</b>"
            f'<div class="tokens">{_chips(moment.tokens.get(person.track_id, [])[-7:])}</div></div>'
        )
    newest = {(event.track_id, event.segment_id): event for event in moment.events}
    told = [event for event in newest.values() if not event.withdrawn and (event.label or not event.final)]
    lines = "".join(_line(event, origin) for event in sorted(told, key=lambda event: event.start)[-7:])
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><style>{STYLE}</style>'
        f'<div id="picture"><img src="data:image/jpeg;base64,{data}">{"".join(bubbles)}</div>'
        f'<div id="side"><h1>live transcript · <code>/segment_events</code></h1><ol>{lines}</ol>'
        f"<footer>Colours are people; small numbers are motion concepts. The same motion has the same number "
        f"again. Lines ending in … may still be revised.</footer></div>"
    )


def _line(event: SegmentEvent, origin: int) -> str:
    start, end = ((stamp - origin) / 1e9 for stamp in (event.start, event.end))
    motion = "not known yet" if event.motion_id < 0 else f"motion {event.motion_id}"
    state = "final" if event.final else "ended" if event.type is EventType.ENDED else "now"
    return (
        f'<li class="{"" if event.final else "open"}" style="{_ink(event.track_id)}">'
        f"<span>{start:.1f} – {end:.1f} s · person {html.escape(event.track_id)} · {motion} · {state}</span>"
        f"<b>{html.escape(event.label or 'something new')}</b></li>"
    )


def _chips(tokens: list[int]) -> str:
    return "".join(f'<i style="background:hsl({token * 137 % 360} 60% 72%)">{token}</i>' for token in tokens)


def _ink(track: str) -> str:
    return "--ink:rgb({} {} {})".format(*colour(track))


def main() -> int:
    """Write the picture of the README."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    content = live(Path(sys.argv[1]) / "bag")
    if len(content) > LARGEST:
        raise SystemExit(f"the picture has {len(content)} bytes; a README's should have {LARGEST} at most")
    Path(sys.argv[2]).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
