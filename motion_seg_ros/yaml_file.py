"""YAML files, read without running anything that they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from motion_seg_ros.plain_text import InputError, reason

_MAX_BYTES = 4 << 20


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Without aliases, as ROS reads it: a few lines of them are a mapping without end, or one of itself."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError(f"aliases such as *{self.peek_event().anchor} are not read")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Any:
    """What a file says.

    Raises
    ------
    ValueError : it cannot be read, is not YAML, or is larger than any configuration; one sentence.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path} has more than {_MAX_BYTES} bytes, more than any configuration")
    try:
        return yaml.load(content.decode("utf-8"), _Loader)
    except Exception as error:  # PyYAML raises whatever comes of a value that does not fit its tag
        raise InputError(f"{path} is not YAML: {reason(error)}") from error
