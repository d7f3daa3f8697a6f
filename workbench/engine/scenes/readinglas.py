"""LAS and LAZ files through laspy, in pieces: classes by the ASPRS table, intensity, returns, colours, extra bytes."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import laspy
import numpy as np
from numpy.typing import NDArray

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, Problem
from workbench.core.scenes import PointsDoc
from workbench.core.words import spaced
from workbench.engine.scenes.columns import to_bytes
from workbench.engine.scenes.keeping import CHUNK, CloudWriter, Known, Shelf
from workbench.engine.scenes.readingmeshes import damaged

CLASSES = {
    0: "never classified", 1: "unclassified", 2: "ground", 3: "low vegetation", 4: "medium vegetation",
    5: "high vegetation", 6: "building", 7: "low noise", 8: "model key point", 9: "water", 10: "rail",
    11: "road surface", 12: "overlap", 13: "wire guard", 14: "wire conductor", 15: "transmission tower",
    16: "wire connector", 17: "bridge deck", 18: "high noise", 19: "overhead structure", 20: "ignored ground",
    21: "snow", 22: "temporal exclusion",
}  # fmt: skip
"""LAS 1.4 R15, table 17; 64 and more are the user's own."""
SPARE = {"X", "Y", "Z", "red", "green", "blue"}
UNITS = {"gps_time": "s"}
WKT, LENGTHS = 2112, 3076
"""The record of a reference system as text; the GeoTIFF key of its unit of lengths."""
UNIT_NAMES = {
    "metre": "m", "meter": "m", "m": "m", "foot": "ft", "ft": "ft", "us survey foot": "ft", "foot_us": "ft",
    "international foot": "ft",
}  # fmt: skip
MOST_PER_BYTE = 1000
MOST_PER_PIECE = 10_000_000
"""Points of a compressed piece: 50,000 is what most programs write."""


def read_las(path: Path, shelf: Shelf, most_points: int) -> tuple[PointsDoc, str]:
    """The points with every dimension that is not 0 throughout, and the unit of their coordinates where it is said.

    Raises InputError for files that are damaged or shorter than they claim.
    """
    _check(path)
    try:
        with laspy.open(path, read_evlrs=False) as reader:
            return _read(path, reader, shelf, most_points), _unit(reader.header)
    except (Problem, JobCancelled):
        raise
    except BaseException as error:  # lazrs panics with an exception that is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError) or getattr(error, "errno", None) is not None:
            raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise damaged(
            path, "LAS", "a whole and undamaged LAS or LAZ file", said.replace(str(path), path.name)
        ) from None


def _unit(header: Any) -> str:
    """The unit of lengths that a reference system in WKT or GeoTIFF keys tells; empty for none."""
    for one in header.vlrs:
        if one.user_id != "LASF_Projection":
            continue
        if one.record_id == WKT and (said := re.search(r"PROJC[^\[]*\[|LOCAL_CS|ENGCRS", getattr(one, "string", ""))):
            named = re.findall(r'(?:LENGTH)?UNIT\["([^"]*)"', one.string[said.start() :])
            return next((UNIT_NAMES[name.lower()] for name in reversed(named) if name.lower() in UNIT_NAMES), "")
        for key in getattr(one, "geo_keys", ()):
            if key.id == LENGTHS and not key.tiff_tag_location:
                return {9001: "m", 9002: "ft", 9003: "ft"}.get(int(key.value_offset), "")
    return ""


