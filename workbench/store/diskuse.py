"""Where the home's bytes lie, and which of them may go."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workbench.core.problem import InputError
from workbench.store.home import Home
from workbench.store.models import added_folders, origin_of


class Use(msgspec.Struct, frozen=True):
    """The room that one kind of thing takes."""

    what: str
    size_bytes: int
    count: int


class Spare(msgspec.Struct, frozen=True):
    """A folder or file that may go, with what its loss means."""

    path: str
    what: str
    size_bytes: int
    loss: str
    safe: bool
    """Whether it comes back by itself, so that it may be offered ticked."""


def used(home: Home) -> list[Use]:
    """The room taken in the home by origin of the models, by runs and by caches, the largest first."""
    models = added_folders(home)
    down = [one for one in models if origin_of(one).source.startswith("hub:")]
    copied = [one for one in models if one not in down]
    runs = [one for one in home.runs.iterdir() if one.is_dir()]
    trained = [one / "model" for one in runs if (one / "model").is_dir()]
    parts = [one for one in home.models.iterdir() if one.name.startswith(".")]
    whole = [
        _use("Downloaded models", down),
        _use("Models copied in", copied),
        _use("Unfinished downloads", parts),
        _use("Models trained here", trained),
        _use("Checkpoints of runs", [one / "checkpoint" for one in runs if (one / "checkpoint").is_dir()]),
        _use("Caches", list(home.cache.iterdir())),
    ]
    rest = sum(size_of(one) for one in runs) - whole[3].size_bytes - whole[4].size_bytes
    whole.append(Use("Other files of runs", rest, len(runs)))
    return sorted(whole, key=lambda one: -one.size_bytes)


def spare(home: Home) -> list[Spare]:
    """What may go, the safest first: caches and unfinished downloads, then downloaded models."""
    found = [
        Spare(str(one), f"Cache: {one.name}", size_of(one), "made again when it is needed", True)
        for one in sorted(home.cache.iterdir())
    ]
    for one in sorted(home.models.iterdir()):
        if one.name.startswith(".") and one.is_dir():
            name = one.name.removeprefix(".").removesuffix(".partial").replace("--", "/", 1)
            found.append(Spare(str(one), f"Unfinished: {name}", size_of(one), "the download starts anew", False))
    for one in added_folders(home):
        source = origin_of(one).source
        if source.startswith("hub:"):
            found.append(Spare(str(one), f"Download: {source}", size_of(one), "to be downloaded again", False))
    return [one for one in found if one.size_bytes]


def free(home: Home, paths: list[str]) -> int:
    """Delete some of what `spare` lists, and nothing else; returns the bytes freed."""
    offered = {one.path: one for one in spare(home)}
    strangers = [path for path in paths if path not in offered]
    if strangers:
        raise InputError(
            "This may not be deleted here.", expected="what the list of spare files names", received=strangers[0],
            fix="Look at the list again.",
        )  # fmt: skip
    for path in map(Path, paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sum(offered[path].size_bytes for path in paths if not os.path.lexists(path))


def size_of(path: Path) -> int:
    """The bytes of a file or of all files below a folder; links count as nothing."""
    return sum(_sizes(path))


def _sizes(path: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            yield 0 if path.is_symlink() else path.stat().st_size
            return
        for entry in os.scandir(path):
            yield from _sizes(Path(entry.path))


def _use(what: str, paths: list[Path]) -> Use:
    return Use(what, sum(size_of(one) for one in paths), len(paths))
