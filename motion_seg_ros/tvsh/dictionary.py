"""A dictionary that follows the stream: sufficient statistics, one sweep of atoms at a time.

Online matrix factorisation (Mairal et al., JMLR 2010) with forgetting, and with replacement of the
least-used atom by a column that the dictionary cannot express.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A unit column of which less than this share is expressed deserves an atom of its own.
_UNEXPRESSED = 0.35
# Statistics fade with this time constant in columns.
_MEMORY = 1500.0
# Columns between two replacements once every atom is in use: noise is never fully expressed, and a
# dictionary that chases it makes codes of the same motion differ.
_REST = 30
# An atom used less than this is free to be replaced at once.
_UNUSED = 1e-6


class AdaptiveDictionary:
    """Non-negative unit atoms learned from columns and their codes.

    Parameters
    ----------
    dimension : length d of the columns.
    atoms : number r of atoms.
    """

    def __init__(self, dimension: int, atoms: int) -> None:
        # Atoms are rows here.
        self._atoms = np.zeros((atoms, dimension))
        self._vacant = atoms
        self._codes = np.zeros((atoms, atoms))
        self._cross = np.zeros((atoms, dimension))
        self._age = np.zeros(atoms)
        self._rested = 0

    @property
    def atoms(self) -> Array:
        """(d, r), zero where vacant: a view that changes with the dictionary."""
        return self._atoms.T

    def consider(self, column: Array, code: Array) -> int | None:
        """Adopt a column as an atom when it is badly expressed; the index of the replaced atom, or None."""
        self._rested += 1
        if not self._vacant and self._rested < _REST:
            return None
        rest = column - code @ self._atoms
        if float(rest @ rest) < _UNEXPRESSED * max(float(column @ column), 1e-12):
            return None
        # Use for each replacement survived, so that a young atom is not taken for a useless one.
        self._age += 1.0
        use = np.diag(self._codes) / self._age
        chosen = len(self._atoms) - self._vacant if self._vacant else int(np.argmin(use))
        self._vacant = max(self._vacant - 1, 0)
        self._rested = 0
        self._atoms[chosen] = column / max(float(np.linalg.norm(column)), 1e-12)
        self._codes[chosen] = self._codes[:, chosen] = 0.0
        self._cross[chosen] = 0.0
        self._age[chosen] = 0.0
        return chosen

    def learn(self, column: Array, code: Array) -> None:
        """Take one finished column and its code into the statistics."""
        keep = 1.0 - 1.0 / _MEMORY
        self._codes *= keep
        self._codes += np.outer(code, code)
        self._cross *= keep
        self._cross += np.outer(code, column)

    def sweep(self) -> None:
        """One block-coordinate step: every used atom becomes what explains best what the others leave."""
        atoms, others = self._atoms, self._codes.copy()
        np.fill_diagonal(others, 0.0)
        for j in np.flatnonzero(np.diag(self._codes) > _UNUSED).tolist():
            atom = self._cross[j] - others[j] @ atoms
            np.maximum(atom, 0.0, out=atom)
            length = math.sqrt(atom @ atom)
            if length > 0:
                atoms[j] = atom / length
