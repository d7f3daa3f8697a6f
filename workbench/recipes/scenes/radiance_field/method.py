"""The course of a run: photographs, steps with held-out scores, what is taken away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.core.job import Job, JobCancelled
from workbench.core.params import values_of
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.words import spaced
from workbench.engine import checkpoints, rng
from workbench.engine.devices import Place, place_of
from workbench.engine.scenes import fields
from workbench.engine.scenes.fieldlive import LiveView
from workbench.engine.scenes.fields import Field, FieldFacts
from workbench.engine.scenes.fieldtraining import Background, Learner, Learning, Seen, mean_scores, seen
from workbench.engine.scenes.fieldviews import Photographs, shifted

from . import show
from .data import load
from .recipe import HASH, RadianceField

TOLD_EVERY = 20
"""Steps that one point of the training curve is the mean of."""
WATCHED = 2
"""Held-out photographs compared while training goes on."""
CHECKPOINT_SHARE = 0.05


def learning_of(params: RadianceField, seed: int) -> Learning:
    """How the knobs say to learn; before chance colours the entropy of backgrounds says nothing, and is left out."""
    background: Background = "random" if params.background == "auto" else params.background
    return Learning(
        steps=params.steps, rays=params.rays, samples=params.samples, background=background, rate=params.rate,
        start_side=params.start_side, grow_at=params.grow_at, side=params.side, roughness_density=params.roughness,
        roughness_colour=params.roughness / 10, entropy=0.0 if background == "random" else params.entropy,
        spread=params.spread, calm=params.calm, skip_from=params.skip_from if params.skip else 1.0,
        exposure=params.exposure, room=params.room, cells=128 if params.room else 40 if params.field == HASH else 64,
        goes_on=bool(params.continue_from), seed=seed,
    )  # fmt: skip


def made(params: RadianceField, taken: Photographs, seed: int) -> Field:
    """A new field, or the one that is gone on with; raises InputError where that does not fit."""
    if params.continue_from:
        return _before(params, taken)
    rng.seed(seed)
    return fields.made(FieldFacts(
        params.field, taken.low, taken.high, side=min(params.start_side, params.side), levels=params.levels,
        view_dependent=params.view_dependent, table_log2=params.table_log2, finest=params.finest, width=params.width,
        depth=params.depth, octaves=params.octaves, origin=taken.origin,
    ))  # fmt: skip


def _before(params: RadianceField, taken: Photographs) -> Field:
    folder = Path(params.continue_from).expanduser()
    try:
        field = fields.load(folder / "model" if (folder / "run.json").exists() else folder)
    except KnownTrouble as trouble:
        raise InputError(
            "There is no field to continue from.", expected="the model folder of a run of this recipe",
            received=trouble.received, fix="Choose another folder, or leave it empty.", field="continue_from",
            place=str(folder),
        ) from None  # fmt: skip
    facts = field.facts
    near = 1e-3 * field.longest
    own, other = (*facts.low, *facts.high, *facts.origin), (*taken.low, *taken.high, *taken.origin)
    fits = facts.kind == params.field and all(abs(a - b) <= near for a, b in zip(own, other, strict=True))
    if not fits:
        raise InputError(
            "The earlier field does not fit these photographs.",
            expected=f"a {params.field} field in the box {_box(taken)}",
            received=f"a {facts.kind} field in the box {_box(facts)}",
            fix="Choose the photographs and the kind of field that it was learned with.", field="continue_from",
            place=str(folder),
        )  # fmt: skip
    return field


def _box(one: Photographs | FieldFacts) -> str:
    return " to ".join(str(tuple(round(float(value), 4) for value in np.add(corner, one.origin)))
                       for corner in (one.low, one.high))  # fmt: skip


def train(job: Job, params: RadianceField) -> None:
    """Read, learn, test, take away: the whole course of a run."""
    place = place_of(job)
    taken, doc = load(job, params)
    field = made(params, taken, job.seed)
    learner = Learner(field, taken, learning_of(params, job.seed), place.device, half=place.dtype_name == "bf16")
    count = sum(one.numel() for one in field.parameters())
    job.log(f"A {params.field} field of {spaced(count)} numbers in a box of {_sides(taken)} on {place.name}.")
    spent = _Course(job, learner, params, place).run()
    scores = _test(job, learner, spent)
    show.held_out(job, learner, scores[:1], "A held-out photograph")
    show.take_away(job, learner, params, doc)
    if params.keep_model:
        save(job, learner, params)


def _sides(taken: Photographs) -> str:
    return " × ".join(f"{b - a:.3g}" for a, b in zip(taken.low, taken.high, strict=True))


class _Course:
    """Steps until the end, with scores, views and checkpoints in between; going on equals not having stopped."""

    def __init__(self, job: Job, learner: Learner, params: RadianceField, place: Place) -> None:
        self.job, self.learner, self.place = job, learner, place
        self.total = params.steps
        self.looks = {max(1, round(self.total * k / params.evaluations)) for k in range(1, params.evaluations + 1)}
        self.view = LiveView(job, learner, "view")
        self.sum, self.count, self.seconds = torch.zeros((), device=place.device), 0, 0.0
        self.may_save_at = 0.0

    def run(self) -> float:
        """The seconds that steps took."""
        self.resume()
        show.frame(self.job, self.learner, show.first_view(self.learner))  # something to look around from
        self.job.step(self.learner.done)
        self.job.phase("training", self.total)
        try:
            while self.learner.done < self.total:
                self.advance()
                going = self.job.step(self.learner.done)
                if self.learner.done in self.looks:
                    self.look()
                self.view.tick()
                if not going:
                    break
                if self.job.checkpoint_due() and time.monotonic() >= self.may_save_at:
                    self.save()
        except JobCancelled:
            self.save()
            raise
        return self.seconds

    def advance(self) -> None:
        """One step, and its part of the training curve."""
        began = time.perf_counter()
        self.sum += self.learner.step()
        self.count += 1
        if self.learner.done % TOLD_EVERY == 0 or self.learner.done == self.total:
            self.tell()
        self.seconds += time.perf_counter() - began

    def tell(self) -> None:
        """The mean error since last time as PSNR; raises KnownTrouble when it is not a number."""
        error = float(self.sum) / max(self.count, 1)
        self.sum, self.count = torch.zeros((), device=self.place.device), 0
        if not math.isfinite(error):
            raise KnownTrouble(
                f"The colours stopped being numbers at step {self.learner.done}.", expected="a finite error",
                received=str(error), fix="Lower the step size.",
            )  # fmt: skip
        self.job.metric("psnr", -10 * math.log10(max(error, 1e-10)), series="train")

    def look(self) -> None:
        """Compare some held-out photographs and show the first."""
        some = self.learner.taken.held_out[:WATCHED]
        if not some:
            return
        found = [looked(self.learner, one) for one in some]
        psnr, ssim = mean_scores(found)
        self.job.metric("psnr", psnr, series="held out")
        self.job.metric("ssim", ssim, series="held out")
        with self.job.preview("held-out photograph") as granted:
            if granted:
                show.held_out(self.job, self.learner, found[:1], "A held-out photograph")

    def save(self) -> None:
        """All that going on needs."""
        began = time.monotonic()
        tree = {"learner": self.learner.state(), "sum": self.sum, "count": self.count, "seconds": self.seconds}
        self.job.save_checkpoint(self.learner.done, lambda folder: checkpoints.write(folder, tree))
        self.may_save_at = time.monotonic() + (time.monotonic() - began) / CHECKPOINT_SHARE

    def resume(self) -> None:
        """Take up the checkpoint, if there is one."""
        folder = self.job.checkpoint()
        if folder is None:
            return
        tree = checkpoints.read(folder)
        self.learner.load_state(tree["learner"])
        self.sum, self.count, self.seconds = tree["sum"].to(self.place.device), tree["count"], tree["seconds"]
        self.job.log(f"Resumed at step {self.learner.done} of {self.total}.")


def looked(learner: Learner, one: Any, told: Callable[[], object] = lambda: None) -> Seen:
    """A photograph beside what the field shows from there."""
    return seen(learner.shown, one, learner.learning.samples, learner.backdrop(), occupancy=learner.empty,
                last_colour=learner.learning.background == "last colour", told=told)  # fmt: skip


def _test(job: Job, learner: Learner, seconds: float) -> list[Seen]:
    """Compare all held-out photographs (those that were learned, where none is held out)."""
    job.phase("testing")
    some = learner.taken.held_out or learner.taken.learned
    if not learner.taken.held_out:
        job.log("No photograph is held out: the scores are of those that were learned.", "warning")
    found = []
    for at, one in enumerate(some):
        job.progress(at, len(some))
        found.append(looked(learner, one))
    psnr, ssim = mean_scores(found)
    job.result("psnr", psnr)
    job.result("ssim", ssim)
    job.result("train_seconds", seconds)
    job.metric("ssim", ssim, series="held out, all", step=learner.done)
    show.outcomes(job, np.array([one.psnr for one in found]))
    return found


def save(job: Job, learner: Learner, params: RadianceField) -> None:
    """The field, smoothed where it is a hash grid, and a card."""
    job.phase("saving the field")
    fields.save(learner.shown, job.model_folder())
    first = (learner.taken.held_out or learner.taken.learned)[0]
    job.write_card(
        task="radiance field", knobs=values_of(params), steps=learner.done, samples=params.samples,
        **dict(zip(("low", "high"), show.box_of(learner.taken), strict=True)),
        pose=shifted(first.pose, learner.taken.origin),
        lens=[first.lens.width, first.lens.height, first.lens.fx, first.lens.fy, first.lens.cx, first.lens.cy],
    )  # fmt: skip
