"""What the views of a sweep are given: one row per trial, one scale per axis."""

from __future__ import annotations

import dataclasses
from typing import Any

from workbench.gui.views.axes import Scale


@dataclasses.dataclass(frozen=True)
class TrialRow:
    """A trial as it is drawn; `state` is finished, running, waiting, pruned, failed or stopped."""

    key: str
    name: str
    params: dict[str, Any]
    value: float | None
    state: str


@dataclasses.dataclass(frozen=True)
class TrialsData:
    """Everything that a sweep's views draw; `better` is 'max' or 'min'."""

    knobs: tuple[Scale, ...]
    metric: Scale
    better: str
    rows: tuple[TrialRow, ...]
