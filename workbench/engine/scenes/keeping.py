"""Things in space kept as arrays on disk: points in an order of which every beginning is an even sample, triangles.

Whatever makes a thing (a reader, a filter, a mesher) puts its arrays on a Shelf and gets the document that a scene
holds. Nothing has its final name before everything is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import MOST_LISTED, NOWHERE, Column, MeshDoc, PointsDoc
from workbench.core.sizes import in_bytes
from workbench.core.volumes import Triple
from workbench.core.words import count, spaced
from workbench.engine.scenes.classes import classes_in, listed

Told = Callable[[int, int, str], None]
"""Hears how much of how much is done, in which words; raises where the work is to end."""
Kind = Literal["scalar", "class", "colour", "normal"]
SEED = 20
CHUNK = 1 << 19
"""Points that are worked on at a time."""
FIRST = 1 << 16
"""Of the first piece's points so many say where the cloud lies."""
FAR = 10_000.0
"""Coordinates beyond this are re-centred: single precision keeps a millimetre up to about here."""
MOST_EDGE_FACES = 4_000_000
"""Meshes up to this size are looked over for edges of more than two faces."""


def untold(done: int, of: int, words: str = "") -> None:
    """For whoever wants to hear nothing."""


class Shelf:
    """A place for a thing's arrays: written under passing names, named when the `with` block ends well."""

    def __init__(self, folder: Path, stem: str, *, told: Told = untold) -> None:
        self.folder, self.stem, self.told = folder, stem, told
        self._taken: dict[Path, Path] = {}

    def __enter__(self) -> Shelf:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for final, scratch in self._taken.items():
            if kind is None:
                scratch.replace(final)
            else:
                with contextlib.suppress(OSError):
                    scratch.unlink(missing_ok=True)

    def place(self, name: str, suffix: str = ".npy") -> tuple[Path, Path]:
        """The final path of a file, and the one to write to until everything is there."""
        number, final = 0, self.folder / f"{self.stem}-{name}{suffix}"
        while final in self._taken:
            number += 1
            final = self.folder / f"{self.stem}-{name}-{number}{suffix}"
        self._taken[final] = final.with_name(f"{final.name}.{os.getpid()}.tmp")
        return final, self._taken[final]

    def open(self, name: str, dtype: Any, shape: tuple[int, ...]) -> tuple[str, NDArray[Any]]:
        """A new array of a shape, on disk, and its final path."""
        final, scratch = self.place(name)
        return str(final), np.lib.format.open_memmap(scratch, mode="w+", dtype=np.dtype(dtype), shape=shape)

    def save(self, name: str, array: NDArray[Any]) -> str:
        """A whole array; returns its final path."""
        final, scratch = self.place(name)
        with scratch.open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        return str(final)

    def drop(self, path: str) -> None:
        """Take an array off the shelf again."""
        scratch = self._taken.pop(Path(path), None)
        if scratch is not None:
            scratch.unlink(missing_ok=True)


class Known(NamedTuple):
    """What is known of every point: its name, what it is, its type on disk, and of classes their names by value.

    A `spare` column is only kept where some value of it is not 0.
    """

    name: str
    kind: Kind
    dtype: Any
    names: Mapping[str, str] = {}
    unit: str = ""
    spare: bool = False


