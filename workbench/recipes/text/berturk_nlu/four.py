"""The paper's experiment: four tasks from one encoder, each fine-tuned separately, in one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.job import Job
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.engine.text import reports
from workbench.engine.text.samples import PREFIX

from . import data
from .recipe import BerturkNlu

BUNDLE = PREFIX + "mini-turkish"


class FourTask(msgspec.Struct, frozen=True):
    """A folder's or sample's name, the kind of task, and which of its numbers becomes the run's result."""

    name: str
    kind: str
    number: str
    result: str


TASKS = (
    FourTask("sentiment", "classification", "accuracy", "sentiment_accuracy"),
    FourTask("entities", "entities", "span_f1", "entity_f1"),
    FourTask("questions", "questions", "f1", "question_f1"),
    FourTask("topics", "classification", "accuracy", "topic_accuracy"),
)


class Stage:
    """The run's job as one task of it sees it: steps follow on, curves and pictures carry its name.

    A checkpoint remembers its stage and the results before it, so that resume skips what is done.
    """

    def __init__(self, job: Any, task: FourTask, *, at: int, first_step: int, results: dict[str, float]) -> None:
        self._job, self._task, self._at, self._first, self._results = job, task, at, first_step, results
        self.last = first_step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def metric(self, name: str, value: float, *, series: str = "", step: int | None = None) -> None:
        """A number of this task: its name stands before the series."""
        line = f"{self._task.name}, {series}" if series else self._task.name
        self._job.metric(name, value, series=line, step=None if step is None else self._first + step)

    def artifact(self, slot: str, kind: Any, content: Any, *, title: str = "", **rest: Any) -> Path:
        """A picture of this task; outcomes get a slot of their own, for claims."""
        slot = f"outcomes_{self._task.name}" if slot == "outcomes" else slot
        path: Path = self._job.artifact(slot, kind, content, title=f"{self._task.name}: {title}".rstrip(": "), **rest)
        return path

    def phase(self, name: str, total: int = 0) -> None:
        """What this task does now."""
        self._job.phase(f"{self._task.name}: {name}", self._first + total if total else 0)

    def step(self, step: int) -> bool:
        """A step of this task is a later step of the run."""
        self.last = self._first + step
        go_on: bool = self._job.step(self.last)
        return go_on

    def checkpoint(self) -> Path | None:
        """The checkpoint, if it is of this task."""
        folder: Path | None = self._job.checkpoint()
        return folder if folder is not None and _stage_of(folder)["stage"] == self._at else None

    def save_checkpoint(self, step: int, save: Callable[[Path], None]) -> None:
        """The task's state beside where the run stands."""

        def save_both(folder: Path) -> None:
            save(folder)
            facts = {"stage": self._at, "first": self._first, "results": self._results}
            (folder / "stage.json").write_text(json.dumps(facts))

        self._job.save_checkpoint(self._first + step, save_both)


def _stage_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "stage.json").read_text())
    return facts


def run_four(job: Job, p: BerturkNlu) -> None:
    """The tasks one after another; results sentiment_accuracy, entity_f1, question_f1, topic_accuracy."""
    begun = job.checkpoint()
    done: dict[str, Any] = {"stage": 0, "first": 0, "results": {}}
    if begun is not None:
        done = _stage_of(begun)
    results: dict[str, float] = dict(done["results"])
    step = int(done["first"])
    for at, task in enumerate(TASKS):
        if at < done["stage"]:
            continue
        stage = Stage(job, task, at=at, first_step=step, results=dict(results))
        numbers = _one(stage, p.replace(task=task.kind), task, _source(job, task))
        results |= {task.result: numbers[task.number]}
        if "exact_match" in numbers:
            results["question_exact_match"] = numbers["exact_match"]
        step = stage.last
        if getattr(job, "kept_early", False):
            break
    for name, value in results.items():
        job.result(name, value)
    job.write_card(task="all four", parts=[task.name for task in TASKS if task.result in results])


def _one(stage: Stage, p: BerturkNlu, task: FourTask, source: str) -> dict[str, float]:
    from .method import carry_out, make_study, make_task

    job: Any = stage
    folder = job.model_folder() / task.name
    folder.mkdir(parents=True, exist_ok=True)
    splits = data.load(job, p, address=source)
    if p.model == "classical":
        from .classical import fit_classical

        job.step(1)
        numbers, facts, outcomes = fit_classical(job, p, splits, folder)
        reports.outcomes(job, "outcomes", outcomes)
    else:
        study = make_study(job, p, folder)
        learned = make_task(study, splits)
        numbers = carry_out(study, learned)
        facts = learned.card()
    card = {"config": {"params": values_of(p)}, "results": numbers} | facts
    (folder / "workbench.json").write_text(json.dumps(card, indent=2))
    return numbers


def _source(job: Job, task: FourTask) -> str:
    """The task's sample, or its folder below the one that was given."""
    address = job.inputs.get(data.SLOT, BUNDLE)
    if address == BUNDLE:
        return f"{BUNDLE}-{task.name}"
    folder = Path(address) / task.name
    if address.startswith(PREFIX) or not folder.is_dir():
        raise InputError(
            f"The data for {task.name!r} is missing.",
            expected="a folder with " + ", ".join(f"{one.name}/" for one in TASKS) + f", or {BUNDLE}",
            received=address,
            fix="Lay the four data sets side by side in one folder, or choose the task that your data is for.",
            field=data.SLOT,
        )
    return str(folder)
