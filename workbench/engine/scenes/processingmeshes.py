"""Meshes mended, thinned, smoothed, and points drawn on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.sceneprocess import Decimate, Fact, SampleMesh, Smooth
from workbench.core.words import spaced
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Indices,
    Numbers,
    Outcome,
    Say,
    Surface,
    Values,
    only_used,
    open3d,
)

POISSON_FACTOR = 5
MOST_POISSON = 500_000


@dataclasses.dataclass(frozen=True)
class Edges:
    """Each edge once, as its two vertices, lower first; how many faces have it; per face its three edges."""

    ends: Indices
    counts: Indices
    of_face: Indices


def edges_of(faces: Indices) -> Edges:
    """The edges of triangles (F, 3); `of_face` is (F, 3) for the sides 0–1, 1–2 and 2–0."""
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    width = int(faces.max()) + 1 if len(faces) else 1
    keys, inverse, counts = np.unique(sides[:, 0] * width + sides[:, 1], return_inverse=True, return_counts=True)
    return Edges(np.stack([keys // width, keys % width], axis=1), counts, inverse.reshape(-1, 3))


def areas_of(vertices: Numbers, faces: Indices) -> Numbers:
    """The area of each triangle."""
    corners = vertices[faces]
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(np.linalg.norm(crossed, axis=1) / 2)


def pieces_of(faces: Indices, edges: Edges) -> Indices:
    """Which connected piece each face belongs to; faces are connected by a common edge."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(faces)
    of = np.repeat(np.arange(count), 3)
    joined = coo_matrix((np.ones(3 * count, np.int8), (of, count + edges.of_face.ravel())),
                        shape=(count + len(edges.ends),) * 2)  # fmt: skip
    _, piece = connected_components(joined, directed=False)
    return np.unique(piece[:count], return_inverse=True)[1].astype(np.int64)


def volume_of(made: Surface) -> float:
    """The volume that the faces enclose, where they are closed and face outwards."""
    corners = made.vertices[made.faces] - made.vertices.mean(axis=0)
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


def facts_of(made: Surface) -> list[Fact]:
    """Counts, area, whether the mesh is closed, and then its volume."""
    edges = edges_of(made.faces)
    rims, crowded = int((edges.counts == 1).sum()), int((edges.counts > 2).sum())
    closed = not rims and not crowded
    pieces = int(pieces_of(made.faces, edges).max()) + 1 if len(made.faces) else 0
    facts = [Fact("vertices", len(made.vertices)), Fact("faces", len(made.faces)), Fact("pieces", pieces),
             Fact("open edges", rims), Fact("edges of three or more faces", crowded),
             Fact("area", float(areas_of(made.vertices, made.faces).sum()), "square scene units"),
             Fact("closed", text="yes" if closed else "no")]  # fmt: skip
    if closed:
        facts.append(Fact("volume", abs(volume_of(made)), "cubic scene units"))
    return facts


def without_loose(made: Surface, kept: NDArray[np.bool_]) -> Surface:
    """Some of the faces, without vertices that none of them has."""
    return only_used(dataclasses.replace(made, faces=made.faces[kept]))


def with_normals(made: Surface) -> Surface:
    """With the mean of its faces' normals, weighted by their area, at each vertex."""
    corners = made.vertices[made.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(made.vertices)
    for at in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(made.faces[:, at], across[:, axis], len(total))
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    found = np.divide(total, lengths, out=np.zeros_like(total), where=lengths > 0).astype(np.float32)
    return dataclasses.replace(made, normals=found)


def vertex_colours(made: Surface) -> NDArray[np.uint8] | None:
    """Colours (V, 4) of the vertices: their own, or what the texture has there."""
    if made.colours is not None:
        return made.colours
    if made.uv is None or not made.texture or not Path(made.texture).is_file():
        return None
    return textured(made.uv, made.texture)


def textured(uv: NDArray[Any], texture: str) -> NDArray[np.uint8]:
    """The colours (N, 4) of a picture at texture coordinates (N, 2), v upwards; the picture repeats beyond its rim."""
    from PIL import Image

    with Image.open(texture) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    height, width = pixels.shape[:2]
    wrapped = uv - np.floor(uv)
    column = np.minimum((wrapped[:, 0] * width).astype(np.int64), width - 1)
    row = np.minimum(((1 - wrapped[:, 1]) * height).astype(np.int64), height - 1)
    return np.asarray(pixels[np.clip(row, 0, height - 1), column])


# Operations


def sample(made: Surface, p: SampleMesh, say: Say) -> Outcome:
    """Points on a mesh, uniformly by area, with its colours and normals; "poisson disk" leaves those of five times as
    many that stand most apart (sample elimination, Yuksel 2015, as Open3D has it)."""
    count = min(p.count, MOST_POISSON) if p.method == "poisson disk" else p.count
    notes = [f"Poisson-disk sampling gives at most {spaced(count)} points"] if count < p.count else []
    rng = np.random.default_rng(p.seed)
    say(0.05, "drawing points")
    drawn = drawn_on(made, count * (POISSON_FACTOR if p.method == "poisson disk" else 1), rng)
    if p.method == "poisson disk":
        say(0.3, "leaving those that stand most apart")
        drawn = drawn.at(_most_apart(made, drawn.points, count, rng))
    area = float(areas_of(made.vertices, made.faces).sum())
    facts = [Fact("points", len(drawn)), Fact("area", area, "square scene units")]
    return Outcome(clouds=[("points", drawn)], facts=facts, notes=notes)


def drawn_on(made: Surface, count: int, rng: np.random.Generator) -> Cloud:
    """Points drawn uniformly by area, with the normals of their faces, and colours where the mesh has such."""
    areas = np.cumsum(areas_of(made.vertices, made.faces))
    face = np.minimum(np.searchsorted(areas, rng.random(count) * areas[-1], side="right"), len(made.faces) - 1)
    root, other = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - root, root * (1 - other), root * other], axis=1)  # Osada et al. 2002, equation 1
    corners = made.faces[face]
    points = np.einsum("ni,nij->nj", weights, made.vertices[corners])
    one, two, three = (made.vertices[corners[:, at]] for at in range(3))
    across = np.cross(two - one, three - one)
    lengths = np.linalg.norm(across, axis=1, keepdims=True)
    normals = np.divide(across, lengths, out=np.zeros_like(across), where=lengths > 0).astype(np.float32)
    columns = [Values("normal", "normal", normals)]
    if made.uv is not None and made.texture and Path(made.texture).is_file():
        at = np.einsum("ni,nij->nj", weights, made.uv[corners].astype(np.float64))
        columns.append(Values("colour", "colour", textured(at, made.texture)[:, :3]))
    elif made.colours is not None:
        mixed = np.einsum("ni,nij->nj", weights, made.colours[corners][..., :3].astype(np.float64))
        columns.append(Values("colour", "colour", np.rint(mixed).astype(np.uint8)))
    return Cloud(points, tuple(columns))


