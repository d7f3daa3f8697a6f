"""Whose case it is, so that no split of a data set parts cases of one patient; identifiers never leave this module."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from workbench.core.problem import Problem
from workbench.engine.medical.headers import read_header
from workbench.engine.medical.volumes import each_dicom

_FOLLOWED = re.compile(r"(BraTS-[A-Za-z]+-\d+)-\d{3}", re.IGNORECASE)
_TCGA = re.compile(r"TCGA[-_](\w\w)[-_](\w{4})")


def patient_in(name: str) -> str:
    """The patient where a name of a BraTS or TCGA case tells patient and visit, else empty.

    'BraTS-GLI-00005-100' is visit 100 of patient 'BraTS-GLI-00005' (BraTS 2023 and later); names of earlier years
    tell no visits, so that each of them is a patient of its own.
    """
    tcga = _TCGA.search(name)
    if tcga:
        return f"TCGA-{tcga.group(1)}-{tcga.group(2)}"
    followed = _FOLLOWED.search(name)
    return followed.group(1) if followed else ""


class Pseudonyms:
    """Digests that are alike for cases of one patient.

    The salt is made anew each time and kept nowhere: hospital numbers are short enough to be guessed from a
    digest whose salt is known.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)

    def of(self, path: Path) -> str:
        """16 hex digits for the case at a path; a case that tells no patient (or is gone) is a patient of its own."""
        own = _identifier(path) or f"\0{path.absolute()}"
        return hashlib.sha256(self._salt + own.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def all_of(self, paths: Iterable[Path]) -> set[str]:
        """Those of several cases."""
        return {self.of(one) for one in paths}


def _identifier(path: Path) -> str:
    try:
        first = next(each_dicom(path), None)
        if first is not None:
            header = read_header(first)[0]
            number = str(header.get("PatientID", "")).strip()
            return f"{number}\0{str(header.get('IssuerOfPatientID', '')).strip()}" if number else ""
    except (Problem, OSError):
        pass
    stem = path.name.split(".")[0]
    return patient_in(stem) or patient_in(path.parent.name)
