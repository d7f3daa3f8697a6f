"""PLY files of runs: what is written comes back, what other programs write is taken, damage is told."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.store.ply import read_ply, write_ply

VERTEX = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("intensity", "<u2"), ("time", "<f8")])


def vertices(count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    found = np.zeros(count, VERTEX)
    for name in VERTEX.names:
        found[name] = rng.integers(0, 250, count)
    return found


def test_that_points_and_faces_come_back_as_they_were_written(tmp_path):
    faces = np.array([[0, 1, 2], [2, 3, 4]])
    write_ply(tmp_path / "mesh.ply", vertices(5), faces)
    found = read_ply(tmp_path / "mesh.ply")
    assert (found.vertices == vertices(5)).all() and (found.faces == faces).all()
    assert found.columns("x", "y", "z").shape == (5, 3) and found.columns("x", "green") is None
    write_ply(tmp_path / "cloud.ply", vertices(3))
    assert read_ply(tmp_path / "cloud.ply").faces is None


def test_that_ascii_quads_of_another_program_become_triangles(tmp_path):
    lines = ["ply", "format ascii 1.0", "comment made elsewhere", "element vertex 4", "property float x",
             "property float y", "property float z", "element face 1", "property list uchar int vertex_index",
             "end_header", "0 0 0", "1 0 0", "1 1 0.5", "0 1 0", "4 0 1 2 3", ""]  # fmt: skip
    (tmp_path / "quad.ply").write_text("\n".join(lines))
    found = read_ply(tmp_path / "quad.ply")
    assert found.faces.tolist() == [[0, 1, 2], [0, 2, 3]] and found.vertices["z"].tolist() == [0, 0, 0.5, 0]


@pytest.mark.parametrize("damage", ["cut", "corner", "nothing", "format", "gone"])
def test_that_damage_is_told_with_the_file(tmp_path, damage):
    path = tmp_path / "mesh.ply"
    write_ply(path, vertices(5), np.array([[0, 1, 9 if damage == "corner" else 2]]))
    whole = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(whole[:-4])
        case "nothing":
            path.write_bytes(b"")
        case "format":
            path.write_bytes(whole.replace(b"little", b"middle"))
        case "gone":
            path.unlink()
    with pytest.raises(InputError) as told:
        read_ply(path)
    assert told.value.place == str(path) and told.value.expected and told.value.received
