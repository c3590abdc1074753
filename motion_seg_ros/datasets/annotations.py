"""Who did what from when to when, as people write it down: CSV, JSON and ELAN files beside a recording."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from motion_seg_ros.datasets.elan import read_tiers
from motion_seg_ros.datasets.errors import DatasetError

MAX_BYTES = 16 << 20  # some hundred thousand spans
MAX_LABEL = 200
# Longer than any recording; a stamp that is taken for seconds is far above it.
MAX_SECONDS = 1e7
SUFFIXES = (".csv", ".json", ".eaf")

# What the columns of a table and the keys of an object may be called.
_SECONDS = (
    ("start", "begin", "onset", "start_s", "start_time"),
    ("end", "stop", "offset", "end_s", "end_time"),
)
_STAMPS = ("start_ns", "end_ns")
_LABEL = ("label", "annotation", "action", "motion", "name", "text")
_TRACK = ("track_id", "track", "person", "participant")


@dataclass(frozen=True, slots=True)
class Span:
    """Somebody did something from ``start`` until ``end`` (ns, the end excluded).

    An empty ``track_id`` stands for whoever is in view.
    """

    start: int
    end: int
    label: str
    track_id: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The spans of a file, in the order of their starts; those of one track do not overlap.

    Attributes
    ----------
    spans : their times are nanoseconds after the recording's first frame, or stamps.
    absolute : whether they are stamps, as in the headers of the recording's messages.
    """

    spans: tuple[Span, ...]
    absolute: bool

    def stamped(self, first: int) -> tuple[Span, ...]:
        """The spans with stamps, for a recording whose first frame is stamped ``first`` (ns)."""
        if self.absolute:
            return self.spans
        return tuple(Span(s.start + first, s.end + first, s.label, s.track_id) for s in self.spans)


@dataclass(frozen=True, slots=True)
class Row:
    """A span as it was written down, and where."""

    where: str
    start: int
    end: int
    label: str
    track: str


def read_annotations(path: str | Path, tier: str = "") -> Annotations:
    """Read a .csv, .json or .eaf file; docs/evaluate.md describes what they look like.

    Parameters
    ----------
    tier : the tier of an ELAN file; needed where it has several and none is called "labels".

    Raises
    ------
    DatasetError : it is none of these, too large, holds no spans, or spans that end before they begin,
        overlap, or have no number for a time; one sentence that names file and place.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DatasetError(f"{path} is no kind of annotations that is known: {', '.join(SUFFIXES)}")
    if tier and suffix != ".eaf":
        raise DatasetError(f"{path} has no tiers: only ELAN's .eaf files do")
    data = _bytes(path)
    if suffix == ".eaf":
        rows, absolute = [Row(*row) for row in read_tiers(path, data, tier)], False
    else:
        read = _read_csv if suffix == ".csv" else _read_json
        rows, absolute = read(path, _text(path, data))
    return Annotations(in_order(path, rows), absolute)


def find_sidecar(recording: str | Path) -> Path | None:
    """The annotations of a recording (a file, or the folder of a rosbag2), or None.

    They are ``NAME.labels.csv``, ``.json`` or ``.eaf`` beside it, with or without the suffix of the
    recording in NAME, or ``labels.csv``, ``.json`` or ``.eaf`` inside of the folder.

    Raises
    ------
    DatasetError : there are several.
    """
    path = Path(recording).resolve()
    names = dict.fromkeys([path.name] if path.is_dir() else [path.name, path.stem])
    places = [path.with_name(f"{name}.labels{suffix}") for name in names for suffix in SUFFIXES]
    places += [path / f"labels{suffix}" for suffix in SUFFIXES]
    found = [place for place in places if place.is_file()]
    if len(found) > 1:
        raise DatasetError(f"{path} has several files of labels: {', '.join(map(str, found))}")
    return found[0] if found else None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise DatasetError(f"{path} has more than {MAX_BYTES >> 20} MiB: no file of labels is so large")
    if not data:
        raise DatasetError(f"{path} is empty")
    return data


def _text(path: Path, data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeError as error:
        raise DatasetError(f"{path} is neither UTF-8 nor UTF-16 with its mark: {error.reason}") from error  # type: ignore[attr-defined]
    if "\0" in text:
        raise DatasetError(f"{path} is no text: it has zero bytes")
    return text


def _read_csv(path: Path, text: str) -> tuple[list[Row], bool]:
    """Rows of a table, separated by tabs, semicolons or commas, with or without names of the columns."""
    first = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")
    for separator in "\t;,":
        head = [cell.strip().lower() for cell in next(_cells(path, first, separator), (0, [""]))[1]]
        if all(_column(head, names) is not None for names in (*_SECONDS, _LABEL)):
            columns = [_column(head, names) for names in (*_SECONDS, _LABEL, _TRACK)]
            return _table(path, text, separator, columns, 1, False), False
        if all(_column(head, names) is not None for names in ((_STAMPS[0],), (_STAMPS[1],), _LABEL)):
            columns = [*map(head.index, _STAMPS), *(_column(head, names) for names in (_LABEL, _TRACK))]
            return _table(path, text, separator, columns, 1, True), True
        if (
            len(head) > 2
            and _number(head[0], separator) is not None
            and _number(head[1], separator) is not None
        ):
            return _table(path, text, separator, [0, 1, 2, 3], 0, False), False
    raise DatasetError(
        f"{path} begins with {first[:40]!r}: neither a header with start, end (or start_ns, end_ns) and "
        "label nor a row of start, end and label"
    )


def _column(head: Sequence[str], names: Sequence[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _cells(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are neither empty nor comments, with the number of the line that they end in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not row[0].startswith("#"):
                yield reader.line_num, row
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: {error}") from error


def _table(
    path: Path, text: str, separator: str, columns: Sequence[int | None], header: int, stamps: bool
) -> list[Row]:
    start, end, label, track = columns
    rows = []
    for number, (line, cells) in enumerate(_cells(path, text, separator)):
        if number < header:
            continue
        where = f"line {line}"
        needed = [column for column in (start, end, label) if column is not None]
        if len(cells) <= max(needed):
            raise DatasetError(f"{path}, {where}: {len(cells)} columns; {max(needed) + 1} are needed")
        times = [
            _time(
                path, where, _integer(cells[i]) if stamps else _number(cells[i], separator), cells[i], stamps
            )
            for i in needed[:2]
        ]
        person = cells[track] if track is not None and track < len(cells) else ""
        rows.append(Row(where, times[0], times[1], cells[needed[2]], person))
    return rows


def _number(cell: str, separator: str) -> float | None:
    """A number, with a decimal comma where commas do not separate; None for anything else."""
    try:
        return float(cell if separator == "," else cell.replace(",", "."))
    except ValueError:
        return None


def _integer(cell: str) -> int | None:
    cell = cell.strip()
    return int(cell) if len(cell) < 20 and cell.isascii() and cell.isdigit() else None


def _read_json(path: Path, text: str) -> tuple[list[Row], bool]:
    """A list of objects with start, end, label and track_id, or an object with such a list as "spans"."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is no JSON of labels: {error}") from error
    spans = found.get("spans") if isinstance(found, dict) else found
    if not isinstance(spans, list):
        raise DatasetError(f'{path} holds no list of spans, nor an object with one as "spans"')
    stamps = any(isinstance(span, dict) and _STAMPS[0] in span for span in spans)
    rows = []
    for number, span in enumerate(spans, start=1):
        where = f"span {number}"
        keys = _STAMPS if stamps else ("start", "end")
        if not isinstance(span, dict) or any(key not in span for key in (*keys, "label")):
            raise DatasetError(f"{path}, {where}: an object with {', '.join((*keys, 'label'))} is expected")
        label, track = span["label"], span.get("track_id", "")
        if not isinstance(label, str) or not isinstance(track, str | int) or isinstance(track, bool):
            raise DatasetError(f"{path}, {where}: a label is a text, and a track_id a text or a whole number")
        times = [_time(path, where, span[key], repr(span[key]), stamps) for key in keys]
        rows.append(Row(where, times[0], times[1], label, _short(str(track))))
    return rows, stamps


