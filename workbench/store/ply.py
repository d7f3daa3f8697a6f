"""PLY files of runs (Turk, The PLY Polygon File Format, 1994), written and read with numpy alone: points and triangles.

Reading takes what runs write and the usual of other programs: binary little-endian or ASCII, faces of equal length.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip
_NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float",
          "f8": "double"}  # fmt: skip
_MOST_HEADER = 1 << 16


@dataclasses.dataclass(frozen=True)
class Ply:
    """What a file holds: a record for each vertex, and faces (F, 3), none for a cloud of points."""

    vertices: NDArray[Any]
    faces: NDArray[np.uint32] | None = None

    def columns(self, *names: str) -> NDArray[Any] | None:
        """Properties side by side, (N, k); None where one is missing."""
        if any(one not in (self.vertices.dtype.names or ()) for one in names):
            return None
        return np.stack([self.vertices[one] for one in names], axis=1)


def write_ply(path: Path, vertices: NDArray[Any], faces: NDArray[np.integer] | None = None) -> None:
    """Write records of vertices (fields x, y, z, red, …) and faces (F, 3) as binary little-endian PLY."""
    names = vertices.dtype.names or ()
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property {_NAMES[vertices.dtype[one].str[1:]]} {one}" for one in names]
    if faces is not None:
        lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    packed = np.empty(len(vertices), np.dtype([(one, vertices.dtype[one].newbyteorder("<")) for one in names]))
    for one in names:
        packed[one] = vertices[one]
    with path.open("wb") as file:
        file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
        file.write(packed.tobytes())
        if faces is not None:
            rows = np.empty(len(faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
            rows["count"], rows["corners"] = 3, faces
            file.write(rows.tobytes())


def read_ply(path: Path) -> Ply:
    """Read a file; raises InputError naming it where it is missing, damaged or of a form that runs do not write."""
    try:
        with path.open("rb") as file:
            form, elements = _header(path, file)
            body = file.read()
    except FileNotFoundError:
        raise _fault(path, "a PLY file", "no such file", what="A file of this run is missing.") from None
    found: dict[str, NDArray[Any]] = {}
    for name, rows, properties in elements:
        found[name], body = _element(path, form, rows, properties, body)
    vertices = found.get("vertex")
    if vertices is None or not {"x", "y", "z"} <= set(vertices.dtype.names or ()):
        raise _fault(path, "vertices with x, y and z", ", ".join(found) or "no elements")
    faces = found.get("face")
    corners = None
    if faces is not None and len(faces):
        field = next((one for one in ("vertex_indices", "vertex_index") if one in (faces.dtype.names or ())), "")
        if not field:
            raise _fault(path, "faces with vertex_indices", ", ".join(faces.dtype.names or ()))
        corners = _triangles(path, faces[field], len(vertices))
    return Ply(vertices, corners)


Properties = list[tuple[str, str, str]]
"""Names, types, and types of their counts where they are lists."""


def _header(path: Path, file: io.BufferedReader) -> tuple[str, list[tuple[str, int, Properties]]]:
    if file.readline(16).strip() != b"ply":
        raise _fault(path, "a PLY file", "another first line")
    form = ""
    elements: list[tuple[str, int, Properties]] = []
    while file.tell() < _MOST_HEADER:
        words = file.readline(4096).decode("ascii", "replace").split()
        try:
            match words:
                case ["format", found, *_]:
                    form = found
                case ["element", name, rows]:
                    elements.append((name, int(rows), []))
                case ["property", "list", counts, kind, name]:
                    elements[-1][2].append((name, _TYPES[kind], _TYPES[counts]))
                case ["property", kind, name]:
                    elements[-1][2].append((name, _TYPES[kind], ""))
                case ["end_header"]:
                    break
                case []:
                    raise _fault(path, "a whole header", "its end is missing")
        except (KeyError, ValueError, IndexError):
            raise _fault(path, "a header of elements and properties", " ".join(words)) from None
    if form not in ("binary_little_endian", "ascii"):
        raise _fault(path, "binary little-endian or ASCII", form or "no format")
    return form, elements


def _element(path: Path, form: str, rows: int, properties: Properties, body: bytes) -> tuple[NDArray[Any], bytes]:
    """The records of an element, and what follows it."""
    if form == "ascii":
        lines = body.split(b"\n", rows)
        values = [line.split() for line in lines[:rows]]
        if len(values) < rows or any(not one for one in values):
            raise _fault(path, f"{rows} rows", f"{len(values)}")
        return _from_words(path, properties, values), lines[rows] if len(lines) > rows else b""
    fields: list[Any] = []
    for name, kind, counts in properties:
        if counts:
            length = _first_length(path, fields, counts, body, rows)
            fields += [(f"#{name}", counts), (name, kind, (length,))]
        else:
            fields.append((name, kind))
    dtype = np.dtype(fields)
    if len(body) < dtype.itemsize * rows:
        raise _fault(path, f"{dtype.itemsize * rows} bytes of data", f"{len(body)}")
    found = np.frombuffer(body, dtype, rows)
    for name, _, counts in properties:
        if counts and rows and (found[f"#{name}"] != dtype[name].shape[0]).any():
            raise _fault(path, "faces of equal length", "faces of different lengths")
    return found, body[dtype.itemsize * rows :]


def _first_length(path: Path, fields: list[Any], counts: str, body: bytes, rows: int) -> int:
    """How long the lists are: as the first one."""
    offset = np.dtype(fields).itemsize
    if not rows or len(body) < offset + np.dtype(counts).itemsize:
        return 0
    return int(np.frombuffer(body, counts, 1, offset)[0])


def _from_words(path: Path, properties: Properties, values: list[list[bytes]]) -> NDArray[Any]:
    fields: list[Any] = []
    at, places = 0, {}
    for name, kind, counts in properties:
        length = int(values[0][at]) if counts and values else 0
        fields.append((name, kind, (length,)) if counts else (name, kind))
        at += 1 if counts else 0
        places[name] = slice(at, at + (length if counts else 1))
        at += length if counts else 1
    found = np.zeros(len(values), np.dtype(fields))
    try:
        table = np.array(values, np.float64) if values else np.zeros((0, at))
    except ValueError:
        raise _fault(path, "rows of numbers of equal length", "something else") from None
    for name, _, counts in properties:
        found[name] = table[:, places[name]] if counts else table[:, places[name].start]
    return found


def _triangles(path: Path, polygons: NDArray[Any], vertices: int) -> NDArray[np.uint32]:
    """Polygons (F, k) as fans of triangles."""
    polygons = np.asarray(polygons, np.int64)
    if polygons.shape[1] < 3:
        raise _fault(path, "faces with three corners or more", f"{polygons.shape[1]}")
    if polygons.min() < 0 or polygons.max() >= vertices:
        raise _fault(path, f"corners below {vertices}", f"{int(polygons.max())}")
    fans = [polygons[:, [0, k, k + 1]] for k in range(1, polygons.shape[1] - 1)]
    return np.concatenate(fans).astype(np.uint32)


def _fault(path: Path, expected: str, received: str, *, what: str = "A file of this run is damaged.") -> InputError:
    fix = "The rest of the run is intact; run it again to get this view back."
    return InputError(what, expected=expected, received=received, fix=fix, place=str(path))
