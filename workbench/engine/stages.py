"""Several fits in one run, one after another: each a stage, and resume goes on in the stage that was left.

A stage is the run's job as one fit sees it: its steps follow on from the stage before, its curves carry its
name, and its checkpoint remembers which stage it is and what the stages before it found (`known`, plain JSON
values). What a later stage needs beyond that, such as weights, an earlier one leaves in the run's folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.core.job import Job

FACTS = "stage.json"


class Stage:
    """One stage's view of the job; everything that is not told apart here goes to the job itself."""

    def __init__(
        self, job: Job, name: str, *, at: int, first_step: int, known: Mapping[str, Any], curves: Mapping[str, str]
    ) -> None:
        self._job, self.name, self._at, self._first = job, name, at, first_step
        self._known, self._curves = dict(known), curves
        self.last = first_step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def metric(self, name: str, value: float, *, series: str = "", step: int | None = None) -> None:
        """A number of this stage, its series led by the stage's name; `curves` renames what fit writes."""
        line = f"{self.name}, {series}" if series else self.name
        shifted = None if step is None else self._first + step
        self._job.metric(self._curves.get(name, name), value, series=line, step=shifted)

    def phase(self, name: str, total: int = 0) -> None:
        """What this stage does now; `total` counts its own steps."""
        self._job.phase(f"{self.name}: {name}", self._first + total if total else 0)

    def step(self, step: int) -> bool:
        """A step of this stage is a later step of the run."""
        self.last = self._first + step
        return self._job.step(self.last)

    def checkpoint(self) -> Path | None:
        """The run's checkpoint, if it is of this stage."""
        folder = self._job.checkpoint()
        return folder if folder is not None and _facts(folder)["stage"] == self._at else None

    def save_checkpoint(self, step: int, save: Callable[[Path], None]) -> None:
        """The fit's state, and beside it where the run stands."""

        def save_both(folder: Path) -> None:
            save(folder)
            facts = {"stage": self._at, "first": self._first, "known": self._known}
            (folder / FACTS).write_text(json.dumps(facts))

        self._job.save_checkpoint(self._first + step, save_both)


class Stages:
    """The stages of a run in their order; those that the checkpoint says are done are passed over."""

    def __init__(self, job: Job) -> None:
        self.job = job
        folder = job.checkpoint()
        facts: dict[str, Any] = {"stage": 0, "first": 0, "known": {}} if folder is None else _facts(folder)
        self.known: dict[str, Any] = dict(facts["known"])
        """What ended stages found; comes back with the checkpoint, so it holds JSON values only."""
        self._done, self._step, self._at = int(facts["stage"]), int(facts["first"]), 0

    def begin(self, name: str, *, curves: Mapping[str, str] | None = None, view: type[Stage] = Stage) -> Stage | None:
        """The next stage as a `view` of the job, or None when it ended before the checkpoint was written."""
        at, self._at = self._at, self._at + 1
        if at < self._done:
            return None
        return view(self.job, name, at=at, first_step=self._step, known=self.known, curves=curves or {})

    def end(self, stage: Stage, **known: Any) -> None:
        """The stage is over: its steps count, and what it found is known from now on."""
        self._step = stage.last
        self.known |= known


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    return facts
