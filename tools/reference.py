"""Pages of the documentation that are made from the code, so that they say what it does."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NODES = ("pose_node", "humocon_node", "tvsh_node", "grounding_node", "source_node", "record_node")
MADE = "<!-- Made from the code by tools/reference.py when the documentation is built. -->\n\n"


def parameters() -> str:
    """Every parameter of every node, as its settings dataclasses declare it. Needs rclpy."""
    from motion_seg_ros.nodes.managed import ManagedNode, ManagedSettings

    parts = [
        "# Parameters\n",
        "**None of them can be changed while a node is configured or active.** A node reads them when it is "
        "configured; later `ros2 param set` is refused with one sentence that says so. [How a parameter is "
        "changed](../how-to/parameters.md). A value outside of its range is refused at any time.\n",
        "Every node also has ROS's own `use_sim_time`, which can be changed while it runs, and, for each of "
        "its topics, `qos_overrides./TOPIC.publisher.…` or `….subscription.…` with `history`, `depth`, "
        "`reliability` and `durability`. `ros2 param describe /NODE NAME` tells the same as this page.\n",
        "`config/motion_seg.yaml` is the file to copy: what it does not name has the default.\n",
        "## Every node\n",
        *_table([ManagedSettings]),
    ]
    for name in NODES:
        module = importlib.import_module(f"motion_seg_ros.nodes.{name}")
        classes = [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, ManagedNode) and kind.__module__ == module.__name__
        ]
        (node,) = classes
        parts += [
            f"\n## {name}\n",
            f"{(node.__doc__ or '').strip().splitlines()[0]}\n",
            *_table(node.SETTINGS),
        ]
    return MADE + "\n".join(parts) + "\n"


def _table(kinds: Any) -> list[str]:
    from motion_seg_ros.settings import parameter_names

    rows = ["| parameter | type | default | range | what it is |", "|---|---|---|---|---|"]
    for kind in kinds:
        names = parameter_names(kind)
        for item in fields(kind):
            data = item.metadata
            words = str(data["description"])
            rows.append(
                f"| `{names[item.name]}` | {type(item.default).__name__} | {_code(item.default)} "
                f"| {_range(data)} | {_cell(words)} |"
            )
    return rows


def _range(data: Any) -> str:
    if data["choices"]:
        return ", ".join(f"`{choice}`" for choice in data["choices"])
    low, high = data["low"], data["high"]
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {low:g}"
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"


def _code(value: object) -> str:
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`" if value != "" else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


# -- messages -----------------------------------------------------------------------------------------

PARTS = {"msg": ("",), "srv": ("Request", "Response"), "action": ("Goal", "Result", "Feedback")}
TITLES = {"msg": "Messages", "srv": "Services", "action": "Actions"}


def messages() -> str:
    """Every message, service and action with the comments of its file."""
    parts = [
        "# Messages, services and actions\n",
        "Metres, seconds and radians; frames as in REP-103 and REP-105. The stamp in a header is that of the "
        "image or capture that caused the message.",
    ]
    for kind, names in PARTS.items():
        parts.append(f"\n## {TITLES[kind]}\n")
        for path in sorted((ROOT / kind).glob(f"*.{kind}")):
            lines = path.read_text(encoding="utf-8").splitlines()
            about = []
            while lines and lines[0].startswith("#"):
                about.append(lines.pop(0).lstrip("# "))
            parts += [f"\n### {path.stem}\n", f"`motion_seg_ros/{kind}/{path.stem}`\n", *about]
            sections = "\n".join(lines).split("\n---")
            for name, section in zip(names, sections, strict=True):
                parts += ["", f"**{name}**" if name else "", "", *_fields(section)]
    return MADE + "\n".join(parts) + "\n"


def _fields(section: str) -> Iterator[str]:
    yield "| type | field | what it is |"
    yield "|---|---|---|"
    for line in section.splitlines():
        declared, _, comment = line.partition("#")
        if declared.strip():
            kind, _, name = declared.strip().partition(" ")
            yield f"| `{kind}` | `{name.strip()}` | {_cell(comment.strip())} |"


# -- commands -----------------------------------------------------------------------------------------


def commands() -> str:
    """The help of ./run, of its demo, and of every command of motion-seg."""
    from motion_seg_ros.cli import _parser
    from motion_seg_ros.nodes import demo

    os.environ.update(COLUMNS="100", NO_COLOR="1")  # what argparse's formatter reads
    helped = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    asked = _help(lambda: demo.arguments(["--help"]))
    parts = [
        "# Commands\n",
        "## ./run\n",
        _block(helped),
        "\n## ./run demo\n",
        _block(asked),
        "\n## motion-seg\n",
    ]
    parts.append(
        "Everything that a person does without ROS. It ends with 0 when done, with 2 and one sentence on "
    )
    parts.append("stderr when something has to be put right, and with 130 when it was interrupted.\n")
    parts.append(_block(_parser().format_help()))
    for name, parser in _leaves(_parser(), "motion-seg"):
        parts += [f"\n### {name}\n", _block(parser.format_help())]
    return MADE + "\n".join(parts) + "\n"


def _leaves(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, child in group.choices.items():
            yield from _leaves(child, f"{name} {word}")


def _help(ask: Callable[[], object]) -> str:
    import contextlib
    import io

    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        ask()
    return told.getvalue()


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


# -- launch files -------------------------------------------------------------------------------------


def launch_arguments(path: Path) -> dict[str, dict[str, str]]:
    """What a launch file declares, by argument; read without running it, since not everybody has `launch`."""
    found = {}
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "DeclareLaunchArgument":
            name = call.args[0]
            assert isinstance(name, ast.Constant)
            found[str(name.value)] = {
                keyword.arg or "choices": _literal(keyword.value) for keyword in call.keywords
            }
    return found


def _literal(node: ast.expr) -> str:
    """A literal as text; of an expression (a path, the shared choices) the strings in it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.List):
        return ", ".join(f"`{_literal(each)}`" for each in node.elts if _literal(each))
    if isinstance(node, ast.Name):
        return "`true`, `false`"
    return "/".join(re.findall(r"'([^']+)'", ast.unparse(node)))


def launch() -> str:
    """Every launch file with its arguments."""
    parts = ["# Launch files\n", "`ros2 launch motion_seg_ros FILE --show-args` tells the same."]
    for path in sorted((ROOT / "launch").glob("*.launch.py")):
        about = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")
        parts += [f"\n## {path.name}\n", about[0] + "\n", f"```sh\n{inspect.cleandoc(about[1])}\n```\n"]
        parts += ["| argument | default | choices | what it is |", "|---|---|---|---|"]
        for name, told in launch_arguments(path).items():
            default = f"`{told['default_value']}`" if told.get("default_value") else "empty"
            default = default if "default_value" in told else "must be given"
            parts.append(
                f"| `{name}` | {default} | {told.get('choices', '')} | {_cell(told['description'])} |"
            )
    return MADE + "\n".join(parts) + "\n"


def contributing() -> str:
    """CONTRIBUTING.md, which lies where the repository's page shows it."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


PAGES: dict[str, Callable[[], str]] = {
    "reference/parameters.md": parameters,
    "reference/messages.md": messages,
    "reference/commands.md": commands,
    "reference/launch.md": launch,
    "contributing.md": contributing,
}
