"""The course of a run: every strategy learns every task at three rates, validation chooses one, which is tested."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import checkpoints, rng
from workbench.engine.devices import Place, place_of
from workbench.engine.stages import Stages
from workbench.engine.training import fit
from workbench.engine.video.costs import Cost
from workbench.engine.video.imagelanguage import ImageLanguage
from workbench.engine.video.imagelanguage import load as load_backbone

from . import show
from .catalogue import build, options_of
from .data import load
from .learning import Cell, Views, cost_of, judge
from .recipe import CHOSEN, SETS, STRATEGIES, ImageToVideo
from .tasks import Part, Scored, TaskData, head_of


def strategies_of(params: ImageToVideo) -> list[str]:
    """The strategies to compare, in the taxonomy's order; raises InputError where none is switched on."""
    if params.compare != CHOSEN:
        return list(SETS[params.compare])
    found = [name for name in STRATEGIES if getattr(params, name)]
    if not found:
        raise InputError(
            "There is no strategy to compare.", expected="at least one strategy switched on", received="none",
            fix="Switch some on, or choose a set of them.", field="compare",
        )  # fmt: skip
    return found


def rates_of(params: ImageToVideo) -> list[float]:
    """The same rates for every strategy: the middle one first, then the lower, then the higher."""
    middle, factor = params.learning_rate, params.rate_factor
    return [middle, middle / factor, middle * factor][: params.rates]


@dataclasses.dataclass(frozen=True)
class Result:
    """One cell of the grid: what the strategy reached on a task, with which rate."""

    strategy: str
    task: str
    rate: float | None
    """None where nothing learns."""
    validation: float
    test: Scored


@dataclasses.dataclass
class Grid:
    """What is known so far: costs by strategy, results by strategy and task."""

    strategies: list[str]
    tasks: list[TaskData]
    results: dict[tuple[str, str], Result] = dataclasses.field(default_factory=dict)
    costs: dict[str, Cost] = dataclasses.field(default_factory=dict)
    learning: dict[str, int] = dataclasses.field(default_factory=dict)
    """Numbers that learn in a strategy, its head not counted."""
    shown: dict[str, str] = dataclasses.field(default_factory=dict)
    """By task, the strategy whose predictions were shown last."""
    films: dict[str, Path] = dataclasses.field(default_factory=dict)
    """By task, the video in which spans are shown."""

    @property
    def known(self) -> list[TaskData]:
        """The tasks that have a result: all of them, unless the run was stopped early."""
        return [task for task in self.tasks if any(key[1] == task.name for key in self.results)]

    def best(self, task: str) -> Result:
        """The strategy that validation prefers on a task: the earlier one where two are level."""
        return max((one for key, one in self.results.items() if key[1] == task), key=lambda one: one.validation)


