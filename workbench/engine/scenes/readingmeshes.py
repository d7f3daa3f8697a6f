"""STL and OFF files: triangles without more, and polygons with colours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import MeshDoc
from workbench.core.words import spaced
from workbench.engine.scenes.columns import to_bytes
from workbench.engine.scenes.keeping import Shelf, keep_mesh
from workbench.engine.scenes.polygons import Polygons, triangles
from workbench.engine.scenes.texts import numbers

STL_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
VERTEX = re.compile(rb"vertex\s+([^\s]+)\s+([^\s]+)\s+([^\s]+)", re.IGNORECASE)


def damaged(path: Path, kind: str, expected: str, received: str) -> InputError:
    """The InputError for a file that is not what its name says."""
    return InputError(
        f"This file cannot be read as {kind}.", expected=expected, received=received,
        fix="Copy or download it again, or check that its name ends as its content is.", place=path.name,
    )  # fmt: skip


def read_stl(path: Path, shelf: Shelf) -> MeshDoc:
    """A binary or ASCII STL; equal corners become one vertex, in the order in which they first occur.

    Raises InputError for damaged files.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(84)
    claimed = int(np.frombuffer(start[80:84], "<u4")[0]) if len(start) == 84 else -1
    # A binary header may begin with 'solid' too: what tells them apart is whether the count fits the size.
    if claimed >= 0 and size == 84 + claimed * STL_ROW.itemsize:
        corners = np.fromfile(path, STL_ROW, claimed, offset=84)["corners"].reshape(-1, 3)
        return _welded(path, corners, shelf, [])
    if start.lstrip()[:5].lower() == b"solid" and b"\0" not in start:
        return _welded(path, _ascii_stl(path), shelf, [])
    if claimed > 0 and size > 84 + claimed * STL_ROW.itemsize:
        corners = np.fromfile(path, STL_ROW, claimed, offset=84)["corners"].reshape(-1, 3)
        more = size - 84 - claimed * STL_ROW.itemsize
        return _welded(path, corners, shelf, [f"{spaced(more)} bytes after the last triangle left out"])
    raise damaged(
        path, "STL", f"84 bytes and 50 for each of {spaced(max(claimed, 0))} triangles", f"{spaced(size)} bytes"
    )


def _ascii_stl(path: Path) -> NDArray[np.float64]:
    found = VERTEX.findall(path.read_bytes())
    if not found or len(found) % 3:
        raise damaged(path, "STL", "three vertices for each facet", f"{spaced(len(found))} vertices")
    return numbers(b" ".join(word for row in found for word in row), path).reshape(-1, 3)


def _welded(path: Path, corners: NDArray[Any], shelf: Shelf, notes: list[str]) -> MeshDoc:
    if not len(corners):
        raise damaged(path, "STL", "at least one triangle", "none")
    rows = np.ascontiguousarray(corners)
    key = rows.view(np.dtype((np.void, rows.dtype.itemsize * 3))).reshape(-1)
    _, first, again = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return keep_mesh(shelf, rows[first[order]], rank[again].reshape(-1, 3), name="mesh", notes=notes, place=path.name)


def read_off(path: Path, shelf: Shelf) -> MeshDoc:
    """An OFF, COFF, NOFF or STOFF in text: vertices with colours, normals or texture coordinates, and polygons.

    Raises InputError for damaged or binary files and faces that point outside the vertices.
    """
    lines = [line.partition(b"#")[0] for line in path.read_bytes().splitlines()]
    lines = [line for line in lines if line.strip()]
    head = re.match(rb"\s*(ST)?(C)?(N)?(4)?OFF\b(.*)$", lines[0], re.IGNORECASE) if lines else None
    if head is None or head[4] or b"BINARY" in (head[5] or b"").upper():
        raise damaged(
            path, "OFF", "a first line OFF, COFF, NOFF or STOFF, and text", repr((lines or [b""])[0][:30])[1:]
        )
    counts, at = (head[5], 1) if head[5].strip() else (lines[1] if len(lines) > 1 else b"", 2)
    claimed = numbers(counts, path)
    if len(claimed) < 2 or not (claimed >= 0).all() or not (claimed == np.rint(claimed)).all():
        raise damaged(path, "OFF", "the numbers of vertices, faces and edges", repr(counts[:40])[1:])
    vertices, faces = int(claimed[0]), int(claimed[1])
    if vertices + faces > len(lines) - at:
        raise damaged(
            path, "OFF", f"{spaced(vertices)} vertices and {spaced(faces)} faces", f"{spaced(len(lines) - at)} lines"
        )
    width = len(lines[at].split()) if vertices else 3
    table = numbers(b"\n".join(lines[at : at + vertices]), path)
    if width < 3 or len(table) != vertices * width:
        raise damaged(path, "OFF", f"{spaced(vertices)} vertices of {width} numbers", f"{spaced(len(table))} numbers")
    rows = table.reshape(vertices, width)
    notes: list[str] = []
    polygons = Polygons(path.name)
    more = _off_faces(lines[at + vertices : at + vertices + faces], polygons, path)
    notes += ["Colours of faces left out"] if more else []
    return keep_mesh(
        shelf, rows[:, :3], triangles(polygons, rows, notes), name="mesh", notes=notes, place=path.name,
        **_off_extras(rows, head),
    )  # fmt: skip


def _off_faces(lines: list[bytes], polygons: Polygons, path: Path) -> bool:
    words = numbers(b"\n".join(lines), path)
    widths = np.array([len(line.split()) for line in lines], np.int64)
    if int(widths.sum()) != len(words):
        raise damaged(path, "OFF", "faces of whole numbers", "other words among them")
    starts = np.cumsum(widths) - widths
    lengths = words[starts].astype(np.int64) if len(lines) else np.zeros(0, np.int64)
    if (lengths < 0).any() or (lengths > widths - 1).any():
        bad = int(np.argmax((lengths < 0) | (lengths > widths - 1)))
        raise damaged(path, "OFF", "a number of corners and as many indices", f"face {bad}: {lines[bad][:40]!r}")
    first = np.repeat(starts + 1, lengths) + np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    polygons.add(lengths, words[first])
    return bool((widths > lengths + 1).any())


def _off_extras(rows: NDArray[np.float64], head: re.Match[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 3
    if head[3] and rows.shape[1] >= at + 3:
        found["normals"], at = rows[:, at : at + 3], at + 3
    if rows.shape[1] - at - (2 if head[1] else 0) in (3, 4) and (head[2] or not head[1]):
        colour = rows[:, at : rows.shape[1] - (2 if head[1] else 0)]
        scale = 1.0 if colour.max(initial=0) > 1 or ((colour == np.rint(colour)).all() and colour.max() > 1) else 255.0
        plain = to_bytes(colour, scale)
        solid = plain[:, 3:] if plain.shape[1] == 4 else np.full((len(plain), 1), 255, np.uint8)
        found["colours"] = np.concatenate([plain[:, :3], solid], axis=1)
    if head[1]:
        found["uv"] = rows[:, -2:]
    return found
