"""Dropped folders with several sequences, and data sets in their real layouts."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from workbench.core.problem import InputError, Problems
from workbench.engine.medical.datasets import read_tree
from workbench.engine.medical.labels import read_labels
from workbench.engine.medical.volumes import find, read


def volume(path: Path, shape: tuple[int, ...] = (4, 5, 6), value: float = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.full(shape, value, np.int16), np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    return path


def brats_case(folder: Path, *, mask: str = "seg", leave_out: str = "", ending: str = ".nii") -> Path:
    for name in ("flair", "t1", "t1ce", "t2"):
        if name != leave_out:
            volume(folder / f"{folder.name}_{name}{ending}")
    if mask:
        volume(folder / (f"{folder.name}_{mask}{ending}" if mask == "seg" else mask), value=4)
    return folder


def test_that_a_brats_case_is_listed_by_its_sequences(tmp_path: Path) -> None:
    folder = brats_case(tmp_path / "BraTS20_Training_001", ending=".nii.gz")
    case = find(folder, tmp_path / "t")
    assert [(one.title, one.modality) for one in case.series] == [
        ("FLAIR", "MR"), ("T1", "MR"), ("T1ce", "MR"), ("T2", "MR"), ("Labels", "SEG"),
    ]  # fmt: skip
    image = read(folder, case.series[2].key, tmp_path / "c")
    assert image.meta.modality == "MR"
    labels = read_labels(folder / case.series[4].key, image, tmp_path / "l.npy")
    assert np.load(labels.path).max() == 4 and not labels.notes


def test_that_the_odd_mask_of_case_355_is_found(tmp_path: Path) -> None:
    folder = brats_case(tmp_path / "BraTS20_Training_355", mask="W39_1998.09.19_Segm.nii")
    case = find(folder)
    assert [one.title for one in case.series] == ["FLAIR", "T1", "T1ce", "T2", "Labels"]
    assert case.series[-1].key == "W39_1998.09.19_Segm.nii"


def test_that_a_brats_tree_gives_cases_and_patients(tmp_path: Path) -> None:
    root = tmp_path / "MICCAI_BraTS2020_TrainingData"
    brats_case(root / "BraTS20_Training_001")
    brats_case(root / "BraTS20_Training_355", mask="W39_1998.09.19_Segm.nii")
    (root / "name_mapping.csv").write_text(
        "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID\n"
        "LGG,a,b,TCGA-CS-4941,c,BraTS20_Training_001\nHGG,a,b,NA,c,BraTS20_Training_355\n",
        encoding="utf-8",
    )
    tree = read_tree(tmp_path)
    assert tree.layout == "BraTS" and [case.patient for case in tree.cases] == ["TCGA-CS-4941", "BraTS20_Training_355"]
    assert set(tree.cases[0].images) == {"FLAIR", "T1", "T1ce", "T2"}
    assert Path(tree.cases[1].label).name == "W39_1998.09.19_Segm.nii" and "355" in tree.notes[0]
    assert [label.value for label in tree.labels] == [1, 2, 4]


def test_that_what_brats_cases_lack_is_told_for_all_at_once(tmp_path: Path) -> None:
    root = tmp_path / "MICCAI_BraTS2020_TrainingData"
    brats_case(root / "BraTS20_Training_001", leave_out="t1ce")
    brats_case(root / "BraTS20_Training_002", mask="")
    brats_case(root / "BraTS20_Training_003")
    with pytest.raises(Problems) as caught:
        read_tree(root)
    told = str(caught.value.record().text())
    assert "BraTS20_Training_001 lacks its T1ce" in told and "BraTS20_Training_002 lacks its mask" in told


def lgg(root: Path, patient: str, slices: tuple[int, ...], *, without_mask: int = 0) -> None:
    (root / patient).mkdir(parents=True)
    for number in slices:
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(root / patient / f"{patient}_{number}.tif")
        if number != without_mask:
            Image.fromarray(np.full((8, 8), 255, np.uint8)).save(root / patient / f"{patient}_{number}_mask.tif")


def test_that_tcga_lgg_slices_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    lgg(tmp_path / "kaggle_3m", "TCGA_CS_4941_19960909", (10, 2, 1))
    (tmp_path / "kaggle_3m" / "data.csv").write_text("Patient,death01\nTCGA_CS_4941,0\n", encoding="utf-8")
    tree = read_tree(tmp_path)
    (case,) = tree.cases
    assert tree.layout == "TCGA-LGG" and case.patient == "TCGA-CS-4941"
    assert [Path(image).stem.rpartition("_")[2] for image, _ in case.slices] == ["1", "2", "10"]
    assert all(mask.endswith("_mask.tif") for _, mask in case.slices)
    image = read(Path(case.slices[0][0]), "", tmp_path / "c")
    labels = read_labels(Path(case.slices[0][1]), image, tmp_path / "l.npy")
    assert np.load(labels.path).tolist() == np.ones((1, 8, 8)).tolist() and "255 was taken as label 1" in labels.notes


def test_that_a_slice_without_mask_is_named(tmp_path: Path) -> None:
    lgg(tmp_path, "TCGA_CS_4941_19960909", (1, 2), without_mask=2)
    with pytest.raises(InputError, match="mask of slice 2"):
        read_tree(tmp_path)


def test_that_a_decathlon_task_is_read_by_its_json(tmp_path: Path) -> None:
    root = tmp_path / "Task01_BrainTumour"
    volume(root / "imagesTr" / "BRATS_001.nii.gz", (4, 5, 6, 2))
    volume(root / "labelsTr" / "BRATS_001.nii.gz")
    volume(root / "imagesTs" / "BRATS_485.nii.gz", (4, 5, 6, 2))
    (root / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"rubbish")
    told = {
        "name": "BRATS",
        "modality": {"0": "FLAIR", "1": "T1w"},
        "labels": {"0": "background", "1": "edema"},
        "numTraining": 1,
        "training": [{"image": "./imagesTr/BRATS_001.nii.gz", "label": "./labelsTr/BRATS_001.nii.gz"}],
        "test": ["./imagesTs/BRATS_485.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    tree = read_tree(tmp_path)
    assert tree.layout == "Decathlon" and [case.split for case in tree.cases] == ["train", "test"]
    assert tree.labels[0].name == "edema" and tree.modality == "MR"
    path, _, frame = tree.cases[0].images["T1w"].rpartition("#")
    assert read(Path(path), f"{Path(path).name}#{frame}", tmp_path / "c").meta.title == "BRATS_001.nii.gz"
    (root / "labelsTr" / "BRATS_001.nii.gz").unlink()
    with pytest.raises(InputError, match="BRATS_001 lacks its label"):
        read_tree(root)


def test_that_an_nnunet_tree_is_read_by_its_channels(tmp_path: Path) -> None:
    root = tmp_path / "Dataset001_BTCV"
    for case in ("a_1", "b"):
        for channel in (0, 1):
            volume(root / "imagesTr" / f"{case}_{channel:04d}.nii.gz")
        volume(root / "labelsTr" / f"{case}.nii.gz")
    volume(root / "imagesTs" / "c_0000.nii.gz")
    volume(root / "imagesTs" / "c_0001.nii.gz")
    told = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "liver": 2, "whole": [1, 2]},
            "numTraining": 3, "file_ending": ".nii.gz"}  # fmt: skip
    (root / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    tree = read_tree(root)
    assert tree.layout == "nnU-Net" and [(case.id, case.split) for case in tree.cases] == [
        ("a_1", "train"), ("b", "train"), ("c", "test"),
    ]  # fmt: skip
    assert set(tree.cases[0].images) == {"T1", "T2"} and Path(tree.cases[0].label).name == "a_1.nii.gz"
    assert [(label.value, label.name) for label in tree.labels] == [(1, "whole"), (2, "liver")]
    assert "3 training cases" in tree.notes[0]
    (root / "imagesTr" / "b_0001.nii.gz").unlink()
    with pytest.raises(InputError, match="b lacks its channel"):
        read_tree(root)


def test_that_unknown_layouts_are_told_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(InputError, match="layout of this data set is not known"):
        read_tree(tmp_path)
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "labelsTr").mkdir()
    with pytest.raises(InputError, match="lacks its description"):
        read_tree(tmp_path)
    (tmp_path / "dataset.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        read_tree(tmp_path)
