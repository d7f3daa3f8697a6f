"""DICOM pixels: decoded by pydicom, or by SimpleITK's GDCM where pydicom has no decoder, as real-world values."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, SecondaryCaptureImageStorage, generate_uid

from workbench.core.problem import InputError
from workbench.engine.medical.arrays import check_claim, damaged, grey
from workbench.engine.medical.headers import Slice

PIXEL_ELEMENTS = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
)


class PixelReader:
    """Planes of DICOM files in real-world values; the last file stays open for its other frames."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset = Dataset()
        self._by_gdcm: np.ndarray | None = None

    def plane(self, one: Slice) -> np.ndarray:
        """The (y, x) values of a slice: rescaled (HU for CT), colours as brightness.

        Raises InputError when the pixels are damaged or encoded in a way that nothing here decodes.
        """
        if one.path != self._path:
            self._open(one)
        values = self._decoded(one)
        if values.shape != (one.file.rows, one.file.columns):
            raise damaged(one.path, "DICOM", f"pixels of shape {values.shape}")
        return values

    def _open(self, one: Slice) -> None:
        self._path, self._by_gdcm = None, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._dataset = pydicom.dcmread(one.path, force=True)
            except Exception as error:  # whatever a cut-off file makes pydicom raise
                raise damaged(one.path, "DICOM", error) from None
        self._fill_in(one)
        self._path = one.path

    def _fill_in(self, one: Slice) -> None:
        # Files without a meta header say nothing of their encoding; pydicom has found it out while reading.
        syntax = self._dataset.file_meta.get("TransferSyntaxUID")
        if not syntax:
            implicit, little = self._dataset.original_encoding
            self._dataset.file_meta.TransferSyntaxUID = UID(
                "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
            )
        elif not _is_encapsulated(str(syntax)):
            bits = int(self._dataset.get("BitsAllocated", 16) or 16)
            claimed = one.file.rows * one.file.columns * one.file.frames * one.file.samples * bits // 8
            subsampled = one.file.photometric == "YBR_FULL_422"
            check_claim(
                claimed * 2 // 3 if subsampled else claimed,
                one.path,
                held_bytes=one.path.stat().st_size,
                packed=str(syntax).endswith(".1.99"),
            )

    def _decoded(self, one: Slice) -> np.ndarray:
        if self._by_gdcm is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    raw = pixel_array(self._dataset, index=max(one.frame, 0))
                    return _meaning(raw, self._dataset, one)
                except Exception as error:  # decoders raise what they like
                    if not _is_compressed(self._dataset) or not _is_whole(self._dataset, one):
                        raise damaged(one.path, "DICOM", error) from None
                    self._by_gdcm = _by_gdcm(self._dataset, one, error)
        frame = max(one.frame, 0)
        if frame >= len(self._by_gdcm):
            raise damaged(one.path, "DICOM", f"{len(self._by_gdcm)} frames of {one.file.frames}")
        return _meaning(self._by_gdcm[frame], self._dataset, one)


def _is_compressed(dataset: Dataset) -> bool:
    return _is_encapsulated(str(dataset.file_meta.get("TransferSyntaxUID", "")))


def _is_whole(dataset: Dataset, one: Slice) -> bool:
    """Whether compressed pixels end within the data and have the header's size: GDCM takes gigabytes for what lies."""
    data, at = dataset.get("PixelData") or b"", 0
    while at + 8 <= len(data) and data[at : at + 4] == b"\xfe\xff\x00\xe0":
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    rest = data[at : at + 4]
    if _jpeg_size(data) not in (None, (one.file.rows, one.file.columns)):
        return False
    return 0 < at <= len(data) and (not rest.strip(b"\0") or rest == b"\xfe\xff\xdd\xe0")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) that the first JPEG or JPEG-LS stream in the data tells of itself; None where there is none."""
    at = data.find(b"\xff\xd8\xff") + 2
    while 2 <= at < len(data) - 9 and data[at] == 0xFF:
        marker = data[at + 1]
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _is_encapsulated(syntax: str) -> bool:
    uid = UID(syntax)
    return uid.is_transfer_syntax and uid.is_encapsulated


def _meaning(raw: np.ndarray, dataset: Dataset, one: Slice) -> np.ndarray:
    if raw.ndim == 2 and str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        raw = apply_color_lut(raw, dataset)
    if raw.ndim == 3:
        return grey(raw)
    if "ModalityLUTSequence" in dataset:
        return np.asarray(apply_modality_lut(raw, dataset))
    if one.slope == 1 and one.intercept == 0:
        return raw
    if raw.dtype.kind in "iu" and float(one.slope).is_integer() and float(one.intercept).is_integer():
        wide = np.int32 if raw.dtype.itemsize <= 2 and abs(one.slope) < 1 << 14 else np.int64
        whole: np.ndarray = raw.astype(wide) * int(one.slope) + int(one.intercept)
        return whole
    return np.asarray(raw.astype(np.float64) * one.slope + one.intercept)


def _by_gdcm(dataset: Dataset, one: Slice, first: Exception) -> np.ndarray:
    """The stored values of all frames, (z, y, x) or (z, y, x, colour), of a compressed file.

    GDCM gets a copy with nothing but the pixels and what describes them: other elements, damaged or
    not, cannot lead it astray, and it rescales nothing.
    """
    bare = Dataset()
    for name in PIXEL_ELEMENTS:
        if name in dataset:
            bare[name] = dataset[name]
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "pixels.dcm"
            bare.save_as(copy, enforce_file_format=True)
            reader.SetFileName(str(copy))
            image = reader.Execute()
    except (RuntimeError, ValueError, TypeError, AttributeError):
        said = (str(first).strip().splitlines() or [type(first).__name__])[0][:160]
        raise InputError(
            "The pixels of this DICOM file cannot be decoded.",
            expected="an undamaged file in a known encoding (uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000)",
            received=f"{_syntax_name(one)}: {said}",
            fix="Export the series again without compression (Explicit VR Little Endian).",
            place=one.path.name,
        ) from None
    array: Any = sitk.GetArrayFromImage(image)
    return np.asarray(array if image.GetDimension() == 3 else array[None])


def _syntax_name(one: Slice) -> str:
    return UID(one.file.syntax).name if one.file.syntax else "an unknown encoding"
