"""How a process of nodes ends: heard from its first moment on, with code 0, within three seconds.

Imports nothing that takes time: a process listens before it loads what it needs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

GRACE_S = 1.0  # for the main thread to end by itself while nothing can be lost
POLL_S = 0.05


class Ending:
    """Set by SIGINT and SIGTERM.

    Python runs handlers of signals in the main thread, between two of its own instructions. A main thread
    that imports a library, loads a model or waits for an answer does not get there for seconds, so a thread
    hears them too. It tells those who hold the main thread up to make haste, and when ``GRACE_S`` later the
    process is still there although nothing would be lost, it ends it.

    Attributes
    ----------
    asked : set when the process should end.
    make_haste : called once, in the thread, when a signal has come.
    nothing_to_lose : whether the process may end at any moment. Called in the thread.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.make_haste: Callable[[], None] = lambda: None
        self.nothing_to_lose: Callable[[], bool] = lambda: True
        self._thread: threading.Thread | None = None

    def listen(self) -> None:
        """From now on the signals end nothing but set ``asked``; belongs to the main thread."""
        if self._thread is not None:
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.asked.set())
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._hear, args=(reader,), name="ending", daemon=True)
        self._thread.start()

    def _hear(self, reader: int) -> None:
        while os.read(reader, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass
        self.asked.set()
        self.make_haste()
        time.sleep(GRACE_S)
        while not self.nothing_to_lose():
            time.sleep(POLL_S)
        leave(0)


# Signals are the process's.
ending = Ending()


def leave(code: int) -> None:
    """End the process at once.

    What Python does besides is to take down module after module: seconds on a busy machine, for nothing.
    """
    logging.shutdown()
    with contextlib.suppress(OSError):  # nobody may be reading any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
