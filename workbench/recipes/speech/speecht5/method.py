"""The course of a run: pretraining, six tasks at two rates each, the test."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.core.job import Job
from workbench.core.kinds import Outcomes
from workbench.core.vocoding import asked
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.speech import vocoders
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import doing, masking, show, vectors
from .data import Data, load
from .doing import Done
from .networks import Shape, Unified
from .objectives import Doing, Pretraining
from .recipe import ALL, ERRORS, LEARNED, RANDOM, ST, TASKS, SpeechT5

HELD_OUT = 16
"""The pretraining loss is watched on so many utterances that are not learned from."""


@dataclasses.dataclass
class Course:
    """What all parts of a run share."""

    job: Job
    params: SpeechT5
    data: Data
    place: Place
    stages: Stages
    folder: Path
    shape: Shape
    vocoder: vocoders.Vocoder

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of this run."""
        return tuple(one for one in TASKS if one in self.data.tasks and self.params.task in (ALL, one))

    @property
    def starts(self) -> list[str]:
        """The arm of this run, and its control where that is wanted."""
        both = self.params.compare and self.params.start != RANDOM
        return [self.params.start, RANDOM] if both else [self.params.start]

    @property
    def kept(self) -> bool:
        """Whether a person asked to end here and keep what there is."""
        return bool(getattr(self.job, "kept_early", False))

    def weights(self, start: str, task: str = "") -> Path:
        """Where an arm's weights lie, before the tasks or after one."""
        return self.folder / ("-".join((start, task) if task else (start,)).replace(" ", "-") + ".safetensors")


