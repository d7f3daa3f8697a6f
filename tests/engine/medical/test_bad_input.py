"""What is wrong with a file or a series is said, and nothing is guessed in silence."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from pydicom.uid import generate_uid

from tests.engine.medical.dicoms import SPACING, affine, new_ids, plane, series, values
from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.volumes import Geometry, VolumeFile, VolumeMeta
from workbench.engine.medical.export import export
from workbench.engine.medical.geometry import affine_of
from workbench.engine.medical.labels import read_labels
from workbench.engine.medical.volumes import dicom_sources, find, read


def notes_of(path: Path, out: Path) -> str:
    return "; ".join(read(path, find(path).series[0].key, out).notes)


def test_that_missing_slices_are_named_and_stay_empty(tmp_path: Path) -> None:
    volume = series(tmp_path / "s", leave_out=(2, 3))
    found = read(tmp_path / "s", "", tmp_path / "c")
    (note,) = found.notes
    assert "2 slices missing" in note and "number 3, 4 of 7" in note and "111.0, 114.0 mm" in note
    array = np.load(found.path)
    assert array.shape == volume.shape and found.meta.geometry.spacing_mm == pytest.approx(SPACING)
    assert (array[2:4] == volume.min()).all() and np.array_equal(array[4:], volume[4:])


def test_that_duplicate_slices_are_left_out_and_told(tmp_path: Path) -> None:
    ids = new_ids()
    volume = series(tmp_path / "s", ids=ids)
    plane(volume, 2, affine("axial"), ids).save_as(tmp_path / "s" / "again.dcm", enforce_file_format=True)
    found = read(tmp_path / "s", "", tmp_path / "c")
    assert "1 duplicate slice left out, at 111.0 mm" in found.notes[0]
    assert np.array_equal(np.load(found.path), volume)


def test_that_several_series_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    series(tmp_path / "s", "axial")
    series(tmp_path / "s", "sagittal", prefix="SAG", SeriesDescription="Sagittal", SeriesNumber=4)
    case = find(tmp_path / "s", tmp_path / "thumbs")
    assert [(one.title, one.files, one.modality) for one in case.series] == [
        ("3: Head routine", 7, "CT"), ("4: Sagittal", 7, "CT"),
    ]  # fmt: skip
    assert all(Path(one.thumbnail).read_bytes().startswith(b"\x89PNG") for one in case.series)
    assert not any("Doe" in one.title or "12345" in one.key + one.title for one in case.series)
    with pytest.raises(InputError, match="Several series"):
        read(tmp_path / "s", "", tmp_path / "c")
    with pytest.raises(InputError, match="no such series"):
        read(tmp_path / "s", "dicom-0", tmp_path / "c")


def test_that_one_uid_with_a_localizer_among_the_slices_becomes_two(tmp_path: Path) -> None:
    ids = new_ids()
    volume = series(tmp_path / "s", "axial", ids=ids)
    scout = plane(values((1, 20, 30)), 0, affine("coronal"), ids, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    scout.save_as(tmp_path / "s" / "scout.dcm", enforce_file_format=True)
    case = find(tmp_path / "s")
    assert [(one.shape, one.files) for one in case.series] == [((10, 12, 7), 7), ((30, 20, 1), 1)]
    assert all("several kinds of images" in one.detail for one in case.series)
    found = read(tmp_path / "s", case.series[0].key, tmp_path / "c")
    assert np.array_equal(np.load(found.path), volume)
    assert read(tmp_path / "s", case.series[1].key, tmp_path / "c").meta.unit == ""


def test_that_echoes_at_one_place_become_volumes_of_their_own(tmp_path: Path) -> None:
    ids = new_ids()
    for number, echo in enumerate((20.0, 80.0)):
        series(
            tmp_path / "s",
            ids=ids,
            volume=values() + 400 + 50 * number,
            prefix=f"E{number}_",
            EchoTime=echo,
            Modality="MR",
        )
    case = find(tmp_path / "s")
    assert [one.shape for one in case.series] == [(10, 12, 7)] * 2
    means = [np.load(read(tmp_path / "s", one.key, tmp_path / "c").path).mean() for one in case.series]
    assert abs(abs(means[1] - means[0]) - 50) < 1e-6


def test_that_uneven_slices_are_brought_to_even_steps(tmp_path: Path) -> None:
    ids, heights = new_ids(), [0.0, 3.0, 6.0, 8.0, 9.5, 12.0]
    (tmp_path / "s").mkdir()
    for at, height in enumerate(heights):
        flat = np.full((len(heights), 12, 10), round(100 * height), np.int16)
        one = plane(flat, at, affine("axial"), ids)
        one.ImagePositionPatient = [-20.0, 11.0, 105.0 + height]
        one.save_as(tmp_path / "s" / f"{at}.dcm", enforce_file_format=True)
    found = read(tmp_path / "s", "", tmp_path / "c")
    array, step = np.load(found.path), found.meta.geometry.spacing_mm[2]
    assert "1.50 to 3.00 mm apart" in found.notes[0]
    assert np.allclose(array[:, 0, 0], 100 * step * np.arange(len(array)), atol=1) and array[-1, 0, 0] == 1200


def test_that_a_wide_gap_between_uneven_slices_stays_empty(tmp_path: Path) -> None:
    ids, heights = new_ids(), [0.0, 1.0, 2.1, 3.0, 33.3, 34.3]
    (tmp_path / "s").mkdir()
    for at, height in enumerate(heights):
        one = plane(np.full((6, 4, 4), 500, np.int16) - at, at, affine("axial"), ids)
        one.ImagePositionPatient = [0.0, 0.0, height]
        one.save_as(tmp_path / "s" / f"{at}.dcm", enforce_file_format=True)
    found = read(tmp_path / "s", "", tmp_path / "c")
    assert "gaps over 2.50 mm stay empty" in found.notes[0]
    assert (np.load(found.path)[5:30] == 495).all()


def test_that_thick_slices_keep_their_spacing(tmp_path: Path) -> None:
    matrix = np.diag([0.5, 0.5, 5.0, 1.0])
    (tmp_path / "s").mkdir()
    ids, volume = new_ids(), values((5, 16, 16))
    for z in range(5):
        plane(volume, z, matrix, ids).save_as(tmp_path / "s" / f"{z}.dcm", enforce_file_format=True)
    found = read(tmp_path / "s", "", tmp_path / "c")
    assert found.meta.geometry.spacing_mm == pytest.approx((0.5, 0.5, 5.0)) and found.notes == ()


def test_that_enhanced_multi_frame_files_are_read_by_their_frames(tmp_path: Path) -> None:
    volume, ids = values(), new_ids()
    one = plane(volume, 0, affine("oblique"), ids)
    measures, orientation, shared = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = one.PixelSpacing, 3.0
    orientation.ImageOrientationPatient = one.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    one.SharedFunctionalGroupsSequence, one.NumberOfFrames = [shared], 7
    order = [3, 0, 6, 1, 5, 2, 4]
    groups = []
    for z in order:
        group, place, scale = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = plane(volume, z, affine("oblique"), ids).ImagePositionPatient
        scale.RescaleSlope, scale.RescaleIntercept = 1, -1024 - z
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [place], [scale]
        groups.append(group)
    one.PerFrameFunctionalGroupsSequence = groups
    one.PixelData = b"".join((volume[z].astype(np.int32) + 1024 + z).astype("<u2").tobytes() for z in order)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(one, name)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedCTImageStorage
    one.save_as(tmp_path / "enhanced.dcm", enforce_file_format=True)
    found = read(tmp_path / "enhanced.dcm", "", tmp_path / "c")
    array = np.zeros(volume.shape, np.uint8)
    array[2:4, 3:5, 1:8] = 1
    np.save(tmp_path / "l.npy", array)
    labels = VolumeFile(str(tmp_path / "l.npy"), found.meta)
    source = dicom_sources(tmp_path / "enhanced.dcm", "")
    (seg,) = export(labels, "dicom-seg", tmp_path / "seg.dcm", source=source)
    assert np.array_equal(np.load(read_labels(seg, found, tmp_path / "again.npy").path), array)
    assert np.array_equal(np.load(found.path), volume)
    assert np.abs(affine_of(found.meta.geometry) - affine("oblique")).max() < 1e-3


def test_that_a_damaged_slice_among_good_ones_is_named(tmp_path: Path) -> None:
    series(tmp_path / "s")
    (tmp_path / "s" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00")
    (tmp_path / "s" / "notes.dcm").write_bytes(b"this is text, not an image of anything at all" * 9)
    case = find(tmp_path / "s")
    assert case.series[0].files == 7 and "broken.dcm" in case.notes[0] and "notes.dcm" in case.notes[0]


def test_that_a_slice_with_its_pixels_cut_off_is_refused_with_its_name(tmp_path: Path) -> None:
    series(tmp_path / "s")
    victim = tmp_path / "s" / "IM0003.dcm"
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s", "", tmp_path / "c")
    assert caught.value.place == "IM0003.dcm"
    assert not list((tmp_path / "c").glob("*.npy")) and not list((tmp_path / "c").glob("*.tmp"))


def nifti(path: Path, array: np.ndarray, *, code: int = 1, matrix: np.ndarray | None = None) -> Path:
    image = nibabel.Nifti1Image(array, np.diag([-1.0, -2.0, 3.0, 1.0]) if matrix is None else matrix)
    image.set_sform(image.affine, code)
    image.set_qform(image.affine if matrix is None else None, code if matrix is None else 0)
    nibabel.save(image, path)
    return path


def test_that_a_nifti_without_orientation_says_so(tmp_path: Path) -> None:
    path = nifti(tmp_path / "n.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5), code=0)
    found = read(path, "", tmp_path / "c")
    assert "sides cannot be told" in found.notes[0] and found.meta.geometry.spacing_mm == pytest.approx((1, 2, 3))
    assert "sides cannot be told" in find(path).series[0].detail


def test_that_a_nifti_with_a_broken_affine_says_so(tmp_path: Path) -> None:
    path = nifti(tmp_path / "n.nii", np.zeros((3, 4, 5), np.int16))
    raw = bytearray(path.read_bytes())
    raw[280:328] = struct.pack("<12f", *[0.0] * 12)
    path.write_bytes(bytes(raw))
    assert "its affine is not valid" in notes_of(path, tmp_path / "c")


def test_that_a_sheared_nifti_is_straightened(tmp_path: Path) -> None:
    matrix = np.array([[1, 0, 0.4, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
    path = nifti(tmp_path / "n.nii", np.ones((6, 6, 6), np.int16), matrix=matrix)
    found = read(path, "", tmp_path / "c")
    direction = np.array(found.meta.geometry.direction).reshape(3, 3)
    assert "right angles" in found.notes[0] and np.allclose(direction.T @ direction, np.eye(3), atol=1e-9)


def test_that_four_dimensions_are_offered_frame_by_frame(tmp_path: Path) -> None:
    array = np.random.default_rng(1).integers(0, 99, (4, 5, 6, 3)).astype(np.int16)
    path = nifti(tmp_path / "n.nii.gz", array)
    case = find(path, tmp_path / "t")
    assert [one.key for one in case.series] == ["n.nii.gz#1", "n.nii.gz#2", "n.nii.gz#3"]
    found = np.load(read(path, "n.nii.gz#2", tmp_path / "c").path)
    assert np.array_equal(found, array[..., 1].T)
    with pytest.raises(InputError, match="no such frame"):
        read(path, "n.nii.gz#9", tmp_path / "c")
    sitk.WriteImage(sitk.Image([4, 4, 4, 2], sitk.sitkInt16), str(tmp_path / "four.nrrd"))
    assert len(find(tmp_path / "four.nrrd").series) == 2


def test_that_values_are_int16_only_where_nothing_is_lost(tmp_path: Path) -> None:
    whole = np.arange(64, dtype=np.float64).reshape(4, 4, 4)
    for name, array, dtype in (
        ("whole", whole, np.int16), ("half", whole + (whole > 40) / 2, np.float32), ("large", whole * 1000, np.float32),
    ):  # fmt: skip
        found = np.load(read(nifti(tmp_path / f"{name}.nii", array), "", tmp_path / "c").path)
        assert found.dtype == dtype and np.array_equal(found, array.T), name
    with_nan = whole.copy()
    with_nan[0, 0, 0] = np.nan
    assert "1 voxel had no finite value" in notes_of(nifti(tmp_path / "nan.nii", with_nan), tmp_path / "c")


def huge_nifti() -> bytes:
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    raw = bytearray(image.to_bytes())
    raw[40:56] = struct.pack("<8h", 3, 2500, 2500, 2400, 1, 1, 1, 1)
    return bytes(raw)


@pytest.mark.parametrize("name", ["huge.nii", "huge.nii.gz", "huge.nrrd", "huge.mha", "packed.nrrd"])
def test_that_a_header_that_claims_thirty_gigabytes_is_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    nrrd = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 2500 2500 2400\nendian: little\nencoding: {}\n\n"
    mha = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 2500 2500 2400\n"
        "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    path.write_bytes({
        "huge.nii": huge_nifti(), "huge.nii.gz": gzip.compress(huge_nifti()),
        "huge.nrrd": nrrd.format("raw").encode() + b"\0" * 64, "huge.mha": mha.encode() + b"\0" * 64,
        "packed.nrrd": nrrd.format("gzip").encode() + gzip.compress(b"\0" * 64),
    }[name])  # fmt: skip
    for look in (lambda: find(path, tmp_path / "t"), lambda: read(path, "", tmp_path / "c")):
        with pytest.raises(InputError) as caught:
            look()
        assert "30 GB" in caught.value.expected


@pytest.mark.parametrize(
    "name", ["../secret.raw", "{absolute}", "LIST\n../secret.raw", "..\\secret.raw", "sub/../../secret.raw"]
)
@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
def test_that_a_header_reads_no_file_outside_of_its_folder(name: str, ending: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(128))
    (tmp_path / "case").mkdir()
    named = name.replace("{absolute}", str(secret))
    head = {
        "mhd": f"ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = {named}\n",
        "nhdr": "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\n"
        f"data file: {named}\n",
    }[ending]
    path = tmp_path / "case" / f"image.{ending}"
    path.write_text(head)
    with pytest.raises(InputError) as caught:
        read(path, "", tmp_path / "out")
    assert caught.value.fix and not list((tmp_path / "out").glob("*.npy"))
    path.write_text(head.replace(named, "inside.raw"))
    (tmp_path / "case" / "inside.raw").write_bytes(bytes(128))
    assert np.load(read(path, "", tmp_path / "out").path).shape == (4, 4, 4)


def test_that_a_dicom_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    one = plane(values(), 0, affine("axial"), new_ids(), Rows=60_000, Columns=60_000)
    one.save_as(tmp_path / "huge.dcm", enforce_file_format=True)
    with pytest.raises(Problem, match="more data than the file holds"):
        read(tmp_path / "huge.dcm", "", tmp_path / "c")


def test_that_lossless_jpeg_as_scanners_write_it_is_decoded_and_rescaled(tmp_path: Path) -> None:
    volume = values((1, 32, 32))
    image = sitk.GetImageFromArray(volume)
    for tag, value in (("0028|1052", "-1024"), ("0028|1053", "1"), ("0008|0060", "CT")):
        image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "j.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    writer.Execute(image)
    assert pydicom.dcmread(tmp_path / "j.dcm").file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    found = read(tmp_path / "j.dcm", "", tmp_path / "c")
    assert np.array_equal(np.load(found.path), volume)
    # GDCM writes "US" (unspecified) as the rescale type: the unit is not told, so none is claimed.
    assert found.meta.unit == ""


def test_that_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    series(tmp_path / "s")
    (tmp_path / "c").write_bytes(b"a file where the cache should be")
    with pytest.raises(KnownTrouble, match="cannot be written"):
        read(tmp_path / "s", "", tmp_path / "c")


def test_that_memory_is_asked_for_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series(tmp_path / "s")
    monkeypatch.setattr("workbench.engine.medical.arrays.SPARE_BYTES", 1 << 60)
    with pytest.raises(KnownTrouble, match="does not fit into memory"):
        read(tmp_path / "s", "", tmp_path / "c")


@pytest.mark.parametrize(
    "name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.png", "a.jpg", "a.tif", "a.dcm", "a.mhd", "a.hdr"]
)
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x1f\x8b\x08\0broken", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, bytes(900)]
)
def test_that_files_that_are_not_what_they_are_called_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path / name, "", tmp_path / "c")
    assert caught.value.place == name and str(tmp_path) not in caught.value.received


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha", "png", "tif", "jpg", "dcm", "RLE.dcm", "JPEG.dcm"])
def test_that_cut_off_and_bit_flipped_files_read_or_are_refused(ending: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole.{ending}"
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    if ending in ("RLE.dcm", "JPEG.dcm"):
        name = "MR_small_RLE.dcm" if ending == "RLE.dcm" else "SC_rgb_jpeg_gdcm.dcm"
        whole.write_bytes((bundled / name).read_bytes())
    elif ending == "dcm":
        plane(values(), 0, affine("axial"), new_ids()).save_as(whole, enforce_file_format=True)
    elif ending in ("png", "tif", "jpg"):
        Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(whole)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values()), str(whole), useCompression=ending == "nrrd")
    raw, chance, refused = whole.read_bytes(), random.Random(5), 0
    for trial in range(40):
        damaged = bytearray(raw[: chance.randrange(len(raw))] if trial % 2 else raw)
        for _ in range(4 if trial % 2 == 0 else 0):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"t{trial}.{ending}"
        path.write_bytes(bytes(damaged))
        try:
            read(path, find(path, tmp_path / "t").series[0].key, tmp_path / "c")
        except (InputError, KnownTrouble):
            refused += 1
    assert refused >= 15


def image_on(
    tmp_path: Path, shape: tuple[int, int, int], spacing: tuple[float, float, float] = (1, 1, 1)
) -> VolumeFile:
    np.save(tmp_path / "image.npy", np.zeros(shape, np.int16))
    return VolumeFile(str(tmp_path / "image.npy"), VolumeMeta(geometry=Geometry(spacing_mm=spacing)))


def mask(path: Path, array: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def test_that_labels_on_another_grid_are_resampled_and_told(tmp_path: Path) -> None:
    like = image_on(tmp_path, (4, 8, 8))
    coarse = np.zeros((4, 4, 4), np.uint8)
    coarse[1, 1, 1] = 3
    found = read_labels(mask(tmp_path / "m.nrrd", coarse, (2, 2, 1)), like, tmp_path / "l.npy")
    array = np.load(found.path)
    assert "resampled to the image's grid" in found.notes[0] and "4 × 4 × 4 at 2 × 2 × 1 mm" in found.notes[0]
    assert array.shape == (4, 8, 8) and array.dtype == np.uint8 and array[1, 2, 2] == 3 and (array > 0).sum() == 4
    assert found.meta.geometry == like.meta.geometry and found.meta.labels[0].value == 3


def test_that_a_part_of_the_grid_is_laid_on_it_voxel_for_voxel(tmp_path: Path) -> None:
    like = image_on(tmp_path, (4, 8, 8), (0.5, 0.5, 3))
    image = sitk.GetImageFromArray(np.full((2, 3, 5), 1, np.uint8))
    image.SetSpacing((0.5, 0.5, 3))
    image.SetOrigin((2.5, 1.0, 3.0))
    sitk.WriteImage(image, str(tmp_path / "m.nrrd"))
    found = read_labels(tmp_path / "m.nrrd", like, tmp_path / "l.npy")
    array = np.load(found.path)
    assert array[1:3, 2:5, 5:8].all() and array.sum() == 18
    assert found.notes == ("12 labelled voxels outside the image left out",)


def test_that_whole_floats_are_labels_and_fractions_are_not(tmp_path: Path) -> None:
    like = image_on(tmp_path, (3, 3, 3))
    array = np.zeros((3, 3, 3), np.float32)
    array[1] = 2
    assert np.load(read_labels(mask(tmp_path / "m.mha", array), like, tmp_path / "l.npy").path).max() == 2
    array[0, 0, 0] = 0.25
    with pytest.raises(InputError, match="not whole numbers"):
        read_labels(mask(tmp_path / "m.mha", array), like, tmp_path / "l.npy")
    with pytest.raises(InputError, match="out of range"):
        read_labels(mask(tmp_path / "m.mha", np.full((3, 3, 3), -1, np.int16)), like, tmp_path / "l.npy")


def test_that_labels_of_another_place_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.ones((3, 3, 3), np.uint8))
    image.SetOrigin((500, 0, 0))
    sitk.WriteImage(image, str(tmp_path / "m.mha"))
    with pytest.raises(InputError, match="outside the image"):
        read_labels(tmp_path / "m.mha", image_on(tmp_path, (3, 3, 3)), tmp_path / "l.npy")


def test_that_a_ct_is_no_label_file(tmp_path: Path) -> None:
    series(tmp_path / "s")
    with pytest.raises(InputError, match="no segmentation"):
        read_labels(tmp_path / "s" / "IM0000.dcm", image_on(tmp_path, (3, 3, 3)), tmp_path / "l.npy")


def test_that_slicer_s_names_of_segments_are_kept(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.ones((3, 3, 3), np.uint8))
    image.SetMetaData("Segment0_Name", "left kidney")
    image.SetMetaData("Segment0_LabelValue", "1")
    sitk.WriteImage(image, str(tmp_path / "m.seg.nrrd"))
    found = read_labels(tmp_path / "m.seg.nrrd", image_on(tmp_path, (3, 3, 3)), tmp_path / "l.npy")
    assert [(label.value, label.name) for label in found.meta.labels] == [(1, "left kidney")]


def test_that_pictures_are_volumes_of_one_slice_without_spacing(tmp_path: Path) -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Image.fromarray(grey).save(tmp_path / "g.png")
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "c.tif", compression="tiff_lzw")
    for name in ("g.png", "c.tif"):
        found = read(tmp_path / name, "", tmp_path / "c")
        assert np.array_equal(np.load(found.path)[0], grey) and "spacing" in found.notes[0]
    assert "brightness" in found.notes[1]


def test_that_a_copy_is_used_again_until_the_files_change(tmp_path: Path) -> None:
    series(tmp_path / "s")
    first = read(tmp_path / "s", "", tmp_path / "c")
    written = Path(first.path).stat().st_ino
    assert read(tmp_path / "s", "", tmp_path / "c") == first
    assert Path(first.path).stat().st_ino == written, "used again, though its time tells when it was last used"
    ids = {"study": generate_uid(), "series": generate_uid(), "frame": generate_uid()}
    series(tmp_path / "s", "axial", volume=values() + 1, ids=ids)
    again = read(tmp_path / "s", "", tmp_path / "c")
    assert again.path != first.path and np.array_equal(np.load(again.path), values() + 1)


def test_that_an_empty_folder_and_a_missing_path_are_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError) as caught:
            find(path)
        assert caught.value.fix
