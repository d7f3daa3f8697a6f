"""Clouds and meshes as arrays in scene coordinates: taken from a scene's files, checked, measured, put back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sceneprocess import Fact, Histogram, Standing
from workbench.core.scenes import Column, MeshDoc, Placement, PointsDoc
from workbench.core.volumes import Triple
from workbench.core.words import spaced
from workbench.engine.scenes.classes import classes_in, listed
from workbench.engine.scenes.placing import matrix_of

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Say = Callable[[float, str], None]
"""Tells how far a long computation is (0 to 1) and what it does."""
SPACING_SAMPLE = 2000
"""Points whose distance to their nearest neighbour tells the spacing of all."""


@dataclasses.dataclass(frozen=True)
class Values:
    """A column: (N,) scalars or classes, (N, 3) uint8 colours, or (N, 3) float32 normals."""

    name: str
    kind: Literal["scalar", "class", "colour", "normal"]
    array: NDArray[Any]
    unit: str = ""
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def at(self, rows: NDArray[Any]) -> Values:
        """Those of some points, by index or mask."""
        return dataclasses.replace(self, array=self.array[rows])


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Points (N, 3) in scene coordinates, in an order of which every beginning is an even sample; their columns."""

    points: Numbers
    columns: tuple[Values, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def at(self, rows: NDArray[Any]) -> Cloud:
        """Some of the points, by index or mask."""
        return Cloud(self.points[rows], tuple(one.at(rows) for one in self.columns))

    def column(self, kind: str) -> Values | None:
        """The first column of a kind."""
        return next((one for one in self.columns if one.kind == kind), None)

    def having(self, *added: Values) -> Cloud:
        """With more columns, which take the place of those with their names."""
        names = {one.name for one in added}
        return Cloud(self.points, (*(one for one in self.columns if one.name not in names), *added))


@dataclasses.dataclass(frozen=True)
class Surface:
    """Triangles: vertices (V, 3) in scene coordinates, faces (F, 3) int64; per vertex normals (V, 3), colours (V, 4)
    uint8 and uv (V, 2) where there are such."""

    vertices: Numbers
    faces: Indices
    normals: NDArray[np.float32] | None = None
    colours: NDArray[np.uint8] | None = None
    uv: NDArray[np.float32] | None = None
    texture: str = ""


@dataclasses.dataclass
class Outcome:
    """What an operation gives, in scene coordinates; `added` are columns of the points that it was given."""

    clouds: list[tuple[str, Cloud]] = dataclasses.field(default_factory=list)
    surfaces: list[tuple[str, Surface]] = dataclasses.field(default_factory=list)
    added: tuple[Values, ...] = ()
    motion: Numbers | None = None
    facts: list[Fact] = dataclasses.field(default_factory=list)
    histograms: list[Histogram] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def open3d() -> Any:
    """The library; raises KnownTrouble where the system lacks what it loads."""
    try:
        import open3d

        return open3d
    except (ImportError, OSError) as error:
        raise KnownTrouble(
            "Open3D cannot be loaded.", expected="Open3D with the system libraries that it loads",
            received=str(error)[:200],
            fix="Install the library that is named (on Debian and Ubuntu: apt-get install libusb-1.0-0 libgomp1).",
        ) from None  # fmt: skip


def moved(points: NDArray[Any], matrix: Numbers) -> Numbers:
    """Points (N, 3) taken elsewhere by a (4, 4) matrix."""
    found: Numbers = points @ matrix[:3, :3].T + matrix[:3, 3]
    return found


def inverse(matrix: Numbers) -> Numbers:
    """The way back of a (4, 4) matrix."""
    found: Numbers = np.asarray(np.linalg.inv(matrix), np.float64)
    return found


def turned(normals: NDArray[Any], matrix: Numbers) -> NDArray[np.float32]:
    """Normals (N, 3) as they are where their points are taken by a (4, 4) matrix; of length 1, or 0 where unknown."""
    found = normals @ np.linalg.inv(matrix[:3, :3])
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    short: NDArray[np.float32] = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0).astype(
        np.float32
    )
    return short


def only_used(made: Surface) -> Surface:
    """Without vertices that no face has."""
    used, faces = np.unique(made.faces, return_inverse=True)

    def of(array: NDArray[Any] | None) -> Any:
        return array[used] if array is not None else None

    return Surface(made.vertices[used], faces.reshape(-1, 3).astype(np.int64), of(made.normals), of(made.colours),
                   of(made.uv), made.texture)  # fmt: skip


# From and to files


def _array(path: str) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return found
    except (OSError, ValueError) as error:
        raise InputError(
            "What lies in this file is gone or damaged.", expected="an array that the program wrote",
            received=str(error)[:200], fix="Read the source file again.", place=path,
        ) from None  # fmt: skip


