"""Reading what stands in space from files: which reader a file gets, and what was read kept by the file's content."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble, did_you_mean
from workbench.core.scenefiles import READ_ENDINGS
from workbench.core.scenes import AS_THEY_ARE, PoseReading, ReadGroup, ReadThing, SceneRead, Thing, VolumeDoc
from workbench.engine.scenes.keeping import Shelf, Told, check_memory, untold
from workbench.engine.scenes.readingruns import read_run
from workbench.engine.scenes.runnames import is_run
from workbench.engine.text import cache

VERSION = 4
"""Of what readers make of a file; a new one reads files again."""
WHOLE_BYTES = 64 << 20
"""Files up to this size are told apart by all of their bytes; of larger ones by some, their size and time."""
PIECE_BYTES = 1 << 18
MOST_POINTS = 50_000_000
LEAST_POINTS = 1 << 17
BYTES_A_POINT = 64
"""What a point takes while it is read and drawn, with some columns."""
MOST_LISTED = 20_000
VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
MODEL_FILES = ("cameras", "images", "points3d")
"""COLMAP's, any of which stands for the model that it is of."""


TIMES_IN_MEMORY = {"obj": 12, "off": 12, "stl": 8, "gltf": 6}
"""What reading whole meshes takes, in sizes of the file; clouds, PLY and volumes look for themselves."""


class Found(NamedTuple):
    """What a reader made of a file: things, notes on all of it, other files that it looked into, groups, its unit."""

    things: Sequence[ReadThing]
    notes: Sequence[str] = ()
    beside: Sequence[Path] = ()
    groups: Sequence[ReadGroup] = ()
    unit: str = ""


class _Kept(msgspec.Struct, frozen=True):
    """A reading in the cache, and the stamps of the other files that it is of."""

    read: SceneRead
    beside: dict[str, tuple[int, int]]


def read_scene(
    path: Path, folder: Path, *, most_points: int = MOST_POINTS, poses: PoseReading = AS_THEY_ARE,
    told: Told = untold,
) -> SceneRead:  # fmt: skip
    """What a file or a folder holds, its arrays as .npy in `folder`, named by the content.

    A reading of an earlier call is used again while the files are unchanged. `told` hears how far it is.
    Raises InputError for damaged files and unknown kinds, KnownTrouble where memory or disk are short.
    """
    with told_trouble(path):
        return _read(path, folder, most_points, poses, told)


@contextlib.contextmanager
def told_trouble(path: Path) -> Iterator[None]:
    """What is wrong with the place of a file, or with memory, as KnownTrouble."""
    try:
        yield
    except OSError as error:
        raise KnownTrouble(
            "The file cannot be read, or its copy in the cache cannot be written.",
            expected="a file that may be read, and a writable home with room",
            received=error.strerror or type(error).__name__,
            fix="Check the file's permissions; free some space, or move the home with WORKBENCH_HOME.",
            place=path.name,
        ) from None
    except MemoryError:
        raise KnownTrouble("There is not enough memory for this file.", expected="room for what the file holds",
                           received="none", fix="Close other programs, or open a smaller part.",
                           place=path.name) from None  # fmt: skip


def _read(path: Path, folder: Path, most_points: int, poses: PoseReading, told: Told) -> SceneRead:
    if not path.exists():
        raise InputError("There is nothing at this path.", expected="a file or a folder of things in space",
                         received=str(path), fix="Check the path; a network drive may be away.", field="path",
                         place=path.name)  # fmt: skip
    form = format_of(path)
    if form == "boxes":
        return _boxes(path)
    told(0, 1, "looking at the file")
    most_points = fitting(most_points)
    stem = cache.digest(
        VERSION,
        path.absolute() if form in ("posed", "run") else path.name,
        most_points,
        form,
        _content(path),
        *([msgspec.json.encode(poses)] if form == "posed" else []),
    )
    beside = folder / f"{stem}.json"
    kept = _kept(beside)
    if kept is not None:
        return kept.read
    check_memory(path, TIMES_IN_MEMORY.get(form, 0))
    with Shelf(folder, stem, told=told) as shelf:
        read_as = functools.partial(_posed, poses=poses) if form == "posed" else READERS[form]
        found = read_as(path, shelf, max(most_points, 1))
    read = SceneRead(tuple(found.things), tuple(dict.fromkeys(found.notes)), found.unit, tuple(found.groups))
    stamps = {str(one): _stamp(one) for one in found.beside}
    beside.unlink(missing_ok=True)
    cache.keep(beside, lambda file: _write(file, _Kept(read, stamps)))
    return read


