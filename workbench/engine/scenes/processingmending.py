"""Meshes mended: vertices merged, bad faces out, pieces and holes, faces turned alike."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.sceneprocess import CleanMesh, Fact
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import Indices, Numbers, Outcome, Say, Surface, only_used
from workbench.engine.scenes.processingmeshes import (
    areas_of,
    edges_of,
    facts_of,
    legacy_mesh,
    pieces_of,
    volume_of,
    with_normals,
)
from workbench.engine.scenes.processingparts import neighbours_within

LONGEST_RIM = 300
MOST_PAIRS = 20_000_000
"""Pairs of close vertices that are in memory at once (16 bytes each)."""


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
    if p.turn:
        say(0.5, "turning faces")
        found = turned_alike(found, notes)
    if p.holes:
        say(0.7, "closing holes")
        found, count = filled(found, p.holes, notes)
        told.append(Fact("holes closed", count))
    if p.turn:
        found = outwards(found)
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

    near = neighbours_within(vertices, distance)
    if near > MOST_PAIRS:
        raise InputError("So many vertices would become one that this is no mesh any more.",
                         expected="a distance below the length of most edges",
                         received=f"about {spaced(near / len(vertices))} vertices within {distance:.4g} of each",
                         fix="Choose a smaller distance.", field="merge")  # fmt: skip
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


def filled(made: Surface, radius: float, notes: list[str]) -> tuple[Surface, int]:
    """With holes closed whose rim fits into a ball of this radius, and how many; new faces have the old vertices.

    Each hole gets the triangles of the least area (Barequet and Sharir 1995, dynamic programming over the rim).
    Open3D's filler numbers all vertices anew and loses what they carry.
    """
    new, long = [np.empty((0, 3), np.int64)], 0
    for rim in rims_of(made.faces):
        at = made.vertices[rim]
        if np.linalg.norm(at - at.mean(axis=0), axis=1).max() > radius:
            continue
        if len(rim) > LONGEST_RIM:
            long += 1
            continue
        new.append(rim[::-1][_least_area(at[::-1])])
    if long:
        notes.append(f"{spaced(long)} holes stay open: their rims have more than {LONGEST_RIM} edges")
    return dataclasses.replace(made, faces=np.concatenate([made.faces, *new])), len(new) - 1


def rims_of(faces: Indices) -> list[Indices]:
    """The vertices around each hole, in the order in which the faces beside it go along their open edges.

    Rims that touch themselves at a vertex are left out: nothing tells which way they go on there.
    """
    sides = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    edges = edges_of(faces)
    start, end = sides[edges.counts[edges.of_face.ravel()] == 1].T
    values, counts = np.unique(start, return_counts=True)
    crossed = set(values[counts > 1].tolist())
    follows = {int(one): int(two) for one, two in zip(start, end, strict=True)}
    rims = []
    while follows:
        first, at = follows.popitem()
        rim = [first]
        while at != first and at in follows:
            rim.append(at)
            at = follows.pop(at)
        if at == first and len(rim) > 2 and not crossed.intersection(rim):
            rims.append(np.array(rim))
    return rims


def _least_area(rim: Numbers) -> Indices:
    """Triangles (R − 2, 3), as places in a rim (R, 3), that close it with the least area."""
    count = len(rim)
    cost, best = np.zeros((count, count)), np.zeros((count, count), np.int64)
    for span in range(2, count):
        for one in range(count - span):
            two = one + span
            middle = np.arange(one + 1, two)
            area = np.linalg.norm(np.cross(rim[middle] - rim[one], rim[two] - rim[one]), axis=1)
            total = cost[one, middle] + cost[middle, two] + area
            best[one, two] = middle[int(np.argmin(total))]
            cost[one, two] = total.min()
    found, open_ = [], [(0, count - 1)]
    while open_:
        one, two = open_.pop()
        if two - one > 1:
            middle_one = int(best[one, two])
            found.append((one, middle_one, two))
            open_ += [(one, middle_one), (middle_one, two)]
    return np.array(found, np.int64)


def turned_alike(made: Surface, notes: list[str]) -> Surface:
    """Faces whose neighbours agree on which side is out; told where there is no such way."""
    mesh = legacy_mesh(dataclasses.replace(made, uv=None, texture="", colours=None))
    if not mesh.orient_triangles():
        notes.append("Its faces cannot all agree on an outside (as on a Möbius strip, or where edges have many faces)")
        return made
    return dataclasses.replace(made, faces=np.asarray(mesh.triangles, np.int64))


def outwards(made: Surface) -> Surface:
    """A closed mesh with its outside outside: the whole of it turned where it encloses less than nothing."""
    closed = bool((edges_of(made.faces).counts == 2).all())
    return dataclasses.replace(made, faces=made.faces[:, ::-1]) if closed and volume_of(made) < 0 else made