def put(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
    scratch.replace(path)


def train(job: Job, params: SpeechT5) -> None:
    """Load, pretrain, learn the tasks, test, save: the whole course of a run."""
    place = place_of(job)
    # Opened first: one that does not fit must not be noticed after the training.
    vocoder = vocoders.choose(asked(params.vocoder, params.vocoder_folder), **show.how(params.mel_bins))
    data = load(job, params)
    folder = job.folder / "weights"
    folder.mkdir(exist_ok=True)
    shape = Shape.of(params, len(data.told_apart), data.vector)
    course = Course(job, params, data, place, Stages(job), folder, shape, vocoder)
    counts = ", ".join(f"{task} {len(data.tasks[task].train)}/{len(data.tasks[task].test)}" for task in course.tasks)
    job.log(f"{len(data.speech)} utterances and {len(data.text)} sentences without labels; to learn from/to test: "
            f"{counts}.")  # fmt: skip
    _starts(course)
    for start in course.starts:
        for task in course.tasks:
            _learn(course, start, task)
    _test(course)
    _clear(folder)


def fresh(course: Course) -> Unified:
    """The network as every arm of a seed starts."""
    rng.seed(course.job.seed)
    return Unified(course.shape)


# Pretraining --------------------------------------------------------------------------------


def _starts(course: Course) -> None:
    """Weights of each arm before the tasks."""
    model = fresh(course)
    put(course.weights(RANDOM), model.state_dict())
    if course.params.start not in LEARNED:
        return
    stage = course.stages.begin(
        "pretraining", curves={"loss": "pretraining", "learning_rate": "learning_rate"}
    )  # fmt: skip
    if stage is None:
        return
    stage.log(f"Network of {spaced(sum(one.numel() for one in model.parameters()))} parameters.")
    _pretrain(course, stage, model.to(course.place.device))
    put(course.weights(course.params.start), model.state_dict())
    course.stages.end(stage)


def _pretrain(course: Course, stage: Stage, model: Unified) -> None:
    data, params = course.data, course.params
    held = list(data.speech[-max(1, min(HELD_OUT, len(data.speech) // 10)) :])
    speech = list(data.speech[: len(data.speech) - len(held)])
    given = [one.units for one in data.speech]
    centres = masking.learn_units([one.mel for one in speech], params.units, course.job.seed)
    units = [masking.units_of(sound.mel, centres) if own is None else own
             for sound, own in zip(data.speech, given, strict=True)]  # fmt: skip

    def tell(name: str, value: float, step: int) -> None:
        stage.metric("perplexity" if name == "perplexity" else "pretraining", value, series=name, step=step)

    text = list(data.text)
    objective = Pretraining(model, speech, text, params, seed=stage.seed, units=units[: len(speech)], tell=tell)
    watched = Pretraining(model, held, text, params, seed=stage.seed + 1, units=units[len(speech) :])
    batch = watched.collate(list(range(len(held))))
    batch = {name: one.to(course.place.device) for name, one in batch.items()}

    @torch.no_grad()
    def evaluate(step: int) -> float:
        model.eval()
        with course.place.autocast():
            parts = watched.parts(batch)
        for name, value in parts.items():
            which = "perplexity" if name == "perplexity" else "pretraining"
            stage.metric(which, float(value), series=f"{name}, held out", step=step)
        return float(sum(float(value) for name, value in parts.items() if name not in ("perplexity", "diversity")))

    fit(stage, objective, params, place=course.place, evaluate=evaluate, better="low")


# Tasks --------------------------------------------------------------------------------------


def _learn(course: Course, start: str, task: str) -> None:
    """Train a task from an arm's weights at each rate; the one that does best on development examples is kept."""
    params = course.params
    for rate in dict.fromkeys((params.lower_rate, params.higher_rate)):
        curves = {"loss": "loss", "learning_rate": "learning_rate"}
        stage = course.stages.begin(f"{task}, {start}, rate {rate:g}", curves=curves)
        if stage is None or course.kept:
            continue
        rng.seed(stage.seed)
        model = _loaded(course, start)
        fine = params.replace(max_steps=params.task_steps, learning_rate=rate)
        error = _fit_task(course, stage, model, task, fine)
        known = course.stages.known.get(f"{start}/{task}")
        if known is None or error < known[0]:
            put(course.weights(start, task), model.state_dict())
            course.stages.end(stage, **{f"{start}/{task}": [error, rate]})
        else:
            course.stages.end(stage)


def _fit_task(course: Course, stage: Stage, model: Unified, task: str, fine: SpeechT5) -> float:
    parts, data = course.data.tasks[task], course.data

    def tell(name: str, value: float, step: int) -> None:
        stage.metric("loss", value, series=name, step=step)

    def evaluate(step: int) -> float:
        done = doing.do(model, task, parts.development, fine, place=course.place, scale=data.scale)
        stage.metric("development", done.error, step=step)
        return done.error

    objective = Doing(task, model, parts.train, fine, seed=stage.seed, tell=tell)
    result = fit(stage, objective, fine, place=course.place, evaluate=evaluate, better="low")
    return result.best_value if result.best_value is not None else float("inf")


def _loaded(course: Course, start: str, task: str = "") -> Unified:
    model = Unified(course.shape)
    model.load_state_dict(load_file(course.weights(start, task)))
    return model.to(course.place.device)


# The test -----------------------------------------------------------------------------------


def _test(course: Course) -> None:
    """Do every task on its test, tell all of it, and keep the networks."""
    job, data, params = course.job, course.data, course.params
    asked = [(start, task) for start in course.starts for task in course.tasks
             if course.weights(start, task).is_file()]  # fmt: skip
    job.phase("testing")
    found: dict[tuple[str, str], Done] = {}
    for at, (start, task) in enumerate(asked):
        model = _loaded(course, start, task)
        found[start, task] = doing.do(model, task, data.tasks[task].test, params, place=course.place, scale=data.scale)
        job.progress(at + 1, len(asked))
    _results(course, found)
    rows = {task: (data.tasks[task].test, {start: found[start, task] for start in course.starts
                                           if (start, task) in found}) for task in course.tasks}  # fmt: skip
    nothing = {task: doing.nothing_done(task, items, data.scale, len(data.told_apart))
               for task, (items, _) in rows.items()}  # fmt: skip
    rates = {key: float(value[1]) for key, value in course.stages.known.items() if "/" in key}
    show.results(job, rows, course.starts, nothing=nothing, rates=rates)
    show.examples(job, rows, params.start, data.scale, vocoder=course.vocoder)
    if params.keep_model:
        _save(course)


def _results(course: Course, found: dict[tuple[str, str], Done]) -> None:
    job, start = course.job, course.params.start
    own = {task: done for (arm, task), done in found.items() if arm == start}
    control = {task: done for (arm, task), done in found.items() if arm == RANDOM and start != RANDOM}
    for task, done in own.items():
        job.result(ERRORS[task], done.error)
        if task != ST:  # chrF is no sum over sentences
            ratio = done.counts.shape[1] == 2
            job.artifact(
                f"outcomes_{task.lower()}", Outcomes, done.counts, meta={"measure": "ratio" if ratio else "mean"}
            )
    for task, done in control.items():
        job.result(f"{ERRORS[task]}_random", done.error)
    if own:
        job.result(
            "mean_log_error", float(np.mean([doing.floored(one.error, len(one.counts)) for one in own.values()]))
        )
    if control:
        job.result("tasks_better", float(sum(own[task].error < control[task].error for task in control)))


def _save(course: Course) -> None:
    """The network of each task that was learned from this run's start, with what apply needs to know."""
    job, params, data = course.job, course.params, course.data
    kept = [task for task in course.tasks if course.weights(params.start, task).is_file()]
    if not kept:
        return
    job.phase("saving the model")
    folder = job.model_folder()
    for task in kept:
        put(folder / f"{task.lower()}.safetensors", load_file(course.weights(params.start, task)))
    voices = {one.voices[-1]: one.vector.tolist() for task in kept for one in data.tasks[task].train[:64]
              if one.vector is not None}  # fmt: skip
    vectors.save(vectors.teller(params), folder)
    job.write_card(
        task="speech and text", tasks=kept, shape=dataclasses.asdict(course.shape), mean=data.scale.mean.tolist(),
        deviation=data.scale.deviation.tolist(), speakers=list(data.told_apart), voices=voices,
        decoding={name: getattr(params, name) for name in ("beam", "ctc_weight", "stop_threshold", "length_ratio")},
    )  # fmt: skip


def _clear(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
