"""A PLY's header, and the rows of its elements piece by piece; text and both byte orders, with lists and without."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.scenes.keeping import CHUNK
from workbench.engine.scenes.texts import Tokens

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8", "long": "i8", "int64": "i8", "ulong": "u8", "uint64": "u8",
}  # fmt: skip
MOST_HEADER_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Property:
    """A property: its name and type; a list where `counts` is the type of its length."""

    name: str
    type: str
    counts: str = ""


@dataclasses.dataclass(frozen=True)
class Element:
    """An element of a header: so many rows of these properties."""

    name: str
    rows: int
    properties: tuple[Property, ...]

    @property
    def has_lists(self) -> bool:
        """Whether rows are of different lengths."""
        return any(one.counts for one in self.properties)

    @property
    def least_bytes(self) -> int:
        """What a row takes at least."""
        return sum(np.dtype(one.counts or one.type).itemsize for one in self.properties)

    def dtype(self, order: str, lengths: dict[str, int] | None = None) -> np.dtype[Any]:
        """A row as a record, its lists of the given lengths each with a field `#name` before it."""
        fields: list[Any] = []
        for one in self.properties:
            if one.counts:
                fields += [
                    (f"#{one.name}", order + one.counts),
                    (one.name, order + one.type, (lengths or {})[one.name]),
                ]
            else:
                fields.append((one.name, order + one.type))
        return np.dtype(fields)


@dataclasses.dataclass(frozen=True)
class PlyHeader:
    """What a PLY says of itself; `order` is the byte order, empty for ASCII; data begin at `begins`."""

    path: Path
    order: str
    elements: tuple[Element, ...]
    begins: int
    comments: tuple[str, ...]

    def element(self, *names: str) -> Element | None:
        """The first element of one of these names."""
        return next((one for one in self.elements if one.name in names), None)


def read_header(path: Path) -> PlyHeader:
    """The header, its claims checked against the file's size. Raises InputError."""
    with path.open("rb") as file:
        start = file.read(MOST_HEADER_BYTES)
    first, _, _ = start.partition(b"\n")
    if first.strip() != b"ply":
        raise damaged_ply(path, "a first line 'ply'", repr(first[:20].decode("latin-1")))
    end = start.find(b"\nend_header")
    stop = start.find(b"\n", end + 1)
    if end < 0 or stop < 0:
        raise damaged_ply(path, "a header that ends with 'end_header'", "none within a megabyte")
    order, elements, comments = None, list[Element](), list[str]()
    for line in start[:end].decode("utf-8", "replace").splitlines()[1:]:
        words = line.split()
        if not words:
            continue
        if words[0] == "format" and len(words) >= 2:
            order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}.get(words[1])
        elif words[0] in ("comment", "obj_info"):
            comments.append(line.partition(" ")[2])
        elif words[0] == "element":
            elements.append(_element(words, path))
        elif words[0] == "property" and elements:
            last = elements[-1]
            elements[-1] = dataclasses.replace(last, properties=(*last.properties, _property(words, last, path)))
        else:
            raise damaged_ply(path, "format, comment, element or property", repr(line[:60]))
    if order is None:
        raise damaged_ply(path, "format ascii, binary_little_endian or binary_big_endian", "no such line")
    header = PlyHeader(path, order, tuple(elements), stop + 1, tuple(comments))
    _check_claims(header)
    return header


def _element(words: list[str], path: Path) -> Element:
    if len(words) != 3 or not words[2].isdigit() or len(words[2]) > 15:
        raise damaged_ply(path, "element NAME COUNT", " ".join(words)[:60])
    return Element(words[1], int(words[2]), ())


def _property(words: list[str], element: Element, path: Path) -> Property:
    is_list = len(words) == 5 and words[1] == "list"
    types = [TYPES.get(word) for word in words[1 + is_list : -1]]
    if None in types or not (is_list or len(words) == 3):
        raise damaged_ply(path, "property TYPE NAME, or property list TYPE TYPE NAME", " ".join(words)[:60])
    if is_list and str(types[0]).startswith("f"):
        raise damaged_ply(path, "lists counted by whole numbers", " ".join(words)[:60])
    if any(one.name == words[-1] for one in element.properties) or words[-1].startswith("#"):
        raise damaged_ply(path, "properties of different names", f"{words[-1]!r} twice in {element.name}")
    return Property(words[-1], str(types[-1]), str(types[0]) if is_list else "")


