"""One self-contained page of a run: its numbers, timelines against the truth, confusion and worst moments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motion_seg_ros.evaluation.page import page, visible
from motion_seg_ros.evaluation.playback import STAGES
from motion_seg_ros.evaluation.scoring import METRICS, TRUTH
from motion_seg_ros.skeleton.joint_sets import SMPL22


def write_run_page(path: Path, summary: Mapping[str, Any], pages: Mapping[str, Any]) -> None:
    """Write the page; equal contents give equal bytes.

    Parameters
    ----------
    summary : of the run, as in its ``summary.json``.
    pages : by a bag's name, what :func:`motion_seg_ros.evaluation.moments.bag_page` says of it.
    """
    text = page(
        "evaluation_page.html",
        "Evaluation",
        pack_run(summary, pages),
        css=("page.css", "evaluation_page.css"),
        js=("page.js", "evaluation_page.js"),
    )
    path.write_bytes(text.encode())


def pack_run(summary: Mapping[str, Any], pages: Mapping[str, Any]) -> dict[str, Any]:
    """The data of the page, in plain JSON values."""
    rows, settings = summary["bags"], summary["settings"]
    labels = sorted({label for shown in pages.values() for label in shown["labels"]})
    facts = {
        "Bags": f"{len(rows)}",
        "Motion": f"{sum(row.get('seconds', 0.0) for row in rows) / 60:.1f} min",
        "Through": str(settings.get("through", "")),
        "Version": f"{settings['version']} ({settings['code'][:8]})",
        "Intervals": f"{summary['intervals']['confidence']:.0%}, {summary['intervals']['method']}",
    }
    return {
        "facts": [[name, visible(value)] for name, value in facts.items()],
        "notes": [visible(note) for note in summary["notes"]],
        "joint_set": {"joints": list(SMPL22.joints), "bones": [list(bone) for bone in SMPL22.bones]},
        "stages": list(STAGES),
        "metrics": [
            {
                "head": about.head,
                "meaning": about.meaning,
                "better": about.better,
                "share": key in TRUTH and about.better > 0,
                **summary["mean"][key],
            }
            for key, about in METRICS.items()
        ],
        "labels": labels,
        "bags": [_bag(row, pages.get(row["name"]), labels) for row in rows],
    }


def _bag(row: Mapping[str, Any], shown: Mapping[str, Any] | None, labels: list[str]) -> dict[str, Any]:
    """A bag with its labels as indices into those of all bags."""
    packed: dict[str, Any] = {
        "name": visible(row["name"]),
        "error": row["error"] and visible(row["error"]),
        "values": [row["metrics"][key] for key in METRICS],
        "notes": [visible(note) for note in row.get("notes", ())],
        "stages": row.get("machine", {}).get("stages", {}),
    }
    if shown is None:
        return packed
    index = [labels.index(label) for label in shown["labels"]]

    def of_all(label: int) -> int:
        return index[label] if label >= 0 else -1

    return packed | {
        "duration": shown["duration"],
        "labels": index,
        "named": {motion: of_all(label) for motion, label in shown["named"].items()},
        "lines": [
            line | {"truth": [[start, end, of_all(label)] for start, end, label in line["truth"]]}
            for line in shown["lines"]
        ],
        "confusion": shown["confusion"],
        "delays": shown["delays"],
        "moments": [
            moment | {"truth": [of_all(label) for label in moment["truth"]]} for moment in shown["moments"]
        ],
    }
