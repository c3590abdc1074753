"""Tiers of ELAN's annotation files (.eaf), read without entities, and with bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from motion_seg_ros.datasets.errors import DatasetError

MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 20  # ELAN's own files have five levels
_MILLISECOND = 1_000_000
# What the tier to read may be called where a file has several.
_NAMES = ("labels", "label")


@dataclass(slots=True)
class _Annotation:
    """Times by the ids of their slots, or by the annotation that this one refers to."""

    line: int
    slots: tuple[str, str] | None
    parent: str
    value: str = ""


@dataclass(slots=True)
class _Tier:
    name: str
    participant: str
    annotations: list[_Annotation] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it is about: a tier for each person is called "labels@Ann", by ELAN's habit."""
        return self.name.partition("@")[0]

    @property
    def track(self) -> str:
        return self.participant or self.name.partition("@")[2]


def read_tiers(path: Path, data: bytes, tier: str = "") -> list[tuple[str, int, int, str, str]]:
    """The annotations of a tier: where each was, start and end in ns, what it says, and the track.

    The tier is the one that is asked for, by its name or by what stands before "@"; else the only one that
    has annotations; else the one called "labels" or "label". Tiers that differ only behind "@" are one, each
    of a track of its own, named by the tier's participant or by what stands behind "@". Annotations that
    refer to those of another tier take their times, unless several share them. Times count from the first
    frame of the recording: the offset of ELAN's first medium is added.

    Raises
    ------
    DatasetError : not ELAN's XML, a document type (with which entities come), endless nesting, a tier that
        is not there, or times that are none.
    """
    file = _File(path)
    if not file.parse(data):
        raise DatasetError(f"{path} is no file of ELAN: it has no ANNOTATION_DOCUMENT")
    return [row for chosen in file.choose(tier) for row in file.rows(chosen)]


class _File:
    """What is gathered while the parser goes through the file once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tiers: list[_Tier] = []
        self._slots: dict[str, int | None] = {}
        self._by_id: dict[str, _Annotation] = {}
        self._origin: int | None = None
        self._text: list[str] | None = None
        self._open: list[str] = []
        self._count = 0
        self._root = ""

    def parse(self, data: bytes) -> bool:
        """Go through the file; whether it is one of ELAN's."""
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            raise DatasetError(f"{self._path}, line {error.lineno}: no XML: {what}") from error
        except (LookupError, ValueError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{self._path}, {self._where()}: no XML: {error}") from error
        return self._root == "ANNOTATION_DOCUMENT"

    def choose(self, wanted: str) -> list[_Tier]:
        filled = [tier for tier in self._tiers if tier.annotations]
        if not filled:
            raise DatasetError(f"{self._path} holds no annotations")
        kinds = list(dict.fromkeys(tier.kind for tier in filled))
        if wanted:
            chosen = [t for t in filled if t.name == wanted] or [t for t in filled if t.kind == wanted]
            problem = f"has no annotations in a tier {wanted!r}"
        else:
            named = kinds if len(kinds) == 1 else [kind for kind in kinds if kind.lower() in _NAMES][:1]
            chosen = [tier for tier in filled if tier.kind in named]
            problem = 'has several tiers, none of them called "labels": name one'
        if not chosen:
            names = ", ".join(repr(tier.name) for tier in filled[:10])
            raise DatasetError(f"{self._path} {problem}; it has {names}")
        return chosen

    def rows(self, tier: _Tier) -> list[tuple[str, int, int, str, str]]:
        siblings = Counter(item.parent for item in tier.annotations if item.slots is None)
        found = []
        for item in tier.annotations:
            where = f"line {item.line}"
            if siblings[item.parent] > 1 and item.slots is None:
                raise DatasetError(
                    f"{self._path}, {where}: several annotations of {tier.name!r} share the time of one of "
                    "another tier"
                )
            start, end = (self._time(where, slot) for slot in self._slots_of(item, where))
            found.append((where, start, end, item.value, tier.track))
        return found

    def _slots_of(self, item: _Annotation, where: str) -> tuple[str, str]:
        # Tiers are nested no deeper than elements; a chain that bites its tail ends too.
        for _ in range(MAX_DEPTH):
            if item.slots is not None:
                return item.slots
            if item.parent not in self._by_id:
                break
            item = self._by_id[item.parent]
        raise DatasetError(f"{self._path}, {where}: the annotation refers to none that has times")

    def _time(self, where: str, slot: str) -> int:
        value = self._slots.get(slot)
        if value is None:
            raise DatasetError(f"{self._path}, {where}: the time slot {slot[:40]!r} has no time")
        time = value + (self._origin or 0)
        if time < 0:
            raise DatasetError(f"{self._path}, {where}: the time is {-time} ms before the recording")
        return time * _MILLISECOND

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._root = self._root or tag
        self._open.append(tag)
        self._count += 1
        if len(self._open) > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise self._error("more elements than a file of labels has")
        if tag == "HEADER" and attributes.get("TIME_UNITS", "milliseconds") != "milliseconds":
            raise self._error(f"times in {attributes['TIME_UNITS'][:40]!r}, not in milliseconds")
        if tag == "MEDIA_DESCRIPTOR" and self._origin is None:
            self._origin = self._milliseconds(attributes.get("TIME_ORIGIN", "0"))
        elif tag == "TIME_SLOT":
            value = attributes.get("TIME_VALUE")
            slot = self._attribute(attributes, "TIME_SLOT_ID")
            self._slots[slot] = None if value is None else self._milliseconds(value)
        elif tag == "TIER":
            name = self._attribute(attributes, "TIER_ID")
            self._tiers.append(_Tier(name, attributes.get("PARTICIPANT", "").strip()))
        elif tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._annotation(tag, attributes)
        elif tag == "ANNOTATION_VALUE":
            self._text = []

    def _annotation(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._tiers:
            raise self._error("an annotation outside of a tier")
        slots, parent = None, ""
        if tag == "REF_ANNOTATION":
            parent = self._attribute(attributes, "ANNOTATION_REF")
        else:
            first, second = (self._attribute(attributes, f"TIME_SLOT_REF{i}") for i in (1, 2))
            slots = first, second
        item = _Annotation(self._parser.CurrentLineNumber, slots, parent)
        self._by_id[self._attribute(attributes, "ANNOTATION_ID")] = item
        self._tiers[-1].annotations.append(item)

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "ANNOTATION_VALUE" and self._text is not None:
            if self._tiers and self._tiers[-1].annotations:
                self._tiers[-1].annotations[-1].value = "".join(self._text)
            self._text = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _refuse(self, *_: object) -> None:
        raise self._error("a document type, which ELAN does not write, is refused")

    def _attribute(self, attributes: dict[str, str], name: str) -> str:
        if name not in attributes:
            raise self._error(f"{name} is missing")
        return attributes[name]

    def _milliseconds(self, text: str) -> int:
        # Bounded digits: the time must fit into 63 bits of nanoseconds.
        if not text.removeprefix("-").isdecimal() or len(text) > 12 or not text.isascii():
            raise self._error(f"{text[:40]!r} are no milliseconds")
        return int(text)

    def _where(self) -> str:
        return f"line {self._parser.CurrentLineNumber}"

    def _error(self, what: str) -> DatasetError:
        return DatasetError(f"{self._path}, {self._where()}: {what}")
