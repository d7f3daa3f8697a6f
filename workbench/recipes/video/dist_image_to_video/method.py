"""The course of a run: clips, training, the test, what a step costs, saving."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from workbench.core.job import Job
from workbench.core.params import values_of
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.training import fit
from workbench.engine.video import costs, imagelanguage
from workbench.engine.video.costs import Cost

from . import show
from .data import SHAPE, Data, Part, load
from .networks import GRADIENT, Recogniser
from .objective import TOGETHER, Naming, prepared
from .recipe import ADAPTER, ARMS, DIST, FULL, STILLS, DistImageToVideo
from .stills import classifier

WATCHED = 6
"""Validation clips whose attention is shown while training goes on."""
ALLOWED = 0.05
WEIGHTS, ENCODER = "recogniser.safetensors", "encoder"


@dataclasses.dataclass(frozen=True)
class Said:
    """What a network says of clips: each task's probabilities (N, classes); where it looked (N, T, h, w), if told."""

    scores: Mapping[str, NDArray[np.float32]]
    attention: NDArray[np.float32] | None

    def right(self, part: Part) -> dict[str, NDArray[np.bool_]]:
        """For each task, which clips are named right; under 'joint' which are in all tasks."""
        found = {name: self.scores[name].argmax(1) == truth for name, truth in part.labels.items()}
        return {**found, "joint": np.logical_and.reduce(list(found.values()))}


def settled(job: Job, params: DistImageToVideo) -> DistImageToVideo:
    """The knobs with the encoder's folder in them: a still classifier is made first, where it is asked for."""
    if params.encoder == STILLS:
        return params.replace(backbone=str(classifier(job, params.stills)))
    return params


def made(params: DistImageToVideo, tasks: Mapping[str, Sequence[str]], seed: int) -> Recogniser:
    """A network as every run of a seed starts; class names go through the frozen text encoder."""
    seer = imagelanguage.load(params.backbone)
    with torch.no_grad():
        texts = {name: seer.text(list(classes)) for name, classes in tasks.items()}
    rng.seed(seed)
    return Recogniser(seer, texts, params)


@torch.no_grad()
def said(model: Recogniser, frames: NDArray[np.uint8], place: Place) -> Said:
    """Name clips (N, F, H, W, 3)."""
    model.eval()
    scores: dict[str, list[Tensor]] = {}
    looks: list[Tensor] = []
    for at in range(0, len(frames), TOGETHER):
        with place.autocast():
            logits, attention = model(prepared(model, torch.from_numpy(frames[at : at + TOGETHER])))
        for name, one in logits.items():
            scores.setdefault(name, []).append(one.float().softmax(1).cpu())
        if attention is not None:
            looks.append(attention.float().cpu())
    told = {name: torch.cat(rows).numpy() for name, rows in scores.items()}
    return Said(told, torch.cat(looks).numpy() if looks else None)


