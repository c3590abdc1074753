"""motion-seg oracle, end to end on motion that is made up here."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from chat_server import ChatServer, floods, says, sends, silent
from motion import NAMES, pose

from motion_seg_ros.cli import main
from motion_seg_ros.evaluation.oracle_pairs import draw_pairs, load_sources

FPS = 15.0


def recording(path, parts=("stand", "wave", "squat", "wave", "stand")):
    """Labelled joints, 5 s of each part, an unknown second between."""
    joints, labels = [], []
    names = sorted(set(parts))
    for part in parts:
        times = np.arange(6 * FPS) / FPS
        joints += [pose(part, time) for time in times]
        labels += [names.index(part) if time < 5 else -1 for time in times]
    noise = np.random.default_rng(0).normal(0, 0.004, (len(joints), 22, 3))
    np.savez(
        path,
        joints=(np.array(joints) + noise).astype(np.float32),
        joint_names=np.array(NAMES),
        labels=np.array(labels, np.int32),
        names=np.array(names),
        fps=FPS,
    )


def clips(path, styles=("big", "small"), offsets=None):
    joints, actions, manners = [], [], []
    for action in ("stand", "wave", "squat"):
        for number, style in enumerate(styles):
            times = 0.1 * number + np.arange(40) / FPS
            joints.append([(1 - 0.1 * number) * pose(action, time) for time in times])
            actions.append(action)
            manners.append(style)
    np.savez(
        path,
        joints=np.concatenate(joints).astype(np.float16),
        joint_names=np.array(NAMES),
        offsets=np.arange(0, 40 * len(joints) + 1, 40) if offsets is None else offsets,
        action=np.array(actions),
        style=np.array(manners),
        fps=FPS,
    )


@pytest.mark.parametrize("backend", ["encoder", "kinematic"])
def test_check_writes_pairs_and_a_summary(tmp_path, capsys, backend):
    recording(tmp_path / "r.npz")
    out = tmp_path / "out" / "pairs.npz"
    code = main(
        ["oracle", "check", str(tmp_path / "r.npz"), "--backend", backend, "--pairs", "40", "--out", str(out)]
    )
    assert code == 0
    found = np.load(out, allow_pickle=False)
    assert found["p_same"].shape == found["same"].shape == (40,)
    assert found["same"].sum() == 20
    summary = json.loads(out.with_suffix(".json").read_text())
    wins = found["p_same"][found["same"]][:, None] - found["p_same"][~found["same"]][None]
    assert summary["auc"] == pytest.approx((wins > 0).mean() + 0.5 * (wins == 0).mean())
    assert summary["same_right"] == pytest.approx((found["p_same"][found["same"]] > 0.5).mean())
    assert summary["backend"] == backend
    assert summary["latency_p95_ms"] >= summary["latency_p50_ms"] > 0
    assert summary["auc"] > 0.9
    assert "AUC" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_answers(tmp_path):
    clips(tmp_path / "c.npz")
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        main(
            [
                "oracle",
                "check",
                str(tmp_path / "c.npz"),
                "--pairs",
                "10",
                "--seed",
                seed,
                "--out",
                str(tmp_path / "out" / f"{name}.npz"),
            ]
        )
    a, b, c = (np.load(tmp_path / "out" / f"{name}.npz")["p_same"] for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("longest_gap", [math.inf, 2.0])
def test_moments_of_a_track_are_what_their_labels_say(tmp_path, longest_gap):
    recording(tmp_path / "r.npz")
    labels = np.load(tmp_path / "r.npz")["labels"]
    sources, notes = load_sources(tmp_path)
    assert not notes
    pairs = draw_pairs(sources, 60, 1.0, 0, longest_gap)
    assert (len(pairs), sum(pair.same for pair in pairs)) == (60, 30)
    assert (max(pair.question.gap_s for pair in pairs) > 2.5) == (longest_gap > 2.5)
    for pair in pairs:
        first, second = pair.question.first, pair.question.second
        assert 1.0 < pair.question.gap_s <= longest_gap
        a, b = (labels[round(moment.stamp / 1e9 * FPS)] for moment in (first, second))
        assert min(a, b) >= 0
        assert (a == b) == pair.same
        assert first.joints.shape == second.joints.shape == (17, 22, 3)


def test_moments_that_cannot_be_so_near_are_told(tmp_path, capsys):
    recording(tmp_path / "r.npz")
    out = str(tmp_path / "p.npz")
    assert main(["oracle", "check", str(tmp_path / "r.npz"), "--gap", "1.5", "--out", out]) != 0
    assert "from 2 to 1.5 s apart" in capsys.readouterr().err


def test_clips_are_paired_across_styles(tmp_path):
    clips(tmp_path / "c.npz")
    ((source,), _) = load_sources(tmp_path / "c.npz")
    where = {joints.tobytes(): number for number, joints in enumerate(source.joints)}
    for pair in draw_pairs([source], 30, 2.0, 0):
        a, b = (where[moment.joints.tobytes()] for moment in (pair.question.first, pair.question.second))
        assert source.styles[a] != source.styles[b]
        assert (source.actions[a] == source.actions[b]) == pair.same


def test_a_fit_is_used_by_a_check(tmp_path, capsys):
    recording(tmp_path / "r.npz")
    fitted = tmp_path / "own" / "fit.json"
    assert main(["oracle", "fit", str(tmp_path / "r.npz"), "--pairs", "60", "--out", str(fitted)]) == 0
    prints = []
    for more in ([], ["--calibration", str(fitted)]):
        out = tmp_path / "out" / "p.npz"
        assert (
            main(["oracle", "check", str(tmp_path / "r.npz"), "--pairs", "20", *more, "--out", str(out)]) == 0
        )
        prints.append(json.loads(out.with_suffix(".json").read_text())["fingerprint"])
    assert prints[0] != prints[1]
    assert "own halves" in capsys.readouterr().out


def test_made_up_motion_can_be_fitted_on(tmp_path):
    fitted = tmp_path / "fit.json"
    assert main(["oracle", "fit", "--synthetic", "2", "--pairs", "12", "--out", str(fitted)]) == 0
    assert json.loads(fitted.read_text())["calibrations"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_bytes(b"PK no"), "not an .npz"),
        (
            lambda path: np.savez(path, joints=np.zeros((5, 22, 3), np.float32), fps=15.0),
            "no skeletons with labels",
        ),
        (
            lambda path: np.savez(
                path, features=np.zeros((5, 3)), labels=np.zeros(5, int), names=["a"], fps=1.0
            ),
            "no skeletons",
        ),
        (lambda path: clips(path, offsets=np.array([0, 240])), "offsets"),
        (lambda path: clips(path, offsets=np.arange(0, 241, 40)[::-1]), "offsets must rise"),
        (lambda path: recording(path, ("stand",)), "no recording has two moments"),
        (
            lambda path: np.savez(
                path,
                joints=np.ones((5, 2, 3), np.float32),
                joint_names=["a", "b"],
                labels=np.zeros(5, int),
                names=["c"],
                fps=15.0,
            ),
            "x.npz: no left_hip",
        ),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(tmp_path, capsys, make, said):
    make(tmp_path / "x.npz")
    assert main(["oracle", "check", str(tmp_path / "x.npz"), "--out", str(tmp_path / "o.npz")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--pairs", "1"],
        ["--window", "nan"],
        ["--window", "0"],
        ["--calibration", "none.json"],
        ["--concepts", "none"],
    ],
)
def test_options_that_make_no_sense_are_one_sentence(tmp_path, capsys, options):
    recording(tmp_path / "r.npz")
    assert main(["oracle", "check", str(tmp_path / "r.npz"), *options, "--out", str(tmp_path / "o.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["oracle", "fit", "--out", str(tmp_path / "o.json")]) == 2
    assert "DATA or --synthetic" in capsys.readouterr().err


def test_nothing_is_measured_in_the_place_of_what_is_missing(tmp_path, capsys, monkeypatch):
    recording(tmp_path / "r.npz")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    options = ["--backend", "llama_cpp", "--out", str(tmp_path / "o.npz")]
    assert main(["oracle", "check", str(tmp_path / "r.npz"), *options]) == 2
    assert capsys.readouterr().err == (
        "motion-seg: the backend llama_cpp needs tenacity, and nothing else is measured in its place\n"
    )


def asked_of_a_server(tmp_path, server, *options, pairs=8):
    """The code and, where it is 0, the summary of a check of a language model on another machine."""
    recording(tmp_path / "r.npz")
    lines = "".join(f"    oracle.{line}\n" for line in (f"base_url: {server.url}", "model: m", *options))
    (tmp_path / "c.yaml").write_text(f"/**/tvsh_node:\n  ros__parameters:\n{lines}", encoding="utf-8")
    out = tmp_path / "p.npz"
    arguments = ["--backend", "openai", "--config", str(tmp_path / "c.yaml"), "--pairs", str(pairs)]
    code = main(["oracle", "check", str(tmp_path / "r.npz"), *arguments, "--out", str(out)])
    return code, json.loads(out.with_suffix(".json").read_text()) if code == 0 else {}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (sends(b"oops", 500), "refused (HTTP 500)"),
        (sends(b"no key", 401), "refused (HTTP 401)"),
        (sends(b"", 429, Retry_After="86400"), "refused (HTTP 429)"),
        (sends(b"<html>"), "not JSON"),
        (silent, "no answer within 0.1 s"),
        (floods(), "longer than"),
    ],
    ids=["500", "401", "429", "html", "silent", "endless"],
)
def test_a_server_that_never_answers_is_no_coin(tmp_path, capsys, reply, said):
    with ChatServer(reply) as server:
        code, _ = asked_of_a_server(tmp_path, server, "timeout: 0.1" if reply is silent else "retries: 0")
        assert code == 2
        # Once it is clear that nothing will come, nothing more is asked.
        assert len(server.requests) <= 5
    error = capsys.readouterr().err
    assert "llm:m answered 0 of 8 questions" in error
    assert said in error
    assert not (tmp_path / "p.npz").exists()


def test_a_check_is_as_patient_as_a_robot(tmp_path):
    replies = iter([sends(b"", 429, Retry_After="0.05"), sends(b"", 500), sends(b"", 400), sends(b"", 400)])
    with ChatServer(lambda request: next(replies, says())(request)) as server:
        code, summary = asked_of_a_server(tmp_path, server, "retries: 5")
        assert (code, summary["unanswered"], len(server.requests)) == (0, 0, 8 + 4)


def test_questions_without_an_answer_are_neither_right_nor_wrong(tmp_path, capsys):
    served = itertools.count()
    with ChatServer(lambda request: (says() if next(served) % 2 else sends(b"no"))(request)) as server:
        code, summary = asked_of_a_server(tmp_path, server, "retries: 0")
    assert code == 0
    assert (summary["pairs"], summary["unanswered"]) == (8, 4)
    assert (summary["same_right"], summary["different_right"]) == (1.0, 0.0)
    assert summary["accuracy"] == pytest.approx((2 + 0.5 * 4) / 8)
    assert "not JSON" in summary["last_error"]
    assert "4 unanswered (the last: the server's reply is not JSON)" in capsys.readouterr().out


def test_a_check_keeps_to_the_budget(tmp_path, capsys):
    with ChatServer() as server:
        code, _ = asked_of_a_server(tmp_path, server, "per_hour: 7")
        assert (code, server.requests) == (2, [])
    assert "oracle.per_hour, 7" in capsys.readouterr().err


@pytest.mark.parametrize("count", [3, 12, 25])
def test_as_many_pairs_as_were_asked_for(tmp_path, count):
    for name in "abcd":
        recording(tmp_path / f"{name}.npz")
    recording(tmp_path / "e.npz", ("stand",))
    pairs = draw_pairs(load_sources(tmp_path)[0], count, 1.0, 0)
    assert (len(pairs), sum(pair.same for pair in pairs)) == (count, count - count // 2)
    drawn = [sum(pair.group == name for pair in pairs) for name in "abcde"]
    assert drawn[4] == 0
    assert max(drawn[:4]) - min(drawn[:4]) <= 2
