"""The course of a run: pretraining by masking, then each task from few labelled grids, the test, what is kept."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.scenes.publishedmae import LICENCE
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import going_on, show
from .data import Grids, load
from .networks import MaskedAutoencoder, make_backbone, state_for
from .pretraining import pretrain, restored
from .recipe import BOXES, LABELS, NONE, SHIPPED, SUPER, UNET, NerfMae, tasks_of
from .tasks import Finding, Learning, Naming, task_of

PRETRAINED = "pretrained.safetensors"


def train(job: Job, params: NerfMae) -> None:
    """Load, pretrain, learn the tasks at each rate, test, save: the whole course of a run."""
    place = place_of(job)
    if params.network == UNET and (params.pretrain != NONE or params.continue_from or params.weights):
        raise InputError("A plain U-Net is not pretrained here.", expected="pretraining 'none' for 'conv U-Net'",
                         received=params.pretrain, fix="Set pretraining to none, or take the Swin.",
                         field="network")  # fmt: skip
    if params.weights and params.pretrain == SHIPPED:
        raise InputError(
            "A network begins with published weights or with the shipped ones.", expected="one of them",
            received="both", fix="Empty the path, or choose another pretraining.", field="weights",
        )  # fmt: skip
    make_backbone(params)
    before = going_on.read(params)
    job.phase("making grids ready")
    grids = load(job, params, before)
    job.log(f"{len(grids.unlabelled)} grids without labels; {len(grids.labelled)} to learn from, "
            f"{len(grids.validation)} to choose by, {len(grids.test)} to test on.")  # fmt: skip
    if params.weights:
        job.log(LICENCE, "warning")
    stages, folder = Stages(job), job.folder / "weights"
    folder.mkdir(exist_ok=True)
    state = _pretrained(job, stages, folder, before, grids=grids, params=params, place=place)
    learned = []
    for name in tasks_of(params):
        if _kept(job):
            break
        _check(name, grids)
        _learn(job, stages, folder, name, state, grids=grids, params=params, place=place)
        learned.append(name)
    for name, value in stages.known.items():
        job.result(name, value)
    _tell_early(job, folder, learned)
    said = {name: _test(job, folder, name, grids=grids, params=params, place=place) for name in learned}
    if any(said.values()):
        show.answers(job, grids.test[: show.SHOWN_GRIDS], names=grids.names, labels=said.get(LABELS) or (),
                     scenes=said.get(BOXES) or (), finer=said.get(SUPER) or ())  # fmt: skip
    if params.keep_model:
        _save(job, folder, state, learned=learned, grids=grids, params=params)
    for file in folder.iterdir():
        file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _kept(job: Job) -> bool:
    """Whether a person asked to end here and keep what there is."""
    return bool(getattr(job, "kept_early", False))


def _check(name: str, grids: Grids) -> None:
    """Raise InputError where the labelled grids do not have what a task learns."""
    what = {LABELS: "labels", BOXES: "boxes", SUPER: "finer"}[name]
    lacking = [one.name for part in (grids.labelled, grids.validation, grids.test) for one in part
               if getattr(one, what) is None]  # fmt: skip
    boxes = sum(len(one.boxes) for one in grids.labelled if one.boxes is not None) if name == BOXES else 1
    if lacking or not boxes:
        raise InputError(
            f"These grids cannot teach the task '{name}'.", expected=f"{what} for every labelled grid",
            received=f"none for {len(lacking)} of them, such as {lacking[0]}" if lacking else "not a single box",
            fix="Choose another task, or put them beside the grids.", field="scenes",
        )  # fmt: skip


# Pretraining ------------------------------------------------------------------------------------


def _pretrained(job: Job, stages: Stages, folder: Path, before: dict[str, Tensor] | None, *, grids: Grids,
                params: NerfMae, place: Place) -> dict[str, Tensor]:  # fmt: skip
    """The weights that tasks begin with; none where they begin with random ones."""
    if before is not None:
        job.log(f"The pretrained network of {params.continue_from or 'the program'} is taken; it stays as it is.")
        if job.checkpoint() is None:
            restored(job, before, grids.validation, params, place)
        return before
    if params.pretrain == NONE:
        return MaskedAutoencoder(params).state_dict() if params.weights else {}
    path = folder / PRETRAINED
    stage = stages.begin("pretraining", curves={})
    if stage is not None:
        model, error = pretrain(stage, grids.unlabelled, grids.validation, params, place)
        put(path, model.state_dict())
        stages.end(stage, **({} if math.isnan(error) else {"held_out_error": error}))
    return load_file(path)


# The tasks --------------------------------------------------------------------------------------


def build(name: str, state: dict[str, Tensor], grids: Grids, params: NerfMae) -> tuple[Any, nn.Module]:
    """A task and its network, begun from pretrained weights where there are some."""
    task = task_of(name, params, grids.labelled, classes=len(grids.names))
    backbone = make_backbone(params)
    if state:
        state_for(backbone, state, decoder=params.transfer != "encoder")
    return task, task.make(backbone)


def _learn(job: Job, stages: Stages, folder: Path, name: str, state: dict[str, Tensor], *, grids: Grids,
           params: NerfMae, place: Place) -> None:  # fmt: skip
    """Train a task at every rate; the weights of the better one stay in the folder."""
    first_rate = (params.box_rate if name == BOXES else 0.0) or params.fine_rate
    for rate in (first_rate, *([params.second_rate] if params.second_rate else [])):
        title = f"{name}, rate {rate:g}"
        stage = stages.begin(title, curves={})
        if stage is None or _kept(job):
            continue
        first = folder / f"early-{name}.json" if rate == first_rate else None
        model, value = _fitted(stage, name, state, rate, grids=grids, params=params, place=place, first=first)
        known = stages.known
        best, chosen = (f"{what}_{name}".replace("-", "_") for what in ("validation", "rate"))
        if math.isnan(value):
            value = -math.inf
        if value > known.get(best, -math.inf) or chosen not in known:
            put(folder / f"{name}.safetensors", model.state_dict())
            known |= ({best: value} if math.isfinite(value) else {}) | {chosen: rate}
        stages.end(stage)


def _fitted(stage: Stage, name: str, state: dict[str, Tensor], rate: float, *, grids: Grids, params: NerfMae,
            place: Place, first: Path | None) -> tuple[nn.Module, float]:  # fmt: skip
    """A task's network at its best on validation grids, and how good that is; `first` receives its first value."""
    rng.seed(stage.seed)
    task, model = build(name, state, grids, params)
    model.to(place.device)
    if not place.is_cuda:  # channels beside each other: a step of naming voxels takes a fifth less time
        model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    fine = params.replace(max_steps=params.fine_steps, batch=params.fine_batch, learning_rate=rate)
    early = max(1, round(params.fine_steps / params.evaluations))

    def evaluate(step: int) -> float:
        value = float(task.value(task.asked(model, grids.validation, place), grids.validation))
        if not math.isnan(value):
            stage.metric(task.metric, value, series="validation", step=step)
        if first is not None and step == early:
            first.write_text(json.dumps(value))
        return value

    result = fit(stage, Learning(task, model, grids.labelled, fine, seed=stage.seed), fine, place=place,
                 evaluate=evaluate)  # fmt: skip
    return model, math.nan if result.best_value is None else result.best_value


