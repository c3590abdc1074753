import numpy as np
import pytest
from naive import codes_by_projected_gradient, laplacian, sylvester_by_kronecker
from naive import objective as naive_objective

from motion_seg_ros.tvsh.admm import (
    EmbeddingConfig,
    code_sequence,
    embed,
    objective,
    smooth_codes,
    unit_columns,
)
from motion_seg_ros.tvsh.incremental import FixedLagCodes
from motion_seg_ros.tvsh.links import laplacian_bands, tvs_weights

CONFIG = EmbeddingConfig(atoms=6, span=3, smooth=2.0)


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    atoms = unit_columns(rng.random((10, 6)) ** 4)
    data = unit_columns(rng.random((10, 40)))
    links = rng.random(40)
    return data, atoms, links


def test_objective_equals_its_definition(problem):
    data, atoms, links = problem
    codes = np.random.default_rng(0).random((6, 40))
    expected = naive_objective(data, atoms, codes, links, CONFIG)
    assert objective(data, atoms, codes, links, CONFIG) == pytest.approx(expected)


def test_banded_rows_solve_the_dense_sylvester_equation(problem):
    data, atoms, links = problem
    gains, basis = np.linalg.eigh(atoms.T @ atoms)
    rhs = atoms.T @ data
    bands = laplacian_bands(tvs_weights(links, CONFIG.span))
    ours = basis @ smooth_codes(basis.T @ rhs, gains, bands, CONFIG)
    dense = sylvester_by_kronecker(
        atoms.T @ atoms, CONFIG.smooth * laplacian(links, CONFIG.span), CONFIG.ridge + CONFIG.penalty, rhs
    )
    np.testing.assert_allclose(ours, dense, atol=1e-10)


def test_codes_are_those_of_projected_gradient(problem):
    data, atoms, links = problem
    codes = code_sequence(data, atoms, links, CONFIG, tolerance=1e-8, iterations=5000)
    slow = codes_by_projected_gradient(data, atoms, links, CONFIG, 20000)
    np.testing.assert_allclose(codes, slow, atol=1e-5)


@pytest.mark.parametrize("iterations", [1, 400])
def test_incremental_with_the_lag_of_the_sequence_equals_batch(problem, iterations):
    data, atoms, links = problem
    stream = FixedLagCodes(CONFIG, lag=40)
    stream.use_atoms(atoms)
    for column, link in zip(data.T, links, strict=True):
        assert stream.push(column, link) is None
        stream.refine(iterations)
    stream.refine(3000)
    batch = code_sequence(data, atoms, links, CONFIG, tolerance=1e-8, iterations=5000)
    ours = objective(data, atoms, stream.codes.T, links, CONFIG)
    assert ours == pytest.approx(objective(data, atoms, batch, links, CONFIG), rel=1e-4)


def test_a_short_lag_comes_close_to_batch(problem):
    data, atoms, links = problem
    stream = FixedLagCodes(CONFIG, lag=15)
    stream.use_atoms(atoms)
    left = []
    for column, link in zip(data.T, links, strict=True):
        left.append(stream.push(column, link))
        stream.refine(20)
    codes = np.vstack(([item[1] for item in left if item], stream.codes))
    batch = code_sequence(data, atoms, links, CONFIG)
    ours = objective(data, atoms, codes.T, links, CONFIG)
    assert ours == pytest.approx(objective(data, atoms, batch, links, CONFIG), rel=0.02)


def test_a_link_of_zero_decouples_batch_and_stream(problem):
    data, atoms, links = problem
    links[20] = 0.0
    other = data.copy()
    other[:, 20:] = other[:, :19:-1]
    bands = laplacian_bands(tvs_weights(links, CONFIG.span))
    gains, basis = np.linalg.eigh(atoms.T @ atoms)
    a, b = (smooth_codes(basis.T @ (atoms.T @ x), gains, bands, CONFIG) for x in (data, other))
    np.testing.assert_allclose(a[:, :20], b[:, :20], rtol=0, atol=1e-15)
    results = []
    for x in (data, other):
        stream = FixedLagCodes(CONFIG, lag=40)
        stream.use_atoms(atoms)
        for column, link in zip(x.T, links, strict=True):
            stream.push(column, link)
        stream.refine(200)
        results.append(stream.codes[:20])
    np.testing.assert_allclose(*results, rtol=0, atol=1e-12)


def test_a_link_edited_late_gives_what_it_gives_on_time(problem):
    data, atoms, links = problem
    codes = []
    for late in (False, True):
        stream = FixedLagCodes(CONFIG, lag=40)
        stream.use_atoms(atoms)
        for t, column in enumerate(data.T):
            stream.push(column, 1.0 if late else links[t])
            stream.refine(2)
        stream.links[:] = links
        stream.refine(4000)
        codes.append(stream.codes)
    np.testing.assert_allclose(*codes, atol=1e-6)


def test_embedding_learns_blocks_and_is_repeatable():
    rng = np.random.default_rng(5)
    truth = unit_columns((rng.random((12, 3)) > 0.6) + 0.05)
    labels = np.repeat([0, 1, 2, 0], 30)
    data = unit_columns(np.maximum(truth[:, labels] + 0.05 * rng.standard_normal((12, 120)), 0))
    config = EmbeddingConfig(atoms=6, span=3, smooth=1.0)
    atoms, codes = embed(data, np.ones(120), config, iterations=100)
    again = embed(data, np.ones(120), config, iterations=100)
    np.testing.assert_array_equal(codes, again[1])
    assert (atoms >= 0).all()
    assert (codes >= 0).all()
    assert np.linalg.norm(data - atoms @ codes) < 0.35 * np.linalg.norm(data)
    units = unit_columns(codes)
    same = units[:, :30].T @ units[:, 90:]
    other = units[:, :30].T @ units[:, 30:60]
    assert same[5:-5, 5:-5].min() > other[5:-5, 5:-5].max()


def test_nothing_to_embed_gives_codes_of_zero():
    data = np.zeros((10, 40))
    atoms, codes = embed(data, np.ones(40), CONFIG)
    assert np.isfinite(atoms).all()
    np.testing.assert_array_equal(codes, 0.0)
    data[2, :20] = 1.0
    atoms, codes = embed(data, np.ones(40), CONFIG)
    assert np.isfinite(atoms).all()
    assert np.linalg.norm(data - atoms @ codes) < 0.5 * np.linalg.norm(data)
