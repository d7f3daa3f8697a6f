"""DICOM SEG: labels over the images of a series, written and read by highdicom."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import highdicom
import numpy as np
import pydicom
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from workbench import __version__
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label
from workbench.engine.medical.arrays import damaged
from workbench.engine.medical.geometry import affine_of, geometry_of
from workbench.engine.medical.headers import Slice, frames_of
from workbench.engine.medical.stacks import Stack

MAKER = "Transfer Workbench"
How = Literal["manual", "semiautomatic", "automatic"]
STUDY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
ORGANS = ("liver", "spleen", "kidney", "pancreas", "stomach", "aorta", "lung", "heart", "brain", "prostate",
          "gallbladder", "esophagus", "bladder", "trachea", "colon", "duodenum")  # fmt: skip
TUMOURS = ("tumour", "tumor", "lesion", "cancer", "mass", "neoplasm", "enhancing")
OEDEMAS = ("oedema", "edema")


def write(
    labels: np.ndarray,
    geometry: Geometry,
    stack: Stack,
    names: Sequence[Label],
    out: Path,
    *,
    how: How = "semiautomatic",
    model: str = "",
) -> Path:
    """Labels (z, y, x) as a DICOM SEG that refers to the images of a series, one segment per label.

    They are brought onto the images' own planes (nearest neighbour) where the grids differ: a series
    that was straightened for viewing gets its tilt back. `model` names the algorithm of automatic labels.
    Raises InputError when no label is set, or the series lacks what a SEG needs.
    """  # fmt: skip
    values = [int(value) for value in np.unique(labels) if value]
    if not values:
        raise InputError(
            "The model found nothing, and a DICOM SEG cannot be empty." if how == "automatic" and model
            else "There is no label to export.",
            expected="at least one labelled voxel", received="an empty mask",
            fix="Paint or segment something first, or export NIfTI, which may be empty.", field="labels",
        )  # fmt: skip
    # A multi-frame file's segments follow its own order of frames, single files may come in any.
    slices = sorted(stack.slices, key=lambda one: one.frame) if stack.slices[0].frame >= 0 else stack.slices
    planes = onto_slices(labels, geometry, slices)
    kept = [value for value in values if (planes == value).any()]
    if not kept:
        raise InputError(
            "The labels lie outside the images.", expected="labels drawn on this series", received="no common place",
            fix="Choose the series that the labels were drawn on.", field="labels", place=out.name,
        )  # fmt: skip
    sources = _sources(stack)
    frames = np.zeros(planes.shape, np.uint8 if len(kept) < 256 else np.uint16)
    for number, value in enumerate(kept, 1):
        frames[planes == value] = number
    named = {label.value: label for label in names}
    described = [
        _described(n, named.get(value, Label(value, f"Label {value}")), how, model) for n, value in enumerate(kept, 1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = highdicom.seg.Segmentation(
                source_images=sources, pixel_array=frames, segmentation_type=SegmentationTypeValues.BINARY,
                segment_descriptions=described, series_instance_uid=highdicom.UID(), series_number=900,
                sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer=MAKER, manufacturer_model_name=MAKER,
                software_versions=__version__, device_serial_number="0", content_description="Segmentation",
                content_label="SEGMENTATION", transfer_syntax_uid=ExplicitVRLittleEndian,
            )  # fmt: skip
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise InputError(
                "This series cannot carry a DICOM SEG.",
                expected="images with their place in the patient (position, orientation)",
                received=str(error)[:200],
                fix="Export as NIfTI, NRRD or MHA instead.",
                field="source",
                place=out.name,
            ) from None
        made.SeriesDescription = "Segmentation"
        made.save_as(out)
    return out


def onto_slices(labels: np.ndarray, geometry: Geometry, slices: Sequence[Slice]) -> np.ndarray:
    """The label of the nearest voxel for each pixel of each slice: (slice, row, column); 0 outside the labels' grid."""
    to_voxel = np.linalg.inv(affine_of(geometry))
    first = slices[0].file
    found = np.zeros((len(slices), first.rows, first.columns), labels.dtype)
    across, down = np.arange(first.columns), np.arange(first.rows)
    for at, one in enumerate(slices):
        position, axes = place_of(one)
        between_rows, between_columns = one.pixel_mm or (1.0, 1.0)
        start = to_voxel[:3, :3] @ position + to_voxel[:3, 3]
        right, below = to_voxel[:3, :3] @ axes[0] * between_columns, to_voxel[:3, :3] @ axes[1] * between_rows
        # (3, rows, columns): the voxel index (x, y, z) under each pixel
        index = start[:, None, None] + below[:, None, None] * down[None, :, None] + right[:, None, None] * across
        x, y, z = np.floor(index + 0.5 + 1e-6).astype(np.int64)
        inside = (x >= 0) & (y >= 0) & (z >= 0) & (x < labels.shape[2]) & (y < labels.shape[1]) & (z < labels.shape[0])
        found[at][inside] = labels[z[inside], y[inside], x[inside]]
    return found


