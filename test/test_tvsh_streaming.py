import itertools
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_seg_ros.tvsh.code_stream import CodeStream
from motion_seg_ros.tvsh.dictionary import AdaptiveDictionary
from motion_seg_ros.tvsh.recognition import Recogniser
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter
from motion_seg_ros.tvsh.whitening import Whitening


def patterns(labels, dimension=324, fps=25, seed=0):
    """Feature vectors of repeated movements: one elliptic path a label, with noise."""
    rng = np.random.default_rng(seed)
    paths = np.random.default_rng(9).standard_normal((max(labels) + 1, 3, dimension))
    times = np.arange(len(labels)) / fps
    waves = np.stack((np.ones_like(times), np.cos(9 * times), np.sin(9 * times)))
    clean = np.array([paths[k].T @ waves[:, t] for t, k in enumerate(labels)])
    return clean + 0.05 * rng.standard_normal(clean.shape)


def run(features, fps=25, config=None):
    segmenter = StreamingSegmenter(features.shape[1], config or SegmenterConfig())
    settled, stamps = [], [round(i * 1e9 / fps) for i in range(len(features))]
    for stamp, vector in zip(stamps, features, strict=True):
        segmenter.update(stamp, vector)
        settled += segmenter.settled_ids
    segmenter.finish()
    settled += segmenter.settled_ids
    return np.array(settled), segmenter


def test_plain_features_are_divided_and_recognised():
    labels = np.repeat([0, 1, 2, 0, 1], 100)
    settled, _ = run(patterns(labels))
    truth = labels[(np.arange(len(settled)) * 25 / 15 + 0.8).astype(int)]
    pairs = set(zip(truth.tolist(), settled.tolist(), strict=True))
    main = {k: np.bincount(settled[truth == k]).argmax() for k in range(3)}
    assert len(set(main.values())) == 3
    assert np.mean([settled[i] == main[k] for i, k in enumerate(truth)]) > 0.95, pairs


def test_steps_are_settled_once_in_order_and_within_the_lag():
    features = patterns(np.repeat([0, 1], 100))
    segmenter = StreamingSegmenter(324, SegmenterConfig())
    count = 0
    for i, vector in enumerate(features):
        segmenter.update(round(i * 4e7), vector)
        count += len(segmenter.settled_ids)
        assert segmenter.settled == count
        assert segmenter.resampler.time_of(count) >= i * 4e7 - 2e9 or i < 50
        borders = [(run.first, run.last) for run in segmenter.open_runs]
        assert all(a[1] == b[0] for a, b in itertools.pairwise(borders))
        assert borders[0][0] <= count <= borders[-1][1]


def boundaries_told(features, announcement):
    """Settled labels, the frame with which each boundary was first told, the least confidence of one."""
    segmenter = StreamingSegmenter(features.shape[1], SegmenterConfig(announcement=announcement))
    settled, told, trust = [], {}, []
    for i, vector in enumerate(features):
        segmenter.update(round(i * 4e7), vector)
        settled += segmenter.settled_ids
        for run in segmenter.open_runs[1:]:
            told.setdefault(run.first, i)
            trust.append(run.boundary_confidence)
    segmenter.finish()
    return settled + segmenter.settled_ids, told, min(trust)


def test_boundaries_are_announced_early_and_nothing_settled_depends_on_it():
    # Changes that are small beside the noise: their evidence takes time to gather.
    features = patterns(np.repeat([0, 1, 2, 0, 1, 2], 100), dimension=12)
    features = features + 0.9 * np.random.default_rng(1).standard_normal(features.shape)
    late, told_late, sure = boundaries_told(features, 1.0)
    early, told_early, unsure = boundaries_told(features, 0.5)
    assert early == late
    assert sure >= 0.5 > unsure
    delays = []
    for boundary in range(100, 600, 100):
        frames = [
            min(i for step, i in told.items() if abs(step * 25 / 15 - boundary) < 12)
            for told in (told_late, told_early)
        ]
        assert frames[1] <= frames[0]
        delays.append(frames[0] - frames[1])
    assert np.mean(delays) >= 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["constant", "zero", "noise", "huge", "tiny", "one"]))
