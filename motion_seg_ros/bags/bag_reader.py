"""Messages of a rosbag, through the rosbags library, or from a damaged file as far as it can be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError

from motion_seg_ros.bags.damaged import Damaged, DamagedDb3, DamagedMcap
from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.plain_text import reason
from motion_seg_ros.yaml_file import read_yaml

BAG_SUFFIXES = frozenset({".mcap", ".db3", ".bag"})
_SALVAGE: dict[str, type[Damaged]] = {".mcap": DamagedMcap, ".db3": DamagedDb3}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a recording.

    ``type`` is the full name of its messages, ``count`` how many there are; ``defined`` says whether it is
    known what they are made of, by the recording or by this package.
    """

    name: str
    type: str
    count: int
    defined: bool = True


class Bag:
    """A recording that can be read as often as needed.

    Attributes
    ----------
    topics : with their types and counts.
    start_time, end_time : ns, of the first and the last message.
    notes : what the recorder kept in the metadata ("custom_data").
    problem : "" or one sentence that says what could not be read; complete after the messages were read.

    Raises
    ------
    SourceError : nothing can be read of it.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SourceError(f"{path} does not exist")
        self.path = path
        self.problem = self._damage = ""
        self.notes = _notes(path)
        self._damaged: list[Damaged] = []
        try:
            with self._reader() as reader:
                self.topics = [
                    Topic(
                        name,
                        info.msgtype or "",
                        info.msgcount,
                        info.msgtype in reader.typestore.fielddefs,
                    )
                    for name, info in sorted(reader.topics.items())
                ]
                self.start_time = int(reader.start_time)
                self.end_time = max(self.start_time, int(reader.end_time) - 1)
        except Exception as error:  # a foreign parser on foreign bytes: it may raise anything
            self._salvage(error)

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        """``(topic, time of recording in ns, message)`` in the order of the recording.

        What cannot be read ends the iteration, or is left out, and is told by ``problem``.
        """
        self.problem = self._damage
        count = 0
        try:
            for item in self._damaged_messages(topics) if self._damaged else self._whole_messages(topics):
                yield item
                count += 1
        except Exception as error:  # as above
            what = f"{self.path} could be read for {count} messages only: {_sentence(error)}"
            self.problem = f"{self._damage}; {what}" if self._damage else what

    def _whole_messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        with self._reader() as reader:
            chosen = [connection for connection in reader.connections if connection.topic in topics]
            for connection, time, raw in reader.messages(chosen) if chosen else ():
                if not isinstance(time, int):  # SQLite keeps anything in any column
                    raise ValueError(f"a message of {connection.topic} has a time that is no number")
                yield connection.topic, time, reader.deserialize(raw, connection.msgtype)

    def _damaged_messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        for part in self._damaged:
            yield from part.messages(topics)

    def first(self, topic: Topic) -> Any:
        """The first message of a topic; SourceError where not even that can be read."""
        for _, _, message in self.messages([topic.name]):
            return message
        raise SourceError(self.problem or f"{self.path} has no message of {topic.name} that can be read")

    def _reader(self) -> AnyReader:
        return AnyReader([self.path], default_typestore=typestore())

    def _salvage(self, error: Exception) -> None:
        """Read a damaged recording without its index; SourceError where that is impossible."""
        reason = _sentence(error)
        files = [self.path]
        if self.path.is_dir():
            files = sorted(f for f in self.path.iterdir() if f.suffix in _SALVAGE)
            if not files and not (self.path / "metadata.yaml").exists():
                raise SourceError(
                    f"{self.path} is a folder without metadata.yaml, .mcap or .db3: no rosbag2"
                ) from error
        try:
            self._damaged = [_SALVAGE[f.suffix](f) for f in files if f.suffix in _SALVAGE]
        except (OSError, ValueError, sqlite3.Error) as second:
            raise SourceError(
                f"{self.path} is not a recording that can be read: {_sentence(second)}"
            ) from error
        counts: dict[tuple[str, str], int] = {}
        for part in self._damaged:
            for key, count in part.counts.items():
                counts[key] = counts.get(key, 0) + count
        known = typestore().fielddefs
        self.topics = [
            Topic(name, kind, count, kind in known) for (name, kind), count in sorted(counts.items())
        ]
        total = sum(counts.values())
        if total == 0:
            raise SourceError(f"{self.path} is not a recording that can be read: {reason}")
        self.start_time = min(part.start_time for part in self._damaged if part.counts)
        self.end_time = max(part.end_time for part in self._damaged if part.counts)
        self.problem = self._damage = (
            f"{self.path} is damaged or was not closed ({reason}): {total} messages could be saved"
        )


def _notes(path: Path) -> dict[str, str]:
    """The custom data in a recording's metadata; empty where there is none that can be read."""
    try:
        notes = read_yaml(path / "metadata.yaml")["rosbag2_bagfile_information"]["custom_data"]
    except (ValueError, KeyError, TypeError):
        # It is not needed to read the messages; who needs it looks what is there.
        return {}
    return {str(key): str(value) for key, value in notes.items()} if isinstance(notes, dict) else {}


def _sentence(error: Exception) -> str:
    """What an error says, and whether it was meant to be read."""
    told = isinstance(error, AnyReaderError | OSError | sqlite3.Error | ValueError)
    return (
        reason(error) if told and not isinstance(error, UnicodeError) else f"broken contents: {reason(error)}"
    )
