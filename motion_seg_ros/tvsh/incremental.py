"""Fixed-lag embedding: codes of the newest steps, at a cost that no length of stream changes.

Only the last ``lag`` columns are free; older ones are frozen and pull on the free ones through the
graph (derived). With the lag as long as the sequence and enough iterations the codes are those of
:func:`motion_seg_ros.tvsh.admm.code_sequence`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.admm import EmbeddingConfig
from motion_seg_ros.tvsh.links import tvs_weights

Array = NDArray[np.float64]


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
        # Columns are rows here: newest last.
        self._data: Array = np.zeros((0, 0))
        self.codes: Array = np.zeros((0, config.atoms))
        self._dual: Array = np.zeros((0, config.atoms))
        self.links: Array = np.zeros(0)
        self._past_codes: Array = np.zeros((0, config.atoms))
        self._past_links: Array = np.zeros(0)
        self._gains: Array = np.zeros(config.atoms)
        self._basis: Array = np.eye(config.atoms)
        self._atoms: Array = np.zeros((0, config.atoms))

    def use_atoms(self, atoms: Array) -> None:
        """Take another dictionary (d, r)."""
        self._atoms = atoms
        self._gains, self._basis = np.linalg.eigh(atoms.T @ atoms)

    def push(self, column: Array, link: float = 1.0) -> tuple[Array, Array] | None:
        """Add the newest column (d,); return the column and codes that leave the lag, if any.

        ``link`` is the probability that no boundary lies between this column and the one before.
        """
        left = None
        if len(self.codes) == self._lag:
            left = (self._data[0], self.codes[0])
            span = self._config.span
            self._past_codes = np.vstack((self._past_codes, self.codes[:1]))[-span:]
            self._past_links = np.append(self._past_links, self.links[0])[-span:]
            self._data, self.codes = self._data[1:], self.codes[1:]
            self._dual, self.links = self._dual[1:], self.links[1:]
        start = np.maximum(self._atoms.T @ column, 0.0)
        image = self._atoms @ start
        energy = float(image @ image)
        if energy > 0:
            start *= float(image @ column) / energy
        self._data = np.vstack((self._data, column)) if len(self._data) else column[None]
        self.codes = np.vstack((self.codes, start))
        self._dual = np.vstack((self._dual, np.zeros_like(start)))
        self.links = np.append(self.links, link)
        return left

    def replace_data(self, data: Array) -> None:
        """Put other columns (n, d) in the place of the n free ones, as when the metric has moved."""
        self._data = data

    def refine(self, iterations: int) -> None:
        """Run ADMM iterations on the free columns."""
        config = self._config
        frozen, count = len(self._past_codes), len(self.codes)
        weights = tvs_weights(np.concatenate((self._past_links, self.links)), config.span)
        graph = np.zeros((frozen + count, frozen + count))
        for k in range(1, min(config.span, frozen + count - 1) + 1):
            index = np.arange(k, frozen + count)
            graph[index, index - k] = graph[index - k, index] = weights[k - 1, k:]
        laplacian = (np.diag(graph.sum(axis=1)) - graph)[frozen:, frozen:]
        pull = config.smooth * graph[frozen:, :frozen] @ self._past_codes
        rates, modes = np.linalg.eigh(laplacian)
        scale = 1.0 / (
            np.maximum(rates, 0.0)[:, None] * config.smooth
            + np.maximum(self._gains, 0.0)
            + (config.ridge + config.penalty)
        )
        target = self._data @ self._atoms + pull
        for _ in range(iterations):
            right = modes.T @ (target - self._dual + config.penalty * self.codes) @ self._basis
            free = modes @ (right * scale) @ self._basis.T
            self.codes = np.maximum(free + self._dual / config.penalty, 0.0)
            self._dual += config.step * config.penalty * (free - self.codes)
