"""Writing what stands in space into files: by the file's ending, in one step, never over a file that is open."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from workbench.core.problem import InputError, KnownTrouble, did_you_mean
from workbench.core.scenefiles import WRITE_ENDINGS, SceneWriteWish, SceneWritten, WriteThing
from workbench.core.scenes import (
    BoxesDoc,
    CamerasDoc,
    MeasureDoc,
    MeshDoc,
    PointsDoc,
    RadianceDoc,
    Thing,
    ThingKind,
    VolumeDoc,
)
from workbench.engine.scenes.keeping import Told, untold
from workbench.engine.scenes.reading import files_of

Writer = Callable[[Sequence[WriteThing], Path, Told], list[str]]
"""Writes things into a file and whatever goes beside it, and says what to know about it."""
KINDS: Mapping[type, ThingKind] = {
    PointsDoc: "points", MeshDoc: "mesh", VolumeDoc: "volume", RadianceDoc: "radiance", BoxesDoc: "boxes",
    CamerasDoc: "cameras", MeasureDoc: "measure",
}  # fmt: skip
SEVERAL: frozenset[ThingKind] = frozenset(("points", "mesh", "boxes", "measure"))
"""Kinds of which several go into one file."""


def kind_of(thing: Thing) -> ThingKind:
    """Which kind a thing is."""
    return KINDS[type(thing)]


def ending_of(out: Path, known: Iterable[str]) -> str:
    """The longest known ending of a name; empty for none."""
    return max((one for one in known if out.name.lower().endswith(one)), key=len, default="")


def write_scene(wish: SceneWriteWish, told: Told = untold) -> SceneWritten:
    """Write things as their kind and the ending of `out` say; everything is there at once or nothing is.

    Raises InputError for things that do not go together or into such a file, for files that are open or there
    already, KnownTrouble where it cannot be written.
    """
    out = Path(wish.out)
    kind = _kind(wish.things)
    endings = WRITE_ENDINGS[kind]
    ending = ending_of(out, endings)
    if not ending:
        raise InputError(
            f"This cannot be written as {out.suffix or 'a file without ending'}.", expected=", ".join(endings),
            received=out.name, fix=did_you_mean(out.suffix, endings), field="out", place=out.name,
        )  # fmt: skip
    _check_place(out, wish)
    _check_arrays(wish.things)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=out.parent) as scratch:
            notes = _writer(kind, ending, wish)(wish.things, Path(scratch) / out.name, told)
            files = sorted(Path(scratch).rglob("*"), key=lambda file: file.name == out.name)
            written = [_move(file, Path(scratch), out.parent) for file in files if file.is_file()]
    except (OSError, RuntimeError) as error:
        raise KnownTrouble(
            "The file could not be written.", expected="a writable place with room",
            received=(getattr(error, "strerror", "") or str(error) or type(error).__name__)[:200],
            fix="Choose another folder, or free some space.", place=out.name,
        ) from None  # fmt: skip
    return SceneWritten(tuple(map(str, reversed(written))), tuple(dict.fromkeys(notes)))


def _kind(things: Sequence[WriteThing]) -> ThingKind:
    kinds = {kind_of(one.thing) for one in things}
    if len(kinds) != 1 or (len(things) > 1 and not kinds <= SEVERAL):
        raise InputError(
            "These do not go into one file." if things else "There is nothing to write.",
            expected="points, meshes, boxes or measures, or a single other thing",
            received=", ".join(sorted(kinds)) or "nothing", fix="Write them into files of their own.", field="things",
        )  # fmt: skip
    return next(iter(kinds))


def _check_arrays(things: Sequence[WriteThing]) -> None:
    """Whether what is to be written is still there: the cache keeps to a limit."""
    for one in things:
        if any(name and not Path(name).is_file() for name in (*files_of(one.thing), one.hidden)):
            raise InputError(
                f"The arrays of {one.name or 'this thing'} are no longer in the cache.",
                expected="the arrays that were read from its file", received="none", field="things",
                fix="Open its file again.",
            )  # fmt: skip


def _check_place(out: Path, wish: SceneWriteWish) -> None:
    if not out.parent.is_dir():
        raise InputError("There is no such folder.", expected="a folder to write into", received=str(out.parent),
                         fix="Choose another folder.", field="out", place=out.name)  # fmt: skip
    if any(_is_same(out, Path(one)) for one in wish.open_files):
        raise InputError(
            "This file is open in the scene.", expected="another name", received=out.name,
            fix="Write it under another name: what the scene was read from is never written over.", field="out",
            place=out.name,
        )  # fmt: skip
    if out.is_dir() or (out.exists() and not wish.replace):
        raise InputError("There is a file of this name already.", expected="a new name", received=out.name,
                         fix="Choose another name, or say that it is to be replaced.", field="out",
                         place=out.name)  # fmt: skip
    for beside in _beside(out):
        if any(_is_same(beside, Path(one)) for one in wish.open_files):
            raise InputError(f"{beside.name} is open in the scene.", expected="another name", received=out.name,
                             fix="Write it under another name.", field="out", place=out.name)  # fmt: skip


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def _beside(out: Path) -> list[Path]:
    """Files that a writer may put beside a mesh."""
    return [one for one in out.parent.glob(f"{out.stem}*") if one.suffix in (".mtl", ".png") and one != out]


def _move(file: Path, scratch: Path, folder: Path) -> Path:
    final = folder / file.relative_to(scratch)
    shutil.copymode(final, file) if final.exists() else file.chmod(0o666 & ~_umask())
    return file.replace(final)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _writer(kind: ThingKind, ending: str, wish: SceneWriteWish) -> Writer:
    """Its library is loaded when a file asks for it."""
    if kind == "points":
        from workbench.engine.scenes.writingpoints import WRITERS

        return WRITERS[ending]
    if kind == "mesh":
        from workbench.engine.scenes import writingmeshes

        if ending == ".glb":
            return functools.partial(writingmeshes.write_glb, groups=wish.groups)
        return writingmeshes.WRITERS[ending]
    if kind == "measure":
        from workbench.engine.scenes.writingmeasures import write_csv

        return functools.partial(write_csv, unit=wish.unit)
    from workbench.engine.scenes import writinggrids

    if kind == "cameras":
        return writinggrids.write_cameras
    if kind == "radiance":
        return writinggrids.write_radiance
    return writinggrids.write_boxes if kind == "boxes" else writinggrids.write_volumes
