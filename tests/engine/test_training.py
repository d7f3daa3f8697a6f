from __future__ import annotations

import ast
import math
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workbench.core import events as ev
from workbench.core.job import JobCancelled
from workbench.core.mixins import Training
from workbench.core.problem import InputError, KnownTrouble
from workbench.engine import checkpoints, devices, training
from workbench.engine.training import fit
from workbench.store.runfolder import RunFolder
from workbench.worker.job import Control

CPU = devices.choose("cpu")


class Points:
    """Two classes of points in a plane; every third example counts double."""

    def __init__(self, *, dropout: float = 0.0, examples: int = 37, seed: int = 5) -> None:
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(2, 16), nn.Dropout(dropout), nn.Tanh(), nn.Linear(16, 2))
        self.x = torch.randn(examples, 2)
        self.y = (self.x.sum(1) > 0).long()
        self.w = torch.tensor([2.0 if place % 3 == 0 else 1.0 for place in range(examples)])
        self.examples = examples
        self.seen: list[list[int]] = []

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        self.seen.append(indices)
        return {"x": self.x[indices], "y": self.y[indices], "w": self.w[indices]}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return batch["w"].sum().item()

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        each = nn.functional.cross_entropy(self.model(batch["x"]), batch["y"], reduction="none")
        return (each * batch["w"]).sum()


class Hungry(Points):
    """Runs out of memory above a number of examples at once."""

    def __init__(self, most: int, error: BaseException) -> None:
        super().__init__()
        self.most, self.error = most, error

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        if len(batch["x"]) > self.most:
            raise self.error
        return super().loss(batch)


def knobs(**changes: Any) -> Training:
    return Training(**({"epochs": 3, "batch": 8, "learning_rate": 0.01, "evaluations": 4} | changes))


def weights(model: nn.Module) -> Tensor:
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def losses(events: list[ev.AnyEvent]) -> dict[int, float | None]:
    """Loss by step; what a resume made void is overwritten by what was written after."""
    return {one.step: one.value for one in events if isinstance(one, ev.Metric) and one.name == "loss"}


def noisy_evaluation(objective: Points) -> Callable[[int], float]:
    """An evaluation that uses every source of chance and leaves the model in eval mode."""

    def evaluate(step: int) -> float:
        torch.rand(3), np.random.rand(3), random.random()
        objective.model.eval()
        with torch.no_grad():
            return (objective.model(objective.x).argmax(1) == objective.y).float().mean().item()

    return evaluate


