"""Answers kept on disk, so that nobody pays twice for one question."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import diskcache

from motion_seg_ros.plain_text import reason
from motion_seg_ros.semantics.protocol import Answer, Question

_FORMAT = "motion_seg_ros.answers/1"
_MOST_BYTES = 64 * 2**20
_RAW = 1  # diskcache's mode of values that lie in the database as they are


class _TextDisk(diskcache.Disk):  # type: ignore[misc]
    """Text and nothing else: what anybody may have put into the folder is never unpickled."""

    def get(self, key: Any, raw: Any) -> Any:
        if not raw:
            raise ValueError("the key is a pickle")
        return super().get(key, raw)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode != _RAW or not isinstance(value, str):
            raise ValueError("the value is not text")
        return value


class AnswerCache:
    """Answers by what was asked and of whom.

    Parameters
    ----------
    folder : made if it does not exist.
    fingerprint : of the backend, as :attr:`motion_seg_ros.semantics.protocol.Backend.fingerprint`.

    Raises
    ------
    OSError : the folder cannot be used.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        try:
            # Answers are short: all lie in the database, none in a file of its own.
            self._store = diskcache.Cache(
                folder, disk=_TextDisk, disk_min_file_size=2**20, size_limit=_MOST_BYTES, timeout=1.0
            )
        except Exception as error:  # the settings that it keeps in its file may say anything
            raise OSError(f"the cache {folder} cannot be used: {reason(error)}") from error

    def get(self, question: Question) -> Answer | None:
        """The answer that was kept, at no cost; None if there is none.

        Raises
        ------
        OSError : it cannot be looked into (damaged, locked), or what lies there is no answer.
        """
        try:
            text = self._store.get(self._key(question))
            if text is None:
                return None
            kept = json.loads(text)
            first, second = kept["phrases"]
            return Answer(float(kept["same"]), (str(first), str(second)), str(kept["source"]))
        except Exception as error:  # a file that anybody may have damaged fails in any way
            raise OSError(f"kept answers cannot be read: {reason(error)}") from error

    def put(self, question: Question, answer: Answer) -> None:
        """Keep an answer.

        Raises
        ------
        OSError : it cannot be kept.
        """
        kept = {"same": answer.same_probability, "phrases": answer.phrases, "source": answer.source}
        try:
            self._store.set(self._key(question), json.dumps(kept))
        except Exception as error:  # as above
            raise OSError(f"answers cannot be kept: {reason(error)}") from error

    def close(self) -> None:
        self._store.close()

    def _key(self, question: Question) -> str:
        content = f"{_FORMAT}\n{self._fingerprint}\n{question.key}"
        return hashlib.sha256(content.encode()).hexdigest()
