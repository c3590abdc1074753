"""Sections of a page of documentation that a command writes."""

from __future__ import annotations

import os
from pathlib import Path


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError : the page has no such section.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no section {begin} ... {end}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def machine() -> str:
    """One sentence on what was measured on, and how busy it was."""
    fields = dict(
        line.split(":", 1)
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if ":" in line
    )
    model = {name.strip(): value.strip() for name, value in fields.items()}.get("model name", "a processor")
    cores = len(os.sched_getaffinity(0))
    return f"On {cores} cores ({model}), load {os.getloadavg()[0]:.1f} when it began."
