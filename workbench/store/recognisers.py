"""Models that transcribe: the shipped one, those that runs made, and folders in Hugging Face format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.core.problem import InputError
from workbench.core.recognisers import EXPECTED, SHIPPED, SHIPPED_NAME, facts_of, what_is_in
from workbench.core.transcripts import RecogniserFacts
from workbench.store.home import Home
from workbench.store.models import added_folders
from workbench.store.remembered import remembered


def recognisers(home: Home) -> list[RecogniserFacts]:
    """Every model that can transcribe: runs' models from the newest on, the shipped one, added folders, then others.

    Reads cards and configurations only; folders that hold something else are passed by.
    """
    return [facts for folder in _folders(home) if (facts := facts_of(folder)) is not None]


def _folders(home: Home) -> Iterator[Path]:
    if SHIPPED.is_dir():
        yield SHIPPED
    for card in sorted(home.runs.glob("*/model/workbench.json"), reverse=True):
        yield card.parent
    yield from added_folders(home)
    yield from map(Path, remembered(home))


def find_recogniser(home: Home, named: str) -> Path:
    """The folder that a name on the command line stands for; the first of the list where nothing is named.

    A name is a folder, a run ('last' is no recogniser unless it made one), a model in the home, or
    `starter:speech-recogniser`. Raises InputError when there is none.
    """
    if not named:
        found = recognisers(home)
        if not found:
            raise InputError(
                "There is no model here that transcribes.", expected=EXPECTED, received="none",
                fix="Name one with --model; 'workbench run ctc-recogniser' trains one where that recipe is installed.",
                field="--model",
            )  # fmt: skip
        return Path(found[0].path)
    places = [Path(named).expanduser(), home.runs / named, home.models / named]
    places = [SHIPPED, *places] if named == SHIPPED_NAME else places
    for place in places:
        for folder in (place / "model", place):
            if _is_folder(folder) and facts_of(folder.absolute()) is not None:
                return folder.absolute()
    there = next((place for place in places if _is_folder(place)), None)
    raise InputError(
        "This model does not transcribe." if there else "There is no such model.", expected=EXPECTED,
        received=what_is_in(there) if there else named,
        fix="'workbench speech models' lists what transcribes.", field="--model", place=str(there or ""),
    )  # fmt: skip


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
