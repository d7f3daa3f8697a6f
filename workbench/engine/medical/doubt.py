"""Where a person should look first: slices ranked by how undecided the model is in and near what it found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workbench.core.segmenting import UncertainSlice

NEAR_MM = 6.0
"""How far around what was found a voxel counts."""
APART_MM = 8.0
"""Slices nearer to a more uncertain one are left out, and one neighbour on each side at least."""
MOST = 8
UNDECIDED = 0.5
"""Where nothing was found, voxels at least as undecided as this stand in for it."""


def ranked(
    entropy: NDArray[Any], found: NDArray[np.bool_], spacing_zyx_mm: tuple[float, ...], *, most: int = MOST
) -> list[UncertainSlice]:
    """The most uncertain slices of each plane, the worst first; none where the model is sure everywhere.

    `entropy` and `found` are (z, y, x). A slice's number is the mean entropy over its voxels within NEAR_MM of
    the foreground, weighted down where these are few: a single doubtful voxel makes no doubtful slice.
    """
    near = _near(found if found.any() else np.asarray(entropy >= UNDECIDED), spacing_zyx_mm)
    if not near.any():
        return []
    counts, sums = _summed(entropy, near)
    listed: list[UncertainSlice] = []
    for axis in range(3):
        many = counts[axis]
        means = sums[axis] / np.maximum(many, 1)
        # As in a Bayesian mean: slices with a fraction of the usual number of voxels are drawn to zero.
        usual = float(np.median(many[many > 0]))
        scores = means * many / (many + 0.25 * usual)
        apart = max(1, round(APART_MM / spacing_zyx_mm[axis]))
        for at in _suppressed(scores, apart, most):
            flat = np.where(near.take(at, axis), entropy.take(at, axis), 0)
            place = [int(one) for one in np.unravel_index(int(flat.argmax()), flat.shape)]
            place.insert(axis, int(at))
            listed.append(UncertainSlice(axis, int(at), round(float(means[at]), 4), (place[0], place[1], place[2])))
    return sorted(listed, key=lambda one: -one.mean)


def _summed(
    entropy: NDArray[Any], near: NDArray[np.bool_]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:  # fmt: skip
    """For the slices across each axis how many voxels are near, and the sum of their entropy; slice by slice."""
    counts = [np.zeros(size, np.int64) for size in near.shape]
    sums = [np.zeros(size) for size in near.shape]
    for at, (flat, chosen) in enumerate(zip(entropy, near, strict=True)):
        values = np.where(chosen, flat, 0).astype(np.float32)
        for total, one in ((counts, chosen), (sums, values)):
            rows, columns = one.sum(1), one.sum(0)
            total[0][at] = rows.sum()
            total[1] += rows
            total[2] += columns
    return counts, sums


SLICES = 32
"""So many are measured at a time: distances take twenty bytes a voxel."""


def _near(found: NDArray[np.bool_], spacing_zyx_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    """Voxels within NEAR_MM of a foreground; only its surroundings are gone through."""
    near = np.zeros(found.shape, bool)
    boxes = ndimage.find_objects(found.view(np.uint8))
    if not boxes or boxes[0] is None:
        return near
    margin = [int(np.ceil(NEAR_MM / step)) for step in spacing_zyx_mm]
    box = tuple(slice(max(0, one.start - more), one.stop + more) for one, more in zip(boxes[0], margin, strict=True))
    inside, around = found[box], near[box]
    for low in range(0, len(inside), SLICES):
        # What is farther away than the margin is not near, whatever lies there.
        first = max(0, low - margin[0])
        part = inside[first : low + SLICES + margin[0]]
        if part.any():
            away: Any = ndimage.distance_transform_edt(~part, sampling=spacing_zyx_mm)
            around[low : low + SLICES] = away[low - first : low - first + SLICES] <= NEAR_MM
    return near


def _suppressed(scores: NDArray[Any], apart: int, most: int) -> list[int]:
    """Places of the highest scores, none within `apart` of a higher one, above zero."""
    left, chosen = np.array(scores, float), list[int]()
    while len(chosen) < most and left.size and left.max() > 1e-3:
        at = int(left.argmax())
        chosen.append(at)
        left[max(0, at - apart) : at + apart + 1] = 0
    return chosen