def fitting(most_points: int) -> int:
    """As many points of them as half of the free memory holds: of a larger cloud an even sample is read.

    A power of two where that is fewer, so that a reading stays the same while memory is about as free.
    """
    room = int(psutil.virtual_memory().available) // 2 // BYTES_A_POINT
    if room >= most_points:
        return most_points
    return min(most_points, max(LEAST_POINTS, 1 << max(room, 1).bit_length() - 1))


def _write(file: Path, kept: _Kept) -> None:
    file.write_bytes(msgspec.json.encode(kept))


def _kept(beside: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode(beside.read_bytes(), type=_Kept)
        if any(_stamp(Path(name)) != stamp for name, stamp in kept.beside.items()):
            return None
    except (OSError, msgspec.DecodeError):
        return None
    files = [Path(name) for one in kept.read.things for name in files_of(one.thing)]
    if not all(one.is_file() for one in files):
        return None
    for one in (*files, beside):
        if one.is_relative_to(beside.parent):  # grids of runs are read where they lie, and stay as they are
            cache.touch(one)
    return kept


def files_of(thing: Thing) -> list[str]:
    """The arrays and pictures that a thing lies in."""
    if isinstance(thing, VolumeDoc):
        return [thing.file.path]
    found: list[str] = []
    for name in ("positions", "order", "vertices", "faces", "normals", "colours", "uv", "texture", "grid"):
        value = getattr(thing, name, "")
        found += [value] if isinstance(value, str) and value else []
    return found + [one.path for one in getattr(thing, "columns", ())]


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


def _content(path: Path) -> str:
    if path.is_dir():  # of photographs: they are told apart by names, sizes and times
        files = itertools.islice(sorted(one for one in path.rglob("*") if one.is_file()), MOST_LISTED)
        return cache.digest(*((one.relative_to(path), *_stamp(one)) for one in files))
    size, found = path.stat().st_size, hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        if size <= WHOLE_BYTES:
            while piece := file.read(1 << 22):
                found.update(piece)
        else:
            found.update(repr(_stamp(path)).encode())
            for at in range(64):
                file.seek(at * (size - PIECE_BYTES) // 63)
                found.update(file.read(PIECE_BYTES))
    return found.hexdigest()


def format_of(path: Path) -> str:
    """The reader for a path: by the first bytes where they are telling, by the ending otherwise.

    Raises InputError for kinds that are not read.
    """
    name = path.name.lower()
    if is_run(path):
        return "run"
    if path.is_dir():
        from workbench.engine.scenes.posed import looks_posed

        if looks_posed(path):
            return "posed"
        raise _unknown(path, "a folder without transforms.json or a COLMAP model")
    if not path.is_file():  # opening a pipe would wait for whoever writes into it
        raise _unknown(path, "neither a file nor a folder")
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise InputError("This file is empty.", expected="a file of things in space", received="no bytes",
                         fix="Copy or download it again.", field="path", place=path.name)  # fmt: skip
    for mark, form in ((b"ply", "ply"), (b"LASF", "las"), (b"glTF", "gltf"), (b"NRRD", "volume")):
        if start.startswith(mark) and (mark != b"ply" or start[3:4] in (b"\r", b"\n", b" ")):
            return form
    if name.endswith(VOLUMES):
        return "volume"
    if path.stem.lower() in MODEL_FILES and name.endswith((".txt", ".bin")):
        return "posed"
    if name.endswith(".json"):
        return "boxes" if b'"boxes"' in start or b'"thing"' in start else "posed"
    form = ENDINGS.get(path.suffix.lower(), "")
    if not form:
        raise _unknown(path, "a file of another kind")
    return form


def _unknown(path: Path, received: str) -> InputError:
    known = sorted({one for endings in READ_ENDINGS.values() for one in endings})
    close = did_you_mean(path.suffix.lower(), known) if path.suffix else ""
    return InputError(
        "Nothing here can be put into the scene.", expected=", ".join(known), received=f"{path.name}: {received}",
        fix=close if close.startswith("Did") else "Choose a file of one of these kinds.", field="path", place=path.name,
    )  # fmt: skip


# Readers, their libraries loaded when a file asks for them


def _one(path: Path, thing: Thing) -> Found:
    return Found([ReadThing(path.stem, thing)])


def _ply(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingply import read_ply

    return _one(path, read_ply(path, shelf, most))


def _las(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readinglas import read_las

    points, unit = read_las(path, shelf, most)
    return Found([ReadThing(path.stem, points)], unit=unit)


def _pcd(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingpcd import read_pcd

    return _one(path, read_pcd(path, shelf, most))


def _text(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingtext import read_text

    return _one(path, read_text(path, shelf, most))


def _obj(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingobj import read_obj

    return Found(*read_obj(path, shelf))


def _stl(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingmeshes import read_stl

    return _one(path, read_stl(path, shelf))


def _off(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readingmeshes import read_off

    return _one(path, read_off(path, shelf))


def _gltf(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes.readinggltf import read_gltf

    return Found(*read_gltf(path, shelf), unit="m")


def _volume(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.medical.arrays import damaged
    from workbench.engine.medical.volumes import read

    # The medical reader keeps its own copies by the file's name and time, and checks what headers claim.
    try:
        found = read(path, "", shelf.folder, told=lambda done, of: shelf.told(done, of, "slices"))
    except (TypeError, ValueError) as error:  # SimpleITK on headers of too many axes
        raise damaged(path, "a volume", str(error).strip().splitlines()[0] if str(error).strip() else error) from None
    return Found([ReadThing(path.name.split(".")[0], VolumeDoc(found))], unit="mm")


def _npz(path: Path, shelf: Shelf, most: int) -> Found:
    from workbench.engine.scenes import gridfiles, readinggrids
    from workbench.engine.scenes.archives import claims

    if gridfiles.GRID in claims(path):
        return Found(*readinggrids.read_grid(path, shelf))
    return Found([ReadThing(path.stem, readinggrids.read_npz_volume(path, shelf))], unit="mm")


def _posed(path: Path, shelf: Shelf, most: int, *, poses: PoseReading = AS_THEY_ARE) -> Found:
    from workbench.engine.scenes.keeping import Known, keep_points
    from workbench.engine.scenes.posed import read_scene_as

    found = read_scene_as(path, poses)
    name = path.stem if path.is_file() else path.name
    if name.startswith("transforms") and path.is_file():  # every such file is called so; its folder says what it is of
        name = path.resolve().parent.name or name
    things = [ReadThing(name, found.cameras)]
    if found.points is not None and len(found.points.positions):
        known = [Known("colour", "colour", np.uint8), Known("reprojection error", "scalar", np.float32, unit="px"),
                 Known("seen in", "scalar", np.uint32)]  # fmt: skip
        values: list[NDArray[Any]] = [
            found.points.colours,
            found.points.error_px.astype(np.float32),
            found.points.seen_in,
        ]
        points = keep_points(shelf, found.points.positions, known, values)
        things = [ReadThing("photographs", found.cameras, parent=name), ReadThing("points", points, parent=name)]
    return Found(things)


def _run(path: Path, shelf: Shelf, most: int) -> Found:
    found = read_run(path, shelf, most)
    return Found(found.things, (), found.beside)


def _boxes(path: Path) -> SceneRead:
    from workbench.engine.scenes.readinggrids import read_boxes

    return SceneRead((ReadThing(path.stem, read_boxes(path)),))


READERS: dict[str, Callable[[Path, Shelf, int], Found]] = {
    "ply": _ply, "las": _las, "obj": _obj, "stl": _stl, "off": _off, "gltf": _gltf, "volume": _volume, "npz": _npz,
    "posed": _posed, "pcd": _pcd, "text": _text, "run": _run,
}  # fmt: skip
ENDINGS = {
    ".ply": "ply", ".las": "las", ".laz": "las", ".obj": "obj", ".stl": "stl", ".off": "off", ".glb": "gltf",
    ".gltf": "gltf", ".npz": "npz", ".npy": "boxes", ".pcd": "pcd", ".xyz": "text", ".txt": "text",
    ".csv": "text", ".pts": "text", ".asc": "text",
}  # fmt: skip
