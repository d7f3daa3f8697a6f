"""Scans as the networks see them: phantoms or own volumes, scaled to 0 … 1, divided, and cut into crops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.volumes import Label, VolumeMeta
from workbench.engine.medical.phantoms import torso

from .recipe import PHANTOM, HiEndMae

if TYPE_CHECKING:
    from .going_on import Before

Floats = NDArray[np.float32]

BODY_CHANCE = 0.75
"""Share of pretraining's crops that lie around a voxel of the body."""
AIR = 0.05
"""Scaled values up to this are taken for air."""
LADDER = (1, 4, 8)


@dataclasses.dataclass(frozen=True)
class Case:
    """A scan (z, y, x) in 0 … 1, its labels where known, and how its voxels lie."""

    name: str
    image: Floats
    labels: NDArray[np.uint8] | None
    meta: VolumeMeta


@dataclasses.dataclass(frozen=True)
class Scans:
    """All scans of a run. No scan stands in two lists; the labelled ones are in the order shots take them."""

    unlabelled: Sequence[Case]
    labelled: Sequence[Case]
    validation: Sequence[Case]
    test: Sequence[Case]
    organs: tuple[Label, ...]

    def __post_init__(self) -> None:
        names = [one.name for part in (self.unlabelled, self.labelled, self.validation, self.test) for one in part]
        if len(set(names)) != len(names):
            raise InputError(
                "A scan stands in more than one part of the data.",
                expected="unlabelled, labelled, validation and test scans apart from each other",
                received=f"{len(names) - len(set(names))} names twice",
                fix="Take scans that are tested on out of the unlabelled folder.",
                field="scans",
            )


def load(job: Job, params: HiEndMae, before: Before | None = None) -> Scans:
    """The scans that the job's slots name; phantoms come from the job's seed.

    Where training goes on from a model, labels are read as its organs.
    """
    scans, cases = (job.inputs.get(slot) or PHANTOM.address for slot in ("scans", "cases"))
    shots = shots_of(params)
    if cases == PHANTOM.address:
        labelled = phantoms(job.seed, "labelled", max(shots), params)
        validation = phantoms(job.seed, "validation", params.validation, params)
        test = phantoms(job.seed, "test", params.test, params)
        organs = torso.LABELS
    else:
        from .folders import labelled_scans

        labelled, validation, test, organs = labelled_scans(job, cases, params, shots=max(shots), before=before)
    if params.pretrain == "none":
        unlabelled: Sequence[Case] = []
    elif scans == PHANTOM.address:
        unlabelled = phantoms(job.seed, "unlabelled", params.unlabelled, params)
    else:
        from .folders import unlabelled_scans

        taken = {one.name for part in (labelled, validation, test) for one in part}
        unlabelled = unlabelled_scans(job, scans, params, without=taken)
    return Scans(unlabelled, labelled, validation, test, organs)


def shots_of(params: HiEndMae) -> tuple[int, ...]:
    """The numbers of labelled scans to learn from, in their order."""
    return tuple(sorted({*LADDER, params.shots})) if params.ladder else (params.shots,)


