"""What the page of cases offers before one is open."""

from __future__ import annotations

from collections.abc import Callable

from workbench.gui.startplace import StartPlace, Way

KINDS = (
    "A DICOM folder, a NIfTI (.nii, .nii.gz), NRRD, MHA or MHD file,\n"
    "a folder of several of them, or a whole slide (SVS, NDPI, tiled TIFF …)."
)


def start_place(
    *, file: Callable[[], None], folder: Callable[[], None], sample: Callable[[], None], slide: Callable[[], None]
) -> StartPlace:
    """Files and folders can be chosen, the samples need neither."""
    ways = (
        Way("Open the sample case", sample, "A phantom head in three MR sequences with labels; no file is needed"),
        Way("Sample slide", slide, "A drawn slide of stained tissue; no file is needed"),
        Way("File…", file, "Choose a NIfTI, NRRD, MHA or DICOM file, or a whole slide"),
        Way("Folder…", folder, "Choose the folder of a DICOM series, or of several volumes"),
    )
    return StartPlace("Drop a case here", KINDS, ways)