def test_that_fit_gives_the_weights_of_a_bare_loop(make_job):
    objective, bare = Points(), Points()
    fit(make_job(seed=3), objective, knobs(warmup=0.0, clip=1.0), place=CPU)
    decay = [one for one in bare.model.parameters() if one.ndim > 1]
    plain = [one for one in bare.model.parameters() if one.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=0.01, fused=True
    )
    bare.model.train()
    for step, indices in enumerate(objective.seen):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (15 - step) / 15
        batch = bare.collate(indices)
        (bare.loss(batch) / bare.weight(batch)).backward()
        nn.utils.clip_grad_norm_(bare.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert len(objective.seen) == 15
    assert torch.equal(weights(objective.model), weights(bare.model))


def test_that_every_epoch_shows_every_example_once_in_another_order(make_job):
    objective = Points()
    fit(make_job(), objective, knobs(epochs=2), place=CPU)
    first, second = list(chain(*objective.seen[:5])), list(chain(*objective.seen[5:]))
    assert sorted(first) == sorted(second) == list(range(37))
    assert first != second


def test_that_the_same_seed_gives_the_same_weights_and_another_seed_others(make_job):
    results = []
    for seed in (1, 1, 2):
        objective = Points(dropout=0.2)
        random.seed(), np.random.seed(), torch.seed()
        fit(make_job(seed=seed), objective, knobs(), place=CPU)
        results.append(weights(objective.model))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("micro", [1, 3, 5])
def test_that_micro_batches_add_up_to_the_whole_batch(make_job, micro):
    whole, parts = Points(), Points()
    fit(make_job(), whole, knobs(), place=CPU)
    fit(make_job(), parts, knobs(micro_batch=micro), place=CPU)
    torch.testing.assert_close(weights(whole.model), weights(parts.model), rtol=1e-5, atol=1e-6)
    assert max(map(len, parts.seen)) == micro


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_that_running_out_of_memory_halves_the_micro_batch_and_changes_nothing_else(make_job, events_of, error):
    plain, hungry = Points(), Hungry(3, error)
    fit(make_job(), plain, knobs(), place=CPU)
    job = make_job()
    fit(job, hungry, knobs(), place=CPU)
    torch.testing.assert_close(weights(plain.model), weights(hungry.model), rtol=1e-5, atol=1e-6)
    warnings = [one.message for one in events_of(job) if isinstance(one, ev.Log) and one.level == "warning"]
    assert [text.split(":")[1].split(";")[0] for text in warnings] == [
        " going on with 4 examples at once",
        " going on with 2 examples at once",
    ]


def test_that_a_model_too_large_for_one_example_is_told_in_plain_words(make_job):
    with pytest.raises(KnownTrouble, match="Not even one example fits"):
        fit(make_job(), Hungry(0, MemoryError()), knobs(), place=CPU)


def test_that_other_faults_of_the_loss_pass_through(make_job):
    with pytest.raises(RuntimeError, match="shapes"):
        fit(make_job(), Hungry(3, RuntimeError("shapes do not match")), knobs(), place=CPU)


@pytest.mark.parametrize(("better", "best"), [("high", 8), ("low", 11)])
def test_that_the_best_weights_are_kept(make_job, better, best):
    objective, seen = Points(), {}
    values = {4: 0.5, 8: 0.9, 11: 0.1, 15: math.nan}

    def evaluate(step: int) -> float:
        seen[step] = weights(objective.model).clone()
        return values[step]

    result = fit(make_job(), objective, knobs(), place=CPU, evaluate=evaluate, better=better)
    assert list(seen) == list(values)
    assert (result.best_step, result.best_value, result.steps, result.stopped) == (best, values[best], 15, "")
    assert torch.equal(weights(objective.model), seen[best])
    assert not objective.model.training


def test_that_patience_ends_the_run_early(make_job):
    result = fit(
        make_job(), Points(), knobs(evaluations=15, patience=3), place=CPU, evaluate=lambda step: -abs(step - 4.0)
    )
    assert (result.best_step, result.steps, result.stopped) == (4, 7, "patience")


def test_that_stop_and_keep_ends_early_with_an_evaluated_model(make_job):
    control, objective, seen = Control(), Points(), []

    def collate(indices: list[int]) -> dict[str, Tensor]:
        seen.append(indices)
        if len(seen) == 3:
            control.keep.set()
        return Points.collate(objective, indices)

    objective.collate = collate
    result = fit(make_job(control=control), objective, knobs(), place=CPU, evaluate=float)
    assert (result.best_step, result.steps, result.stopped) == (3, 3, "kept")


@pytest.mark.parametrize("cancel_at", [1, 4, 5, 9, 14])
def test_that_a_cancelled_run_resumes_to_the_very_weights_and_curve_of_an_uninterrupted_one(
    make_job, events_of, cancel_at
):
    whole = Points(dropout=0.3)
    job = make_job()
    straight = fit(job, whole, knobs(), place=CPU, evaluate=noisy_evaluation(whole))
    curve = losses(events_of(job))

    control, first = Control(), Points(dropout=0.3)
    first.progress = lambda fraction: control.cancel.set() if round(fraction * 15) == cancel_at - 1 else None
    job = make_job(control=control)
    folder = RunFolder(job.folder)
    with pytest.raises(JobCancelled):
        fit(job, first, knobs(), place=CPU, evaluate=noisy_evaluation(first))
    job.writer.close()

    second = Points(dropout=0.3)
    torch.rand(100)
    again = make_job(folder)
    result = fit(again, second, knobs(), place=CPU, evaluate=noisy_evaluation(second))
    assert result == straight
    assert torch.equal(weights(second.model), weights(whole.model))
    assert losses(events_of(again)) == curve


@pytest.fixture
def save_every_step(monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)


def test_that_a_killed_run_resumes_from_its_last_checkpoint_to_the_same_end(make_job, save_every_step):
    whole = Points(dropout=0.3)
    fit(make_job(), whole, knobs(), place=CPU)

    class Killed(BaseException):
        pass

    class Dies(Points):
        def progress(self, fraction: float) -> None:
            if round(fraction * 15) == 11:
                raise Killed

    job = make_job(checkpoint_every=0.0)
    with pytest.raises(Killed):
        fit(job, Dies(dropout=0.3), knobs(), place=CPU)
    saved = job.checkpoint()
    assert saved is not None and saved.name == "step-00000011"
    job.writer.close()
    second = Points(dropout=0.3)
    fit(make_job(RunFolder(job.folder)), second, knobs(), place=CPU)
    assert torch.equal(weights(second.model), weights(whole.model))


def test_that_checkpoints_hold_no_pickle(make_job):
    job = make_job(checkpoint_every=0.0)
    fit(job, Points(), knobs(), place=CPU, evaluate=lambda step: 1.0)
    saved = job.checkpoint()
    assert saved is not None
    assert sorted(one.name for one in saved.iterdir()) == ["state.json", "state.safetensors"]


def test_that_a_checkpoint_of_another_model_is_refused(make_job):
    job = make_job(checkpoint_every=0.0)
    fit(job, Points(), knobs(), place=CPU)
    other = Points()
    other.model = nn.Linear(2, 2)
    with pytest.raises(KnownTrouble, match="another model"):
        fit(make_job(RunFolder(job.folder)), other, knobs(), place=CPU)


def test_that_the_objectives_own_state_survives_a_resume(make_job):
    class Counting(Points):
        count = 0

        def progress(self, fraction: float) -> None:
            self.count += 1
            if self.count == self.stop_at:
                control.cancel.set()

        def state(self) -> dict[str, Any]:
            return {"count": self.count, "mean": torch.tensor([self.count / 2])}

        def load_state(self, tree: dict[str, Any]) -> None:
            self.count, self.mean = tree["count"], tree["mean"]

    control = Control()
    first, second = Counting(), Counting()
    first.stop_at, second.stop_at = 6, 99
    job = make_job(control=control)
    with pytest.raises(JobCancelled):
        fit(job, first, knobs(), place=CPU)
    job.writer.close()
    fit(make_job(RunFolder(job.folder)), second, knobs(), place=CPU)
    assert (second.count, second.mean.item()) == (15, 3.0)


def test_that_a_run_waiting_out_its_patience_stays_ended_when_resumed(make_job, save_every_step):
    job = make_job(checkpoint_every=0.0)
    fit(job, Points(), knobs(evaluations=15, patience=2), place=CPU, evaluate=lambda step: -float(step))
    result = fit(
        make_job(RunFolder(job.folder)), Points(), knobs(evaluations=15, patience=2), place=CPU,
        evaluate=lambda step: pytest.fail("evaluated again"),
    )  # fmt: skip
    assert (result.best_step, result.steps, result.stopped) == (1, 3, "patience")


def test_that_every_step_tells_its_loss_and_rate(make_job, events_of):
    job = make_job()
    fit(job, Points(), knobs(warmup=0.2), place=CPU)
    metrics = [one for one in events_of(job) if isinstance(one, ev.Metric)]
    assert [one.step for one in metrics if (one.name, one.series) == ("loss", "train")] == list(range(1, 16))
    rates = [one.value for one in metrics if one.name == "learning_rate"]
    expected = [1 / 3, 2 / 3, 1.0, *[(15 - step) / 12 for step in range(3, 15)]]
    assert rates == pytest.approx([0.01 * factor for factor in expected])


def test_that_one_measured_step_gives_a_forecast_of_time_and_memory(make_job, events_of):
    job = make_job()
    fit(job, Points(), knobs(), place=CPU)
    (forecast,) = [one.message for one in events_of(job) if isinstance(one, ev.Log) and "Forecast" in one.message]
    assert forecast.endswith("B (one measured step).")


def test_that_a_loss_that_is_no_number_ends_the_run_with_advice(make_job):
    class Diverging(Points):
        def loss(self, batch: dict[str, Tensor]) -> Tensor:
            return super().loss(batch) * math.nan

    with pytest.raises(KnownTrouble, match="stopped being a number at step 1") as caught:
        fit(make_job(), Diverging(), knobs(), place=CPU)
    assert "learning rate" in caught.value.fix


def test_that_frozen_parts_run_as_at_inference_and_the_rest_as_in_training(make_job):
    objective = Points(dropout=0.5)
    objective.model = nn.Sequential(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5)), nn.Dropout(0.1), nn.Linear(8, 2))
    objective.model[0].requires_grad_(False)
    modes = []
    objective.progress = lambda fraction: modes.append(
        (objective.model[0][1].training, objective.model[1].training, objective.model[2].training)
    )
    before = objective.model[0][0].weight.clone()
    fit(make_job(), objective, knobs(), place=CPU, evaluate=noisy_evaluation(objective))
    assert set(modes) == {(False, True, True)}
    assert torch.equal(before, objective.model[0][0].weight)


