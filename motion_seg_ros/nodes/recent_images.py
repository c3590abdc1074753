"""Images that wait for the skeletons found in them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

WAITING_BYTES = 64 * 2**20  # a second or two of a camera's images


class RecentImages:
    """The newest images by stamp (ns), as many as fit. Any thread may call any method.

    Parameters
    ----------
    most_bytes : of all of them together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: deque[tuple[int, Any, int]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, stamp: int, image: Any, size: int) -> None:
        """Keep an image of so many bytes; the oldest go when there are too many."""
        with self._lock:
            self._waiting.append((stamp, image, size))
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._waiting.popleft()[2]

    def take(self, stamp: int) -> Any:
        """The image of that stamp or None; it and all that came before it are forgotten."""
        with self._lock:
            if not any(known == stamp for known, _, _ in self._waiting):
                return None
            while True:
                known, image, size = self._waiting.popleft()
                self._bytes -= size
                if known == stamp:
                    return image
