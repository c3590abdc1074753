"""Dataclasses of settings from what a YAML file, or the configuration kept in a checkpoint, says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from motion_seg_ros.plain_text import InputError
from motion_seg_ros.yaml_file import read_yaml

Config = TypeVar("Config")


def load_settings(kind: type[Config], path: Path) -> Config:
    """Read a YAML file as settings.

    Raises
    ------
    ValueError : it cannot be read, is not YAML, or names an unknown or unfit setting; one sentence.
    """
    content = read_yaml(path)
    try:
        return from_mapping(kind, content)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def from_mapping(kind: type[Config], content: Any, where: str = "it") -> Config:
    """The settings that a mapping says, as of :func:`dataclasses.asdict`; ValueError where it does not fit.

    Lists become tuples, and mappings the dataclass that is annotated.
    """
    if not isinstance(content, dict):
        raise InputError(f"{where} must be a mapping, not a {type(content).__name__}")
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    if unknown := [name for name in content if name not in known]:
        raise InputError(f"{where} has no setting {str(unknown[0])[:60]!r}: there are {', '.join(known)}")
    hints = get_type_hints(kind)
    values = {name: _value(hints[name], value, name) for name, value in content.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, name: str) -> Any:
    """A value as the annotation of its field wants it; a plain one is checked by its declaration."""
    if is_dataclass(hint):
        return from_mapping(hint, value, name)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{name} must be a list, not a {type(value).__name__}")
        return tuple(_value(get_args(hint)[0], item, f"one of {name}") for item in value)
    if get_origin(hint) is Mapping:
        if not isinstance(value, dict):
            raise InputError(f"{name} must be a mapping, not a {type(value).__name__}")
        of_each = get_args(hint)[1]
        return {str(key): _value(of_each, item, f"one of {name}") for key, item in value.items()}
    wanted = {float: (int, float)}.get(hint, hint)
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{name} must be of type {hint.__name__}, not {type(value).__name__}")
    return value
