"""ROS parameter files, read without ROS, as settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from motion_seg_ros.plain_text import InputError
from motion_seg_ros.settings import parameter_names
from motion_seg_ros.yaml_file import read_yaml

Settings = TypeVar("Settings")
_KEY = "ros__parameters"


class ParameterError(InputError):
    """A parameter file that cannot be used; the message is one sentence."""


def read_parameters(path: Path, node: str) -> dict[str, Any]:
    """What a parameter file says to a node, as ROS reads it: ``/**`` and every namespace of the node count.

    More specific sections go before general ones, later before earlier.

    Raises
    ------
    ParameterError : the file cannot be read or is not a parameter file.
    """
    try:
        content = read_yaml(path)
    except ValueError as error:
        raise ParameterError(str(error)) from error
    general: dict[str, Any] = {}
    special: dict[str, Any] = {}
    sections: list[tuple[list[str], Any]] = [([], content)]
    while sections:
        names, section = sections.pop(0)
        if not isinstance(section, dict):
            raise ParameterError(f"{path} is not a parameter file: {'/'.join(names) or 'it'} is no mapping")
        for key, value in section.items():
            if key == _KEY:
                if not isinstance(value, dict):
                    raise ParameterError(f"{path}: {_KEY} of {'/'.join(names)} is no mapping")
                last = names[-1] if names else ""
                if last in ("**", "*"):
                    general |= _flat(value)
                elif last == node:
                    special |= _flat(value)
            else:
                sections.append(([*names, *filter(None, str(key).split("/"))], value))
    return general | special


def configure(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """Settings with those of ``values`` that are fields of theirs.

    Raises
    ------
    ValueError : a value does not fit its declaration.
    """
    known = parameter_names(kind).items()
    return kind(**{field: values[name] for field, name in known if name in values})


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters by their full names: what is nested is joined by dots, as by ROS."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
