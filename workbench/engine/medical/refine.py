"""A label from a few marks: what belongs to it, what does not, within reach of where a person clicked.

The crop around the marks is thinned to a working grid of bounded size, a candidate gives every voxel
of it a share between 0 (not the label) and 1, and the share, brought back to the crop, is cut at one
half. Marked voxels always come out as they were marked. Arrays are (z, y, x), lengths millimetres.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]
MOST_VOXELS = 160_000
"""Of the working grid: what the slowest part answers for in well under a second."""
PRIOR_FROM_EDGE_MM = 3.0
"""So far inside and outside an existing label, and away from marks against it, it counts as a weak mark."""


@dataclasses.dataclass(frozen=True)
class Question:
    """The working grid: values scaled to about 0 … 1, marks and the label as it was.

    `spacing_mm` is (z, y, x) of this grid. `prior` is None where the label is not there yet.
    """

    values: Floats
    wanted: Mask
    unwanted: Mask
    prior: Mask | None
    spacing_mm: tuple[float, float, float]
    shown: Mask | None = None
    """What came of the marks before the last one; None at the first."""


Candidate = Callable[[Question], Floats]
"""Shares (z, y, x) of a question's voxels."""


@dataclasses.dataclass(frozen=True)
class Refined:
    """The label's mask in the crop; `step` is how many voxels (z, y, x) one of the working grid stands for."""

    mask: Mask
    step: tuple[int, int, int]


def refine(
    values: NDArray[Any],
    wanted: NDArray[np.integer[Any]],
    unwanted: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    *,
    prior: Mask | None = None,
    shown: Mask | None = None,
    candidate: Candidate | None = None,
) -> Refined:
    """The mask in a crop (z, y, x) of a volume, from marked voxels (N, 3) counted from the crop's corner.

    A crop that is one voxel thick is refined as a slice. Raises InputError where a mark lies outside
    of the crop, where nothing is marked, or where all values are the same.
    """
    question, step = ask(values, wanted, unwanted, spacing_mm, prior=prior, shown=shown)
    mask = spread((candidate or geodesic)(question), values.shape) > 0.5
    mask[tuple(wanted.T)] = True
    mask[tuple(unwanted.T)] = False
    return Refined(mask, step)


def ask(
    values: NDArray[Any],
    wanted: NDArray[np.integer[Any]],
    unwanted: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    *,
    prior: Mask | None = None,
    shown: Mask | None = None,
    most_voxels: int = MOST_VOXELS,
) -> tuple[Question, tuple[int, int, int]]:
    """The question on its working grid, and how many voxels (z, y, x) one of the grid stands for; raises as refine."""
    _check(values, wanted, unwanted, prior)
    step = steps_of(values.shape, spacing_mm, most_voxels)
    thin = _thinned(np.asarray(values), step)
    low, high = np.percentile(thin, (1, 99))
    if not high > low:
        low, high = float(thin.min()), float(thin.max())
    if not high > low:
        raise InputError(
            "All values around these marks are the same.", expected="a structure that can be told apart",
            received=f"{low:g} everywhere within reach",
            fix="Click elsewhere, widen the reach, or paint with the brush.",
        )  # fmt: skip
    scaled = np.clip((thin - low) / (high - low), -0.5, 1.5).astype(np.float32)
    old = thinned_mask(prior, step) if prior is not None and prior.any() else None
    now = None if shown is None else thinned_mask(shown, step)
    yes, no = _marked(wanted, step, thin.shape), _marked(unwanted, step, thin.shape)
    z, y, x = (float(one) * by for one, by in zip(spacing_mm, step, strict=True))
    return Question(scaled, yes & ~no, no & ~yes, old, (z, y, x), now), step


def thinned_mask(mask: Mask, step: Sequence[int]) -> Mask:
    """A mask of the crop on its working grid: what more than half of a block belongs to."""
    found: Mask = _thinned(mask.astype(np.float32), step) > 0.5
    return found


def _check(values: NDArray[Any], wanted: NDArray[Any], unwanted: NDArray[Any], prior: Mask | None) -> None:
    size = np.asarray(values.shape)
    for marks in (wanted, unwanted):
        outside = marks[((marks < 0) | (marks >= size)).any(axis=1)] if len(marks) else marks
        if len(outside):
            raise InputError(
                "A mark lies outside of the volume.", expected=f"voxels (z, y, x) of a box of {values.shape}",
                received=str(tuple(int(one) for one in outside[0])), fix="Set the marks on the picture.",
            )  # fmt: skip
    if not len(wanted) and (prior is None or not prior.any()):
        raise InputError(
            "Nothing says yet what belongs to the label.",
            expected="a mark on the structure, or a label that is there already",
            received=f"{len(unwanted)} marks against it" if len(unwanted) else "no mark",
            fix="Click on the structure first, then on what does not belong to it.",
        )


