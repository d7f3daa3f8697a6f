"""What a run shows: validation subjects with truth, prediction and errors, the worst cases, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from workbench.core.documents import Column, DataPreview, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import ImageGrid, Labels, Table, Volume
from workbench.core.volumes import Label, to_meta
from workbench.engine.medical.metrics import Scores

from .data import Cohort, Subject, assembled, look

SHOWN = 2
"""Validation subjects that are shown while training goes on."""
WORST = 6
ERRORS = (Label(1, "Found", "#009E73"), Label(2, "Missed", "#E69F00"), Label(3, "False", "#D55E00"))
_TRUTH, _GUESS = (0, 158, 115), (213, 94, 0)

Regions = NDArray[np.bool_]


class Gallery:
    """Validation subjects under the time slider: image and truth once, prediction and errors at every look."""

    def __init__(self, job: Job, cohort: Cohort, scheme: str) -> None:
        self.job, self.scheme, self.labels = job, scheme, cohort.labels
        self.images: dict[str, Path] = {}
        for one in cohort.validation[:SHOWN]:
            title = f"{one.name}, {cohort.shown}"
            meta = to_meta(msgspec.structs.replace(one.meta, labels=(), title=title))
            self.images[one.name] = job.artifact(
                "image", Volume, np.asarray(one.shown, np.float32), title=title, meta=meta
            )
            self._labels("truth", one, np.asarray(one.labels), cohort.labels, f"{one.name}, truth")

    def _labels(
        self, slot: str, one: Subject, array: NDArray[np.uint8], labels: tuple[Label, ...], title: str
    ) -> None:  # fmt: skip
        meta = msgspec.structs.replace(one.meta, modality="SEG", window=None, labels=labels, title=title)
        self.job.artifact(slot, Labels, array, title=title, meta=to_meta(meta),
                          parts={"volume": self.images[one.name]})  # fmt: skip

    def add(self, seen: Sequence[tuple[Subject, Regions, Regions]]) -> None:
        """Predicted and true regions (K, z, y, x) of the subjects, the shown ones first."""
        for one, regions, truth in seen[:SHOWN]:
            found = assembled(regions, self.scheme)
            self._labels("prediction", one, found, self.labels, f"{one.name}, prediction")
            self._labels("errors", one, mistaken(regions[0], truth[0]), ERRORS, f"{one.name}, whole tumour")


def mistaken(guess: Regions, truth: Regions) -> NDArray[np.uint8]:
    """1 where a region was found, 2 where it was missed, 3 where it was seen though absent."""
    return (guess & truth) * np.uint8(1) + (~guess & truth) * np.uint8(2) + (guess & ~truth) * np.uint8(3)


def patients(job: Job, found: Sequence[tuple[Subject, Scores]], regions: Sequence[str]) -> None:
    """Every test subject's Dice, HD95 and volume of the whole tumour, the worst first."""
    columns = [Column("subject", "text"), Column("what it is", "text"), Column("mean Dice", best="high")]
    columns += [Column(f"Dice, {name}", best="high") for name in regions]
    columns += [Column(f"HD95, {name}", unit="mm", digits=1, best="low") for name in regions]
    columns += [Column("Dice over slices", best="high"), Column("volume", unit="ml", digits=1),
                Column("true volume", unit="ml", digits=1)]  # fmt: skip
    rows: list[list[Any]] = [
        [one.name, one.detail, *(round(float(value), 4) for value in (
            scores.dice.mean(), *scores.dice, *scores.hd95_mm, scores.slice_dice.mean(), scores.predicted_ml[0],
            scores.true_ml[0],
        ))]
        for one, scores in sorted(found, key=lambda pair: float(pair[1].dice.mean()))
    ]  # fmt: skip
    caption = (
        "Whole volumes. A missed region's HD95 is the volume's diagonal; where nothing is and nothing was found, Dice "
        "is 1. Dice over slices counts each empty slice found empty as 1 and so flatters."
    )
    job.artifact("patients", Table, TableDoc(columns, rows, caption), title="Test subjects, the worst first")


def channels(job: Job, weights: Sequence[NDArray[np.float32]]) -> None:
    """The mean weight that attention gives every channel of every decoder step, the strongest first."""
    if not weights:
        return
    rows: list[list[Any]] = [
        [step + 1, int(channel), round(float(values[channel]), 4), round(float(values[channel] / values.mean()), 3)]
        for step, values in enumerate(weights)
        for channel in np.argsort(-values, kind="stable")
    ]
    columns = [Column("decoder step", digits=0), Column("channel", digits=0), Column("weight", best="high"),
               Column("against the step's mean")]  # fmt: skip
    caption = "Mean over validation slices; 1 lets a channel through whole, 0 shuts it out. Step 1 is the coarsest."
    job.artifact("channels", Table, TableDoc(columns, rows, caption), title="Channel attention")


def worst(job: Job, found: Sequence[tuple[Subject, Regions, Regions, float]]) -> None:
    """The test subjects with the lowest Dice: the slice with most errors, truth green, prediction orange."""
    tiles = [_tile(one, regions[0], truth[0]) for one, regions, truth, _ in found]
    high = max(one.shape[0] for one in tiles)
    padded = [np.pad(one, ((0, high - one.shape[0]), (2, 2), (0, 0))) for one in tiles]
    picture = Image.fromarray(np.concatenate(padded, 1))
    scores = ", ".join(f"{one.name} {dice:.2f}" for one, _, _, dice in found)
    title = f"Worst test subjects, truth green, prediction orange: {scores}"
    job.artifact("worst", ImageGrid, picture.save, title=title)


def _tile(one: Subject, guess: Regions, truth: Regions) -> NDArray[np.uint8]:
    wrong = (guess ^ truth).sum((1, 2))
    z = int(wrong.argmax() if wrong.any() else truth.sum((1, 2)).argmax())
    grey = np.asarray(one.shown[z], np.float32)
    low, high = np.percentile(grey, [1, 99.5])
    flat = (np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)
    factor = max(1, 192 // max(flat.shape))
    rgb = np.stack([np.kron(flat, np.ones((factor, factor), np.uint8))] * 3, -1)
    for region, colour in ((truth[z], _TRUTH), (guess[z], _GUESS)):
        large = np.kron(region, np.ones((factor, factor), bool))
        rgb[large & ~ndimage.binary_erosion(large)] = colour
    return rgb


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """The subjects at an address: names, sizes, volumes; generated ones by looking at the first few."""
    return look(slot, address, values)
