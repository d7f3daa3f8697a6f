"""Files that other libraries write are read back exactly, and what was done to them is told."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import laspy
import nibabel
import numpy as np
import pytest
import trimesh
from PIL import Image

from tests.engine.scenes.scenefiles import MTL, OBJ, ball, pcd, ply_cloud, write_grid, write_las
from workbench.core.problem import InputError
from workbench.core.scenefiles import SceneWriteWish, WriteThing
from workbench.core.scenes import BoxesDoc, MeshDoc, PointsDoc, RadianceDoc, VolumeDoc
from workbench.engine.scenes import reading, readingtext
from workbench.engine.scenes.keeping import Shelf
from workbench.engine.scenes.polygons import Polygons, triangles
from workbench.engine.scenes.reading import files_of, read_scene
from workbench.engine.scenes.readingpcd import unpack_lzf
from workbench.engine.scenes.writing import write_scene


def read(path: Path, **more: Any) -> Any:
    """The only thing of a file."""
    (one,) = read_scene(path, path.parent / "cache", **more).things
    return one.thing


def column(doc: PointsDoc, name: str) -> np.ndarray:
    """A column in the file's order."""
    (one,) = (one for one in doc.columns if one.name == name)
    return in_order(doc, one.path)


def in_order(doc: PointsDoc, path: str) -> np.ndarray:
    found = np.load(path)
    out = np.empty_like(found)
    out[np.load(doc.order)] = found
    return out


def places(doc: PointsDoc) -> np.ndarray:
    """All positions in double precision, in the file's order."""
    return in_order(doc, doc.positions).astype(np.float64) + doc.origin


@pytest.mark.parametrize(("order", "text"), [("<", False), (">", False), ("<", True)])
def test_that_every_property_of_a_ply_cloud_is_kept_in_any_byte_order(tmp_path: Path, order: str, text: bool) -> None:
    data, rows = ply_cloud(order, text=text)
    (tmp_path / "a.ply").write_bytes(data)
    doc = read(tmp_path / "a.ply")
    assert (doc.count, doc.of, doc.notes) == (200, 200, ())
    assert np.array_equal(places(doc), np.stack([rows[one].astype(np.float32) for one in "xyz"], 1))
    colours = np.stack([rows[one] for one in ("red", "green", "blue")], 1)
    assert np.array_equal(column(doc, "colour"), colours)
    assert np.allclose(column(doc, "normals"), np.stack([rows[f"n{one}"] for one in "xyz"], 1), rtol=1e-7)
    assert np.array_equal(column(doc, "label"), rows["label"]) and np.array_equal(
        column(doc, "Time"), rows["scalar_Time"]
    )
    kinds = {one.name: (one.kind, one.low, one.high) for one in doc.columns}
    assert kinds["label"] == ("class", rows["label"].min(), rows["label"].max())
    assert kinds["Time"][0] == "scalar"
    label = next(one for one in doc.columns if one.name == "label")
    assert label.present == tuple(np.unique(rows["label"]).tolist())


def test_that_points_lie_in_an_order_of_which_every_beginning_is_an_even_sample(tmp_path: Path) -> None:
    along = np.arange(20_000, dtype=np.float32)
    trimesh.PointCloud(np.stack([along, along * 0, along * 0], 1)).export(tmp_path / "line.ply")
    doc = read(tmp_path / "line.ply")
    first = np.sort(np.load(doc.positions)[:500, 0])
    assert np.array_equal(np.sort(np.load(doc.order)), np.arange(20_000))
    assert np.diff(first).max() < 20_000 / 500 * 12 and 9_000 < first.mean() < 11_000
    again = read_scene(tmp_path / "line.ply", tmp_path / "elsewhere").things[0].thing
    assert np.array_equal(np.load(again.positions), np.load(doc.positions))


def test_that_a_large_cloud_is_sampled_along_the_file_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.engine.scenes.plyrows.CHUNK", 700)
    along = np.arange(10_000, dtype=np.float32)
    trimesh.PointCloud(np.stack([along, along, along], 1)).export(tmp_path / "line.ply")
    doc = read(tmp_path / "line.ply", most_points=1000)
    assert (doc.count, doc.of) == (1000, 10_000) and "sample of 1\u202f000 of 10\u202f000" in doc.notes[0]
    at = np.sort(np.load(doc.positions)[:, 0])
    assert len(np.unique(at)) == 1000 and np.array_equal(np.histogram(at, 10, (0, 10_000))[0] > 80, np.ones(10, bool))
    assert np.array_equal(np.load(doc.order), np.load(doc.positions)[:, 0])


