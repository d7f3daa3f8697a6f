"""Meshes mended: vertices merged, bad faces out, pieces and holes, faces turned alike."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.sceneprocess import CleanMesh, Fact
from workbench.engine.scenes.processingarrays import Indices, Numbers, Outcome, Say, Surface, open3d
from workbench.engine.scenes.processingmeshes import (
    areas_of,
    edges_of,
    facts_of,
    legacy_mesh,
    only_used,
    pieces_of,
    volume_of,
    with_normals,
)


def clean(made: Surface, p: CleanMesh, say: Say) -> Outcome:
    """A mesh without double vertices and faces, faces without area, faces too many at an edge, crumbs and holes.

    Vertices at one place stay apart where their texture coordinates differ: a seam needs both.
    """
    before = facts_of(made)
    facts = [Fact(f"{one.name} before", one.value, one.unit, one.text) for one in before if one.name != "area"]
    say(0.1, "merging vertices")
    found = merged(made, p.merge)
    told = [Fact("vertices merged", len(made.vertices) - len(found.vertices))]
    say(0.3, "taking out faces")
    found = _only(found, _has_area(found), told, "faces without area")
    found = _only(found, _first_of_each(found.faces), told, "double faces")
    if p.edges:
        found = _only(found, _two_to_an_edge(found), told, "faces too many at an edge")
    if p.smallest:
        found = _only(found, _large(found, p.smallest), told, "faces of small pieces")
    if not len(found.faces):
        raise InputError("Nothing is left of this mesh.", expected="faces with an area", received="none",
                         fix="Merge less, or keep smaller pieces.", field="merge")  # fmt: skip
    notes: list[str] = []
    if p.holes:
        say(0.6, "closing holes")
        count = len(found.faces)
        found = filled(found, p.holes)
        told.append(Fact("faces that close holes", len(found.faces) - count))
    if p.turn:
        say(0.8, "turning faces")
        found = turned_alike(found, notes)
    found = with_normals(only_used(found))
    return Outcome(surfaces=[("cleaned", found)], facts=[*told, *facts_of(found), *facts], notes=notes)


def _only(made: Surface, kept: NDArray[np.bool_], told: list[Fact], what: str) -> Surface:
    told.append(Fact(what, int((~kept).sum())))
    return dataclasses.replace(made, faces=made.faces[kept])


def merged(made: Surface, distance: float) -> Surface:
    """Vertices that are close (0: at the same place) and have the same texture coordinates made one."""
    if distance > 0:
        group = _groups(made.vertices, distance)
    else:
        group = np.unique(made.vertices, axis=0, return_inverse=True)[1].ravel()
    if made.uv is not None:
        pairs = np.concatenate([group[:, None].astype(np.float64), made.uv.astype(np.float64)], axis=1)
        group = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    _, first, group = np.unique(group, return_index=True, return_inverse=True)

    def of(array: NDArray[Any] | None) -> Any:
        return array[first] if array is not None else None

    return Surface(made.vertices[first], group.ravel()[made.faces].astype(np.int64), of(made.normals), of(made.colours),
                   of(made.uv), made.texture)  # fmt: skip


def _groups(vertices: Numbers, distance: float) -> Indices:
    """To which of the earliest vertices within the distance each one goes; none goes farther than that."""
    from scipy.spatial import cKDTree

    goes = np.arange(len(vertices))
    pairs = cKDTree(vertices).query_pairs(distance, output_type="ndarray")
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    taken = np.zeros(len(vertices), bool)
    for one, two in pairs:
        if not taken[one] and not taken[two]:
            goes[two], taken[two] = one, True
    return goes


def _has_area(made: Surface) -> NDArray[np.bool_]:
    one, two, three = made.faces.T
    apart = (one != two) & (two != three) & (three != one)
    found: NDArray[np.bool_] = apart & (areas_of(made.vertices, made.faces) > 0)
    return found


def _first_of_each(faces: Indices) -> NDArray[np.bool_]:
    kept = np.zeros(len(faces), bool)
    kept[np.unique(np.sort(faces, axis=1), axis=0, return_index=True)[1]] = True
    return kept


def _two_to_an_edge(made: Surface) -> NDArray[np.bool_]:
    """Faces left where each edge keeps its two largest ones."""
    edges = edges_of(made.faces)
    area = np.repeat(areas_of(made.vertices, made.faces), 3)
    flat = edges.of_face.ravel()
    order = np.lexsort((-area, flat))
    starts = np.cumsum(edges.counts) - edges.counts
    rank = np.empty(len(flat), np.int64)
    rank[order] = np.arange(len(flat)) - np.repeat(starts, edges.counts)
    return np.asarray((rank < 2).reshape(-1, 3).all(axis=1))


def _large(made: Surface, share: float) -> NDArray[np.bool_]:
    if not len(made.faces):
        return np.zeros(0, bool)
    piece = pieces_of(made.faces, edges_of(made.faces))
    sizes = np.bincount(piece)
    large: NDArray[np.bool_] = sizes[piece] >= share * sizes.max()
    return large


def filled(made: Surface, radius: float) -> Surface:
    """With holes closed whose rim fits into a ball of this radius; new faces have the old vertices."""
    from scipy.spatial import cKDTree

    o3d = open3d()
    middle = made.vertices.mean(axis=0)
    local = np.ascontiguousarray(made.vertices - middle, np.float32)
    mesh = o3d.t.geometry.TriangleMesh.from_legacy(legacy_mesh(Surface(local.astype(np.float64), made.faces)))
    closed = mesh.fill_holes(radius).to_legacy()
    places, faces = np.asarray(closed.vertices), np.asarray(closed.triangles, np.int64)
    _, which = cKDTree(local).query(places)
    faces = which[faces].astype(np.int64)
    known = {tuple(one) for one in np.sort(made.faces, axis=1).tolist()}
    new = [at for at, one in enumerate(np.sort(faces, axis=1).tolist()) if tuple(one) not in known]
    return dataclasses.replace(made, faces=np.concatenate([made.faces, faces[new]]))


def turned_alike(made: Surface, notes: list[str]) -> Surface:
    """Faces whose neighbours agree on the outside, closed meshes with it outside; told where there is no such way."""
    mesh = legacy_mesh(dataclasses.replace(made, uv=None, texture="", colours=None))
    if not mesh.orient_triangles():
        notes.append("Its faces cannot all agree on an outside (as on a Möbius strip, or where edges have many faces)")
        return made
    found = dataclasses.replace(made, faces=np.asarray(mesh.triangles, np.int64))
    closed = bool((edges_of(found.faces).counts == 2).all())
    if closed and volume_of(found) < 0:
        found = dataclasses.replace(found, faces=found.faces[:, ::-1])
    return found
