"""What is looked at: volumes on one grid, labels over them, the crosshair that all planes share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, VolumeMeta
from workbench.gui.volumes import shades
from workbench.gui.volumes.columns import Columns
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.measures import Measure, describe
from workbench.report.planes import Name, Plane, Voxel, planes_of, position_mm

MOST_SEQUENCES = 4
NEAR_MM = 1e-2
"""Grids whose corners lie closer than this are the same one."""


class Layer:
    """A volume with its window; the array (z, y, x) is memory-mapped and only ever sliced."""

    def __init__(self, array: NDArray[Any], meta: VolumeMeta, *, title: str = "") -> None:
        self.array, self.meta = array, meta
        self.title = title or meta.title or meta.modality
        self.first = shades.first_window(array, meta)
        self._toner = shades.Toner(array.dtype, self.first)
        self._columns = Columns(array) if Columns.suit(array) else None

    @property
    def window(self) -> shades.Window:
        """Centre and width of what is shown from black to white."""
        return self._toner.window

    def set_window(self, window: shades.Window) -> None:
        """Show other values from black to white; the width stays above zero."""
        centre, width = window
        least = 1.0 if self.array.dtype.kind in "iu" else abs(self.first[1]) * 1e-3
        self._toner = shades.Toner(self.array.dtype, (float(centre), max(float(width), least)))

    def tones(self, plane: Plane, index: int) -> NDArray[np.uint8]:
        """A slice as tones, (rows, columns)."""
        if self._columns is None:
            return self._toner.tones(plane.cut(self.array, index))
        if plane.across == 2:
            return self._toner.tones(plane.turned(self._columns.slice_at(index)))
        tones = self._toner.tones(plane.cut(self.array, index))
        self._columns.give_back()
        return tones

    def expect(self, voxel: Voxel) -> None:
        """The slices through a voxel will be asked for soon."""
        if self._columns is not None:
            self._columns.expect(voxel[2])

    def words(self, voxel: Voxel) -> str:
        """A voxel's value with its unit."""
        value = self.array[voxel]
        number = f"{int(value)}" if self.array.dtype.kind in "iub" else f"{float(value):.4g}"
        return f"{number} {self.meta.unit}".strip()


@dataclasses.dataclass
class LabelStyle:
    """How labels are drawn."""

    fill: float = 0.4
    outline: float = 1.0
    visible: bool = True


