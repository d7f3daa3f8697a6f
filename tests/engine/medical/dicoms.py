"""Little DICOM series, built with pydicom, whose every voxel has a known place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SHAPE = (7, 12, 10)
"""(z, y, x) voxels of the little series."""
TURN = np.array([[0.8, -0.48, 0.36], [0.6, 0.64, -0.48], [0.0, 0.6, 0.8]])
AXES = {
    # Columns: where x, y and the slices' order grow to, in LPS.
    "axial": np.eye(3),
    "sagittal": np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float),
    "coronal": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float),
    "oblique": TURN,
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "tilted": np.array([[1, 0, 0], [0, 1, np.sin(np.radians(15))], [0, 0, np.cos(np.radians(15))]]),
}
SPACING = (0.5, 0.75, 3.0)
"""Between columns, rows and slices, in mm."""
ORIGIN = np.array([-20.0, 11.0, 105.0])


def values(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """A (z, y, x) int16 volume without any symmetry."""
    z, y, x = np.indices(shape)
    return (100 * z + 7 * y + x - 300).astype(np.int16)


def affine(name: str) -> np.ndarray:
    """The matrix from voxel (x, y, z) to LPS mm of a series of this orientation."""
    found = np.eye(4)
    found[:3, :3] = AXES[name] * np.array(SPACING)
    found[:3, 3] = ORIGIN
    return found


def plane(volume: np.ndarray, z: int, matrix: np.ndarray, ids: dict[str, str], **more: Any) -> Dataset:
    """One slice of a CT (or MR, by Modality) as a dataset ready to be saved."""
    one = Dataset()
    one.Modality = more.get("Modality", "CT")
    one.SOPClassUID = CTImageStorage if one.Modality == "CT" else MRImageStorage
    one.SOPInstanceUID = generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = ids["study"], ids["series"], ids["frame"]
    one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Doe^Jane", "MRN-12345", "19610203", "F"
    one.StudyDate, one.StudyTime, one.AccessionNumber, one.StudyID = "20240131", "101112", "ACC-77", "S1"
    one.SeriesDate, one.AcquisitionDate, one.ContentDate, one.ContentTime = "20240131", "20240131", "20240131", "101113"
    one.ReferringPhysicianName, one.InstitutionName, one.StationName = "Dr^Who", "General Hospital", "CT99"
    one.SeriesDescription, one.SeriesNumber, one.InstanceNumber = "Head routine", 3, z + 1
    one.ImageType, one.Manufacturer, one.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "Maker", "HFS"
    one.PositionReferenceIndicator, one.Laterality = "", ""
    one.Rows, one.Columns = volume.shape[1:]
    one.PixelSpacing = [float(np.linalg.norm(matrix[:3, 1])), float(np.linalg.norm(matrix[:3, 0]))]
    x, y = matrix[:3, 0] / one.PixelSpacing[1], matrix[:3, 1] / one.PixelSpacing[0]
    one.ImageOrientationPatient = [float(f"{value:.10g}") for value in (*x, *y)]
    one.ImagePositionPatient = [float(f"{value:.10g}") for value in matrix[:3, 3] + z * matrix[:3, 2]]
    one.SliceThickness, one.KVP, one.AcquisitionNumber = 3.0, 120, 1
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    if one.Modality == "CT":
        one.RescaleSlope, one.RescaleIntercept, one.RescaleType = 1, -1024, "HU"
    one.WindowCenter, one.WindowWidth = 40, 400
    one.PixelData = (volume[z].astype(np.int32) + 1024 * (one.Modality == "CT")).astype("<u2").tobytes()
    for key, value in more.items():
        setattr(one, key, value)
    one.file_meta = FileMetaDataset()
    one.file_meta.MediaStorageSOPClassUID, one.file_meta.MediaStorageSOPInstanceUID = (
        one.SOPClassUID,
        one.SOPInstanceUID,
    )
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return one


def new_ids() -> dict[str, str]:
    """UIDs of one series."""
    return {"study": generate_uid(), "series": generate_uid(), "frame": generate_uid()}


def series(
    folder: Path,
    name: str = "axial",
    *,
    volume: np.ndarray | None = None,
    ids: dict[str, str] | None = None,
    leave_out: tuple[int, ...] = (),
    prefix: str = "IM",
    **more: Any,
) -> np.ndarray:
    """Write a series, its files in an order that tells nothing; returns the (z, y, x) values."""
    volume = values() if volume is None else volume
    folder.mkdir(parents=True, exist_ok=True)
    ids = ids or new_ids()
    for z in range(len(volume)):
        if z not in leave_out:
            one = plane(volume, z, affine(name), ids, **more)
            one.save_as(folder / f"{prefix}{z * 7919 % len(volume):04d}.dcm", enforce_file_format=True)
    return volume