def placed(world: Placement) -> Numbers:
    """Where a thing stands; raises InputError where nothing can stand so."""
    matrix = matrix_of(world)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-18:
        raise InputError("The thing stands squeezed flat or nowhere.", expected="a placement that can be undone",
                         received="a singular one", fix="Set its scale to 1 again.", field="world")  # fmt: skip
    return matrix


def read_cloud(standing: Standing, sample: int = 0, *, rest: bool = False) -> tuple[Cloud, Indices]:
    """The finite points of a cloud that are not hidden and, where a selection is named, selected; the first `sample`
    of them (0: all), and their rows. `rest` gives those that are not selected."""
    doc, world = standing.thing, placed(standing.world)
    if not isinstance(doc, PointsDoc):
        raise InputError("This works on clouds.", expected="a point cloud", received="a mesh",
                         fix="Sample points of it first.", field="on")  # fmt: skip
    positions = _array(doc.positions)
    kept = _worked_on(standing, len(positions), rest=rest)
    rows = np.flatnonzero(kept & np.isfinite(positions).all(axis=1))
    rows = rows[:sample] if sample else rows
    every = len(rows) == len(positions)
    points = moved(np.asarray(positions if every else positions[rows], np.float64), world)
    columns = []
    for one in doc.columns:
        array = _array(one.path)
        array = np.asarray(array if every else array[rows])
        columns.append(Values(one.name, one.kind, turned(array, world) if one.kind == "normal" else array, one.unit,
                              dict(one.names)))  # fmt: skip
    return Cloud(points, tuple(columns)), rows


def _worked_on(standing: Standing, count: int, *, rest: bool = False) -> NDArray[np.bool_]:
    """Which points or faces (N,) are neither hidden nor, where a selection is named, unselected; see `read_cloud`."""
    kept = np.ones(count, bool)
    for path, wanted in ((standing.hidden, False), (standing.selected, not rest)):
        if path:
            mask = np.asarray(_array(path), bool)
            if mask.shape != kept.shape:
                raise InputError("This selection is of another thing.", expected=f"{spaced(count)} marks",
                                 received=" × ".join(map(str, mask.shape)), fix="Select again.", place=path,
                                 field="on")  # fmt: skip
            kept &= mask == wanted
    return kept


def worked_on(standing: Standing) -> int:
    """How many points of a cloud an operation works on, those without a place included."""
    doc = standing.thing
    return int(_worked_on(standing, doc.count if isinstance(doc, PointsDoc) else doc.face_count).sum())


def read_surface(standing: Standing) -> Surface:
    """The triangles of a mesh that are not hidden and, where a selection is named, selected; raises InputError where
    it has none, or none that can be."""
    doc, world = standing.thing, placed(standing.world)
    if not isinstance(doc, MeshDoc):
        raise InputError("This works on meshes.", expected="a mesh", received="a point cloud",
                         fix="Make a surface of it first.", field="on")  # fmt: skip
    vertices = np.asarray(_array(doc.vertices), np.float64)
    faces = np.asarray(_array(doc.faces), np.int64).reshape(-1, 3)
    if standing.hidden or standing.selected:
        faces = faces[_worked_on(standing, len(faces))]
    inside = (faces >= 0).all(axis=1) & (faces < len(vertices)).all(axis=1)
    faces = faces[inside]
    faces = faces[np.isfinite(vertices[faces]).all(axis=(1, 2))] if len(faces) else faces
    if not len(faces):
        raise InputError("This mesh has no faces.", expected="triangles", received=f"{spaced(len(vertices))} vertices",
                         fix="Make a surface of its points first.", field="on")  # fmt: skip
    if np.linalg.det(world[:3, :3]) < 0:
        faces = faces[:, ::-1]  # as it is seen, what was inside is outside
    normals = turned(np.asarray(_array(doc.normals)), world) if doc.normals else None
    made = Surface(
        moved(vertices, world), faces, normals, np.asarray(_array(doc.colours), np.uint8) if doc.colours else None,
        np.asarray(_array(doc.uv), np.float32) if doc.uv else None, doc.texture,
    )  # fmt: skip
    return made if np.isfinite(vertices).all() else only_used(made)


def _save(folder: Path, name: str, array: NDArray[Any]) -> str:
    path = folder / f"{name}.npy"
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
    return str(path)


def _extent(points: NDArray[Any]) -> tuple[Triple, Triple]:
    if not len(points):
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    low, high = points.min(axis=0), points.max(axis=0)
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))


def write_column(folder: Path, name: str, values: Values, world: Numbers) -> Column:
    """A column in a file of the folder; normals are turned to the coordinates of the thing that stands so."""
    array = turned(values.array, inverse(world)) if values.kind == "normal" else values.array
    finite = array[np.isfinite(array)] if values.kind in ("scalar", "class") else array[:0]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    present = listed(set(classes_in(array).tolist())) if values.kind == "class" else ()
    return Column(values.name, values.kind, _save(folder, name, array), low, high, values.unit, values.names, present)


