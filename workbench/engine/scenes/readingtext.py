"""Points as text: XYZ, TXT, CSV, PTS; what its columns are is told from a header, or guessed from the numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import PointsDoc
from workbench.core.words import count, spaced
from workbench.engine.scenes.columns import COLOURS, NORMALS, guessed
from workbench.engine.scenes.keeping import CloudWriter, Shelf
from workbench.engine.scenes.readingmeshes import damaged

ROWS = 1 << 18
MOST_LINE_BYTES = 1 << 16
MOST_COLUMNS = 256
SNIFFED_BYTES = 1 << 16
AXES = (
    ("x", "y", "z"), ("easting", "northing", "elevation"), ("easting", "northing", "height"), ("e", "n", "h"),
    ("lon", "lat", "alt"), ("longitude", "latitude", "altitude"), ("points:0", "points:1", "points:2"),
)  # fmt: skip
NAMED = {"rf": "r", "gf": "g", "bf": "b", "intensity": "intensity", "reflectance": "intensity"}


class Layout(NamedTuple):
    """How a file's rows are to be read: lines before them, the separator (empty: white space), names, decimals."""

    skip: int
    separator: str
    names: tuple[str, ...]
    decimal: str
    notes: tuple[str, ...]


def read_text(path: Path, shelf: Shelf, most_points: int) -> PointsDoc:
    """The points of a text file; rows without coordinates are left out and told.

    Raises InputError where there are no columns of coordinates.
    """
    layout = sniff(path)
    lines = _count_lines(path, shelf)
    kinds: dict[str, np.dtype[Any]] = {name: np.dtype(np.float64) for name in layout.names}
    whole = _whole(path, layout)
    kinds |= whole
    plan = guessed(kinds)
    writer = CloudWriter(shelf, max(lines - layout.skip, 0), plan.known, most=most_points, place=path.name)
    foreign = 0
    for table in _tables(path, layout):
        rows, bad = _numbers(table, layout.names)
        foreign += bad
        for name in whole:
            if name not in "xyz":
                rows[name] = _integers(rows[name]).astype(whole[name])
        writer.add(np.stack([rows[axis] for axis in "xyz"], axis=1), plan.values(rows))
        shelf.told(min(writer.seen, lines), lines, "points")
    notes = list(layout.notes)
    if foreign:
        notes.append(f"{count(foreign, 'word')} that are no numbers taken for none")
    return writer.finish(notes)


def _tables(path: Path, layout: Layout) -> Iterator[pd.DataFrame]:
    options: dict[str, Any] = {"sep": layout.separator} if layout.separator else {"sep": r"\s+"}
    try:
        with pd.read_csv(
            path, header=None, names=list(layout.names), index_col=False,
            skiprows=layout.skip, chunksize=ROWS, comment="#", encoding="latin-1", decimal=layout.decimal,
            quoting=csv.QUOTE_NONE, skip_blank_lines=True, low_memory=False,
            on_bad_lines="error", **options,
        ) as reader:  # fmt: skip
            yield from reader
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserError as error:
        said = re.sub(r"\s+", " ", str(error)).removeprefix("Error tokenizing data. C error: ")
        raise damaged(path, "points", f"rows of {len(layout.names)} columns", said[:140]) from None


def _numbers(table: pd.DataFrame, names: tuple[str, ...]) -> tuple[dict[str, NDArray[Any]], int]:
    found, foreign = {}, 0
    for name in names:
        column = table[name]
        if column.dtype.kind not in "fiub":
            read = pd.to_numeric(column, errors="coerce")
            foreign += int((read.isna() & column.notna()).sum())
            column = read
        found[name] = column.to_numpy(np.float64)
    return found, foreign


def _integers(values: NDArray[Any]) -> NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(values) & (np.abs(values) < 2.0**62)
        return np.where(fine, values, 0).astype(np.int64)


