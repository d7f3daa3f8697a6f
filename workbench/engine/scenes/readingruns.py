"""What runs leave in space, read as a file is: a run's folder, one of its artifacts, or the folder of a trained field.

Nothing of a run is copied that a viewer can map, and nothing of it is ever altered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import numpy as np

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.core.scenes import BoxesDoc, CamerasDoc, MeshDoc, RadianceDoc, RadianceMeta, ReadThing, Thing
from workbench.engine.scenes.keeping import Shelf
from workbench.engine.scenes.readingmeshes import damaged
from workbench.engine.scenes.runnames import EVENTS, FIELD_FACTS, FIELD_GRID, MODEL, RUN

KINDS = ("radiance-grid", "boxes", "cameras", "mesh", "points")
"""Kinds of artifacts that stand in space, in the order in which a tree lists them."""


class RunFound(NamedTuple):
    """Things of a run, and the files besides the asked one that were looked into."""

    things: Sequence[ReadThing]
    beside: Sequence[Path]


class _Box(msgspec.Struct, frozen=True):
    """The part of a field's facts that tells where it stands."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]


def read_run(path: Path, shelf: Shelf, most_points: int) -> RunFound:
    """The newest artifact in space of each slot of a run, the one that `path` names, or a kept field.

    Raises InputError where there is none, and as the readers of clouds, meshes and grids do.
    """
    if path.is_file():
        run = path.parent.parent
        asked = [one for one in _artifacts(run) if (run / one.path).resolve() == path.resolve()][-1:]
        return _read(run, asked, shelf, most_points, group=False, place=path)
    if path.name == MODEL and (path.parent / RUN).is_file():
        path = path.parent
    if not (path / RUN).is_file():
        return _field(path, shelf)
    newest = {one.slot: one for one in _artifacts(path)}
    return _read(path, sorted(newest.values(), key=lambda one: KINDS.index(one.kind)), shelf, most_points, group=True,
                 place=path)  # fmt: skip


def run_cameras(path: Path) -> CamerasDoc:
    """The photographs that a run was given: the artifact that `path` names, or the newest of its folder.

    Raises InputError where the run has none.
    """
    run = path.parent.parent if path.is_file() else path
    if run.name == MODEL and not (run / RUN).is_file():
        run = run.parent
    told = [one for one in _artifacts(run) if one.kind == "cameras"
            and (not path.is_file() or (run / one.path).resolve() == path.resolve())]  # fmt: skip
    if not told:
        raise InputError(
            "This run has kept no photographs with poses.", expected="an artifact of the kind cameras",
            received=path.name, fix="Choose the photographs' own file or folder.", field="path", place=str(path),
        )  # fmt: skip
    return cast(CamerasDoc, _cameras_or_boxes(run, told[-1]))


def _artifacts(run: Path) -> list[ev.Artifact]:
    """In the order in which they were told; lines that are torn or of a newer program are passed over."""
    found = []
    try:
        lines = (run / EVENTS).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        if b'"artifact"' in line[:40]:
            try:
                one = ev.decode_event(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if isinstance(one, ev.Artifact) and one.kind in KINDS:
                found.append(one)
    return found


def _read(
    run: Path, artifacts: Iterable[ev.Artifact], shelf: Shelf, most_points: int, *, group: bool, place: Path
) -> RunFound:
    things: list[ReadThing] = []
    for at, one in enumerate(artifacts):
        shelf.told(at, len(KINDS), one.slot)
        name = one.title or one.slot.replace("_", " ")
        parent = run.name if group else ""
        if one.parts.get("grid"):  # boxes over the grid that they were found in
            parent = parent or name
            grid = _radiance(run, one.parts["grid"], one)
            things.append(ReadThing(f"grid of {name}", grid, parent=parent))
        things.append(ReadThing(name, _thing(run, one, shelf, most_points), parent=parent))
    if not things:
        raise InputError(
            "Nothing of this run stands in space.", expected=f"a run that wrote {', '.join(KINDS)}", received="none",
            fix="Wait until it has gone further, or choose another run.", field="path", place=place.name,
        )  # fmt: skip
    return RunFound(things, [run / EVENTS])


def _thing(run: Path, one: ev.Artifact, shelf: Shelf, most_points: int) -> Thing:
    if one.kind == "radiance-grid":
        return _radiance(run, one.path, one)
    if one.kind in ("boxes", "cameras"):
        return _cameras_or_boxes(run, one)
    path = _inside(run, one.path)
    from workbench.engine.scenes.readingply import read_ply

    found = read_ply(path, shelf, most_points)
    if one.kind == "mesh" and not isinstance(found, MeshDoc):
        raise damaged(path, "a mesh", "faces", "only vertices")
    return found


def _cameras_or_boxes(run: Path, one: ev.Artifact) -> BoxesDoc | CamerasDoc:
    path = _inside(run, one.path)
    kind: type[BoxesDoc | CamerasDoc] = BoxesDoc if one.kind == "boxes" else CamerasDoc
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged(path, f"{one.kind} of a run", f"a {kind.__name__}", str(error)[:120]) from None


def _radiance(run: Path, relative: str, one: ev.Artifact) -> RadianceDoc:
    """A grid where it lies, and the field that it was taken out of where the run has kept it."""
    path = _inside(run, relative)
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        meta = msgspec.convert(one.meta or {}, RadianceMeta)
    except (OSError, ValueError) as error:
        raise damaged(path, "a radiance grid", "an array (X, Y, Z, 4) and the box that it fills",
                      str(error)[:120]) from None  # fmt: skip
    if len(shape) != 4 or shape[3] != 4:
        raise damaged(path, "a radiance grid", "(X, Y, Z, 4)", str(shape))
    field = str(run) if (run / MODEL / FIELD_FACTS).is_file() else ""
    return RadianceDoc(str(path), (shape[0], shape[1], shape[2]), meta, field)


def _field(folder: Path, shelf: Shelf) -> RunFound:
    """A field's folder without the run that learned it; its grid, where it is there, beside it."""
    grid = folder / FIELD_GRID
    if grid.is_file():
        from workbench.engine.scenes.readinggrids import load_grid

        found = load_grid(grid)
        x, y, z = found.rgba.shape[:3]
        thing = RadianceDoc(shelf.save("grid", found.rgba), (x, y, z), found.meta, str(folder), found.notes)
        return RunFound([ReadThing(folder.name, thing)], [grid])
    facts = folder / FIELD_FACTS
    try:
        box = msgspec.json.decode(facts.read_bytes(), type=_Box)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged(facts, "a radiance field", "the box that it fills", str(error)[:120]) from None
    return RunFound([ReadThing(folder.name, RadianceDoc("", (0, 0, 0), RadianceMeta(box.low, box.high), str(folder)))],
                    [])  # fmt: skip


def _inside(run: Path, relative: str) -> Path:
    """A file of the run: folders of runs are mailed around, so their events are not trusted."""
    path = (run / relative).resolve()
    if not relative or not path.is_relative_to(run.resolve()) or not path.is_file():
        raise InputError(
            "A file that this run names is not there.", expected=f"a file below {run.name}",
            received=relative or "an empty path", fix="Copy the run's folder again, or choose another run.",
            field="path", place=run.name,
        )  # fmt: skip
    return path
