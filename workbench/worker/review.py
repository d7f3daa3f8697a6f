"""What a window may ask while cases are reviewed: cases below a folder, labels held against labels."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.comparison import Agreement, Comparison
from workbench.core.problem import InputError
from workbench.core.segmenting import guess_channels
from workbench.core.volumes import Label, VolumeMeta
from workbench.store.readings import read_signed
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.medical.trainingset import TrainingCase
    from workbench.worker.interactive import ApplyContext


class Side(msgspec.Struct, frozen=True):
    """Labels to compare: an array on disk with its meaning, or what a reader signed (a file of the review folder)."""

    title: str
    path: str = ""
    meta: VolumeMeta | None = None
    reading: str = ""
    digest: str = ""


class Compare(msgspec.Struct, frozen=True):
    """Two sides, the earlier one first; several readers for 'agreement'."""

    sides: list[Side]


class FoundCases(msgspec.Struct, frozen=True):
    """A folder to be searched."""

    path: str


def find(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    """Every case below a folder."""
    from workbench.engine.medical.finding import find_cases

    asked = msgspec.convert(arguments, FoundCases)
    return [str(one) for one in find_cases(Path(asked.path), cancelled=context.cancelled)]


def compare(arguments: dict[str, Any], context: ApplyContext) -> Comparison:
    """Numbers by label, and the map of what was changed as an array in the cache."""
    from workbench.engine.medical.comparing import changes
    from workbench.engine.medical.comparing import compare as measure

    sides, (first, second), labels, spacing = _loaded(arguments, context, at_least=2)
    found = measure(first, second, labels, spacing, (sides[0].title, sides[1].title))
    folder = context.home.cache / "changes"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{uuid.uuid4().hex}.npy"
    np.save(target, changes(first, second), allow_pickle=False)
    return msgspec.structs.replace(found, changes=str(target))


def agree(arguments: dict[str, Any], context: ApplyContext) -> list[Agreement]:
    """Several readers' labels, every pair of them."""
    from workbench.engine.medical.comparing import agreement

    sides, arrays, labels, spacing = _loaded(arguments, context, at_least=2)
    return agreement(arrays, [one.title for one in sides], labels, spacing)


def _loaded(
    arguments: dict[str, Any], context: ApplyContext, *, at_least: int
) -> tuple[list[Side], list[NDArray[Any]], list[Label], tuple[float, float, float]]:
    sides = as_asked(arguments, Compare).sides
    if len(sides) < at_least:
        raise InputError("There is nothing to compare with.", expected=f"{at_least} sets of labels",
                         received=str(len(sides)), fix="Sign the case, or let another reader sign it.")  # fmt: skip
    arrays, metas = [], []
    for side in sides:
        if side.reading:
            array, meta = read_signed(context.home.review, side.reading, side.digest)
        else:
            array, meta = np.load(side.path, mmap_mode="r", allow_pickle=False), side.meta or VolumeMeta()
        arrays.append(array)
        metas.append(meta)
    names: dict[int, Label] = {}
    for meta in metas:
        names |= {one.value: one for one in meta.labels if one.value not in names}
    for array in arrays:
        for value in np.unique(array) if array.size else ():
            names.setdefault(int(value), Label(int(value), f"label {int(value)}"))
    names.pop(0, None)
    x, y, z = metas[0].geometry.spacing_mm
    return sides, arrays, [names[value] for value in sorted(names)], (float(z), float(y), float(x))


class SignedCase(msgspec.Struct, frozen=True):
    """A signed case to be learnt from: its images by key, and the file of the labels."""

    id: str
    path: str
    keys: tuple[str, ...]
    reading: str
    digest: str
    seen: bool = False


class TrainingSet(msgspec.Struct, frozen=True):
    """Cases to be written for training a model with these channels."""

    cases: list[SignedCase]
    channels: tuple[str, ...]
    out: str
    trained: tuple[str, ...] = ()
    """Paths of all cases that a model was trained on: who is shown there tests nothing any more."""


def training_set(arguments: dict[str, Any], context: ApplyContext) -> str:
    """Write the cases as an nnU-Net tree below the home; returns its folder."""
    from workbench.engine.medical.patients import Pseudonyms
    from workbench.engine.medical.trainingset import write_training_set

    asked = as_asked(arguments, TrainingSet)
    names = Pseudonyms()
    seen = names.all_of(Path(one) for one in (*asked.trained, *(case.path for case in asked.cases if case.seen)))
    whose = {case.id: names.of(Path(case.path)) for case in asked.cases}
    cases = [
        msgspec.structs.replace(_training_case(one, asked, context), patient=whose[one.id], seen=whose[one.id] in seen)
        for one in asked.cases
    ]
    return str(write_training_set(cases, asked.channels, Path(asked.out)))


def _training_case(one: SignedCase, asked: TrainingSet, context: ApplyContext) -> TrainingCase:
    from workbench.engine.medical import trainingset
    from workbench.engine.medical.volumes import find, read

    volumes = context.home.cache / "volumes"
    volumes.mkdir(parents=True, exist_ok=True)
    series = [two for two in find(Path(one.path), cancelled=context.cancelled).series if not two.problem]
    images = [two for two in series if two.key in one.keys and two.modality != "SEG"] or series[:1]
    places = guess_channels(asked.channels, [two.title for two in images])  # as the case was segmented
    read_as = {
        channel: read(Path(one.path), images[at].key, volumes, cancelled=context.cancelled)
        for channel, at in zip(asked.channels, places, strict=True) if at is not None
    }  # fmt: skip
    array, meta = read_signed(context.home.review, one.reading, one.digest)
    return trainingset.TrainingCase(f"case-{one.id[:12]}", read_as, array, meta, one.digest, one.seen)
