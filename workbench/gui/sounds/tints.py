"""Perceptually even colour maps for power, taken from the plotting library's files."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg

from workbench.gui.sounds.waves import LOW_DB, STEP_DB

MAPS: Mapping[str, str] = {
    "inferno": "inferno", "magma": "magma", "plasma": "plasma", "viridis": "viridis", "cividis": "cividis",
    "grey": "CET-L1", "paper": "CET-L1 reversed", "fire": "CET-L3", "kbc": "CET-L6", "green": "CET-L5",
    "bmy": "CET-L8", "ocean": "CET-L7", "colour-blind": "CET-CBL1",
}  # fmt: skip
"""Names for a person to those of the library: matplotlib's, and Peter Kovesi's (colorcet)."""


@functools.lru_cache(maxsize=64)
def colour_table(name: str, top_db: float, range_db: float) -> tuple[int, ...]:
    """ARGB numbers of the 256 tones: the map runs over `range_db` below `top_db`."""
    wanted = MAPS[name]
    found = pg.colormap.get(wanted.removesuffix(" reversed"))
    if found is None:
        raise KeyError(name)
    at = (LOW_DB + STEP_DB * np.arange(256) - (top_db - range_db)) / max(range_db, 1e-6)
    at = np.clip(at, 0.0, 1.0)
    if wanted.endswith("reversed"):
        at = 1.0 - at
    rgb = found.map(at, mode="byte")[:, :3].astype(np.uint32)
    return tuple(int(one) for one in 0xFF000000 | rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2])
