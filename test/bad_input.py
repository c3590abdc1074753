"""Valid bytes and text with damage, and what may come of reading them: a result, or one sentence.

``MOTION_SEG_FUZZ=N`` tries N times as many examples, at random instead of the same ones each time.
"""

from __future__ import annotations

import os
import signal
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Result = TypeVar("Result")

_MORE = int(os.environ.get("MOTION_SEG_FUZZ", "0"))
# Of processor time, as the machine may be busy: a file of a few kilobytes that takes longer hangs.
_SECONDS = 10
_LONGEST = 600
# What counts, lengths and offsets lie with, as bytes of either order and as text.
_NUMBERS = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
_BYTES = [n.to_bytes(size, order) for n in _NUMBERS for size in (1, 2, 4, 8) for order in ("little", "big")
          if n < 256**size]  # fmt: skip
_WORDS = [
    *("", "0", "-1", "1", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "9" * 30, "9" * 5000, "null"),
    *(
        "true",
        "[]",
        "{}",
        '""',
        "[" * 3000,
        "{" * 3000,
        '{"a":' * 3000,
        "&a [*a]",
        "\0",
        "\n",
        "\r",
        '"',
        "'",
    ),
    *("\x1b[2J", "\u202e", "\ud800", "é", "#", ":", "- ", ",", "<", "&", "%s", "../..", "a" * 2000),
]


def examples(count: int) -> Callable[[Any], Any]:
    """How often a property is tried."""
    return settings(
        max_examples=count * max(1, _MORE),
        deadline=None,
        derandomize=not _MORE,
        database=None,
        print_blob=bool(_MORE),
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def damaged(draw: st.DrawFn, content: bytes, most: int = 3) -> bytes:
    """The bytes after a few changes: flips, lying numbers, cuts, repetitions, what is no text."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "number", "random", "cut", "drop", "repeat", "word"]))
        span = draw(st.integers(1, 64))
        if kind == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            number = draw(st.sampled_from(_BYTES))
            data[place : place + len(number)] = number
        elif kind == "random":
            damage = draw(st.binary(max_size=20))
            data[place : place + len(damage)] = damage
        elif kind == "cut":
            del data[place:]
        elif kind == "drop":
            del data[place : place + span]
        elif kind == "repeat":
            data[place:place] = data[place : place + span] * draw(st.sampled_from([1, 2, 1000]))
        elif kind == "word":
            data[place:place] = draw(st.sampled_from(_WORDS)).encode(errors="surrogatepass")
    return bytes(data)


@st.composite
def damaged_text(draw: st.DrawFn, content: str, most: int = 3) -> bytes:
    """Text in which words were exchanged, dropped or repeated, lines too; sometimes the bytes as well."""
    lines = [line.split(" ") for line in content.split("\n")]
    for _ in range(draw(st.integers(1, most))):
        row = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(lines[row]) - 1)) if lines[row] else 0
        kind = draw(st.sampled_from(["word", "word", "drop", "row", "repeat", "swap"]))
        if kind == "word":
            lines[row][column : column + 1] = [draw(st.sampled_from(_WORDS))]
        elif kind == "drop":
            del lines[row][column : column + 1]
        elif kind == "row" and len(lines) > 1:
            del lines[row]
        elif kind == "repeat":
            lines[row:row] = [list(lines[row])] * draw(st.sampled_from([1, 3, 2000]))
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[row], lines[other] = lines[other], lines[row]
    data = "\n".join(" ".join(words) for words in lines).encode(errors="surrogatepass")
    return draw(damaged(data, 1)) if draw(st.integers(0, 4)) == 0 else data


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**63), 2**64])
    | st.floats()
    | st.sampled_from(_WORDS)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)
"""Whatever JSON and YAML can say."""


@st.composite
def with_other_values(draw: st.DrawFn, content: Any, most: int = 2) -> Any:
    """A structure of lists and mappings in which some values, or all below them, are others or missing."""
    for _ in range(draw(st.integers(1, most))):
        content = _exchanged(draw, content)
    return content


def _exchanged(draw: st.DrawFn, content: Any) -> Any:
    if not isinstance(content, dict | list) or not content or draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    keys = list(content) if isinstance(content, dict) else range(len(content))
    key = draw(st.sampled_from(list(keys)))
    changed = content.copy()
    if draw(st.integers(0, 7)) == 0:
        del changed[key]
    else:
        changed[key] = _exchanged(draw, content[key])
    return changed


class Hangs(BaseException):
    """Nobody who catches Exception catches it."""


@contextmanager
def in_time(seconds: float = _SECONDS) -> Iterator[None]:
    """Fail if it takes more processor time."""

    def late(*_: object) -> None:
        raise Hangs(f"it takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def result_or_sentence(read: Callable[[], Result], *refusals: type[Exception]) -> Result | None:
    """What is read, without a warning; None where one of the errors refuses it in a printable sentence."""
    with in_time(), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return read()
        except refusals as error:
            sentence = str(error)
    assert sentence.strip(), repr(sentence)
    assert all(character.isprintable() for character in sentence), repr(sentence)
    assert len(sentence) < _LONGEST, sentence
    return None


@contextmanager
def little_memory(megabytes: float) -> Iterator[None]:
    """Fail if Python and numpy together took more at any moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    if peak > megabytes:
        pytest.fail(f"{peak:.0f} MB were taken, more than {megabytes:.0f}")
