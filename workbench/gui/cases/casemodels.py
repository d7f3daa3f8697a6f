"""Which models can segment a case: those that runs made, and those that were added; read off the GUI thread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.recipe import Recipe
from workbench.core.segmenting import ModelTold
from workbench.store.home import Home
from workbench.store.models import added_folders

_WHEN = re.compile(r"\d{4}(\d\d)(\d\d)-(\d\d)(\d\d)\d\d-")
"""Month, day, hour and minute at the head of a run's id."""


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
    return CaseModel(str(folder), recipe.id, _title(folder, recipe, card), told)


def _title(folder: Path, recipe: Recipe, card: Mapping[str, Any]) -> str:
    """What tells models of one recipe apart comes first: lists are narrow."""
    run = folder.parent.name if folder.name == "model" else folder.name
    when = _WHEN.match(run)
    told = str(card["config"].get("title") or recipe.title)
    return f"{when[1]}-{when[2]} {when[3]}:{when[4]}  ·  {told}  ·  {run}" if when else f"{run}  ·  {told}"
