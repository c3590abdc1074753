"""One self-contained page that shows a sentence's masks over the timeline of each person.

It has no script: the drawing is SVG, with the style of the report.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.figures import seen_from_the_front
from motion_seg_ros.evaluation.page import asset, csp_hash, visible
from motion_seg_ros.grounding.grounder import Grounding
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS

_Scale: TypeAlias = Callable[[float], float]

MAX_TRACKS = 50
"""People that one page shows; those with spans come first."""

# Pixels of the drawing: its width, the words at the left, and the heights of its rows.
_WIDTH, _LEFT, _AXIS, _BODY, _ROW, _SPAN = 1200, 190, 22, 74, 58, 16
_FIGURES = 16
_POINTS = 1200
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True, eq=False)
class GroundedTrack:
    """One person: the motion, its boundaries (ns), and the answer."""

    name: str
    stamps: NDArray[np.int64]
    joints: NDArray[np.floating]
    cuts: Sequence[int]
    answer: Grounding


def write_page(
    path: Path, text: str, source: str, tracks: Sequence[GroundedTrack], facts: Mapping[str, str]
) -> None:
    """Write the page; equal answers give equal bytes. Times are seconds after the first stamp of all."""
    css = asset("page.css") + asset("grounding_page.css")
    shown = sorted(tracks, key=lambda track: -len(track.answer.spans))[:MAX_TRACKS]
    origin = min((int(track.stamps[0]) for track in tracks if len(track.stamps)), default=0)
    rows = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items()
    )
    left_out = len(tracks) - len(shown)
    parts = {
        "title": _text(text) or "(no text)",
        "source": _text(source),
        "css": css,
        "css_hash": csp_hash(css),
        "facts": rows,
        "tracks": "\n".join(_section(track, origin) for track in shown)
        or '<p class="notice">Nobody is seen in this source.</p>',
        "footer": f"{left_out} more people are in the JSON file." if left_out else "",
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], asset("grounding_page.html"))
    path.write_bytes(page.encode())


def _section(track: GroundedTrack, origin: int) -> str:
    answer = track.answer
    wanted, found = len(answer.candidates), len(answer.spans)
    if not wanted:
        verdict = "nothing to look for"
    elif not found:
        verdict = "nothing like this happened"
    else:
        verdict = "found" if found == wanted else f"{found} of {wanted} found"
    notes = dict.fromkeys([*answer.partition.notes, *answer.notes])
    listed = "".join(f"<li>{_text(note)}</li>" for note in notes)
    return (
        f'<section><h2 dir="auto">Track {_text(track.name) or "(no name)"} '
        f'<span class="verdict">{verdict}</span></h2>'
        f"{_drawing(track, origin)}{_table(answer, origin)}"
        f"{f'<ul>{listed}</ul>' if listed else ''}</section>"
    )


def _table(answer: Grounding, origin: int) -> str:
    if not answer.candidates:
        return ""
    lines = []
    for row, item in enumerate(answer.candidates):
        times = (
            "<td></td><td></td>"
            if item.start is None or item.end is None
            else f'<td class="n">{(item.start - origin) / 1e9:.2f} s</td>'
            f'<td class="n">{(item.end - origin) / 1e9:.2f} s</td>'
        )
        lines.append(
            f'<tr class="c{row % 8}"><td dir="auto"><i></i>{_text(item.action)}</td>{times}'
            f'<td class="n">{item.score:.2f}</td><td>{"found" if item.found else "not found"}</td></tr>'
        )
    return (
        f"<table><thead><tr><th>Sub-action (split by {answer.partition.source})</th>"
        '<th class="n">Start</th><th class="n">End</th><th class="n">Score</th><th></th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _drawing(track: GroundedTrack, origin: int) -> str:
    if not len(track.stamps):
        return ""
    begin, end = int(track.stamps[0]), int(track.stamps[-1])
    scale = (_WIDTH - _LEFT - 8) / max(end - begin, 1)

    def x(time: float) -> float:
        return _LEFT + (min(max(time, begin), end) - begin) * scale

    answer = track.answer
    rows = len(answer.masks) if len(answer.times) else 0
    top = _AXIS + _BODY
    height = top + rows * _ROW + 4
    parts = [_axis(begin, end, origin, x, height), _bodies(track, x)]
    for row in range(rows):
        parts.append(_mask_row(answer, row, top + row * _ROW, x))
    for cut in track.cuts:
        if begin < cut < end and rows:
            parts.append(f'<path class="cut" d="M{x(cut):.1f} {top}V{height}"/>')
    names = ", ".join(item.action for item in answer.candidates)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_text(f"Masks of {names}")}">'
        f"{''.join(parts)}</svg>"
    )


def _mask_row(answer: Grounding, row: int, y: float, x: _Scale) -> str:
    """The mask as an area, the span as a bar above it, the words at the left."""
    background = row == len(answer.candidates)
    kind = "background" if background else f"c{row % 8}"
    base, tall = y + _ROW - 6, _ROW - _SPAN - 12
    step = max(1, len(answer.times) // _POINTS)
    times, values = answer.times[::step], answer.masks[row][::step]
    line = "".join(
        f"L{x(float(time)):.1f} {base - tall * value:.1f}" for time, value in zip(times, values, strict=True)
    )
    words = "(none of these)" if background else answer.candidates[row].action
    parts = [
        f'<g class="{kind}"><rect class="row" x="{_LEFT}" y="{base - tall:.1f}" '
        f'width="{_WIDTH - _LEFT - 8}" height="{tall}"/>',
        f'<path class="mask" d="M{x(float(times[0])):.1f} {base}{line}L{x(float(times[-1])):.1f} {base}Z"/>',
        f'<text x="0" y="{base - tall / 2 + 4:.1f}" class="{"soft" if background else ""}">'
        f"{_text(_short(words))}<title>{_text(words)}</title></text>",
    ]
    if not background:
        item = answer.candidates[row]
        if item.start is not None and item.end is not None:
            left, wide = x(item.start), max(2.0, x(item.end) - x(item.start))
            parts.append(
                f'<g class="{"" if item.found else "missed"}"><rect class="span" x="{left:.1f}" '
                f'y="{y + 2}" width="{wide:.1f}" height="{_SPAN}" rx="3"/>'
                + (
                    f'<text class="share" x="{left + 5:.1f}" y="{y + 14}">{item.score:.2f}</text>'
                    if wide > 36
                    else ""
                )
                + "</g>"
            )
    return "".join(parts) + "</g>"


def _axis(begin: int, end: int, origin: int, x: _Scale, height: float) -> str:
    seconds = max((end - begin) / 1e9, 1e-3)
    step = next((step for step in _STEPS if seconds / step <= 12), seconds / 12)
    first = int(np.ceil((begin - origin) / 1e9 / step - 1e-9))
    parts = ['<text class="soft" x="0" y="14">seconds</text>']
    for number in range(first, first + 14):
        time = origin + number * step * 1e9
        if time > end:
            break
        parts.append(
            f'<path class="grid" d="M{x(time):.1f} {_AXIS}V{height}"/>'
            f'<text class="soft" x="{x(time) + 3:.1f}" y="14">{number * step:g}</text>'
        )
    return "".join(parts)


def _bodies(track: GroundedTrack, x: _Scale) -> str:
    """Stick figures, seen from the side that shows most, along the time axis."""
    begin, end = int(track.stamps[0]), int(track.stamps[-1])
    bones = JOINT_SETS["smpl22"].bones
    wide = (_WIDTH - _LEFT - 8) / _FIGURES
    parts = ['<text class="soft" x="0" y="62">motion</text>']
    for number in range(_FIGURES):
        time = begin + (end - begin) * (number + 0.5) / _FIGURES
        place = int(np.abs(track.stamps - time).argmin())
        joints = np.asarray(track.joints[place], np.float64)
        seen: NDArray[np.bool_] = np.asarray(np.isfinite(joints).all(axis=1))
        if abs(float(track.stamps[place]) - time) > 5e8 or seen.sum() < 6:
            continue
        flat = seen_from_the_front(joints)
        size = (_BODY - 10) / 1.9
        middle, low = float(np.nanmean(flat[:, 0])), float(np.nanmin(flat[:, 1]))
        drawn = []
        for a, b in bones:
            if seen[a] and seen[b]:
                ends = [
                    (
                        x(time) + float(np.clip((flat[j, 0] - middle) * size, -wide / 2, wide / 2)),
                        _AXIS + _BODY - 4 - min(flat[j, 1] - low, 1.9) * size,
                    )
                    for j in (a, b)
                ]
                drawn.append(f"M{ends[0][0]:.1f} {ends[0][1]:.1f}L{ends[1][0]:.1f} {ends[1][1]:.1f}")
        parts.append(f'<path class="body" d="{"".join(drawn)}"/>')
    return "".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"


def _text(text: str) -> str:
    return html.escape(visible(text))
