"""How well a segmentation fits: Dice and the 95th percentile of surface distances, per region and volume.

Regions are boolean arrays (K, *space), space being (y, x) or (z, y, x); spacing is in that order, mm.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Numbers = NDArray[np.float64]


def dice(prediction: Booleans, truth: Booleans) -> Numbers:
    """2 |P∩T| / (|P| + |T|) of each region, (K,); 1 where both are empty.

    Raises ValueError when the shapes differ.
    """
    _check(prediction, truth)
    axes = tuple(range(1, truth.ndim))
    both, total = (prediction & truth).sum(axes), prediction.sum(axes) + truth.sum(axes)
    return np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)


def slice_dice(prediction: Booleans, truth: Booleans) -> Numbers:
    """The mean over slices (the first axis of space) of each slice's Dice, (K,); empty slices found empty count 1.

    This averaging flatters: it is shown beside `dice` because papers use both.
    """
    _check(prediction, truth)
    slices = [dice(prediction[:, at], truth[:, at]) for at in range(truth.shape[1])]
    return np.asarray(np.mean(slices, axis=0))


def diagonal_mm(shape: Sequence[int], spacing_mm: Sequence[float]) -> float:
    """The length of an image's diagonal: what a region that was missed altogether scores."""
    return float(np.linalg.norm([n * step for n, step in zip(shape, spacing_mm, strict=True)]))


def hd95_mm(prediction: Booleans, truth: Booleans, spacing_mm: Sequence[float]) -> Numbers:
    """The 95th percentile of surface distances of each region, mm, (K,); MONAI's computation.

    0 where both are empty; the image's diagonal where one is. Raises ValueError when shapes differ.
    """
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    _check(prediction, truth)
    found = np.zeros(len(truth))
    for region, (guess, true) in enumerate(zip(prediction, truth, strict=True)):
        if guess.any() and true.any():
            found_there, there = (torch.from_numpy(one[None, None].astype(np.float32)) for one in (guess, true))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                distance = compute_hausdorff_distance(
                    found_there, there, include_background=True, percentile=95, spacing=list(spacing_mm)
                )
            found[region] = float(distance)
        elif guess.any() or true.any():
            found[region] = diagonal_mm(true.shape, spacing_mm)
    return found


@dataclasses.dataclass(frozen=True)
class Scores:
    """One volume: (K,) each; volumes in ml."""

    dice: Numbers
    slice_dice: Numbers
    hd95_mm: Numbers
    predicted_ml: Numbers
    true_ml: Numbers


def score(prediction: Booleans, truth: Booleans, spacing_mm: Sequence[float]) -> Scores:
    """All that is told of one volume's regions, (K, z, y, x) with spacing along z, y, x."""
    millilitres = float(np.prod(spacing_mm)) / 1000
    axes = tuple(range(1, truth.ndim))
    return Scores(
        dice(prediction, truth),
        slice_dice(prediction, truth),
        hd95_mm(prediction, truth, spacing_mm),
        prediction.sum(axes) * millilitres,
        truth.sum(axes) * millilitres,
    )


def _check(prediction: Booleans, truth: Booleans) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(f"A prediction of shape {prediction.shape} cannot be held against a truth of {truth.shape}")
