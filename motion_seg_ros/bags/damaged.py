"""Recordings that were cut off: what a killed recorder, a full disk or a broken copy leaves behind.

Read from the beginning without index, as far as records are whole.
"""

from __future__ import annotations

import sqlite3
import struct
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from motion_seg_ros.bags.typestore import typestore

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 3, 4, 5, 6, 15
# A recorder's chunks have about a megabyte; what claims more than this is no chunk.
_MAX_RECORD = 1 << 30

# By the name in the file: the modules that rosbags brings along (another one in other versions of it and of
# Python), and how they are used.
_DECOMPRESSORS: dict[str, tuple[tuple[str, Callable[[Any, bytes, int], bytes]], ...]] = {
    "lz4": (("lz4.frame", lambda lz4, data, size: lz4.LZ4FrameDecompressor().decompress(data, size)),),
    "zstd": (
        ("compression.zstd", lambda zstd, data, size: zstd.ZstdDecompressor().decompress(data, size)),
        ("backports.zstd", lambda zstd, data, size: zstd.ZstdDecompressor().decompress(data, size)),
        ("zstandard", lambda zstd, data, size: zstd.ZstdDecompressor().decompress(data, size)),
    ),
}


@dataclass(frozen=True, slots=True)
class _Channel:
    topic: str
    type: str


class Damaged(ABC):
    """What both kinds of files have in common: a first pass that counts, a second one that reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[tuple[str, str]] = Counter()
        self.start_time, self.end_time = 2**63, 0
        for channel, time, _ in self._raw():
            self.counts[channel.topic, channel.type] += 1
            self.start_time, self.end_time = min(self.start_time, time), max(self.end_time, time)

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        """``(topic, time in ns, message)`` in the order of the file, without unknown types."""
        store = typestore()
        for channel, time, data in self._raw():
            if channel.topic in topics and channel.type in store.fielddefs:
                yield channel.topic, time, store.deserialize_cdr(data, channel.type)

    @abstractmethod
    def _raw(self) -> Iterator[tuple[_Channel, int, bytes]]:
        """Channel, time in ns and CDR of each message."""


class DamagedDb3(Damaged):
    """A SQLite recording, in the order of its rows; ValueError or sqlite3.Error where it is none."""

    def _raw(self) -> Iterator[tuple[_Channel, int, bytes]]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro&immutable=1", uri=True)
        try:
            # Without it SQLite refuses a file that is shorter than its header says.
            connection.execute("PRAGMA writable_schema=ON")
            channels = {
                row[0]: _Channel(str(row[1]), str(row[2]))
                for row in connection.execute("SELECT id, name, type FROM topics")
            }
            rows = connection.execute("SELECT topic_id, timestamp, data FROM messages NOT INDEXED")
            while row := _next_row(rows):
                # SQLite keeps anything in any column.
                if row[0] in channels and isinstance(row[1], int) and isinstance(row[2], bytes):
                    yield channels[row[0]], row[1], row[2]
        finally:
            connection.close()


def _next_row(rows: sqlite3.Cursor) -> Any:
    try:
        return rows.fetchone()
    except sqlite3.DatabaseError:
        # The first page that is not there: all before it was read.
        return None


class DamagedMcap(Damaged):
    """An MCAP recording, in the order of the file, with the last chunk as far as it was written.

    ValueError where it does not begin like one.
    """

    def _raw(self) -> Iterator[tuple[_Channel, int, bytes]]:
        channels: dict[int, _Channel] = {}
        schemas: dict[int, str] = {}
        with self.path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it does not begin like an MCAP file")
            for kind, record in _records(file):
                if kind == _SCHEMA:
                    schemas[_uint16(record, 0)] = _string(record, 2)
                elif kind == _CHANNEL:
                    schema = schemas.get(_uint16(record, 2), "")
                    channels[_uint16(record, 0)] = _Channel(_string(record, 4), schema)
                elif kind == _MESSAGE and len(record) >= 22 and (channel := channels.get(_uint16(record, 0))):
                    # channel, sequence (4 bytes), time of logging, time of publishing (8 bytes), data
                    (time,) = struct.unpack_from("<Q", record, 6)
                    yield channel, time, record[22:]


def _records(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Whole records, those inside of chunks in their place, up to the end of the data or of the file."""
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    while len(header := file.read(9)) == 9:
        kind, length = struct.unpack("<BQ", header)
        if kind == _CHUNK:
            # Start, end, size (8 bytes each), checksum, length of the compression's name (4 bytes each).
            fixed = file.read(32)
            if len(fixed) < 32:
                return
            plain_size, name_size = struct.unpack_from("<Q4xI", fixed, 16)
            tail = file.read(name_size + 8) if name_size < 16 else b""
            if len(tail) < name_size + 8:
                return
            # The records of an uncompressed chunk follow in the same form, so that a cut one needs no care.
            if name_size:
                (stored,) = struct.unpack_from("<Q", tail, name_size)
                if max(stored, plain_size) > _MAX_RECORD or file.tell() + stored > size:
                    return
                name = tail[:name_size].decode(errors="replace")
                try:
                    plain = _decompress(name, file.read(stored), plain_size)
                except ValueError:
                    raise
                except Exception:  # each library has an error of its own for damaged data: the end
                    return
                yield from _records(BytesIO(plain))
            continue
        if kind == _DATA_END or length > _MAX_RECORD or file.tell() + length > size:
            return
        yield kind, file.read(length)


def _decompress(name: str, data: bytes, size: int) -> bytes:
    """At most ``size`` bytes; ValueError for a compression that is not known or whose module is not here."""
    for module, decompressor in _DECOMPRESSORS.get(name, ()):
        with suppress(ImportError):
            return bytes(decompressor(import_module(module), data, size))
    raise ValueError(f"compression {name!r} cannot be read here")


def _uint16(record: bytes, offset: int) -> int:
    return int.from_bytes(record[offset : offset + 2], "little")


def _string(record: bytes, offset: int) -> str:
    size = int.from_bytes(record[offset : offset + 4], "little")
    return record[offset + 4 : offset + 4 + size].decode(errors="replace")
