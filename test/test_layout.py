"""The rooms of the package: who may import whom, who may touch ROS, and that nothing is ever unpickled."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "motion_seg_ros"
PACKAGE = "motion_seg_ros"
# From the right to the left: each imports from those before it and never from its own line.
LAYERS = (
    ("plain_text", "settings", "onnx_file"),
    ("yaml_file",),
    ("settings_file", "parameter_file"),
    ("skeleton",),
    ("datasets", "semantics", "checkpoint_file"),
    ("pose", "tvsh", "humocon", "grounding", "oracles"),
    ("bags", "grounded"),
    ("replay",),
    ("core",),
    ("evaluation",),
    ("commands", "nodes"),
    ("cli",),
)
INTERFACES = {"msg", "srv", "action"}
ROS = {
    *("rclpy", "rosbags", "rosidl_runtime_py"),
    *("builtin_interfaces", "rcl_interfaces", "lifecycle_msgs", "rosgraph_msgs", "action_msgs"),
    *("std_msgs", "sensor_msgs", "geometry_msgs", "visualization_msgs", "diagnostic_msgs", "hri_msgs"),
}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pandas"}
MODULES = sorted(ROOT.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The dotted names of everything that a module imports, wherever it does; our own begin with us."""
    here = (PACKAGE, *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else ()
            module = (*start, *(node.module or "").split(".")) if node.module else start
            # "from motion_seg_ros import checkpoint_file" names a module too.
            yield from ((*module, alias.name) for alias in node.names)


def test_imports_go_one_way() -> None:
    layer = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    wrong = []
    for path in MODULES:
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in imported(path):
            if name[0] != PACKAGE or name[1] in (room, *INTERFACES) or name[1].startswith("__"):
                continue
            if layer[name[1]] >= layer[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {'.'.join(name[1:])}")
    assert not wrong


def test_only_nodes_and_bags_touch_ros_and_nobody_pickles() -> None:
    wrong = []
    for path in MODULES:
        forbidden = PICKLES if path.relative_to(ROOT).parts[0] in ("nodes", "bags") else PICKLES | ROS
        for name in imported(path):
            if name[0] in forbidden or (forbidden >= ROS and name[0] == PACKAGE and name[1] in INTERFACES):
                wrong.append(f"{path.relative_to(ROOT)} imports {'.'.join(name)}")
    assert not wrong


def test_whatever_could_unpickle_is_told_not_to() -> None:
    wrong = []
    for path in MODULES:
        for call in ast.walk(tree(path)):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            words = {word.arg: word.value for word in call.keywords}
            told = {name: word.value for name, word in words.items() if isinstance(word, ast.Constant)}
            match ast.unparse(call.func):
                case "np.load" | "numpy.load" if told.get("allow_pickle") is not False:
                    wrong.append(where)
                case "torch.load" if told.get("weights_only") is not True:
                    wrong.append(where)
                case "yaml.load" | "yaml.full_load" | "yaml.unsafe_load" if path.name != "yaml_file.py":
                    wrong.append(where)
                case "diskcache.Cache" if "disk" not in words:
                    wrong.append(where)
    assert not wrong
