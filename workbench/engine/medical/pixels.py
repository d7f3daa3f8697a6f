"""DICOM pixels: decoded by pydicom, or by SimpleITK's GDCM where pydicom has no decoder, as real-world values."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from workbench.core.problem import InputError
from workbench.engine.medical.arrays import check_claim, damaged, grey
from workbench.engine.medical.headers import Slice

COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"}


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
        elif not UID(syntax).is_compressed or not UID(syntax).is_encapsulated:
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
                    if not _is_compressed(self._dataset):
                        raise damaged(one.path, "DICOM", error) from None
                    self._by_gdcm = _by_gdcm(one, error)
        values = self._by_gdcm[max(one.frame, 0)] if one.frame < len(self._by_gdcm) else self._by_gdcm[0]
        return grey(values) if values.ndim == 3 else values


def _is_compressed(dataset: Dataset) -> bool:
    return bool(UID(str(dataset.file_meta.get("TransferSyntaxUID", ""))).is_encapsulated)


def _meaning(raw: np.ndarray, dataset: Dataset, one: Slice) -> np.ndarray:
    if str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        raw = apply_color_lut(raw, dataset)
    if raw.ndim == 3:
        return grey(raw)
    if "ModalityLUTSequence" in dataset:
        return np.asarray(apply_modality_lut(raw, dataset))
    if one.slope == 1 and one.intercept == 0:
        return raw
    if raw.dtype.kind in "iu" and float(one.slope).is_integer() and float(one.intercept).is_integer():
        whole: np.ndarray = raw.astype(np.int64) * int(one.slope) + int(one.intercept)
        return whole
    return np.asarray(raw.astype(np.float64) * one.slope + one.intercept)


def _by_gdcm(one: Slice, first: Exception) -> np.ndarray:
    """All frames (z, y, x) or (z, y, x, colour) of a compressed file; GDCM rescales them itself."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(one.path))
    try:
        image = reader.Execute()
    except RuntimeError:
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
