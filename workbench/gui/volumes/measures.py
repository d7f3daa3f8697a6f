"""Measuring in the patient: lengths, angles, the values in a region; knows no widgets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry
from workbench.report.planes import Name, Plane, position_mm

Kind = Literal["ruler", "angle", "roi"]
POINTS: dict[Kind, int] = {"ruler": 2, "angle": 3, "roi": 2}
Point = tuple[float, float, float]
"""A position in the array, (z, y, x)."""


@dataclasses.dataclass
class Measure:
    """Points that a person set on one slice of a plane, and what they measure."""

    kind: Kind
    plane: Name
    index: int
    points: list[Point]
    words: str = ""

    @property
    def whole(self) -> bool:
        """Whether all its points are set."""
        return len(self.points) == POINTS[self.kind]


def length_mm(geometry: Geometry, start: Sequence[float], end: Sequence[float]) -> float:
    """The distance of two array positions in the patient."""
    return float(np.linalg.norm(position_mm(geometry, end) - position_mm(geometry, start)))


def angle_deg(geometry: Geometry, points: Sequence[Sequence[float]]) -> float:
    """The angle at the second of three array positions, 0 … 180."""
    first, corner, last = (position_mm(geometry, one) for one in points)
    a, b = first - corner, last - corner
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(a @ b / size, -1, 1)))) if size else 0.0


@dataclasses.dataclass(frozen=True)
class Region:
    """What lies in an ellipse of a slice."""

    mean: float
    deviation: float
    low: float
    high: float
    area_mm2: float
    voxels: int


def ellipse(array: NDArray[Any], plane: Plane, index: int, start: Point, end: Point) -> Region | None:
    """Values in the ellipse whose box has two corners at array positions; None where it holds no voxel's middle."""
    (r0, c0), (r1, c1) = plane.point(start, array.shape), plane.point(end, array.shape)
    flat = plane.cut(array, index)
    rows, columns = np.ogrid[: flat.shape[0], : flat.shape[1]]
    half = max(abs(r1 - r0) / 2, 1e-9), max(abs(c1 - c0) / 2, 1e-9)
    inside = ((rows - (r0 + r1) / 2) / half[0]) ** 2 + ((columns - (c0 + c1) / 2) / half[1]) ** 2 <= 1
    values = flat[inside].astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    area = values.size * plane.pitch_mm[0] * plane.pitch_mm[1]
    return Region(float(values.mean()), float(values.std()), float(values.min()), float(values.max()), area,
                  int(values.size))  # fmt: skip


def describe(measure: Measure, geometry: Geometry, plane: Plane, array: NDArray[Any] | None, unit: str) -> str:
    """A measure in words with units: '34.2 mm', '87.5°', 'mean 41.2 ± 8.0 HU (12 … 66) · 310 mm²'."""
    if not measure.whole:
        return ""
    if measure.kind == "ruler":
        return f"{length_mm(geometry, *measure.points):.1f} mm"
    if measure.kind == "angle":
        return f"{angle_deg(geometry, measure.points):.1f}°"
    if array is None:
        return ""
    found = ellipse(array, plane, measure.index, measure.points[0], measure.points[1])
    if found is None:
        return "no voxel inside"
    spread = f"{found.mean:.4g} ± {found.deviation:.3g} {unit}".strip()
    return f"mean {spread} ({found.low:.4g} … {found.high:.4g}) · {found.area_mm2:.0f} mm²"
