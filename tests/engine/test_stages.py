"""Several fits in one run: steps follow on, and a checkpoint belongs to its stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.engine.stages import Stages


class Recorder:
    """The parts of a job that a stage passes on."""

    def __init__(self, folder: Path, kept: Path | None = None) -> None:
        self.folder, self.kept = folder, kept
        self.seed = 7
        self.told: list[tuple[Any, ...]] = []

    def metric(self, name: str, value: float, *, series: str = "", step: int | None = None) -> None:
        self.told.append((name, value, series, step))

    def phase(self, name: str, total: int = 0) -> None:
        self.told.append((name, total))

    def step(self, step: int) -> bool:
        self.told.append(("step", step))
        return True

    def checkpoint(self) -> Path | None:
        return self.kept

    def save_checkpoint(self, step: int, save: Any) -> None:
        self.kept = self.folder / f"step-{step}"
        self.kept.mkdir()
        save(self.kept)


def _begun(job: Recorder) -> Any:
    stages = Stages(job)  # type: ignore[arg-type]
    return stages, stages.begin("one", curves={"loss": "reconstruction"}), stages


def test_that_steps_and_curves_of_a_later_stage_follow_on(tmp_path: Path) -> None:
    job = Recorder(tmp_path)
    stages, first, _ = _begun(job)
    first.metric("loss", 0.5, series="train", step=3)
    first.step(3)
    stages.end(first, mse=0.25)
    second = stages.begin("two")
    second.metric("loss", 0.7, step=2)
    second.phase("training", 10)
    second.step(2)
    assert job.told == [
        ("reconstruction", 0.5, "one, train", 3), ("step", 3), ("loss", 0.7, "two", 5), ("two: training", 13),
        ("step", 5),
    ]  # fmt: skip
    assert second.seed == 7


def test_that_resume_passes_over_ended_stages_and_knows_what_they_found(tmp_path: Path) -> None:
    job = Recorder(tmp_path)
    stages, first, _ = _begun(job)
    first.step(4)
    stages.end(first, mse=0.25)
    second = stages.begin("two")
    second.save_checkpoint(2, lambda folder: (folder / "state").write_text("fit"))
    assert job.kept == tmp_path / "step-6"

    resumed = Stages(Recorder(tmp_path, job.kept))  # type: ignore[arg-type]
    assert resumed.known == {"mse": 0.25}
    assert resumed.begin("one") is None
    again = resumed.begin("two")
    assert again is not None
    assert again.checkpoint() == job.kept
    again.step(1)
    assert again.last == 5
    resumed.end(again)
    third = resumed.begin("three")
    assert third is not None
    assert third.checkpoint() is None
