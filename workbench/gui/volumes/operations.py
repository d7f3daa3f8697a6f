"""Operations on one label of a volume: each returns a box and the label's new mask in it; nothing is changed.

Run on any thread. Distances are millimetres, `spacing_mm` is (z, y, x). scipy and skimage are
imported when an operation is first asked for, so that they never slow the start.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.gui.volumes.shapes import Mask, bounds, widened
from workbench.gui.volumes.strokes import Box
from workbench.report.planes import Plane, Voxel

Result = tuple[Box, Mask]
Boolean = Literal["union", "intersection", "difference"]


def extent(labels: NDArray[Any], value: int) -> Box:
    """The smallest box around a label, found slice by slice; raises InputError where nothing is labelled so."""
    found: list[list[int]] = []
    for z in range(labels.shape[0]):
        flat = labels[z] == value
        if flat.any():
            rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
            found.append([z, z, int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])])
    if not found:
        raise InputError(
            "This label is nowhere in the volume.",
            expected="at least one voxel of the label",
            received="none",
            fix="Paint with it first, or choose another label in the list.",
        )
    ends = np.asarray(found)
    low, high = ends[:, ::2].min(axis=0), ends[:, 1::2].max(axis=0) + 1
    start, end = low.tolist(), high.tolist()
    return slice(start[0], end[0]), slice(start[1], end[1]), slice(start[2], end[2])


def _region(labels: NDArray[Any], value: int, margin_mm: float, spacing_mm: Sequence[float]) -> Result:
    more = [math.ceil(margin_mm / one) + 1 for one in spacing_mm]
    box = widened(extent(labels, value), more, labels.shape)
    return box, np.asarray(labels[box] == value)


def narrowed(labels: NDArray[Any], value: int, result: Result, *, gains: bool = True, losses: bool = True) -> Result:
    """A result cut to what it changes, so that putting it in place is quick; an empty box where that is nothing.

    `gains` and `losses` say whether the label may grow and shrink by it.
    """
    box, mask = result
    present = labels[box] == value
    wanted = (present | mask) if not losses else mask
    wanted = wanted if gains else present & wanted
    changed = bounds(wanted != present)
    if changed is None:
        return (slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), bool)
    z, y, x = (slice(one.start + a.start, one.start + a.stop) for one, a in zip(box, changed, strict=True))
    return (z, y, x), wanted[changed]


def grow(labels: NDArray[Any], value: int, radius_mm: float, spacing_mm: Sequence[float]) -> Result:
    """Every voxel within a distance of the label."""
    from scipy import ndimage

    box, mask = _region(labels, value, radius_mm, spacing_mm)
    return box, np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm)


def shrink(labels: NDArray[Any], value: int, radius_mm: float, spacing_mm: Sequence[float]) -> Result:
    """What is further than a distance from everything else; the volume's border is no edge of a label."""
    from scipy import ndimage

    box, mask = _region(labels, value, 0.0, spacing_mm)
    if mask.all():
        return box, mask
    return box, np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm) > radius_mm)


def smooth(labels: NDArray[Any], value: int, radius_mm: float, spacing_mm: Sequence[float]) -> Result:
    """The label under a Gaussian of this standard deviation, cut at one half, which about keeps its volume."""
    from scipy import ndimage

    box, mask = _region(labels, value, 2 * radius_mm, spacing_mm)
    sigma = [radius_mm / one for one in spacing_mm]
    return box, np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="nearest") > 0.5)


def islands(labels: NDArray[Any], value: int, *, at_least_voxels: int = 0) -> Result:
    """The label's parts of at least this size, or, with 0, the largest part alone; parts touch by faces."""
    from scipy import ndimage

    box = extent(labels, value)
    parts, count = ndimage.label(labels[box] == value)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= at_least_voxels if at_least_voxels else np.arange(count + 1) == sizes.argmax()
    kept[0] = False
    return box, np.asarray(kept[parts])


def boolean(labels: NDArray[Any], value: int, other: Mask, how: Boolean) -> Result:
    """The label together with, common with, or without another mask of the volume's shape."""
    mask = np.asarray(labels == value)
    whole = (slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2]))
    if how == "union":
        return whole, mask | other
    return whole, mask & (other if how == "intersection" else ~other)


