"""Values between the nodes of grids and hash tables: which eight nodes a point lies between, and their weighted sum.

`grid_sample` does the same for dense grids; with one volume in a batch it uses one core, and its way back takes longer
than this one's (100,000 points of four channels on one core: 9 ms and 16 ms here, 9 ms and 22 ms there).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

PRIMES = (1, 2654435761, 805459861)
"""Instant NGP, eq. 4."""
_BITS = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]


def corners(at: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Rows (N, 8) of a flat grid, z fastest, that points (N, 3) in units of nodes lie between, and weights (N, 8)."""
    floor = torch.minimum(at.floor(), torch.tensor([float(one - 2) for one in shape], device=at.device))
    index = floor.long()
    base = (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2]
    offsets = torch.tensor([(a * shape[1] + b) * shape[2] + c for a, b, c in _BITS], device=at.device)
    return base[:, None] + offsets, _weights(at - floor)


def hashed_corners(at: Tensor, resolutions: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
    """Rows (N, L, 8) of L tables of `size` rows, one after another, and weights (N, L, 8) of points (N, 3) from 0 to 1.

    A level whose nodes fit into its table counts them; another one's rows are the XOR of coordinates times primes,
    modulo the size (Instant NGP, eq. 4).
    """
    scale = torch.tensor([float(one) for one in resolutions], device=at.device)
    spread = at[:, None, :] * scale[:, None]
    floor = torch.minimum(spread.floor(), scale[:, None] - 1)
    index = floor.long()
    ends = torch.stack([index, index + 1], -1)  # (N, L, 3, 2)
    dense = [level for level, one in enumerate(resolutions) if (one + 1) ** 3 <= size]
    hashed = [level for level in range(len(resolutions)) if level not in dense]
    parts = []
    if dense:
        nodes = torch.tensor([resolutions[level] + 1 for level in dense], device=at.device)[:, None]
        some = ends[:, : len(dense)]
        x, y, z = some[:, :, 0] * nodes * nodes, some[:, :, 1] * nodes, some[:, :, 2]
        parts.append((x[..., :, None, None] + y[..., None, :, None] + z[..., None, None, :]).flatten(2))
    if hashed:
        some = ends[:, len(dense) :]
        x, y, z = (some[:, :, axis] * PRIMES[axis] for axis in range(3))
        mixed = x[..., :, None, None] ^ y[..., None, :, None] ^ z[..., None, None, :]
        parts.append((mixed & (size - 1)).flatten(2))
    rows = torch.cat(parts, 1) + torch.arange(len(resolutions), device=at.device)[:, None] * size
    weights = _weights((spread - floor).reshape(-1, 3)).reshape(len(at), len(resolutions), 8)
    return rows, weights


def _weights(share: Tensor) -> Tensor:
    """Trilinear weights (N, 8) of how far (N, 3) a point lies between nodes."""
    both = torch.stack([1 - share, share], -1)
    square = both[:, 0, :, None] * both[:, 1, None, :]
    return (square[..., None] * both[:, 2, None, None, :]).flatten(1)


def blend(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums (N, C) of rows (N, K) of a table (R, C); the gradient goes to the table alone."""
    found: Tensor = _Blend.apply(table, index, weight)  # type: ignore[no-untyped-call]
    return found


class _Blend(torch.autograd.Function):
    """embedding_bag with a way back that adds rows up: its own sorts them first, which takes four times as long."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(index, weight)
        ctx.shape = table.shape
        return torch.nn.functional.embedding_bag(index, table, per_sample_weights=weight, mode="sum")

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = grads
        index, weight = ctx.saved_tensors
        found = torch.zeros(ctx.shape, dtype=grad.dtype, device=grad.device)
        found.index_add_(0, index.reshape(-1), (weight[..., None] * grad[:, None]).flatten(0, 1))
        return found, None, None
