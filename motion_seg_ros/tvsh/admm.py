"""The subspace embedding of TVSH and its solver (ADMM), for a whole sequence.

    min over D >= 0 with unit columns, Z >= 0 of
    1/2 ||X - D Z||^2 + ridge/2 ||Z||^2 + smooth/2 tr(Z L Z^T)

with L the Laplacian of the temporal variation graph of :mod:`motion_seg_ros.tvsh.links` (derived).
X is (d, N), D (d, r), Z (r, N). The fixed-lag form is in :mod:`motion_seg_ros.tvsh.incremental`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from motion_seg_ros.settings import check, setting
from motion_seg_ros.tvsh.links import apply_laplacian, laplacian_bands, tvs_weights

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EmbeddingConfig:
    """The numbers of the embedding."""

    atoms: int = setting(40, "Atoms of the dictionary", low=2, high=512)
    span: int = setting(5, "Largest distance of frames joined by the graph, in steps", low=1, high=15)
    ridge: float = setting(0.01, "Weight of the squared size of the codes", low=0.0, high=10.0)
    smooth: float = setting(2.0, "Weight of the temporal smoothness of the codes", low=0.0, high=100.0)
    penalty: float = setting(0.1, "ADMM penalty of the splitting", low=1e-4, high=100.0)
    step: float = setting(1.0, "ADMM step of the multipliers", low=0.01, high=1.6)

    def __post_init__(self) -> None:
        check(self)


def objective(data: Array, atoms: Array, codes: Array, links: Array, config: EmbeddingConfig) -> float:
    """The value that the embedding minimises."""
    weights = tvs_weights(links, config.span)
    fit = ((data - atoms @ codes) ** 2).sum()
    rough = (codes * apply_laplacian(weights, codes)).sum()
    return float(fit + config.ridge * (codes**2).sum() + config.smooth * rough) / 2


def smooth_codes(rhs: Array, gains: Array, bands: Array, config: EmbeddingConfig) -> Array:
    """Solve ((g_i + ridge + penalty) I + smooth L) v_i = rhs_i for every row i.

    ``rhs`` (r, N) and ``gains`` (r,) are in the eigenbasis of the Gram matrix of the atoms; ``bands``
    is from :func:`laplacian_bands`. One banded Cholesky a row: O(r N s^2).
    """
    out = np.empty_like(rhs)
    for row, gain in enumerate(gains):
        system = config.smooth * bands
        system[-1] += gain + config.ridge + config.penalty
        out[row] = solveh_banded(system, rhs[row], check_finite=False)
    return out


def code_sequence(
    data: Array,
    atoms: Array,
    links: Array,
    config: EmbeddingConfig,
    *,
    tolerance: float = 1e-6,
    iterations: int = 500,
) -> Array:
    """The codes Z (r, N) of data (d, N) over fixed atoms (d, r); a convex problem.

    Stops when codes and their splitting agree, and change, by less than ``tolerance`` of their size.
    """
    bands = laplacian_bands(tvs_weights(links, config.span))
    gains, basis = np.linalg.eigh(atoms.T @ atoms)
    target = atoms.T @ data
    codes = np.maximum(target, 0.0)
    dual = np.zeros_like(codes)
    for _ in range(iterations):
        right = basis.T @ (target - dual + config.penalty * codes)
        free = basis @ smooth_codes(right, gains, bands, config)
        before = codes
        codes = np.maximum(free + dual / config.penalty, 0.0)
        dual += config.step * config.penalty * (free - codes)
        size = tolerance * max(float(np.linalg.norm(codes)), 1e-12)
        if np.linalg.norm(free - codes) < size and np.linalg.norm(codes - before) < size:
            break
    return codes


def embed(
    data: Array,
    links: Array,
    config: EmbeddingConfig,
    *,
    seed: int = 0,
    tolerance: float = 1e-4,
    iterations: int = 25,
) -> tuple[Array, Array]:
    """Learn atoms and codes of a whole sequence: (D (d, r), Z (r, N)).

    ``data`` (d, N) has non-negative columns of unit length, or of zeros; ``links`` (N,). Stops when the
    relative change of ||X - D Z|| falls below ``tolerance``.
    """
    rng = np.random.default_rng(seed)
    count = data.shape[1]
    bands = laplacian_bands(tvs_weights(links, config.span))
    # Atoms start at frames spread over the sequence, lightly shaken so that equal ones part.
    start = data[:, np.linspace(0, count - 1, config.atoms).astype(int)]
    atoms = unit_columns(start + 1e-3 * rng.random(start.shape))
    codes = np.maximum(atoms.T @ data, 0.0)
    image = float(np.linalg.norm(atoms @ codes))
    if image > 0.0:
        codes *= float(np.linalg.norm(data)) / image
    free = codes.copy()
    atom_dual, code_dual = np.zeros_like(atoms), np.zeros_like(codes)
    last = np.inf
    for _ in range(iterations):
        gram = free @ free.T + config.penalty * np.eye(config.atoms)
        loose = np.linalg.solve(gram, (data @ free.T - atom_dual + config.penalty * atoms).T).T
        gains, basis = np.linalg.eigh(loose.T @ loose)
        right = basis.T @ (loose.T @ data - code_dual + config.penalty * codes)
        free = basis @ smooth_codes(right, gains, bands, config)
        atoms = unit_columns(np.maximum(loose + atom_dual / config.penalty, 0.0))
        codes = np.maximum(free + code_dual / config.penalty, 0.0)
        atom_dual += config.step * config.penalty * (loose - atoms)
        code_dual += config.step * config.penalty * (free - codes)
        error = float(np.linalg.norm(data - atoms @ codes))
        if abs(last - error) <= tolerance * max(last, 1e-12) and np.isfinite(last):
            break
        last = error
    return atoms, code_sequence(data, atoms, links, config, tolerance=tolerance, iterations=50)


def unit_columns(matrix: Array) -> Array:
    """Columns scaled to length 1; a column of zeros stays."""
    length = np.linalg.norm(matrix, axis=0)
    return matrix / np.where(length > 0, length, 1.0)
