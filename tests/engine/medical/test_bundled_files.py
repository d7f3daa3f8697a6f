"""Every file that comes with pydicom and nibabel either reads or says plainly why not."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.engine.medical.volumes import find, read

PYDICOM = Path(pydicom.__file__).parent / "data"
NIBABEL = Path(nibabel.__file__).parent
IMAGES = (".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".dcm", ".dcm.gz")


def tried(paths: list[Path], out: Path) -> tuple[int, dict[str, str]]:
    """How many series were read, and what was said of the files that were not; any other exception fails."""
    count, refused = 0, {}
    for path in paths:
        try:
            case = find(path, out / "thumbnails")
            sound = [one for one in case.series if not one.problem]
            for one in sound[:2]:
                found = read(path, one.key, out)
                array = np.load(found.path, mmap_mode="r")
                assert array.shape == tuple(reversed(one.shape)) or any("upright" in note for note in found.notes)
                assert np.isfinite(array).all() and all(np.isfinite(found.meta.geometry.direction))
                count += 1
        except (InputError, KnownTrouble) as problem:
            assert problem.what and problem.expected and problem.received and problem.fix
            refused[path.name] = f"{problem.what} {problem.received}"
    return count, refused


def test_that_all_files_of_pydicom_read_or_are_refused_plainly(tmp_path: Path) -> None:
    paths = [one for one in sorted(PYDICOM.rglob("*")) if one.is_file() and one.suffix not in (".py", ".pyc")]
    paths = [one for one in paths if "TINY_ALPHA" not in one.parts or one.name <= "IM000004"]
    count, refused = tried(paths, tmp_path)
    assert count >= 90
    images = {"MR_small_RLE.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "693_J2KI.dcm", "SC_rgb_rle_32bit_2frame.dcm",
              "image_dfl.dcm", "MR_small_jpeg_ls_lossless.dcm", "CT_small.dcm", "rtdose.dcm"}  # fmt: skip
    assert not images & set(refused)
    assert "RTSTRUCT" in refused["rtstruct.dcm"] and "SR" in refused["test-SR.dcm"]
    assert "cannot be read as DICOM" in refused["MR_truncated.dcm"]


def test_that_compressed_files_hold_what_the_plain_one_holds(tmp_path: Path) -> None:
    folder = PYDICOM / "test_files"
    plain = np.load(read(folder / "MR_small.dcm", "", tmp_path).path)
    assert np.array_equal(plain[0], pydicom.dcmread(folder / "MR_small.dcm").pixel_array)
    for name in ("RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless"):
        assert np.array_equal(np.load(read(folder / f"MR_small_{name}.dcm", "", tmp_path).path), plain), name


def test_that_hounsfield_units_are_rescaled_values(tmp_path: Path) -> None:
    path = PYDICOM / "test_files" / "CT_small.dcm"
    header, found = pydicom.dcmread(path), read(path, "", tmp_path)
    expected = header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)
    assert found.meta.unit == "HU" and np.array_equal(np.load(found.path)[0], expected)


def test_that_all_images_of_nibabel_read_or_are_refused_plainly(tmp_path: Path) -> None:
    paths = [one for one in sorted(NIBABEL.rglob("*")) if "data" in one.parts and one.name.endswith(IMAGES)]
    count, refused = tried(paths, tmp_path)
    assert count >= 18
    assert set(refused) <= {
        "analyze.hdr", "nifti1.hdr", "nifti2.hdr", "row_major.dconn.nii", "csa_slice_norm.dcm",
        "philips_mprage.dcm.gz", "siemens_dwi_0.dcm.gz", "siemens_dwi_1000.dcm.gz",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz", "example4d.nii.gz"])
def test_that_nifti_values_are_nibabel_s(name: str, tmp_path: Path) -> None:
    path = NIBABEL / "tests" / "data" / name
    found = read(path, find(path).series[0].key, tmp_path)
    truth = np.asarray(nibabel.load(path).dataobj)
    truth = truth[..., 0] if truth.ndim == 4 else truth
    assert np.allclose(np.load(found.path), truth.T)


def test_that_a_dicomdir_stands_for_its_folder() -> None:
    folder = PYDICOM / "test_files" / "dicomdirtests"
    case = find(folder / "DICOMDIR")
    assert sum(one.files for one in case.series) >= 28
    ct = next(one for one in case.series if "Routine Brain" in one.title)
    # Only four of its slices come with pydicom: numbers 18 and 180 to 182 of the scan.
    assert ct.shape == (16, 16, 165) and ct.files == 4 and "161 slices missing" in ct.detail
    calcium = next(one for one in case.series if "SmartScore" in one.title)
    assert calcium.shape == (16, 16, 5) and calcium.spacing_mm is not None
    assert calcium.spacing_mm[2] == pytest.approx(2.5) and calcium.detail == ""
