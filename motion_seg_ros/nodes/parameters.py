"""Settings dataclasses as ROS parameters: declared, described, range-checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from ..settings import parameter_names

Settings = TypeVar("Settings")


def declare(node: Node, kind: type) -> None:
    """Declare one parameter for each field of a settings dataclass."""
    names = parameter_names(kind)
    for item in fields(kind):
        node.declare_parameter(names[item.name], item.default, _descriptor(item))


def read(node: Node, kind: type[Settings], changes: dict[str, Any] | None = None) -> Settings:
    """The settings that the parameters, with ``changes`` of fields on top, spell. ValueError if none."""
    values = {field: node.get_parameter(name).value for field, name in parameter_names(kind).items()}
    return kind(**values | (changes or {}))


def _descriptor(item: Any) -> ParameterDescriptor:
    described = ParameterDescriptor(description=item.metadata["description"])
    low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
    if choices:
        described.additional_constraints = "One of: " + ", ".join(choices)
    if low is None or high is None:
        return described
    if isinstance(item.default, float):
        described.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    else:
        described.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return described
