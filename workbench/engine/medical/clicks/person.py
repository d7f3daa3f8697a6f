"""A simulated person who marks what is wrong: for training refinement by clicks and for measuring it.

The protocol is that of DeepGrow (Sakinis et al., arXiv:1903.08205), DeepEdit (Diaz-Pinto et al.,
arXiv:2305.10655) and nnInteractive (Isensee et al., arXiv:2503.08373): every mark is set in the largest
connected part of what is wrong, for the label where it is missing and against it where it is too much.
Arrays are (z, y, x), lengths millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Voxels = NDArray[np.intp]
Box = tuple[slice, slice, slice]


def largest(wrong: Mask) -> tuple[Mask, Box]:
    """The largest connected part, cut to its box; raises ValueError where nothing is wrong."""
    from scipy import ndimage

    if not wrong.any():
        raise ValueError("there is nothing wrong to click on")
    parts, count = ndimage.label(wrong)
    biggest = int(np.bincount(parts.ravel(), minlength=count + 1)[1:].argmax()) + 1
    z, y, x = ndimage.find_objects(parts, max_label=biggest)[-1]
    return parts[z, y, x] == biggest, (z, y, x)


def click(wrong: Mask, spacing_mm: Sequence[float], rng: np.random.Generator, *, depth: float = 0.8) -> Voxels:
    """A voxel (3,) at least `depth` as deep as any in the largest part of what is wrong; which of them is chance."""
    part, box = largest(wrong)
    deep = _depth(part, spacing_mm)
    found: Voxels = rng.choice(np.argwhere(deep >= depth * deep.max())) + [one.start for one in box]
    return found


def scribble(wrong: Mask, spacing_mm: Sequence[float], rng: np.random.Generator, *, length_mm: float = 20.0) -> Voxels:
    """Voxels (N, 3) of a straight stroke in one axial slice, `length_mm` at most, inside the largest part."""
    part, box = largest(wrong)
    deep = _depth(part, spacing_mm)
    corner = [one.start for one in box]
    start = rng.choice(np.argwhere(deep >= 0.5 * deep.max()))
    angle = rng.uniform(0, 2 * np.pi)
    step = min(spacing_mm[1:])
    away = np.arange(0, length_mm, step)[:, None] * np.array([[np.sin(angle), np.cos(angle)]]) / spacing_mm[1:]
    line = np.unique(np.concatenate([np.full((len(away), 1), start[0]), np.rint(start[1:] + away)], 1), axis=0)
    line = line[((line >= 0) & (line < part.shape)).all(1)].astype(np.intp)
    # A stroke ends where the part does; what lies beyond a gap is not drawn.
    line = line[np.argsort(np.abs(line - start).sum(1))]
    inside = part[tuple(line.T)]
    found: Voxels = line[: len(line) if inside.all() else int(inside.argmin())] + corner
    return found


def _depth(part: Mask, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """How far each voxel lies from the part's surface; beyond the array is outside."""
    from scipy import ndimage

    padded = np.pad(part, [(0, 0) if size == 1 else (1, 1) for size in part.shape])
    deep = ndimage.distance_transform_edt(padded, sampling=spacing_mm)
    found: NDArray[np.float64] = deep[tuple(slice(0, 1) if size == 1 else slice(1, -1) for size in part.shape)]
    return found


def damaged(truth: Mask, spacing_mm: Sequence[float], rng: np.random.Generator) -> Mask:
    """A mask as a model gets it wrong: its surface moved by smooth noise, a bite out of it, a leak beside it."""
    from scipy import ndimage

    from workbench.engine.medical.phantoms import shapes

    if not truth.any():
        return truth.copy()
    inner = ndimage.distance_transform_edt(truth, sampling=spacing_mm)
    level = (inner - ndimage.distance_transform_edt(~truth, sampling=spacing_mm)).astype(np.float32)
    reach = float(inner.max())
    level += np.float32(rng.uniform(0.15, 0.5) * reach) * shapes.low_frequency(rng, truth.shape, rng.uniform(3, 8))
    level += np.float32(rng.uniform(-0.3, 0.3) * reach)
    mask: Mask = level > 0
    surface = np.argwhere(truth & (inner <= 2 * max(spacing_mm)))
    for leaks in rng.permutation([True, False])[: rng.integers(0, 3)]:
        away = (np.indices(truth.shape).T - rng.choice(surface)).T * np.reshape(spacing_mm, (3, 1, 1, 1))
        ball = np.sqrt((away**2).sum(0)) < rng.uniform(0.5, 1.2) * reach
        mask = mask | ball if leaks else mask & ~ball
    return mask


def box_around(
    marks: NDArray[np.integer[Any]], shape: Sequence[int], spacing_mm: Sequence[float], reach_mm: float
) -> Box:
    """The box within `reach_mm` of marked voxels (N, 3), inside the volume."""
    reach = np.ceil(reach_mm / np.asarray(spacing_mm)).astype(int)
    low, high = np.maximum(marks.min(0) - reach, 0), np.minimum(marks.max(0) + reach + 1, shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x
