"""Distances and angles as a table (CSV): a line for each, with its places."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from workbench.core.measures import kind_of, value_of
from workbench.core.scenefiles import WriteThing
from workbench.core.scenes import MeasureDoc
from workbench.engine.scenes import placing
from workbench.engine.scenes.keeping import Told

MOST_PLACES = 3
COLUMNS = ("name", "kind", "value", "unit", *(f"{axis}{at + 1}" for at in range(MOST_PLACES) for axis in "xyz"))


def write_csv(things: Sequence[WriteThing], out: Path, told: Told, *, unit: str = "") -> list[str]:
    """Names, kinds, values with their units (`unit` for lengths, degrees for angles) and places, in the file's numbers.

    Numbers are written in full: what a tree or a picture shows is rounded.
    """
    told(0, len(things), "measures")
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for one in things:
            points = np.array(cast(MeasureDoc, one.thing).points, np.float64).reshape(-1, 3)
            places = placing.moved(points, (0.0, 0.0, 0.0), placing.matrix_of(one.placement)).tolist()  # type: ignore[arg-type]
            kind = kind_of(places)
            rest = [""] * (3 * (MOST_PLACES - len(places)))
            table.writerow([one.name, kind, repr(value_of(places)), unit if kind == "distance" else "degrees",
                            *(repr(number) for place in places for number in place), *rest])  # fmt: skip
    return []
