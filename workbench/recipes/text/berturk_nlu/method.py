"""The four tasks and pretraining, each: first look, one fit, numbers on the test data, the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import adapters, backbones, devices
from workbench.engine.training import Objective, fit

from . import data
from .common import Study
from .recipe import BerturkNlu


class Learned(Objective, Protocol):
    """What a task brings beside its objective."""

    better: Literal["high", "low"]
    steps: int

    def begin(self) -> None:
        """Fit the base head and show the start."""

    def evaluate(self, step: int) -> float:
        """Measure on the validation data; write metrics and, within the preview budget, pictures."""

    def finish(self) -> dict[str, float]:
        """Measure on the test data, show the end, save the model; returns the final numbers."""

    def card(self) -> dict[str, Any]:
        """What apply() needs to know of the model."""


def run_task(job: Job, p: BerturkNlu) -> None:
    """One run of the recipe."""
    if p.task == "all four":
        from .four import run_four

        run_four(job, p)
        return
    job.phase("reading the data")
    source = data.load(job, p)
    if p.model == "classical" and p.task != "masked words":
        from .classical import run_classical

        numbers, facts = run_classical(job, p, source)
    else:
        study = make_study(job, p)
        job.phase("looking at the start")
        task = make_task(study, source)
        numbers = carry_out(study, task)
        facts = task.card()
    for name, value in numbers.items():
        job.result(name, value)
    job.write_card(**facts)


def make_study(job: Job, p: BerturkNlu, folder: Path | None = None) -> Study:
    """The place, the tokenizer, the folder that receives the model."""
    place = devices.place_of(job)
    new = p.task == "masked words" and p.model == "random init"
    tokenizer = None if new else backbones.load_tokenizer(p.backbone)
    return Study(job, p, place, tokenizer, folder or job.model_folder())


def make_task(study: Study, source: Any) -> Learned:
    """The task's objective over its data."""
    match study.p.task:
        case "masked words":
            from .masked import Masking

            return Masking(study, source)
        case "entities":
            from .entities import Tagging

            return Tagging(study, source)
        case "questions":
            from .questions import Answering

            return Answering(study, source)
        case _:
            from .classify import Classifying

            return Classifying(study, source)


def carry_out(study: Study, task: Learned) -> dict[str, float]:
    """First look, fit, last look; the best weights are in the model at the end."""
    task.model.to(study.place.device)
    task.begin()
    task.model = adapters.adapt(task.model, study.p)
    count = adapters.trainable_count(task.model)
    study.job.log(f"{spaced(count)} of {spaced(sum(one.numel() for one in task.model.parameters()))} weights learn.")
    result = fit(study.job, task, study.p, place=study.place, evaluate=task.evaluate, better=task.better)
    task.steps = result.steps
    study.job.phase("measuring on the test data")
    return task.finish()
