"""Numbers over steps, made ready for drawing: voided by a resume, smoothed, thinned to the pixels."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BLOCK = 32


class Track(Protocol):
    """One series of a metric: equally long arrays; times are seconds since the epoch."""

    @property
    def steps(self) -> NDArray[np.generic]: ...
    @property
    def values(self) -> NDArray[np.generic]: ...
    @property
    def times(self) -> NDArray[np.generic]: ...


def valid(steps: Floats) -> NDArray[np.bool_] | slice:
    """Which points stand: a resume goes back, and what was written beyond its step is void."""
    if len(steps) < 2 or bool(np.all(np.diff(steps) > 0)):
        return slice(None)
    earliest_after = np.append(np.minimum.accumulate(steps[::-1])[::-1][1:], np.inf)
    kept: NDArray[np.bool_] = steps < earliest_after
    return kept


def smoothed(values: Floats, weight: float) -> Floats:
    """An exponential average over the points so far, unbiased at the start; gaps stay gaps.

    weight 0 leaves the values, 0.99 averages over about a hundred. Computed in blocks by one
    small matrix each, as a loop over a hundred thousand points would be felt.
    """
    if weight <= 0 or len(values) == 0:
        return values
    there = np.isfinite(values)
    if there.all():
        share = (1 - weight ** np.arange(1.0, len(values) + 1)) / (1 - weight)
        return _decayed(values, weight) / share
    total = _decayed(np.where(there, values, 0.0), weight)
    share = _decayed(there.astype(np.float64), weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, total / share, np.nan)


def _decayed(values: Floats, weight: float) -> Floats:
    """y[n] = weight · y[n−1] + x[n], (N,) to (N,): blocks by a matrix, their ends by the same function."""
    count = len(values)
    blocks = np.zeros((-(-count // _BLOCK), _BLOCK))
    blocks.reshape(-1)[:count] = values
    lag = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    inner = blocks @ np.where(lag >= 0, weight ** np.maximum(lag, 0), 0.0).T
    if len(inner) > 1:
        ends = _decayed(inner[:, -1], weight**_BLOCK)
        inner[1:] += ends[:-1, None] * weight ** np.arange(1, _BLOCK + 1)
    return np.asarray(inner.ravel()[:count])


def thinned(x: Floats, y: Floats, *, low: float, high: float, columns: int) -> tuple[Floats, Floats]:
    """The points between low and high, at most the lowest and highest of each column of pixels.

    x must not fall. One neighbour on each side is kept, so that lines leave the picture.
    """
    first = max(int(np.searchsorted(x, low)) - 1, 0)
    last = min(int(np.searchsorted(x, high, side="right")) + 1, len(x))
    x, y = x[first:last], y[first:last]
    if len(x) <= 4 * columns:
        return x, y
    edges = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], columns + 1)[:-1]))
    with np.errstate(invalid="ignore"):
        pair = np.stack([np.fmin.reduceat(y, edges), np.fmax.reduceat(y, edges)], axis=1)
    return np.repeat(x[edges], 2), pair.ravel()


def best_of(values: Floats, better: str) -> int:
    """Position of the best value ('high' or 'low'), the first of equals; −1 where there is none."""
    if not np.isfinite(values).any():
        return -1
    finite = np.where(np.isfinite(values), values, np.nan)
    return int(np.nanargmax(finite) if better == "high" else np.nanargmin(finite))