def place_of(one: Slice) -> tuple[np.ndarray, np.ndarray]:
    """A slice's position and axes; raises InputError where the file does not tell them."""
    if one.position is None or one.axes is None:
        raise InputError(
            "These images do not say where they lie in the patient.",
            expected="ImagePositionPatient and ImageOrientationPatient",
            received="neither",
            fix="Export as NIfTI, NRRD or MHA instead.",
            field="source",
            place=one.path.name,
        )
    return one.position, one.axes


def _sources(stack: Stack) -> list[Dataset]:
    """The series' files without pixels; what a SEG copies from them is made present, if empty."""
    found: list[Dataset] = []
    for path in dict.fromkeys(one.path for one in stack.slices):
        source = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        source.remove_private_tags()
        for name in STUDY:
            if name not in source:
                setattr(source, name, "")
        found.append(source)
    if len(found) == 1 and len(stack.slices) != stack.slices[0].file.frames:
        raise InputError(
            "This series is a part of a multi-frame file.",
            expected="all frames of the file in one volume",
            received=f"{len(stack.slices)} of {stack.slices[0].file.frames} frames",
            fix="Export as NIfTI, NRRD or MHA instead.",
            field="source",
            place=stack.slices[0].path.name,
        )
    if "FrameOfReferenceUID" not in found[0]:
        common = highdicom.UID()
        for one in found:
            one.FrameOfReferenceUID = common
    return found


def _described(number: int, label: Label, how: How, model: str) -> SegmentDescription:
    category, kind = _codes(label.name)
    by_hand = how == "manual"
    identity = None if by_hand else highdicom.AlgorithmIdentificationSequence(
        name=(model or MAKER)[:64], version=__version__, family=codes.DCM.ArtificialIntelligence
    )  # fmt: skip
    return SegmentDescription(
        segment_number=number, segment_label=label.name[:64] or f"Label {label.value}",
        segmented_property_category=category, segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues(how.upper()), algorithm_identification=identity,
        tracking_uid=highdicom.UID(), tracking_id=f"label-{label.value}",
        display_color=_colour(label.colour),
    )  # fmt: skip


def _codes(name: str) -> tuple[Any, Any]:
    words = name.lower()
    if any(word in words for word in TUMOURS):
        return codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm
    if any(word in words for word in OEDEMAS):
        return codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Edema
    for organ in ORGANS:
        if organ in words and hasattr(codes.SCT, organ.title()):
            return codes.SCT.AnatomicalStructure, getattr(codes.SCT, organ.title())
    return codes.SCT.Tissue, codes.SCT.Tissue


def _colour(text: str) -> Any:
    if len(text) != 7 or not text.startswith("#"):
        return None
    return highdicom.color.CIELabColor.from_rgb(*(int(text[at : at + 2], 16) for at in (1, 3, 5)))


class UnevenFrames(InputError):
    """The frames of a SEG make up no even grid (gantry tilt, gaps of several sizes); see `read_onto`."""


