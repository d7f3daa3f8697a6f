"""Models that name what happens in videos: the shipped one, those of runs, and folders in Hugging Face format."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from workbench.core.problem import InputError
from workbench.core.recognising import RecogniserFacts
from workbench.core.videorecognisers import EXPECTED, SHIPPED, SHIPPED_NAME, facts_of, what_is_in
from workbench.store.home import Home
from workbench.store.models import added_folders
from workbench.store.remembered import remembered


def recognisers(home: Home, recipes: Collection[str]) -> list[RecogniserFacts]:
    """Every model that recognises: the shipped one, runs' models from the newest on, added folders, then others.

    `recipes` are the ids of those whose models classify. Reads cards and configurations only.
    """
    return [facts for folder in _folders(home) if (facts := facts_of(folder, recipes)) is not None]


def _folders(home: Home) -> Iterator[Path]:
    if SHIPPED.is_dir():
        yield SHIPPED
    for card in sorted(home.runs.glob("*/model/workbench.json"), reverse=True):
        yield card.parent
    yield from added_folders(home)
    yield from map(Path, remembered(home))


def find_recogniser(home: Home, named: str, recipes: Collection[str]) -> RecogniserFacts:
    """The model that a name stands for; the first of the list where nothing is named.

    A name is a folder, a run (its id), a model in the home, or `starter:mini-image-language`. Raises InputError
    when there is none.
    """
    if not named:
        found = recognisers(home, recipes)
        if not found:
            raise InputError("There is no model here that recognises.", expected=EXPECTED, received="none",
                             fix="Name one with --model.", field="--model")  # fmt: skip
        return found[0]
    places = [SHIPPED] if named == SHIPPED_NAME else [Path(named).expanduser(), home.runs / named, home.models / named]
    for place in places:
        for folder in (place / "model", place):
            if _is_folder(folder) and (facts := facts_of(folder.absolute(), recipes)) is not None:
                return facts
    there = next((place for place in places if _is_folder(place)), None)
    raise InputError(
        "This model does not recognise what happens in videos." if there else "There is no such model.",
        expected=EXPECTED, received=what_is_in(there) if there else named,
        fix="Choose another model; the page of models lists what is here.", field="--model", place=str(there or ""),
    )  # fmt: skip


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
