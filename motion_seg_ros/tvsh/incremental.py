"""Fixed-lag embedding: codes of the newest steps, at a cost that no length of stream changes.

Only the last ``lag`` columns are free; older ones are frozen and pull on the free ones through the
graph (derived). With the lag as long as the sequence and enough iterations the codes are those of
:func:`motion_seg_ros.tvsh.admm.code_sequence`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.admm import EmbeddingConfig
from motion_seg_ros.tvsh.links import tvs_matrix
from motion_seg_ros.tvsh.windows import Rows

Array = NDArray[np.float64]


class _Graph:
    """The graph of some columns of which the oldest are frozen.

    Attributes
    ----------
    links : (n + frozen,) that it was made of.
    pull : (n, frozen) weights that join the n free columns with the frozen ones.
    rates, modes : (n,) eigenvalues and (n, n) eigenvectors of the free columns' part of the Laplacian.
    """

    def __init__(self, links: Array, frozen: int, span: int) -> None:
        self.links = links.copy()
        weights = tvs_matrix(links, span)[frozen:]
        self.pull = weights[:, :frozen]
        rates, self.modes = np.linalg.eigh(np.diag(weights.sum(axis=1)) - weights[:, frozen:])
        self.rates = np.maximum(rates, 0.0)


class FixedLagCodes:
    """Codes of a stream over a given dictionary, refined while they are inside the lag.

    Parameters
    ----------
    config : numbers of the embedding.
    lag : number of free columns, at least 1.
    """

    def __init__(self, config: EmbeddingConfig, lag: int) -> None:
        self._config = config
        self._lag = lag
        # Columns are rows here, newest last: the free ones, and after those that still pull on them.
        self._data: Array = np.zeros((0, 0))
        self._codes = Rows(lag, config.atoms)
        # Multipliers, divided by the penalty.
        self._dual = Rows(lag, config.atoms)
        self._past_codes = Rows(config.span + 1, config.atoms)
        # Links of all of them: those that still pull, and the free ones.
        self._links = Rows(lag + config.span + 1, 1)
        self._graph: _Graph | None = None
        self._gains: Array = np.zeros(config.atoms)
        self._basis: Array = np.eye(config.atoms)
        self._atoms: Array = np.zeros((0, config.atoms))

    @property
    def codes(self) -> Array:
        """(n, r) codes of the free columns, oldest first."""
        return self._codes.values

    @property
    def links(self) -> Array:
        """(n,) links of the free columns to the column before; may be written to."""
        return self._links.values[len(self._past_codes) :, 0]

    def use_atoms(self, atoms: Array) -> None:
        """Take another dictionary (d, r)."""
        self._atoms = atoms
        gains, self._basis = np.linalg.eigh(atoms.T @ atoms)
        self._gains = np.maximum(gains, 0.0)

    def push(self, column: Array, link: float = 1.0) -> tuple[Array, Array] | None:
        """Add the newest column (d,); return the column and codes that leave the lag, if any.

        ``link`` is the probability that no boundary lies between this column and the one before.
        """
        left = None
        if len(self._codes) == self._lag:
            left = self._data[0], self._codes.pop()
            self._past_codes.push(left[1])
            if len(self._past_codes) > self._config.span:
                self._past_codes.pop()
                self._links.pop()
            self._data = self._data[1:]
            self._dual.pop()
        start = np.maximum(self._atoms.T @ column, 0.0)
        image = self._atoms @ start
        energy = float(image @ image)
        if energy > 0:
            start *= float(image @ column) / energy
        self._data = np.concatenate((self._data, column[None])) if len(self._data) else column[None]
        self._codes.push(start)
        self._dual.push(np.zeros_like(start))
        self._links.push(np.array([link]))
        return left

    def replace_data(self, data: Array) -> None:
        """Put other columns (n, d) in the place of the n free ones, as when the metric has moved."""
        self._data = data

    def refine(self, iterations: int) -> None:
        """Run ADMM iterations on the free columns."""
        config = self._config
        links = self._links.values[:, 0]
        # Most of the time all links are 1, as they were with the column before.
        if self._graph is None or not np.array_equal(links, self._graph.links):
            self._graph = _Graph(links, len(self._past_codes), config.span)
        graph, modes = self._graph, self._graph.modes
        scale = 1.0 / (config.smooth * graph.rates[:, None] + self._gains + (config.ridge + config.penalty))
        target = self._data @ self._atoms + config.smooth * graph.pull @ self._past_codes.values
        codes, dual = self._codes.values, self._dual.values
        for _ in range(iterations):
            right = modes.T @ (target + config.penalty * (codes - dual)) @ self._basis
            free = modes @ (right * scale) @ self._basis.T
            np.maximum(free + dual, 0.0, out=codes)
            dual += config.step * (free - codes)
