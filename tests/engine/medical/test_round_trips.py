"""DICOM → array → labels → SEG, NIfTI, NRRD, STL: every position survives, seen through other libraries' eyes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.engine.medical.dicoms import AXES, affine, series
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.medical import meshes
from workbench.engine.medical.arrays import write_labels
from workbench.engine.medical.export import export, volumes_of, write_volume
from workbench.engine.medical.geometry import affine_of, of_sitk, orientation
from workbench.engine.medical.labels import read_labels
from workbench.engine.medical.volumes import dicom_sources, find, read

UPRIGHT = [name for name in AXES if name != "tilted"]
TOLERANCE_MM = 1e-3


class Case(NamedTuple):
    folder: Path
    volume: np.ndarray
    key: str
    image: VolumeFile
    labels: VolumeFile


def drawn(shape: tuple[int, ...]) -> np.ndarray:
    """Two labels that touch no mirror plane: a block near one corner, and a smaller one elsewhere."""
    array = np.zeros(shape, np.uint8)
    array[1:4, 2:6, 1:4] = 1
    array[4:6, 7:10, 6:9] = 2
    return array


def labels_on(image: VolumeFile, out: Path) -> VolumeFile:
    array = drawn(np.load(image.path).shape)
    write_labels(out, array)
    names = (Label(1, "Liver", "#e69f00"), Label(2, "Tumour", "#56b4e9"))
    return VolumeFile(str(out), VolumeMeta(geometry=image.meta.geometry, modality="SEG", labels=names, title="labels"))


@pytest.fixture(params=list(AXES))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    folder = tmp_path / request.param
    volume = series(folder, request.param)
    key = find(folder).series[0].key
    image = read(folder, key, tmp_path / "cache")
    return Case(folder, volume, key, image, labels_on(image, tmp_path / "labels.npy"))


def centres(labels: np.ndarray, matrix: np.ndarray, value: int) -> np.ndarray:
    """LPS positions (N, 3), sorted, of a label's voxels in a (z, y, x) array."""
    z, y, x = np.nonzero(labels == value)
    found = (matrix @ np.stack([x, y, z, np.ones_like(x)]).astype(float))[:3].T
    return found[np.lexsort(np.round(found, 3).T)]


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() < TOLERANCE_MM)


def test_that_a_series_is_read_with_its_values_and_geometry(case: Case) -> None:
    array = np.load(case.image.path)
    assert array.dtype == np.int16 and case.image.meta.modality == "CT" and case.image.meta.unit == "HU"
    assert case.image.meta.window == (40.0, 400.0)
    if case.folder.name == "tilted":
        assert any("gantry tilt of 15.0°" in note for note in case.image.notes)
        return
    # Slices are stored along the planes' normal, which for the flipped series is the other way round.
    matrix, volume = affine(case.folder.name), case.volume
    assert same(affine_of(case.image.meta.geometry), matrix)
    assert np.array_equal(array, volume)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(case.folder)))
    other = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(other), array)
    assert same(affine_of(of_sitk(other)), matrix)