@pytest.mark.parametrize("case", ["no examples", "frozen"])
def test_that_nothing_to_learn_is_an_input_error(make_job, case):
    objective = Points()
    if case == "frozen":
        objective.model.requires_grad_(False)
    else:
        objective.examples = 0
    with pytest.raises(InputError) as caught:
        fit(make_job(), objective, knobs(), place=CPU)
    assert caught.value.field == ("adapt" if case == "frozen" else "data")


def test_that_bf16_reaches_the_models_layers_and_leaves_weights_in_fp32(make_job):
    objective, seen = Points(), set()
    objective.model[0].register_forward_hook(lambda module, given, out: seen.add(out.dtype))
    fit(make_job(), objective, knobs(), place=devices.choose("cpu", "bf16"))
    assert seen == {torch.bfloat16}
    assert {one.dtype for one in objective.model.parameters()} == {torch.float32}
    fit(make_job(), objective, knobs(epochs=1), place=CPU)
    assert seen == {torch.bfloat16, torch.float32}


def test_that_max_steps_ends_the_run_instead_of_epochs(make_job):
    assert fit(make_job(), Points(), knobs(max_steps=7), place=CPU).steps == 7


def test_that_buffers_such_as_running_means_are_part_of_the_best_weights(make_job):
    objective = Points()
    objective.model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    kept = {}

    def evaluate(step: int) -> float:
        kept[step] = {name: one.clone() for name, one in checkpoints.learned(objective.model).items()}
        return -float(step)

    fit(make_job(), objective, knobs(), place=CPU, evaluate=evaluate)
    assert torch.equal(objective.model[1].running_mean, kept[4]["1.running_mean"])
    assert not torch.equal(kept[4]["1.running_mean"], kept[15]["1.running_mean"])


