"""PCD files (Point Cloud Library, version 0.7): text, binary and LZF-compressed, with all their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.scenes import PointsDoc
from workbench.core.words import spaced
from workbench.engine.medical.arrays import check_room
from workbench.engine.scenes.columns import guessed
from workbench.engine.scenes.keeping import CHUNK, CloudWriter, Shelf
from workbench.engine.scenes.readingmeshes import damaged
from workbench.engine.scenes.texts import Tokens

MOST_HEADER_BYTES = 1 << 16
PACKED_COLOURS = ("rgb", "rgba")
MOST_UNPACKED = 300
"""LZF packs at most 264 bytes into 3."""


@dataclasses.dataclass(frozen=True)
class PcdHeader:
    """What a PCD says of itself: the record of a point, how many there are, how they are kept, where they begin."""

    path: Path
    row: np.dtype[Any]
    points: int
    data: str
    begins: int


def read_pcd(path: Path, shelf: Shelf, most_points: int) -> PointsDoc:
    """The points with all fields of one number; packed colours become colours.

    Raises InputError for files that are damaged or shorter than they claim.
    """
    header = _header(path)
    names = [name for name in header.row.names or () if header.row[name].shape == ()]
    types = {name: header.row[name] for name in names if not name.startswith("_")}
    if not {"x", "y", "z"} <= set(types):
        raise damaged(path, "PCD", "fields x, y and z", ", ".join(types)[:100])
    packed = next((name for name in PACKED_COLOURS if name in types and types[name].itemsize == 4), "")
    if packed:
        types = {name: kind for name, kind in types.items() if name != packed}
        types |= {one: np.dtype(np.uint8) for one in ("red", "green", "blue")}
    plan = guessed(types)
    writer = CloudWriter(shelf, header.points, plan.known, most=most_points, place=path.name)
    for rows in _blocks(header, shelf):
        table = {name: rows[name] for name in types if name in names}
        if packed:
            bits = np.ascontiguousarray(rows[packed]).view(np.uint32)
            for shift, one in ((16, "red"), (8, "green"), (0, "blue")):
                table[one] = (bits >> shift & 255).astype(np.uint8)
        writer.add(np.stack([np.asarray(table[axis], np.float64) for axis in "xyz"], axis=1), plan.values(table))
        shelf.told(writer.seen, header.points, "points")
    return writer.finish()


def _header(path: Path) -> PcdHeader:
    with path.open("rb") as file:
        start = file.read(MOST_HEADER_BYTES)
    facts, at = dict[str, list[str]](), 0
    while "DATA" not in facts:
        end = start.find(b"\n", at)
        if end < 0 or len(facts) > 40:
            raise damaged(path, "PCD", "a header that ends with DATA", repr(start[at : at + 30])[1:])
        words = start[at:end].decode("latin-1").split()
        at = end + 1
        if words and not words[0].startswith("#"):
            facts[words[0].upper()] = words[1:]
    fields = facts.get("FIELDS") or facts.get("COLUMNS") or []
    sizes, types = facts.get("SIZE") or ["4"] * len(fields), facts.get("TYPE") or ["F"] * len(fields)
    counts = facts.get("COUNT") or ["1"] * len(fields)
    row = _row(path, fields, sizes, types, counts)
    points = _points(facts, path)
    data = (facts["DATA"] or [""])[0].lower()
    size = path.stat().st_size - at
    # Packed points come out at most so much larger.
    packed = 8 + row.itemsize * points // MOST_UNPACKED
    held = {"binary": row.itemsize * points, "ascii": 2 * points * len(fields), "binary_compressed": packed}.get(data)
    if held is None:
        raise damaged(path, "PCD", "DATA ascii, binary or binary_compressed", data)
    if held > size + 1:
        raise damaged(path, "PCD", f"{spaced(held)} bytes for {spaced(points)} points", f"{spaced(size)} bytes")
    return PcdHeader(path, row, points, data, at)


def _row(path: Path, fields: list[str], sizes: list[str], types: list[str], counts: list[str]) -> np.dtype[Any]:
    kinds = {"F": "f", "I": "i", "U": "u"}
    if not fields or not len(fields) == len(sizes) == len(types) == len(counts):
        raise damaged(path, "PCD", "FIELDS, SIZE, TYPE and COUNT of one length", f"{len(fields)} fields")
    row: list[Any] = []
    for at, (name, size, kind, many) in enumerate(zip(fields, sizes, types, counts, strict=True)):
        fine = kind in kinds and size in ("1", "2", "4", "8") and many.isdigit() and 0 < int(many) < 4096
        if not fine or (kind == "F" and size in ("1", "2")):
            raise damaged(path, "PCD", "fields of a known type", f"{name}: {kind}{size}, {many} of it")
        shape = (int(many),) if int(many) > 1 else ()
        unique = name if name != "_" and all(name != one[0] for one in row) else f"_{at}"
        row.append((unique, f"<{kinds[kind]}{size}", shape))
    return np.dtype(row)


def _points(facts: dict[str, list[str]], path: Path) -> int:
    def of(name: str) -> int | None:
        said = (facts.get(name) or [""])[0]
        return int(said) if said.isdigit() and len(said) < 15 else None

    points, width, height = of("POINTS"), of("WIDTH"), of("HEIGHT")
    if points is None and width is not None:
        points = width * (height if height is not None else 1)
    if points is None:
        raise damaged(path, "PCD", "a number of points", "none")
    return points


def _blocks(header: PcdHeader, shelf: Shelf) -> Iterator[Any]:
    if header.data == "binary_compressed":
        yield from _unpacked(header, shelf)
        return
    if header.data == "ascii":
        yield from _texts(header)
        return
    with header.path.open("rb") as file:
        file.seek(header.begins)
        for begin in range(0, header.points, CHUNK):
            yield np.fromfile(file, header.row, min(CHUNK, header.points - begin))


def _texts(header: PcdHeader) -> Iterator[Any]:
    tokens, names = Tokens(header.path, header.begins), list(header.row.names or ())
    widths = [int(np.prod(header.row[name].shape, dtype=int)) for name in names]
    for begin in range(0, header.points, CHUNK):
        amount = min(CHUNK, header.points - begin)
        table = tokens.take(amount * sum(widths)).reshape(amount, -1)
        rows = np.zeros(amount, header.row)
        at = 0
        for name, wide in zip(names, widths, strict=True):
            values = table[:, at] if header.row[name].shape == () else table[:, at : at + wide]
            # Packed colours are written as whole numbers, or as the float that their bits make.
            whole = name in PACKED_COLOURS and header.row[name].kind == "f" and (values >= 1).any()
            with np.errstate(invalid="ignore", over="ignore"):
                rows[name] = values.astype(np.uint32).view(np.float32) if whole else values
            at += wide
        yield rows


def _unpacked(header: PcdHeader, shelf: Shelf) -> Iterator[Any]:
    with header.path.open("rb") as file:
        file.seek(header.begins)
        packed, plain = (int(one) for one in np.fromfile(file, "<u4", 2))
        data = file.read(packed)
    if len(data) < packed or plain != header.row.itemsize * header.points or plain > MOST_UNPACKED * max(packed, 1):
        raise damaged(
            header.path, "PCD", f"{spaced(header.row.itemsize * header.points)} bytes of points, packed",
            f"{spaced(plain)} of {spaced(packed)} packed ones, of which {spaced(len(data))} are there",
        )  # fmt: skip
    check_room(2 * plain, header.path)
    raw = unpack_lzf(data, plain, shelf, header.path)
    rows = np.empty(header.points, header.row)
    at = 0
    # Fields stand one after the other, each with all of its values.
    for name in header.row.names or ():
        kind = header.row[name]
        size = kind.itemsize * header.points
        rows[name] = np.frombuffer(raw, kind.base, size // kind.base.itemsize, at).reshape(header.points, *kind.shape)
        at += size
    yield rows


def unpack_lzf(data: bytes, plain: int, shelf: Shelf, path: Path) -> bytearray:
    """LZF (Lehmann, LibLZF) unpacked; raises InputError where it does not come out at `plain` bytes."""
    out, at, size, turn = bytearray(), 0, len(data), 0
    try:
        while at < size:
            turn += 1
            if turn & 0x3FFFF == 0:
                shelf.told(at, size, "unpacking")
            control = data[at]
            at += 1
            if control < 32:
                out += data[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[at]
                at += 1
            begin = len(out) - ((control & 0x1F) << 8) - data[at] - 1
            at += 1
            length += 2
            if begin < 0 or len(out) > plain:
                break
            reach = len(out) - begin
            piece = out[begin : begin + length]
            out += piece if reach >= length else (piece * (length // reach + 1))[:length]
    except IndexError:
        at = -1
    if len(out) != plain or at != size:
        raise damaged(path, "PCD", f"{spaced(plain)} bytes of points", f"compressed ones that give {spaced(len(out))}")
    return out