def test_that_a_tilted_series_keeps_its_places_on_the_upright_grid(tmp_path: Path) -> None:
    # A volume whose value is its own height shows at every voxel whether the place is right.
    matrix = affine("tilted")
    z, y, x = np.indices((7, 40, 10))
    places = matrix @ np.stack([x, y, z, np.ones_like(x)]).reshape(4, -1).astype(float)
    volume = np.rint(100 * places[1] - 300).reshape(7, 40, 10).astype(np.int16)
    series(tmp_path / "s", "tilted", volume=volume)
    image = read(tmp_path / "s", "", tmp_path / "cache")
    array, geometry = np.load(image.path), image.meta.geometry
    assert np.allclose(np.array(geometry.direction).reshape(3, 3), np.eye(3), atol=1e-6)
    assert np.isclose(geometry.spacing_mm[2], 3.0 * np.cos(np.radians(15)))
    assert np.allclose(geometry.origin_mm, [-20, 11, 105])
    z, y, x = np.indices(array.shape)
    found = affine_of(geometry) @ np.stack([x, y, z, np.ones_like(x)]).reshape(4, -1).astype(float)
    expected = (100 * found[1] - 300).reshape(array.shape)
    index = np.linalg.inv(matrix) @ np.vstack([found[:3], np.ones(found.shape[1])])
    inside = ((index[1] >= 0) & (index[1] <= 39)).reshape(array.shape)
    assert inside.mean() > 0.7 and (array[~inside] <= volume.max()).all()
    assert np.abs(array - expected)[inside].max() <= 1


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nrrd", "labels.mha"])
def test_that_labels_as_a_volume_lie_where_they_were_drawn(case: Case, tmp_path: Path, name: str) -> None:
    (written,) = export(case.labels, {"gz": "nifti"}.get(name[-2:], name[-4:].strip(".")), tmp_path / "out" / name)
    drawn_here, matrix = np.load(case.labels.path), affine_of(case.labels.meta.geometry)
    if name.endswith(".nii.gz"):
        loaded = nibabel.load(written)
        lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ loaded.affine
        assert same(centres(np.asarray(loaded.dataobj).T, lps, 1), centres(drawn_here, matrix, 1))
        assert loaded.header.get_sform(coded=True)[1] == loaded.header.get_qform(coded=True)[1] == 1
    other = sitk.ReadImage(str(written))
    for value in (1, 2):
        found = centres(sitk.GetArrayFromImage(other), affine_of(of_sitk(other)), value)
        assert same(found, centres(drawn_here, matrix, value))
    again = read_labels(written, case.image, tmp_path / "again.npy")
    assert np.array_equal(np.load(again.path), drawn_here) and not any("resampled" in note for note in again.notes)


