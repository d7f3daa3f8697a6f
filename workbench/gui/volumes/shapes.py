"""What a tool covers: dabs of a brush and polygons, as a box of the array and a mask in it; knows no widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.gui.volumes.strokes import Box
from workbench.report.planes import Plane

Place = Sequence[float]
"""A position in the array between voxels, (z, y, x)."""
Mask = NDArray[np.bool_]


def dab(
    start: Place, end: Place, *, radius_mm: float, spacing_mm: Sequence[float], shape: Sequence[int], flat: int | None
) -> tuple[Box, Mask]:
    """The voxels within `radius_mm` of the line from `start` to `end`; never less than the voxel under it.

    `spacing_mm` is (z, y, x). `flat` is the axis of slices for a brush that stays in its slice,
    None for a sphere.
    """
    ranges, steps = [], []
    for axis in range(3):
        low, high = sorted((start[axis], end[axis]))
        reach = radius_mm / spacing_mm[axis] if axis != flat else 0.0
        first = max(0, math.floor(low - reach + 0.5) if axis == flat else math.floor(low - reach))
        last = min(shape[axis] - 1, math.floor(high + reach + 0.5) if axis == flat else math.ceil(high + reach))
        ranges.append(slice(first, max(first, last + 1)))
        where = [1, 1, 1]
        where[axis] = -1
        steps.append((np.arange(first, max(first, last + 1)) - start[axis]).reshape(where) * spacing_mm[axis])
    box = (ranges[0], ranges[1], ranges[2])
    along = [(b - a) * spacing for a, b, spacing in zip(start, end, spacing_mm, strict=True)]
    if flat is not None:
        along[flat], steps[flat] = 0.0, np.zeros_like(steps[flat])
    length2 = sum(one * one for one in along)
    if length2:
        share = np.clip(sum(step * one for step, one in zip(steps, along, strict=True)) / length2, 0, 1)
        away2 = sum((step - share * one) ** 2 for step, one in zip(steps, along, strict=True))
    else:
        away2 = sum(step * step for step in steps)
    mask = np.asarray(away2 <= radius_mm * radius_mm)
    for place in (start, end):
        under = [math.floor(one + 0.5) - where.start for one, where in zip(place, box, strict=True)]
        if all(0 <= at < size for at, size in zip(under, mask.shape, strict=True)):
            mask[tuple(under)] = True
    return box, mask


def polygon(points: Sequence[tuple[float, float]], plane: Plane, index: int, shape: Sequence[int]) -> tuple[Box, Mask]:
    """The voxels of a slice whose middle lies inside a closed line of shown points (row, column)."""
    rows, columns = plane.size(shape)
    inside = _inside(np.asarray(points, float), rows, columns)
    inside = inside[:: -1 if plane.flip_down else 1, :: -1 if plane.flip_right else 1]
    if plane.down > plane.right:
        inside = inside.T
    return _whole(plane.box(index), shape), np.expand_dims(inside, plane.across)


def _inside(points: NDArray[np.float64], rows: int, columns: int) -> Mask:
    """Even–odd rule, row by row: a pixel is inside after an odd number of crossings at its left."""
    inside = np.zeros((rows, columns), bool)
    following = np.roll(points, -1, axis=0)
    first = max(0, math.ceil(points[:, 0].min()))
    last = min(rows - 1, math.floor(points[:, 0].max()))
    for row in range(first, last + 1):
        crosses = (points[:, 0] <= row) != (following[:, 0] <= row)
        a, b = points[crosses], following[crosses]
        at = np.sort(a[:, 1] + (row - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))
        for left, right in zip(at[::2], at[1::2], strict=False):
            inside[row, max(0, math.ceil(left)) : max(0, math.floor(right) + 1)] = True
    return inside


def _whole(box: tuple[slice, slice, slice], shape: Sequence[int]) -> Box:
    z, y, x = (slice(*one.indices(size)[:2]) for one, size in zip(box, shape, strict=True))
    return z, y, x


def bounds(mask: NDArray[Any]) -> Box | None:
    """The smallest box that holds every true voxel of a mask (z, y, x); None where there is none."""
    found = []
    for axis in range(3):
        along = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(along):
            return None
        found.append(slice(int(along[0]), int(along[-1]) + 1))
    return found[0], found[1], found[2]


def widened(box: Box, by: Sequence[int], shape: Sequence[int]) -> Box:
    """A box with some voxels more on every side, as far as the array reaches."""
    z, y, x = (
        slice(max(0, one.start - more), min(size, one.stop + more))
        for one, more, size in zip(box, by, shape, strict=True)
    )
    return z, y, x