def _most_apart(made: Surface, points: Numbers, count: int, rng: np.random.Generator) -> Indices:
    from scipy.spatial import cKDTree

    from workbench.engine.scenes.processingclouds import legacy

    middle = points.mean(axis=0)
    mesh = legacy_mesh(dataclasses.replace(made, vertices=made.vertices - middle))
    left = mesh.sample_points_poisson_disk(count, POISSON_FACTOR, legacy(points - middle))
    _, which = cKDTree(points - middle).query(np.asarray(left.points))
    return rng.permutation(np.unique(which)).astype(np.int64)


def legacy_mesh(made: Surface) -> Any:
    """Open3D's mesh of these triangles, with colours where there are such."""
    o3d = open3d()
    found = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(np.ascontiguousarray(made.vertices, np.float64)),
        o3d.utility.Vector3iVector(np.ascontiguousarray(made.faces, np.int32)),
    )
    colours = vertex_colours(made)
    if colours is not None:
        found.vertex_colors = o3d.utility.Vector3dVector(colours[:, :3].astype(np.float64) / 255)
    return found


def from_legacy(mesh: Any) -> Surface:
    """The triangles of an Open3D mesh, with colours where it has such."""
    colours = None
    if mesh.has_vertex_colors():
        rgb = np.rint(np.clip(np.asarray(mesh.vertex_colors), 0, 1) * 255).astype(np.uint8)
        colours = np.concatenate([rgb, np.full((len(rgb), 1), 255, np.uint8)], axis=1)
    faces = np.asarray(mesh.triangles, np.int64).reshape(-1, 3)
    return Surface(np.asarray(mesh.vertices, np.float64), faces, colours=colours)


def decimate(made: Surface, p: Decimate, say: Say) -> Outcome:
    """Fewer faces by collapsing the edges whose loss changes the shape least (Garland and Heckbert 1997).

    Texture coordinates do not survive it: colours at the vertices take their place, which a note tells.
    """
    wanted = max(4, round(p.share * len(made.faces))) if p.by == "share" else p.faces
    notes = []
    if made.uv is not None and made.texture:
        notes.append("The texture became colours of vertices: its coordinates do not survive the loss of edges")
    if wanted >= len(made.faces):
        return Outcome(surfaces=[("as it was", made)], facts=facts_of(made),
                       notes=[f"It has {spaced(len(made.faces))} faces, not more than was asked for"])  # fmt: skip
    say(0.1, f"from {spaced(len(made.faces))} to {spaced(wanted)} faces")
    middle = made.vertices.mean(axis=0)
    mesh = legacy_mesh(dataclasses.replace(made, vertices=made.vertices - middle))
    mesh.remove_duplicated_vertices()  # seams would tear
    mesh.remove_degenerate_triangles()
    fewer = from_legacy(mesh.simplify_quadric_decimation(wanted))
    found = with_normals(only_used(dataclasses.replace(fewer, vertices=fewer.vertices + middle)))
    if len(found.faces) > wanted:
        notes.append(
            f"{spaced(len(found.faces))} faces are left: further edges hold parts together that share no surface"
        )
    return Outcome(surfaces=[("decimated", found)], notes=notes,
                   facts=[Fact("faces before", len(made.faces)), *facts_of(found)])  # fmt: skip


def smooth(made: Surface, p: Smooth, say: Say) -> Outcome:
    """Vertices moved to and fro about their neighbours' mean, so that noise goes and the size stays (Taubin 1995)."""
    say(0.1, "smoothing")
    middle = made.vertices.mean(axis=0)
    # Seams of a texture are vertices at one place: they move together, or the mesh would tear there.
    places, which = np.unique(made.vertices, axis=0, return_inverse=True)
    which = which.ravel()
    mesh = legacy_mesh(Surface(places - middle, which[made.faces]))
    mesh = mesh.filter_smooth_taubin(p.rounds, p.forth, p.back)
    vertices = np.asarray(mesh.vertices, np.float64)
    vertices = np.where(np.isfinite(vertices), vertices, places - middle)[which] + middle
    found = dataclasses.replace(made, vertices=vertices)
    far = np.linalg.norm(vertices - made.vertices, axis=1)
    facts = [Fact("mean step", float(far.mean()), "scene units"), Fact("largest step", float(far.max()), "scene units")]
    return Outcome(surfaces=[("smoothed", with_normals(found))], facts=[*facts, *facts_of(found)])
