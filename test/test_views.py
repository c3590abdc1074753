"""The RViz and Foxglove views show topics that the nodes publish, in panels that those programs have."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import yaml

from motion_seg_ros.bags.video import CAMERA_FRAME
from motion_seg_ros.pose.placement import body_frame

REPOSITORY = Path(__file__).resolve().parents[1]

# Of Lichtblick, the open continuation of Foxglove Studio (panels/index.ts), and what each can show.
PANELS = {
    "Image": "Image",
    "3D": "MarkerArray",
    "StateTransitions": "SegmentEvent",
    "RosOut": "Log",
    "RawMessages": "",
    "DiagnosticSummary": "DiagnosticArray",
}
# Of rviz_default_plugins/plugins_description.xml, and what each can show.
DISPLAYS = {
    "rviz_default_plugins/Grid": "",
    "rviz_default_plugins/MarkerArray": "MarkerArray",
    "rviz_default_plugins/Image": "Image",
}
MESSAGES = {"ImageMessage": "Image"}  # imported under another name


def published() -> dict[str, str]:
    """Message type by topic of everything that the nodes publish."""
    found = {}
    for path in (REPOSITORY / "motion_seg_ros" / "nodes").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in (
                "advertise",
                "create_publisher",
            ):
                kind, topic = call.args[:2]
                if isinstance(kind, ast.Name) and isinstance(topic, ast.Constant):
                    found[topic.value.lstrip("/")] = MESSAGES.get(kind.id, kind.id)
    return found


def leaves(layout: Any) -> list[str]:
    """The panels of a Foxglove layout, from left to right and top to bottom."""
    return [layout] if isinstance(layout, str) else leaves(layout["first"]) + leaves(layout["second"])


def foxglove() -> dict[str, Any]:
    return json.loads((REPOSITORY / "config" / "foxglove.json").read_text())


def rviz() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "config" / "motion_seg.rviz").read_text())["Visualization Manager"]


def test_every_foxglove_panel_is_known_and_placed_once() -> None:
    view = foxglove()
    assert sorted(leaves(view["layout"])) == sorted(view["configById"])
    assert {name.partition("!")[0] for name in view["configById"]} == set(PANELS)


def test_foxglove_shows_topics_that_exist_in_panels_that_can_show_them() -> None:
    shown: list[tuple[str, str]] = []
    for name, config in foxglove()["configById"].items():
        panel = name.partition("!")[0]
        topics = [*config.get("topics", {})]
        topics += [config[key] for key in ("topicPath", "topicToRender") if key in config]
        topics += [config["imageMode"]["imageTopic"]] if "imageMode" in config else []
        topics += [path["value"].partition(".")[0] for path in config.get("paths", [])]
        assert topics, f"{name} shows nothing"
        shown += [(topic, PANELS[panel]) for topic in topics]
    known = published()
    for topic, kind in shown:
        assert topic.startswith("/"), topic
        assert known[topic.lstrip("/")] == (kind or known[topic.lstrip("/")]), topic


def test_rviz_shows_topics_that_exist_in_displays_that_can_show_them() -> None:
    known = published()
    for display in rviz()["Displays"]:
        kind = DISPLAYS[display["Class"]]
        if kind:
            # Relative: RViz is started in the namespace of the nodes.
            assert known[display["Topic"]["Value"]] == kind


def test_skeletons_phrases_and_transcript_are_in_both_views() -> None:
    wanted = {"markers", "captions", "debug_image"}
    assert wanted <= {display.get("Topic", {}).get("Value") for display in rviz()["Displays"]}
    text = json.dumps(foxglove())
    assert all(f'"/{topic}"' in text for topic in (*wanted, "transcript", "diagnostics", "segment_events"))


def test_rviz_looks_from_the_frame_of_our_own_cameras() -> None:
    # RViz has no wildcard for the fixed frame; the documentation says what to do with another one.
    assert rviz()["Global Options"]["Fixed Frame"] == body_frame(CAMERA_FRAME)
