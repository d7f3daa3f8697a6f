"""PLY files (Turk, The PLY Polygon File Format, 1994): ASCII and both byte orders, any elements and properties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import MeshDoc, PointsDoc
from workbench.core.words import count
from workbench.engine.scenes.columns import SplatColumns, guessed
from workbench.engine.scenes.keeping import CloudWriter, Shelf, check_memory, keep_mesh
from workbench.engine.scenes.pictures import keep_picture, near
from workbench.engine.scenes.plyrows import (
    Element,
    PlyHeader,
    cursor_of,
    damaged_ply,
    read_header,
    rows_of,
    skip,
    skip_to,
)
from workbench.engine.scenes.polygons import Polygons, triangles

FACE_LISTS = ("vertex_indices", "vertex_index")


def read_ply(path: Path, shelf: Shelf, most_points: int) -> PointsDoc | MeshDoc:
    """A mesh where the file has faces, else its points with all their properties.

    Raises InputError for files that are damaged or shorter than they claim.
    """
    header = read_header(path)
    vertex = header.element("vertex")
    if vertex is None:
        raise damaged_ply(path, "an element 'vertex'", "none in the header")
    face = header.element("face")
    if face is not None and face.rows and any(one.name in FACE_LISTS for one in face.properties if one.counts):
        return _mesh(header, vertex, face, shelf)
    return _points(header, vertex, shelf, most_points)


def _points(header: PlyHeader, vertex: Element, shelf: Shelf, most: int) -> PointsDoc:
    notes, at = _leftovers(header, vertex, ("vertex",)), cursor_of(header)
    skip_to(header, vertex, at)
    flat = Element("vertex", vertex.rows, tuple(one for one in vertex.properties if not one.counts))
    _check_axes(header, flat)
    if vertex.rows == 0:
        raise InputError("There is no point in this file.", expected="at least one vertex", received="none",
                         fix="Open another file.", place=header.path.name)  # fmt: skip
    names = [one.name for one in flat.properties]
    plan = guessed({one.name: np.dtype(one.type) for one in flat.properties})
    if SplatColumns.fits(names):
        plan = SplatColumns(names)
        notes.append("Gaussian splats, read as points: their middles, base colours and opacities")
    writer = CloudWriter(shelf, vertex.rows, plan.known, most=most, place=header.path.name)
    for rows in rows_of(header, vertex, at):
        writer.add(_axes(rows), plan.values(rows))
        shelf.told(writer.seen, vertex.rows, "points")
    return writer.finish(notes)


def _check_axes(header: PlyHeader, vertex: Element) -> None:
    names = [one.name for one in vertex.properties]
    if not {"x", "y", "z"} <= set(names):
        raise damaged_ply(header.path, "vertices with x, y and z", ", ".join(names)[:100] or "none")


def _axes(rows: Any) -> NDArray[Any]:
    """Coordinates (N, 3), in single precision where the file has no other."""
    kinds = {np.asarray(rows[axis]).dtype.newbyteorder("=") for axis in "xyz"}
    kind = np.float32 if kinds == {np.dtype(np.float32)} else np.float64
    with np.errstate(invalid="ignore"):  # signalling numbers that are none
        return np.stack([np.asarray(rows[axis], kind) for axis in "xyz"], axis=1)


def _leftovers(header: PlyHeader, vertex: Element, used: tuple[str, ...]) -> list[str]:
    notes = [
        f"{count(one.rows, 'row')} of {one.name} left out"
        for one in header.elements
        if one.name not in used and one.rows
    ]
    lists = [one.name for one in vertex.properties if one.counts]
    return notes + ([f"Lists of vertices left out: {', '.join(lists)}"] if lists else [])


def _mesh(header: PlyHeader, vertex: Element, face: Element, shelf: Shelf) -> MeshDoc:
    check_memory(header.path, 6)
    notes, at = _leftovers(header, vertex, ("vertex", "face")), cursor_of(header)
    flat = Element("vertex", vertex.rows, tuple(one for one in vertex.properties if not one.counts))
    _check_axes(header, flat)
    polygons, rows, parts = Polygons(header.path.name), 0, list[Any]()
    listed = next(one.name for one in face.properties if one.counts and one.name in FACE_LISTS)
    for element in header.elements:
        if element is vertex:
            parts = [_plain(block, flat) for block in rows_of(header, vertex, at)]
        elif element is face:
            for block in rows_of(header, face, at):
                lengths, indices = block[listed]
                polygons.add(lengths, np.asarray(indices, np.float64 if indices.dtype.kind == "f" else np.int64))
                rows += len(lengths)
                shelf.told(rows, face.rows, "faces")
        else:
            skip(header, element, at)
    if not parts:
        raise InputError("There is no vertex in this mesh.", expected="at least three vertices", received="none",
                         fix="Open another file.", place=header.path.name)  # fmt: skip
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    vertices = _axes(table)
    faces = triangles(polygons, vertices, notes)
    more = [one.name for one in face.properties if one.name != listed]
    notes += [f"Of faces left out: {', '.join(more)[:120]}"] if more else []
    plan = guessed({one.name: np.dtype(one.type) for one in flat.properties})
    known = dict(zip([one.name for one in plan.known], plan.values(table), strict=True))
    colours = known.pop("colour", None)
    if colours is not None:
        alpha = known.pop("alpha", None)
        solid = np.full(len(colours), 255, np.uint8) if alpha is None else np.asarray(alpha, np.uint8)
        colours = np.column_stack([colours, solid])
    uv = _uv(table)
    texture = _texture(header, shelf, notes) if uv is not None else ""
    left = [name for name in known if name not in ("normals", "s", "t", "u", "v", "texture_u", "texture_v")]
    notes += [f"Of vertices left out: {', '.join(left)[:120]}"] if left else []
    return keep_mesh(
        shelf, vertices, faces, normals=known.get("normals"), colours=colours, uv=uv, texture=texture,
        name="mesh", notes=notes, place=header.path.name,
    )  # fmt: skip


def _texture(header: PlyHeader, shelf: Shelf, notes: list[str]) -> str:
    """The picture that a comment names, as MeshLab writes it."""
    name = next((one.partition(" ")[2].strip() for one in header.comments if one.startswith("TextureFile ")), "")
    file = near(header.path, name) if name else None
    if file is not None:
        try:
            return keep_picture(shelf, file)
        except InputError as problem:
            notes.append(problem.what)
    elif name:
        notes.append(f"The texture {name[:80]} is not beside the file")
    return ""


def _plain(rows: Any, flat: Element) -> dict[str, NDArray[Any]]:
    return {one.name: np.asarray(rows[one.name]) for one in flat.properties}


def _uv(table: dict[str, NDArray[Any]]) -> NDArray[np.float32] | None:
    for one, other in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")):
        if one in table and other in table:
            return np.stack([table[one], table[other]], axis=1).astype(np.float32)
    return None