class Scene(QObject):
    """Planes listen: `moved` when the crosshair has other voxels, `restyled` for windows, labels' looks and layers."""

    moved = Signal()
    restyled = Signal()
    edited = Signal(object)
    """A box of the labels that changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layers: list[Layer] = []
        self.overlay: Layer | None = None
        self.overlay_share = 0.5
        self.labels: LabelMap | None = None
        self.preview: LabelMap | None = None
        """Labels that still grow, drawn in the place of the others."""
        self.style = LabelStyle()
        self.measures: list[Measure] = []
        self.geometry = Geometry()
        self.planes: dict[Name, Plane] = planes_of(self.geometry)
        self.shape: Voxel = (0, 0, 0)
        self.cursor: Voxel = (0, 0, 0)

    def show_volumes(self, layers: Sequence[Layer], labels: LabelMap | None = None) -> None:
        """Show up to four volumes of one grid and, over them, labels; the crosshair stays where it can.

        Raises InputError where the grids differ or there is nothing to show.
        """
        metas = [layer.meta for layer in layers] + ([labels.meta] if labels else [])
        shapes = [layer.array.shape for layer in layers] + ([labels.array.shape] if labels else [])
        if not metas or not all(shapes[0]):
            raise InputError("There is no volume to show.", expected="a volume or labels with voxels")
        for meta, shape in zip(metas[1:], shapes[1:], strict=True):
            check_same_grid(metas[0].geometry, shapes[0], meta.geometry, shape)
        before, geometry = self.shape, self.geometry
        self.layers, self.labels, self.overlay = list(layers[:MOST_SEQUENCES]), labels, None
        self.geometry, self.shape = metas[0].geometry, _voxel(shapes[0])
        self.planes = planes_of(self.geometry)
        if (before, geometry) != (self.shape, self.geometry):
            self.cursor = _voxel(size // 2 for size in self.shape)
            self.measures = []
        for layer in self.layers[:1]:
            layer.expect(self.cursor)
        if labels is not None:
            labels.changed.connect(self.edited)
            labels.restyled.connect(self.restyled)
        self.moved.emit()
        self.restyled.emit()

    def clear(self) -> None:
        """Show nothing."""
        self.layers, self.labels, self.overlay, self.shape = [], None, None, (0, 0, 0)
        self.preview = None
        self.restyled.emit()

    def show_preview(self, labels: LabelMap | None) -> None:
        """Draw labels that are on their way (or what has come to them), or the person's own ones again."""
        self.preview = labels
        self.restyled.emit()

    def show_overlay(self, layer: Layer | None) -> None:
        """Lay a second volume of the same grid over the first; raises InputError where the grids differ."""
        if layer is not None:
            check_same_grid(self.geometry, self.shape, layer.meta.geometry, layer.array.shape)
        self.overlay = layer
        self.restyled.emit()

    def go(self, voxel: Sequence[float]) -> None:
        """Put the crosshair on the voxel nearest to a position (z, y, x), inside the volume."""
        if not all(self.shape):
            return
        wanted = _voxel(
            min(max(int(np.floor(at + 0.5)), 0), size - 1) for at, size in zip(voxel, self.shape, strict=True)
        )
        if wanted != self.cursor:
            self.cursor = wanted
            self.moved.emit()

    def measure(self, one: Measure) -> None:
        """Say what a measure of the first volume comes to, and draw it."""
        layer = self.layers[0] if self.layers else None
        array, unit = (layer.array, layer.meta.unit) if layer else (None, "")
        one.words = describe(one, self.geometry, self.planes[one.plane], array, unit)
        if all(one is not known for known in self.measures):
            self.measures.append(one)
        self.moved.emit()

    def step(self, plane: Plane, by: int) -> None:
        """Go to another slice: forward is to the left, the back or the head."""
        there: list[float] = list(self.cursor)
        there[plane.across] += -by if plane.flip_across else by
        self.go(there)

    def set_window(self, window: shades.Window, layer: Layer | None = None) -> None:
        """Show other values of a volume (the first) from black to white."""
        shown = layer or (self.layers[0] if self.layers else None)
        if shown is not None:
            shown.set_window(window)
            self.restyled.emit()

    def position_mm(self, voxel: Sequence[float]) -> NDArray[np.float64]:
        """Where a position lies in the patient (LPS)."""
        return position_mm(self.geometry, voxel)

    def slice_words(self, plane: Plane) -> str:
        """'71 / 155' in the order of the array, counted from one."""
        return f"{self.cursor[plane.across] + 1} / {self.shape[plane.across]}"


def _voxel(values: Any) -> Voxel:
    z, y, x = values
    return int(z), int(y), int(x)


def check_same_grid(one: Geometry, shape: Sequence[int], other: Geometry, other_shape: Sequence[int]) -> None:
    """Raises InputError unless two arrays (z, y, x) have their corners at the same places."""
    far = [size - 1 for size in shape]
    same = tuple(shape) == tuple(other_shape) and all(
        np.abs(position_mm(one, corner) - position_mm(other, corner)).max() < NEAR_MM
        for corner in ([0, 0, 0], [far[0], 0, 0], [0, far[1], 0], [0, 0, far[2]])
    )
    if not same:
        raise InputError(
            "These volumes do not lie on the same grid.",
            expected=f"{_grid(shape, one)}",
            received=f"{_grid(other_shape, other)}",
            fix="Load them together, so that they are resampled to the first one's grid.",
        )


def _grid(shape: Sequence[int], geometry: Geometry) -> str:
    voxels = " × ".join(str(size) for size in reversed(tuple(shape)))
    spacing = " × ".join(f"{one:.4g}" for one in geometry.spacing_mm)
    origin = ", ".join(f"{one:.1f}" for one in geometry.origin_mm)
    return f"{voxels} voxels of {spacing} mm from ({origin}) mm"


def open_volume(path: Path) -> NDArray[Any]:
    """A memory-mapped volume (z, y, x); raises InputError when it is none."""
    from workbench.gui.views import reading

    array = reading.array(path, ndim=3)
    if not array.size:
        raise reading.damaged(path, "a volume with voxels", str(array.shape))
    return array.view(np.uint8) if array.dtype == np.bool_ else array
