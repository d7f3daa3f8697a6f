"""A volume made ready to be drawn as a whole: 8-bit tones, few enough for a texture; runs on any thread."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry
from workbench.gui.volumes.columns import Columns
from workbench.gui.volumes.shades import sampled

MOST_VOXELS = 1 << 25
"""Of the texture, which takes a byte for each; 512 × 512 × 128."""
FEW_VOXELS = 1 << 18
"""Enough to count how often values occur."""
MOST_SIDE = 512
"""What every OpenGL of the last fifteen years takes."""
TONES, COLOURS = 255, 256
_PARTS = {2: "a half", 3: "a third", 4: "a quarter"}


@dataclasses.dataclass(frozen=True)
class Tones:
    """Tones (z, y, x), one for every `steps` (z, y, x) voxels; `low` and `high` are the values of 0 and 255."""

    tones: NDArray[np.uint8]
    steps: tuple[int, int, int]
    low: float
    high: float
    shares: NDArray[np.float64]
    """How many voxels have each tone, (256,), as a share of all."""

    @property
    def words(self) -> str:
        """What to tell a person; empty at full resolution."""
        return thinned(max(self.steps))

    def emptied(self) -> Tones:
        """The same without its voxels, once a texture has them: only their number is left."""
        return dataclasses.replace(self, tones=np.broadcast_to(np.uint8(0), self.tones.shape))

    def tone(self, value: float) -> float:
        """A value as 0 … 1 between `low` and `high`, or outside of it."""
        return (value - self.low) / (self.high - self.low)

    def value(self, tone: float) -> float:
        """The value of a tone 0 … 1."""
        return self.low + tone * (self.high - self.low)

    def placed(self, geometry: Geometry) -> NDArray[np.float64]:
        """The matrix (4, 4) from the texture's 0 … 1 (x, y, z) to the patient's millimetres (LPS)."""
        steps = np.asarray(self.steps[::-1], float)
        counts = np.asarray(self.tones.shape[::-1], float)
        scaled = np.asarray(geometry.direction, float).reshape(3, 3) * np.asarray(geometry.spacing_mm) * steps
        matrix = np.eye(4)
        matrix[:3, :3] = scaled * counts
        matrix[:3, 3] = np.asarray(geometry.origin_mm) - scaled @ np.full(3, 0.5)  # a texel's middle is its voxel's
        return matrix


def thinned(step: int) -> str:
    """What to tell of a volume of which every `step`-th voxel is drawn; empty where all are."""
    return "" if step == 1 else f"shown at {_PARTS.get(step, f'1/{step}')} of its resolution"


def steps_of(shape: tuple[int, ...], spacing_mm: tuple[float, ...], *, most_voxels: int, most_side: int) -> list[int]:
    """Whole steps (z, y, x) that make a volume fit, the finest axis thinned first."""
    steps = [1, 1, 1]

    def left(axis: int) -> int:
        return -(-shape[axis] // steps[axis])

    while left(0) * left(1) * left(2) > most_voxels or max(map(left, range(3))) > most_side:
        long = [axis for axis in range(3) if left(axis) > most_side] or [axis for axis in range(3) if left(axis) > 1]
        steps[min(long, key=lambda axis: (spacing_mm[axis] * steps[axis], axis))] += 1
    return steps


def tones_of(
    array: NDArray[Any], geometry: Geometry, bounds: tuple[float, float] | None = None, *,
    most_voxels: int = MOST_VOXELS, most_side: int = MOST_SIDE,
) -> Tones:  # fmt: skip
    """A volume (z, y, x) of any real type as tones between two values, or between its own extremes.

    A large volume is thinned by whole steps, slice by slice, so that a mapped file is never held whole.
    """
    low, high = bounds or extremes(array)
    if not high > low:
        high = low + 1.0
    spacing_zyx = geometry.spacing_mm[::-1]
    z, y, x = steps_of(array.shape, spacing_zyx, most_voxels=most_voxels, most_side=most_side)
    pages = Columns(array) if Columns.suit(array) else None
    slices = range(0, array.shape[0], z)
    first = array[0, ::y, ::x]
    tones = np.empty((len(slices), *first.shape), np.uint8)
    for at, index in enumerate(slices):
        values = array[index, ::y, ::x].astype(np.float32)
        values -= low
        values *= TONES / (high - low)
        np.nan_to_num(values, copy=False, nan=0.0, posinf=TONES, neginf=0.0)
        tones[at] = np.clip(np.rint(values, out=values), 0, TONES)
        if pages is not None and at % 16 == 15:
            pages.give_back()
    shares = np.bincount(tones.ravel()[:: max(1, tones.size // 2_000_000)], minlength=256).astype(np.float64)
    return Tones(tones, (z, y, x), float(low), float(high), shares / shares.sum())


def counted(array: NDArray[Any], geometry: Geometry) -> Tones:
    """What a volume's values are, from a sample and without any voxels: their bounds and how often each occurs."""
    return tones_of(array, geometry, most_voxels=FEW_VOXELS).emptied()


def extremes(array: NDArray[Any]) -> tuple[float, float]:
    """The lowest value, and the one that a thousandth of the voxels exceeds; of some slices."""
    values = sampled(array)
    if not values.size:
        return 0.0, 1.0
    return float(values.min()), float(np.percentile(values.astype(np.float64), 99.9))


def table_of(points: Sequence[tuple[float, tuple[int, int, int], float]]) -> NDArray[np.uint8]:
    """A colour table (256, 4) by straight lines between (tone 0 … 1, colour, opacity 0 … 1), in rising order."""
    at = np.linspace(0, 1, COLOURS)
    tones = [tone for tone, _, _ in points]
    columns = [np.interp(at, tones, [colour[channel] for _, colour, _ in points]) for channel in range(3)]
    columns.append(255 * np.interp(at, tones, [opacity for _, _, opacity in points]))
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)