def _time(path: Path, where: str, value: Any, written: str, stamps: bool) -> int:
    """Nanoseconds of a time in seconds, or of a stamp."""
    kind = int if stamps else int | float
    if not isinstance(value, kind) or isinstance(value, bool) or not 0 <= value < 2**63:
        what = "a stamp in nanoseconds" if stamps else "a time in seconds"
        raise DatasetError(f"{path}, {where}: {_short(written)!r} is not {what} from 0 on")
    if stamps:
        return int(value)
    if value > MAX_SECONDS:
        raise DatasetError(
            f"{path}, {where}: {_short(written)} s are {value / 86400:.0f} days; "
            "stamps in nanoseconds are called start_ns and end_ns"
        )
    return round(value * 1e9)


def in_order(source: object, rows: Iterable[Row]) -> tuple[Span, ...]:
    """The spans of rows, in the order of their starts; an empty label says as much as no span.

    Raises
    ------
    DatasetError : there is none, or one that ends before it begins or overlaps another of its track;
        ``source`` is named as where they are from.
    """
    named: list[tuple[Span, str]] = []
    for row in rows:
        label, track = " ".join(row.label.split()), row.track.strip()
        if row.end <= row.start:
            raise DatasetError(f"{source}, {row.where}: the span ends where it begins or before")
        if max(len(label), len(track)) > MAX_LABEL:
            raise DatasetError(f"{source}, {row.where}: more than {MAX_LABEL} characters are no label")
        if label:
            named.append((Span(row.start, row.end, label, track), row.where))
    if not named:
        raise DatasetError(f"{source} holds no spans")
    named.sort(key=lambda item: (item[0].track_id, item[0].start))
    for _, of_track in groupby(named, key=lambda item: item[0].track_id):
        for (before, first), (after, second) in pairwise(of_track):
            if after.start < before.end:
                raise DatasetError(
                    f"{source}, {second}: the span overlaps the one of {first}; "
                    "one thing at a time is expected"
                )
    return tuple(sorted((span for span, _ in named), key=lambda span: (span.start, span.track_id)))


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