def shuffled(frames: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The frames of each clip in an order of its own, never the true one (of two frames or more)."""
    chance = np.random.default_rng([seed, 0x5F])
    found = frames.copy()
    count = frames.shape[1]
    for at in range(len(frames)):
        order = chance.permutation(count)
        while count > 1 and np.array_equal(order, np.arange(count)):
            order = chance.permutation(count)
        found[at] = frames[at, order]
    return found


def train(job: Job, params: DistImageToVideo) -> None:
    """Load, train, test, weigh, save: the whole course of a run."""
    place = place_of(job)
    params = settled(job, params)
    edge = imagelanguage.load(params.backbone).image_px
    data = load(job, params, edge)
    model = made(params, data.tasks, job.seed)
    model.to(place.device)
    learning = sum(one.numel() for one in model.parameters() if one.requires_grad)
    frozen = sum(one.numel() for one in model.seer.vision.parameters() if not one.requires_grad)
    classes = "; ".join(f"{name}: {len(names)}" for name, names in data.tasks.items())
    job.log(f"{len(data.train)} clips to learn from, {len(data.validation)} to choose, {len(data.test)} to test; "
            f"classes of {classes}. {spaced(learning)} numbers learn, "
            f"{spaced(frozen)} of the encoder do not.")  # fmt: skip
    job.phase("looking at the clips")
    objective = Naming(model, data.train, data.tasks, params, keep=params.keep_features)

    def evaluate(step: int) -> float:
        found = said(model, data.validation.frames, place)
        for name, right in found.right(data.validation).items():
            if name != "joint" or len(data.tasks) > 1:
                job.metric("accuracy", float(right.mean()), series=f"{name}, validation", step=step)
        with job.preview("clips and where the network looks") as granted:
            if granted:
                show.clips(job, data.validation, data.tasks, found, params, most=WATCHED, title="Validation clips")
        return float(found.right(data.validation)["joint"].mean())

    fit(job, objective, params, place=place, evaluate=evaluate)
    test(job, model, data, params, place)
    weigh(job, data, params, place)
    if params.keep_model:
        save(job, model, data, params)


def test(job: Job, model: Recogniser, data: Data, params: DistImageToVideo, place: Place) -> None:
    """Name the test clips, also with their frames shuffled; numbers, mistakes, clips, what claims resample."""
    job.phase("testing")
    found = said(model, data.test.frames, place)
    right = found.right(data.test)
    for name, one in right.items():
        job.result(f"{name}_accuracy", float(one.mean()))
        show.outcomes(job, f"outcomes_{name}", one)
    if SHAPE in right:
        # "No more than 5 points worse" as a margin above zero: DiST is given these points.
        ahead = right[SHAPE] + np.float32(ALLOWED if params.arm == DIST else 0)
        job.result("shape_accuracy_5_ahead", float(ahead.mean()))
        show.outcomes(job, "outcomes_shape_5_ahead", ahead)
    mixed: dict[str, float] = {}
    if params.shuffle:
        without = said(model, shuffled(data.test.frames, job.seed), place).right(data.test)
        mixed = {name: float(one.mean()) for name, one in without.items()}
        for name, value in mixed.items():
            job.result(f"{name}_accuracy_shuffled", value)
    show.accuracies(job, data, right, mixed)
    show.confusions(job, data, found)
    show.predictions(job, data, found)
    show.clips(job, data.test, data.tasks, found, params)


# What a step costs --------------------------------------------------------------------------


def weigh(job: Job, data: Data, params: DistImageToVideo, place: Place) -> None:
    """Measure a training step of this method, of full fine-tuning and, where asked, of all the others.

    Each is built anew and learns the same batch, features computed on the fly: nothing is cached for anyone.
    """
    job.phase("measuring what a step costs")
    arms = [one for one in ARMS if params.compare or one in (params.arm, ADAPTER, FULL)]
    found: dict[str, Cost] = {}
    for at, arm in enumerate(arms):
        job.progress(at, len(arms))
        found[arm] = cost_of(params.replace(arm=arm), data, place, job.seed)
    own, full, adapter = found[params.arm], found[FULL], found[ADAPTER]
    job.result("step_seconds", own.seconds)
    job.result("peak_megabytes", own.peak_bytes / 1e6)
    job.result("learning_parameters", float(own.learning))
    for name, other in (("full", full), ("adapter", adapter)):
        job.result(f"seconds_share_of_{name}", own.seconds / other.seconds)
        job.result(f"memory_share_of_{name}", own.peak_bytes / other.peak_bytes)
    show.costs(job, found, place, batch=min(params.batch, len(data.train)))


def cost_of(params: DistImageToVideo, data: Data, place: Place, seed: int) -> Cost:
    """A training step of a fresh network on the first clips, batches as they come from the disk."""
    model = made(params, data.tasks, seed).to(place.device)
    objective = Naming(model, data.train, data.tasks, params)
    optimizer = torch.optim.AdamW(objective.parameter_groups(), fused=place.device.type != "mps")
    for one in model.modules():
        one.train(any(part.requires_grad for part in one.parameters()))
    batch = objective.collate(list(range(min(params.batch, len(data.train)))))

    def step() -> None:
        with place.autocast():
            loss = objective.loss(batch) / len(batch["frames"])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return costs.measure(step, models=[model.seer.vision, model.new], optimizer=optimizer, place=place)


# Saving -------------------------------------------------------------------------------------


def save(job: Job, model: Recogniser, data: Data, params: DistImageToVideo) -> None:
    """Only what was learned, and a card that names the encoder it stands on."""
    job.phase("saving the model")
    tensors = {name: one.detach().cpu().contiguous() for name, one in model.saved().items()}
    save_file(tensors, job.model_folder() / WEIGHTS)
    if params.encoder == STILLS:
        imagelanguage.save(model.seer, job.model_folder() / ENCODER)  # not a backbone that anyone could choose
    facts: dict[str, Any] = {
        "tasks": {name: list(classes) for name, classes in data.tasks.items()}, "knobs": values_of(params),
        "frames": params.frames, "edge": model.seer.image_px, "dim": model.seer.dim,
        "gradient_in_encoder": params.arm in GRADIENT, "attention": params.arm == DIST,
    }  # fmt: skip
    job.write_card(task="video recogniser", **facts)
