"""ROS domains in which nobody else is."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..bags.items import SourceError

# Domains whose ports are free on every platform, without 0, in which people live.
DOMAINS = range(1, 101)


@contextmanager
def own_domain() -> Iterator[int]:
    """A ROS domain that nobody on this machine has taken by this; SourceError if all are."""
    for offset in range(len(DOMAINS)):
        domain = DOMAINS[(os.getpid() + offset) % len(DOMAINS)]
        path = Path(tempfile.gettempdir()) / f"motion_seg_domain_{os.getuid()}_{domain}.lock"
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise SourceError(f"all {len(DOMAINS)} ROS domains are taken by other plays")
