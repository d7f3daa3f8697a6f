"""Models that name what happens in videos: the shipped one, those of runs, and folders in Hugging Face format."""

from __future__ import annotations

from collections.abc import Collection

from workbench.core.modelcards import what_is_in
from workbench.core.problem import InputError
from workbench.core.recognising import RecogniserFacts
from workbench.core.videorecognisers import EXPECTED, SHIPPED, SHIPPED_NAME, facts_of
from workbench.store.home import Home
from workbench.store.modelfolders import first_model, model_folders, named_folders


def recognisers(home: Home, recipes: Collection[str]) -> list[RecogniserFacts]:
    """Every model that recognises: the shipped one, runs' models from the newest on, added folders, then others.

    `recipes` are the ids of those whose models classify. Reads cards and configurations only.
    """
    return [facts for folder in model_folders(home, SHIPPED) if (facts := facts_of(folder, recipes)) is not None]


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
    places = named_folders(home, named, {SHIPPED_NAME: SHIPPED})
    model = first_model(places, lambda folder: facts_of(folder, recipes))
    if model is not None:
        return model
    raise InputError(
        "This model does not recognise what happens in videos." if places else "There is no such model.",
        expected=EXPECTED, received=what_is_in(places[0]) if places else named,
        fix="Choose another model; the page of models lists what is here.", field="--model",
        place=str(places[0]) if places else "",
    )  # fmt: skip