def _check_claims(header: PlyHeader) -> None:
    left = header.path.stat().st_size - header.begins
    for one in header.elements:
        if one.rows and not one.properties:
            raise damaged_ply(header.path, f"properties of the element {one.name}", "none")
        # In text a value takes a digit and a space at least.
        least = one.rows * (one.least_bytes if header.order else 2 * len(one.properties))
        if least > left + 1:
            raise damaged_ply(
                header.path,
                f"{spaced(least)} bytes for {spaced(one.rows)} of {one.name}",
                f"{spaced(max(left, 0))} bytes",
            )
        left -= least


def damaged_ply(path: Path, expected: str, received: str) -> InputError:
    """The InputError for a file that is no PLY, or not all of one."""
    return InputError(
        "This file cannot be read as PLY.", expected=expected, received=received,
        fix="Copy or download it again, or check that its name ends as its content is.", place=path.name,
    )  # fmt: skip


# Rows


def _blocks(header: PlyHeader, wanted: Element, at: Cursor) -> Iterator[NDArray[Any]]:
    """The rows of an element without lists, as records, some at a time; the cursor stands behind them then."""
    kind = wanted.dtype(header.order or "=")
    if header.order:
        size = kind.itemsize * wanted.rows
        if at.byte + size > header.path.stat().st_size:
            raise damaged_ply(header.path, f"{spaced(wanted.rows)} of {wanted.name}", "a file that ends before")
        with header.path.open("rb") as file:
            file.seek(at.byte)
            for begin in range(0, wanted.rows, CHUNK):
                amount = min(CHUNK, wanted.rows - begin)
                got = np.fromfile(file, kind, amount)
                if len(got) < amount:
                    raise damaged_ply(header.path, f"{spaced(wanted.rows)} of {wanted.name}", spaced(begin + len(got)))
                yield got
        at.byte += size
        return
    for begin in range(0, wanted.rows, CHUNK):
        amount = min(CHUNK, wanted.rows - begin)
        table = at.tokens.take(amount * len(wanted.properties)).reshape(amount, -1)
        found = np.empty(amount, kind)
        with np.errstate(invalid="ignore", over="ignore"):
            for column, one in enumerate(wanted.properties):
                found[one.name] = table[:, column]
        yield found


@dataclasses.dataclass
class Cursor:
    """How far a file was read: the byte of a binary one, the tokens of a text."""

    byte: int
    tokens: Tokens


def cursor_of(header: PlyHeader) -> Cursor:
    """Where the data begin."""
    return Cursor(header.begins, Tokens(header.path, header.begins))


def skip_to(header: PlyHeader, wanted: Element, at: Cursor) -> None:
    """Read on to an element."""
    for one in header.elements:
        if one is wanted:
            return
        skip(header, one, at)


def skip(header: PlyHeader, one: Element, at: Cursor) -> None:
    """Read past an element."""
    if one.has_lists:
        for _ in _lists(header, one, at):
            pass
    else:
        for _ in _blocks(header, one, at):
            pass


def _lists(header: PlyHeader, wanted: Element, at: Cursor) -> Iterator[dict[str, Any]]:
    """The rows of an element with lists, some at a time: values by name, lists as (lengths, all values)."""
    if header.order:
        yield from _binary_lists(header, wanted, at)
    else:
        yield from _text_lists(header, wanted, at)


def _binary_lists(header: PlyHeader, wanted: Element, at: Cursor) -> Iterator[dict[str, Any]]:
    data = np.memmap(header.path, np.uint8, "r")
    done = 0
    while done < wanted.rows:
        amount = min(CHUNK, wanted.rows - done)
        rows = _even_rows(header, wanted, data, at.byte, amount)
        if rows is not None and len(rows):
            yield {
                one.name: (rows[f"#{one.name}"].astype(np.int64), rows[one.name].reshape(-1)) if one.counts
                else rows[one.name] for one in wanted.properties
            }  # fmt: skip
            at.byte += rows.dtype.itemsize * len(rows)
            done += len(rows)
            continue
        amount = min(amount, 1 << 16)
        found, at.byte = _walk(header, wanted, data, at.byte, amount)
        done += amount
        yield found


