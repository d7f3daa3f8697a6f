from __future__ import annotations

import pytest

from workbench.core import events as ev
from workbench.core.params import values_of
from workbench.core.settings import Settings
from workbench.recipes import recipe
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker import ranks
from workbench.worker.job import RunningJob


@pytest.mark.parametrize(
    ("gpus", "device", "present", "expected"),
    [(1, "cuda", 4, 1), (2, "cuda", 4, 2), (0, "cuda", 4, 4), (8, "cuda", 4, 4), (0, "cuda:1", 4, 1), (0, "cpu", 0, 1)],
)
def test_that_a_run_gets_one_process_per_gpu_that_it_may_use(monkeypatch, gpus, device, present, expected):
    monkeypatch.setattr("torch.cuda.device_count", lambda: present)
    assert ranks.processes(Settings(gpus=gpus), device) == expected


@pytest.mark.slow
def test_that_a_recipe_trains_in_two_processes_and_only_the_first_writes(tmp_path):
    declared = recipe("berturk-nlu")
    params = declared.preset("smoke")
    inputs = {name: slot.default for name, slot in declared.reads.items() if slot.default}
    folder = create_run(
        tmp_path / "runs", RunConfig(recipe=declared.id, params=values_of(params), inputs=inputs, seed=1)
    )
    job = RunningJob(folder)
    with ranks.helpers(folder, count=2, device="cpu"):
        declared.run(job, params)
    job.writer.close()
    steps = [one.step for one in folder.events() if isinstance(one, ev.Metric) and one.series == "train"]
    told = [step for step in steps if steps.count(step) == 1]
    assert told == sorted(set(steps))
    assert (folder.model / "config.json").is_file()
    assert [one.name for one in (tmp_path / "runs").iterdir()] == [folder.id]
