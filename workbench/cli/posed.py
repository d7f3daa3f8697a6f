"""`scenes posed`, `scenes room`, `scenes object`: photographs with their poses, checked, converted or drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.posing import (
    LEAST_SIZE_PX,
    MOST_IMAGES,
    MOST_SIZE_PX,
    PosedRead,
    PosedSample,
    PosedSampleWish,
    PosedWish,
    SampleScene,
    remedy_of,
)
from workbench.core.problem import InputError, Problem
from workbench.core.scenes import CamerasDoc
from workbench.core.words import count, spaced
from workbench.store.home import open_home

WITHIN_S = 3600.0
MOST_LENSES = 8


def posed(asked: Namespace) -> int:
    """`scenes posed PATH [--to OUT]`: what photographs with poses a file or folder has, and what is odd about them."""
    problems: list[Problem] = list(asked.problems)
    if not asked.path.expanduser().exists():
        problems.append(InputError("There are no photographs at this path.", received=str(asked.path), field="PATH",
                                   expected="transforms.json, a folder of Blender's or a COLMAP model"))  # fmt: skip
    stop_at(problems)
    wish = PosedWish(_full(asked.path), asked.repair, asked.axes, asked.upright or None, asked.rescale,
                     _full(asked.to) if asked.to else "", asked.replace)  # fmt: skip
    with runner_of(open_home(asked.home)) as runner:
        given = runner.inspect("posed-read", **msgspec.to_builtins(wish))
        found = msgspec.json.decode(_with_flags(lambda: answer(given, WITHIN_S)), type=PosedRead)
    if asked.json:
        json_line(found)
        return 0
    _show(found)
    return 0


def _full(path: Path) -> str:
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def _with_flags(read: Callable[[], msgspec.Raw]) -> msgspec.Raw:
    """What a reading leads to; a fault that a flag helps against names it."""
    try:
        return read()
    except Problem as problem:
        remedy = remedy_of(problem.what)
        if remedy is not None:
            problem.fix = f"{problem.fix} The flag for it is {remedy.flag}."
        raise


def _show(found: PosedRead) -> None:
    cameras = found.cameras
    held_out = sum(one.held_out for one in cameras.images)
    rows = [
        ["kind", found.kind],
        ["photographs", f"{spaced(len(cameras.images))}, {spaced(held_out)} of them held out"],
    ]
    lenses = list(dict.fromkeys(one.lens for one in cameras.images))
    for lens in lenses[:MOST_LENSES]:
        bent = "fisheye" if lens.fisheye else "distorted" if lens.is_distorted else "pinhole"
        rows.append(["lens", f"{lens.width} × {lens.height}, focal length {lens.fx:.5g} × {lens.fy:.5g} px, {bent}"])
    if len(lenses) > MOST_LENSES:
        rows.append(["", f"and {count(len(lenses) - MOST_LENSES, 'more lens', 'more lenses')}"])
    rows += [["box", _box(cameras)]]
    rows += [["matched points", spaced(found.point_count)]] if found.point_count else []
    rows += [["written to", found.written]] if found.written else []
    table(rows)
    for note in cameras.notes:
        remedy = remedy_of(note)
        tell(note if remedy is None else f"{note} The flag against it is {remedy.flag}.")


def _box(cameras: CamerasDoc) -> str:
    if cameras.low is None or cameras.high is None:
        return "not known"
    corners = (", ".join(f"{one:.4g}" for one in corner) for corner in (cameras.low, cameras.high))
    return " to ".join(f"({corner})" for corner in corners)


def posed_arguments(deed: Parser) -> None:
    """The flags of `scenes posed`."""
    deed.add_argument("path", type=Path, metavar="PATH", help="transforms.json, a folder of Blender's, a COLMAP folder")
    deed.add_argument("--repair", action="store_true", help="put mirrored (left-handed) poses right")
    deed.add_argument("--axes", choices=("opengl", "opencv"), default="opengl", help="how cameras of a JSON are turned")
    deed.add_argument("--upright", action="store_true", help="turn the cameras' mean up to +z; COLMAP's always is")
    deed.add_argument("--rescale", action="store_true", help="cameras 4 away from what they look at, on average")
    deed.add_argument("--to", type=Path, default=None, metavar="OUT", help="write them: a .json, or a COLMAP folder")
    deed.add_argument("--replace", action="store_true", help="write over what lies there")


def _drawn(name: SampleScene) -> Callable[[Namespace], int]:
    def draw(asked: Namespace) -> int:
        """`scenes room|object --seed N --images N --size PX --out FOLDER`: photographs of a made-up scene."""
        problems: list[Problem] = list(asked.problems)
        bounds = {
            "--images": (asked.images, 1, MOST_IMAGES),
            "--size": (asked.size, LEAST_SIZE_PX, MOST_SIZE_PX),
            "--seed": (asked.seed, 0, 2**31 - 1),
        }
        for flag, (value, least, most) in bounds.items():
            if not least <= value <= most:
                problems.append(InputError(f"{flag} cannot be this.", expected=f"{least} to {spaced(most)}",
                                           received=str(value), field=flag))  # fmt: skip
        stop_at(problems)
        wish = PosedSampleWish(name, asked.images, asked.size, asked.seed, _full(asked.out), asked.replace)
        with runner_of(open_home(asked.home)) as runner:
            given = runner.inspect("posed-sample", **msgspec.to_builtins(wish))
            done = msgspec.json.decode(answer(given, WITHIN_S), type=PosedSample)
        if asked.json:
            json_line(done)
            return 0
        for path in done.files:
            say(path)
        tell(f"{count(len(done.cameras.images), 'photograph')} in {done.folder}")
        return 0

    return draw


def _draw_arguments(deed: Parser) -> None:
    deed.add_argument("--seed", type=int, default=0, metavar="N", help="the one source of chance")
    deed.add_argument("--images", type=int, default=24, metavar="N", help="how many photographs; every eighth held out")
    deed.add_argument("--size", type=int, default=64, metavar="PX", help="their width and height")
    deed.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where they are written")
    deed.add_argument("--replace", action="store_true", help="write over what lies there")


def add(deeds: Any, command: Callable[..., object]) -> None:
    """The deeds of this module below `scenes`."""
    command(deeds, "posed", posed, "photographs with poses: checked, repaired, converted", posed_arguments)
    command(deeds, "room", _drawn("room"), "photographs and the exact grid of a made-up room", _draw_arguments)
    command(deeds, "object", _drawn("object"), "photographs of a made-up object on nothing", _draw_arguments)