class CloudWriter:
    """Points in the order of their file, chunk by chunk, into a cloud.

    Of `of` points that a file claims at most `most` are kept, drawn evenly along the file. Points are laid in a seeded
    random order, so that every beginning of the arrays is an even sample. Those that are not finite are left out.
    """

    def __init__(self, shelf: Shelf, of: int, known: Sequence[Known] = (), *, most: int = 1 << 62, place: str = "",
                 name: str = "points") -> None:  # fmt: skip
        self.shelf, self.of, self.known, self.place = shelf, of, tuple(known), place or name
        self.kept = min(of, most)
        row = 12 + 4 + 4 + sum(_width(one) for one in self.known)
        check_disk(row * self.kept, place or name, shelf.folder)
        self.order = np.random.default_rng(SEED).permutation(np.arange(self.kept, dtype=np.uint32))
        self.positions = shelf.open(f"{name}-positions", np.float32, (self.kept, 3))
        self.places = shelf.open(f"{name}-order", np.uint32 if of < 1 << 32 else np.uint64, (self.kept,))
        self.arrays = [
            shelf.open(f"{name}-{at}", one.dtype, (self.kept, 3) if one.kind in ("colour", "normal") else (self.kept,))
            for at, one in enumerate(self.known)
        ]
        self.origin: NDArray[np.float64] | None = None
        self.seen = self.drawn = self.filled = self.not_finite = 0
        self.low, self.high = np.full(3, np.inf), np.full(3, -np.inf)
        self.ranges = [[np.inf, -np.inf] for _ in self.known]
        self.used = [not one.spare for one in self.known]
        self.classes: list[set[int]] = [set() for _ in self.known]

    @property
    def is_sample(self) -> bool:
        """Whether the file claims more points than are kept."""
        return self.kept < self.of

    def add(self, positions: NDArray[Any], values: Sequence[NDArray[Any]] = ()) -> None:
        """The next points of the file: (n, 3) in double precision or exact in it, and an array for each column."""
        amount = len(positions)
        if self.seen + amount > self.of:
            raise InputError("The file holds more points than it says.", expected=f"{spaced(self.of)} points",
                             received="more", fix="Copy or download it again.", place=self.place)  # fmt: skip
        upto = min(self.kept, (self.seen + amount) * self.kept // max(self.of, 1))
        chosen: NDArray[Any] | slice = slice(None)
        wanted = upto - self.drawn
        if self.is_sample:
            chance = np.random.default_rng((SEED, self.seen))
            chosen = np.sort(chance.choice(amount, min(wanted, amount), replace=False, shuffle=False))
        at = (np.arange(amount) if isinstance(chosen, slice) else chosen) + self.seen
        self.drawn, self.seen = upto, self.seen + amount
        here = np.asarray(positions[chosen])
        if self.origin is None:
            self.origin = _first_origin(here)
        single = here
        with np.errstate(over="ignore", invalid="ignore"):
            if here.dtype != np.float32 or self.origin.any():
                single = (np.asarray(here, np.float64) - self.origin).astype(np.float32)
            fine = np.isfinite(single[:, 0] + single[:, 1] + single[:, 2])
        whole = bool(fine.all())
        if not whole:
            self.not_finite += int((~fine).sum())
            single, at = single[fine], at[fine]
        if not len(single):
            return
        places = self.order[self.filled : self.filled + len(single)]
        self.filled += len(single)
        self.places[1][places] = at
        put(self.positions[1], places, single)
        for axis in range(3):
            self.low[axis] = min(self.low[axis], single[:, axis].min())
            self.high[axis] = max(self.high[axis], single[:, axis].max())
        for number, given in enumerate(values):
            some = given[chosen] if whole else given[chosen][fine]
            self.used[number] = self.used[number] or bool(some.any())
            if self.used[number]:
                put(self.arrays[number][1], places, some)  # new arrays are 0
            if self.known[number].kind in ("scalar", "class"):
                self._widen(self.ranges[number], some)
            if self.known[number].kind == "class" and len(self.classes[number]) <= MOST_LISTED:
                self.classes[number].update(classes_in(some).tolist())

    def _widen(self, known: list[float], some: NDArray[Any]) -> None:
        finite = some[np.isfinite(some)] if some.dtype.kind == "f" else some
        if len(finite):
            known[0], known[1] = min(known[0], float(finite.min())), max(known[1], float(finite.max()))

    def finish(self, notes: Sequence[str] = ()) -> PointsDoc:
        """The cloud; raises InputError where no point is left."""
        if not self.filled:
            raise InputError(
                "There is no point in this file." if not self.not_finite else "No point of this file is a place.",
                expected="at least one point with finite coordinates",
                received=count(self.not_finite, "point") + " that are no numbers" if self.not_finite else "none",
                fix="Open another file.",
                place=self.place,
            )
        if self.filled < self.kept:
            self._close_gaps()
        columns = []
        for number, (one, (path, _), (low, high)) in enumerate(zip(self.known, self.arrays, self.ranges, strict=True)):
            if not self.used[number]:
                self.shelf.drop(path)
                continue
            present = self.classes[number]
            names = {value: name for value, name in one.names.items() if int(value) in present}
            least, greatest = (low, high) if low <= high else (0.0, 0.0)
            columns.append(Column(one.name, one.kind, path, least, greatest, one.unit, names, listed(present)))
        told = list(notes)
        if self.not_finite:
            told.append(f"{count(self.not_finite, 'point')} left out: not finite")
        if self.is_sample:
            told.append(f"An even sample of {spaced(self.kept)} of {spaced(self.of)} points: more are not read at once")
        told += precision_note(self.low, self.high)
        origin = NOWHERE if self.origin is None else triple(self.origin)
        return PointsDoc(
            self.positions[0], self.filled, triple(self.low), triple(self.high), origin,
            of=self.of if self.is_sample else self.filled, order=self.places[0], columns=tuple(columns),
            notes=tuple(told),
        )  # fmt: skip

    def _close_gaps(self) -> None:
        """What was claimed and did not come leaves holes in the random order; the rest stays a random order."""
        filled = np.ones(self.kept, np.bool_)
        filled[self.order[self.filled :]] = False
        every = [self.positions, self.places, *self.arrays]
        for at, (path, array) in enumerate(every):
            final, scratch = Path(path), self.shelf._taken[Path(path)]
            closed = scratch.with_name(scratch.name + ".tmp")
            shape = (self.filled, *array.shape[1:])
            out = np.lib.format.open_memmap(closed, mode="w+", dtype=array.dtype, shape=shape)
            done = 0
            for begin in range(0, self.kept, CHUNK):
                some = array[begin : begin + CHUNK][filled[begin : begin + CHUNK]]
                out[done : done + len(some)] = some
                done += len(some)
            every[at] = (str(final), out)
            closed.replace(scratch)
        self.positions, self.places, self.arrays = every[0], every[1], every[2:]


def put(array: NDArray[Any], places: NDArray[Any], rows: NDArray[Any]) -> None:
    """array[places] = rows; rows of three as one thing each, which is twice as fast."""
    if array.ndim == 1:
        array[places] = rows
        return
    whole = np.dtype((np.void, array.dtype.itemsize * array.shape[1]))
    plain = np.ascontiguousarray(rows, array.dtype)
    array.view(whole).reshape(-1)[places] = plain.view(whole).reshape(-1)


def _first_origin(some: NDArray[Any]) -> NDArray[np.float64]:
    """The origin by the first points; 0 where none of them is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        here = np.asarray(some[:: max(1, len(some) // FIRST)], np.float64)
        here = here[np.isfinite(here).all(axis=1)]
    return origin_for(here) if len(here) else np.zeros(3)


def _width(one: Known) -> int:
    return int(np.dtype(one.dtype).itemsize * (3 if one.kind in ("colour", "normal") else 1))


def check_disk(claimed_bytes: int, place: str, folder: Path) -> None:
    """Whether the arrays have room in the cache; raises KnownTrouble before anything is allocated."""
    spare = shutil.disk_usage(folder).free
    if claimed_bytes > spare:
        raise KnownTrouble(
            "There is no room on the disk for the arrays' cached copy.",
            expected=f"{in_bytes(claimed_bytes)} free below the home's cache",
            received=f"{in_bytes(spare)} free",
            fix="Free some space, or move the home with WORKBENCH_HOME.",
            place=place,
        )


def check_memory(path: Path, times: int) -> None:
    """Whether a file that takes so many times its size while it is read has room; raises KnownTrouble."""
    wanted, free = path.stat().st_size * times, int(psutil.virtual_memory().available)
    if wanted > free:
        raise KnownTrouble(
            "There is not enough memory for this mesh.", expected=f"about {in_bytes(wanted)} free",
            received=f"{in_bytes(free)}", fix="Close other programs, or make the mesh smaller first.", place=path.name,
        )  # fmt: skip


def triple(values: NDArray[Any]) -> Triple:
    """Three numbers of an array."""
    return float(values[0]), float(values[1]), float(values[2])


def origin_for(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is taken off coordinates before they become single: whole numbers, 0 where they are small enough.

    `points` (N, 3) are all or the first of them.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = low / 2 + high / 2, high / 2 - low / 2
    far = (np.abs(middle) > FAR) & (np.abs(middle) > 2 * reach) & (np.abs(middle) < 2.0**52)
    return np.where(far, np.round(middle), 0.0)


def precision_note(low: NDArray[Any], high: NDArray[Any]) -> list[str]:
    """What single precision does to coordinates that are still large, if it is worth telling."""
    far = float(max(np.abs(low).max(), np.abs(high).max()))
    step = float(np.spacing(np.float32(far)))
    return [f"Coordinates reach {spaced(far)} and are kept to {step:.2g}"] if step > 0.01 else []


def keep_points(
    shelf: Shelf, positions: NDArray[Any], known: Sequence[Known] = (), values: Sequence[NDArray[Any]] = (), *,
    name: str = "points", notes: Sequence[str] = (),
) -> PointsDoc:  # fmt: skip
    """A cloud that is in memory: (N, 3) positions and an array for each column; see CloudWriter."""
    writer = CloudWriter(shelf, len(positions), known, name=name)
    for begin in range(0, len(positions), CHUNK):
        part = slice(begin, begin + CHUNK)
        writer.add(positions[part], [one[part] for one in values])
        shelf.told(min(begin + CHUNK, len(positions)), len(positions), "points")
    return writer.finish(notes)


def keep_mesh(
    shelf: Shelf, vertices: NDArray[Any], faces: NDArray[Any], *, normals: NDArray[Any] | None = None,
    colours: NDArray[Any] | None = None, uv: NDArray[Any] | None = None, texture: str = "", name: str = "mesh",
    notes: Sequence[str] = (), place: str = "",
) -> MeshDoc:  # fmt: skip
    """Triangles: (V, 3) vertices, (F, 3) indices into them, and what is known of every vertex; see MeshDoc.

    Faces at vertices that are not finite are left out. Raises InputError for faces that point outside the vertices,
    with the first one's place, and where there is no face.
    """
    check_faces(faces, len(vertices), place or name)
    told = list(notes)
    here = np.asarray(vertices, np.float64)
    kept: NDArray[Any] | None = None
    with np.errstate(over="ignore"):
        fine: NDArray[np.bool_] = np.asarray(np.isfinite(here.astype(np.float32)).all(axis=1))
    if not fine.all():
        good = np.asarray(fine[faces].all(axis=1))
        told.append(f"{count(int((~fine).sum()), 'vertex', 'vertices')} not finite: "
                    f"{count(int((~good).sum()), 'face')} left out")  # fmt: skip
        kept, faces = fine, faces[good]
        index = np.cumsum(fine) - 1
        here, faces = here[fine], index[faces]
    if not len(faces) or not len(here):
        raise InputError("There is no face in this mesh.", expected="at least one triangle of finite vertices",
                         received="none", fix="Open another file, or its vertices as a point cloud.",
                         place=place or name)  # fmt: skip
    told += oddities(faces)
    origin = origin_for(here)
    single = (here - origin).astype(np.float32)
    low, high = single.min(axis=0), single.max(axis=0)
    told += precision_note(low, high)

    def put(what: str, array: NDArray[Any] | None, dtype: Any) -> str:
        if array is None:
            return ""
        return shelf.save(f"{name}-{what}", (array if kept is None else array[kept]).astype(dtype, copy=False))

    return MeshDoc(
        vertices=shelf.save(f"{name}-vertices", single), faces=shelf.save(f"{name}-faces", faces.astype(np.uint32)),
        vertex_count=len(single), face_count=len(faces), low=triple(low), high=triple(high), origin=triple(origin),
        normals=put("normals", normals, np.float32), colours=put("colours", colours, np.uint8),
        uv=put("uv", uv, np.float32), texture=texture, notes=tuple(told),
    )  # fmt: skip


def check_faces(faces: NDArray[Any], vertices: int, place: str) -> None:
    """Whether all faces (F, k) point at vertices; raises InputError naming the first that does not."""
    if not len(faces):
        return
    outside = (faces < 0) | (faces >= vertices)
    if outside.any():
        at = int(np.argmax(outside.any(axis=1)))
        bad = int(faces[at][np.argmax(outside[at])])
        raise InputError(
            "A face points at a vertex that is not there.",
            expected=f"indices from 0 to {vertices - 1}",
            received=f"{bad} in face {at}" + (f", and {int(outside.any(axis=1).sum()) - 1} more such faces"
                                              if outside.any(axis=1).sum() > 1 else ""),
            fix="The file is damaged, or was written for another list of vertices: export it again.",
            place=f"{place}, face {at}",
        )  # fmt: skip


def oddities(faces: NDArray[Any]) -> list[str]:
    """What a person should know of triangles (F, 3): those without area, and edges of more than two."""
    told = []
    flat = (faces[:, 0] == faces[:, 1]) | (faces[:, 1] == faces[:, 2]) | (faces[:, 2] == faces[:, 0])
    if flat.any():
        told.append(f"{count(int(flat.sum()), 'face')} with the same corner twice")
    if len(faces) <= MOST_EDGE_FACES:
        ends = np.sort(
            np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])[~np.tile(flat, 3)], axis=1
        )
        key = np.sort(ends[:, 0].astype(np.uint64) << np.uint64(32) | ends[:, 1].astype(np.uint64))
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, int)
        shared = int((np.diff(np.append(starts, len(key))) > 2).sum())
        if shared:
            told.append(f"Not a manifold: {count(shared, 'edge')} of more than two faces")
    return told
