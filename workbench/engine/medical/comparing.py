"""Two or more label volumes of one grid held against each other: overlap, surface distances, what was changed.

Everything is measured inside the box that holds all voxels of a label, which leaves every number as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.comparison import Agreement, Comparison, LabelDifference
from workbench.core.problem import InputError
from workbench.core.volumes import Label
from workbench.engine.medical.metrics import Booleans, dice, hd95_mm

LabelArray = NDArray[np.integer]
ADDED, REMOVED, OTHER = 1, 2, 3
CHANGES = (
    Label(ADDED, "Added", "#3FB68B"),
    Label(REMOVED, "Removed", "#E97C84"),
    Label(OTHER, "Other label", "#E0A83C"),
)
MARGIN = 1


def compare(
    first: LabelArray, second: LabelArray, labels: Sequence[Label], spacing_mm: Sequence[float], titles: tuple[str, str]
) -> Comparison:
    """How labels (z, y, x) differ from those before; spacing along z, y, x in mm. Raises InputError for two grids."""
    _check([first, second], titles)
    millilitres = float(np.prod(spacing_mm)) / 1000
    rows = []
    for one in labels:
        before, after = _cropped([first == one.value, second == one.value])
        both = bool(before.any() and after.any())
        rows.append(
            LabelDifference(
                one.value, one.name, float(dice(after[None], before[None])[0]),
                float(hd95_mm(after[None], before[None], spacing_mm)[0]) if both else None,
                mean_surface_mm(after, before, spacing_mm) if both else None,
                float(before.sum()) * millilitres, float(after.sum()) * millilitres,
                float((after & ~before).sum()) * millilitres, float((before & ~after).sum()) * millilitres,
            )
        )  # fmt: skip
    return Comparison(titles[0], titles[1], tuple(rows))


def changes(first: LabelArray, second: LabelArray) -> NDArray[np.uint8]:
    """Where and how labels were changed: 0 nowhere, else ADDED, REMOVED or OTHER; (z, y, x)."""
    found = np.zeros(first.shape, np.uint8)
    found[(first == 0) & (second != 0)] = ADDED
    found[(first != 0) & (second == 0)] = REMOVED
    found[(first != 0) & (second != 0) & (first != second)] = OTHER
    return found


def mean_surface_mm(one: Booleans, other: Booleans, spacing_mm: Sequence[float]) -> float:
    """The mean distance of the two surfaces, both directions, in mm; MONAI's computation; neither may be empty."""
    from monai.metrics.surface_distance import compute_average_surface_distance

    left, right = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (one, other))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compute_average_surface_distance(
            left, right, include_background=True, symmetric=True, spacing=list(spacing_mm)
        )
    return float(found)


def agreement(
    arrays: Sequence[LabelArray], readers: Sequence[str], labels: Sequence[Label], spacing_mm: Sequence[float]
) -> list[Agreement]:
    """Every label as several readers drew it; raises InputError when their grids differ."""
    _check(arrays, readers)
    millilitres = float(np.prod(spacing_mm)) / 1000
    found = []
    for one in labels:
        masks = _cropped([array == one.value for array in arrays])
        pairs = tuple(tuple(float(dice(left[None], right[None])[0]) for right in masks) for left in masks)
        fits = staple(masks) if len(masks) > 2 and any(mask.any() for mask in masks) else None
        found.append(
            Agreement(one.value, one.name, tuple(readers), tuple(float(mask.sum()) * millilitres for mask in masks),
                      pairs, fits[0] if fits else None, fits[1] if fits else None)
        )  # fmt: skip
    return found


def staple(masks: Sequence[Booleans]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Each reader's sensitivity and specificity against their common estimate (Warfield 2004), by SimpleITK."""
    import SimpleITK as sitk  # noqa: N813

    judge = sitk.STAPLEImageFilter()
    judge.SetForegroundValue(1.0)
    judge.Execute([sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks])
    return tuple(judge.GetSensitivity()), tuple(judge.GetSpecificity())


def _cropped(masks: Sequence[Booleans]) -> list[Booleans]:
    """The part that holds every voxel of any of them, with a margin; a single voxel where there is none."""
    union = masks[0].copy()
    for mask in masks[1:]:
        union |= mask
    box = []
    for axis in range(3):
        filled = np.flatnonzero(union.any(tuple(other for other in range(3) if other != axis)))
        low, high = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, 1)
        box.append(slice(max(0, low - MARGIN), high + MARGIN))
    return [np.ascontiguousarray(mask[tuple(box)]) for mask in masks]


def _check(arrays: Sequence[LabelArray], titles: Sequence[str]) -> None:
    for array, title in zip(arrays, titles, strict=True):
        if array.shape != arrays[0].shape:
            raise InputError(
                "These labels lie on other grids and cannot be compared.", expected=f"{arrays[0].shape} (z, y, x)",
                received=f"{array.shape} from {title}", fix="Bring both onto the grid of the same image first.",
            )  # fmt: skip
