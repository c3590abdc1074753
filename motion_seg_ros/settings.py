"""Configuration as frozen dataclasses whose fields say what they mean and what they may be.

One declaration serves the core (validation), the nodes (ROS parameters with descriptors and ranges)
and the documentation.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, field, fields
from typing import Any


def setting(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with a description and the closed range or the choices of its value."""
    return field(
        default=default,
        metadata={"description": description, "low": low, "high": high, "choices": choices},
    )


def parameter_names(kind: type) -> dict[str, str]:
    """Name of the parameter that each field of a settings dataclass becomes: ``PREFIX`` and its own."""
    prefix = getattr(kind, "PREFIX", "")
    return {item.name: prefix + item.name for item in fields(kind)}


def check(config: Any) -> None:
    """Raise ValueError for the first field of a settings dataclass that is outside its declaration.

    Call it from ``__post_init__``.
    """
    for item in fields(config):
        _check_field(item, getattr(config, item.name))


def _check_field(item: Field[Any], value: Any) -> None:
    if not item.metadata:
        return
    kind = type(item.default) if item.default is not MISSING else None
    if kind is not None and type(value) is not kind and not (kind is float and type(value) is int):
        raise ValueError(f"{item.name} must be a {kind.__name__}, not {value!r}")
    low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
    # Written so that NaN fails too.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise ValueError(f"{item.name} must be in [{low}, {high}], not {value!r}")
    if choices and value not in choices:
        raise ValueError(f"{item.name} must be one of {', '.join(choices)}, not {value!r}")