def interpolate(labels: NDArray[Any], value: int, plane: Plane) -> Result:
    """Fill the slices between labelled slices by their shapes: signed distances mixed by nearness.

    Raya and Udupa, Shape-based interpolation of multidimensional objects (IEEE TMI, 1990).
    Raises InputError where no slice is missing between two labelled ones.
    """
    box = extent(labels, value)
    mask = np.moveaxis(np.array(labels[box] == value), plane.across, 0)  # (slices, a, b), a view of a copy
    labelled = np.flatnonzero(mask.any(axis=(1, 2)))
    gaps = [(int(a), int(b)) for a, b in itertools.pairwise(labelled) if b - a > 1]
    if not gaps:
        raise InputError(
            f"There is nothing to fill in between the {plane.name} slices of this label.",
            expected="labelled slices with at least one empty slice between them",
            received=f"{len(labelled)} labelled slices in a row",
            fix="Outline the structure on every few slices, then interpolate.",
        )
    pitch = plane.pitch_mm if plane.down < plane.right else plane.pitch_mm[::-1]
    for low, high in gaps:
        below, above = _signed(mask[low], pitch), _signed(mask[high], pitch)
        for at in range(low + 1, high):
            share = (at - low) / (high - low)
            mask[at] = below * (1 - share) + above * share < 0
    return box, np.moveaxis(mask, 0, plane.across)


def _signed(flat: Mask, pitch_mm: Sequence[float]) -> NDArray[np.float64]:
    """Distance to the outline, negative inside, (a, b)."""
    from scipy import ndimage

    padded = np.pad(flat, 1)  # a shape that fills its box has an outline too
    outside = ndimage.distance_transform_edt(~padded, sampling=pitch_mm)
    inside = ndimage.distance_transform_edt(padded, sampling=pitch_mm)
    found: NDArray[np.float64] = (outside - inside)[1:-1, 1:-1]
    return found


def flood(values: NDArray[Any], seed: Voxel, tolerance: float, plane: Plane | None) -> Result:
    """The connected voxels whose value is within `tolerance` of the seed's, in its slice or (None) in the volume."""
    from skimage import segmentation

    connected: Any = segmentation.flood

    if plane is None:
        mask = np.asarray(connected(_plain(values), seed, connectivity=1, tolerance=tolerance))
        box = bounds(mask)
        if box is None:
            raise InputError("Nothing grows from here.", received=f"a value that is no number at voxel {seed[::-1]}")
        return box, mask[box]
    index = seed[plane.across]
    box = plane.box(index)
    inner: list[int] = list(seed)
    inner[plane.across] = 0
    grown = connected(_plain(values[box]), tuple(inner), connectivity=1, tolerance=tolerance)
    z, y, x = (slice(*one.indices(size)[:2]) for one, size in zip(box, values.shape, strict=True))
    return (z, y, x), np.asarray(grown)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Values whose differences do not overflow and that compare with themselves, as the library expects."""
    if values.dtype.kind == "f":
        return np.nan_to_num(values.astype(np.float32), nan=float(np.finfo(np.float32).min))
    native: NDArray[Any] = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return native


def copied_slice(labels: NDArray[Any], value: int, plane: Plane, source: int, target: int) -> Result:
    """The label of one slice, to be put on another; raises InputError at the end of the volume or on an empty one."""
    if not 0 <= target < labels.shape[plane.across]:
        raise InputError("There is no further slice.", expected=f"1 … {labels.shape[plane.across]}",
                         received=str(target + 1), fix="Go to a slice that has a neighbour on this side.")  # fmt: skip
    mask = np.asarray(labels[plane.box(source)] == value)
    if not mask.any():
        raise InputError("This slice has nothing of the chosen label.", expected="a labelled slice",
                         received=f"{plane.name} slice {source + 1}", fix="Go to a labelled slice.")  # fmt: skip
    z, y, x = (slice(*one.indices(size)[:2]) for one, size in zip(plane.box(target), labels.shape, strict=True))
    return (z, y, x), mask
