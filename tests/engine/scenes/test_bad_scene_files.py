"""Damaged and hostile files of things in space are refused with what is wrong, in little time and memory."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh
from PIL import Image

from tests.engine.scenes.scenefiles import OBJ, ball, damages, pcd, write_all, write_las
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import PointsDoc
from workbench.engine.scenes import keeping
from workbench.engine.scenes.reading import read_scene


def refused(path: Path) -> InputError:
    """The InputError of a file, which names it and costs next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            read_scene(path, path.parent / "cache")
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()
    error = caught.value
    assert error.place.startswith(path.name) and error.expected and error.received and error.fix
    assert not [one for one in (path.parent / "cache").glob("*") if one.suffix in (".npy", ".tmp")]
    return error


def test_that_hundreds_of_damaged_files_are_data_or_refused(tmp_path: Path) -> None:
    files = write_all(tmp_path / "whole")
    for path in files.values():
        assert read_scene(path, tmp_path / "cache").things
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {"read": 0, "refused": 0}
    for name, data in damages(files, rounds=12, seed=90):
        path = tmp_path / "whole" / f"damaged-{name}"
        path.write_bytes(data)
        try:
            read_scene(path, tmp_path / "cache")
            outcomes["read"] += 1
        except (InputError, KnownTrouble):
            outcomes["refused"] += 1
        path.unlink()
    assert sum(outcomes.values()) == 12 * len(files) and min(outcomes.values()) > 50
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 300
    assert not list((tmp_path / "cache").glob("*.tmp"))


HEAD = "ply\nformat {form} 1.0\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n"


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_that_a_ply_of_a_billion_claimed_vertices_is_refused_at_once(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.ply").write_bytes((HEAD.format(form=form, count=10**9) + "end_header\n").encode() + bytes(120))
    assert "1\u202f000\u202f000\u202f000" in refused(tmp_path / "a.ply").expected


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        ("element face 1\nproperty list int int vertex_indices\nend_header\n", "1 of face|lists that the file holds"),
        ("element face 1\nproperty list float int vertex_indices\nend_header\n", "whole numbers"),
        ("property float x\nend_header\n", "different names"),
        ("property list wide int x\nend_header\n", "property TYPE NAME"),
        ("property list x\nend_header\n", "property TYPE NAME"),
        ("nonsense\nend_header\n", "element or property"),
        ("element face -3\nend_header\n", "element NAME COUNT"),
        ("", "end_header"),
    ],
)
def test_that_odd_ply_headers_are_refused(tmp_path: Path, tail: str, told: str) -> None:
    data = (HEAD.format(form="binary_little_endian", count=1) + tail).encode()
    (tmp_path / "a.ply").write_bytes(data + bytes(12) + struct.pack("<i", 1 << 30))
    assert any(one in refused(tmp_path / "a.ply").expected for one in told.split("|"))


def test_that_faces_that_point_outside_the_vertices_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.off").write_text("OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 0 1 7\n")
    error = refused(tmp_path / "a.off")
    assert error.place == "a.off, face 1" and "7 in face 1" in error.received and "0 to 2" in error.expected
    (tmp_path / "a.obj").write_text(OBJ.replace("f -3 -2 -1", "f -3 -2 -9"))
    error = refused(tmp_path / "a.obj")
    assert error.place == "a.obj, line 18" and "-9" in error.received
    mesh = ball(colours=False)
    data = mesh.export(file_type="ply")
    (tmp_path / "a.ply").write_bytes(data[:-4] + struct.pack("<i", -2))
    assert refused(tmp_path / "a.ply").place == "a.ply, face 79"


