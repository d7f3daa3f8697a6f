"""The one training loop. A recipe brings an objective (its model and its loss); fit does the rest.

One step: order → collate → for each micro-batch (loss ÷ the batch's total weight → backward) →
clip → AdamW → job.step. Around it: mixed precision and several GPUs (parallel.py), forecast,
evaluation, best weights, early stopping, checkpoints, and smaller micro-batches when memory runs out.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from workbench.core.job import Job, JobCancelled
from workbench.core.mixins import Training
from workbench.core.problem import KnownTrouble
from workbench.core.words import duration, size
from workbench.engine import checkpoints, rng
from workbench.engine.batches import Order, schedule
from workbench.engine.devices import Place, is_out_of_memory
from workbench.engine.objective import Objective, check, groups, is_frozen
from workbench.engine.parallel import Parallel

__all__ = ["FitResult", "Objective", "fit"]

TELL_S = 0.1
"""On a GPU, losses are read at most this often: reading one waits for the device."""
CHECKPOINT_SHARE = 0.05
"""Checkpoints take at most this share of the time, however large the model."""


@dataclasses.dataclass(frozen=True)
class FitResult:
    """How a fit ended; the model holds the weights of `best_step` and is in eval mode.

    Without an evaluate function best_step is the last step and best_value is None.
    """

    best_step: int
    best_value: float | None
    steps: int
    stopped: Literal["", "patience", "kept"]


def fit(
    job: Job,
    objective: Objective,
    params: Training,
    *,
    place: Place,
    evaluate: Callable[[int], float] | None = None,
    better: Literal["high", "low"] = "high",
) -> FitResult:
    """Train objective.model and leave its best weights in it; continues from the job's checkpoint.

    `evaluate(step)` writes its own metrics and returns the value that picks the best weights; its
    use of chance leaves the run untouched. Raises JobCancelled when a person cancels and
    KnownTrouble when the loss stops being a number or a single example does not fit into memory.
    """
    return _Fit(job, objective, params, place=place, evaluate=evaluate, better=better).run()


class _Fit:
    """One call of fit. What must survive a restart is in `save`, and nothing else is."""

    def __init__(
        self,
        job: Job,
        objective: Objective,
        params: Training,
        *,
        place: Place,
        evaluate: Callable[[int], float] | None,
        better: Literal["high", "low"],
    ) -> None:
        check(objective)
        self.job, self.objective, self.params, self.place = job, objective, params, place
        self.evaluate, self.sign = evaluate, 1.0 if better == "high" else -1.0
        self.model = objective.model.to(place.device)
        self.parallel = Parallel(self.model, objective.loss, place)
        rng.seed(job.seed + self.parallel.rank)
        self.optimizer = torch.optim.AdamW(groups(objective, params), fused=place.device.type != "mps")
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.frozen = [one for one in self.model.modules() if is_frozen(one)]
        lengths = getattr(objective, "lengths", None)
        self.order = Order(objective.examples, params.batch, job.seed, lengths=lengths)
        self.total, looks = params.max_steps or params.epochs * self.order.per_epoch, params.evaluations
        self.evaluate_at = {max(1, round(self.total * k / looks)) for k in range(1, looks + 1)}
        self.micro = min(params.micro_batch or params.batch, params.batch)
        self.step, self.evaluated, self.waited = 0, -1, 0
        self.best_step, self.best_value = -1, math.nan
        self.best: dict[str, Tensor] | None = None
        self.stopped: Literal["", "patience", "kept"] = ""
        self.untold: list[tuple[int, Tensor, float]] = []
        self.told_at = self.may_save_at = time.monotonic()
        self.done_here = 0

    def run(self) -> FitResult:
        """Steps until the end, the last evaluation, the best weights."""
        self.resume()
        self.job.step(self.step)
        self.job.phase("training", self.total)
        if self.step in self.evaluate_at:
            self.look()
        self.train_mode()
        try:
            while not self.stopped and self.step < self.total:
                self.advance()
                going, save = self.parallel.agree(self.job.step(self.step), self.checkpoint_due())
                if not going:
                    self.stopped = "kept"
                elif self.step in self.evaluate_at:
                    self.look()
                if save:
                    self.save()
        except JobCancelled:
            self.save()
            raise
        self.look()
        self.tell()
        if self.best is not None:
            checkpoints.copy_into(checkpoints.learned(self.model), self.best)
        self.model.eval()
        step = self.step if self.best is None else self.best_step
        return FitResult(step, None if math.isnan(self.best_value) else self.best_value, self.step, self.stopped)

    def advance(self) -> None:
        """One optimizer step on one effective batch."""
        began = self.measure_from()
        factor = schedule(self.step, self.total, self.params.warmup)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        if progress := getattr(self.objective, "progress", None):
            progress(self.step / self.total)
        indices = self.order.batch(self.step)
        while (loss := self.try_gradients(indices)) is None:
            self.halve()
        loss = self.parallel.sum_gradients(loss)
        if self.params.clip > 0:
            self.parallel.clip(self.params.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.done_here += 1
        self.untold.append((self.step, loss, max(self.peaks) * factor))
        if not self.place.is_cuda or time.monotonic() - self.told_at >= TELL_S:
            self.tell()
        self.forecast(began)

    def try_gradients(self, indices: Sequence[int]) -> Tensor | None:
        """This process's part of the mean loss, gradients in place; None when memory ran out anywhere."""
        mean = None
        try:
            mean = self.gradients(indices)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        return mean if self.parallel.total(mean is None) == 0 else None

    def gradients(self, indices: Sequence[int]) -> Tensor:
        """Backward through all micro-batches; each weighs what it adds to the effective batch."""
        mine = self.parallel.share(indices)
        batches = [self.objective.collate(mine[at : at + self.micro]) for at in range(0, len(mine), self.micro)]
        total = self.parallel.total(sum(self.objective.weight(batch) for batch in batches))
        mean = torch.zeros((), device=self.place.device)
        for batch in batches:
            mean += self.parallel.backward(batch, total or 1.0)
        return mean

    def halve(self) -> None:
        """Half the examples in memory at once, the same effective batch; raises KnownTrouble at one."""
        self.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        self.place.free_cache()
        if self.micro <= 1:
            raise KnownTrouble(
                "Not even one example fits into memory.",
                expected=f"a model and an input that fit into {size(self.place.memory_bytes)}",
                received=f"out of memory on {self.place.name} with a micro-batch of one",
                fix="Shorten the longest input, take a smaller backbone, or learn less of it (lora, last layers).",
            )
        self.micro = (self.micro + 1) // 2
        self.job.log(
            f"Out of memory: going on with {self.micro} examples at once; "
            f"the effective batch of {self.params.batch} stays the same.",
            "warning",
        )

    def look(self) -> None:
        """Evaluate at this step, unless done; keep the weights when they are the best so far."""
        if self.evaluate is None or self.evaluated == self.step:
            return
        self.tell()
        with rng.aside():
            (value,) = self.parallel.agree(self.evaluate(self.step))
        self.evaluated = self.step
        self.train_mode()
        if not math.isnan(value) and (self.best is None or (value - self.best_value) * self.sign > 0):
            self.best_step, self.best_value, self.waited = self.step, value, 0
            self.best = {name: one.to("cpu", copy=True) for name, one in checkpoints.learned(self.model).items()}
        else:
            self.waited += 1
            self.check_patience()

    def check_patience(self) -> None:
        """Stop early after as many evaluations without a better one as the person allows."""
        if self.params.patience and self.waited >= self.params.patience and not self.stopped:
            self.stopped = "patience"
            self.job.log(f"Stopped early: no better evaluation since step {max(self.best_step, 0)}.")

    def tell(self) -> None:
        """Write the losses since last time; raises KnownTrouble when one is not a number."""
        self.told_at = time.monotonic()
        untold, self.untold = self.untold, []
        values = torch.stack([loss for _, loss, _ in untold]).tolist() if untold else []
        for (step, _, rate), value in zip(untold, values, strict=True):
            self.job.metric("loss", value, series="train", step=step)
            self.job.metric("learning_rate", rate, step=step)
            if not math.isfinite(value):
                raise KnownTrouble(
                    f"The loss stopped being a number at step {step}.",
                    expected="a finite loss",
                    received=str(value),
                    fix="Lower the learning rate, lengthen the warmup, or set the precision to fp32.",
                )

    def measure_from(self) -> float:
        """The clock, with the device idle where this step is the one that is measured."""
        if self.done_here == 1:
            self.place.synchronize()
        return time.monotonic()

    def forecast(self, began: float) -> None:
        """After the second step here (the first one warms up): how long, and how much memory."""
        if self.done_here != 2:
            return
        self.place.synchronize()
        left = duration((time.monotonic() - began) * (self.total - self.step))
        self.job.log(f"Forecast {left}, {size(self.place.peak_bytes())} (one measured step).")

    def train_mode(self) -> None:
        """Training mode, but parts without anything to learn stay as at inference (no dropout)."""
        self.model.train()
        for module in self.frozen:
            module.eval()

    def checkpoint_due(self) -> bool:
        """Whether it is time to save, within the share of time that saving may take."""
        return self.job.checkpoint_due() and time.monotonic() >= self.may_save_at

    def save(self) -> None:
        """Write all that resume needs to go on as if nothing had happened."""
        self.tell()
        if self.parallel.rank > 0:
            return
        began = time.monotonic()
        state = getattr(self.objective, "state", None)
        tree = {
            "counters": [self.step, self.evaluated, self.waited, self.best_step, self.micro],
            "best_value": None if math.isnan(self.best_value) else self.best_value,
            "best": self.best,
            "learned": checkpoints.learned(self.model),
            "optimizer": self.optimizer.state_dict(),
            "rng": rng.snapshot(),
            "objective": state() if state else None,
        }
        self.job.save_checkpoint(self.step, lambda folder: checkpoints.write(folder, tree))
        self.may_save_at = time.monotonic() + (time.monotonic() - began) / CHECKPOINT_SHARE

    def resume(self) -> None:
        """Take up the job's checkpoint, if there is one."""
        folder = self.job.checkpoint()
        if folder is None:
            return
        tree = checkpoints.read(folder)
        self.step, self.evaluated, self.waited, self.best_step, self.micro = tree["counters"]
        self.best_value = math.nan if tree["best_value"] is None else tree["best_value"]
        self.best = tree["best"]
        checkpoints.copy_into(checkpoints.learned(self.model), tree["learned"])
        self.optimizer.load_state_dict(tree["optimizer"])
        if load_state := getattr(self.objective, "load_state", None):
            load_state(tree["objective"])
        if self.parallel.rank == 0:
            rng.restore(tree["rng"])
        else:
            rng.seed(self.job.seed + self.parallel.rank + self.step * self.parallel.world)
        self.job.log(f"Resumed at step {self.step} of {self.total}.")
        self.check_patience()
