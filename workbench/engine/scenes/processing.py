"""Operations on a scene's clouds and meshes: from files to arrays in scene coordinates, and back to files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.params import Params, check
from workbench.core.problem import InputError
from workbench.core.sceneprocess import (
    CleanMesh,
    Clusters,
    Decimate,
    Distances,
    DownSample,
    Normals,
    Operation,
    Outliers,
    Planes,
    Register,
    SampleMesh,
    SceneProcessed,
    SceneProcessWish,
    Smooth,
    Standing,
    SurfaceOf,
    operation,
)
from workbench.core.scenes import MeshDoc, Placement, PointsDoc, ReadThing
from workbench.core.words import spaced
from workbench.engine.scenes import processingclouds as clouds
from workbench.engine.scenes import processingmending as mending
from workbench.engine.scenes import processingmeshes as meshes
from workbench.engine.scenes import processingparts as parts
from workbench.engine.scenes import processingsurfaces as surfaces
from workbench.engine.scenes.processingarrays import (
    Cloud,
    Numbers,
    Outcome,
    Say,
    Surface,
    Values,
    joined,
    placed,
    read_cloud,
    read_surface,
    turned,
    worked_on,
    write_cloud,
    write_column,
    write_surface,
)
from workbench.engine.scenes.processingregistration import Target, register

MESH_SAMPLE = 100_000
"""Points that stand for a mesh that is moved or moved onto."""
OnCloud = Callable[[Cloud, Any, Say], Outcome]
OnMesh = Callable[[Surface, Any, Say], Outcome]
ON_CLOUDS: dict[type[Params], OnCloud] = {
    Normals: clouds.normals, DownSample: clouds.down_sample, Outliers: clouds.outliers, Planes: parts.planes,
    Clusters: parts.clusters, SurfaceOf: surfaces.surface,
}  # fmt: skip
ON_MESHES: dict[type[Params], OnMesh] = {
    SampleMesh: meshes.sample, CleanMesh: mending.clean, Decimate: meshes.decimate, Smooth: meshes.smooth,
}  # fmt: skip


def prepared(wish: SceneProcessWish) -> tuple[Operation, Params]:
    """The operation and its knobs; raises InputError (Problems) with everything that is wrong with them."""
    declared = operation(wish.operation)
    kind = "points" if isinstance(wish.on.thing, PointsDoc) else "mesh"
    if not declared.takes(kind):
        raise InputError(f"{declared.title} does not work on this.",
                         expected="a cloud" if declared.reads == "points" else "a mesh",
                         received="a cloud" if kind == "points" else "a mesh", fix="Choose another thing.",
                         field="on")  # fmt: skip
    if wish.on.selected and not declared.takes_part(kind):
        raise InputError(f"{declared.title} works on the whole thing only.", expected="no selection",
                         received="a selection of its faces", fix="Split the selection off first.",
                         field="on")  # fmt: skip
    if declared.other and wish.other is None:
        raise InputError(f"{declared.title} takes two things.", expected=f"one that {declared.other}",
                         received="one", fix="Choose the other one.", field="other")  # fmt: skip
    return declared, check(declared.params, wish.knobs)


def process(wish: SceneProcessWish, folder: Path, say: Say) -> SceneProcessed:
    """Carry out an operation; arrays of what comes of it are written to `folder`, which is made.

    Raises InputError for things that the operation cannot work on.
    """
    declared, params = prepared(wish)
    began = time.perf_counter()
    say(0.0, "reading")
    if isinstance(wish.on.thing, MeshDoc):
        made = read_surface(wish.on)
        seen = of = len(made.faces)
        cloud, rows = None, np.empty(0, np.int64)
        outcome = (_registered(_stand_in(made), params, wish, say, column=False) if isinstance(params, Register)
                   else ON_MESHES[type(params)](made, params, say))  # fmt: skip
    else:
        cloud, rows = read_cloud(wish.on, wish.sample)
        seen, of = len(cloud), wish.on.thing.count
        if wish.on.selected and wish.sample:
            of = worked_on(wish.on)
        if not seen:
            kinds = "hidden, unselected" if wish.on.selected else "hidden"
            raise InputError("This cloud has no points.", expected="points with finite coordinates",
                             received=f"{spaced(of)} {kinds} or without a place" if of else "an empty cloud",
                             fix="Show what was cropped away, or choose another cloud.", field="on")  # fmt: skip
        outcome = _on_cloud(cloud, params, wish, say)
    notes = list(outcome.notes)
    if wish.on.selected and not wish.sample:
        say(0.9, "joining the rest")
        notes += _with_rest(outcome, params, wish, seen)
    if wish.sample and seen < of:
        told = f"{spaced(seen)} of {spaced(of)}"
        notes.insert(0, f"A preview on {told} points: what depends on how close they lie differs on all")
    say(0.95, "writing")
    folder.mkdir(parents=True, exist_ok=True)
    world = placed(wish.on.world)
    things = _things(outcome, folder, world, wish)
    thing = None
    if outcome.added and cloud is not None:
        if wish.sample and (seen < of or wish.on.selected):
            sampled = write_cloud(folder, "sample", cloud.having(*outcome.added), world, of)
            things = (ReadThing(f"{wish.on.name} (sample)", _from_there(sampled, wish)), *things)
        else:
            thing = _with_columns(wish.on, outcome.added, rows, folder, world)
    return SceneProcessed(
        declared.name, things, thing, outcome.added[0].name if outcome.added else "",
        _placement(outcome.motion @ world) if outcome.motion is not None else None, tuple(outcome.facts),
        tuple(outcome.histograms), tuple(notes), seen, of, time.perf_counter() - began,
        part=bool(wish.on.selected and things) and (cloud is None or not outcome.clouds),
    )  # fmt: skip


def _with_rest(outcome: Outcome, params: Params, wish: SceneProcessWish, seen: int) -> list[str]:
    """Put what was not selected beside what came of the selection, or into it where that is the cloud again with fewer
    points; what to tell of it."""
    if isinstance(wish.on.thing, MeshDoc):
        return []
    if outcome.clouds:
        rest, _ = read_cloud(wish.on, rest=True)
        if isinstance(params, DownSample | Outliers):
            (name, made), *_ = outcome.clouds
            outcome.clouds = [(name, joined(made, rest))]
        elif len(rest):
            outcome.clouds.append(("not selected", rest))
    return [f"Worked on {spaced(seen)} selected of {spaced(wish.on.thing.count)} points; the others are as they were"]


def _on_cloud(cloud: Cloud, params: Params, wish: SceneProcessWish, say: Say) -> Outcome:
    if isinstance(params, Register):
        return _registered(cloud, params, wish, say, column=True)
    if isinstance(params, Distances):
        target = _target(wish)
        to = target.points if target.vertices is None else target.vertices
        return clouds.distances(cloud, to, target.faces, params, say)
    return ON_CLOUDS[type(params)](cloud, params, say)


def _registered(moving: Cloud, params: Register, wish: SceneProcessWish, say: Say, *, column: bool) -> Outcome:
    return register(moving, _target(wish), params, say, column=column)


def _target(wish: SceneProcessWish) -> Target:
    """The second thing; a mesh with points on it."""
    other = wish.other or wish.on  # prepared() has seen that there is another
    if isinstance(other.thing, PointsDoc):
        cloud, _ = read_cloud(other)
        if not len(cloud):
            raise InputError("The other cloud has no points.", expected="points with finite coordinates",
                             received="none", fix="Choose another one.", field="other")  # fmt: skip
        return Target(cloud.points)
    made = read_surface(other)
    return Target(_stand_in(made).points, made.vertices, made.faces)


def _stand_in(made: Surface) -> Cloud:
    return Cloud(meshes.drawn_on(made, MESH_SAMPLE, np.random.default_rng(0)).points)


def _placement(matrix: Numbers) -> Placement:
    return tuple(float(one) for one in matrix.reshape(16))  # type: ignore[return-value]


def _from_there(doc: Any, wish: SceneProcessWish) -> Any:
    """With the origin of what it came from: it stands at the same place."""
    return msgspec.structs.replace(doc, origin=wish.on.thing.origin)


def _things(outcome: Outcome, folder: Path, world: Numbers, wish: SceneProcessWish) -> tuple[ReadThing, ...]:
    found = []
    # Several parts stand in a group that has the name of what they came from.
    whose = f"{wish.on.name} " if len(outcome.clouds) + len(outcome.surfaces) == 1 else ""
    for at, (name, cloud) in enumerate(outcome.clouds):
        doc: Any = write_cloud(folder, f"cloud-{at}", cloud, world, 0)
        found.append(ReadThing(f"{whose}{name}".strip(), _from_there(doc, wish)))
    for at, (name, made) in enumerate(outcome.surfaces):
        doc = write_surface(folder, f"mesh-{at}", made, world)
        found.append(ReadThing(f"{whose}{name}".strip(), _from_there(doc, wish)))
    return tuple(found)


def _with_columns(
    standing: Standing, added: tuple[Values, ...], rows: NDArray[np.int64], folder: Path, world: Numbers
) -> PointsDoc:
    """The cloud with columns for all of its points; hidden and unselected ones have no value, but normals keep theirs.

    Where a selection was worked on, the cloud's notes tell of it.
    """
    doc: Any = standing.thing
    columns = [
        write_column(folder, f"added-{at}", _for_all(standing, one, rows, world), world) for at, one in enumerate(added)
    ]
    names = {one.name for one in columns}
    kept = tuple(one for one in doc.columns if one.name not in names)
    told = [
        f"{one} was worked out for {spaced(len(rows))} selected of {spaced(doc.count)} points" for one in sorted(names)
    ]
    notes = [one for one in doc.notes if not one.startswith(tuple(f"{name} was worked out" for name in names))]
    found: PointsDoc = msgspec.structs.replace(
        doc, columns=(*kept, *columns), notes=(*notes, *(told if standing.selected else ()))
    )  # fmt: skip
    return found


def _for_all(standing: Standing, one: Values, rows: NDArray[np.int64], world: Numbers) -> Values:
    """A column of some points as one of all points of their cloud, in scene coordinates."""
    doc: Any = standing.thing
    names, kind = dict(one.names), one.array.dtype
    whole = np.zeros((doc.count, *one.array.shape[1:]), kind)
    if one.kind == "scalar":
        whole[:] = np.nan
    elif standing.selected and one.kind == "normal":
        before = next((old for old in doc.columns if (old.name, old.kind) == (one.name, "normal")), None)
        whole = turned(np.load(before.path, allow_pickle=False), world) if before is not None else whole
    elif standing.selected and one.kind == "class":
        # Points that were not looked at are neither noise nor on no plane.
        other = max(int(one.array.max(initial=0)), *map(int, names)) + 1
        whole = np.full(doc.count, other, np.promote_types(kind, np.min_scalar_type(other)))
        names[str(other)] = "not selected"
    whole[rows] = one.array
    return Values(one.name, one.kind, whole, one.unit, names)
