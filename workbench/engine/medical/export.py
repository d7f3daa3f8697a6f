"""Labels and volumes out of the program: NIfTI, NRRD, MHA, DICOM SEG, surfaces, and a table of volumes."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813

from workbench.core.problem import InputError, KnownTrouble, did_you_mean
from workbench.core.segmenting import CERTAIN, ProbabilityMap
from workbench.core.volumes import Geometry, Label, VolumeFile
from workbench.engine.medical import meshes, seg
from workbench.engine.medical.geometry import affine_of, flipped, to_sitk
from workbench.engine.medical.stacks import Stack

ENDINGS = {
    "nifti": ".nii.gz",
    "nrrd": ".nrrd",
    "mha": ".mha",
    "dicom-seg": ".dcm",
    "stl": ".stl",
    "ply": ".ply",
    "csv": ".csv",
}
FORMATS = tuple(ENDINGS)


class Volume(NamedTuple):
    """One line of the table of volumes."""

    value: int
    name: str
    voxels: int
    ml: float


def export(
    labels: VolumeFile,
    format: str,
    out: Path,
    *,
    source: Stack | None = None,
    smooth: bool = True,
    how: seg.How = "semiautomatic",
    model: str = "",
) -> list[Path]:
    """Write labels in a format at `out` and return the files; surfaces become one file per label.

    `out` is a file, or a folder that gets a file named after the labels. A DICOM SEG needs the `source`
    series. Raises InputError for unknown formats and empty labels, KnownTrouble when nothing can be written.
    """  # fmt: skip
    if format not in FORMATS:
        raise InputError(
            "Labels cannot be exported in this format.", expected=", ".join(FORMATS), received=format,
            fix=did_you_mean(format, FORMATS), field="format",
        )  # fmt: skip
    array = np.load(labels.path, mmap_mode="r", allow_pickle=False)
    target = _target(out, labels, ENDINGS[format])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if format in ("stl", "ply"):
            return _surfaces(array, labels, format, target, smooth=smooth)
        if format == "csv":
            return [write_csv(array, labels, target)]
        if format == "dicom-seg":
            if source is None:
                raise InputError(
                    "A DICOM SEG refers to the images it was drawn on.", expected="the DICOM series", received="none",
                    fix="Name the series, or export as NIfTI, NRRD or MHA.", field="source",
                )  # fmt: skip
            return [
                seg.write(
                    np.asarray(array), labels.meta.geometry, source, labels.meta.labels, target, how=how, model=model
                )
            ]
        return [write_volume(np.asarray(array), labels.meta.geometry, target)]
    except (OSError, RuntimeError) as error:
        raise _unwritten(target, error) from None


def save_volume(array: np.ndarray, geometry: Geometry, out: Path) -> Path:
    """`write_volume` for a place that may not be there yet; raises KnownTrouble when it cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return write_volume(np.asarray(array), geometry, out)
    except (OSError, RuntimeError) as error:
        raise _unwritten(out, error) from None


def save_probability(one: ProbabilityMap, folder: Path) -> Path:
    """A probability map as numbers from 0 to 1 in FOLDER/NAME-probability.nii.gz; raises KnownTrouble as above."""
    told = np.load(one.volume.path, mmap_mode="r", allow_pickle=False)
    share = np.asarray(told, np.float32) / np.float32(CERTAIN)
    return save_volume(share, one.volume.meta.geometry, folder / f"{_plain(one.name)}-probability.nii.gz")


def _unwritten(target: Path, error: Exception) -> KnownTrouble:
    return KnownTrouble(
        "The file could not be written.",
        expected="a writable place with room",
        received=(str(error).splitlines() or [type(error).__name__])[-1][:200],
        fix="Choose another folder, or free some space.",
        place=str(target),
    )


def _target(out: Path, labels: VolumeFile, ending: str) -> Path:
    if out.is_dir() or not out.suffix:
        name = re.sub(r"(\.seg)?\.(nii|nii\.gz|nrrd|mha|mhd|dcm|npy|png|tiff?)$", "", labels.meta.title or "labels")
        return out / (_plain(name) + ending)
    return out


def _plain(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w\-.+]+", "_", name).strip("._") or "labels"


def write_volume(array: np.ndarray, geometry: Geometry, out: Path) -> Path:
    """A (z, y, x) array as NIfTI, NRRD or MHA, by the file's ending; positions are exact.

    Raises InputError for other endings, OSError or RuntimeError when it cannot be written.
    """
    name = out.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        image: Any = nibabel.Nifti1Image(np.ascontiguousarray(array).T, flipped(affine_of(geometry)))
        # Code 1 says "scanner coordinates"; both forms are set since readers differ in which they take.
        image.set_qform(image.affine, 1)
        image.set_sform(image.affine, 1)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, out)
    elif name.endswith((".nrrd", ".mha", ".mhd")):
        sitk.WriteImage(to_sitk(array, geometry), str(out), useCompression=not name.endswith(".mhd"))
    else:
        raise InputError(
            "Volumes are not written with this ending.",
            expected=".nii.gz, .nii, .nrrd, .mha or .mhd",
            received=out.name,
            fix="Choose one of these endings.",
            field="out",
        )
    return out


def _surfaces(array: np.ndarray, labels: VolumeFile, format: str, target: Path, *, smooth: bool) -> list[Path]:
    values = [int(value) for value in np.unique(array) if value]
    if not values:
        raise InputError(
            "There is no label to make a surface of.", expected="at least one labelled voxel", received="an empty mask",
            fix="Paint or segment something first.", field="labels",
        )  # fmt: skip
    named = _named(labels.meta.labels)
    written = []
    for value in values:
        label = named.get(value, Label(value, f"Label {value}"))
        found = meshes.surface(np.asarray(array), value, labels.meta.geometry, smooth=smooth)
        out = (
            target
            if len(values) == 1
            else target.with_name(f"{target.stem}-{value}-{_plain(label.name)}{target.suffix}")
        )
        written.append(
            meshes.write_stl(found, out) if format == "stl" else meshes.write_ply(found, out, colour=label.colour)
        )
    return written


def _named(labels: Sequence[Label]) -> dict[int, Label]:
    return {label.value: label for label in labels}


def volumes_of(array: np.ndarray, geometry: Geometry, labels: Sequence[Label] = ()) -> list[Volume]:
    """Voxels and millilitres of every label that occurs or is named."""
    counts = np.bincount(np.asarray(array).ravel(), minlength=1)
    voxel_ml = abs(float(np.linalg.det(affine_of(geometry)[:3, :3]))) / 1000
    named = _named(labels)
    values = sorted({int(value) for value in np.flatnonzero(counts) if value} | set(named))
    found = []
    for value in values:
        voxels = int(counts[value]) if value < len(counts) else 0
        name = named[value].name if value in named else f"Label {value}"
        found.append(Volume(value, name, voxels, voxels * voxel_ml))
    return found


def write_csv(array: np.ndarray, labels: VolumeFile, out: Path) -> Path:
    """A table of the labels' volumes: value, name, voxels, volume_ml."""
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", "name", "voxels", "volume_ml"])
        for one in volumes_of(array, labels.meta.geometry, labels.meta.labels):
            table.writerow([one.value, one.name, one.voxels, f"{one.ml:.4f}"])
    return out