def read_onto(path: Path, geometry: Geometry, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[Label, ...]]:
    """A DICOM SEG on a (z, y, x) grid: each voxel gets the pixel of the frame that is nearest along the normal.

    Voxels further from every frame than half a slice stay 0. Raises InputError for damaged files.
    """
    header, frames = frames_of(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = highdicom.seg.segread(path)
            names, pixels = _names(found), np.atleast_3d(found.pixel_array.T).T
            groups = header.PerFrameFunctionalGroupsSequence
            numbers = [int(one.SegmentIdentificationSequence[0].ReferencedSegmentNumber) for one in groups]
        except Exception as error:  # highdicom and pydicom raise what they like
            raise damaged(path, "DICOM SEG", error) from None
    labels = np.zeros(shape, np.uint16)
    axes = place_of(frames[0])[1]
    normal = np.cross(*axes)
    heights = np.array([place_of(one)[0] @ normal for one in frames])
    gaps = np.diff(np.unique(np.round(heights, 3)))
    step = frames[0].file.step_mm or frames[0].file.thickness_mm or (float(gaps.min()) if gaps.size else 1.0)
    between = np.array(frames[0].pixel_mm or (1.0, 1.0))
    matrix = affine_of(geometry)
    y, x = np.indices(shape[1:])
    for z in range(shape[0]):
        places = np.stack([x, y, np.full_like(x, z)], axis=-1) @ matrix[:3, :3].T + matrix[:3, 3]
        height = places @ normal
        for at, one in enumerate(frames):
            near = np.abs(height - heights[at]) <= step / 2 + 1e-6
            if not near.any():
                continue
            away = places[near] - place_of(one)[0]
            column, row = (np.floor(away @ axes[n] / between[1 - n] + 0.5 + 1e-6).astype(int) for n in (0, 1))
            inside = (row >= 0) & (column >= 0) & (row < pixels.shape[1]) & (column < pixels.shape[2])
            hit = np.zeros(near.sum(), bool)
            hit[inside] = pixels[at, row[inside], column[inside]] > 0
            where = np.argwhere(near)[hit]
            labels[z, where[:, 0], where[:, 1]] = numbers[at]
    return labels, names


def _names(found: Any) -> tuple[Label, ...]:
    described = [(number, found.get_segment_description(number)) for number in found.segment_numbers]
    return tuple(Label(int(number), str(one.segment_label), _hex(one)) for number, one in described if number)


def read(path: Path) -> tuple[np.ndarray, Geometry, tuple[Label, ...], tuple[str, ...]]:
    """A DICOM SEG as labels (z, y, x) uint16 on its own grid, their names, and notes.

    Raises UnevenFrames when its frames make up no even grid, InputError when it is damaged.
    """
    notes: tuple[str, ...] = ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = highdicom.seg.segread(path)
            try:
                volume = found.get_volume(combine_segments=True, rescale_fractional=False)
            except RuntimeError:
                volume = found.get_volume(combine_segments=True, rescale_fractional=False, skip_overlap_checks=True)
                notes = ("its segments overlap; the higher number is kept where they do",)
            array, affine = np.asarray(volume.array), np.asarray(volume.affine)
            names = _names(found)
        except Exception as error:  # highdicom and pydicom raise what they like
            if "regularly-spaced" in str(error):
                raise UnevenFrames("The frames of this DICOM SEG make up no even grid.", place=path.name) from None
            raise damaged(path, "DICOM SEG", error) from None
    # highdicom's axes are (slice, row, column); ours are told as (x, y, z) = (column, row, slice).
    turned = affine.copy()
    turned[:3, :3] = affine[:3, [2, 1, 0]]
    return array.astype(np.uint16), geometry_of(turned), names, notes


def _hex(described: Any) -> str:
    value = copy.copy(described.get("RecommendedDisplayCIELabValue"))
    if not value:
        return ""
    try:
        lab = highdicom.color.CIELabColor.from_dicom_value([int(one) for one in value])
        return "#" + "".join(f"{round(part):02x}" for part in lab.to_rgb())
    except (AttributeError, ValueError, TypeError):
        return ""
