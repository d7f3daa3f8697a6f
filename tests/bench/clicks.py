"""A simulated person who clicks on what is wrong: for measuring refinement by clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def click(wrong: Mask, spacing_mm: tuple[float, ...], rng: np.random.Generator) -> NDArray[np.intp]:
    """A voxel (z, y, x) deep inside the largest part of what is wrong; raises ValueError where nothing is."""
    from scipy import ndimage

    if not wrong.any():
        raise ValueError("there is nothing wrong to click on")
    parts, count = ndimage.label(wrong)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    part = np.pad(parts == sizes.argmax() + 1, 1)
    deep = ndimage.distance_transform_edt(part, sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    found: NDArray[np.intp] = rng.choice(np.argwhere(deep >= 0.8 * deep.max()))
    return found


def box_around(marks: NDArray[Any], shape: tuple[int, ...], spacing_mm: tuple[float, ...], reach_mm: float) -> Any:
    """The box (z, y, x) within `reach_mm` of marked voxels (N, 3), inside the volume."""
    reach = np.ceil(reach_mm / np.asarray(spacing_mm)).astype(int)
    low, high = np.maximum(marks.min(0) - reach, 0), np.minimum(marks.max(0) + reach + 1, shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
