"""One folder per paper: recipe.py declares, method.py does, data.py makes data of the paper's own.

Third-party recipes come through the entry-point group `workbench.recipes`; while one is being
written, WORKBENCH_PLUGINS names its module without an installation: "my_lab.denoise.recipe", or
several, separated by commas, each with ":name" where the recipe is not called `run`.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points

from workbench.core.problem import InputError, did_you_mean
from workbench.core.recipe import Recipe


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """Every recipe by id: this package's folders, then third parties' entry points and plug-ins."""
    found = [_load(f"{folder}.recipe") for folder in _folders()]
    found += [point.load() for point in entry_points(group="workbench.recipes")]
    found += [_load(*_parts(named)) for named in os.environ.get("WORKBENCH_PLUGINS", "").split(",") if named.strip()]
    return {one.id: one for one in found}


def _folders() -> list[str]:
    tabs = [f"{__name__}.{tab.name}" for tab in pkgutil.iter_modules(__path__) if tab.ispkg]
    return [
        f"{tab}.{entry.name}"
        for tab in tabs
        for entry in pkgutil.iter_modules(importlib.import_module(tab).__path__)
        if entry.ispkg
    ]


def _parts(named: str) -> tuple[str, str]:
    module, _, name = named.strip().partition(":")
    return module, name or "run"


def _load(module: str, name: str = "run") -> Recipe:
    declared = getattr(importlib.import_module(module), name)
    if not isinstance(declared, Recipe):
        raise TypeError(f"{module}.{name} is not declared with @recipe")
    return declared


def recipe(name: str) -> Recipe:
    """A recipe by id; raises InputError with the nearest name."""
    if name not in recipes():
        raise InputError(
            f"There is no recipe {name!r}.",
            expected="a name listed by 'workbench recipes'",
            received=name,
            fix=did_you_mean(name, recipes()),
            field="recipe",
        )
    return recipes()[name]