def test_any_finite_features_are_taken(seed, kind):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((1 if kind == "one" else 90, 5))
    features = {"constant": features[:1] * np.ones((90, 1)), "zero": 0 * features}.get(kind, features)
    features = features * {"huge": 1e12, "tiny": 1e-12}.get(kind, 1.0)
    settled, segmenter = run(features)
    assert len(settled) == segmenter.settled
    assert len(segmenter.closed) == (1 if kind in ("one", "constant", "zero") else len(segmenter.closed))


def runs_by_pace(factor, pace_weight=0.5):
    """Boundaries (s) and number of motions where only speeds change: by ``factor``, after 10 s."""
    rng = np.random.default_rng(4)
    features = np.ones((300, 12))
    speeds = 0.5 * np.exp(0.3 * rng.standard_normal((300, 11)))
    speeds[150:] *= factor
    segmenter = StreamingSegmenter(12, SegmenterConfig(pace_weight=pace_weight))
    closed, ids = [], []
    for i, (vector, speed) in enumerate(zip(features, speeds, strict=True)):
        segmenter.update(round(i * 1e9 / 15), vector, speed)
        closed += segmenter.closed
        ids += segmenter.settled_ids
    segmenter.finish()
    return [run.first / 15 for run in [*closed, *segmenter.closed][1:]], len({*ids, *segmenter.settled_ids})


def test_a_change_of_pace_alone_is_a_boundary_when_it_is_clear():
    boundaries, motions = runs_by_pace(6.0)
    assert boundaries == [pytest.approx(10.0, abs=0.2)]
    assert motions == 2
    # What looks alike and changes little is a phase of one motion; without the pace nothing is seen.
    assert runs_by_pace(1.6) == ([], 1)
    assert runs_by_pace(6.0, pace_weight=0.0) == ([], 1)


def test_idle_is_what_moves_too_little():
    rng = np.random.default_rng(0)
    segmenter = StreamingSegmenter(6, SegmenterConfig())
    settled = []
    for i in range(300):
        still = 100 <= i < 200
        vector = rng.standard_normal(6) * (0.05 if still else 1.0) + (3.0 if still else 0.0)
        segmenter.update(round(i * 4e7), vector, np.array([0.1 if still else 2.0]))
        settled += segmenter.settled_ids
    assert settled[10] >= 0
    assert set(settled[63:117]) == {-1}
    assert settled[-1] >= 0


