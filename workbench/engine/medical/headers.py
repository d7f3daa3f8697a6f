"""DICOM headers: what each slice or frame says about its place, its size and its meaning; no pixels are read."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from workbench.core.problem import InputError
from workbench.engine.medical.arrays import damaged

Modality = Literal["", "CT", "MR", "PT", "US", "OT", "SEG"]
PIXEL_TAGS = {b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00", b"\xe0\x7f\x10\x00"}
PIXEL_TAGS |= {tag[1::-1] + tag[3:1:-1] for tag in PIXEL_TAGS}
SEG_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
DIRECTORY = "1.2.840.10008.1.3.10"
MOST_FRAMES = 100_000


@dataclasses.dataclass(frozen=True, eq=False)
class Slice:
    """One plane of voxels: a single-frame file, or frame `frame` (from 0) of a multi-frame one.

    `position` is the middle of the first voxel and `axes` the row's and the column's direction,
    both in LPS; `pixel_mm` is (between rows, between columns). None where the file is silent.
    """

    path: Path
    frame: int
    file: File
    position: np.ndarray | None
    axes: np.ndarray | None
    pixel_mm: tuple[float, float] | None
    slope: float = 1.0
    intercept: float = 0.0
    window: tuple[float, float] | None = None
    order: tuple[float, ...] = ()
    """What tells slices at one place apart: echo, time point, acquisition, diffusion weight, number."""


@dataclasses.dataclass(frozen=True, eq=False)
class File:
    """What holds for a whole DICOM file."""

    path: Path
    series_uid: str
    sop_class: str
    sop_uid: str
    modality: str
    description: str
    number: int
    instance: int
    image_type: tuple[str, ...]
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    syntax: str
    has_pixels: bool
    thickness_mm: float
    step_mm: float
    unit: str


def kind_of(file: File) -> Modality:
    """The modality as our views know it."""
    if file.sop_class in SEG_CLASSES:
        return "SEG"
    known: dict[str, Modality] = {"CT": "CT", "MR": "MR", "PT": "PT", "US": "US"}
    return known.get(file.modality, "OT")


def looks_like_dicom(path: Path) -> bool:
    """Whether the bytes are DICOM's: the prefix after the preamble, or a first element of group 2 or 8."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    return head[128:132] == b"DICM" or (
        head[:4] in (b"\x08\x00\x00\x00", b"\x08\x00\x01\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00",
                     b"\x02\x00\x00\x00", b"\x02\x00\x01\x00", b"\x02\x00\x02\x00", b"\x08\x00\x16\x00",
                     b"\x00\x08\x00\x00", b"\x00\x08\x00\x05", b"\x00\x08\x00\x08", b"\x00\x08\x00\x16")
    )  # fmt: skip


