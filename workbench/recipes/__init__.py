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
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from workbench.core.problem import InputError, ProblemRecord, did_you_mean
from workbench.core.recipe import Recipe

_faults: dict[str, ProblemRecord] = {}


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """Every recipe by id: this package's folders, then third parties' entry points and plug-ins.

    A third party's recipe that cannot be used is left out; `faults` says why.
    """
    _faults.clear()
    found = {one.id: one for one in (_load(f"{folder}.recipe") for folder in _folders())}
    for name, load in _third_parties():
        try:
            declared = _new(load(), found)
            found[declared.id] = declared
        except Exception as error:  # somebody else's module may raise anything
            _faults[name] = _told(name, error)
    return found


def faults() -> tuple[ProblemRecord, ...]:
    """What keeps third parties' recipes from being used, one record each."""
    recipes()
    return tuple(_faults.values())


def _third_parties() -> list[tuple[str, Callable[[], Any]]]:
    named = [one.strip() for one in os.environ.get("WORKBENCH_PLUGINS", "").split(",") if one.strip()]
    return [
        *((f"{point.name} ({point.value})", point.load) for point in entry_points(group="workbench.recipes")),
        *((one, functools.partial(_load, *_parts(one))) for one in named),
    ]


def _new(declared: Any, found: Mapping[str, Recipe]) -> Recipe:
    if not isinstance(declared, Recipe):
        raise TypeError("it is not declared with @recipe")
    if declared.id in found:
        raise ValueError(f"a recipe named {declared.id!r} is there already")
    return declared


def _told(name: str, error: Exception) -> ProblemRecord:
    return ProblemRecord(
        f"The plug-in {name} cannot be used.",
        expected="a module whose import succeeds, with a recipe declared by @recipe and named as no other",
        received=f"{type(error).__name__}: {error}",
        fix="Mend or uninstall it; every other recipe is there.",
        trace="".join(traceback.format_exception(error)),
    )


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
