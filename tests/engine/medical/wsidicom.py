"""A small DICOM whole-slide image: one level of tiles, uncompressed, as a scanner's export has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage, generate_uid

TILE_PX = 64
MPP = 0.5


def write_slide(path: Path, pixels: np.ndarray) -> None:
    """Pixels uint8 (h, w, 3), whole tiles along both axes, as a slide of MPP µm a pixel."""
    high, wide = pixels.shape[:2]
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["slide"])
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = (
        generate_uid(entropy_srcs=[name]) for name in ("study", "series", "frame")
    )
    data.Modality, data.PatientID, data.PatientName = "SM", "1", "Doe^Jane"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.DimensionOrganizationType = "TILED_FULL"
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = wide, high
    data.Rows = data.Columns = TILE_PX
    tiles = [pixels[y : y + TILE_PX, x : x + TILE_PX] for y in range(0, high, TILE_PX) for x in range(0, wide, TILE_PX)]
    data.NumberOfFrames = len(tiles)
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.ImagedVolumeWidth, data.ImagedVolumeHeight = wide * MPP / 1000, high * MPP / 1000
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [MPP / 1000, MPP / 1000], 0.001
    groups.PixelMeasuresSequence = Sequence([measures])
    data.SharedFunctionalGroupsSequence = Sequence([groups])
    path_ = Dataset()
    path_.OpticalPathIdentifier = "1"
    data.OpticalPathSequence, data.NumberOfOpticalPaths = Sequence([path_]), 1
    data.TotalPixelMatrixFocalPlanes = 1
    data.PixelData = np.stack(tiles).tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)
