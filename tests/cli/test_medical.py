"""`workbench medical`: the same reading and writing as the window's, from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813

from tests.engine.medical.dicoms import affine, series
from workbench.runner.local import LocalRunner
from workbench.store.home import Home


def test_that_a_folder_is_shown_converted_labelled_exported_and_copied(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    volume = series(tmp_path / "s", "oblique")
    at_home = ("--home", str(home.root))
    shown = workbench("medical", "show", str(tmp_path / "s"), "--json", *at_home)
    (case,) = shown.lines
    (found,) = case["series"]
    assert shown.status == 0 and found["shape"] == [10, 12, 7] and Path(found["thumbnail"]).is_file()
    in_words = workbench("medical", "show", str(tmp_path / "s"), *at_home)
    assert "Head routine" in in_words.out and "10 × 12 × 7" in in_words.out

    out = tmp_path / "new folder" / "head.nii.gz"
    converted = workbench("medical", "convert", str(tmp_path / "s"), "--to", str(out), "--json", *at_home)
    assert converted.lines == [{"files": [str(out)], "notes": []}]
    loaded = nibabel.load(out)
    assert np.array_equal(np.asarray(loaded.dataobj), volume.T)
    assert np.abs(np.diag([-1, -1, 1, 1]) @ loaded.affine - affine("oblique")).max() < 1e-3

    mask = sitk.Cast(sitk.ReadImage(str(out)) > 200, sitk.sitkUInt8)
    sitk.WriteImage(mask, str(tmp_path / "mask.nrrd"))
    seg = tmp_path / "seg.dcm"
    words = ("--as", "dicom-seg", "--out", str(seg), "--source", str(tmp_path / "s"), "--json", *at_home)
    exported = workbench("medical", "export", str(tmp_path / "mask.nrrd"), *words)
    assert exported.status == 0 and exported.lines[0]["files"] == [str(seg)]
    assert pydicom.dcmread(seg).Modality == "SEG"
    table = tmp_path / "volumes.csv"
    workbench("medical", "export", str(tmp_path / "mask.nrrd"), "--as", "csv", "--out", str(table), *at_home)
    voxels = int((volume > 200).sum())
    assert table.read_text(encoding="utf-8").splitlines()[1] == f"1,Label 1,{voxels},{voxels * 1.125e-3:.4f}"

    copies = workbench(
        "medical", "deidentify", str(tmp_path / "s"), "--out", str(tmp_path / "anon"), "--json", *at_home
    )
    assert len(copies.lines[0]["files"]) == 7 and "dates were removed" in copies.lines[0]["notes"]
    assert pydicom.dcmread(copies.lines[0]["files"][0]).PatientName == ""


def test_that_faults_are_told_with_status_2(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    series(tmp_path / "s")
    at_home = ("--home", str(home.root))
    nowhere = workbench("medical", "show", str(tmp_path / "nowhere"), *at_home)
    assert nowhere.status == 2 and "nothing at this path" in nowhere.err
    ending = workbench("medical", "convert", str(tmp_path / "s"), "--to", str(tmp_path / "x.bmp"), *at_home)
    assert ending.status == 2 and ".nii.gz" in ending.err
    unknown = workbench(
        "medical", "convert", str(tmp_path / "s"), "--to", str(tmp_path / "x.nii"), "--series", "7", *at_home
    )
    assert unknown.status == 2 and "no such series" in unknown.err
    format = workbench(
        "medical", "export", str(tmp_path / "s" / "IM0000.dcm"), "--as", "png", "--out", str(tmp_path), *at_home
    )
    assert format.status == 2


def test_that_a_slide_is_told_in_words_and_lines(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    from workbench.engine.medical.slides.writing import write_pyramid

    rgb = np.full((1536, 2048, 3), 244, np.uint8)
    rgb[512:1024, 512:1536] = (205, 120, 170)
    path, at_home = write_pyramid(tmp_path / "slide.tif", rgb, mpp=0.5), ("--home", str(home.root))
    (told,) = workbench("medical", "slide", str(path), "--json", *at_home).lines
    assert told["mpp"] == 0.5 and [one["width"] for one in told["levels"]] == [2048, 1024, 512]
    assert told["tiles"] == 8 and abs(told["tissue"] - 1 / 6) < 0.01 and "thumbnail" not in told
    coarse = workbench("medical", "slide", str(path), "--target-mpp", "1.0", "--tile", "128", "--json", *at_home)
    assert coarse.lines[0]["tiles"] == 8
    bare = write_pyramid(tmp_path / "bare.tif", rgb, mpp=None)
    in_words = workbench("medical", "slide", str(bare), *at_home)
    assert in_words.status == 0 and "resolution unknown" in in_words.out and "tiles" not in in_words.out
    given = workbench("medical", "slide", str(bare), "--mpp", "0.5", *at_home)
    assert "8 tiles of 256 pixels" in given.out
    refused = workbench("medical", "slide", str(tmp_path / "none.svs"), *at_home)
    assert refused.status == 2 and "cannot be opened" in refused.err
