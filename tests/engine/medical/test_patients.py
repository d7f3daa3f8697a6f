"""Cases of one patient are known as such, and nobody can be found out from what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.engine.medical import dicoms
from workbench.core.volumes import Geometry, VolumeFile, VolumeMeta
from workbench.engine.medical.datasets import read_tree
from workbench.engine.medical.patients import Pseudonyms, patient_in
from workbench.engine.medical.trainingset import TrainingCase, write_training_set
from workbench.recipes.medical.brain_tumor_resunet.folders import split


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("BraTS-GLI-00005-100", "BraTS-GLI-00005"),
        ("BraTS-GLI-00005-101_t1ce.nii.gz", "BraTS-GLI-00005"),
        ("TCGA_CS_4941_19960909", "TCGA-CS-4941"),
        ("BraTS20_Training_001", ""),
        ("MICCAI_BraTS2020_TrainingData", ""),
        ("head", ""),
    ],
)
def test_that_names_tell_a_patient_only_where_they_tell_visits(name, patient):
    assert patient_in(name) == patient


def test_that_series_of_one_patient_and_visits_of_one_brats_patient_share_a_pseudonym(tmp_path):
    for name, number in (("a", "MRN-1"), ("b", "MRN-1"), ("c", "MRN-2"), ("d", "")):
        dicoms.series(tmp_path / name)
        for file in (tmp_path / name).iterdir():
            found = dcmread(file)
            found.PatientID = number
            found.save_as(file)
    for visit in ("BraTS-GLI-00005-100", "BraTS-GLI-00005-101", "BraTS-GLI-00006-000"):
        (tmp_path / visit).mkdir()
    names = Pseudonyms()
    a, b, c, d = (names.of(tmp_path / one) for one in "abcd")
    assert a == b and len({a, c, d}) == 3
    first, second, other = (names.of(tmp_path / f"BraTS-GLI-{one}") for one in ("00005-100", "00005-101", "00006-000"))
    assert first == second != other
    assert names.of(tmp_path / "gone") != names.of(tmp_path / "gone too")
    assert Pseudonyms().of(tmp_path / "a") != a  # another salt each time


def test_that_a_training_set_keeps_a_patients_cases_in_one_part_and_holds_no_identifier(tmp_path):
    values = np.zeros((2, 4, 4), np.uint8)
    np.save(tmp_path / "image.npy", values)
    meta = VolumeMeta(Geometry())
    image = VolumeFile(str(tmp_path / "image.npy"), meta)
    whose = {"case-1": "p", "case-2": "p", "case-3": "q", "case-4": "r", "case-5": "s"}
    cases = [TrainingCase(name, {"FLAIR": image}, values, meta, "d" * 64, name == "case-1", patient)
             for name, patient in whose.items()]  # fmt: skip
    tree = read_tree(write_training_set(cases, ["FLAIR"], tmp_path / "tree"))
    assert {one.id: one.patient for one in tree.cases} == whose and tree.seen == ("p",)
    for seed in range(20):
        parts = split(sorted({one.patient for one in tree.cases}), seed, tree.seen)
        assert parts["p"] == "train" and set(parts.values()) == {"train", "validation", "test"}
    told = json.loads(Path(tmp_path / "tree" / "dataset.json").read_text())
    assert told["patients"] == whose
