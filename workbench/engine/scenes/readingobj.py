"""OBJ files (Wavefront) with their materials: one mesh for each object and texture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError, Problem
from workbench.core.scenes import PointsDoc, ReadThing
from workbench.core.words import count, spaced
from workbench.engine.scenes.columns import to_bytes
from workbench.engine.scenes.keeping import Known, Shelf, keep_mesh, keep_points
from workbench.engine.scenes.pictures import keep_picture, near
from workbench.engine.scenes.polygons import Polygons, triangles_of
from workbench.engine.scenes.readingmeshes import damaged
from workbench.engine.scenes.texts import numbers

MOST_THINGS = 500
MOST_MATERIAL_BYTES = 16 << 20
TOLD_EVERY = 1 << 17
LISTS = {b"v": "v", b"vt": "t", b"vn": "n"}


class Material(NamedTuple):
    """A material's base colour, red to alpha as bytes, and its picture as the file names it."""

    colour: tuple[int, int, int, int] = (255, 255, 255, 255)
    texture: str = ""


@dataclasses.dataclass
class Text:
    """An OBJ's lines by what they are."""

    v: list[bytes] = dataclasses.field(default_factory=list)
    t: list[bytes] = dataclasses.field(default_factory=list)
    n: list[bytes] = dataclasses.field(default_factory=list)
    faces: list[tuple[int, list[bytes]]] = dataclasses.field(default_factory=list)
    """For each face the group that it is of, and its corners as they are written."""
    lines: list[int] = dataclasses.field(default_factory=list)
    counts: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)
    """How many of each list stood before a face: indices below zero count from there."""
    groups: list[tuple[str, str]] = dataclasses.field(default_factory=lambda: [("", "")])
    """Object and material of each group."""
    libraries: list[str] = dataclasses.field(default_factory=list)
    others: dict[str, int] = dataclasses.field(default_factory=dict)


def read_obj(path: Path, shelf: Shelf) -> tuple[list[ReadThing], list[str], list[Path]]:
    """The meshes of an OBJ, what to know of it, and the files beside it that were read.

    Raises InputError naming the line for indices outside the lists and for words that are no numbers.
    """
    text = _lines(path, shelf)
    points = _table(text.v, 3, path, "v")
    colours = _colours(text.v, path)
    if not text.faces:
        return [ReadThing(path.stem, _cloud(points, colours, shelf, path))], ["No faces: read as points"], []
    uv, normals = _table(text.t, 1, path, "vt"), _table(text.n, 3, path, "vn")
    corners, lengths = _corners(text, (len(points), len(uv), len(normals)), path)
    materials, beside, notes = _materials(path, text.libraries)
    notes += [f"{count(many, 'line')} of {word} left out" for word, many in text.others.items()]
    polygons = Polygons(path.name)
    polygons.add(lengths, corners[:, 0])
    _, places = triangles_of(polygons, points, notes)
    face_of = np.repeat(np.arange(len(lengths)), lengths)[places[:, 0]]
    groups = np.array([group for group, _ in text.faces], np.int64)[face_of]
    unknown = sorted({material for _, material in text.groups if material and material not in materials})
    notes += [f"Materials that are not in its libraries: {', '.join(unknown)[:120]}"] if unknown else []
    things = []
    for name, texture, chosen in _parts(text, materials, groups):
        some = corners[places[chosen]].reshape(-1, 3)
        tint = np.array([materials.get(text.groups[group][1], Material()).colour for group in range(len(text.groups))])
        thing = _Part(points, uv, normals, colours, some, np.repeat(tint[groups[chosen]], 3, axis=0))
        picture, more = _texture(path, texture, shelf)
        beside += more
        if texture and not picture:
            notes.append(f"The texture {texture[:80]} is not beside the file, or no picture")
        things.append(ReadThing(name or path.stem, thing.keep(shelf, picture if len(uv) else "", path),
                                parent=path.stem if name else ""))  # fmt: skip
    if len(things) == 1:
        things = [ReadThing(path.stem, things[0].thing)]
    else:
        things = [_in_group(one, path.stem, number) for number, one in enumerate(things)]
    return things, notes, beside


def _cloud(points: NDArray[np.float64], colours: NDArray[np.uint8] | None, shelf: Shelf, path: Path) -> PointsDoc:
    if not len(points):
        raise damaged(path, "OBJ", "at least one vertex", "no line that begins with v")
    known = [] if colours is None else [Known("colour", "colour", np.uint8)]
    return keep_points(shelf, points, known, [] if colours is None else [colours])


def _in_group(one: ReadThing, stem: str, number: int) -> ReadThing:
    name = one.name if one.parent else f"{one.name} {number + 1}"
    return msgspec.structs.replace(one, name=name, parent=stem)