def _test(job: Job, folder: Path, name: str, *, grids: Grids, params: NerfMae, place: Place) -> Any:
    """Ask the chosen weights about the test grids; numbers, tables, pictures. Returns what they said, if anything."""
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        return None
    job.phase(f"testing: {name}")
    task, model = build(name, {}, grids, params)
    model.load_state_dict(load_file(path))
    model.to(place.device)
    said = task.asked(model, grids.test, place)
    if isinstance(task, Naming):
        show.named(job, task, said, grids.test, grids.names)
    elif isinstance(task, Finding):
        show.found(job, task, said, grids.test)
    else:
        show.refined(job, task, said, grids.test)
    return said


def _tell_early(job: Job, folder: Path, learned: list[str]) -> None:
    """How far each task was at its first evaluation, at the first rate: what pretraining saves in steps shows there."""
    for name in learned:
        path = folder / f"early-{name}.json"
        value = json.loads(path.read_text()) if path.is_file() else math.nan
        if not math.isnan(value):
            job.result(f"early_{name}".replace("-", "_"), value)


# What is kept -----------------------------------------------------------------------------------


def put(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
    scratch.replace(path)


def _save(job: Job, folder: Path, state: dict[str, Tensor], *, learned: list[str], grids: Grids,
          params: NerfMae) -> None:  # fmt: skip
    """The pretrained network, the tasks' networks, and the card."""
    job.phase("saving the model")
    model = job.model_folder()
    if state:
        put(model / PRETRAINED, state)
    kept = []
    for name in learned:
        if (folder / f"{name}.safetensors").is_file():
            put(model / f"{name}.safetensors", load_file(folder / f"{name}.safetensors"))
            kept.append(name)
    job.write_card(
        task="grids" if kept else "encoder", tasks=kept, names=list(grids.names), knobs=going_on.shape_of(params),
        licence=LICENCE if params.weights else "",
    )  # fmt: skip