def test_that_of_a_cloud_that_is_larger_than_memory_a_sample_is_read_and_told_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimesh.PointCloud(np.random.default_rng(0).normal(size=(5000, 3))).export(tmp_path / "a.ply")
    monkeypatch.setattr(reading, "LEAST_POINTS", 16)
    free = reading.BYTES_A_POINT * 2 * 1500
    monkeypatch.setattr(reading.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    doc = read(tmp_path / "a.ply")
    assert (doc.count, doc.of) == (1024, 5000) and "sample of 1\u202f024 of 5\u202f000" in doc.notes[0]
    free *= 100
    assert read(tmp_path / "a.ply").count == 5000


def test_that_points_that_are_no_numbers_are_left_out_and_told(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(90, 3)).astype(np.float32)
    rows[[3, 50], 1] = np.nan, np.inf
    trimesh.PointCloud(rows, colors=np.arange(360).reshape(90, 4) % 255).export(tmp_path / "a.ply")
    doc = read(tmp_path / "a.ply")
    assert doc.count == 88 and doc.notes == ("2 points left out: not finite",)
    order = np.load(doc.order)
    assert set(range(90)) - set(order.tolist()) == {3, 50}
    assert np.array_equal(np.load(doc.positions), rows[order])
    (colour,) = (one for one in doc.columns if one.kind == "colour")
    assert np.array_equal(np.load(colour.path), (np.arange(360).reshape(90, 4) % 255)[order, :3])


@pytest.mark.parametrize("ending", ["las", "laz"])
def test_that_las_and_laz_are_read_as_laspy_reads_them(tmp_path: Path, ending: str) -> None:
    cloud = write_las(tmp_path / f"a.{ending}")
    doc = read(tmp_path / f"a.{ending}")
    assert all(one == round(one) for one in doc.origin) and doc.origin[0] > 600_000
    assert np.abs(places(doc) - cloud.xyz).max() < 1e-4
    for name in ("intensity", "classification", "return_number", "gps_time", "height above ground"):
        assert np.array_equal(column(doc, name), np.asarray(cloud[name])), name
    assert np.array_equal(column(doc, "colour")[:, 0], np.asarray(cloud.red) // 257)
    classes = next(one for one in doc.columns if one.name == "classification")
    assert classes.kind == "class" and classes.names["2"] == "ground" and classes.names["6"] == "building"
    assert set(classes.names) == {str(one) for one in np.unique(cloud.classification)}
    assert classes.present == tuple(np.unique(cloud.classification).tolist())
    assert "user_data" not in {one.name for one in doc.columns}  # 0 throughout


def test_that_the_unit_of_a_las_is_what_its_reference_system_says(tmp_path: Path) -> None:
    def unit(*records: Any) -> str:
        cloud = write_las(tmp_path / "a.las")
        cloud.header.vlrs.extend(records)
        cloud.write(tmp_path / "a.las")
        return read_scene(tmp_path / "a.las", tmp_path / "cache").unit

    text = 'PROJCS["x",GEOGCS["g",UNIT["degree",0.017]],PROJECTION["p"],UNIT["{}",1],AXIS["E",EAST]]'
    known = laspy.vlrs.known
    assert unit() == ""
    assert unit(known.WktCoordinateSystemVlr(text.format("metre"))) == "m"
    assert unit(known.WktCoordinateSystemVlr(text.format("US survey foot"))) == "ft"
    keys = known.GeoKeyDirectoryVlr()
    (entry,) = keys.geo_keys
    entry.id, entry.tiff_tag_location, entry.count, entry.value_offset = 3076, 0, 1, 9001
    keys.geo_keys_header.number_of_keys = 1
    assert unit(keys) == "m"


def test_that_colours_of_eight_bits_in_las_stay_as_they_are(tmp_path: Path) -> None:
    cloud = laspy.LasData(laspy.LasHeader(point_format=2, version="1.2"))
    cloud.x, cloud.y, cloud.z = np.zeros((3, 4)) + np.arange(4)
    cloud.red, cloud.green, cloud.blue = np.array([[0, 3, 200, 255]] * 3)
    cloud.write(tmp_path / "a.las")
    assert column(read(tmp_path / "a.las"), "colour")[:, 1].tolist() == [0, 3, 200, 255]


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
def test_that_pcd_files_of_every_kind_hold_the_same(tmp_path: Path, data: str) -> None:
    (tmp_path / "a.pcd").write_bytes(pcd(data))
    doc = read(tmp_path / "a.pcd")
    chance = np.random.default_rng(6)
    assert np.array_equal(places(doc), chance.normal(size=(50, 3)).astype("<f4"))
    rgb = chance.integers(0, 1 << 24, 50)
    assert np.array_equal(column(doc, "colour"), np.stack([rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255], 1))


def test_that_lzf_repeats_what_came_before(tmp_path: Path) -> None:
    # "abc", then six bytes from three back, then nine (a long match) from one back.
    packed = bytes([2]) + b"abc" + bytes([4 << 5, 2]) + bytes([7 << 5, 0, 0])
    with Shelf(tmp_path, "x") as shelf:
        assert unpack_lzf(packed, 18, shelf, tmp_path) == b"abcabcabc" + b"c" * 9
        with pytest.raises(InputError, match="PCD"):
            unpack_lzf(packed, 19, shelf, tmp_path)


@pytest.mark.parametrize(
    ("text", "names", "second"),
    [
        ("1 2 3\n4 5 6\n", [], (4, 5, 6)),
        ("//X Y Z R G B\n1 2 3 255 0 0\n4 5 6 1 2 3\n", ["colour"], (4, 5, 6)),
        ("Id,Y [m],X [m],Z [m],class\n7,2,1,3,1\n8,5,4,6,2\n", ["Id", "class"], (4, 5, 6)),
        ("1,5;2,5;3,25\n4,5;5,5;6,25\n", [], (4.5, 5.5, 6.25)),
        ("2\n1 2 3 -70 1 2 200\n4 5 6 50 9 9 9\n", ["colour", "intensity"], (4, 5, 6)),
        ("1 2 3 0 0 1\n4 5 6 0.6 0.8 0\n", ["normals"], (4, 5, 6)),
        ("easting\tnorthing\televation\tr\tg\tb\n1\t2\t3\t65535\t0\t0\n4\t5\t6\t257\t0\t0\n", ["colour"], (4, 5, 6)),
    ],
)  # fmt: skip
def test_that_columns_of_text_are_told_by_names_or_by_their_numbers(
    tmp_path: Path, text: str, names: list[str], second: tuple[float, ...]
) -> None:
    (tmp_path / "a.txt").write_text(text)
    doc = read(tmp_path / "a.txt")
    assert doc.count == 2 and tuple(places(doc)[1]) == second
    assert [one.name for one in doc.columns] == names
    if "65535" in text:
        assert column(doc, "colour")[:, 0].tolist() == [255, 1]


def test_that_text_in_the_millions_keeps_its_millimetres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readingtext, "ROWS", 7)
    values = np.round(np.random.default_rng(2).uniform([512_000, 5_400_000, 0], [512_300, 5_400_300, 300], (40, 3)), 3)
    (tmp_path / "a.csv").write_text("x,y,z\n" + "\n".join(",".join(map(str, row)) for row in values.tolist()))
    doc = read(tmp_path / "a.csv")
    assert doc.origin[:2] == (round(doc.origin[0]), round(doc.origin[1])) and np.abs(doc.low).max() < 1000
    assert np.abs(places(doc) - values).max() < 2e-5


@pytest.mark.parametrize("ending", ["ply", "off", "obj", "stl", "glb"])
def test_that_meshes_of_trimesh_are_read_exactly(tmp_path: Path, ending: str) -> None:
    mesh = ball(colours=ending not in ("stl",))
    mesh.export(tmp_path / f"a.{ending}")
    doc = read(tmp_path / f"a.{ending}")
    vertices, faces = np.load(doc.vertices), np.load(doc.faces)
    assert (doc.vertex_count, doc.face_count) == (42, 80) and doc.notes == ()
    assert np.allclose(
        vertices[faces], mesh.vertices[mesh.faces].astype(np.float32), atol=5e-9 if ending != "obj" else 1e-7
    )
    if doc.colours:
        solid = ending in ("obj",)
        expected = np.asarray(mesh.visual.vertex_colors)[mesh.faces]
        assert np.array_equal(np.load(doc.colours)[faces][..., : 3 if solid else 4], expected[..., : 3 if solid else 4])
    assert bool(doc.colours) == (ending in ("ply", "obj", "glb"))


def test_that_ascii_stl_and_ascii_ply_give_the_same_mesh(tmp_path: Path) -> None:
    mesh = ball(colours=False)
    (tmp_path / "a.stl").write_text(trimesh.exchange.stl.export_stl_ascii(mesh))
    (tmp_path / "a.ply").write_bytes(mesh.export(file_type="ply", encoding="ascii"))
    for name in ("a.stl", "a.ply"):
        doc = read(tmp_path / name)
        assert doc.vertex_count == 42
        assert np.allclose(np.load(doc.vertices)[np.load(doc.faces)], mesh.vertices[mesh.faces], atol=1e-6)


def test_that_an_obj_becomes_a_mesh_for_each_object_with_its_texture_and_colour(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "stuff.mtl").write_text(MTL)
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "wood.png")
    found = read_scene(tmp_path / "a.obj", tmp_path / "cache")
    (box, wedge) = found.things
    assert [(one.name, one.parent) for one in found.things] == [("box", "a"), ("wedge", "a")]
    assert isinstance(box.thing, MeshDoc) and isinstance(wedge.thing, MeshDoc)
    with Image.open(box.thing.texture) as picture:
        assert picture.getpixel((1, 1)) == (10, 200, 30)
    uv, at = np.load(box.thing.uv), np.load(box.thing.vertices)
    assert np.array_equal(uv, at[:, :2]) and box.thing.face_count == 2
    assert np.load(wedge.thing.vertices)[:, 2].tolist() == [1, 1, 1]  # indices counted back from the end
    assert np.array_equal(np.load(wedge.thing.colours), [[255, 128, 0, 255]] * 3) and not wedge.thing.texture
    # Another picture under the same name: the file beside has changed.
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "wood.png")
    again = read_scene(tmp_path / "a.obj", tmp_path / "cache").things[0].thing
    with Image.open(again.texture) as picture:
        assert picture.getpixel((1, 1)) == (1, 2, 3)


