import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import cheapest_division, run_cost

from motion_seg_ros.tvsh.partition import Division, GapEvidence, RunStatistics, Strand


def strand(settled, tail, weight=1.0):
    run = RunStatistics()
    for code in settled:
        run.add(code)
    return Strand(run, tail, 0.1, weight)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    settled=st.integers(0, 6),
    count=st.integers(1, 9),
    shortest=st.integers(1, 4),
    penalty=st.floats(0.1, 6.0),
)
def test_division_is_the_cheapest_of_all(seed, settled, count, shortest, penalty):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((settled + count, 3)) + 3 * (rng.random((settled + count, 1)) > 0.5)
    newest = min(2, shortest)
    head, tail = codes[:settled], codes[settled:]
    division = Division([strand(head, tail)])
    cuts, gains = division.best_boundaries(np.full(count, penalty), shortest, newest)
    cost, expected = cheapest_division(head, tail, penalty, 0.1, shortest, newest)
    borders = [0, *[cut + settled for cut in cuts], settled + count]
    runs = [codes[a:b] for a, b in itertools.pairwise(borders)]
    ours = len(cuts) * penalty + sum(run_cost(run, 0.1) for run in runs)
    assert ours == pytest.approx(cost)
    assert tuple(cuts) == expected
    assert len(gains) == len(cuts)


def test_gain_is_what_the_boundary_saves():
    codes = np.repeat([[0.0, 1.0], [1.0, 0.0]], 8, axis=0)
    cuts, gains = Division([strand(codes[:4], codes[4:])]).best_boundaries(np.full(12, 3.0), 3, 2)
    assert cuts == [4]
    assert gains[0] == pytest.approx(run_cost(codes, 0.1) - 2 * run_cost(codes[:8], 0.1) - 3.0)


def test_costs_of_strands_add_up():
    rng = np.random.default_rng(3)
    codes, speeds = rng.standard_normal((14, 3)), 0.1 * rng.standard_normal((14, 2))
    speeds[9:] += 4.0
    strands = [strand(codes[:4], codes[4:]), strand(speeds[:4], speeds[4:], 0.5)]
    cuts, gains = Division(strands).best_boundaries(np.full(10, 8.0), 3, 2)
    assert cuts == [5]
    saved = [run_cost(x, 0.1) - run_cost(x[:9], 0.1) - run_cost(x[9:], 0.1) for x in (codes, speeds)]
    assert gains[0] == pytest.approx(saved[0] + 0.5 * saved[1] - 8.0)
    # The codes alone show nothing.
    assert Division(strands[:1]).best_boundaries(np.full(10, 8.0), 3, 2)[0] == []


def test_worth_is_what_a_boundary_saves_or_would():
    codes = np.repeat([[0.0, 1.0], [1.0, 0.0]], 8, axis=0)
    division = Division([strand(codes[:4], codes[4:])])
    penalties = np.full(12, 3.0)
    cuts, gains = division.best_boundaries(penalties, 3, 2)
    worth = division.worth(cuts, penalties)
    assert worth[cuts] == pytest.approx(gains)
    # Another boundary would only cost: in the settled run, in the next one.
    for place, begin, end in ((0, 0, 8), (2, 0, 8), (6, 8, 16)):
        parts = run_cost(codes[begin : place + 4], 0.1) + run_cost(codes[place + 4 : end], 0.1)
        assert worth[place] == pytest.approx(run_cost(codes[begin:end], 0.1) - parts - 3.0)
        assert worth[place] < 0.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    settled=st.integers(1, 4),
    count=st.integers(1, 8),
    shortest=st.integers(1, 3),
    gaps=st.lists(st.tuples(st.integers(-6, 9), st.integers(1, 6), st.sampled_from([-4.0, 3.0])), max_size=4),
)
def test_evidence_of_gaps_counts_once_a_gap(seed, settled, count, shortest, gaps):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((settled + count, 2))
    head, tail = codes[:settled], codes[settled:]
    given_gaps = [(first, penalty * rng.random(length)) for first, length, penalty in gaps]
    evidence = [GapEvidence(first, penalties) for first, penalties in given_gaps]
    division = Division([strand(head, tail)], evidence)
    cuts, gains = division.best_boundaries(np.full(count, 1.0), shortest, 1)
    cost, expected = cheapest_division(head, tail, 1.0, 0.1, shortest, 1, given_gaps)
    assert tuple(cuts) == expected
    assert np.isfinite(cost)
    assert len(gains) == len(cuts)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    settled=st.integers(0, 6),
    count=st.integers(1, 12),
    begin=st.integers(-1, 8),
    shortest=st.integers(1, 4),
    newest=st.integers(1, 3),
)
def test_likeliest_boundary_is_the_best_of_all_single_ones(seed, settled, count, begin, shortest, newest):
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((settled + count, 3))
    penalties = rng.random(count)
    first = 0 if begin < 0 else settled + begin
    gains = {
        place: run_cost(codes[first:], 0.1)
        - run_cost(codes[first : settled + place], 0.1)
        - run_cost(codes[settled + place :], 0.1)
        - penalties[place]
        for place in range(count - newest + 1)
        if settled + place - first >= shortest
    }
    division = Division([strand(codes[:settled], codes[settled:])])
    found = division.likeliest_boundary(begin, penalties, shortest, newest)
    if not gains:
        assert found is None
    else:
        assert found == (max(gains, key=gains.__getitem__), pytest.approx(max(gains.values())))
