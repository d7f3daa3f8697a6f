"""PLY files to and from plyfile, which reads and writes any elements and properties as its header declares them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from tests.engine.scenes.scenefiles import ball, ply_cloud
from tests.engine.scenes.test_scene_reading import column, places
from tests.engine.scenes.test_scene_writing import thing, write
from workbench.core.scenes import MeshDoc, PointsDoc

FORMS = [(False, "<"), (False, ">"), (True, "=")]
"""Binary in both byte orders, and text."""


def rows() -> NDArray[np.void]:
    """Properties of every scalar type of the format, whole numbers at the ends of what each holds."""
    chance = np.random.default_rng(8)
    kinds = [("x", "f8"), ("y", "f8"), ("z", "f4"), ("a", "i1"), ("b", "u1"), ("c", "i2"), ("d", "u2"), ("e", "i4"),
             ("f", "u4"), ("g", "f4"), ("h", "f8")]  # fmt: skip
    found = np.zeros(64, kinds)
    for name, kind in kinds:
        limits = None if kind[0] == "f" else np.iinfo(kind)
        found[name] = chance.normal(size=64) if limits is None else chance.integers(limits.min, limits.max, 64)
        if limits is not None:
            found[name][:2] = limits.min, limits.max
    return found


@pytest.mark.parametrize(("text", "order"), FORMS)
def test_that_clouds_of_plyfile_are_read_exactly(tmp_path: Path, text: bool, order: str) -> None:
    values = rows()
    camera = PlyElement.describe(np.array([(1.5, 2)], [("view_px", "f4"), ("viewportx", "i4")]), "camera")
    PlyData([PlyElement.describe(values, "vertex"), camera], text=text, byte_order=order, comments=["by plyfile"],
            obj_info=["of no matter"]).write(str(tmp_path / "a.ply"))  # fmt: skip
    doc = thing(tmp_path / "a.ply")
    assert isinstance(doc, PointsDoc) and (doc.count, doc.of) == (64, 64)
    assert np.array_equal(places(doc).astype(np.float32), np.stack([values[one] for one in "xyz"], 1, dtype=np.float32))
    for name in "abcdefgh":
        assert np.array_equal(column(doc, name), values[name]), name


@pytest.mark.parametrize(("text", "order"), FORMS)
def test_that_meshes_of_plyfile_are_read_exactly_with_their_polygons_divided(
    tmp_path: Path, text: bool, order: str
) -> None:
    square = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 0.5, 2)], [(one, "f4") for one in "xyz"])
    faces = np.array([([0, 3, 2, 1],), ([0, 1, 4],), ([1, 2, 4],), ([2, 3, 4],), ([3, 0, 4],)],
                     [("vertex_indices", "O")])  # fmt: skip
    described = PlyElement.describe(faces, "face", val_types={"vertex_indices": "u4"},
                                    len_types={"vertex_indices": "u2"})  # fmt: skip
    PlyData([PlyElement.describe(square, "vertex"), described], text=text, byte_order=order).write(
        str(tmp_path / "a.ply")
    )
    doc = thing(tmp_path / "a.ply")
    assert isinstance(doc, MeshDoc) and (doc.vertex_count, doc.face_count) == (5, 6)
    vertices, found = np.load(doc.vertices), np.load(doc.faces)
    corners = vertices[found]
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(2 / 3) and {tuple(one) for one in vertices.tolist()} == {
        tuple(map(float, one)) for one in square.tolist()
    }


def test_that_plyfile_reads_our_clouds_exactly(tmp_path: Path) -> None:
    data, source = ply_cloud()
    (tmp_path / "in.ply").write_bytes(data)
    cloud = thing(tmp_path / "in.ply")
    write(tmp_path / "out.ply", cloud)
    found = PlyData.read(str(tmp_path / "out.ply"))["vertex"]
    assert np.array_equal(np.stack([found[one] for one in "xyz"], 1), places(cloud))
    for name in ("red", "green", "blue", "nx", "ny", "nz", "label"):
        assert np.array_equal(found[name], source[name]), name
    (time,) = (name for name in found.data.dtype.names if name.endswith("Time"))
    assert np.array_equal(found[time], source["scalar_Time"])


def test_that_plyfile_reads_our_meshes_exactly(tmp_path: Path) -> None:
    mesh = ball()
    mesh.export(tmp_path / "in.ply")
    solid = thing(tmp_path / "in.ply")
    write(tmp_path / "out.ply", solid)
    found = PlyData.read(str(tmp_path / "out.ply"))
    faces = np.stack(found["face"].data[found["face"].properties[0].name])
    corners = np.stack([found["vertex"][one] for one in "xyz"], 1)[faces]
    assert np.array_equal(corners, np.load(solid.vertices)[np.load(solid.faces)])
    colours = np.stack([found["vertex"][one] for one in ("red", "green", "blue")], 1)[faces]
    assert np.array_equal(colours, np.load(solid.colours)[np.load(solid.faces)][..., :3])