def test_that_meshes_of_nothing_are_refused_or_read_as_points(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("# nothing\no empty\n")
    assert "vertex" in refused(tmp_path / "a.obj").expected
    (tmp_path / "b.obj").write_text("v 0 0 0 1 0 0\nv 1 0 0 0 0.5 1\n")
    found = read_scene(tmp_path / "b.obj", tmp_path / "cache2")
    assert found.things[0].thing.columns[0].kind == "colour" and "read as points" in found.notes[0]
    (tmp_path / "a.off").write_text("OFF\n0 0 0\n")
    assert "no face" in refused(tmp_path / "a.off").what
    (tmp_path / "a.stl").write_bytes(b"solid x".ljust(80) + bytes(4))
    assert "triangle" in refused(tmp_path / "a.stl").expected
    (tmp_path / "b.ply").write_bytes((HEAD.format(form="ascii", count=0) + "end_header\n").encode())
    assert "no point" in refused(tmp_path / "b.ply").what
    tail = "element face 0\nproperty list uchar int vertex_indices\nend_header\n1 2 3\n"
    (tmp_path / "c.ply").write_bytes((HEAD.format(form="ascii", count=1) + tail).encode())
    (one,) = read_scene(tmp_path / "c.ply", tmp_path / "cache2").things
    assert isinstance(one.thing, PointsDoc) and one.thing.count == 1


def test_that_what_las_headers_claim_is_checked_before_it_is_allocated(tmp_path: Path) -> None:
    write_las(tmp_path / "a.las")
    data = bytearray((tmp_path / "a.las").read_bytes())
    data[247:255] = struct.pack("<Q", 10**12)
    (tmp_path / "a.las").write_bytes(data)
    assert "1\u202f000\u202f000\u202f000\u202f000" in refused(tmp_path / "a.las").expected
    write_las(tmp_path / "a.laz")
    data = bytearray((tmp_path / "a.laz").read_bytes())
    begins = struct.unpack_from("<I", data, 96)[0]
    table = struct.unpack_from("<q", data, begins)[0]
    struct.pack_into("<I", data, table + 4, 0xFFFFFFFF)  # lazrs would allocate 64 GB and abort
    (tmp_path / "a.laz").write_bytes(data)
    assert "4\u202f294\u202f967\u202f295 pieces" in refused(tmp_path / "a.laz").received


def test_that_packed_points_that_cannot_be_are_refused(tmp_path: Path) -> None:
    data = pcd("binary_compressed").replace(b"POINTS 50", b"POINTS 5000000")
    (tmp_path / "a.pcd").write_bytes(data)
    assert "points" in refused(tmp_path / "a.pcd").expected
    (tmp_path / "b.pcd").write_bytes(pcd("binary")[:-5])
    assert "50 points" in refused(tmp_path / "b.pcd").expected


def test_that_archives_that_unpack_to_too_much_or_need_pickles_are_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**10, 4)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rgbsigma.npy", header.getvalue() + bytes(1 << 20))
    assert "160\u202f000\u202f000" in refused(tmp_path / "a.npz").expected
    np.savez(tmp_path / "b.npz", rgbsigma=np.array([{"a": 1}], dtype=object))
    assert refused(tmp_path / "b.npz").received == "object"
    np.savez(tmp_path / "c.npz", rgbsigma=np.zeros((24, 4)), resolution=[2, 3, 5])
    assert refused(tmp_path / "c.npz").received == "24"
    np.savez(tmp_path / "d.npz", one=np.zeros((2, 2, 2)), two=np.zeros((2, 2, 2)))
    assert "'volume'" in refused(tmp_path / "d.npz").expected


def edited(path: Path, change: Callable[[dict], None]) -> None:
    """A glTF with its description changed."""
    for name, data in trimesh.exchange.gltf.export_gltf(ball().scene()).items():
        (path.parent / name).write_bytes(data)
    described = json.loads((path.parent / "model.gltf").read_text())
    change(described)
    path.write_text(json.dumps(described))


def test_that_a_gltf_neither_allocates_nor_walks_nor_reads_what_it_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.gltf"
    edited(path, lambda one: one["accessors"].append({"count": 10**9, "type": "VEC4", "componentType": 5126}))
    assert "16\u202f000\u202f000\u202f000" in refused(path).expected
    edited(path, lambda one: one["nodes"].append({"children": [len(one["nodes"])]}))
    assert "circles" in refused(path).expected or "tree" in refused(path).expected
    edited(path, lambda one: one["buffers"][0].update(uri="../../../../etc/hostname"))
    assert "beside it" in refused(path).expected
    edited(path, lambda one: one["meshes"][0]["primitives"][0]["attributes"].update(POSITION=99))
    refused(path)


