"""Deleted runs: moved whole into the home's trash, from where they can be put back."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from workbench.core.job import ENDED
from workbench.core.problem import InputError, KnownTrouble, Problem, Problems
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder


class Discarded(msgspec.Struct, frozen=True):
    """A run in the trash: its id, and the folder that it waits in."""

    run: str
    path: str


def discard(home: Home, runs: Iterable[str]) -> list[Discarded]:
    """Move runs into the trash; none of them when one is still going on.

    Raises InputError for a run that waits, runs or rests, KnownTrouble when a folder cannot be moved.
    """
    folders = [home.runs / run for run in runs]
    going = [fault for folder in folders if (fault := _going_on(folder)) is not None]
    if going:
        raise Problems(going) if len(going) > 1 else going[0]
    home.trash.mkdir(exist_ok=True)
    return [Discarded(folder.name, str(_moved(folder, _free(home.trash, folder.name)))) for folder in folders]


def restore(home: Home, discarded: Discarded) -> Path:
    """Put a run back; raises InputError when it has gone from the trash or its place is taken."""
    source, target = Path(discarded.path), home.runs / discarded.run
    if not source.is_dir() or target.exists():
        raise InputError(
            "This run cannot be put back.", expected="a run in the trash whose id is free in the history",
            received="its id is taken" if target.exists() else "it is not in the trash any more",
            fix=f"Look into {home.trash}.", place=discarded.run,
        )  # fmt: skip
    return _moved(source, target)


def discarded(home: Home) -> list[Discarded]:
    """What lies in the trash, the newest run first."""
    if not home.trash.is_dir():
        return []
    folders = sorted((path for path in home.trash.iterdir() if path.is_dir()), reverse=True)
    return [Discarded(path.name.partition("~")[0], str(path)) for path in folders]


def empty(home: Home) -> int:
    """Delete everything in the trash for good; how many runs that were."""
    gone = discarded(home)
    for one in gone:
        shutil.rmtree(one.path, ignore_errors=True)
    return len(gone) - len(discarded(home))


def _going_on(folder: Path) -> Problem | None:
    try:
        phase = RunFolder(folder).state().phase
    except OSError:
        return None  # nobody can be working on a folder that cannot be read
    if phase in ENDED or phase == "new":
        return None
    return InputError(
        "A run that goes on cannot be deleted.", expected="a run that has ended", received=f"a {phase} run",
        fix="Cancel it first, then delete it.", place=folder.name,
    )  # fmt: skip


def _free(trash: Path, name: str) -> Path:
    """A name that nothing in the trash has; '~2' marks the second run of one id."""
    target, number = trash / name, 2
    while target.exists():
        target, number = trash / f"{name}~{number}", number + 1
    return target


def _moved(source: Path, target: Path) -> Path:
    try:
        return source.rename(target)
    except OSError as error:
        raise KnownTrouble(
            "The run's folder could not be moved.", expected=f"to move it to {target}", received=str(error),
            fix="Close what has its files open, and check the folder's permissions.", place=source.name,
        ) from None  # fmt: skip
