"""Where models stand that answer without a run: shipped ones, runs' own, those in the home, and remembered folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from workbench.store.home import Home
from workbench.store.models import added_folders
from workbench.store.remembered import remembered

Facts = TypeVar("Facts")


def model_folders(home: Home, shipped: Path) -> Iterator[Path]:
    """The shipped one, runs' models from the newest on, added folders, then others."""
    if shipped.is_dir():
        yield shipped
    for card in sorted(home.runs.glob("*/model/workbench.json"), reverse=True):
        yield card.parent
    yield from added_folders(home)
    yield from map(Path, remembered(home))


def named_folders(home: Home, named: str, shipped: Mapping[str, Path]) -> list[Path]:
    """The folders that a name stands for, as far as they are there.

    A name is that of a shipped model, a folder, a run (its id), or a model in the home.
    """
    own = [shipped[named]] if named in shipped else []
    places = [*own, Path(named).expanduser(), home.runs / named, home.models / named]
    return [one for one in places if _is_folder(one)]


def first_model(places: Sequence[Path], facts_of: Callable[[Path], Facts | None]) -> Facts | None:
    """What is known of the first model in some folders; a run keeps its own in the folder `model`."""
    for place in places:
        for folder in (place / "model", place):
            if _is_folder(folder) and (facts := facts_of(folder.absolute())) is not None:
                return facts
    return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