def test_that_an_obj_reads_no_file_outside_its_folder(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.obj").write_text(OBJ)
    (tmp_path / "in" / "stuff.mtl").write_text(MTL.replace("wood.png", "../secret.png"))
    found = read_scene(tmp_path / "in" / "a.obj", tmp_path / "cache")
    assert not found.things[0].thing.texture and "not beside the file" in found.notes[-1]


def test_that_nodes_of_a_glb_stand_where_its_graph_says_with_z_up(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    lifted = trimesh.transformations.translation_matrix([0, 5, 0])
    scene.add_geometry(ball(), node_name="low", geom_name="ball")
    scene.graph.update("high", "low", geometry="ball", matrix=lifted)
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb"))
    found = read_scene(tmp_path / "a.glb", tmp_path / "cache")
    at = {one.name: np.array(one.placement).reshape(4, 4) for one in found.things}
    (around,) = found.groups  # the node of a mesh below which another stands
    assert set(at) == {"low", "high"} and around.name == "low" and {one.parent for one in found.things} == {around.id}
    assert np.allclose(at["high"] @ [0, 0, 0, 1], [0, 0, 5, 1]) and np.allclose(at["low"] @ [0, 1, 0, 0], [0, 0, 1, 0])
    assert found.things[0].thing == found.things[1].thing  # the mesh is kept once
    assert "y is up" in found.notes[0]


def test_that_the_groups_of_a_glb_are_read_with_their_places_and_written_again(tmp_path: Path) -> None:
    scene, lifted = trimesh.Scene(), trimesh.transformations.translation_matrix([0, 5, 0])
    turned = trimesh.transformations.rotation_matrix(0.5, [1, 2, 3])
    scene.graph.update(frame_from="world", frame_to="room", matrix=lifted)
    scene.graph.update(frame_from="room", frame_to="desk", matrix=turned)
    scene.graph.update(frame_from="room", frame_to="nothing in it")
    scene.add_geometry(ball(), node_name="lamp", geom_name="lamp", parent_node_name="desk", transform=lifted)
    scene.add_geometry(ball(), node_name="chair", geom_name="chair", parent_node_name="room")
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb"))
    found = read_scene(tmp_path / "a.glb", tmp_path / "cache")
    names = {one.id: one.name for one in found.groups}
    assert [(one.name, names.get(one.parent, "")) for one in found.groups] == [("room", ""), ("desk", "room")]
    assert {one.name: names[one.parent] for one in found.things} == {"lamp": "desk", "chair": "room"}
    assert np.allclose(np.reshape(found.groups[0].placement, (4, 4))[:3, 3], [0, 0, 5])  # z is up inside groups too
    things = tuple(WriteThing(one.thing, one.name, one.placement, parent=one.parent) for one in found.things)
    write_scene(SceneWriteWish(things, str(tmp_path / "b.glb"), groups=found.groups))
    again = trimesh.load_scene(tmp_path / "b.glb", process=False)
    assert again.graph.transforms.parents == {"room": "world", "desk": "room", "lamp": "desk", "chair": "room"}
    for name in ("room", "desk", "lamp", "chair"):
        assert np.allclose(again.graph.get(name)[0], scene.graph.get(name)[0], atol=1e-12)
    once_more = read_scene(tmp_path / "b.glb", tmp_path / "cache")
    assert [one.name for one in once_more.groups] == ["room", "desk"]


def test_that_a_textured_glb_brings_its_picture(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), (200, 10, 20))
    uv = np.random.default_rng(0).random((42, 2)).astype(np.float32)
    mesh = ball(colours=False)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    (tmp_path / "a.glb").write_bytes(mesh.export(file_type="glb"))
    doc = read(tmp_path / "a.glb")
    assert np.allclose(np.load(doc.uv), uv, atol=1e-6)
    with Image.open(doc.texture) as found:
        assert found.getpixel((3, 3))[:3] == (200, 10, 20)


def test_that_odd_meshes_are_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "fins.off").write_text(
        "OFF\n5 4 0\n0 0 0\n1 0 0\n0 1 0\n0 -1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 1 4\n3 2 2 3\n"
    )
    notes = read(tmp_path / "fins.off").notes
    assert notes == ("1 face with the same corner twice", "Not a manifold: 1 edge of more than two faces")
    (tmp_path / "nan.off").write_text("OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\nnan 0 0\n3 0 1 2\n3 0 1 3\n")
    doc = read(tmp_path / "nan.off")
    assert doc.notes == ("1 vertex not finite: 1 face left out",) and (doc.vertex_count, doc.face_count) == (3, 1)