def read_header(path: Path) -> tuple[Dataset, bool]:
    """A file's elements before its pixels, and whether pixels follow.

    Raises InputError when it is no DICOM or is cut off within its header.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with path.open("rb") as file:
                found = pydicom.dcmread(file, stop_before_pixels=True, force=True)
                here = file.read(4)
            if not looks_like_dicom(path) and not {"SOPClassUID", "Rows", "Modality"} & set(found.dir()):
                raise InvalidDicomError
        except InvalidDicomError:
            raise InputError(
                "This is no DICOM file.",
                expected="a file with a DICOM prefix",
                received=path.suffix or "a name without an ending",
                fix="Drop the folder of the series, or a file of another format with its proper ending.",
                place=path.name,
            ) from None
        except OSError as error:
            raise damaged(path, "DICOM", error.strerror or error) from None
        except Exception as error:  # whatever a broken header makes pydicom raise
            raise damaged(path, "DICOM", error) from None
    deflated = str(found.file_meta.get("TransferSyntaxUID", "")) == "1.2.840.10008.1.2.1.99"
    return found, here in PIXEL_TAGS or (deflated and "Rows" in found)


def slices_of(path: Path) -> tuple[File, list[Slice]]:
    """A file's header and one Slice per frame; an empty list where it has no pixels.

    Raises InputError when it is no DICOM, or its header is damaged.
    """
    header, has_pixels = read_header(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file = _file(path, header, has_pixels)
            return file, list(_slices(file, header)) if has_pixels and file.rows and file.columns else []
        except InputError:
            raise
        except Exception as error:  # values that do not parse raise when they are looked at
            raise damaged(path, "DICOM", f"a value in the header does not parse: {error}") from None


def _file(path: Path, header: Dataset, has_pixels: bool) -> File:
    frames = _number(header, "NumberOfFrames", 1)
    if not 0 < frames <= MOST_FRAMES:
        raise damaged(path, "DICOM", f"the header claims {frames:g} frames")
    return File(
        path=path,
        series_uid=str(header.get("SeriesInstanceUID", "") or path.name),
        sop_class=str(header.get("SOPClassUID", "") or header.file_meta.get("MediaStorageSOPClassUID", "")),
        sop_uid=str(header.get("SOPInstanceUID", "")),
        modality=str(header.get("Modality", "") or ""),
        description=str(header.get("SeriesDescription", "") or ""),
        number=int(_number(header, "SeriesNumber", 0)),
        instance=int(_number(header, "InstanceNumber", 0)),
        image_type=tuple(str(word) for word in _several(header.get("ImageType"))),
        rows=int(_number(header, "Rows", 0)),
        columns=int(_number(header, "Columns", 0)),
        frames=int(frames),
        samples=int(_number(header, "SamplesPerPixel", 1)),
        photometric=str(header.get("PhotometricInterpretation", "") or ""),
        syntax=str(header.file_meta.get("TransferSyntaxUID", "") or ""),
        has_pixels=has_pixels,
        thickness_mm=_number(header, "SliceThickness", 0.0),
        step_mm=abs(_number(header, "SpacingBetweenSlices", 0.0)),
        unit="HU" if _is_hounsfield(header) else "",
    )


def _is_hounsfield(header: Dataset) -> bool:
    if str(header.get("Modality", "")) != "CT" or "LOCALIZER" in _several(header.get("ImageType")):
        return False
    rescaled = "RescaleIntercept" in header or "SharedFunctionalGroupsSequence" in header
    return rescaled and str(header.get("RescaleType", "") or "HU") == "HU"


def _several(value: Any) -> Sequence[Any]:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str | int | float) else tuple(value)


def _number(header: Dataset, name: str, default: float) -> float:
    values = _several(header.get(name))
    return float(values[0]) if values and values[0] not in (None, "") else default


def _vector(header: Dataset, name: str, count: int) -> np.ndarray | None:
    values = _several(header.get(name))
    if len(values) != count:
        return None
    vector = np.array([float(value) for value in values])
    return vector if np.isfinite(vector).all() else None


def _axes(header: Dataset) -> np.ndarray | None:
    found = _vector(header, "ImageOrientationPatient", 6)
    if found is None:
        return None
    axes = found.reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    if (np.abs(lengths - 1) > 0.05).any() or abs(axes[0] @ axes[1]) > 0.05:
        return None
    axes = axes / lengths
    # Cosines are stored with few digits; the second is made square to the first, as ITK does.
    second = axes[1] - (axes[0] @ axes[1]) * axes[0]
    return np.stack([axes[0], second / np.linalg.norm(second)])


def _pixel_mm(header: Dataset) -> tuple[float, float] | None:
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = _vector(header, name, 2)
        if found is not None and (found > 0).all():
            return float(found[0]), float(found[1])
    return None


def _window(header: Dataset) -> tuple[float, float] | None:
    if not _several(header.get("WindowCenter")) or _number(header, "WindowWidth", 0) < 1:
        return None
    return _number(header, "WindowCenter", 0), _number(header, "WindowWidth", 1)


def _slope(header: Dataset) -> tuple[float, float]:
    slope = _number(header, "RescaleSlope", 1.0) or 1.0
    return slope, _number(header, "RescaleIntercept", 0.0)


ORDER = ("EchoTime", "TemporalPositionIdentifier", "DiffusionBValue", "AcquisitionNumber", "TriggerTime",
         "AcquisitionTime", "ContentTime")  # fmt: skip


def _order(header: Dataset) -> tuple[float, ...]:
    found = []
    for name in ORDER:
        try:
            found.append(_number(header, name, 0.0))
        except ValueError:
            found.append(0.0)
    return tuple(found)


def _slices(file: File, header: Dataset) -> Iterator[Slice]:
    slope, intercept = _slope(header)
    if "DoseGridScaling" in header:
        slope, intercept = _number(header, "DoseGridScaling", 1.0) or 1.0, 0.0
    common = Slice(
        file.path, -1, file, _vector(header, "ImagePositionPatient", 3), _axes(header), _pixel_mm(header),
        slope, intercept, _window(header), _order(header),
    )  # fmt: skip
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    if per_frame is not None and file.sop_class not in SEG_CLASSES:
        shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
        for frame in range(file.frames):
            groups = per_frame[frame] if frame < len(per_frame) else Dataset()
            yield _functional(dataclasses.replace(common, frame=frame), groups, shared[0])
        return
    if file.frames == 1:
        yield common
        return
    offsets = _several(header.get("GridFrameOffsetVector"))
    for frame in range(file.frames):
        position = None
        if common.position is not None and common.axes is not None and len(offsets) == file.frames:
            # Offsets either start at 0 or are positions along z themselves; only the differences matter here.
            away = float(offsets[frame]) - float(offsets[0])
            position = common.position + np.cross(*common.axes) * away
        yield dataclasses.replace(common, frame=frame, position=position)


def _functional(frame: Slice, own: Dataset, shared: Dataset) -> Slice:
    def group(name: str) -> Dataset:
        for groups in (own, shared):
            found = groups.get(name)
            if found:
                return found[0]  # type: ignore[no-any-return]
        return Dataset()

    measures, values = group("PixelMeasuresSequence"), group("PixelValueTransformationSequence")
    content = group("FrameContentSequence")
    slope, intercept = _slope(values) if values else (frame.slope, frame.intercept)
    axes, pixel_mm = _axes(group("PlaneOrientationSequence")), _pixel_mm(measures)
    position = _vector(group("PlanePositionSequence"), "ImagePositionPatient", 3)
    thickness, step = _number(measures, "SliceThickness", 0.0), abs(_number(measures, "SpacingBetweenSlices", 0.0))
    file = frame.file
    if thickness != file.thickness_mm or step != file.step_mm:
        file = dataclasses.replace(file, thickness_mm=thickness or file.thickness_mm, step_mm=step or file.step_mm)
    order = (
        _number(group("MREchoSequence"), "EffectiveEchoTime", 0.0),
        _number(content, "TemporalPositionIndex", 0.0),
        _number(group("MRDiffusionSequence"), "DiffusionBValue", 0.0),
        _number(content, "FrameAcquisitionNumber", 0.0),
        _number(group("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime", 0.0),
    )
    return dataclasses.replace(
        frame,
        file=file,
        position=frame.position if position is None else position,
        axes=frame.axes if axes is None else axes,
        pixel_mm=pixel_mm or frame.pixel_mm,
        slope=slope,
        intercept=intercept,
        window=_window(group("FrameVOILUTSequence")) or frame.window,
        order=order,
    )
