"""Boxes as rows (N, 7): centre x, y, z, sides along their own axes, turn about z in radians; in voxels or in lengths.

Voxel i reaches from i to i + 1 along its axis; voxels are taken for cubes where boxes are turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Box, RadianceMeta

Real = TypeVar("Real", np.float32, np.float64)


def rows_of(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """Boxes as rows (N, 7)."""
    return np.array([[*one.centre, *one.size, one.yaw_rad] for one in boxes], np.float32).reshape(-1, 7)


def centred(rows: NDArray[Real]) -> NDArray[Real]:
    """Rows (N, 7), also from (N, 6) least and greatest corners; sides are below 0 where these are swapped."""
    if rows.shape[1] == 7:
        return rows
    low, high = rows[:, :3], rows[:, 3:]
    return np.concatenate([(low + high) / 2, high - low, np.zeros((len(rows), 1), rows.dtype)], 1)


def to_voxels(rows: NDArray[Real], meta: RadianceMeta, sides: Sequence[int]) -> NDArray[Real]:
    """Rows (N, 7) in the lengths of a grid as rows in its voxels, of which it has `sides`."""
    found = rows.astype(np.float64)
    found[:, :3] = (found[:, :3] - meta.low) / _cell(meta, sides)
    found[:, 3:6] /= _cell(meta, sides)
    return found.astype(rows.dtype)


def from_voxels(rows: NDArray[Real], meta: RadianceMeta, sides: Sequence[int]) -> NDArray[np.float64]:
    """Rows (N, 7) in voxels as rows in the lengths of their grid, maybe far beyond single precision."""
    found = rows.astype(np.float64)
    found[:, :3] = found[:, :3] * _cell(meta, sides) + meta.low
    found[:, 3:6] *= _cell(meta, sides)
    return found


def _cell(meta: RadianceMeta, sides: Sequence[int]) -> NDArray[np.float64]:
    cell: NDArray[np.float64] = (np.asarray(meta.high, np.float64) - meta.low) / np.asarray(sides)
    return cell