def steps_of(shape: Sequence[int], spacing_mm: Sequence[float], most_voxels: int = MOST_VOXELS) -> tuple[int, int, int]:
    """How many voxels (z, y, x) one of the working grid stands for; the finest axis is thinned first."""
    step = [1, 1, 1]
    while np.prod([-(-size // by) for size, by in zip(shape, step, strict=True)]) > most_voxels:
        pitch = [one * by if size > by else np.inf for one, by, size in zip(spacing_mm, step, shape, strict=True)]
        step[int(np.argmin(pitch))] += 1
    return step[0], step[1], step[2]


def _thinned(values: NDArray[Any], step: Sequence[int]) -> Floats:
    """Means of blocks; the last ones repeat the border. What is no number is the lowest value."""
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        low = values[np.isfinite(values)].min(initial=0.0)
        values = np.nan_to_num(values, nan=low, posinf=low, neginf=low)
    if tuple(step) == (1, 1, 1):
        return values
    more = [(0, -size % by) for size, by in zip(values.shape, step, strict=True)]
    padded = np.pad(values, more, mode="edge")
    z, y, x = (size // by for size, by in zip(padded.shape, step, strict=True))
    blocks = padded.reshape(z, step[0], y, step[1], x, step[2])
    found: Floats = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return found


def spread(share: Floats, shape: Sequence[int]) -> Floats:
    """Shares of the working grid at every voxel of the crop, linearly between the blocks' middles."""
    if share.shape == tuple(shape):
        return share
    from scipy import ndimage

    step = [-(-size // n) for size, n in zip(shape, share.shape, strict=True)]
    offset = [(1 - by) / (2 * by) for by in step]
    found: Floats = ndimage.affine_transform(
        share, [1 / by for by in step], offset, output_shape=tuple(shape), order=1, mode="nearest", prefilter=False
    )
    return found


def _marked(marks: NDArray[Any], step: Sequence[int], shape: Sequence[int]) -> Mask:
    found = np.zeros(tuple(shape), bool)
    if len(marks):
        found[tuple((marks // np.asarray(step)).T)] = True
    return found


def border(shape: Sequence[int]) -> Mask:
    """The outermost voxels of a grid; an axis of one voxel has none."""
    found = np.zeros(tuple(shape), bool)
    for axis, size in enumerate(shape):
        if size > 2:
            np.moveaxis(found, axis, 0)[[0, -1]] = True
    return found


def seeds(question: Question) -> tuple[Mask, Mask]:
    """What counts weakly for and against the label: inner and outer parts of the prior, else the crop's border."""
    if question.prior is None:
        return np.zeros_like(question.wanted), border(question.values.shape) & ~question.wanted
    from scipy import ndimage

    inner = ndimage.distance_transform_edt(question.prior, sampling=question.spacing_mm)
    outer = ndimage.distance_transform_edt(~question.prior, sampling=question.spacing_mm)
    return inner > min(PRIOR_FROM_EDGE_MM, inner.max() * 0.8), outer > min(PRIOR_FROM_EDGE_MM, outer.max() * 0.8)


GRADIENT, WEAK_MM = 200.0, 4.0
"""What an edge costs beside a step through even values, and the handicap of weak marks; chosen on the phantoms
of other seeds than the measured ones."""


def geodesic(question: Question) -> Floats:
    """Nearer to what is wanted than to what is not, by paths that cost more across edges.

    After Bai and Sapiro, A geodesic framework for fast interactive image and video segmentation (ICCV 2007),
    with the image's own gradient; their likelihoods of values made it worse here (resources/decisions).
    """
    from scipy import ndimage

    flat = np.squeeze(question.values)  # a slice has no gradient across
    cost = 1 + GRADIENT * ndimage.gaussian_gradient_magnitude(flat, 0.7).reshape(question.values.shape)
    weak_in, weak_out = seeds(question)
    nearer = _away(cost, question.wanted, weak_in & ~question.unwanted, question.spacing_mm)
    further = _away(cost, question.unwanted, weak_out & ~question.wanted, question.spacing_mm)
    found: Floats = (further / np.maximum(nearer + further, 1e-9)).astype(np.float32)
    return found


def _away(cost: Floats, marks: Mask, weak: Mask, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """The cost of the cheapest path from marks, or from weak ones with a handicap; mm times cost."""
    from skimage import graph

    best = np.full(cost.shape, np.inf)
    for starts, handicap in ((marks, 0.0), (weak, WEAK_MM)):
        if starts.any():
            paths: Any = graph.MCP_Geometric(cost, sampling=spacing_mm)
            costs, _ = paths.find_costs(np.argwhere(starts), max_coverage=1.0)
            best = np.minimum(best, costs + handicap)
    return np.where(np.isfinite(best), best, 1e6)
