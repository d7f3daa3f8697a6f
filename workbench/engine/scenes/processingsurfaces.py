"""Meshes of clouds: Poisson's, alpha shapes, and a rolling ball."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from workbench.core.problem import InputError
from workbench.core.sceneprocess import Fact, SurfaceOf
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Numbers,
    Outcome,
    Say,
    Surface,
    Values,
    extents,
    need_breadth,
    need_points,
    open3d,
    size_of,
    spacing_of,
)
from workbench.engine.scenes.processingclouds import legacy, oriented, voxel_means
from workbench.engine.scenes.processingmeshes import facts_of, without_loose

MOST = {"poisson": 3_000_000, "alpha shape": 300_000, "ball pivoting": 500_000}
"""Points that each method works on: a triangulation of space, or a tree of cells, of more does not fit into memory."""
FLAT = 1e-5
ALPHA_SPACINGS, BALL_SPACINGS = 6.0, 2.0
"""Of points by chance the median spacing is half of what evenly laid ones would have."""


def surface(cloud: Cloud, p: SurfaceOf, say: Say) -> Outcome:
    """A mesh of a cloud: screened Poisson reconstruction (Kazhdan and Hoppe 2013), an alpha shape (Edelsbrunner and
    Mücke 1994) or ball pivoting (Bernardini et al. 1999). Colours come from the nearest points.

    Clouds beyond what a method takes in are thinned first, which a note tells, as it tells of normals made here.
    """
    need_points(cloud, 4, "A mesh")
    need_breadth(cloud, "A mesh")
    notes: list[str] = []
    say(0.02, "measuring the spacing")
    used = _fitting(cloud, p, notes)
    spacing = spacing_of(used.points)
    if p.method == "alpha shape":
        made = _alpha(used, p.alpha or ALPHA_SPACINGS * spacing, say)
    else:
        used = _with_normals(used, p, notes, say)
        make = _poisson if p.method == "poisson" else _ball
        made = make(used, p, spacing, say)
    if not len(made.faces):
        raise InputError("No surface came out of this.", expected="triangles", received="none",
                         fix="Raise the radius of the ball, or choose another method.", field="method")  # fmt: skip
    say(0.9, "colouring")
    made = _coloured(made, used)
    return Outcome(surfaces=[("surface", made)], notes=notes,
                   facts=[*facts_of(made), Fact("spacing", spacing, "scene units")])  # fmt: skip


def _fitting(cloud: Cloud, p: SurfaceOf, notes: list[str]) -> Cloud:
    """As many points as the method takes: for Poisson those of half its finest cells lose nothing."""
    side = size_of(cloud.points) / 2 ** (p.depth + 2) if p.method == "poisson" else 0.0
    used = voxel_means(cloud, side) if side and len(cloud) > 200_000 else cloud
    while len(used) > MOST[p.method]:
        side = max(side * 1.5, size_of(cloud.points) / 2000)
        used = voxel_means(cloud, side)
    if len(used) < len(cloud):
        notes.append(f"Made of {spaced(len(used))} means of the {spaced(len(cloud))} points, in cells of {side:.3g}")
    return used


def _with_normals(cloud: Cloud, p: SurfaceOf, notes: list[str], say: Say) -> Cloud:
    known = cloud.column("normal")
    if known is not None and np.abs(known.array).sum(axis=1).all():
        return cloud
    notes.append("The cloud had no normals: they were made, and turned alike")
    found = oriented(cloud.points, min(p.neighbours, len(cloud)), "consistent", say)
    return cloud.having(Values("normal", "normal", found))


@dataclasses.dataclass(frozen=True)
class _Frame:
    """The middle and the size of a cloud: the solvers have single precision inside, so they work on a unit box."""

    middle: Numbers
    size: float

    def inside(self, cloud: Cloud) -> Any:
        """Open3D's cloud in the box."""
        normals = cloud.column("normal")
        return legacy((cloud.points - self.middle) / self.size, normals.array if normals is not None else None)

    def surface(self, mesh: Any) -> Surface:
        """An Open3D mesh of the box, without vertices that no face has, where the cloud is."""
        mesh.remove_degenerate_triangles()
        mesh.remove_unreferenced_vertices()
        mesh.compute_vertex_normals()
        vertices = np.asarray(mesh.vertices, np.float64)
        faces = np.asarray(mesh.triangles, np.int64).reshape(-1, 3)
        if not len(faces) or not np.isfinite(vertices).all():
            return Surface(vertices[:0], faces[:0])
        return Surface(vertices * self.size + self.middle, faces, np.asarray(mesh.vertex_normals, np.float32))


