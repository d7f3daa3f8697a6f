"""`scenes info` and `scenes convert`: what files of things in space hold, and that in another format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.measures import kind_of, measured
from workbench.core.problem import InputError
from workbench.core.scenefiles import SceneInfo, SceneWriteWish, SceneWritten, WriteThing
from workbench.core.scenes import (
    BoxesDoc,
    CamerasDoc,
    MeasureDoc,
    MeshDoc,
    PointsDoc,
    RadianceDoc,
    ReadThing,
    SceneRead,
    Thing,
    VolumeDoc,
)
from workbench.core.sizes import in_bytes
from workbench.core.words import count, spaced
from workbench.store.home import open_home

WITHIN_S = 3600.0


def full(path: Path) -> str:
    """A path as the worker understands it."""
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def ask(asked: Namespace, what: str, **arguments: Any) -> bytes:
    """The worker's answer as JSON."""
    with runner_of(open_home(asked.home)) as runner:
        return bytes(answer(runner.inspect(what, **arguments), WITHIN_S))


def info(asked: Namespace) -> int:
    """`scenes info PATH`: what a file holds."""
    stop_at([*asked.problems, *_bounds(asked)])
    found = msgspec.json.decode(
        ask(asked, "scene-info", path=full(asked.path), most_points=asked.most_points), type=SceneInfo
    )
    if asked.json:
        json_line(found)
        return 0
    rows = [[one.name, *facts(one.thing)] for one in found.read.things]
    table(rows, ["name", "kind", "size", "extent", "more"])
    tell(f"{asked.path.name}: {found.format}, {in_bytes(found.size_bytes)}")
    for note in [*found.read.notes, *(note for one in found.read.things for note in notes_of(one.thing))]:
        tell(note)
    return 0


def _bounds(asked: Namespace) -> list[InputError]:
    if asked.most_points >= 1:
        return []
    return [InputError("So few points cannot be read.", expected="1 or more", received=str(asked.most_points),
                       fix="Leave --most-points away to read up to 50 million.", field="--most-points")]  # fmt: skip


def facts(thing: Thing) -> list[str]:
    """Kind, size, extent and what else there is to know of a thing, in words."""
    match thing:
        case PointsDoc():
            kept = count(thing.count, "point") + (f" of {spaced(thing.of)}" if thing.of > thing.count else "")
            return ["points", kept, extent(thing.low, thing.high), ", ".join(one.name for one in thing.columns)]
        case MeshDoc():
            more = [what for what in ("normals", "colours", "uv", "texture") if getattr(thing, what)]
            return ["mesh", f"{count(thing.face_count, 'face')}, {count(thing.vertex_count, 'vertex', 'vertices')}",
                    extent(thing.low, thing.high), ", ".join(more)]  # fmt: skip
        case VolumeDoc():
            meta = thing.file.meta
            spacing = " × ".join(f"{one:.4g}" for one in meta.geometry.spacing_mm)
            return ["volume", f"voxels of {spacing} mm", "", meta.unit or meta.modality]
        case RadianceDoc():
            return ["radiance", " × ".join(map(str, thing.shape)), extent(thing.meta.low, thing.meta.high),
                    f"density as {thing.meta.density}"]  # fmt: skip
        case CamerasDoc():
            held = sum(one.held_out for one in thing.images)
            return ["cameras", count(len(thing.images), "photograph"), "", f"{held} held out" if held else ""]
        case BoxesDoc():
            return ["boxes", count(len(thing.boxes), "box", "boxes"), "", ", ".join(thing.names)]
        case MeasureDoc():
            return ["measure", kind_of(thing.points), measured(thing.points, ""), ""]


def extent(low: tuple[float, ...], high: tuple[float, ...]) -> str:
    """The sides of a box."""
    return " × ".join(f"{b - a:.4g}" for a, b in zip(low, high, strict=True))


def notes_of(thing: Thing) -> tuple[str, ...]:
    """What was noticed while a thing was read."""
    return thing.file.notes if isinstance(thing, VolumeDoc) else thing.notes


def convert(asked: Namespace) -> int:
    """`scenes convert PATH OUT`: what a file holds in another format, where it stands in its own."""
    problems = [*asked.problems, *_bounds(asked)]
    if asked.out.expanduser().exists() and not asked.force:
        problems.append(InputError("There is a file of this name already.", expected="a new name",
                                   received=asked.out.name, fix="Choose another name, or add --force.",
                                   field="OUT"))  # fmt: skip
    stop_at(problems)
    read = msgspec.json.decode(
        ask(asked, "scene-read", path=full(asked.path), most_points=asked.most_points), type=SceneRead
    )
    wish = SceneWriteWish(
        tuple(WriteThing(one.thing, one.name, one.placement, parent=one.parent)
              for one in chosen(read.things, asked.only)),
        full(asked.out), replace=asked.force, open_files=(full(asked.path),), groups=read.groups,
    )  # fmt: skip
    done = msgspec.json.decode(ask(asked, "scene-write", **msgspec.to_builtins(wish)), type=SceneWritten)
    notes = (*read.notes, *(note for one in read.things for note in notes_of(one.thing)), *done.notes)
    if asked.json:
        json_line(SceneWritten(done.files, tuple(dict.fromkeys(notes))))
        return 0
    for note in dict.fromkeys(notes):
        tell(note)
    for file in done.files:
        say(file)
    return 0


def chosen(things: tuple[ReadThing, ...], only: str) -> tuple[ReadThing, ...]:
    """The things of a kind; raises InputError where there are none, or several kinds and none is named."""
    kinds = [facts(one.thing)[0] for one in things]
    if not only and len(set(kinds)) > 1:
        only = max(dict.fromkeys(kinds), key=lambda kind: kind != "boxes")
    found = tuple(one for one, kind in zip(things, kinds, strict=True) if not only or kind == only)
    if not found:
        raise InputError("There is nothing of this kind in this file.", expected=", ".join(dict.fromkeys(kinds)),
                         received=only, fix="Leave --only away.", field="--only")  # fmt: skip
    return found


def _common(deed: Parser) -> None:
    deed.add_argument("path", type=Path, metavar="PATH", help="a file: PLY, LAS, OBJ, GLB, NIfTI, npz …; or a folder")
    deed.add_argument("--most-points", type=int, default=50_000_000, metavar="N",
                      help="of a larger cloud an even sample of so many points is read")  # fmt: skip


def convert_arguments(deed: Parser) -> None:
    """The flags of `scenes convert`."""
    _common(deed)
    deed.add_argument("out", type=Path, metavar="OUT", help="where to write; its ending says the format")
    deed.add_argument("--only", default="", metavar="KIND", help="of a file with several: points, mesh, boxes …")
    deed.add_argument("--force", action="store_true", help="write over a file that is there")


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deeds of this module below `scenes`."""
    command(deeds, "info", info, "what a file of things in space holds", _common)
    command(deeds, "convert", convert, "points, meshes, volumes or grids in another format", convert_arguments)