def _whole(path: Path, layout: Layout) -> dict[str, np.dtype[Any]]:
    """Columns of nothing but whole numbers among the first rows, with their types: classes, colours, counts."""
    head = next(_tables(path, layout), None)
    if head is None or not len(head):
        return {}
    rows, _ = _numbers(head, layout.names)
    found = [name for name in layout.names if name not in "xyz"
             and np.isfinite(rows[name]).all() and (rows[name] == np.rint(rows[name])).all()]  # fmt: skip
    kinds: dict[str, np.dtype[Any]] = {}
    for name in found:
        shared = next((one for one in COLOURS if name in one and set(one) <= set(layout.names)), (name,))
        top = max(float(rows[one].max()) for one in shared)
        if len(shared) == 3 and top <= 1:
            continue  # colours from 0 to 1 may all be 0 or 1 at first
        kinds[name] = np.dtype(np.uint16 if len(shared) == 3 and top > 255 else np.int64)
    return kinds


def _count_lines(path: Path, shelf: Shelf) -> int:
    """How many lines a file has; raises InputError for one that is no text, or has lines without end."""
    lines, held, read, size = 0, 0, 0, path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            if b"\0" in piece:
                raise damaged(path, "points", "text", "bytes that are no text")
            raw = np.frombuffer(piece, np.uint8)
            # A line ends with a line feed, or with a carriage return that none follows.
            ends = np.flatnonzero((raw == 10) | ((raw == 13) & (np.append(raw[1:], 0) != 10)))
            edges = np.concatenate([[-1 - held], ends, [len(piece)]])
            if int(np.diff(edges).max()) > MOST_LINE_BYTES:
                raise damaged(path, "points", f"lines of at most {spaced(MOST_LINE_BYTES)} bytes", "a longer one")
            held = len(piece) - (int(ends[-1]) + 1) if len(ends) else held + len(piece)
            lines, read = lines + len(ends), read + len(piece)
            shelf.told(read, size, "lines")
    return lines + (held > 0)


def sniff(path: Path) -> Layout:
    """How a file's rows are to be read. Raises InputError where there are no columns of coordinates."""
    with path.open("rb") as file:
        start = file.read(SNIFFED_BYTES)
    if b"\0" in start:
        raise damaged(path, "points", "text", "bytes that are no text")
    text = start.decode("utf-8-sig", "replace")
    lines = text.splitlines()[: -1 if len(start) == SNIFFED_BYTES else None]
    begun = [at for at, line in enumerate(lines) if line.strip()]
    header, skip = "", 0
    for at in begun:
        line = lines[at].strip()
        skip = at
        if line.startswith(("#", "//")):
            header = line.lstrip("#/ \t") if any(one.isalpha() for one in line) else header
            skip = at + 1
            continue
        if len(line.split()) == 1 and line.isdigit() and at == begun[0] and len(begun) > 1:
            skip = at + 1  # PTS: the number of points
            continue
        if _is_header(line):
            header, skip = line, at + 1
            continue
        break
    rows = [lines[at].strip() for at in begun if at >= skip][:200]
    if not rows:
        raise damaged(path, "points", "rows of numbers", repr(lines[begun[0]][:40]) if begun else "no line")
    separator, decimal = _separator(rows)
    widths = [len(_split(row, separator)) for row in rows]
    width = max(sorted(set(widths)), key=lambda wide: (wide >= 3, widths.count(wide)))
    if not 3 <= width <= MOST_COLUMNS:
        raise damaged(path, "points", f"3 to {MOST_COLUMNS} columns", f"{width} in {rows[0][:40]!r}")
    values = _sniffed([row for row, wide in zip(rows, widths, strict=True) if wide == width], separator, decimal)
    if not np.isfinite(values).any():
        raise damaged(path, "points", "rows of finite numbers", repr(rows[0][:40]))
    names, notes = _names(_split(header, separator if separator in header else ""), width, values, path)
    return Layout(skip, separator, names, decimal, notes)