def phantoms(seed: int, stream: torso.Stream, count: int, params: HiEndMae) -> list[Case]:
    """The first subjects of a phantom stream, scaled."""
    return [
        Case(one.name, torso.scaled(one.hu, params.window_low, params.window_high), one.labels, one.meta)
        for one in torso.subjects(seed, stream, count, size=params.size)
    ]


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few scans of a slot: voxels, spacing and the organs that are labelled."""
    if address != PHANTOM.address:
        from .folders import preview_folder

        seen: DataPreview = preview_folder(slot, address)
        return seen
    streams: tuple[tuple[torso.Stream, int], ...] = (("unlabelled", 4),)
    if slot == "cases":
        streams = (("labelled", 2), ("validation", 1), ("test", 1))
    made = [one for stream, count in streams for one in torso.subjects(0, stream, count)]
    found = {one.name: sum(int((case.labels == one.value).any()) for case in made) for one in torso.LABELS}
    columns = ["scan", "voxels", "spacing", "range"]
    rows = [[one.name, *_facts(one)] for one in made]
    detail = f"{torso.FIELD_MM:.0f} mm of a torso; {len(torso.LABELS)} organs"
    return DataPreview("Sample", detail, columns, rows, labels=found if slot == "cases" else {})


def _facts(one: torso.Torso) -> list[str]:
    size = " × ".join(map(str, one.hu.shape))
    return [size, f"{one.meta.geometry.spacing_mm[0]:g} mm", f"{one.hu.min():.0f} to {one.hu.max():.0f} HU"]


# Crops --------------------------------------------------------------------------------------


def random_corner(
    shape: Sequence[int], crop: int, among: NDArray[np.bool_] | None, chance: np.random.Generator
) -> list[int]:
    """Where a random crop begins; around a voxel of `among` where given."""
    room = [max(size - crop, 0) for size in shape]
    if among is not None and any(room):
        places = np.flatnonzero(among)
        if len(places):
            inner = np.unravel_index(int(chance.choice(places)), among.shape)
            return [int(np.clip(at - crop // 2, 0, most)) for at, most in zip(inner, room, strict=True)]
    return [int(chance.integers(most + 1)) for most in room]


def cut(array: NDArray[Any], corner: Sequence[int], crop: int) -> NDArray[Any]:
    """The cube (crop³) at a corner, with zeros behind the array's end."""
    found = array[tuple(slice(at, at + crop) for at in corner)]
    if found.shape == (crop,) * 3:
        return found
    return np.pad(found, [(0, crop - size) for size in found.shape])


def middle(array: NDArray[Any], crop: int) -> NDArray[Any]:
    """The cube (crop³) in the middle of an array."""
    return cut(array, [max(size - crop, 0) // 2 for size in array.shape], crop)


def pretraining_crop(case: Case, params: HiEndMae, chance: np.random.Generator) -> Floats:
    """A random crop (1, Z, Y, X), mostly of the body; mirrored, turned and changed where that is asked for."""
    body = case.image > AIR if chance.random() < BODY_CHANCE else None
    found = cut(case.image, random_corner(case.image.shape, params.crop, body, chance), params.crop)
    return np.ascontiguousarray(_varied(found, chance) if params.augment else found)[None]


def _varied(crop: Floats, chance: np.random.Generator) -> Floats:
    chances = chance.random(6)
    crop = np.flip(crop, tuple(axis for axis in range(3) if chances[axis] < 0.5))
    if chances[3] < 0.3:
        crop = np.rot90(crop, int(chance.integers(1, 4)), (1, 2))
    scale, shift = chance.uniform(-0.1, 0.1, 2).astype(np.float32)
    crop = crop * (1 + scale) if chances[4] < 0.1 else crop
    return crop + shift if chances[5] < 0.1 else crop


@dataclasses.dataclass(frozen=True)
class Shots:
    """Labelled scans to learn from; every second crop lies around an organ."""

    cases: Sequence[Case]
    crop: int
    times: int
    """How often each scan stands in an epoch: a batch takes more crops than there may be scans."""

    def __len__(self) -> int:
        return len(self.cases) * self.times

    def sample(self, index: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
        """A crop (1, Z, Y, X) and its labels (1, Z, Y, X)."""
        case = self.cases[index % len(self.cases)]
        labels = labels_of(case)
        among = labels > 0 if chance.random() < 0.5 else None
        corner = random_corner(case.image.shape, self.crop, among, chance)
        image, target = (np.ascontiguousarray(cut(one, corner, self.crop)) for one in (case.image, labels))
        return image[None], target[None].astype(np.float32)


def labels_of(case: Case) -> NDArray[np.uint8]:
    """The labels of a labelled scan; raises InputError where there are none."""
    if case.labels is None:
        raise InputError("A labelled scan has no labels.", expected="labels", received=case.name, field="cases")
    return case.labels
