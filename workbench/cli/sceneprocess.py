"""`scenes process`: an operation on a cloud or a mesh of a file, and what comes of it in another file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from workbench.cli.follow import first_interrupt
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, add_params, given_knobs, stop_at
from workbench.cli.running import runner_of
from workbench.core.params import check, knobs
from workbench.core.problem import InputError, Problem
from workbench.core.scenefiles import WRITE_ENDINGS, SceneWriteWish, SceneWritten, WriteThing
from workbench.core.sceneprocess import (
    OPERATIONS,
    Fact,
    Operation,
    SceneProcessed,
    SceneProcessWish,
    Standing,
    operation,
)
from workbench.core.scenes import MeshDoc, Placement, PointsDoc, ReadThing, SceneRead, SceneReadWish
from workbench.core.volumes import Triple
from workbench.core.words import number
from workbench.runner.answering import Stopped, one_answer
from workbench.runner.base import Runner
from workbench.store.home import open_home

T = TypeVar("T", bound=msgspec.Struct)


def process(asked: Namespace) -> int:
    """`scenes process PATH OPERATION --KNOB … --out FILE`: carried out in the worker; facts are told, files written."""
    declared = operation(asked.operation)
    problems: list[Problem] = list(asked.problems)
    values: dict[str, Any] = {}
    try:
        check(declared.params, given_knobs(asked))
        values = dict(given_knobs(asked))
    except InputError as problem:
        problems += getattr(problem, "problems", [problem])
    _check_out(asked.out, declared, problems, replace=asked.replace)
    stop_at(problems)
    # A knob travels as what it is: text that says a number is parsed here.
    parsed = check(declared.params, values)
    wish_knobs = {one.name: getattr(parsed, one.name) for one in knobs(declared.params)}
    stop = threading.Event()
    with runner_of(open_home(asked.home)) as runner, first_interrupt(stop, "Stopping. Ctrl+C again leaves at once."):
        reader = _Reader(runner, stop)
        try:
            on = reader.standing(asked.path, asked.thing, declared)
            other = reader.standing(asked.other, asked.other_thing, None) if declared.other else None
            wish = SceneProcessWish(declared.name, on, wish_knobs, other)
            found = reader.ask("scene-process", wish, SceneProcessed, "the thing")
            written = _write(reader, found, on, asked) if asked.out is not None else None
        except Stopped:
            return 1
    _show(found, written, as_json=asked.json)
    return 0


def _check_out(out: Path | None, declared: Operation, problems: list[Problem], *, replace: bool) -> None:
    kinds = {"points"} if declared.reads == "points" else {"mesh"} if declared.reads == "mesh" else {"points", "mesh"}
    kinds = {"mesh"} if declared.name == "surface" else {"points"} if declared.name == "sample" else kinds
    endings = tuple(dict.fromkeys(one for kind in sorted(kinds) for one in WRITE_ENDINGS[kind]))  # type: ignore[index]
    if out is not None and not out.name.lower().endswith(endings):
        problems.append(InputError("The result cannot be written in this format.", expected=", ".join(endings),
                                   received=out.name, fix="Choose another ending.", field="--out"))  # fmt: skip
    place = out.expanduser().absolute() if out is not None else None
    if place is not None and not place.parent.is_dir():  # found out before minutes of work, not after them
        problems.append(InputError("There is no such folder.", expected="a folder to write into",
                                   received=str(place.parent), fix="Choose another folder.",
                                   field="--out"))  # fmt: skip
    elif place is not None and place.exists() and not replace:
        problems.append(InputError("There is a file of this name already.", expected="a new name",
                                   received=place.name, fix="Choose another name, or add --replace.",
                                   field="--out"))  # fmt: skip


class _Reader:
    """Asks the worker until somebody stops it; all things are told from the origin of the first one."""

    def __init__(self, runner: Runner, stop: threading.Event) -> None:
        self.runner, self.stop = runner, stop
        self.base: Triple | None = None

    def ask(self, what: str, wish: msgspec.Struct, kind: type[T], reads: str) -> T:
        """The answer to a question; how far it is goes to the terminal."""
        heard = [""]

        def told(_part: T | None, fraction: float, words: str) -> None:
            silent = fraction < 0 and words.startswith("reading")  # what is said of any question after a while
            if words and words != heard[0] and not silent:
                heard[0] = words
                tell(f"{100 * fraction:3.0f} %  {words}" if fraction >= 0 else words)

        return one_answer(self.runner, what, wish, kind, self.stop, told=told, reads=reads)

    def standing(self, path: Path, name: str, declared: Operation | None) -> Standing:
        """The thing of a file that is worked on: the named one, or the first that fits. Raises InputError for none."""
        wish = SceneReadWish(str(path.expanduser().absolute()))
        read = self.ask("scene-read", wish, SceneRead, "the file")
        for one in read.things:
            thing = one.thing
            if not isinstance(thing, PointsDoc | MeshDoc) or (name and one.name != name):
                continue
            if declared is None or declared.takes(_kind(one)):
                self.base = self.base or thing.origin
                return Standing(thing, shifted(one.placement, thing.origin, self.base), one.name)
        raise InputError(
            "This file holds nothing that this works on.",
            expected=name or (declared.reads if declared is not None else "points or a mesh"),
            received=", ".join(f"{one.name} ({_kind(one)})" for one in read.things) or "nothing",
            fix="'workbench scenes info' lists what it holds.", field="--thing" if declared is not None else "OTHER",
            place=str(path),
        )  # fmt: skip


def _kind(one: ReadThing) -> str:
    return str(one.thing.__struct_config__.tag)


def shifted(placement: Placement, origin: Triple, base: Triple) -> Placement:
    """Where a thing with an origin of its own stands in coordinates whose origin is `base`."""
    found = list(placement)
    for axis in range(3):
        found[4 * axis + 3] += origin[axis] - base[axis]
    return tuple(found)  # type: ignore[return-value]


def in_file(world: Placement, origin: Triple, base: Triple) -> Placement:
    """What takes a thing's own numbers, which have its origin, to those of a file that is told from `base`, where
    `world` takes them without their origin to coordinates without that base."""
    found = list(world)
    for axis in range(3):
        row = world[4 * axis : 4 * axis + 3]
        found[4 * axis + 3] += base[axis] - sum(one * at for one, at in zip(row, origin, strict=True))
    return tuple(found)  # type: ignore[return-value]


def _write(reader: _Reader, found: SceneProcessed, on: Standing, asked: Namespace) -> SceneWritten:
    """What was made, or the thing itself with its columns, where it stands now."""
    base = reader.base or on.thing.origin
    place = in_file(found.world or on.world, on.thing.origin, base)
    things = [one.thing for one in found.made if isinstance(one.thing, PointsDoc | MeshDoc)] or [
        found.thing or on.thing
    ]
    wish = SceneWriteWish(
        tuple(WriteThing(one, on.name, place) for one in things), str(asked.out.expanduser().absolute()), asked.replace,
        (str(asked.path.expanduser().absolute()),),
    )  # fmt: skip
    return reader.ask("scene-write", wish, SceneWritten, "what is written")


def _show(found: SceneProcessed, written: SceneWritten | None, *, as_json: bool) -> None:
    files = written.files if written is not None else ()
    notes = (*found.notes, *(written.notes if written is not None else ()))
    if as_json:
        json_line({**msgspec.to_builtins(found), "notes": notes, "files": files})
        return
    table([[one.name, _value(one)] for one in found.facts], ["", ""])
    for note in notes:
        tell(f"Note: {note}")
    for file in files:
        say(file)


def _value(one: Fact) -> str:
    return one.text or f"{number(one.value)} {one.unit}".strip()


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deed, and a word for each operation with its knobs as flags."""
    parser = deeds.add_parser(
        "process", help="normals, thinning, planes, clusters, registration, surfaces, meshes mended",
        description="An operation on a cloud or a mesh of a file; 'process PATH OPERATION --help' shows its knobs.",
    )  # fmt: skip
    parser.add_argument("path", type=Path, metavar="PATH", help="a file with points or a mesh")
    words = parser.add_subparsers(metavar="OPERATION", title="operations", required=True, parser_class=Parser)
    for one in OPERATIONS.values():
        command(words, one.name, process, one.help[:1].lower() + one.help[1:], _arguments(one))


def _arguments(declared: Operation) -> Callable[[Parser], None]:
    def add_to(parser: Parser) -> None:
        parser.set_defaults(operation=declared.name)
        if declared.other:
            parser.add_argument("other", type=Path, metavar="OTHER", help=f"the file whose thing {declared.other}")
            parser.add_argument("--other-thing", default="", metavar="NAME", help="which thing of that file")
        parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="where the result is written")
        parser.add_argument("--replace", action="store_true", help="write over a file that is there")
        parser.add_argument("--thing", default="", metavar="NAME", help="which thing of the file; the first that fits")
        add_params(parser, declared.params, {one.name: one.default for one in knobs(declared.params)}, "by itself")

    return add_to
