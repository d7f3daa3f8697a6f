"""Subjects as what the network reads: split by subject, standardised, cut into slices, augmented."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from workbench.core.volumes import VolumeMeta
from workbench.engine.medical import segmentation
from workbench.engine.medical.phantoms.head import CONTRASTS, CORE, OEDEMA, RING, HeadPlan, make_head

Floats = NDArray[np.float32]
PARTS = ("train", "validation", "test")
REGIONS = {
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
    detail = f"{of} generated heads of {plan.slices} slices, {plan.size} × {plan.size}, contrasts {', '.join(CONTRASTS)}"
    return Cohort(parts[0], parts[1], parts[2], CONTRASTS, detail)


def _subject(name: str, seed: tuple[int, ...], plan: HeadPlan) -> Subject:
    head = make_head(seed, plan, name=name)
    image = segmentation.standardise(head.images)
    hemisphere = "left" if head.side > 0 else "right"
    detail = f"{hemisphere} hemisphere, radius {head.radius_mm:.0f} mm"
    return Subject(name, image, head.labels, head.meta, head.images[1], detail)


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
        image = self.subjects[subject].image[:, z]
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