class Course:
    """What the cells of a run share."""

    def __init__(self, job: Job, params: ImageToVideo, tasks: list[TaskData], backbone: ImageLanguage) -> None:
        self.job, self.params = job, params
        self.place: Place = place_of(job)
        self.backbone = backbone.to(self.place.device).eval().requires_grad_(False)
        self.views, self.stages = Views(self.backbone, self.place), Stages(job)
        self.grid = Grid(strategies_of(params), tasks)
        self.weights = job.folder / "weights"
        self.weights.mkdir(exist_ok=True)
        self.stopped = False
        """Somebody stops the run and keeps what there is."""
        self._texts: dict[int, Tensor | None] = {}

    def text_of(self, part: Part) -> Tensor | None:
        """Vectors (N, D) of a part's texts, described once; None where it has none."""
        if id(part) not in self._texts:
            with torch.no_grad():
                self._texts[id(part)] = self.backbone.text(part.texts).float().cpu() if part.texts else None
        return self._texts[id(part)]

    def fresh(self, name: str, task: TaskData) -> Cell:
        """A strategy and a head that have learned nothing; the same seed gives the same weights at every rate."""
        frames = task.train.clips.shape[1]
        strategy = build(name, self.backbone, options_of(self.params, frames), seed=self.job.seed)
        strategy.classes = task.prompts
        with torch.no_grad():
            names = self.backbone.text(task.prompts).float() if task.prompts else torch.zeros(0, self.backbone.dim)
        scale = float(self.backbone.logit_scale.exp().clamp(max=100))
        head = head_of(task, dim=self.backbone.dim, scale=scale, names=names.cpu(), seed=self.job.seed)
        cell = Cell(strategy, head, task.train, self.text_of(task.train), self.views)
        cell.model.to(self.place.device)
        return cell

    def score(self, cell: Cell, part: Part) -> Scored:
        """A part of the data, by a cell as it stands."""
        return judge(cell.strategy, cell.head, part, self.text_of(part), self.views)

    # One cell ---------------------------------------------------------------------------------

    def cell(self, name: str, task: TaskData) -> None:
        """Learn one task by one strategy at every rate; the grid holds the result of the weights that are chosen.

        A rate at which it was stopped counts only where the grid would have no result without it.
        """
        code = STRATEGIES[name][0]
        path = self.weights / f"{name}-{task.name}.safetensors"
        cell = self.fresh(name, task)
        self.grid.learning.setdefault(name, cell.strategy.new_parameters())
        if name == "zero_shot" and task.kind in ("naming", "retrieval"):
            self.job.phase(f"{code} {task.name}: nothing to learn")
            validation = self.score(cell, task.validation).headline
            self.grid.results[name, task.name] = Result(name, task.name, None, validation, self.score(cell, task.test))
            return
        key = f"{name} {task.name}"
        for rate in rates_of(self.params):
            stage = self.stages.begin(f"{code} {task.name} {rate:.1e}")
            if stage is None:
                continue
            rng.seed(self.job.seed)
            cell = self.fresh(name, task)

            def evaluate(step: int, cell: Cell = cell, stage: Any = stage) -> float:
                found = self.score(cell, task.validation).headline
                stage.metric("score", found, series="validation", step=step)
                return found

            params = self.params.replace(learning_rate=rate)
            if task.name == "shape":
                params = params.replace(max_steps=self.params.few_shot_steps)
            fitted = fit(stage, cell, params, place=self.place, evaluate=evaluate)
            self.stopped = fitted.stopped == "kept"
            if self.stopped and (self.grid.results or key in self.stages.known):
                self.stages.end(stage)
                break
            value = float(fitted.best_value if fitted.best_value is not None else evaluate(fitted.steps))
            before = self.stages.known.get(key)
            if before is None or value > before[0]:
                _keep(cell, path)
                self.stages.end(stage, **{key: [value, rate]})
            else:
                self.stages.end(stage)
            if self.stopped:
                break
        if key not in self.stages.known:
            return
        value, rate = self.stages.known[key]
        cell = self.fresh(name, task)
        checkpoints.copy_into(checkpoints.learned(cell.model), load_file(path, device=str(self.place.device)))
        self.job.phase(f"{code} {task.name}: test")
        self.grid.results[name, task.name] = Result(name, task.name, rate, value, self.score(cell, task.test))

    def cost(self, name: str, task: TaskData) -> None:
        """What a training step of a strategy costs, by the first task, at the batch that it is trained with."""
        if name in self.grid.costs or not any(one.requires_grad for one in self.fresh(name, task).model.parameters()):
            return
        if name == "zero_shot":
            return
        self.job.phase(f"{STRATEGIES[name][0]}: weighing a step")
        with rng.aside():
            self.grid.costs[name] = cost_of(
                self.fresh(name, task), self.params.batch, learning_rate=self.params.learning_rate,
                weight_decay=self.params.weight_decay,
            )  # fmt: skip


def _keep(cell: Cell, path: Path) -> None:
    """The learned weights, all of them or none."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in checkpoints.learned(cell.model).items()}, scratch)
    scratch.replace(path)


def train(job: Job, params: ImageToVideo) -> None:
    """Load, fill the grid cell by cell, show it as it fills, save what validation prefers."""
    names = strategies_of(params)
    job.phase("making clips ready")
    backbone = load_backbone(params.backbone)
    tasks = load(job, params, backbone.image_px)
    course = Course(job, params, tasks, backbone)
    show.data_told(job, tasks)
    for task, name in itertools.product(tasks, names):
        course.cost(name, task)
        course.cell(name, task)
        if (name, task.name) in course.grid.results:
            show.grid(job, course.grid)
            show.cell(job, course.grid, task, course.grid.results[name, task.name])
        if course.stopped:
            far = f"{len(course.grid.results)} of {len(tasks) * len(names)} cells of the grid"
            job.log(f"Stopped after {far}: what was not learned to its end has no result.")
            break
    show.ended(job, course)
    if params.keep_model:
        from .saving import save

        job.phase("saving the model")
        first = tasks[0]
        save(job, course, first, course.grid.best(first.name))
    for file in course.weights.glob("*"):
        file.unlink()
    course.weights.rmdir()
