"""Writing rosbag2 recordings without ROS."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer

from motion_seg_ros.bags.conversion import to_message
from motion_seg_ros.bags.items import Image, Label
from motion_seg_ros.bags.typestore import typestore
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.plain_text import InputError
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent

_DISK_ERRORS = (OSError, sqlite3.Error)
_STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
# The last three are what a killed recorder leaves.
_BAG_FILES = frozenset({".mcap", ".db3", ".zstd", ".db3-journal", ".db3-wal", ".db3-shm"})


class BagError(InputError):
    """A recording that cannot be written; the message is one sentence."""


class BagWriter:
    """A rosbag2 that is written from beginning to end, as a context manager.

    A folder at ``path`` is replaced if it is a rosbag2 and nothing else. A recorder that is killed leaves
    a file with all that was written before the last :meth:`flush` (of .mcap: all but the last megabyte, if
    that is more), without an index or metadata.yaml: :func:`motion_seg_ros.bags.sources.open_source` reads
    it, ``mcap recover`` repairs it. After an exception in the ``with`` block the recording is closed properly
    all the same. One that cannot be written on, say because the disk is full, is broken off: what is there
    stays, and nothing more is taken.

    Parameters
    ----------
    path : folder to create.
    storage : "mcap" or "sqlite3".

    Attributes
    ----------
    count : messages written so far.

    Raises
    ------
    BagError : something else is at ``path``, or the folder cannot be written.
    """

    def __init__(self, path: str | Path, storage: str = "mcap") -> None:
        self.path = Path(path)
        if storage not in _STORAGES:
            raise BagError(f"storage must be one of {', '.join(_STORAGES)}, not {storage!r}")
        self._storage = storage
        self._types = typestore()
        self._connections: dict[str, Connection] = {}
        self.count = 0
        try:
            _make_room(self.path)
            self._writer: Writer | None = Writer(self.path, version=9, storage_plugin=_STORAGES[storage])
            self._writer.open()
        except _DISK_ERRORS as error:
            raise BagError(
                f"{path} cannot be written: {getattr(error, 'strerror', None) or error}"
            ) from error

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_topic(self, topic: str, type_name: str, qos: Sequence[Qos] = ()) -> None:
        """Declare a topic with its QoS; one that is written without counts as having the default.

        Raises
        ------
        BagError : the type is not known, or the topic has another one already.
        """
        known = self._connections.get(topic)
        if known is not None:
            if known.msgtype != type_name:
                raise BagError(f"{topic} carries {known.msgtype}, not {type_name}")
            return
        if type_name not in self._types.fielddefs:
            raise BagError(f"{topic}: the message type {type_name} is not known")
        self._connections[topic] = self._open_writer().add_connection(
            topic, type_name, typestore=self._types, offered_qos_profiles=qos
        )

    def note(self, key: str, value: str) -> None:
        """Keep a fact about the recording in its metadata ("custom_data")."""
        self._open_writer().set_custom_data(key, value)

    def write(self, topic: str, item: Any, stamp: int) -> None:
        """Write a core object (skeletons, event, tokens, image, label) or a message made of rosbags' classes.

        ``stamp`` (ns) is the time of recording, and an image's own stamp.
        """
        if isinstance(item, Image | Label | SkeletonFrame | SegmentEvent | ConceptTokens):
            item = to_message(item, self._types.types, stamp)
        name = item.__msgtype__
        self.write_raw(topic, name, self._types.serialize_cdr(item, name), stamp)

    def write_raw(self, topic: str, type_name: str, data: bytes | memoryview, stamp: int) -> None:
        """Write a serialised message, as rclpy's raw subscriptions deliver it."""
        self.add_topic(topic, type_name)
        try:
            self._open_writer().write(self._connections[topic], stamp, data)
        except _DISK_ERRORS as error:
            raise self._broken_off(error) from error
        self.count += 1

    def flush(self) -> None:
        """Hand what was written to the system: whoever is killed now has lost nothing."""
        storage: Any = self._open_writer().storage
        try:
            if self._storage == "mcap":
                if storage.chunk.bio.tell():
                    storage.close_chunk()
                storage.bio.flush()
            else:
                storage.conn.commit()
        except _DISK_ERRORS as error:
            raise self._broken_off(error) from error

    def _broken_off(self, error: Exception) -> BagError:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(*_DISK_ERRORS):  # it was said already
                writer.abort()
        return BagError(f"{self.path} cannot be written: {getattr(error, 'strerror', None) or error}")

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise BagError(f"{self.path} is closed")
        return self._writer

    def close(self) -> None:
        """Write index and metadata; more calls do nothing.

        Raises
        ------
        BagError : they cannot be written.
        """
        if self._writer is None:
            return
        try:
            self._writer.close()
        except _DISK_ERRORS as error:
            raise self._broken_off(error) from error
        self._writer = None


def _make_room(path: Path) -> None:
    """Remove an older recording; BagError for anything else that is there."""
    if not path.exists():
        return
    if not path.is_dir():
        raise BagError(f"{path} is a file; a recording is a folder")
    items = list(path.iterdir())
    foreign = [item.name for item in items if item.is_dir() or not _is_bag_file(item)]
    if foreign:
        raise BagError(f"{path} exists and is no recording (it holds {foreign[0]}): name another folder")
    shutil.rmtree(path)


def _is_bag_file(path: Path) -> bool:
    return path.suffix in _BAG_FILES or path.name in ("metadata.yaml", "metadata.yaml.tmp")
