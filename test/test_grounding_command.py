"""motion-seg ground and benchmark-grounding, and the page of masks."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
from chat_server import ChatServer, says
from planted import CALIBRATION, WORDS, PlantedText, motion

from motion_seg_ros.cli import main
from motion_seg_ros.evaluation.grounding import METHODS, OURS
from motion_seg_ros.evaluation.grounding_cases import find_clips, make_cases
from motion_seg_ros.evaluation.grounding_page import GroundedTrack, write_page
from motion_seg_ros.grounding import loading
from motion_seg_ros.grounding.grounder import Grounder
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS

NAMES = np.array(JOINT_SETS["smpl22"].joints)


@pytest.fixture
def planted(monkeypatch):
    """The planted encoder in place of weights."""
    grounder = Grounder(PlantedText(), CALIBRATION)

    def load(weights=None, config=None, ask=None):
        return Grounder(PlantedText(), CALIBRATION, config, ask) if ask else grounder

    monkeypatch.setattr(loading, "load_grounder", load)
    return grounder


def upright(joints):
    """The planted action in the pelvis alone, on a body whose axes can be told."""
    body = joints.copy()
    body[:, [1, 4, 7, 10, 16, 18, 20], 1] += 0.1
    body[:, [2, 5, 8, 11, 17, 19, 21], 1] -= 0.1
    body[:, [4, 5], 2], body[:, [7, 8, 10, 11], 2] = -0.4, -0.8
    body[:, [0, 1, 2], 2] = 0.0
    body[:, [12, 15, 16, 17], 2] = 0.55
    return body


@pytest.fixture
def recording(tmp_path):
    _, joints = motion([(None, 1.0), ("walk", 2.0), ("wave", 2.0), ("sit", 2.0)])
    np.savez(tmp_path / "day.npz", joints=upright(joints), joint_names=NAMES, fps=30.0)
    return tmp_path / "day.npz"


def test_ground_writes_json_and_a_page(planted, recording, tmp_path, capsys):
    out = tmp_path / "found" / "day.json"
    assert main(["ground", "he walks, then sits", str(recording), "--out", str(out)]) == 0
    values = json.loads(out.read_text())
    (track,) = values["tracks"]
    assert values["found"]
    assert [span["text"] for span in track["spans"]] == ["walks", "sits"]
    for span, (start, end) in zip(track["spans"], [(1, 3), (5, 7)], strict=True):
        assert span["start"] == pytest.approx(start, abs=0.2)
        assert span["end"] == pytest.approx(end, abs=0.2)
    page = out.with_suffix(".html").read_text()
    assert page.count('class="mask"') == 3
    assert page.count('class="span"') == 2
    assert "http" not in re.sub(r"https?://www\.w3\.org\S*", "", page).replace("http-equiv", "")
    printed = capsys.readouterr().out
    assert "walks  (track 1" in printed


def test_ground_says_when_nothing_like_it_happened(planted, recording, tmp_path, capsys):
    out = tmp_path / "day.json"
    assert main(["ground", "he claps", str(recording), "--out", str(out)]) == 0
    assert "nothing like this happened" in capsys.readouterr().out
    assert json.loads(out.read_text())["tracks"][0]["spans"] == []
    assert "nothing like this happened" in out.with_suffix(".html").read_text()
    assert main(["ground", "", str(recording), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "the text is empty" in told.err
    assert "nothing" in told.out


def test_ground_lets_a_language_model_split_the_sentence(planted, recording, tmp_path, capsys, monkeypatch):
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    out = tmp_path / "day.json"
    given = ["ground", "he waves after walking", str(recording), "--out", str(out)]
    with ChatServer(says(json.dumps({"actions": ["walking", "he waves"]}))) as server:
        config = tmp_path / "robot.yaml"
        section = {"partition": {"backend": "openai", "model": "tiny", "base_url": server.url}}
        config.write_text(json.dumps({"grounding_node": {"ros__parameters": section}}))
        assert main([*given, "--config", str(config)]) == 0
        (track,) = json.loads(out.read_text())["tracks"]
        assert track["partition"]["source"] == "llm"
        assert [span["text"] for span in track["spans"]] == ["walking", "he waves"]
        assert main([*given, "--config", str(config), "--partition", "rules"]) == 0
        assert json.loads(out.read_text())["tracks"][0]["partition"]["source"] == "rules"
        assert len(server.requests) == 1
    capsys.readouterr()
    assert main([*given, "--partition", "openai"]) == 2
    assert "partition.model" in capsys.readouterr().err


def test_ground_refuses_what_it_cannot_do_in_one_sentence(planted, recording, tmp_path, capsys):
    assert main(["ground", "waves", str(tmp_path / "none.npz"), "--out", str(tmp_path / "a.json")]) == 2
    assert main(["ground", "waves", str(recording), "--out", str(tmp_path / "a.html")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 2
    assert all(line.startswith("motion-seg: ") for line in said)


def test_a_page_survives_hostile_words_and_people_without_motion(tmp_path):
    grounder = Grounder(PlantedText(), CALIBRATION)
    text = 'he waves <script>"&\u202e'
    empty = (np.zeros(0, np.int64), np.zeros((0, 22, 3)))
    tracks = [
        GroundedTrack(
            "<b>1", *motion([("wave", 2.0)]), [SECOND], grounder.ground("he waves", *motion([("wave", 2.0)]))
        ),
        GroundedTrack("2", *empty, [], grounder.ground("he waves", *empty)),
        GroundedTrack("3", *motion([("wave", 1.0)]), [], grounder.ground("", *motion([("wave", 1.0)]))),
    ]
    write_page(tmp_path / "a.html", text, "<i>", tracks, {"a": "<u>"})
    page = (tmp_path / "a.html").read_text()
    assert "<script" not in page
    assert "<b>1" not in page
    assert "\u202e" not in page
    write_page(tmp_path / "b.html", text, "<i>", tracks, {"a": "<u>"})
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()
    write_page(tmp_path / "c.html", text, "", [], {})
    assert "Nobody is seen" in (tmp_path / "c.html").read_text()


SECOND = 1_000_000_000


@pytest.fixture
def collection(tmp_path):
    """Clips of planted actions, as one file of clips with actions and one with labelled frames."""
    folder = tmp_path / "data"
    folder.mkdir()
    clips = [upright(motion([(word, 2.0 + number)])[1]) for number in range(2) for word in WORDS]
    np.savez(
        folder / "clips.npz",
        joints=np.concatenate(clips).astype(np.float16),
        offsets=np.cumsum([0, *map(len, clips)]),
        action=np.array([*WORDS, *WORDS]),
        joint_names=NAMES,
        fps=30.0,
    )
    _, joints = motion([("wave", 2.0), (None, 1.0), ("sit", 0.5), ("walk", 2.0)])
    labels = np.repeat([0, -1, 1, 2], [60, 30, 15, 60]).astype(np.int32)
    names = np.array(["wave", "sit", "walk"])
    np.savez(
        folder / "day.npz", joints=upright(joints), labels=labels, names=names, joint_names=NAMES, fps=30.0
    )
    return folder


def test_cases_are_what_their_seed_says(collection):
    clips, notes = find_clips(collection)
    assert len(clips) == 2 * len(WORDS) + 2  # half a second of sitting is left out
    assert any("shorter" in note for note in notes)
    first, again, other = (make_cases(clips, 24, 3, seed) for seed in (1, 1, 2))
    assert [case.sentence for case in first] == [case.sentence for case in again]
    assert all(np.array_equal(a.joints, b.joints, equal_nan=True) for a, b in zip(first, again, strict=True))
    assert [case.sentence for case in first] != [case.sentence for case in other]
    for case in first:
        assert len(set(case.labels)) == len(case.labels) == len(case.truths) == 3
        absent = [truth is None for truth in case.truths]
        assert sum(absent) == (case.number % 3 == 2)
        assert case.unseen == (case.number % 2 == 1)
        told = [truth for truth in case.truths if truth]
        assert told == sorted(told)
        assert all(0 <= a < b <= len(case.joints) / 30 + 1e-9 for a, b in told)
        assert all(b <= c for (_, b), (c, _) in itertools.pairwise(told))
    for wrong in (0, 5):
        with pytest.raises(ValueError, match="1 to 4"):
            make_cases(clips, 1, wrong, 0)


def test_the_benchmark_writes_its_summary_and_every_case(planted, collection, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["benchmark-grounding", str(collection), "--n", "6", "--actions", "2", "--out", str(out)]
    assert main([*command, "--seed", "3"]) == 0
    result = json.loads((out / "summary.json").read_text())
    assert set(result["methods"]) == set(METHODS)
    assert result["cases"] == 6
    for numbers in result["methods"].values():
        assert 0 <= numbers["all"]["map"] <= 1
    cases = [json.loads(path.read_text()) for path in sorted((out / "cases").glob("*.json"))]
    assert len(cases) == 6
    for case in cases:
        assert len(case["truth"]) == 2
        assert len(case["predictions"][OURS]) == len(case["partition"]["actions"])
    assert "mAP" in capsys.readouterr().out
    first = result["methods"][OURS]["all"]
    assert main([*command, "--seed", "3"]) == 0
    assert json.loads((out / "summary.json").read_text())["methods"][OURS]["all"] == first


@pytest.mark.parametrize(
    "change", [["--n", "0"], ["--actions", "7"], ["--actions", "0"]], ids=["no cases", "too many", "none"]
)
def test_the_benchmark_refuses_what_makes_no_cases(planted, collection, tmp_path, capsys, change):
    assert main(["benchmark-grounding", str(collection), "--n", "2", "--out", str(tmp_path), *change]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_without_weights_the_commands_say_so(collection, recording, tmp_path, capsys):
    folder = tmp_path / "empty"
    folder.mkdir()
    weights = ["--weights", str(folder)]
    assert main(["ground", "waves", str(recording), "--out", str(tmp_path / "a.json"), *weights]) == 2
    assert main(["benchmark-grounding", str(collection), "--out", str(tmp_path), *weights]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 2
    assert all(str(folder) in line for line in said)
