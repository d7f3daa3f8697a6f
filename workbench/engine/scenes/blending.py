"""Values between the nodes of grids and hash tables: which eight nodes a point lies between, and their weighted sum.

`grid_sample` does the same for dense grids; with one volume in a batch it uses one core, and its way back takes longer
than this one's (100,000 points of four channels on one core: 9 ms and 16 ms here, 9 ms and 22 ms there). On a GPU,
whose kernels run beside Python, rows are counted in 32 bits and gathered, and nothing here waits for the device.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

PRIMES = (1, 2654435761, 805459861)
"""Instant NGP, eq. 4."""
_BITS = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]


def runs_beside(device: torch.device) -> bool:
    """Whether kernels run beside Python, so that each number that is read, and each shape that hangs on one, waits."""
    return device.type == "cuda"


@functools.lru_cache(maxsize=256)
def constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """A few numbers on a device, sent there once: sending them waits for it."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device, dtype=dtype)


def _counting(device: torch.device) -> torch.dtype:
    """What rows are counted in: index_add on the CPU is five times as slow with 32 bits."""
    return torch.int32 if runs_beside(device) else torch.int64


def corners(at: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Rows (N, 8) of a flat grid, z fastest, that points (N, 3) in units of nodes lie between, and weights (N, 8)."""
    kind = _counting(at.device)
    floor = torch.minimum(at.floor(), constant(tuple(float(one - 2) for one in shape), at.device))
    index = floor.to(kind)
    base = (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2]
    offsets = constant(tuple((a * shape[1] + b) * shape[2] + c for a, b, c in _BITS), at.device, kind)
    return base[:, None] + offsets, _weights(at - floor)


def hashed_corners(at: Tensor, resolutions: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
    """Rows (N, L, 8) of L tables of `size` rows, one after another, and weights (N, L, 8) of points (N, 3) from 0 to 1.

    A level whose nodes fit into its table counts them; another one's rows are the XOR of coordinates times primes,
    modulo the size (Instant NGP, eq. 4).
    """
    kind = _counting(at.device)
    scale = constant(tuple(float(one) for one in resolutions), at.device)
    spread = at[:, None, :] * scale[:, None]
    floor = torch.minimum(spread.floor(), scale[:, None] - 1)
    index = floor.to(kind)
    ends = torch.stack([index, index + 1], -1)  # (N, L, 3, 2)
    dense = [level for level, one in enumerate(resolutions) if (one + 1) ** 3 <= size]
    hashed = [level for level in range(len(resolutions)) if level not in dense]
    parts = []
    if dense:
        nodes = constant(tuple(resolutions[level] + 1 for level in dense), at.device, kind)[:, None]
        some = ends[:, : len(dense)]
        x, y, z = some[:, :, 0] * nodes * nodes, some[:, :, 1] * nodes, some[:, :, 2]
        parts.append((x[..., :, None, None] + y[..., None, :, None] + z[..., None, None, :]).flatten(2))
    if hashed:
        some = ends[:, len(dense) :]
        # Products that overflow 32 bits keep their lowest ones, and only those are looked at.
        x, y, z = (some[:, :, axis] * _signed(prime, kind) for axis, prime in enumerate(PRIMES))
        mixed = x[..., :, None, None] ^ y[..., None, :, None] ^ z[..., None, None, :]
        parts.append((mixed & (size - 1)).flatten(2))
    rows = torch.cat(parts, 1) + torch.arange(len(resolutions), device=at.device, dtype=kind)[:, None] * size
    weights = _weights((spread - floor).reshape(-1, 3)).reshape(len(at), len(resolutions), 8)
    return rows, weights


def _signed(number: int, kind: torch.dtype) -> int:
    """A number below 2³² as a signed one of a kind has its bits."""
    return number - (1 << 32) if kind == torch.int32 and number >= 1 << 31 else number


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
        if runs_beside(table.device):  # embedding_bag gives each bag of two columns a whole warp
            rows = table.index_select(0, index.reshape(-1)).view(*index.shape, -1)
            return (rows * weight[..., None]).sum(1)
        return torch.nn.functional.embedding_bag(index, table, per_sample_weights=weight, mode="sum")

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = grads
        index, weight = ctx.saved_tensors
        found = torch.zeros(ctx.shape, dtype=grad.dtype, device=grad.device)
        found.index_add_(0, index.reshape(-1), (weight[..., None] * grad[:, None]).flatten(0, 1))
        return found, None, None
