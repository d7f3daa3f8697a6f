"""Values to tones: windows and presets, lookup tables to 8 bits, label slices with outlines; knows no widgets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import VolumeMeta

Window = tuple[float, float]
"""Centre and width, in the volume's unit."""
PRESETS: dict[str, Window] = {
    "brain": (40, 80), "soft tissue": (50, 400), "abdomen": (60, 350), "lung": (-600, 1500), "bone": (400, 1800),
}  # fmt: skip
"""Windows for CT in HU, as radiology workstations deliver them."""
SAMPLED = 200_000
"""About how many voxels an automatic window looks at, so that a large volume is not read whole."""
MOST_LABELS = 127
"""Indices 1 … 127 are filled, the same plus 128 are outlines; further labels share them."""
OUTLINE = 128


def sampled(array: NDArray[Any]) -> NDArray[Any]:
    """Some finite voxels of a volume, from few slices only."""
    slices, rows, columns = array.shape
    taken = np.unique(np.linspace(0, slices - 1, min(slices, 12)).round().astype(int))
    stride = max(1, int(np.sqrt(len(taken) * rows * columns / SAMPLED)))
    values = np.concatenate([np.asarray(array[at, ::stride, ::stride]).ravel() for at in taken])
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def automatic(array: NDArray[Any]) -> Window:
    """The 1st to the 99th percentile of what is not the background (its lowest value)."""
    values = sampled(array)
    if not values.size:
        return 0.5, 1.0
    inner = values[values > values.min()]
    low, high = np.percentile((inner if inner.size else values).astype(np.float64), (1, 99))
    if low == high:
        low, high = float(values.min()), float(values.max())
    width = max(float(high - low), np.finfo(np.float32).eps * max(abs(low), abs(high), 1.0))
    return float(low + high) / 2, width


def first_name(meta: VolumeMeta) -> str:
    """The name of the window that is set first: the file's own, soft tissue for CT, automatic otherwise."""
    if meta.window is not None and np.isfinite(meta.window).all() and meta.window[1] > 0:
        return "file"
    return "soft-tissue" if meta.modality == "CT" and meta.unit == "HU" else "auto"


def first_window(array: NDArray[Any], meta: VolumeMeta) -> Window:
    """What the file recommends, soft tissue for CT, percentiles otherwise."""
    name = first_name(meta)
    if name == "file" and meta.window is not None:
        return meta.window
    return PRESETS["soft tissue"] if name == "soft-tissue" else automatic(array)


class Toner:
    """Turns slices of one data type into 8 bits; integers of up to 16 bits go through a table."""

    def __init__(self, dtype: np.dtype[Any], window: Window) -> None:
        self.window = window
        self._index = np.dtype(f"u{dtype.itemsize}") if dtype.kind in "iu" and dtype.itemsize <= 2 else None
        self._dtype = dtype
        self._table = self._make_table(dtype)

    def _make_table(self, dtype: np.dtype[Any]) -> NDArray[np.uint8] | None:
        if self._index is None:
            return None
        values = np.arange(1 << (8 * dtype.itemsize), dtype=self._index).view(dtype.newbyteorder("="))
        return self._tone(values)

    def tones(self, flat: NDArray[Any]) -> NDArray[np.uint8]:
        """A slice (rows, columns) as tones of the same shape, in memory row by row."""
        if self._table is None or self._index is None:
            return self._tone(np.ascontiguousarray(flat))
        native = flat if flat.dtype.isnative else flat.astype(flat.dtype.newbyteorder("="))
        found: NDArray[np.uint8] = np.ascontiguousarray(self._table[native.view(self._index)])
        return found

    def _tone(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        centre, width = self.window
        scaled: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled -= centre - width / 2
            scaled *= 255 / max(width, 1e-12)
            np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        tones: NDArray[np.uint8] = np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
        return tones


@dataclasses.dataclass(frozen=True)
class LabelIndex:
    """Label values to the 127 indices of a label picture; a hidden label is index 0 like the background."""

    table: NDArray[np.uint8]

    @classmethod
    def of(cls, values: Sequence[int], shown: Callable[[int], bool]) -> LabelIndex:
        """Indices of these values in their order."""
        table = np.zeros(max([255, *values]) + 1, np.uint8)
        for at, value in enumerate(values):
            table[value] = at % MOST_LABELS + 1 if shown(value) else 0
        return cls(table)

    def indices(self, flat: NDArray[Any]) -> NDArray[np.uint8]:
        """A label slice (rows, columns) as indices; values that nothing names are not shown."""
        if flat.dtype == np.uint8:
            return np.ascontiguousarray(self.table[flat])
        known = (flat >= 0) & (flat < len(self.table))
        return np.ascontiguousarray(self.table[np.where(known, flat, 0).astype(np.intp)])


def with_outline(indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """128 added to every pixel of a label that touches another value above, below, left or right."""
    edge = np.zeros(indices.shape, bool)
    down = indices[1:] != indices[:-1]
    edge[1:] |= down
    edge[:-1] |= down
    right = indices[:, 1:] != indices[:, :-1]
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    edge &= indices > 0
    return np.asarray(indices | np.where(edge, np.uint8(OUTLINE), np.uint8(0)), np.uint8)


def colour_table(colours: Sequence[tuple[int, int, int]], *, fill: float, outline: float) -> list[int]:
    """256 ARGB numbers: index 0 clear, labels with opacity `fill`, their outlines with `outline`."""
    table = [0] * 256
    for at in range(1, MOST_LABELS + 1):
        if not colours:
            break
        red, green, blue = colours[(at - 1) % len(colours)]
        rgb = red << 16 | green << 8 | blue
        table[at] = round(255 * fill) << 24 | rgb
        table[at | OUTLINE] = round(255 * max(fill, outline)) << 24 | rgb
    return table
