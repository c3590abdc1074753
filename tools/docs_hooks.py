"""What MkDocs asks for while it builds the documentation: pages and pictures that are made, not written."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import pictures  # noqa: E402
import reference  # noqa: E402


def on_config(config: Any) -> Any:
    """Put pages that mkdocs.yml does not place into its last section, so that none is forgotten."""
    placed = str(config.nav)
    docs = Path(config.docs_dir)
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs).as_posix()
        if f"'{name}'" not in placed:
            config.nav[-1][next(iter(config.nav[-1]))].append(name)
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Name what lies in the repository but not in the site, such as a test, in place of a link to it."""
    here = Path(config.docs_dir, page.file.src_uri).parent

    def name(link: re.Match[str]) -> str:
        target = (here / link[2]).resolve()
        outside = target.exists() and not target.is_relative_to(config.docs_dir)
        return f"{link[1]} (`{target.relative_to(ROOT)}`)" if outside else link[0]

    return re.sub(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#\s]+)\)", name, markdown)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the code and the pictures that are made from the demo's output."""
    for name, make in reference.PAGES.items():
        files.append(File.generated(config, name, content=make()))
    demo = Path(os.environ.get("MOTION_SEG_DEMO", ROOT / "out" / "demo"))
    if not (demo / "report.html").is_file():
        raise PluginError(f"the pictures are made from {demo}, which is not there: run ./run demo first")
    try:
        folder = pictures.make(demo)
    except pictures.NoBrowser as reason:
        raise PluginError(str(reason)) from reason
    for name in pictures.NAMES:
        files.append(File.generated(config, f"images/{name}", abs_src_path=str(folder / name)))
    return files
