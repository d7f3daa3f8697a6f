"""Own scans: a folder of volumes or DICOM series without labels, and nnU-Net or Decathlon trees with them.

Every scan is brought to one spacing on the patient's axes (LPS, as voxels in memory grow to left, back and head),
cut to the window, and kept as a .npy in the cache, from where it is mapped, not loaded.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, SeriesInfo, Triple, VolumeFile, VolumeMeta
from workbench.engine.medical import datasets, labels, volumes
from workbench.engine.medical.geometry import affine_of, resample
from workbench.engine.medical.phantoms.torso import scaled
from workbench.engine.text import cache

from .data import Case, Floats
from .going_on import Before, values_of
from .recipe import HiEndMae

EDITION = 1
"""Raised when the same files would give other arrays."""
AIR_HU = -1024.0
SHOWN = 40
TEST_SHARE = 0.3


def unlabelled_scans(job: Job, address: str, params: HiEndMae, *, without: Set[str]) -> list[Case]:
    """Every CT-like volume below a folder but those named in `without`, which are learned from or tested on.

    Labels of a data set's tree are left alone.

    Raises InputError when there are none that can be read.
    """
    all_series = [one for one in volumes.find(Path(address)).series if not one.problem and _is_scan(one)]
    series = [one for one in all_series if source_of(Path(address), one.key) not in without]
    if len(series) < len(all_series):
        job.log(f"{len(all_series) - len(series)} labelled scans are left out of pretraining.")
    found = []
    for at, one in enumerate(series):
        job.progress(at, len(series))
        found.append(_scan(Path(address), one.key, one.title or one.key, params))
    if not found:
        raise InputError(
            "There is no scan to learn from.", expected="NIfTI volumes or DICOM series of CT", received="none",
            fix="Choose the folder that holds the scans.", field="scans", place=address,
        )  # fmt: skip
    return found


def _is_scan(one: SeriesInfo) -> bool:
    inside = Path(one.key).parts[:-1]
    is_label = any(part.startswith("labels") for part in inside) or one.modality == "SEG"
    return not is_label and one.modality in ("", "CT") and (not one.shape or min(one.shape) > 1)


def labelled_scans(
    job: Job, address: str, params: HiEndMae, *, shots: int, before: Before | None = None
) -> tuple[list[Case], list[Case], list[Case], tuple[Label, ...]]:
    """Scans to learn from, to validate and to test, and the organs of an nnU-Net or Decathlon tree.

    Patients are divided by the run's seed; a tree's own validation list validates. At least one scan goes to each
    part. Where training goes on from a model (`before`), all scans that neither validate nor test are learned from,
    patients it was trained on among them and nowhere else. Raises InputError where there are too few.
    """
    tree = datasets.read_tree(Path(address))
    known = [one for one in tree.cases if one.label and len(one.images) == 1]
    own = [one for one in known if one.split == "validation" and one.patient not in tree.seen]
    rest = [one for one in known if one.split == "train" or (one.split == "validation" and one not in own)]
    fresh = sorted({one.patient for one in rest if one.patient not in tree.seen})
    order = [fresh[at] for at in np.random.default_rng(job.seed).permutation(len(fresh))]
    test = _of(order, rest, min(params.test, max(1, round(TEST_SHARE * len(rest)))))
    left = [one for one in order if one not in {case.patient for case in test}]
    wanted = min(params.validation, max(1, (len(rest) - len(test)) // 3))
    validation = own[: params.validation] or _of(left, rest, wanted)
    kept_apart = {one.patient for one in (*test, *validation)}
    ranks = {patient: rank for rank, patient in enumerate(left)}
    learned = sorted((one for one in rest if one.patient not in kept_apart), key=lambda one: ranks.get(one.patient, -1))
    learned = learned if before is not None else learned[:shots]
    if len(learned) < (1 if before is not None else shots) or not validation or not test:
        raise InputError(
            "There are too few labelled scans.",
            expected=f"{1 if before is not None else shots} to learn from, and some to validate and to test",
            received=f"{len(known)} with a label and a single channel"
            + (f", {len(fresh)} of them of patients that the model has not seen" if before is not None else ""),
            fix="Ask for fewer shots, or add labelled scans.",
            field="cases",
            place=address,
        )
    if not tree.labels:
        raise InputError(
            "Nothing tells what the labels mean.", expected="`labels` in dataset.json", received="none",
            fix="Add names and values to dataset.json.", field="cases", place=address,
        )  # fmt: skip
    if before is not None:
        organs, values = before.organs, values_of(tree.labels, before, place=address)
    else:
        organs = tuple(Label(at, one.name, one.colour) for at, one in enumerate(tree.labels, 1))
        values = [one.value for one in tree.labels]
    parts = [[_labelled(one, params, values) for one in part] for part in (learned, validation, test)]
    return parts[0], parts[1], parts[2], organs


def _of(patients: Sequence[str], cases: Sequence[datasets.DataCase], count: int) -> list[datasets.DataCase]:
    """All cases of the first patients, as many patients as `count` cases need; never all patients."""
    found: list[datasets.DataCase] = []
    for patient in patients[:-1] if len(patients) > 1 else patients:
        if len(found) >= count:
            break
        found += [one for one in cases if one.patient == patient]
    return found


def _labelled(one: datasets.DataCase, params: HiEndMae, values: list[int]) -> Case:
    name, _, frame = next(iter(one.images.values())).partition("#")
    path = Path(name)
    key = f"{path.name}#{frame}" if frame else ""
    return _scan(path, key, one.id, params, label=Path(one.label), values=values)


def _scan(
    path: Path, key: str, name: str, params: HiEndMae, *, label: Path | None = None, values: list[int] | None = None
) -> Case:
    """A scan on its new grid, from the cache or made for it."""
    folder = cache.folder("scans")
    facts = [EDITION, volumes.cache_name(path, key), params.spacing, params.window_low, params.window_high, values]
    stem = cache.digest(*facts, volumes.cache_name(label, "") if label is not None else "")
    image, marked, beside = (folder / f"{stem}{end}" for end in (".npy", ".labels.npy", ".json"))
    if not beside.exists():
        raw = volumes.read(path, key, folder)
        hu = np.load(raw.path, mmap_mode="r", allow_pickle=False)
        spacing: Triple = (params.spacing,) * 3
        values_now, geometry = onto_grid(hu, raw.meta.geometry, spacing, fill=AIR_HU)
        _put(image, scaled(values_now, params.window_low, params.window_high))
        if label is not None:
            read = labels.read_labels(label, raw, folder / f"{stem}.raw.npy")
            own = np.load(read.path, mmap_mode="r", allow_pickle=False)
            moved = resample(np.asarray(own), raw.meta.geometry, geometry, values_now.shape, nearest=True)
            _put(marked, _dense(moved, values or []))
        meta = msgspec.structs.replace(raw.meta, geometry=geometry, title=name)
        facts_beside = msgspec.json.encode(VolumeFile(str(image), meta))
        cache.keep(beside, lambda scratch: _write(scratch, facts_beside))
    found = msgspec.json.decode(beside.read_bytes(), type=VolumeFile)
    mask = np.load(marked, mmap_mode="r", allow_pickle=False) if label is not None else None
    return Case(source_of(path, key), np.load(image, mmap_mode="r", allow_pickle=False), mask, found.meta)


def source_of(path: Path, key: str) -> str:
    """A scan's name by which no part of the data shares one: its file, or its series below a folder."""
    if path.is_file():
        return f"{path.resolve()}#{key.rpartition('#')[2]}" if "#" in key else str(path.resolve())
    return f"{path.resolve()}#{key}" if key.startswith("dicom-") else str((path / key).resolve())


