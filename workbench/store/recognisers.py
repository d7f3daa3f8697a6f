"""Models that transcribe: the shipped one, those that runs made, and folders in Hugging Face format."""

from __future__ import annotations

from pathlib import Path

from workbench.core.modelcards import what_is_in
from workbench.core.problem import InputError
from workbench.core.recognisers import EXPECTED, SHIPPED, SHIPPED_NAME, facts_of
from workbench.core.transcripts import RecogniserFacts
from workbench.store.home import Home
from workbench.store.modelfolders import first_model, model_folders, named_folders


def recognisers(home: Home) -> list[RecogniserFacts]:
    """Every model that can transcribe: runs' models from the newest on, the shipped one, added folders, then others.

    Reads cards and configurations only; folders that hold something else are passed by.
    """
    return [facts for folder in model_folders(home, SHIPPED) if (facts := facts_of(folder)) is not None]


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
    places = named_folders(home, named, {SHIPPED_NAME: SHIPPED})
    model = first_model(places, facts_of)
    if model is not None:
        return Path(model.path)
    raise InputError(
        "This model does not transcribe." if places else "There is no such model.", expected=EXPECTED,
        received=what_is_in(places[0]) if places else named,
        fix="'workbench speech models' lists what transcribes.", field="--model",
        place=str(places[0]) if places else "",
    )  # fmt: skip
