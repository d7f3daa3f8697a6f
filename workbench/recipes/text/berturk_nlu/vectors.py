"""Word vectors to start a new network from: which pieces stand in the same passages, and beside which others.

Positive pointwise mutual information, then its strongest directions (Levy and Goldberg 2014): seconds
of work that save masked-word learning its first, slow stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LARGEST = 8_000
"""Pieces of the largest vocabulary whose square table of counts is worth its memory."""
BESIDE = 2
Table = NDArray[np.float32]


def word_vectors(blocks: Sequence[Sequence[int]], size: int, width: int) -> Table:
    """(size, width) with mean 0 and spread 1: half tells the passages' subject, half the neighbours."""
    subject = _together(blocks, size)
    np.fill_diagonal(subject, 0)
    tables = (subject, width // 2), (_beside(blocks, size), width - width // 2)
    both = np.concatenate([_directions(_information(table), count) for table, count in tables], 1)
    both -= both.mean(0)
    return np.asarray(both / (both.std() + 1e-9), np.float32)


def _together(blocks: Sequence[Sequence[int]], size: int) -> Table:
    """In how many passages two pieces stand both, (size, size)."""
    found = [np.unique(block) for block in blocks]
    rows = np.repeat(np.arange(len(found)), [len(one) for one in found])
    stands = sparse.csr_matrix(
        (np.ones(len(rows), np.float32), (rows, np.concatenate(found))), shape=(len(found), size)
    )
    return np.asarray((stands.T @ stands).toarray(), np.float32)


def _beside(blocks: Sequence[Sequence[int]], size: int) -> Table:
    """How often a piece has another one at each near place, (size, 2 · BESIDE · size): left and right apart."""
    tables = []
    for shift in range(1, BESIDE + 1):
        left = np.concatenate([np.asarray(block[:-shift]) for block in blocks])
        right = np.concatenate([np.asarray(block[shift:]) for block in blocks])
        table = sparse.coo_matrix((np.ones(len(left), np.float32), (left, right)), shape=(size, size)).toarray()
        tables += [table, table.T]
    return np.concatenate(tables, 1)


def _information(counts: Table) -> Table:
    """Positive pointwise mutual information; rare contexts are smoothed by the power 3/4."""
    context = counts.sum(0) ** 0.75
    expected = np.outer(counts.sum(1), context / context.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.maximum(np.log(counts / expected), 0), nan=0.0, posinf=0.0)


def _directions(table: Table, count: int) -> Table:
    """Every row in its table's strongest directions, of length 1."""
    strength, axes = np.linalg.eigh(table @ table.T)
    strongest = np.argsort(-strength)[:count]
    rows = axes[:, strongest] * np.maximum(strength[strongest], 0) ** 0.25
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)
