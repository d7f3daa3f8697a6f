"""Which models can segment a case: those that runs made, and those that were added; read off the GUI thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from workbench.core.recipe import Recipe
from workbench.core.segmenting import ModelTold
from workbench.store.home import Home
from workbench.store.models import added_folders


class CaseModel(NamedTuple):
    """A model folder, its recipe, what it is called in lists, and what it reads."""

    path: str
    recipe: str
    title: str
    told: ModelTold


def case_models(home: Home, recipes: Mapping[str, Recipe]) -> list[CaseModel]:
    """Models of recipes that segment cases, the newest run first; damaged cards are passed by."""
    known = {name: one for name, one in recipes.items() if one.told is not None}
    return [made for folder in _folders(home) if (made := _model(folder, known)) is not None]


def _folders(home: Home) -> Iterator[Path]:
    for card in sorted(home.runs.glob("*/model/workbench.json"), reverse=True):
        yield card.parent
    yield from added_folders(home)


def _model(folder: Path, recipes: Mapping[str, Recipe]) -> CaseModel | None:
    try:
        card = json.loads((folder / "workbench.json").read_text(encoding="utf-8"))
        recipe = recipes[str(card["config"]["recipe"])]
        told = recipe.told(card) if recipe.told is not None else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if told is None:
        return None
    run = folder.parent.name if folder.name == "model" else folder.name
    return CaseModel(str(folder), recipe.id, f"{recipe.title}  ·  {run}", told)