def test_that_polygons_are_divided_inside_themselves() -> None:
    def area(vertices: np.ndarray, faces: np.ndarray) -> float:
        a, b, c = (vertices[faces[:, at]] for at in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    for radius, tilt in itertools.product((np.ones(60), 1 + 0.6 * np.cos(5 * t)), (0.0, 0.7)):
        flat = np.stack([radius * np.cos(t), radius * np.sin(t)], 1)
        vertices = np.column_stack([flat, tilt * flat[:, 0]])
        polygons = Polygons("x")
        polygons.add(np.array([60]), np.arange(60))
        x, y = flat.T
        exact = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2 * np.hypot(1, tilt)
        faces = triangles(polygons, vertices, [])
        assert len(faces) == 58 and area(vertices, faces) == pytest.approx(exact)
    dart = np.array([[0, 0, 0], [2, 1, 0], [0, 0.4, 0], [-2, 1, 0.0]])  # folded at its third corner
    polygons = Polygons("x")
    polygons.add(np.array([4]), np.arange(4))
    assert area(dart, triangles(polygons, dart, [])) == pytest.approx(0.8)


def test_that_a_million_corners_are_divided_where_convex_and_refused_where_not() -> None:
    t = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    for wave, fine in ((0.0, True), (0.5, False)):
        radius = 1 + wave * np.cos(7 * t)
        polygons = Polygons("vast.ply")
        polygons.add(np.array([len(t)]), np.arange(len(t)))
        vertices = np.stack([radius * np.cos(t), radius * np.sin(t), 0 * t], 1)
        if fine:
            assert len(triangles(polygons, vertices, [])) == 999_998
        else:
            with pytest.raises(InputError, match="too large"):
                triangles(polygons, vertices, [])


def test_that_volumes_keep_their_geometry(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    affine = np.array([[0, -2.0, 0, 10], [3, 0, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    doc = read(tmp_path / "a.nii.gz")
    assert isinstance(doc, VolumeDoc) and np.array_equal(np.load(doc.file.path), values.T)
    geometry = doc.file.meta.geometry
    assert geometry.spacing_mm == pytest.approx((3, 2, 4)) and geometry.origin_mm == pytest.approx((-10, -20, 30))
    np.savez(tmp_path / "b.npz", volume=values, spacing_mm=[1, 2, 3], origin_mm=[4, 5, 6])
    doc = read(tmp_path / "b.npz")
    assert np.array_equal(np.load(doc.file.path), values) and doc.file.meta.geometry.origin_mm == (4, 5, 6)


def test_that_a_raw_grid_is_read_with_x_fastest_and_its_boxes_beside(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "obb").mkdir()
    rgba = write_grid(tmp_path / "features" / "room.npz")
    np.save(tmp_path / "obb" / "room.npy", np.array([[1.5, 2, 2.5, 1, 2, 3, 0.25]]))
    found = read_scene(tmp_path / "features" / "room.npz", tmp_path / "cache")
    grid, boxes = (one.thing for one in found.things)
    assert isinstance(grid, RadianceDoc) and isinstance(boxes, BoxesDoc)
    assert grid.shape == (3, 4, 5) and np.array_equal(np.load(grid.grid), rgba)
    assert grid.meta.high == (1.5, 2.0, 2.5) and grid.meta.density == "alpha" and "taken for alpha" in grid.notes[0]
    (box,) = boxes.boxes
    assert box.centre == (0.75, 1.0, 1.25) and box.size == (0.5, 1.0, 1.5) and box.yaw_rad == 0.25


def test_that_what_instant_ngp_extracts_is_turned_upright(tmp_path: Path) -> None:
    write_grid(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as held:
        facts = dict(held)
    flat = facts["rgbsigma"].copy()
    flat[:, 3] = flat[:, 3] * 9 - 6
    scale, offset = 0.5, np.array([0.5, 0.5, 0.5])
    np.savez(tmp_path / "b.npz", **{**facts, "from_mitsuba": False, "rgbsigma": flat, "scale": scale, "offset": offset})
    doc = read(tmp_path / "b.npz")
    raw = flat.reshape(5, 4, 3, 4).transpose(2, 1, 0, 3)
    assert doc.shape == (5, 3, 4) and np.array_equal(np.load(doc.grid), raw.transpose(2, 0, 1, 3))
    assert doc.meta.density == "exp" and np.allclose(doc.meta.low, -1) and np.allclose(doc.meta.high, [4, 2, 3])


def test_that_splats_are_read_as_points_with_their_base_colours(tmp_path: Path) -> None:
    names = ["x", "y", "z", *(f"f_dc_{at}" for at in range(3)), *(f"f_rest_{at}" for at in range(9)), "opacity",
             "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]  # fmt: skip
    rows = np.zeros((5, len(names)), "<f4")
    rows[:, :3], rows[:, 3] = np.arange(15).reshape(5, 3), 1.0
    header = "".join(f"property float {name}\n" for name in names)
    start = f"ply\nformat binary_little_endian 1.0\nelement vertex 5\n{header}end_header\n".encode()
    (tmp_path / "a.ply").write_bytes(start + rows.tobytes())
    doc = read(tmp_path / "a.ply")
    assert [one.name for one in doc.columns] == ["colour", "opacity"] and "Gaussian splats" in doc.notes[0]
    assert column(doc, "colour")[0].tolist() == [199, 128, 128] and column(doc, "opacity")[0] == 0.5


def test_that_a_reading_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    ball().export(tmp_path / "a.ply")
    first = read_scene(tmp_path / "a.ply", tmp_path / "cache")
    file = Path(first.things[0].thing.vertices)
    stamp = file.stat().st_ino
    assert read_scene(tmp_path / "a.ply", tmp_path / "cache") == first and file.stat().st_ino == stamp
    file.unlink()
    assert read_scene(tmp_path / "a.ply", tmp_path / "cache") == first and file.is_file()
    ball(colours=False).export(tmp_path / "a.ply")
    assert read_scene(tmp_path / "a.ply", tmp_path / "cache").things[0].thing.vertices != str(file)


def test_that_a_stopped_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    data, _ = ply_cloud()
    (tmp_path / "a.ply").write_bytes(data)

    def stop(done: int, of: int, words: str = "") -> None:
        if words == "points":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_scene(tmp_path / "a.ply", tmp_path / "cache", told=stop)
    assert list((tmp_path / "cache").iterdir()) == []
    doc = read(tmp_path / "a.ply")
    assert all(Path(one).is_file() for one in files_of(doc))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_that_lines_may_end_in_every_way(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.xyz").write_bytes(end.join(f"{at} 0 0.5" for at in range(40)).encode())
    doc = read(tmp_path / "a.xyz")
    assert doc.count == doc.of == 40 and places(doc)[:, 0].tolist() == list(range(40))
