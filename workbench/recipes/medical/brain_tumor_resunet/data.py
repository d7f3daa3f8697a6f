"""Subjects as what the network reads: split by subject, standardised, cut into slices, augmented."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.volumes import Label, VolumeMeta
from workbench.engine.medical import segmentation
from workbench.engine.medical.datasets import read_tree
from workbench.engine.medical.phantoms.head import CONTRASTS, CORE, LABELS, OEDEMA, RING, HeadPlan, make_head

from .recipe import PHANTOM, BrainTumorResunet

Floats = NDArray[np.float32]
PARTS = ("train", "validation", "test")
REGIONS: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "nested": (("whole tumour", (CORE, OEDEMA, RING)), ("tumour core", (CORE, RING)), ("enhancing ring", (RING,))),
    "whole tumour": (("whole tumour", (CORE, OEDEMA, RING)),),
}
"""By scheme: what each output channel stands for, and the labels it joins (BraTS' nesting)."""
ROTATION_DEG, SCALE, SHIFT = 15.0, 0.1, 0.1


@dataclasses.dataclass(frozen=True)
class Subject:
    """One volume: image (C, z, y, x) standardised per channel, labels (z, y, x), `shown` the channel for the eye."""

    name: str
    image: Floats
    labels: NDArray[np.uint8]
    meta: VolumeMeta
    shown: Floats
    detail: str = ""

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """In array order, as the metrics take it."""
        x, y, z = self.meta.geometry.spacing_mm
        return z, y, x


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Subjects by part; no subject is in two of them."""

    train: Sequence[Subject]
    validation: Sequence[Subject]
    test: Sequence[Subject]
    channels: tuple[str, ...]
    detail: str
    labels: tuple[Label, ...] = LABELS
    shown: str = CONTRASTS[1]

    def labels_told(self, scheme: str) -> list[dict[str, Any]]:
        """The labels of a prediction, for the model's card."""
        told: list[dict[str, Any]] = msgspec.to_builtins(
            list(self.labels) if scheme == "nested" else [Label(1, "Tumour")]
        )
        return told


def phantoms(
    seed: int, counts: Sequence[int], plan: HeadPlan, told: Callable[[int, int], object] = lambda done, of: None
) -> Cohort:
    """Generated heads for train, validation and test; each part draws from seeds of its own."""
    parts = list[list[Subject]]()
    done, of = 0, sum(counts)
    for number, (part, count) in enumerate(zip(PARTS, counts, strict=True)):
        parts.append([])
        for serial in range(count):
            parts[-1].append(_subject(f"{part}-{serial + 1:03d}", (seed, number, serial), plan))
            done += 1
            told(done, of)
    detail = (
        f"{of} generated heads of {plan.slices} slices, {plan.size} × {plan.size}, contrasts {', '.join(CONTRASTS)}"
    )
    return Cohort(parts[0], parts[1], parts[2], CONTRASTS, detail)


def _subject(name: str, seed: tuple[int, ...], plan: HeadPlan) -> Subject:
    head = make_head(seed, plan, name=name)
    image = segmentation.standardise(head.images)
    hemisphere = "left" if head.side > 0 else "right"
    detail = f"{hemisphere} hemisphere, radius {head.radius_mm:.0f} mm"
    return Subject(name, image, head.labels, head.meta, head.images[1], detail)


def load(job: Job, params: BrainTumorResunet) -> Cohort:
    """The run's subjects; the same seed gives the same ones in the same parts."""
    job.phase("reading the subjects")
    address = job.inputs.get("data") or PHANTOM.address
    if address == PHANTOM.address:
        counts = (params.subjects, params.validation, params.test)
        return phantoms(job.seed, counts, HeadPlan(size=params.size, slices=params.slices), job.progress)
    from .folders import cohort

    return cohort(address, size=params.size, scheme=params.scheme, seed=job.seed, told=job.progress)


LOOKED, ROWS = 6, 40
"""Generated subjects that a preview makes."""


def look(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot holds: its subjects with their size and tumour."""
    if address != PHANTOM.address:
        return _tree(address)
    plan = HeadPlan(size=int(values.get("size", 96)), slices=int(values.get("slices", 8)))
    some = phantoms(0, (LOOKED, 0, 0), plan)
    millilitres = float(np.prod(plan.spacing_mm)) / 1000
    rows = [
        [one.name, " × ".join(map(str, reversed(one.labels.shape))), f"{(one.labels > 0).sum() * millilitres:.1f}",
         one.detail] for one in some.train
    ]  # fmt: skip
    total = sum(int(values.get(name, 0)) for name in ("subjects", "validation", "test"))
    return DataPreview("Generated heads", some.detail, ["subject", "voxels", "tumour, ml", "what it is"], rows, total)


def _tree(address: str) -> DataPreview:
    tree = read_tree(Path(address).expanduser())
    rows = [
        [one.id, one.patient, ", ".join(one.images) or f"{len(one.slices)} slices",
         "yes" if one.label or one.slices else "no"] for one in tree.cases[:ROWS]
    ]  # fmt: skip
    labelled = sum(bool(one.label or one.slices) for one in tree.cases)
    detail = f"{len(tree.cases)} cases, {labelled} with labels" + "".join(f"; {note}" for note in tree.notes)
    labels = {one.name: one.value for one in tree.labels}
    return DataPreview(
        tree.layout, detail, ["case", "patient", "images", "labels"], rows, len(tree.cases), labels=labels
    )


class Slices:
    """All slices of some subjects, those without a tumour among them, as patches for the objective.

    `augment` flips left and right, turns up to ±15°, scales by 0.9 to 1.1 and shifts intensities.
    """

    def __init__(self, subjects: Sequence[Subject], regions: Sequence[Sequence[int]], *, augment: bool = True) -> None:
        self.subjects, self.regions, self.augment = subjects, regions, augment
        self.places = [(one, z) for one in range(len(subjects)) for z in range(subjects[one].image.shape[1])]

    def __len__(self) -> int:
        return len(self.places)

    def sample(self, index: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
        """An image (C, H, W) and its regions (K, H, W)."""
        subject, z = self.places[index]
        image = np.asarray(self.subjects[subject].image[:, z], np.float32)
        target = segmentation.regions_of(self.subjects[subject].labels[z], self.regions).astype(np.float32)
        return augmented(image, target, chance) if self.augment else (image, target)


def augmented(image: Floats, target: Floats, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Both bent alike: flip, rotation, scale; the image's channels shifted by up to 0.1 deviations."""
    flip = -1.0 if chance.random() < 0.5 else 1.0
    angle = np.deg2rad(chance.uniform(-ROTATION_DEG, ROTATION_DEG))
    scale = chance.uniform(1 - SCALE, 1 + SCALE)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    matrix = torch.tensor([[[flip * cos, -sin, 0.0], [flip * sin, cos, 0.0]]], dtype=torch.float32)
    both = torch.from_numpy(np.concatenate([image, target]))[None]
    lattice = F.affine_grid(matrix, list(both.shape), align_corners=False)
    bent = F.grid_sample(both, lattice, mode="bilinear", padding_mode="border", align_corners=False)[0].numpy()
    shifts = chance.uniform(-SHIFT, SHIFT, (len(image), 1, 1)).astype(np.float32)
    return bent[: len(image)] + shifts, (bent[len(image) :] > 0.5).astype(np.float32)


def assembled(regions: NDArray[np.bool_], scheme: str) -> NDArray[np.uint8]:
    """Predicted regions (K, *space) as one label map: each inner region lies over what it is part of."""
    found = np.zeros(regions.shape[1:], np.uint8)
    labels = (OEDEMA, CORE, RING) if scheme == "nested" else (CORE,)
    inside = np.ones(regions.shape[1:], bool)
    for region, label in zip(regions, labels, strict=True):
        inside &= region  # an inner region counts within its outer one only
        found[inside] = label
    return found