def _is_header(line: str) -> bool:
    words = [one for one in re.split(r"[\s,;]+", line) if one]
    numbers = sum(_is_number(one) for one in words)
    return bool(words) and numbers == 0 and any(one[0].isalpha() or one[0] in "\"'_" for one in words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return not word[:1].isalpha()


def _separator(rows: list[str]) -> tuple[str, str]:
    """What stands between numbers and before decimals: '1,5;2,5;3,0' has commas for points."""
    for one in (";", "\t", ","):
        if sum(row.count(one) >= 2 for row in rows) > 0.8 * len(rows):
            if one == "\t" and not any(row.split("\t")[0].strip() for row in rows):
                continue
            comma = one != "," and any("," in row for row in rows) and not any("." in row for row in rows)
            return one, "," if comma else "."
    return "", "."


def _split(row: str, separator: str) -> list[str]:
    return [one.strip().strip("\"'") for one in (row.split(separator) if separator else row.split())]


def _sniffed(rows: list[str], separator: str, decimal: str) -> NDArray[np.float64]:
    def value(word: str) -> float:
        try:
            return float(word.replace(decimal, "."))
        except ValueError:
            return float("nan")

    return np.array([[value(word) for word in _split(row, separator)] for row in rows])


def _names(
    header: list[str], width: int, values: NDArray[np.float64], path: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if len(header) == width and width:
        return _headed(header, path), ()
    guess = _guess(values)
    names = ("x", "y", "z", *guess[: width - 3])
    names += tuple(f"column {at + 1}" for at in range(len(names), width))
    told = ", ".join(names)
    return names, (f"Its columns are not named; taken for {told[:160]}",) if width > 3 else ()


def _headed(header: list[str], path: Path) -> tuple[str, ...]:
    plain = [one.lower().split("[")[0].split("(")[0].strip() or f"column {at + 1}" for at, one in enumerate(header)]
    for axes in AXES:
        if all(plain.count(one) == 1 for one in axes):
            break
    else:
        raise InputError(
            "No columns of this table are coordinates.", expected="columns named x, y and z, or easting and northing",
            received=", ".join(header)[:120], fix="Name its columns, or take their names away: x, y, z first.",
            place=path.name,
        )  # fmt: skip
    found = []
    for at, one in enumerate(plain):
        # Colours and normals in capitals are meant as well; other names stay as they are.
        own = one if any(one in three for three in (*COLOURS, *NORMALS)) else header[at].strip() or one
        name = "xyz"[axes.index(one)] if one in axes else NAMED.get(one, own)
        found.append(name if name not in found else f"{name} {at + 1}")
    return tuple(found)


def _guess(values: NDArray[np.float64]) -> tuple[str, ...]:
    """What stands after x, y, z in files without a header, by what the numbers look like."""
    rest = values[:, 3:]
    names: list[str] = []
    at = 0
    if rest.shape[1] in (1, 4, 7) and not _are_colours(rest[:, :3]) and not _are_normals(rest[:, :3]):
        names, at = ["intensity"], 1
    while rest.shape[1] - at >= 3:
        some = rest[:, at : at + 3]
        if _are_colours(some) and "red" not in names:
            names += COLOURS[0]
        elif _are_normals(some) and "nx" not in names:
            names += NORMALS[0]
        else:
            break
        at += 3
    return tuple(names)


def _are_colours(some: NDArray[np.float64]) -> bool:
    return bool(some.shape[1] == 3 and np.isfinite(some).all() and (some == np.rint(some)).all()
                and some.min() >= 0 and some.max() <= 255 and some.max() > 1)  # fmt: skip


def _are_normals(some: NDArray[np.float64]) -> bool:
    length = np.linalg.norm(some, axis=1)
    return bool(some.shape[1] == 3 and np.isfinite(length).all() and (np.abs(length - 1) < 0.05).mean() > 0.9)