def _dense(array: NDArray[Any], values: list[int]) -> NDArray[np.uint8]:
    """Label values as their places in the list, from 1; others as background."""
    found = np.zeros(array.shape, np.uint8)
    for at, value in enumerate(values, 1):
        found[array == value] = at
    return found


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _put(path: Path, array: NDArray[Any]) -> None:
    def write(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    cache.keep(path, write)


# Grids --------------------------------------------------------------------------------------


def onto_grid(
    array: NDArray[Any], geometry: Geometry, spacing_mm: tuple[float, ...], *, fill: float = 0.0
) -> tuple[Floats, Geometry]:
    """A volume resampled to a spacing on the patient's own axes, covering all of it."""
    affine = affine_of(geometry)
    ends = np.array([
        [x, y, z, 1] for x in (0, array.shape[2] - 1) for y in (0, array.shape[1] - 1) for z in (0, array.shape[0] - 1)
    ])  # fmt: skip
    corners = (affine @ ends.T)[:3].T
    low, high = corners.min(0), corners.max(0)
    counts = np.maximum(np.ceil((high - low) / spacing_mm - 1e-6).astype(int) + 1, 1)
    grid = Geometry(_triple(spacing_mm), _triple(low))
    shape = (int(counts[2]), int(counts[1]), int(counts[0]))
    values = np.asarray(array, np.float32)
    return np.asarray(resample(values, geometry, grid, shape, nearest=False, fill=fill), np.float32), grid


def back_onto(array: NDArray[np.uint8], lies: Geometry, asked: Geometry, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Labels on another grid of (z, y, x) `shape`, by the nearest voxel."""
    return np.asarray(resample(array, lies, asked, shape, nearest=True), np.uint8)


def _triple(values: Any) -> Triple:
    x, y, z = (float(one) for one in values)
    return (x, y, z)


def read_scan(path: Path) -> tuple[NDArray[Any], VolumeMeta]:
    """A file's volume in its own grid (z, y, x), and how it lies."""
    found = volumes.read(path, "", cache.folder("scans"))
    return np.load(found.path, mmap_mode="r", allow_pickle=False), found.meta


def preview_folder(slot: str, address: str) -> DataPreview:
    """What stands in a folder: scans, or the cases of a tree."""
    if slot == "cases":
        tree = datasets.read_tree(Path(address))
        rows = [[one.id, one.split, "yes" if one.label else "no"] for one in tree.cases[:SHOWN]]
        detail = f"{tree.layout}, {len(tree.cases)} cases: " + ", ".join(one.name for one in tree.labels)
        return DataPreview(tree.layout, detail, ["case", "part", "labelled"], rows, len(tree.cases))
    case = volumes.find(Path(address))
    series = [one for one in case.series if _is_scan(one)]
    rows = [[one.title, one.modality, " × ".join(map(str, one.shape)), one.problem] for one in series[:SHOWN]]
    return DataPreview("Scans", "; ".join(case.notes), ["scan", "kind", "voxels", "problem"], rows, len(series))