def _even_rows(
    header: PlyHeader, wanted: Element, data: NDArray[np.uint8], begin: int, amount: int
) -> NDArray[Any] | None:
    """As many rows from here on as have lists of the first one's lengths, if they are many."""
    lengths, byte = dict[str, int](), begin
    for one in wanted.properties:
        if one.counts:
            lengths[one.name] = _length(header, wanted, data, byte, one)
            byte += np.dtype(one.counts).itemsize + lengths[one.name] * np.dtype(one.type).itemsize
        else:
            byte += np.dtype(one.type).itemsize
    if byte > len(data):
        raise damaged_ply(header.path, f"{spaced(wanted.rows)} of {wanted.name}", "a file that ends before")
    if max(lengths.values()) > 64:
        return None
    kind = wanted.dtype(header.order, lengths)
    amount = min(amount, (len(data) - begin) // kind.itemsize)
    rows = data[begin : begin + amount * kind.itemsize].view(kind)
    same = np.ones(amount, np.bool_)
    for name, length in lengths.items():
        same &= rows[f"#{name}"] == length
    alike = amount if same.all() else int(np.argmin(same))
    return rows[:alike] if alike >= min(64, wanted.rows) else None


def _length(header: PlyHeader, wanted: Element, data: NDArray[np.uint8], byte: int, one: Property) -> int:
    kind = np.dtype(header.order + one.counts)
    end = byte + kind.itemsize
    if end > len(data):
        raise damaged_ply(header.path, f"{spaced(wanted.rows)} of {wanted.name}", "a file that ends before")
    length = int(data[byte:end].view(kind)[0])
    if length < 0 or length * np.dtype(one.type).itemsize > len(data) - end:
        raise damaged_ply(header.path, "lists that the file holds", f"one of {spaced(length)} values in {wanted.name}")
    return length


def _walk(
    header: PlyHeader, wanted: Element, data: NDArray[np.uint8], byte: int, amount: int
) -> tuple[dict[str, Any], int]:
    """Rows one by one, where their lists are of many lengths."""
    lengths: dict[str, list[int]] = {one.name: [] for one in wanted.properties if one.counts}
    spots: dict[str, list[int]] = {one.name: [] for one in wanted.properties}
    sizes = [(one, np.dtype(one.type).itemsize, np.dtype(one.counts or "u1").itemsize) for one in wanted.properties]
    for _ in range(amount):
        for one, size, counted in sizes:
            if one.counts:
                length = _length(header, wanted, data, byte, one)
                lengths[one.name].append(length)
                byte += counted
                spots[one.name].append(byte)
                byte += length * size
            else:
                spots[one.name].append(byte)
                byte += size
    if byte > len(data):
        raise damaged_ply(header.path, f"{spaced(wanted.rows)} of {wanted.name}", "a file that ends before")
    found: dict[str, Any] = {}
    for one, size, _ in sizes:
        starts, kind = np.asarray(spots[one.name], np.int64), np.dtype(header.order + one.type)
        many = np.asarray(lengths[one.name], np.int64) if one.counts else np.ones(amount, np.int64)
        first = np.repeat(starts, many) + size * (np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many))
        raw = data[first[:, None] + np.arange(size)] if len(first) else np.zeros((0, size), np.uint8)
        values = np.ascontiguousarray(raw).view(kind).reshape(-1)
        found[one.name] = (many, values) if one.counts else values
    return found, byte


def _text_lists(header: PlyHeader, wanted: Element, at: Cursor) -> Iterator[dict[str, Any]]:
    done = 0
    while done < wanted.rows:
        amount = min(1 << 16, wanted.rows - done)
        yield _text_rows(header, wanted, at.tokens, amount)
        done += amount


def _text_rows(header: PlyHeader, wanted: Element, tokens: Tokens, amount: int) -> dict[str, Any]:
    single = len(wanted.properties) == 1
    if single and (even := tokens.even_lists(amount)) is not None:
        return {wanted.properties[0].name: even}
    values: dict[str, list[Any]] = {one.name: [] for one in wanted.properties}
    for _ in range(amount):
        for one in wanted.properties:
            if not one.counts:
                values[one.name].append(tokens.take(1)[0])
                continue
            length = tokens.take(1)[0]
            if not (0 <= length < 1 << 32) or length != int(length):
                raise damaged_ply(header.path, "lengths of lists", f"{length:g} in {wanted.name}")
            values[one.name].append(tokens.take(int(length)))
    found: dict[str, Any] = {}
    for one in wanted.properties:
        rows = values[one.name]
        if one.counts:
            found[one.name] = (np.array([len(row) for row in rows], np.int64), np.concatenate(rows or [np.zeros(0)]))
        else:
            found[one.name] = np.asarray(rows)
    return found


def rows_of(header: PlyHeader, one: Element, at: Cursor) -> Iterator[Any]:
    """The rows of an element, some at a time: records, or values by name and lists as (lengths, all values)."""
    return _lists(header, one, at) if one.has_lists else _blocks(header, one, at)
