"""Every case below a folder, by names and first bytes alone, so that thousands are found in seconds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from workbench.core.problem import InputError
from workbench.engine.medical import images
from workbench.engine.medical.cases import is_header_of_pair, kind_of_file, looks_like_labels, sequence_of, walk

MOST_CASES = 20_000


def find_cases(folder: Path, *, cancelled: Callable[[], bool] = lambda: False) -> list[Path]:
    """The paths to open: a folder where its files are DICOM or the sequences of one case, else each image file.

    Label files and pictures are no cases of their own. Raises InputError where there is none, or no folder.
    """
    if not folder.is_dir():
        raise InputError("There is no such folder.", expected="a folder with cases", received=str(folder),
                         fix="Choose a folder that exists.", place=str(folder))  # fmt: skip
    found: list[Path] = []
    for place, files in groupby(walk(folder), key=lambda one: one.parent):
        if cancelled() or len(found) >= MOST_CASES:
            break
        found += _cases_of(place, list(files))
    if not found:
        raise InputError("No case was found below this folder.", expected="DICOM, NIfTI, NRRD, MHA or MHD files",
                         received=str(folder), fix="Choose the folder that holds the cases.",
                         place=str(folder))  # fmt: skip
    return _merged(sorted(set(found)), folder)


def _cases_of(place: Path, files: list[Path]) -> list[Path]:
    volumes = [
        one for one in files
        if one.name.lower().endswith((".nii", ".nii.gz", ".hdr", *images.SITK_ENDINGS)) and not is_header_of_pair(one)
        and kind_of_file(one) in ("nifti", "image")
    ]  # fmt: skip
    sequences = {sequence_of(one) for one in volumes} - {"", "Labels"}
    if len(sequences) > 1 and len({_stem(one) for one in volumes if sequence_of(one) not in ("", "Labels")}) == 1:
        return [place]
    cases = [one for one in volumes if not looks_like_labels(one)]
    if not volumes and any(kind_of_file(one) == "dicom" for one in files):
        cases.append(place)
    return cases


def _stem(path: Path) -> str:
    """The name without the sequence: 'BraTS_001' of 'BraTS_001_flair.nii.gz'."""
    return path.name.lower().split(".")[0].rpartition("_")[0]


def _merged(cases: list[Path], root: Path) -> list[Path]:
    """A folder of DICOM series (one folder each) is opened as a whole where no other case lies between."""
    folders = [one for one in cases if one.is_dir()]
    parents = {one.parent for one in folders if one != root}
    whole = {
        parent for parent in parents
        if parent != root and sum(one.parent == parent for one in folders) > 1
        and all(kind_of_file(file) == "dicom" for one in folders if one.parent == parent
                for file in sorted(one.iterdir())[:1] if file.is_file())
    }  # fmt: skip
    return sorted({one.parent if one.parent in whole and one in folders else one for one in cases})