def test_that_a_dicom_seg_lies_where_it_was_drawn(case: Case, tmp_path: Path) -> None:
    (written,) = export(case.labels, "dicom-seg", tmp_path / "seg.dcm", source=dicom_sources(case.folder, case.key))
    seg = highdicom.seg.segread(written)
    assert [seg.get_segment_description(n).segment_label for n in (1, 2)] == ["Liver", "Tumour"]
    sources = {pydicom.dcmread(one).SOPInstanceUID for one in case.folder.iterdir()}
    referred = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {one.ReferencedSOPInstanceUID for one in referred} <= sources
    raw = pydicom.dcmread(written)
    assert raw.PatientID == "MRN-12345" and raw.pixel_array.shape[1:] == case.volume.shape[1:]
    again = read_labels(written, case.image, tmp_path / "again.npy")
    assert [label.name for label in again.meta.labels] == ["Liver", "Tumour"]
    for label, told in zip(again.meta.labels, ("#e69f00", "#56b4e9"), strict=True):
        rgb = [[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in (label.colour, told)]
        assert np.abs(np.subtract(*rgb)).max() <= 2
    drawn_here, matrix = np.load(case.labels.path), affine_of(case.labels.meta.geometry)
    if case.folder.name != "tilted":
        assert again.notes == ()
    else:
        # Onto the slanted planes and back moves an edge by half a voxel at most; the core stays.
        found = np.load(again.path)
        for value in (1, 2):
            both = np.count_nonzero((found == value) & (drawn_here == value))
            assert 2 * both / (np.count_nonzero(found == value) + np.count_nonzero(drawn_here == value)) > 0.85
        return
    volume = seg.get_volume(combine_segments=True)
    lps = np.array(volume.affine)
    lps[:3, :3] = lps[:3, [2, 1, 0]]
    for value in (1, 2):
        assert same(centres(np.asarray(volume.array), lps, value), centres(drawn_here, matrix, value))
    assert np.array_equal(np.load(again.path), drawn_here)


def test_that_a_seg_beside_its_images_is_listed_as_labels(tmp_path: Path) -> None:
    series(tmp_path / "s")
    image = read(tmp_path / "s", "", tmp_path / "cache")
    labels = labels_on(image, tmp_path / "labels.npy")
    (tmp_path / "s" / "labels").mkdir()
    target = tmp_path / "s" / "labels" / "seg.dcm"
    export(labels, "dicom-seg", target, source=dicom_sources(tmp_path / "s", ""))
    first, second = find(tmp_path / "s").series
    assert (first.modality, second.modality, second.key) == ("CT", "SEG", "labels/seg.dcm")
    again = read_labels(tmp_path / "s", image, tmp_path / "again.npy", key=second.key)
    assert np.array_equal(np.load(again.path), np.load(labels.path))
    with pytest.raises(InputError, match="a segmentation, not an image"):
        read(tmp_path / "s", second.key, tmp_path / "cache")
    with pytest.raises(InputError, match="no label file"):
        read_labels(tmp_path / "s" / "labels", image, tmp_path / "x.npy", key="../IM0000.dcm")


def test_that_a_seg_of_a_tilted_series_gets_the_tilt_back(tmp_path: Path) -> None:
    volume = series(tmp_path / "s", "tilted")
    image = read(tmp_path / "s", "", tmp_path / "cache")
    labels = labels_on(image, tmp_path / "labels.npy")
    (written,) = export(labels, "dicom-seg", tmp_path / "seg.dcm", source=dicom_sources(tmp_path / "s", ""))
    seg = pydicom.dcmread(written)
    drawn_here, to_voxel = np.load(labels.path), np.linalg.inv(affine_of(labels.meta.geometry))
    checked = 0
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        value = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        for row, column in np.argwhere(frame):
            place = position + np.array([0.5 * column, 0.75 * row, 0])
            x, y, z = np.rint(to_voxel[:3, :3] @ place + to_voxel[:3, 3] - 1e-6).astype(int)
            assert drawn_here[z, y, x] == value
            checked += 1
    assert checked >= 0.8 * np.count_nonzero(drawn_here) and volume.size > checked


@pytest.mark.parametrize("smooth", [False, True])
def test_that_a_surface_encloses_its_label_with_normals_outward(case: Case, smooth: bool) -> None:
    array, geometry = np.load(case.labels.path), case.labels.meta.geometry
    found = meshes.surface(array, 1, geometry, smooth=smooth)
    truth = centres(array, affine_of(geometry), 1)
    assert np.abs(found.points.mean(axis=0) - truth.mean(axis=0)).max() < 0.05
    low, high = found.points.min(axis=0), found.points.max(axis=0)
    assert (low <= truth.min(axis=0) + 1e-3).all() or smooth
    assert np.abs((high + low) / 2 - (truth.max(axis=0) + truth.min(axis=0)) / 2).max() < TOLERANCE_MM or smooth
    (liver,) = [one for one in volumes_of(array, geometry, case.labels.meta.labels) if one.value == 1]
    assert liver.voxels == 36 and liver.name == "Liver"
    # Marching cubes cuts the corners off: a little less than the voxels' own volume, never a negative one.
    assert 0.6 * liver.ml < meshes.volume_ml(found) < 1.01 * liver.ml


def test_that_stl_and_ply_files_hold_the_same_surface(case: Case, tmp_path: Path) -> None:
    stl = export(case.labels, "stl", tmp_path / "s.stl", smooth=False)
    ply = export(case.labels, "ply", tmp_path / "s.ply", smooth=False)
    assert [one.name for one in stl] == ["s-1-Liver.stl", "s-2-Tumour.stl"] and len(ply) == 2
    raw = stl[0].read_bytes()
    count = int(np.frombuffer(raw[80:84], "<u4")[0])
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    triangles = np.frombuffer(raw[84:], record)
    assert len(triangles) == count and b"SPACE=LPS" in raw[:80]
    head, _, body = ply[0].read_bytes().partition(b"end_header\n")
    assert b"property uchar red" in head
    points = int(head.split(b"element vertex ")[1].split()[0])
    vertices = np.frombuffer(body, np.dtype([("p", "<f4", 3), ("c", "u1", 3)]), points)
    assert np.allclose(vertices["p"].min(axis=0), triangles["corners"].reshape(-1, 3).min(axis=0))
    assert vertices["c"][0].tolist() == [0xE6, 0x9F, 0x00]


def test_that_left_stays_left(tmp_path: Path) -> None:
    # In LPS the patient's left has the greater x: the label must be left of the middle in every format.
    series(tmp_path / "s", "flipped")
    image = read(tmp_path / "s", "", tmp_path / "cache")
    array = np.zeros(np.load(image.path).shape, np.uint8)
    array[:, :, :2] = 1
    assert orientation(image.meta.geometry)[0] == "R"
    write_labels(tmp_path / "l.npy", array)
    labels = VolumeFile(str(tmp_path / "l.npy"), VolumeMeta(geometry=image.meta.geometry, labels=(Label(1, "Left"),)))
    middle = (affine_of(image.meta.geometry) @ [4.5, 0, 0, 1])[0]
    (nifti,) = export(labels, "nifti", tmp_path / "l.nii.gz")
    loaded = nibabel.load(nifti)
    ras = nibabel.affines.apply_affine(loaded.affine, np.argwhere(np.asarray(loaded.dataobj)))
    assert (-ras[:, 0] > middle).all()
    (stl,) = export(labels, "stl", tmp_path / "l.stl")
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    assert (np.frombuffer(stl.read_bytes()[84:], record)["corners"][..., 0] > middle).all()
    (dicom,) = export(labels, "dicom-seg", tmp_path / "l.dcm", source=dicom_sources(tmp_path / "s", ""))
    seg = pydicom.dcmread(dicom)
    groups = seg.PerFrameFunctionalGroupsSequence[0]
    start = groups.PlanePositionSequence[0].ImagePositionPatient[0]
    row = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient[:3]
    columns = np.argwhere(seg.pixel_array[0])[:, 1]
    assert (start + 0.5 * columns * row[0] > middle).all()


def test_that_a_table_of_volumes_is_in_millilitres(case: Case, tmp_path: Path) -> None:
    (written,) = export(case.labels, "csv", tmp_path / "v.csv")
    lines = written.read_text(encoding="utf-8").splitlines()
    voxel_ml = float(np.prod(case.image.meta.geometry.spacing_mm)) / 1000
    assert lines[0] == "label,name,voxels,volume_ml"
    assert lines[1].startswith("1,Liver,36,") and float(lines[1].split(",")[3]) == pytest.approx(
        36 * voxel_ml, abs=1e-4
    )


def test_that_a_written_volume_is_read_back_the_same(case: Case, tmp_path: Path) -> None:
    array = np.load(case.image.path)
    for name in ("v.nii.gz", "v.nii", "v.nrrd", "v.mha", "v.mhd"):
        written = write_volume(array, case.image.meta.geometry, tmp_path / name)
        again = read(written, "", tmp_path / "again")
        assert np.array_equal(np.load(again.path), array), name
        assert np.load(again.path).dtype == np.int16
        assert same(affine_of(again.meta.geometry), affine_of(case.image.meta.geometry)), name
        assert not again.notes, name


def test_that_a_validator_finds_no_error_in_an_exported_seg(case: Case, tmp_path: Path) -> None:
    assert shutil.which("dciodvfy"), "packaging/test installs dicom3tools; apt-get install dicom3tools does by hand"
    (written,) = export(case.labels, "dicom-seg", tmp_path / "seg.dcm", source=dicom_sources(case.folder, case.key))
    said = subprocess.run(["dciodvfy", str(written)], capture_output=True, text=True, check=False, errors="replace")
    lines = (said.stdout + said.stderr).splitlines()
    assert "Segmentation" in said.stdout + said.stderr
    assert [line for line in lines if line.startswith("Error")] == []


def test_that_a_geometry_of_its_own_survives_the_matrix() -> None:
    geometry = Geometry((0.5, 0.75, 3.0), (1.0, 2.0, 3.0), tuple(AXES["oblique"].ravel()))
    assert np.allclose(affine_of(geometry)[:3, 3], (1, 2, 3))
    assert orientation(geometry) == "LPS" and orientation(Geometry()) == "LPS"
