"""Label maps brought onto an image's grid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.medical import images, nifti, seg
from workbench.engine.medical.arrays import check_room, whole_numbers, write_labels
from workbench.engine.medical.cases import kind_of_file
from workbench.engine.medical.geometry import is_same_grid, resample
from workbench.engine.medical.headers import SEG_CLASSES, slices_of


def read_labels(path: Path, like: VolumeFile, out: Path, *, key: str = "") -> VolumeFile:
    """A label map on the grid of `like` as a (z, y, x) .npy at `out`: uint8, or uint16 where values pass 255.

    Reads NIfTI, NRRD, MHA, pictures and DICOM SEG. Another grid is resampled by nearest neighbour and
    the notes say so; floats are taken when they are whole numbers. `key` ends in '#n' for a frame of a
    four-dimensional file. Raises InputError for fractions, other files, and labels outside the image.
    """
    if not path.is_file():
        raise InputError(
            "There is no label file at this path.", expected="a file", received=str(path),
            fix="Choose one label file (NIfTI, NRRD, MHA, DICOM SEG).", field="labels", place=path.name,
        )  # fmt: skip
    shape = np.load(like.path, mmap_mode="r", allow_pickle=False).shape
    values, geometry, names, notes = _load(path, key)
    target = like.meta.geometry
    lies = "unknown" if any("sides cannot be told" in note for note in notes) else ""
    if values.shape == shape and lies:
        notes += ("it does not say where it lies: taken voxel by voxel",)
    elif values.shape != shape or not is_same_grid(geometry, target, shape):
        check_room(int(np.prod(shape)) * 4 + values.nbytes, path)
        had = values.any()
        notes += (_told(values.shape, shape, geometry, target),)
        values = resample(values, geometry, target, shape, nearest=True)
        if had and not values.any():
            raise InputError(
                "The labels lie outside the image.", expected="labels of this image's patient and place",
                received="no labelled voxel within the image", fix="Choose the labels that belong to this image.",
                field="labels", place=path.name,
            )  # fmt: skip
    write_labels(out, values)
    present = [int(value) for value in np.unique(values) if value]
    known = {label.value: label for label in names}
    listed = tuple(known.get(value, Label(value, f"Label {value}")) for value in present)
    listed += tuple(label for label in names if label.value not in present)
    meta = VolumeMeta(geometry=target, modality="SEG", labels=listed, title=path.name)
    return VolumeFile(str(out), meta, notes)


def _told(own: tuple[int, ...], shape: tuple[int, ...], geometry: Geometry, target: Geometry) -> str:
    sizes = " × ".join(map(str, reversed(own))), " × ".join(map(str, reversed(shape)))
    steps = tuple(" × ".join(f"{value:.3g}" for value in one.spacing_mm) for one in (geometry, target))
    return f"resampled to the image's grid (nearest voxel): {sizes[0]} at {steps[0]} mm → {sizes[1]} at {steps[1]} mm"


def _load(path: Path, key: str) -> tuple[np.ndarray, Geometry, tuple[Label, ...], tuple[str, ...]]:
    kind = kind_of_file(path)
    if kind == "dicom":
        file, _ = slices_of(path)
        if file.sop_class not in SEG_CLASSES:
            raise InputError(
                "This DICOM file is no segmentation.", expected="a DICOM SEG, or labels as NIfTI, NRRD or MHA",
                received=file.modality or "another kind of object", fix="Drop it as an image instead.",
                field="labels", place=path.name,
            )  # fmt: skip
        return seg.read(path)
    frame = int(key.rpartition("#")[2]) - 1 if key.rpartition("#")[2].isdigit() and "#" in key else 0
    if kind == "nifti":
        opened = nifti.open_image(path)
        _one_frame(opened.frames, frame, key, path)
        check_room(int(np.prod(opened.shape, dtype=object)) * 8, path)
        values = np.stack(list(nifti.planes(opened, frame)))
        return whole_numbers(values, path), opened.geometry, (), opened.notes
    if kind == "image":
        header = images.look(path)
        _one_frame(header.frames, frame, key, path)
        if header.components > 1 and path.name.lower().endswith(images.SITK_ENDINGS):
            raise InputError(
                "This file holds several layers of labels.",
                expected="one label per voxel",
                received=f"{header.components} layers (overlapping segments)",
                fix="Collapse the layers when saving it.",
                field="labels",
                place=path.name,
            )
        values = whole_numbers(images.read_frame(header, frame), path)
        is_picture = path.name.lower().endswith(images.PICTURE_ENDINGS)
        notes = header.notes
        if is_picture and set(np.unique(values).tolist()) <= {0, 255} and values.any():
            values, notes = values // 255, (*notes, "255 was taken as label 1")
        return values, header.geometry, _names(path), notes
    raise InputError(
        "This is no label file.", expected="NIfTI, NRRD, MHA, a picture or a DICOM SEG", received=path.name,
        fix="Convert it to one of these.", field="labels", place=path.name,
    )  # fmt: skip


def _one_frame(frames: int, frame: int, key: str, path: Path) -> None:
    if not 0 <= frame < frames or (frames > 1 and "#" not in key):
        raise InputError(
            "This label file has four dimensions.",
            expected="one label volume, or a frame's number",
            received=f"{frames} volumes",
            fix=f"Choose one of them as '#1' … '#{frames}'.",
            field="labels",
            place=path.name,
        )


def _names(path: Path) -> tuple[Label, ...]:
    """The segments' names that 3D Slicer keeps in the header of a .seg.nrrd."""
    if path.suffix.lower() != ".nrrd":
        return ()
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    told = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    found = []
    for key, name in told.items():
        number = re.fullmatch(r"Segment(\d+)_Name", key)
        value = told.get(f"Segment{number.group(1)}_LabelValue", "") if number else ""
        if value.isdigit():
            found.append(Label(int(value), name))
    return tuple(sorted(found, key=lambda one: one.value))
