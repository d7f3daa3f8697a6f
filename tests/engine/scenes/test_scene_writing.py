"""What is written is read exactly by other libraries and by ourselves, in one step, and over nothing that is open."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import laspy
import msgspec
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import trimesh
from PIL import Image as Picture

from tests.engine.scenes.colmapfiles import Camera, Image, Point, write_text
from tests.engine.scenes.photos import HEIGHT, WIDTH, folder_of
from tests.engine.scenes.scenefiles import ball, ply_cloud, write_grid, write_las
from tests.engine.scenes.test_scene_reading import column, in_order, places
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenefiles import WRITE_ENDINGS, SceneWriteWish, WriteThing
from workbench.core.scenes import (
    Box,
    BoxesDoc,
    CamerasDoc,
    Column,
    MeasureDoc,
    MeshDoc,
    Placement,
    PointsDoc,
    SceneRead,
)
from workbench.engine.scenes import gridfiles
from workbench.engine.scenes.keeping import Shelf, keep_mesh
from workbench.engine.scenes.reading import read_scene
from workbench.engine.scenes.writing import write_scene

TURNED: Placement = (0, -2, 0, 10, 2, 0, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1)
"""A quarter turn about z, twice as large, moved."""


def read(path: Path) -> SceneRead:
    return read_scene(path, path.parent / "cache")


def thing(path: Path) -> Any:
    return read(path).things[0].thing


def write(out: Path, *things: Any, **more: Any) -> Any:
    wish = SceneWriteWish(
        tuple(one if isinstance(one, WriteThing) else WriteThing(one) for one in things), str(out), **more
    )
    return write_scene(wish)


@pytest.fixture
def cloud(tmp_path: Path) -> PointsDoc:
    """A cloud of doubles with colours, normals, classes and a scalar."""
    (tmp_path / "in.ply").write_bytes(ply_cloud()[0])
    found = thing(tmp_path / "in.ply")
    assert isinstance(found, PointsDoc)
    return found


@pytest.mark.parametrize("ending", WRITE_ENDINGS["points"])
def test_that_a_cloud_comes_back_with_all_columns(tmp_path: Path, cloud: PointsDoc, ending: str) -> None:
    done = write(tmp_path / f"out{ending}", cloud)
    assert done.files == (str(tmp_path / f"out{ending}"),)
    again = thing(tmp_path / f"out{ending}")
    assert np.abs(places(again) - places(cloud)).max() <= (1e-6 if ending in (".las", ".laz") else 0)
    assert np.array_equal(column(again, "colour"), column(cloud, "colour"))
    values = {one.name: in_order(again, one.path) for one in again.columns}
    named = "label" if "label" in values else "classification"
    assert np.array_equal(values[named], column(cloud, "label"))
    assert np.array_equal(values["Time"], column(cloud, "Time"))
    if ending in (".las", ".laz"):
        assert np.array_equal(values["nx"], column(cloud, "normals")[:, 0]) and "nx" in done.notes[0]
    else:
        assert np.array_equal(column(again, "normals"), column(cloud, "normals"))


def test_that_text_holds_every_number_exactly(tmp_path: Path, cloud: PointsDoc) -> None:
    hard = np.array([0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 2 / 3, np.nan, np.inf])
    fields = {"double": hard, "single": (1 / np.arange(3, 11)).astype(np.float32), "flag": hard > 0,
              "whole": np.array([-(2**62), 2**62 + 1] * 4)}  # fmt: skip
    columns = []
    for name, values in fields.items():
        np.save(tmp_path / f"{name}.npy", np.resize(values, cloud.count))
        columns.append(Column(name, "scalar", str(tmp_path / f"{name}.npy")))
    write(tmp_path / "out.xyz", msgspec.structs.replace(cloud, columns=tuple(columns), order=""))
    lines = (tmp_path / "out.xyz").read_text().splitlines()
    names, rows = lines[0].removeprefix("//").split(" "), [line.split(" ") for line in lines[1:]]
    for name, values in fields.items():
        again = np.array([rows[at][names.index(name)] for at in range(8)]).astype(np.float64)
        if name == "whole":
            again = np.array([int(rows[at][names.index(name)]) for at in range(8)])
        assert np.array_equal(again.astype(values.dtype), values, equal_nan=values.dtype.kind == "f"), name
    assert max(len(row[names.index("single")]) for row in rows) <= 11  # no digits that single precision does not have


@pytest.mark.parametrize("ending", [".las", ".laz"])
def test_that_las_is_written_back_to_the_same_whole_numbers(tmp_path: Path, ending: str) -> None:
    source = write_las(tmp_path / f"in{ending}")
    write(tmp_path / f"out{ending}", thing(tmp_path / f"in{ending}"))
    again = laspy.read(tmp_path / f"out{ending}")
    assert np.array_equal(again.header.scales, source.header.scales)
    for name, at in (("X", 0), ("Y", 1), ("Z", 2)):
        shift = (again.header.offsets[at] - source.header.offsets[at]) / source.header.scales[at]
        assert np.array_equal(np.asarray(again[name]) + round(shift), np.asarray(source[name]))
    for name in ("intensity", "classification", "return_number", "gps_time", "red", "height above ground"):
        written = name.replace(" ", "_")
        assert np.array_equal(np.asarray(again[written]), np.asarray(source[name])), name


def test_that_other_libraries_read_our_clouds(tmp_path: Path, cloud: PointsDoc) -> None:
    import open3d

    write(tmp_path / "out.ply", cloud)
    write(tmp_path / "out.pcd", cloud)
    mine = trimesh.load(tmp_path / "out.ply")
    assert np.array_equal(mine.vertices, places(cloud)) and np.array_equal(mine.colors[:, :3], column(cloud, "colour"))
    for name in ("out.ply", "out.pcd"):
        theirs = open3d.io.read_point_cloud(str(tmp_path / name))
        assert np.allclose(np.asarray(theirs.points), places(cloud), atol=1e-6)
        assert np.allclose(np.asarray(theirs.normals), column(cloud, "normals"), atol=1e-6)
        assert np.array_equal(np.rint(np.asarray(theirs.colors) * 255), column(cloud, "colour"))


def test_that_what_is_hidden_is_left_out_and_what_is_placed_is_moved(tmp_path: Path, cloud: PointsDoc) -> None:
    hidden = np.load(cloud.positions)[:, 0] > 0
    np.save(tmp_path / "hidden.npy", hidden)
    write(tmp_path / "out.ply", WriteThing(cloud, "", TURNED, str(tmp_path / "hidden.npy")))
    kept = in_order(cloud, cloud.positions)[:, 0] <= 0
    matrix = np.array(TURNED).reshape(4, 4)
    again = thing(tmp_path / "out.ply")
    assert np.allclose(places(again), places(cloud)[kept] @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-5)
    normals = column(cloud, "normals")[kept]
    expected = normals @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert np.allclose(column(again, "normals"), expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    np.save(tmp_path / "hidden.npy", np.ones_like(hidden))
    with pytest.raises(InputError, match="no point to write"):
        write(tmp_path / "none.ply", WriteThing(cloud, hidden=str(tmp_path / "hidden.npy")))
    assert not (tmp_path / "none.ply").exists()


def test_that_several_clouds_become_one_with_the_columns_of_all(tmp_path: Path, cloud: PointsDoc) -> None:
    trimesh.PointCloud(np.ones((3, 3))).export(tmp_path / "bare.ply")
    bare = thing(tmp_path / "bare.ply")
    write(tmp_path / "both.ply", cloud, bare)
    again = thing(tmp_path / "both.ply")
    assert again.count == 203 and np.array_equal(places(again)[200:], np.ones((3, 3)))
    assert (
        np.array_equal(column(again, "label")[:200], column(cloud, "label")) and not column(again, "label")[200:].any()
    )


@pytest.fixture
def solid(tmp_path: Path) -> MeshDoc:
    """A mesh with normals, colours and a texture."""
    mesh = ball()
    Picture.new("RGB", (4, 4), (9, 80, 200)).save(tmp_path / "cache-texture.png")
    with Shelf(tmp_path / "kept", "a") as shelf:
        uv = np.random.default_rng(4).random((42, 2))
        at, faces, colours = (np.asarray(one) for one in (mesh.vertices, mesh.faces, mesh.visual.vertex_colors))
        texture = str(tmp_path / "cache-texture.png")
        return keep_mesh(shelf, at, faces, normals=at, uv=uv, colours=colours, texture=texture)


@pytest.mark.parametrize("ending", WRITE_ENDINGS["mesh"])
def test_that_a_mesh_comes_back_with_what_its_format_keeps(tmp_path: Path, solid: MeshDoc, ending: str) -> None:
    write(tmp_path / f"out{ending}", WriteThing(solid, "ball", TURNED))
    (one,) = read(tmp_path / f"out{ending}").things
    doc, matrix = one.thing, np.array(TURNED).reshape(4, 4)
    assert isinstance(doc, MeshDoc)
    place = np.array(one.placement).reshape(4, 4)
    vertices = np.load(doc.vertices).astype(float) @ place[:3, :3].T + place[:3, 3]
    expected = np.load(solid.vertices).astype(float) @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(vertices[np.load(doc.faces)] - expected[np.load(solid.faces)]).max() < 1e-5
    if ending in (".ply", ".obj", ".glb"):
        assert np.allclose(np.load(doc.uv)[np.load(doc.faces)], np.load(solid.uv)[np.load(solid.faces)], atol=1e-6)
        with Picture.open(doc.texture) as picture:
            assert picture.getpixel((2, 2))[:3] == (9, 80, 200)
    if ending in (".ply", ".obj", ".off"):
        assert np.array_equal(
            np.load(doc.colours)[np.load(doc.faces)][..., :3], np.load(solid.colours)[np.load(solid.faces)][..., :3]
        )
    if ending in (".ply", ".obj"):
        turned = np.load(doc.normals)[np.load(doc.faces)]
        about_z = np.load(solid.normals) @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
        assert np.allclose(turned, about_z[np.load(solid.faces)], atol=1e-6)


@pytest.mark.parametrize("ending", [".ply", ".obj", ".stl", ".glb", ".off"])
def test_that_trimesh_reads_our_meshes(tmp_path: Path, ending: str) -> None:
    mesh = ball(colours=False)
    mesh.export(tmp_path / "in.ply")
    write(tmp_path / f"out{ending}", thing(tmp_path / "in.ply"))
    theirs = trimesh.load_mesh(tmp_path / f"out{ending}", process=False)
    expected = mesh.vertices[mesh.faces].astype(np.float32)
    if ending == ".glb":
        theirs = trimesh.load_scene(tmp_path / "out.glb", process=False).to_geometry()
        expected = expected[..., [0, 2, 1]] * [1, 1, -1]
    assert np.array_equal(theirs.vertices[theirs.faces].astype(np.float32), expected)
    assert theirs.is_watertight or ending == ".stl"


def test_that_meshes_keep_their_names_and_places_in_one_file(tmp_path: Path, solid: MeshDoc) -> None:
    pair = WriteThing(solid, "one"), WriteThing(solid, "two", TURNED)
    for ending in (".glb", ".obj"):
        write(tmp_path / f"both{ending}", *pair)
        found = read(tmp_path / f"both{ending}").things
        assert [(one.name, one.parent) for one in found] == [("one", "both"), ("two", "both")]
    write(tmp_path / "both.stl", *pair)
    doc = thing(tmp_path / "both.stl")
    assert doc.face_count == 160 and doc.high[2] == pytest.approx(32, abs=1e-5)


def test_that_a_mirrored_mesh_still_shows_its_outside(tmp_path: Path, solid: MeshDoc) -> None:
    mirrored: Placement = (-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    write(tmp_path / "out.stl", WriteThing(solid, placement=mirrored))
    assert trimesh.load_mesh(tmp_path / "out.stl").volume > 3


def test_that_coordinates_in_the_millions_survive(tmp_path: Path) -> None:
    mesh = ball(colours=False)
    mesh.apply_translation([512_345.25, 5_400_000.5, 300])
    mesh.export(tmp_path / "in.obj", digits=6)
    doc = thing(tmp_path / "in.obj")
    assert doc.origin[0] > 512_000 and max(map(abs, doc.low)) < 400
    for ending, within in ((".ply", 1e-6), (".obj", 1e-6), (".glb", 1e-6), (".stl", 0.5)):
        done = write(tmp_path / f"out{ending}", doc)
        (one,) = read(tmp_path / f"out{ending}").things
        place, again = np.array(one.placement).reshape(4, 4), one.thing
        at = (np.load(again.vertices).astype(float) + again.origin) @ place[:3, :3].T + place[:3, 3]
        expected = np.load(doc.vertices).astype(float) + doc.origin
        assert np.abs(at[np.load(again.faces)] - expected[np.load(doc.faces)]).max() <= within
        assert ("keeps them to 0.5" in " ".join(done.notes)) == (ending == ".stl")


@pytest.mark.parametrize("ending", WRITE_ENDINGS["volume"])
def test_that_volumes_keep_values_and_geometry(tmp_path: Path, ending: str) -> None:
    values = np.random.default_rng(3).integers(-900, 900, (4, 5, 6)).astype(np.int16)
    affine = np.array([[0, -2.0, 0, 10], [3, 0, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "in.nii.gz")
    doc = thing(tmp_path / "in.nii.gz")
    write(tmp_path / f"out{ending}", doc)
    again = thing(tmp_path / f"out{ending}")
    assert np.array_equal(np.load(again.file.path), values.T)
    geometry, other = again.file.meta.geometry, doc.file.meta.geometry
    for name in ("spacing_mm", "origin_mm", "direction"):
        assert getattr(geometry, name) == pytest.approx(getattr(other, name))
    if ending in (".nii", ".nii.gz"):
        assert np.allclose(nibabel.load(tmp_path / f"out{ending}").affine, affine)
    elif ending != ".npz":
        assert sitk.ReadImage(str(tmp_path / f"out{ending}")).GetSpacing() == pytest.approx((3, 2, 4))
    write(tmp_path / f"moved{ending}", WriteThing(doc, placement=TURNED))
    assert thing(tmp_path / f"moved{ending}").file.meta.geometry.spacing_mm == pytest.approx((6, 4, 8))


def test_that_grids_are_written_as_nerf_mae_keeps_them(tmp_path: Path) -> None:
    rgba = write_grid(tmp_path / "in.npz")
    doc = thing(tmp_path / "in.npz")
    write(tmp_path / "out.npz", doc)
    with np.load(tmp_path / "out.npz") as held:
        assert held["rgbsigma"].dtype == np.float32 and held["resolution"].tolist() == [3, 4, 5]
        assert np.array_equal(held["rgbsigma"].reshape(5, 4, 3, 4).transpose(2, 1, 0, 3), rgba)
        assert (
            held["bbox_max"].tolist() == [1.5, 2, 2.5] and held["scale"] == 1 and str(held["density_kind"]) == "alpha"
        )
    again = thing(tmp_path / "out.npz")
    assert np.array_equal(np.load(again.grid), rgba) and again.meta.high == doc.meta.high and again.notes == ()
    theirs, meta = gridfiles.read_grid(tmp_path / "out.npz")
    assert np.array_equal(theirs, rgba) and meta.high == doc.meta.high
    gridfiles.write_grid(tmp_path / "theirs.npz", rgba, meta)
    read_back = thing(tmp_path / "theirs.npz")
    assert np.array_equal(np.load(read_back.grid), rgba) and read_back.meta.high == meta.high
    with pytest.raises(InputError, match="as it stands"):
        write(tmp_path / "turned.npz", WriteThing(doc, placement=TURNED))


def test_that_measures_are_written_as_a_table_in_the_numbers_of_the_file(tmp_path: Path) -> None:
    moved = (2, 0, 0, 4e5, 0, 2, 0, 5e6, 0, 0, 2, 0, 0, 0, 0, 1)
    one = WriteThing(MeasureDoc(((0, 0, 0), (3, 4, 0))), "wall, long", moved)
    other = WriteThing(MeasureDoc(((1, 0, 0), (0, 0, 0), (0, 2, 0))), "corner")
    write_scene(SceneWriteWish((one, other), str(tmp_path / "out.csv"), unit="mm"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [(row["name"], row["kind"], float(row["value"]), row["unit"]) for row in rows] == [
        ("wall, long", "distance", pytest.approx(10), "mm"), ("corner", "angle", pytest.approx(90), "degrees"),
    ]  # fmt: skip
    assert (float(rows[0]["x2"]), float(rows[0]["y2"]), rows[0]["x3"]) == (400_006, 5_000_008, "")


def test_that_boxes_turn_with_their_placement(tmp_path: Path) -> None:
    boxes = BoxesDoc((Box((1.0, 0.0, 0.0), (1.0, 2.0, 3.0), 0.25, "chair", 0.5),), ("chair",))
    write(tmp_path / "out.json", WriteThing(boxes, placement=TURNED))
    (box,) = thing(tmp_path / "out.json").boxes
    assert box.centre == pytest.approx((10, 22, 30)) and box.size == pytest.approx((2, 4, 6))
    assert box.yaw_rad == pytest.approx(0.25 + np.pi / 2) and (box.label, box.score) == ("chair", 0.5)
    done = write(tmp_path / "out.npy", boxes)
    assert np.load(tmp_path / "out.npy").tolist() == [[1, 0, 0, 1, 2, 3, 0.25]] and "Labels" in done.notes[0]
    tipped: Placement = (1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    with pytest.raises(InputError, match="as it stands"):
        write(tmp_path / "tipped.json", WriteThing(boxes, placement=tipped))


def test_that_photographs_and_their_points_are_read_and_written(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos").parent
    (one,) = read_scene(folder, tmp_path / "cache").things
    assert one.name == "photos" and isinstance(one.thing, CamerasDoc) and len(one.thing.images) == 4
    (again,) = read_scene(folder / "transforms.json", tmp_path / "cache").things
    assert again.thing == one.thing
    write(tmp_path / "out.json", one.thing)
    (back,) = read_scene(tmp_path / "out.json", tmp_path / "cache").things
    assert [image.path for image in back.thing.images] == [image.path for image in one.thing.images]
    assert np.allclose([image.pose for image in back.thing.images], [image.pose for image in one.thing.images])
    cameras = [Camera(1, "PINHOLE", WIDTH, HEIGHT, [20.0, 20.5, 8.25, 6.125])]
    image = Path(one.thing.images[0].path).relative_to(folder).as_posix()
    shot = Image(1, [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0], 1, image)
    write_text(folder, cameras, [shot], [Point(1, [1.0, 2.0, 3.0], (9, 8, 7))])
    (folder / "transforms.json").unlink()
    photographs, points = read_scene(folder, tmp_path / "cache").things
    assert photographs.parent == points.parent == "photos" and isinstance(points.thing, PointsDoc)
    assert column(points.thing, "colour").tolist() == [[9, 8, 7]]


def test_that_nothing_open_or_unasked_is_written_over(tmp_path: Path, cloud: PointsDoc) -> None:
    source = tmp_path / "in.ply"
    held = source.read_bytes()
    (tmp_path / "link.ply").symlink_to(source)
    for out in (source, tmp_path / "link.ply"):
        with pytest.raises(InputError, match="open in the scene"):
            write(out, cloud, replace=True, open_files=(str(source),))
    with pytest.raises(InputError, match="already"):
        write(source, cloud)
    with pytest.raises(InputError, match="cannot be written as") as caught:
        write(tmp_path / "out.lsa", cloud)
    assert "Did you mean '.la" in caught.value.fix
    with pytest.raises(InputError, match="no such folder"):
        write(tmp_path / "gone" / "out.ply", cloud)
    assert source.read_bytes() == held
    write(source, cloud, replace=True)
    assert np.array_equal(places(thing(source)), places(cloud))


def test_that_a_failed_writing_leaves_the_old_file(
    tmp_path: Path, cloud: PointsDoc, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.ply").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workbench.engine.scenes.writingpoints._records", full)
    with pytest.raises(KnownTrouble, match="could not be written"):
        write(tmp_path / "out.ply", cloud, replace=True)
    assert (tmp_path / "out.ply").read_bytes() == b"old"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".writing")]


def test_that_a_stopped_writing_leaves_nothing(tmp_path: Path, cloud: PointsDoc) -> None:
    def stop(done: int, of: int, words: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scene(SceneWriteWish((WriteThing(cloud),), str(tmp_path / "out.laz")), stop)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cache", "in.ply"]