TWO = """
import os, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_training import CPU, Hungry, Points, fit, knobs, weights
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.job import RunningJob
objective = Hungry(3, MemoryError()) if os.environ["RANK"] == sys.argv[3] else Points()
folder = Path(sys.argv[2]) / os.environ["RANK"]
folder.mkdir()
job = RunningJob(create_run(folder, RunConfig(recipe="test", params={}, seed=7)))
fit(job, objective, knobs(), place=CPU, evaluate=lambda step: float(os.environ["RANK"]) * step)
job.writer.close()
(folder / "weights").write_text(repr(weights(objective.model).tolist()))
"""


@pytest.mark.slow
def test_that_two_processes_reach_the_weights_of_one_though_one_of_them_runs_out_of_memory(make_job, tmp_path):
    alone = Points()
    fit(make_job(), alone, knobs(), place=CPU, evaluate=lambda step: 0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = str(Path(__file__).parent)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, here, str(tmp_path), "1"],
            env=os.environ | {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            },
        )
        for rank in range(2)
    ]  # fmt: skip
    assert [one.wait(timeout=120) for one in processes] == [0, 0]
    first, second = (torch.tensor(ast.literal_eval((tmp_path / name / "weights").read_text())) for name in "01")
    assert torch.equal(first, second)
    torch.testing.assert_close(first, weights(alone.model), rtol=1e-5, atol=1e-6)
