"""What lies in a dropped folder: DICOM files, volumes, pictures, and the sequences of a BraTS-like case."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from workbench.engine.medical import images, nifti
from workbench.engine.medical.headers import looks_like_dicom

Kind = Literal["dicom", "nifti", "image", ""]
MOST_FILES = 20_000
SEQUENCE = re.compile(r"[_-](flair|t1ce|t1gd|t1c|t1n|t1|t2w|t2f|t2|seg)\.(nii|nii\.gz|nrrd|mha)$", re.IGNORECASE)
TITLES = {
    "flair": "FLAIR", "t2f": "FLAIR", "t1": "T1", "t1n": "T1", "t1ce": "T1ce", "t1gd": "T1ce", "t1c": "T1ce",
    "t2": "T2", "t2w": "T2", "seg": "Labels",
}  # fmt: skip
LABELS = re.compile(r"(?i)(^|[_.\- ])(seg|segm|segmentation|mask|labels?|labelmap|gt)([_.\- ]|$)")


class Part(NamedTuple):
    """A file of a folder with its part in the case: 'FLAIR', 'T1', 'T1ce', 'T2', 'Labels', or nothing known."""

    path: Path
    part: str = ""


def kind_of_file(path: Path) -> Kind:
    """How a file is to be read: by its first bytes where they are telling, by its ending otherwise."""
    name = path.name.lower()
    if looks_like_dicom(path) and not name.endswith(images.PICTURE_ENDINGS):
        return "dicom"
    if name.endswith(nifti.ENDINGS):
        return "nifti"
    return "image" if name.endswith(images.SITK_ENDINGS + images.PICTURE_ENDINGS) else ""


def walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder in a fixed order; hidden ones and links to folders are passed by."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.upper() != "DICOMDIR":
                yield Path(root) / name


def is_header_of_pair(path: Path) -> bool:
    """Whether a file is the voxels of a header beside it (.img of .hdr, .raw of .mhd), listed with the header."""
    name = path.name.lower()
    if name.endswith((".img", ".img.gz")):
        return any(path.with_name(re.sub(r"(?i)\.img", ending, path.name)).exists() for ending in (".hdr", ".HDR"))
    return False


def sequence_of(path: Path) -> str:
    """'FLAIR', 'T1', 'T1ce', 'T2' or 'Labels' by a name of BraTS's kind, else ''."""
    found = SEQUENCE.search(path.name)
    return TITLES[found.group(1).lower()] if found else ""


def looks_like_labels(path: Path) -> bool:
    """Whether a file's name says that it is a label map."""
    return sequence_of(path) == "Labels" or bool(LABELS.search(path.name.split(".")[0])) or ".seg." in path.name.lower()


def parts_of(paths: list[Path]) -> list[Part]:
    """The files of one folder with their parts.

    Where the four sequences are there and no mask bears the usual name, the one file that is none of
    the four is the mask (as in BraTS 2020's case 355, `W39_1998.09.19_Segm.nii`).
    """
    named = [Part(path, sequence_of(path)) for path in paths]
    sequences = {part for _, part in named if part} - {"Labels"}
    if len(sequences) < 2:
        return [Part(path, part if part != "Labels" else "") for path, part in named]
    rest = [path for path, part in named if not part and kind_of_file(path) == "nifti"]
    if len(sequences) == 4 and len(rest) == 1 and all(part != "Labels" for _, part in named):
        named = [Part(path, "Labels" if path == rest[0] else part) for path, part in named]
    order = ["FLAIR", "T1", "T1ce", "T2", "Labels", ""]
    return sorted(named, key=lambda one: (order.index(one.part), one.path.name))
