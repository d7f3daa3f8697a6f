"""Which way round a slice is shown: array axes by anatomy, flips, edge letters, patient positions.

Knows no widgets. Data is never resampled for display: of an oblique volume the array axis nearest
to each anatomical axis is taken. Radiological convention: the patient's left is at the right edge.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry

Name = Literal["axial", "coronal", "sagittal"]
Voxel = tuple[int, int, int]
"""A position in an array, (z, y, x)."""

NAMES: tuple[Name, ...] = ("axial", "coronal", "sagittal")
_UP, _DOWN = ("L", "P", "H"), ("R", "A", "F")
_ASLANT = 0.34
"""A direction further than about 20° from an anatomical axis has a second letter."""
# (anatomical axis, sign) of the screen's right, of its down, and of the next slice; LPS
_SHOWN: Mapping[Name, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "axial": ((0, 1), (1, 1), (2, 1)),
    "coronal": ((0, 1), (2, -1), (1, 1)),
    "sagittal": ((1, 1), (2, -1), (0, 1)),
}


@dataclasses.dataclass(frozen=True)
class Plane:
    """How one of the three planes is cut from an array (z, y, x) and laid on the screen."""

    name: Name
    across: int
    """The array axis that counts slices."""
    down: int
    right: int
    flip_across: bool
    flip_down: bool
    flip_right: bool
    pitch_mm: tuple[float, float]
    """Size of a shown pixel: (down, right)."""
    step_mm: float
    letters: tuple[str, str, str, str]
    """At the left, right, top and bottom edge."""

    def cut(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """A slice as it is shown, (down, right): a view of the array, nothing is copied."""
        where: list[Any] = [slice(None)] * 3
        where[self.across] = index
        return self.turned(array[tuple(where)])

    def turned(self, flat: NDArray[Any]) -> NDArray[Any]:
        """A slice with its axes in the array's order as it is shown."""
        if self.down > self.right:
            flat = flat.T
        return flat[:: -1 if self.flip_down else 1, :: -1 if self.flip_right else 1]

    def point(self, voxel: Sequence[float], shape: Sequence[int]) -> tuple[float, float]:
        """Where a voxel is shown: (row, column), the middle of the first pixel being (0, 0)."""
        row, column = voxel[self.down], voxel[self.right]
        row = shape[self.down] - 1 - row if self.flip_down else row
        column = shape[self.right] - 1 - column if self.flip_right else column
        return row, column

    def place(self, row: float, column: float, index: float, shape: Sequence[int]) -> tuple[float, float, float]:
        """The array position (z, y, x) of a shown point of slice `index`."""
        found = [0.0, 0.0, 0.0]
        found[self.down] = shape[self.down] - 1 - row if self.flip_down else row
        found[self.right] = shape[self.right] - 1 - column if self.flip_right else column
        found[self.across] = index
        return found[0], found[1], found[2]

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Rows and columns of a shown slice."""
        return shape[self.down], shape[self.right]

    def box(self, index: int) -> tuple[slice, slice, slice]:
        """The part of an array that is slice `index`, all three axes kept."""
        where = [slice(None)] * 3
        where[self.across] = slice(index, index + 1)
        return where[0], where[1], where[2]


def planes_of(geometry: Geometry) -> dict[Name, Plane]:
    """The three planes of a volume that lies like this."""
    direction = np.asarray(geometry.direction, float).reshape(3, 3)
    nearest = max(
        itertools.permutations(range(3)), key=lambda axes: sum(abs(direction[at, axis]) for at, axis in enumerate(axes))
    )
    return {name: _plane(name, direction, nearest, geometry.spacing_mm) for name in NAMES}


def _plane(name: Name, direction: NDArray[Any], nearest: Sequence[int], spacing_mm: Sequence[float]) -> Plane:
    axes = [nearest[anatomical] for anatomical, _ in _SHOWN[name]]
    flips = [
        bool(direction[anatomical, axis] * sign < 0)
        for (anatomical, sign), axis in zip(_SHOWN[name], axes, strict=True)
    ]
    rightward, downward = (direction[:, axes[at]] * (-1 if flips[at] else 1) for at in (0, 1))
    letters = (letters_of(-rightward), letters_of(rightward), letters_of(-downward), letters_of(downward))
    right, down, across = (2 - axis for axis in axes)  # spacing and direction count x, y, z; arrays z, y, x
    return Plane(
        name, across, down, right, flips[2], flips[1], flips[0],
        (float(spacing_mm[axes[1]]), float(spacing_mm[axes[0]])), float(spacing_mm[axes[2]]), letters,
    )  # fmt: skip


def letters_of(vector: NDArray[Any]) -> str:
    """Where a direction of LPS points to, in one letter or, aslant, two: 'L', 'HA'."""
    size = np.abs(vector)
    order = [int(at) for at in np.argsort(-size, kind="stable")]
    kept = [order[0], *(at for at in order[1:2] if size[at] >= _ASLANT)]
    return "".join(_UP[at] if vector[at] > 0 else _DOWN[at] for at in kept)


def position_mm(geometry: Geometry, voxel: Sequence[float]) -> NDArray[np.float64]:
    """Where an array position (z, y, x) lies in the patient: LPS, millimetres."""
    direction = np.asarray(geometry.direction, float).reshape(3, 3)
    steps = np.asarray(voxel[::-1], float) * np.asarray(geometry.spacing_mm)
    found: NDArray[np.float64] = np.asarray(geometry.origin_mm, float) + direction @ steps
    return found


def spacing_zyx_mm(geometry: Geometry) -> tuple[float, float, float]:
    """Distances of neighbouring voxels along the array's axes."""
    x, y, z = geometry.spacing_mm
    return float(z), float(y), float(x)


def in_words(position: Sequence[float] | NDArray[np.float64]) -> str:
    """An LPS position as radiologists read it: 'L 34.1  P 18.0  H 22.0 mm'."""
    names = (_UP[at] if value >= 0 else _DOWN[at] for at, value in enumerate(position))
    return "  ".join(f"{name} {abs(value):.1f}" for name, value in zip(names, position, strict=True)) + " mm"
