"""Models of runs that say texts with voices."""

from __future__ import annotations

from pathlib import Path

from workbench.core.cloning import LEARNED, RECIPE
from workbench.store.home import Home
from workbench.store.models import ModelFacts, trained_models


def synthesisers(home: Home) -> list[ModelFacts]:
    """Every synthesiser that a run made or that was added, the newest first; the shipped one is not among them."""
    return [
        one for one in trained_models(home)
        if one.recipe == RECIPE and not one.problem and (Path(one.path) / LEARNED).is_file()
    ]  # fmt: skip
