"""A thread that works on the latest of what arrives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWins(Generic[Item]):
    """Runs ``process`` on items in order in one thread; when behind, the oldest waiting items are dropped.

    Parameters
    ----------
    process : called in the thread with one item; it handles its own errors.
    capacity : how many items may wait.
    dropped : called, in the thread of :meth:`put`, for each item dropped.
    """

    def __init__(
        self, process: Callable[[Item], None], capacity: int, dropped: Callable[[], None], name: str
    ) -> None:
        self._process = process
        self._capacity = capacity
        self._dropped = dropped
        self._waiting: deque[Item] = deque()
        self._busy = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item, *, wait: bool = False) -> None:
        """Queue an item. With ``wait``, block until there is room instead of dropping."""
        with self._changed:
            while wait and len(self._waiting) >= self._capacity and not self._closed:
                self._changed.wait()
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._dropped()
            self._waiting.append(item)
            self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being processed."""
        with self._changed:
            return not self._waiting and not self._busy

    def close(self) -> None:
        """Drop what waits, let the item in progress finish, and end the thread."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                item = self._waiting.popleft()
                self._busy = True
                self._changed.notify_all()
            self._process(item)
