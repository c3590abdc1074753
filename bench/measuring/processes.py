"""What the system says of a process."""

from __future__ import annotations

import os
from pathlib import Path


def resident_mb(pid: int | str = "self") -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def handles(pid: int | str = "self") -> int:
    """Open files, sockets and pipes."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int | str = "self") -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def cpu_s(pid: int | str = "self") -> float:
    """Seconds of processor time since the process began, of all its threads."""
    # The name in brackets may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
