"""Models that a training goes on from: their cards, and why one cannot be gone on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.core.problem import InputError


def card_of(folder: Path, recipe: str) -> dict[str, Any]:
    """What a saved model of a recipe says of itself; raises InputError where there is none, or another recipe's."""
    try:
        card: dict[str, Any] = json.loads((folder / "workbench.json").read_text("utf-8"))
        made_by = card["config"]["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise refused("There is no model of this recipe at this path.", "a model folder with workbench.json",
                      f"{folder}: {error}", "Choose the 'model' folder of a run of this recipe.") from None  # fmt: skip
    if made_by != recipe:
        raise refused("This model is another recipe's.", recipe, str(made_by), "Choose a model of this recipe.")
    return card


def refused(what: str, expected: str, received: str, fix: str) -> InputError:
    """The problem of a model that `continue_from` names."""
    return InputError(what, expected=expected, received=received[:500], fix=fix, field="continue_from")
