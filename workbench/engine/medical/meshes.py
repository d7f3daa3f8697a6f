"""Label surfaces: marching cubes in LPS millimetres, smoothed without shrinking, as STL or PLY."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage, sparse
from skimage.measure import marching_cubes

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry
from workbench.engine.medical.geometry import affine_of

PASSES = 20
INWARD, OUTWARD = 0.5, -0.53
"""Taubin's pair of steps: the second undoes the shrinking of the first (Taubin, SIGGRAPH 1995)."""


class Surface(NamedTuple):
    """Triangles with outward normals: `points` (N, 3) in LPS mm, `faces` (M, 3) indices into them."""

    points: np.ndarray
    faces: np.ndarray


def surface(labels: np.ndarray, value: int, geometry: Geometry, *, smooth: bool = False) -> Surface:
    """The closed surface of one label of a (z, y, x) array; `smooth` takes the steps of the voxels out.

    Raises InputError when no voxel bears the label.
    """
    where = ndimage.find_objects((labels == value).astype(np.uint8))
    if not where or where[0] is None:
        raise InputError(
            "There is no voxel of this label.", expected="a label that occurs in the mask", received=str(value),
            fix="Choose another label, or paint it first.", field="label",
        )  # fmt: skip
    box = where[0]
    # A margin of background closes the surface where the label touches the edge of the volume.
    mask = np.pad(labels[box] == value, 1).astype(np.float32)
    corners, faces, _, _ = marching_cubes(mask, 0.5)
    index = corners[:, ::-1] + np.array([box[2].start, box[1].start, box[0].start]) - 1
    if smooth:
        index = _smoothed(index, faces)
    affine = affine_of(geometry)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    return Surface(points, faces if _volume(points, faces) > 0 else faces[:, ::-1])


def _smoothed(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    count = len(points)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    links = sparse.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    links = ((links + links.T) > 0).astype(float)
    mean = sparse.diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links
    for _ in range(PASSES):
        for step in (INWARD, OUTWARD):
            points = points + step * (mean @ points - points)
    return points


def _volume(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, corner]] - points[0] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6


def volume_ml(one: Surface) -> float:
    """What a surface encloses, in millilitres."""
    return _volume(one.points, one.faces) / 1000


def write_stl(one: Surface, out: Path) -> Path:
    """A binary STL in LPS millimetres; the header says so as 3D Slicer reads it."""
    triangles = one.points[one.faces].astype("<f4")
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    record = np.zeros(len(triangles), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    record["normal"], record["corners"] = normals, triangles
    with out.open("wb") as file:
        file.write(b"Transfer Workbench label surface; SPACE=LPS; unit mm".ljust(80))
        file.write(np.uint32(len(triangles)).astype("<u4").tobytes() + record.tobytes())
    return out


def write_ply(one: Surface, out: Path, *, colour: str = "") -> Path:
    """A binary PLY in LPS millimetres, every point in `colour` (#rrggbb) where one is given."""
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)] if len(colour) == 7 else []
    fields += [(name, "u1") for name in ("red", "green", "blue")] if rgb else []
    points = np.zeros(len(one.points), dtype=fields)
    for axis, name in enumerate("xyz"):
        points[name] = one.points[:, axis]
    for name, part in zip(("red", "green", "blue"), rgb, strict=False):
        points[name] = part
    faces = np.zeros(len(one.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, one.faces
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", "comment SPACE=LPS unit mm", f"element vertex {len(points)}"]
    header += [f"property {kinds[kind]} {name}" for name, kind in fields]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header\n"]
    with out.open("wb") as file:
        file.write("\n".join(header).encode("ascii") + points.tobytes() + faces.tobytes())
    return out