def _check(path: Path) -> None:
    """What would make the libraries allocate what a file cannot hold."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(375)
        if len(head) < 227 or head[:4] != b"LASF":
            raise damaged(path, "LAS", "a header that begins with 'LASF'", repr(head[:4])[1:] if head else "no bytes")
        minor, header_bytes = head[25], struct.unpack_from("<H", head, 94)[0]
        begins, vlrs = struct.unpack_from("<II", head, 96)
        record, width = head[104], struct.unpack_from("<H", head, 105)[0]
        points = struct.unpack_from("<I", head, 107)[0]
        if minor >= 4 and len(head) >= 255:
            points = struct.unpack_from("<Q", head, 247)[0] or points
        if header_bytes < 227 or not header_bytes <= begins <= size or vlrs * 54 > begins - header_bytes:
            raise damaged(
                path,
                "LAS",
                "a header, its records and then points",
                f"{spaced(vlrs)} records, points at {spaced(begins)}",
            )
        if record & 0x80:
            _check_laz(path, file, begins, size, points)
        elif points * width > size - begins:
            raise damaged(
                path, "LAS", f"{spaced(points)} points of {width} bytes", f"{spaced(size - begins)} bytes of points"
            )
        if width < 20:
            raise damaged(path, "LAS", "points of 20 bytes or more", f"{width} bytes")


def _check_laz(path: Path, file: Any, begins: int, size: int, points: int) -> None:
    """A table of more pieces than the file has bytes for would be allocated before it is read."""
    file.seek(begins)
    word = file.read(8)
    table = struct.unpack("<q", word)[0] if len(word) == 8 else 0
    if table == -1:
        file.seek(size - 8)
        table = struct.unpack("<q", file.read(8))[0]
    if not begins + 8 <= table <= size - 8:
        raise damaged(
            path,
            "LAZ",
            "a table of compressed pieces inside the file",
            f"one at {spaced(table)} of {spaced(size)} bytes",
        )
    file.seek(table)
    _, pieces = struct.unpack("<II", file.read(8))
    if pieces > size - begins:
        raise damaged(path, "LAZ", "a table of pieces that the file can hold", f"{spaced(pieces)} pieces")
    # A point takes some bits at least: equal ones are packed to some hundred a byte.
    if points > (size - begins) * MOST_PER_BYTE or points > (pieces + 1) * MOST_PER_PIECE:
        raise damaged(path, "LAZ", f"{spaced(points)} points", f"{spaced(size - begins)} bytes of them")


def _read(path: Path, reader: Any, shelf: Shelf, most: int) -> PointsDoc:
    header = reader.header
    if not header.point_count:
        raise InputError("There is no point in this file.", expected="at least one point", received="none",
                         fix="Open another file.", place=path.name)  # fmt: skip
    if not (np.isfinite(header.scales).all() and np.isfinite(header.offsets).all() and (header.scales != 0).all()):
        raise damaged(path, "LAS", "scales and offsets of coordinates", f"{header.scales}, {header.offsets}")
    names = [one.name for one in header.point_format.dimensions]
    colours = {"red", "green", "blue"} <= set(names)
    sizes = {one.name: one for one in header.point_format.dimensions}
    plain = [name for name in names if name not in SPARE and sizes[name].num_elements == 1]
    first, scale = None, 1.0
    writer, done = None, 0
    for piece in reader.chunk_iterator(CHUNK):
        if writer is None:
            first = piece
            scale = _colour_scale(path, header, piece) if colours else 1.0
            writer = CloudWriter(shelf, header.point_count, _known(plain, first, colours), most=most, place=path.name)
        values = [_value(piece, name) for name in plain]
        if colours:
            values.append(to_bytes(np.stack([np.asarray(piece[name]) for name in ("red", "green", "blue")], 1), scale))
        writer.add(_places(piece, header), values)
        done += len(piece)
        shelf.told(done, header.point_count, "points")
    if writer is None or done < header.point_count:
        raise damaged(path, "LAS", f"{spaced(header.point_count)} points", spaced(done))
    vectors = [name for name in names if sizes[name].num_elements > 1]
    return writer.finish([f"Dimensions of several numbers left out: {', '.join(vectors)}"] if vectors else [])


def _known(plain: list[str], first: Any, colours: bool) -> list[Known]:
    known = []
    for name in plain:
        dtype = _value(first[:1], name).dtype
        if name == "classification":
            names = {str(value): text for value, text in CLASSES.items()}
            known.append(Known(name, "class", np.uint8, names))
        else:
            known.append(Known(name, "scalar", dtype, unit=UNITS.get(name, ""), spare=True))
    return known + ([Known("colour", "colour", np.uint8, spare=True)] if colours else [])


def _value(piece: Any, name: str) -> NDArray[Any]:
    found = np.asarray(piece[name])
    return found.astype(np.uint8) if found.dtype == np.bool_ else found


def _places(piece: Any, header: Any) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack(
            [np.asarray(piece[name], np.float64) * header.scales[at] + header.offsets[at]
             for at, name in enumerate("XYZ")], axis=1,
        )  # fmt: skip


def _colour_scale(path: Path, header: Any, piece: Any) -> float:
    """Colours are 16 bits by the standard; many programs write 8. What never passes 255 is taken for those."""
    top = max(int(np.asarray(piece[name]).max(initial=0)) for name in ("red", "green", "blue"))
    return 1.0 / 257 if top > 255 else 1.0
