"""The report as one HTML file: for the browser with its own style and inline curves, or for paper.

Every value is escaped by the template engine; only pictures that this package drew are put in as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.core.recipe import Recipe
from workbench.report.contents import contents
from workbench.report.drawing import COLOURS
from workbench.report.gather import Run
from workbench.report.template import PAPER, SCREEN, TEMPLATE


def page(runs: Sequence[Run], recipes: Mapping[str, Recipe], *, paper: bool = False) -> str:
    """A report of one run, or of several held against each other; `paper` is for `pdf.write` only."""
    from jinja2 import Environment

    engine = Environment(autoescape=True, trim_blocks=False, lstrip_blocks=False)
    engine.globals.update(heat=_paper_heat if paper else _screen_heat, marks=COLOURS)
    values: dict[str, Any] = contents(runs, recipes, paper=paper)
    return engine.from_string(TEMPLATE).render(values, css=PAPER if paper else SCREEN)


def _screen_heat(colour: str, share: float) -> Any:
    from markupsafe import Markup

    part = round(100 * max(0.0, min(1.0, share)))
    return Markup('style="background:color-mix(in srgb, {} {}%, transparent)"').format(colour, part)


def _paper_heat(colour: str, share: float) -> Any:
    """Mixed with the paper's white: Qt's text layout knows no transparency."""
    from markupsafe import Markup

    part = 0.75 * max(0.0, min(1.0, share))
    mixed = [round(255 + (int(colour[at : at + 2], 16) - 255) * part) for at in (1, 3, 5)]
    return Markup('style="background-color:#{:02x}{:02x}{:02x}"').format(*mixed)