def _lines(path: Path, shelf: Shelf) -> Text:
    text, group, size, read = Text(), 0, path.stat().st_size, 0
    known = {("", ""): 0}
    for number, line in enumerate(_joined(path), 1):
        read += len(line) + 1
        if number % TOLD_EVERY == 0:
            shelf.told(min(read, size), size, "lines")
        word, _, rest = line.strip().partition(b" ")
        if not rest and b"\t" in word:
            word, _, rest = line.strip().partition(b"\t")
        word = word.lower()
        if word in LISTS:
            getattr(text, LISTS[word]).append(rest)
        elif word in (b"f", b"fo"):
            text.faces.append((group, rest.split()))
            text.lines.append(number)
            text.counts.append((len(text.v), len(text.t), len(text.n)))
        elif word in (b"o", b"usemtl"):
            name, material = text.groups[group]
            said = rest.strip().decode("utf-8", "replace")
            wanted = (said, material) if word == b"o" else (name, said)
            if wanted not in known:
                known[wanted] = len(text.groups)
                text.groups.append(wanted)
            group = known[wanted]
        elif word == b"mtllib":
            text.libraries.append(rest.strip().decode("utf-8", "replace"))
        elif word in (b"l", b"p", b"curv", b"surf", b"cstype"):
            text.others[word.decode()] = text.others.get(word.decode(), 0) + 1
    return text


def _joined(path: Path) -> Iterator[bytes]:
    """Lines without comments; one that ends in a backslash goes on in the next."""
    held = b""
    with path.open("rb") as file:
        for raw in file:
            line = raw.split(b"#", 1)[0].rstrip()
            if line.endswith(b"\\"):
                held += line[:-1] + b" "
                continue
            yield held + line
            held = b""
    if held:
        yield held


def _table(rows: list[bytes], least: int, path: Path, word: str) -> NDArray[np.float64]:
    """The first two or three numbers of every row, (N, 2) of texture coordinates and (N, 3) of others."""
    wide = 2 if least == 1 else 3
    if not rows:
        return np.zeros((0, wide))
    words = [row.split() for row in rows]
    short = next((at for at, row in enumerate(words) if len(row) < least), None)
    if short is not None:
        found = rows[short][:40].decode(errors="replace")
        raise damaged(path, "OBJ", f"{least} numbers after {word}", f"{found!r} in line {short + 1} of them")
    flat = numbers(b" ".join(b" ".join((*row, b"0")[:wide]) for row in words), path)
    if len(flat) != wide * len(rows):
        raise damaged(path, "OBJ", f"{wide} numbers after {word}", f"{spaced(len(flat))} in {spaced(len(rows))} lines")
    return flat.reshape(-1, wide)


def _colours(rows: list[bytes], path: Path) -> NDArray[np.uint8] | None:
    """What many programs write after the coordinates: red, green, blue from 0 to 1."""
    if not rows or len(rows[0].split()) < 6 or any(len(row.split()) < 6 for row in rows):
        return None
    values = numbers(b" ".join(b" ".join(row.split()[3:6]) for row in rows), path).reshape(-1, 3)
    return to_bytes(values, 255.0 if values.max(initial=0) <= 1 else 1.0)