def _frame(cloud: Cloud) -> _Frame:
    return _Frame(cloud.points.mean(axis=0), size_of(cloud.points))


def _poisson(cloud: Cloud, p: SurfaceOf, spacing: float, say: Say) -> Surface:
    from scipy.spatial import cKDTree

    if extents(cloud.points)[2] < FLAT * extents(cloud.points)[0]:
        raise InputError("A flat cloud encloses nothing.", expected="points in space", received="points in a plane",
                         fix="Choose ball pivoting.", field="method")  # fmt: skip
    frame = _frame(cloud)
    say(0.5, f"solving for the surface, depth {p.depth}")
    make = open3d().geometry.TriangleMesh.create_from_point_cloud_poisson
    # With more threads it ends the process now and then (isl-org/Open3D#6828).
    mesh, _ = make(frame.inside(cloud), depth=p.depth, n_threads=1)
    made = frame.surface(mesh)
    if p.trim and len(made.vertices):
        far, _ = cKDTree(cloud.points).query(made.vertices, workers=-1)
        made = without_loose(made, (far <= p.trim * spacing)[made.faces].all(axis=1))
    return made


def _alpha(cloud: Cloud, alpha: float, say: Say) -> Surface:
    if extents(cloud.points)[2] < FLAT * extents(cloud.points)[0]:
        raise InputError("A flat cloud has no alpha shape in space.", expected="points in space",
                         received="points in a plane", fix="Choose ball pivoting.", field="method")  # fmt: skip
    frame = _frame(cloud)
    say(0.3, "triangulating space")
    try:
        make = open3d().geometry.TriangleMesh.create_from_point_cloud_alpha_shape
        mesh = make(frame.inside(cloud), alpha / frame.size)
    except RuntimeError as error:
        raise InputError("These points cannot be triangulated.", expected="points in general position",
                         received=str(error).strip().splitlines()[-1][:200], fix="Choose another method.",
                         field="method") from None  # fmt: skip
    if len(mesh.triangles):
        mesh.orient_triangles()
    return _outwards(frame.surface(mesh))


def _outwards(made: Surface) -> Surface:
    """Faces turned as a whole so that the volume they enclose counts as positive."""
    if not len(made.faces):
        return made
    corners = made.vertices[made.faces] - made.vertices.mean(axis=0)
    volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return made if volume >= 0 else dataclasses.replace(made, faces=made.faces[:, ::-1])


def _ball(cloud: Cloud, p: SurfaceOf, spacing: float, say: Say) -> Surface:
    o3d = open3d()
    frame = _frame(cloud)
    smallest = (p.radius or BALL_SPACINGS * spacing) / frame.size
    say(0.5, "rolling the ball")
    radii = o3d.utility.DoubleVector([smallest, 2 * smallest, 4 * smallest])
    return frame.surface(o3d.geometry.TriangleMesh.create_from_point_cloud_ball_pivoting(frame.inside(cloud), radii))


def _coloured(made: Surface, cloud: Cloud) -> Surface:
    from scipy.spatial import cKDTree

    colours = cloud.column("colour")
    if colours is None:
        return made
    _, nearest = cKDTree(cloud.points).query(made.vertices, workers=-1)
    rgb = np.asarray(colours.array[nearest], np.uint8)
    full = np.full((len(rgb), 1), 255, np.uint8)
    return dataclasses.replace(made, colours=np.concatenate([rgb, full], axis=1))
