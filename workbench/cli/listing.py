"""`recipes`, and the words about a recipe that stand above its flags."""

from __future__ import annotations

from typing import Any

from workbench.cli.output import json_line, say, tell
from workbench.cli.parser import Namespace, stop_at
from workbench.core.params import Knob, knobs, values_of
from workbench.core.recipe import TABS, Recipe
from workbench.recipes import faults, recipes


def list_recipes(asked: Namespace) -> int:
    """`recipes`: by tab, with the paper, inputs and whether there is a claim."""
    stop_at(asked.problems)
    for tab in TABS:
        found = [one for one in recipes().values() if one.tab == tab]
        if asked.json:
            for one in found:
                json_line(document(one))
        elif found:
            say(tab.title)
            for one in found:
                say(f"  {one.id:<26} {one.title}")
                say(f"  {'':<26} {one.paper.title} ({one.paper.year})" + (", with its claim" if one.claim else ""))
    for fault in faults():
        tell(fault.text())
    return 0


def document(recipe: Recipe) -> dict[str, Any]:
    """Everything a script may want to know of a recipe."""
    return {
        "recipe": recipe.id, "tab": recipe.tab.name, "title": recipe.title, "help": recipe.help,
        "paper": {"title": recipe.paper.title, "year": recipe.paper.year, "arxiv": recipe.paper.arxiv},
        "reads": {
            name: {"title": slot.title, "kind": slot.kind.name, "required": slot.required,
                   "samples": [sample.address for sample in slot.samples], "default": slot.default}
            for name, slot in recipe.reads.items()
        },
        "writes": {name: kind.name for name, kind in recipe.writes.items()},
        "presets": {name: values_of(params) for name, params in recipe.presets.items()},
        "knobs": [_knob(one) for one in knobs(recipe.params)],
        "claim": list(recipe.claim.arms) if recipe.claim else None,
        "apply": recipe.apply is not None,
    }  # fmt: skip


def _knob(one: Knob) -> dict[str, Any]:
    return {"name": one.name, "flag": one.flag, "type": one.type.__name__, "help": one.help, "low": one.low,
            "high": one.high, "unit": one.unit, "choices": one.choices, "more": one.more}  # fmt: skip


def describe(recipe: Recipe) -> str:
    """The help page of a recipe: its docstring, its paper, its inputs with their samples, its outputs."""
    lines = [recipe.help.replace("*", ""), "", f"Paper: {recipe.paper.title} ({recipe.paper.year})", "", "inputs:"]
    for name, slot in recipe.reads.items():
        need = "" if slot.required else ", optional"
        lines.append(f"  --input {name}=PATH   {slot.title}: {slot.kind.help}{need}")
        lines += [f"      {sample.address:<32} {sample.title}" for sample in slot.samples]
    lines += ["", "writes: " + ", ".join(f"{name} ({kind.name})" for name, kind in recipe.writes.items())]
    return "\n".join(lines)
