"""A saved model kept loaded in the worker until its folder's card changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
CARD = "workbench.json"


def warm(job: Any, name: str, folder: Path, load: Callable[[dict[str, Any]], T]) -> T:
    """What `load(card)` made of the model in `folder`, once for each state of its card and each device.

    `name` keeps recipes apart that read the same folder. Raises what reading the card or `load` raises; then
    nothing is kept.
    """
    key = key_of(job, name, folder)
    if key not in job.cache:
        job.cache[key] = load(json.loads((folder / CARD).read_text(encoding="utf-8")))
    found: T = job.cache[key]
    return found


def key_of(job: Any, name: str, folder: Path) -> tuple[str, str, int, str]:
    """Under what the model is kept in `job.cache`: recipe, folder, the card's time in ns, device."""
    return name, str(folder), (folder / CARD).stat().st_mtime_ns, job.device