def _corners(text: Text, sizes: tuple[int, int, int], path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every corner as indices (K, 3) of its vertex, texture coordinate and normal, −1 for none; corners per face."""
    lengths = np.array([len(words) for _, words in text.faces], np.int64)
    found = np.full((int(lengths.sum()), 3), -1, np.int64)
    at = 0
    for (_, words), line, counts in zip(text.faces, text.lines, text.counts, strict=True):
        for word in words:
            for column, part in enumerate(word.split(b"/")[:3]):
                if not part:
                    continue
                try:
                    index = int(part)
                except ValueError:
                    raise _bad_index(path, line, word, sizes[column]) from None
                index = counts[column] + index if index < 0 else index - 1
                if not 0 <= index < sizes[column]:
                    raise _bad_index(path, line, word, sizes[column])
                found[at, column] = index
            if found[at, 0] < 0:
                raise _bad_index(path, line, word, sizes[0])
            at += 1
    return found, lengths


def _bad_index(path: Path, line: int, word: bytes, size: int) -> InputError:
    return InputError(
        "A face points at something that is not there.", expected=f"indices from 1 to {size}, or counted back from −1",
        received=word.decode("latin-1")[:40], fix="The file is damaged: export it again.",
        place=f"{path.name}, line {line}",
    )  # fmt: skip


def _parts(
    text: Text, materials: dict[str, Material], groups: NDArray[np.int64]
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Object, texture and triangles of each mesh, in the order of their first faces."""
    textures = [materials.get(material, Material()).texture for _, material in text.groups]
    names = [name for name, _ in text.groups]
    if len({(name, texture) for name, texture in zip(names, textures, strict=True)}) > MOST_THINGS:
        names = [""] * len(names)
    keys = list(dict.fromkeys(zip(names, textures, strict=True)))
    of_group = np.array([keys.index(key) for key in zip(names, textures, strict=True)])[groups]
    for number in dict.fromkeys(of_group.tolist()):
        yield (*keys[number], np.flatnonzero(of_group == number))


class _Part(NamedTuple):
    """A mesh of an OBJ before corners with the same vertex, texture coordinate and normal become one."""

    points: NDArray[np.float64]
    uv: NDArray[np.float64]
    normals: NDArray[np.float64]
    colours: NDArray[np.uint8] | None
    corners: NDArray[np.int64]
    tint: NDArray[np.int64]

    def keep(self, shelf: Shelf, texture: str, path: Path) -> Any:
        corners = self.corners
        has_uv, has_normals = bool((corners[:, 1] >= 0).any()), bool((corners[:, 2] >= 0).all())
        tinted = bool((self.tint != 255).any())
        key = np.column_stack([
            corners[:, 0], corners[:, 1] if has_uv else np.zeros(len(corners), np.int64),
            corners[:, 2] if has_normals else np.zeros(len(corners), np.int64),
            self.tint @ np.array([1 << 24, 1 << 16, 1 << 8, 1]) if tinted else np.zeros(len(corners), np.int64),
        ])  # fmt: skip
        _, first, again = np.unique(key, axis=0, return_index=True, return_inverse=True)
        at = corners[first]
        colours = None
        if self.colours is not None or tinted:
            tint = self.tint[first].astype(np.uint8)
            own = np.full_like(tint, 255) if self.colours is None else _solid(self.colours[at[:, 0]])
            colours = (own.astype(np.uint16) * tint // 255).astype(np.uint8)
        return keep_mesh(
            shelf, self.points[at[:, 0]], again.reshape(-1, 3),
            normals=self.normals[at[:, 2]] if has_normals else None, colours=colours,
            uv=np.where(at[:, 1:2] >= 0, self.uv[at[:, 1]], 0.0) if has_uv else None,
            texture=texture if has_uv else "", name="mesh", place=path.name,
        )  # fmt: skip


def _solid(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.column_stack([colours, np.full(len(colours), 255, np.uint8)])


def _materials(path: Path, libraries: list[str]) -> tuple[dict[str, Material], list[Path], list[str]]:
    found: dict[str, Material] = {}
    beside: list[Path] = []
    notes = []
    for name in dict.fromkeys(libraries):
        file = near(path, name)
        if file is None or file.stat().st_size > MOST_MATERIAL_BYTES:
            notes.append(f"The materials {name[:80]} are not beside the file")
            continue
        beside.append(file)
        found |= _library(file.read_bytes())
    return found, beside, notes


def _library(said: bytes) -> dict[str, Material]:
    found: dict[str, Material] = {}
    name = ""
    for line in said.splitlines():
        words = line.split(b"#", 1)[0].split()
        if len(words) < 2:
            continue
        word = words[0].lower()
        if word == b"newmtl":
            name = b" ".join(words[1:]).decode("utf-8", "replace")
            found[name] = Material()
        elif name and word == b"kd" and len(words) >= 4:
            red, green, blue = _bytes(words[1:4])
            found[name] = found[name]._replace(colour=(red, green, blue, found[name].colour[3]))
        elif name and word in (b"d", b"tr"):
            value = _bytes(words[1:2])[0]
            colour3 = found[name].colour[:3]
            found[name] = found[name]._replace(colour=(*colour3, value if word == b"d" else 255 - value))
        elif name and word == b"map_kd":
            found[name] = found[name]._replace(texture=_picture_name(words[1:]))
    return found


def _bytes(words: list[bytes]) -> list[int]:
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        return [255] * len(words)
    found: list[int] = to_bytes(values, 255.0).tolist()
    return found


def _picture_name(words: list[bytes]) -> str:
    """The name behind options such as '-s 1 1 1'; names may hold spaces."""
    at = 0
    while at < len(words) - 1 and words[at].startswith(b"-"):
        at += 1
        while at < len(words) - 1 and words[at].replace(b".", b"").replace(b"-", b"").isdigit():
            at += 1
    return b" ".join(words[at:]).decode("utf-8", "replace").replace("\\", "/")


def _texture(path: Path, name: str, shelf: Shelf) -> tuple[str, list[Path]]:
    file = near(path, name) if name else None
    if file is None:
        return "", []
    try:
        return keep_picture(shelf, file), [file]
    except Problem:
        return "", [file]