def write_cloud(folder: Path, name: str, cloud: Cloud, world: Numbers, of: int) -> PointsDoc:
    """A cloud in files of the folder, in the coordinates of the thing that stands so; `of` is what it came from."""
    positions = moved(cloud.points, inverse(world)).astype(np.float32)
    low, high = _extent(positions)
    columns = tuple(write_column(folder, f"{name}-{at}", one, world) for at, one in enumerate(cloud.columns))
    return PointsDoc(_save(folder, name, positions), len(positions), low, high, of=of, columns=columns)


def write_surface(folder: Path, name: str, made: Surface, world: Numbers) -> MeshDoc:
    """A mesh in files of the folder, in the coordinates of the thing that stands so."""
    back = inverse(world)
    vertices = moved(made.vertices, back).astype(np.float32)
    low, high = _extent(vertices)
    faces = made.faces[:, ::-1] if np.linalg.det(back[:3, :3]) < 0 else made.faces
    normals = _save(folder, f"{name}-normals", turned(made.normals, back)) if made.normals is not None else ""
    colours = _save(folder, f"{name}-colours", made.colours) if made.colours is not None else ""
    uv = _save(folder, f"{name}-uv", made.uv) if made.uv is not None else ""
    return MeshDoc(
        _save(folder, name, vertices), _save(folder, f"{name}-faces", faces.astype(np.uint32)), len(vertices),
        len(faces), low, high, normals=normals, colours=colours, uv=uv, texture=made.texture if uv else "",
    )  # fmt: skip


# What clouds are like


def need_points(cloud: Cloud, least: int, what: str) -> None:
    """Raise InputError where a cloud has fewer points than an operation works with, or all at one place."""
    if len(cloud) < least:
        raise InputError(f"{what} takes more points.", expected=f"{least} or more points",
                         received=f"{len(cloud)}, not counting hidden ones", fix="Choose another cloud.",
                         field="on")  # fmt: skip
    if least > 1 and (cloud.points == cloud.points[0]).all():
        raise InputError("All points are at one place.", expected="points apart from each other",
                         received=f"{spaced(len(cloud))} times the same", fix="Choose another cloud.",
                         field="on")  # fmt: skip


def extents(points: NDArray[Any]) -> Numbers:
    """The standard deviations along the three main axes, the longest first."""
    shifted = points[:: max(1, len(points) // 100_000)]
    shifted = shifted - shifted.mean(axis=0)
    found: Numbers = np.linalg.svd(shifted, compute_uv=False) / np.sqrt(max(len(shifted), 1))
    return np.pad(found, (0, 3 - len(found)))


def need_breadth(cloud: Cloud, what: str) -> None:
    """Raise InputError where all points lie on a line, so that no surface goes through them."""
    along = extents(cloud.points)
    if along[1] <= 1e-6 * along[0]:
        raise InputError(f"{what} takes points that spread over a surface.", expected="points in a plane or in space",
                         received="points on a line", fix="Choose another cloud.", field="on")  # fmt: skip


def size_of(points: NDArray[Any]) -> float:
    """The diagonal of the box around points."""
    return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))


def spacing_of(points: NDArray[Any]) -> float:
    """The median distance to the nearest other place with a point; the diagonal where there is none.

    Looked up for some points among all: a sample of all would lie farther apart.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    distances, _ = tree.query(points[:SPACING_SAMPLE], k=min(8, len(points)))
    distances = np.where(distances > 0, distances, np.inf).min(axis=1)
    distances = distances[np.isfinite(distances)]
    return float(np.median(distances)) if len(distances) else size_of(points)


def histogram(title: str, values: NDArray[Any], unit: str, bins: int = 60) -> Histogram:
    """Counts of finite values in even bins up to the 99.5th percentile; the last bin has all that lie beyond."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Histogram(title, (0.0, 1.0), (0,), unit)
    low, high = float(finite.min()), float(np.percentile(finite, 99.5))
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-6
    counts, edges = np.histogram(np.minimum(finite, high), bins, (low, high))
    return Histogram(title, tuple(map(float, edges)), tuple(map(int, counts)), unit)


def joined(one: Cloud, other: Cloud) -> Cloud:
    """The points of both with the columns of the first, as far as the second has them too; in an order of which every
    beginning is an even sample."""
    known = {mine.name: mine for mine in other.columns}
    order = shuffled(len(one) + len(other))
    columns = tuple(
        Values(mine.name, mine.kind, np.concatenate([mine.array, known[mine.name].array])[order], mine.unit, mine.names)
        for mine in one.columns if mine.name in known
    )  # fmt: skip
    return Cloud(np.concatenate([one.points, other.points])[order], columns)


def shuffled(count: int, seed: int = 0) -> Indices:
    """An order of which every beginning is an even sample."""
    return np.random.default_rng(seed).permutation(count)


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """Names of classes by value, from 0."""
    return {str(value): name for value, name in enumerate(names)}
