"""The paper's experiment: four tasks from one encoder, each fine-tuned separately, in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.job import Job
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.engine.stages import Stage, Stages
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


class Part(Stage):
    """The run's job as one task of it sees it: pictures carry its name, and outcomes get a slot of their own."""

    def artifact(self, slot: str, kind: Any, content: Any, *, title: str = "", **rest: Any) -> Path:
        """A picture of this task; each task's outcomes are a slot, for claims."""
        slot = f"outcomes_{self.name}" if slot == "outcomes" else slot
        path: Path = self._job.artifact(slot, kind, content, title=f"{self.name}: {title}".rstrip(": "), **rest)
        return path


def run_four(job: Job, p: BerturkNlu) -> None:
    """The tasks one after another; results sentiment_accuracy, entity_f1, question_f1, topic_accuracy."""
    stages = Stages(job)
    for task in TASKS:
        stage = stages.begin(task.name, view=Part)
        if stage is None:
            continue
        numbers = _one(stage, p.replace(task=task.kind), task, _source(job, task))
        exact = {"question_exact_match": numbers["exact_match"]} if "exact_match" in numbers else {}
        stages.end(stage, **{task.result: numbers[task.number]}, **exact)
        if getattr(job, "kept_early", False):
            break
    for name, value in stages.known.items():
        job.result(name, value)
    job.write_card(task="all four", parts=[task.name for task in TASKS if task.result in stages.known])


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