def test_memory_does_not_grow_with_the_stream():
    segmenter = StreamingSegmenter(8, SegmenterConfig(motions=8))
    features = patterns(np.tile(np.repeat([0, 1, 2], 60), 22), dimension=8)
    sizes = np.zeros(5)
    tracemalloc.start()
    for i, vector in enumerate(features):
        segmenter.update(round(i * 4e7), vector)
        if i % 780 == 779:
            sizes[i // 780] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # Two minutes fill every window and every table; after them there is nothing left to grow.
    assert sizes[4] < sizes[3] + 10_000


def test_cost_of_a_frame_does_not_grow_with_the_stream_and_is_small():
    segmenter = StreamingSegmenter(324, SegmenterConfig())
    features = patterns(np.tile(np.repeat([0, 1, 2], 60), 10))
    cost = np.zeros(len(features))
    for i, vector in enumerate(features):
        begin = time.perf_counter()
        segmenter.update(round(i * 4e7), vector)
        cost[i] = time.perf_counter() - begin
    assert np.median(cost[-600:]) < 2 * np.median(cost[300:900])
    # 1 ms on an idle core; the bound leaves room for a busy machine.
    assert np.median(cost) < 10e-3


def test_what_is_done_twice_a_second_is_done_with_different_steps(monkeypatch):
    done = []

    def note(owner, name):
        inner = getattr(owner, name)

        def noted(self, *given):
            done.append((segmenter.resampler.steps, owner))
            inner(self, *given)

        monkeypatch.setattr(owner, name, noted)

    for owner, name in ((Whitening, "refresh"), (AdaptiveDictionary, "sweep"), (Recogniser, "refresh")):
        note(owner, name)
    segmenter = StreamingSegmenter(12, SegmenterConfig())
    for i, vector in enumerate(patterns(np.repeat([0, 1], 150), dimension=12, fps=15)):
        segmenter.update(round(i * 1e9 / 15), vector)
    steps = {owner: [step for step, who in done if who is owner] for _, owner in done}
    assert all(set(np.diff(taken[1:])) == {8} for taken in steps.values())
    # Only the first step that has codes needs them all at once.
    assert steps[Whitening][0] == steps[Recogniser][0] == 12
    later = [step for taken in steps.values() for step in taken if step > 12]
    assert len(later) == len(set(later))


def test_metric_quiets_what_wanders_and_keeps_what_is_steady():
    rng = np.random.default_rng(0)
    whitening = Whitening(3, 12)
    for point in rng.standard_normal((400, 3)) * [5.0, 1.0, 1.0]:
        whitening.learn(point)
    whitening.refresh()
    noisy, quiet = np.linalg.norm(whitening.measure(np.eye(3)[:2]), axis=1)
    assert noisy < 0.4 * quiet
    columns = whitening.columns(rng.standard_normal((7, 3)), rng.random((7, 3)))
    assert columns.shape == (7, 9)
    np.testing.assert_allclose(np.linalg.norm(columns, axis=1), 1)
    assert columns.min() >= 0


def test_dictionary_learns_the_atoms_of_a_mixture():
    rng = np.random.default_rng(0)
    truth = np.eye(8)[:, :3] + np.eye(8)[:, 4:7]
    truth /= np.linalg.norm(truth, axis=0)
    dictionary = AdaptiveDictionary(8, 6)
    for i in range(300):
        column = truth[:, i % 3] + 0.02 * rng.random(8)
        code = np.maximum(dictionary.atoms.T @ column, 0)
        if dictionary.consider(column, code) is not None:
            code = np.maximum(dictionary.atoms.T @ column, 0)
        dictionary.learn(column, code)
        if i % 8 == 0:
            dictionary.sweep()
    used = dictionary.atoms[:, dictionary.atoms.any(axis=0)]
    assert used.shape[1] == 3
    np.testing.assert_allclose((used.T @ truth).max(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("folder", ["hms_weiz", "hms_ut_recut"])
def test_labelled_recordings_are_divided_better_than_by_chance(data_dir, folder):
    # Pieces of equal length with K given score .755 on hms_weiz; K is not given here.
    from scipy.optimize import linear_sum_assignment

    scores = []
    for path in sorted((data_dir / folder).glob("*.npz"))[:3]:
        with np.load(path, allow_pickle=False) as file:
            features, labels, fps = file["features"].astype(float), file["labels"], float(file["fps"])
        settled, segmenter = run(features, fps)
        step = (np.arange(len(labels)) * 1e9 / fps / segmenter.resampler.period).astype(int)
        found = settled[np.minimum(step, len(settled) - 1)]
        table = np.zeros((found.max() + 2, labels.max() + 1))
        np.add.at(table, (found, labels), 1)
        rows, columns = linear_sum_assignment(-table)
        scores.append(table[rows, columns].sum() / len(labels))
    assert np.mean(scores) > 0.7


def test_nothing_is_final_before_the_first_moment_is_over():
    with pytest.raises(ValueError, match=r"moment must be no longer than lag, 0\.6 s, not 0\.8"):
        SegmenterConfig(lag=0.6)
    labels = np.repeat([0, 1], 60)
    settled, _ = run(patterns(labels), config=SegmenterConfig(lag=0.6, moment=0.6))
    assert (settled >= 0).all()


def test_links_of_the_first_moment_lie_where_they_were_told():
    codes = CodeStream(3, SegmenterConfig(), None)
    for row in np.random.default_rng(0).random((12, 3)):
        codes.push(row, {5: 0.0})
    assert codes.warm
    assert np.flatnonzero(codes._embedding.links == 0).tolist() == [5]
