"""Which classes occur among values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import MOST_LISTED

NARROW = 1 << 16
"""Whole numbers that lie so close together are counted, which is many times as fast as sorting them."""


def classes_in(values: NDArray[Any]) -> NDArray[Any]:
    """The different whole numbers among values (N,), in rising order."""
    if not len(values) or values.dtype.kind not in "iu":
        return np.unique(values)
    low, high = int(values.min()), int(values.max())
    if high - low >= NARROW or high > np.iinfo(np.int64).max:
        return np.unique(values)
    return np.flatnonzero(np.bincount(np.subtract(values, low, dtype=np.int64))) + low


def listed(classes: set[int]) -> tuple[int, ...]:
    """Classes as a column lists them: none where they are too many."""
    return tuple(sorted(classes)) if len(classes) <= MOST_LISTED else ()
