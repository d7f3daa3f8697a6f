"""What a run shows: restored crops, who asked whom, segmentations and the numbers of the test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Attention, Labels, Outcomes, Table, Volume
from workbench.core.volumes import Geometry, Label, VolumeMeta, to_meta
from workbench.engine.medical import metrics

from .data import Case, labels_of
from .networks import MaskedAutoencoder

SHOWN_SCANS = 3


def restoration(
    job: Job, model: MaskedAutoencoder, case: Case, crops: Tensor, orders: Tensor, *, window: tuple[float, float]
) -> None:
    """A crop, what was left of it, and what the network made of that, in HU, as three volumes on one grid."""
    masked, restored = model.restored(crops, orders)
    meta = _cropped(case.meta, case.image.shape, crops.shape[-1], window)
    for slot, title, found in (
        ("original", "Held-out crop", crops), ("masked", "What is left", masked), ("restored", "Restored", restored)
    ):  # fmt: skip
        array = in_hu(found[0, 0].float().cpu().numpy(), window)
        job.artifact(slot, Volume, array, title=title, meta=to_meta(msgspec.structs.replace(meta, title=title)))


def in_hu(values: NDArray[np.float32], window: tuple[float, float]) -> NDArray[np.float32]:
    """Values of 0 … 1 in the HU they stand for, as far as the window kept them."""
    low, high = window
    return (np.asarray(values, np.float32) * np.float32(high - low) + np.float32(low)).astype(np.float32)


def _cropped(meta: VolumeMeta, shape: Sequence[int], crop: int, window: tuple[float, float]) -> VolumeMeta:
    """How the middle crop of a scan lies."""
    place = meta.geometry
    steps = np.array([max(size - crop, 0) // 2 for size in reversed(shape)]) * place.spacing_mm
    origin = np.asarray(place.origin_mm) + np.reshape(place.direction, (3, 3)) @ steps
    geometry = Geometry(place.spacing_mm, tuple(map(float, origin)), place.direction)  # type: ignore[arg-type]
    low, high = window
    return VolumeMeta(geometry, modality="CT", unit="HU", window=((low + high) / 2, high - low))


def attention(job: Job, model: MaskedAutoencoder, crops: Tensor, orders: Tensor) -> None:
    """Which visible patches (columns) every patch (row) asked, one plane for each tap, the deepest first."""
    weights = model.looks(crops, orders).numpy().astype(np.float32)
    grid = model.grid
    hidden = set(orders[0, model.visible :].tolist())
    names = [
        f"{'hidden' if at in hidden else 'visible'} {at // grid**2},{at // grid % grid},{at % grid}"
        for at in range(grid**3)
    ]
    taps = ", ".join(map(str, reversed(model.taps[:-1])))
    job.artifact("attention", Attention, weights, title=f"Who asks whom (z,y,x), at layers {taps}",
                 parts={"tokens": names})  # fmt: skip


# The test -----------------------------------------------------------------------------------


def organ_dice(found: NDArray[Any], case: Case, organs: Sequence[Label]) -> NDArray[np.float64]:
    """Dice of each organ that is there or was found, background not counted, (organs there,)."""
    guess, truth = _regions(found, organs), _regions(labels_of(case), organs)
    there = guess.any((1, 2, 3)) | truth.any((1, 2, 3))
    return metrics.dice(guess[there], truth[there]) if there.any() else np.ones(1)


def _regions(labels: NDArray[Any], organs: Sequence[Label]) -> NDArray[np.bool_]:
    return np.stack([labels == one.value for one in organs])


def tested(
    job: Job, cases: Sequence[Case], found: Sequence[NDArray[np.uint8]], organs: Sequence[Label], *, shots: int,
    main: bool, window: tuple[float, float],
) -> None:  # fmt: skip
    """Results dice and hd95_mm (with the number of shots behind, beside the main one), tables and pictures."""
    dice = np.array([organ_dice(guess, one, organs).mean() for guess, one in zip(found, cases, strict=True)])
    job.result(f"dice_{shots}_shots", float(dice.mean()))
    job.metric("dice", float(dice.mean()), series=f"test, {shots} shots")
    if not main:
        return
    scores = []
    for guess, one in zip(found, cases, strict=True):
        spacing = tuple(reversed(one.meta.geometry.spacing_mm))
        scores.append(metrics.score(_regions(guess, organs), _regions(labels_of(one), organs), spacing))
    there = np.array([_regions(labels_of(one), organs).any((1, 2, 3)) for one in cases])
    hd95 = np.where(there, np.array([one.hd95_mm for one in scores]), np.nan)
    job.result("dice", float(dice.mean()))
    job.result("hd95_mm", float(_means(hd95[None])[0]))
    job.artifact("outcomes", Outcomes, dice.astype(np.float32)[:, None],
                 meta={"columns": ["mean organ Dice"], "measure": "mean"})  # fmt: skip
    _per_organ(job, np.where(there, np.array([one.dice for one in scores]), np.nan), hd95, organs)
    for guess, one in list(zip(found, cases, strict=True))[:SHOWN_SCANS]:
        meta = msgspec.structs.replace(one.meta, modality="SEG", unit="", window=None, labels=tuple(organs))
        job.artifact(
            "segmentation",
            Labels,
            guess,
            title=one.meta.title,
            meta=to_meta(meta),
            parts={"volume": in_hu(one.image, window)},
        )


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the last two axes (scans, organs), leaving out what is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an organ that no test scan holds
        return np.asarray(np.nanmean(table, axis=(-2, -1)))


def _per_organ(job: Job, dice: NDArray[np.float64], hd95: NDArray[np.float64], organs: Sequence[Label]) -> None:
    columns = [
        Column("organ", "text"), Column("Dice", best="high"), Column("HD95", unit="mm", digits=1, best="low"),
        Column("scans", digits=0),
    ]  # fmt: skip
    rows: list[list[Any]] = []
    for at, one in enumerate(organs):
        count = int((~np.isnan(dice[:, at])).sum())
        numbers = [_means(table[None, :, at : at + 1])[0] for table in (dice, hd95)]
        rows.append([one.name, *(round(float(value), 4) if count else None for value in numbers), count])
    caption = "Test scans that hold the organ; a missed organ's distance is the scan's diagonal."
    job.artifact("per_organ", Table, TableDoc(columns, rows, caption), title="Organs on the test scans")