def test_that_text_without_lines_or_with_foreign_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"1 2 3\n" + b"1 " * 100_000)
    assert "longer" in refused(tmp_path / "a.xyz").received
    (tmp_path / "b.csv").write_bytes(b"x,y,z\n1,2,3\n" + bytes(80))
    assert "no text" in refused(tmp_path / "b.csv").received
    (tmp_path / "c.csv").write_text("name,age\nanna,3\n")
    refused(tmp_path / "c.csv")
    (tmp_path / "d.txt").write_text("1 2 3\n4 5 6\n7 8 9 10 11\n")
    assert "line 3" in refused(tmp_path / "d.txt").received
    (tmp_path / "e.csv").write_text("lat,temperature,time\n1,2,3\n")
    assert "lat, temperature, time" in refused(tmp_path / "e.csv").received


def test_that_a_meta_image_of_impossible_axes_never_reaches_itk(tmp_path: Path) -> None:
    text = "ObjectType = Image\nNDims = 99999999999999\nDimSize = 1 1 1\n"
    text += "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(text.encode() + bytes(8))
    assert "NDims" in refused(tmp_path / "a.mha").received
    (tmp_path / "a.mha").write_bytes(text.replace("99999999999999", "3").replace("1 1 1", "1 1").encode() + bytes(8))
    assert "DimSize" in refused(tmp_path / "a.mha").received


def test_that_a_texture_of_too_many_pixels_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "stuff.mtl").write_text("newmtl painted\nmap_Kd wood.png\n")
    picture = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(picture, "PNG")
    (tmp_path / "wood.png").write_bytes(picture.getvalue())
    found = read_scene(tmp_path / "a.obj", tmp_path / "cache")
    assert not found.things[0].thing.texture and any("wood.png" in note for note in found.notes)


def test_that_other_things_are_refused_with_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.blend").write_bytes(b"BLENDER")
    assert ".glb" in refused(tmp_path / "a.blend").expected
    (tmp_path / "a.plx").write_bytes(b"x")
    assert "Did you mean '.pl" in refused(tmp_path / "a.plx").fix
    (tmp_path / "empty.obj").write_bytes(b"")
    assert "empty" in refused(tmp_path / "empty.obj").what
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder")
    refused(tmp_path / "gone.ply")
    (tmp_path / "wrong.obj").write_bytes(ball().export(file_type="glb"))
    assert read_scene(tmp_path / "wrong.obj", tmp_path / "cache").things  # told by its first bytes


@pytest.mark.parametrize("ending", ["obj", "ply", "stl", "off", "glb"])
def test_that_a_mesh_for_which_there_is_no_memory_is_told_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    ball().export(tmp_path / f"a.{ending}")
    size = (tmp_path / f"a.{ending}").stat().st_size
    monkeypatch.setattr(keeping.psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * size))
    with pytest.raises(KnownTrouble, match="not enough memory") as caught:
        read_scene(tmp_path / f"a.{ending}", tmp_path / "cache")
    assert caught.value.place == f"a.{ending}"


def test_that_a_pipe_and_a_file_that_may_not_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe.ply"
    os.mkfifo(pipe)
    with pytest.raises(InputError) as refused:
        read_scene(pipe, tmp_path / "shelf")  # waiting for somebody to write into it would never end
    assert "neither a file nor a folder" in refused.value.received
    (tmp_path / "a.ply").write_text("ply\n")

    def denied(self: Path, *_args: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(KnownTrouble) as told:
        read_scene(tmp_path / "a.ply", tmp_path / "shelf")
    assert told.value.received == "Permission denied" and "permissions" in told.value.fix
