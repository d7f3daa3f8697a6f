"""Volumes as files: how an array's voxels lie in the patient, and what its values mean.

An array is indexed (z, y, x), as SimpleITK's arrays are. Positions are millimetres in the patient's
LPS frame (x grows to the left, y to the back, z to the head), as in DICOM and ITK; NIfTI's RAS is
converted where files are read and written, and nowhere else.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Triple = tuple[float, float, float]
Matrix = tuple[float, float, float, float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class Geometry(msgspec.Struct, frozen=True):
    """Where voxel (x, y, z) lies: origin_mm + direction · (spacing_mm * (x, y, z)), in LPS.

    `direction` is a 3×3 matrix row by row whose columns are the axes' unit vectors (ITK's convention).
    """

    spacing_mm: Triple = (1.0, 1.0, 1.0)
    origin_mm: Triple = (0.0, 0.0, 0.0)
    direction: Matrix = IDENTITY


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value of a label volume; `colour` is #rrggbb, empty for the view's own."""

    value: int
    name: str
    colour: str = ""


class VolumeMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `meta` of a Volume or Labels artifact, and what lies beside a cached case.

    `unit` is "HU" for CT and empty where values have none; `window` (centre, width) is what the file
    recommends; `labels` names the values of a Labels array, 0 is background and not listed.
    """

    geometry: Geometry = Geometry()
    modality: Literal["", "CT", "MR", "PT", "US", "OT", "SEG"] = ""
    unit: str = ""
    window: tuple[float, float] | None = None
    labels: tuple[Label, ...] = ()
    title: str = ""


class VolumeFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """An array on disk (.npy, memory-mapped by who shows it) with its meaning and what to know about it."""

    path: str
    meta: VolumeMeta
    notes: tuple[str, ...] = ()
    """What was done or noticed while reading ('resampled to the image's grid', 'slice 12 is missing')."""


class SeriesInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that can be loaded from what was dropped: a DICOM series or a file.

    `shape` is (x, y, z) voxels; `problem` says why it cannot be loaded, if so; `thumbnail` is a PNG.
    """

    key: str
    title: str
    modality: str = ""
    detail: str = ""
    shape: tuple[int, ...] = ()
    spacing_mm: Triple | None = None
    files: int = 1
    thumbnail: str = ""
    problem: str = ""


class CaseInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found in a dropped file or folder."""

    path: str
    title: str
    series: tuple[SeriesInfo, ...]
    notes: tuple[str, ...] = ()


def meta_of(meta: dict[str, Any]) -> VolumeMeta:
    """An artifact's meta as a VolumeMeta; raises msgspec.ValidationError when it is none."""
    return msgspec.convert(meta, VolumeMeta)


def to_meta(meta: VolumeMeta) -> dict[str, Any]:
    """A VolumeMeta as an artifact's meta."""
    found: dict[str, Any] = msgspec.to_builtins(meta)
    return found
