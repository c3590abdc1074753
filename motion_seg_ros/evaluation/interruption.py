"""Ctrl-C while processes are started: they inherit it from the terminal, and would say so in many lines."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits, and never disturbs processes that are started meanwhile: who starts them ends them."""
    came: list[int] = []
    resource_tracker.ensure_running()  # later it would unblock what we block
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children keep it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
