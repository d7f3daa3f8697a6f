"""What stands in a report, gathered for its template: plain values, escaped only when they are written."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workbench import __version__
from workbench.core.params import knobs
from workbench.core.problem import InputError
from workbench.core.recipe import Recipe
from workbench.core.words import duration, in_words, number, spaced
from workbench.report import drawing
from workbench.report.differences import Figure, figures, settings
from workbench.report.gather import Run, metric_names, names_of
from workbench.report.showing import pieces
from workbench.report.words import moment

LOG_LINES = 60


def contents(runs: Sequence[Run], recipes: Mapping[str, Recipe], *, paper: bool) -> dict[str, Any]:
    """Everything a report says of these runs; `paper` asks for pictures as PNG instead of inline SVG."""
    names = names_of(runs)
    return {
        "title": _title(runs, recipes),
        "several": len(runs) > 1,
        "paper": paper,
        "made": moment(time.time()),
        "version": __version__,
        "runs": [_run(run, recipes, names[place], place, paper=paper) for place, run in enumerate(runs)],
        "legend": _legend(runs, names),
        "charts": [_chart(runs, name, paper=paper) for name in metric_names(runs)],
        "figures": [_figure(one) for one in figures(runs)],
        "differences": [one for one in settings(runs) if one.differs],
    }


def _title(runs: Sequence[Run], recipes: Mapping[str, Recipe]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs compared"
    config = runs[0].config
    known = recipes.get(config.recipe)
    return config.title or (known.title if known else config.recipe) or runs[0].folder.id


def _legend(runs: Sequence[Run], names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Mark, name and colour: runs where there are several (their series told by the dash), otherwise series."""
    series = drawing.series_of(runs)
    if len(runs) > 1:
        marks = ("──", "– –", "····", "– ·")
        ordered = drawing.dash_order(series) if len(series) > 1 else []
        lines = [(marks[place % len(marks)], one, "") for place, one in enumerate(ordered) if one]
        return [("●", name, drawing.colour_of(place)) for place, name in enumerate(names)] + lines
    return [("●", one, drawing.series_colour(one)) for one in series if one]


def _chart(runs: Sequence[Run], name: str, *, paper: bool) -> dict[str, Any]:
    if paper:
        block = base64.b64encode(drawing.metric_png(runs, name)).decode()
        return {"title": in_words(name), "picture": f"data:image/png;base64,{block}"}
    return {"title": in_words(name), "svg": drawing.metric_svg(runs, name, salt=f"chart {name}")}


def _figure(one: Figure) -> dict[str, Any]:
    name = in_words(one.metric) + (f" · {one.series}" if one.series else "")
    cells = [
        {"text": number(value) if value is not None else "–", "step": step, "best": place in one.winners}
        for place, (value, step) in enumerate(zip(one.values, one.steps, strict=True))
    ]
    return {"name": name, "what": one.what, "better": one.better, "cells": cells}


def _run(run: Run, recipes: Mapping[str, Recipe], name: str, place: int, *, paper: bool) -> dict[str, Any]:
    config, state, known = run.config, run.state, recipes.get(run.config.recipe)
    return {
        "name": name,
        "colour": drawing.colour_of(place),
        "id": run.folder.id,
        "recipe": config.recipe,
        "recipe_title": known.title if known else "",
        "about": known.paper if known else None,
        "state": _state(run),
        "facts": _facts(run),
        "results": [(in_words(key), number(value)) for key, value in state.results.items()],
        "knobs": _knobs(run, known),
        "inputs": [(slot, address, config.digests.get(slot, "")) for slot, address in config.inputs.items()],
        "packages": sorted(config.packages.items()),
        "pieces": pieces(run, paper=paper),
        "log": [(moment(line.t)[-5:], line.level, line.message) for line in list(run.log)[-LOG_LINES:]],
        "log_lines": len(run.log),
        "problem": state.problem,
    }


def _state(run: Run) -> str:
    state = run.state
    words = "stopped early and kept" if state.kept_early else state.phase
    spent = f" in {duration(state.ended_at - state.started_at)}" if state.ended_at and state.started_at else ""
    return f"{words} at step {spaced(state.step)}{spent}"


def _facts(run: Run) -> list[tuple[str, str]]:
    config, state = run.config, run.state
    facts = {
        "Preset": config.preset, "Arm": config.arm, "Seed": str(config.seed), "State": _state(run),
        "Device": state.device or config.device, "Created": moment(config.created), "Tags": ", ".join(config.tags),
        "Forked from": config.forked_from, "Recipe version": str(config.recipe_version),
    }  # fmt: skip
    return [(name, value) for name, value in facts.items() if value]


def _knobs(run: Run, known: Recipe | None) -> list[dict[str, Any]]:
    declared = {one.name: one for one in knobs(known.params)} if known else {}
    desk = _desk(known)
    rows = []
    for name, value in run.config.params.items():
        one = declared.get(name)
        rows.append(
            {
                "name": one.title if one else in_words(name),
                "flag": one.flag if one else "--" + name.replace("_", "-"),
                "value": (number(value, 6) if isinstance(value, float) else str(value)) or "–",
                "unit": one.unit if one else "",
                "help": one.help if one else "",
                "changed": name in desk and desk[name] != value,
            }
        )
    return rows


def _desk(known: Recipe | None) -> dict[str, Any]:
    from workbench.core.params import values_of

    try:
        return values_of(known.preset("desk")) if known else {}
    except InputError:
        return {}
