"""Self-contained HTML pages: a template with its style, its scripts and its data put inside.

A page asks for nothing from the network (its content security policy forbids it) and opens from ``file://``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

# Controls and surrogates have no glyph, and surrogates no UTF-8; overrides of the writing direction would
# turn round what follows them.
_HOSTILE_CATEGORIES = {"Cc", "Cs"}
_HOSTILE_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def page(template: str, title: str, data: Any, *, css: Sequence[str], js: Sequence[str]) -> str:
    """The page of a template of this room; equal data gives equal text.

    Parameters
    ----------
    data : plain JSON values, which ``page.js`` reads.
    css, js : names of files of this room, put one after another.
    """
    style, script = ("".join(asset(name) for name in names) for names in (css, js))
    parts = {
        "title": html.escape(visible(title)),
        "css": style,
        "js": script,
        "css_hash": csp_hash(style),
        "js_hash": csp_hash(script),
        "data": script_json(data),
    }
    body = asset(template).replace("{{head}}", asset("page_head.html"))
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], body)


def script_json(value: Any) -> str:
    """Strict JSON that may stand inside a ``<script>`` element, whatever strings it holds.

    ValueError for NaN and infinities.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def visible(text: str) -> str:
    """The text with U+FFFD for controls, surrogates and overrides of the writing direction."""
    return "".join("\ufffd" if _is_hostile(character) else character for character in text)


def _is_hostile(character: str) -> bool:
    return (
        unicodedata.category(character) in _HOSTILE_CATEGORIES
        or unicodedata.bidirectional(character) in _HOSTILE_DIRECTIONS
    )


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def asset(name: str) -> str:
    """The text of a file of this room."""
    return (files("motion_seg_ros.evaluation") / name).read_text(encoding="utf-8")


def csp_hash(text: str) -> str:
    """What a content security policy calls an inline style or script."""
    return "sha256-" + base64_text(hashlib.sha256(text.encode()).digest())
