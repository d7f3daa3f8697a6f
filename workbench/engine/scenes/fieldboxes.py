"""The box that a radiance field fills, where nobody told it exactly: guessed from the cameras, carved, narrowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workbench.core.volumes import Triple
from workbench.engine.scenes.keeping import triple

if TYPE_CHECKING:
    from workbench.engine.scenes.fieldviews import Photograph

WIDE = 2.0
"""A loose box that is so many times as wide as what the cameras look at leaves too few voxels for that."""
CARVED_SIDE = 48
"""Cells along a side of what is carved."""
CLEAR = 8
"""Opacity (of 255) up to which a pixel shows nothing."""
MOST_CARVING = 64
"""Photographs that carve, evenly chosen."""


def guessed_box(taken: Sequence[Photograph]) -> tuple[Triple, Triple, str]:
    """A box for photographs without one, and what it is around.

    A cube around the point that cameras look at most nearly, as wide as they are far from it. Where photographs are
    transparent around what they show, it is cut down to the places that none of them sees through.
    """
    low, high = _looked_at(taken)
    carved = _carved(taken, low, high)
    if carved is not None:
        return triple(carved[0]), triple(carved[1]), "what no photograph sees through"
    return triple(low), triple(high), "what the cameras look at"


def _looked_at(taken: Sequence[Photograph]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A cube around the closest point to all lines of sight (least squares); where these are all parallel it lies one
    unit ahead of the cameras' middle."""
    poses = np.array([one.pose for one in taken]).reshape(-1, 4, 4)
    at, ahead = poses[:, :3, 3], -poses[:, :3, 2]
    start = at.mean(0)  # differences keep their digits where coordinates are in the millions
    across = np.eye(3) - ahead[:, :, None] * ahead[:, None, :]
    total = across.sum(0)
    if np.linalg.cond(total) < 1e6:
        middle = start + np.linalg.solve(total, (across @ (at - start)[..., None]).sum(0))[:, 0]
    else:
        middle = start + ahead.mean(0)
    reach = float(np.linalg.norm(at - middle, axis=1).mean()) or 1.0
    return middle - reach, middle + reach


def _carved(
    taken: Sequence[Photograph], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The box around the places in a cube that are opaque in every photograph that looks at them, which half of all
    do, a cell wider; None where not every photograph has something transparent, or where nothing is left."""
    if any(one.pixels.shape[-1] != 4 or one.pixels[..., 3].min() > CLEAR for one in taken):
        return None
    cell = (high - low) / CARVED_SIDE
    axes = [low[axis] + (np.arange(CARVED_SIDE) + 0.5) * cell[axis] for axis in range(3)]
    left = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    looked, some = np.zeros(len(left), int), taken[:: -(-len(taken) // MOST_CARVING)]
    for one in some:
        inside, opaque = _shown(one, left)
        looked += inside
        left, looked = left[~inside | opaque], looked[~inside | opaque]
    left = left[2 * looked >= len(some)]
    return (left.min(0) - 1.5 * cell, left.max(0) + 1.5 * cell) if len(left) else None


def _shown(one: Photograph, points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which points (N, 3) a photograph looks at, and of which it shows something: itself or a pixel beside it."""
    pose, lens = np.array(one.pose).reshape(4, 4), one.lens
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    ahead = np.maximum(-local[:, 2], 1e-9)
    column = np.floor(lens.cx + lens.fx * local[:, 0] / ahead).clip(-1, lens.width).astype(int)
    row = np.floor(lens.cy - lens.fy * local[:, 1] / ahead).clip(-1, lens.height).astype(int)
    inside = (local[:, 2] < 0) & (column >= 0) & (column < lens.width) & (row >= 0) & (row < lens.height)
    opaque = ndimage.maximum_filter(one.pixels[..., 3], 3) > CLEAR
    return inside, opaque[row.clip(0, lens.height - 1), column.clip(0, lens.width - 1)]


def narrowed(taken: Sequence[Photograph], low: Triple, high: Triple) -> tuple[Triple, Triple, list[str]]:
    """A loose box cut down to what the cameras look at, where that is far smaller."""
    near, far, what = guessed_box(taken)
    wide, guessed = (max(np.subtract(*ends)) for ends in ((high, low), (far, near)))
    lower, upper = np.maximum(low, near), np.minimum(high, far)
    if wide <= WIDE * guessed or (lower >= upper).any():
        return low, high, []
    note = (f"The file's cube is {wide:.3g} wide, which leaves few voxels for {what}: a box around that was taken, "
            f"{max(upper - lower):.3g} wide.")  # fmt: skip
    return triple(lower), triple(upper), [note]
