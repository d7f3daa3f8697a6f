"""The model that a run keeps: what a strategy has learned, never the backbone that it looks through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from workbench.core.job import Job
from workbench.core.params import values_of

from .recipe import STRATEGIES

if TYPE_CHECKING:
    from .method import Course, Result
    from .tasks import TaskData

WEIGHTS = "strategy.safetensors"


def save(job: Job, course: Course, task: TaskData, best: Result) -> None:
    """Weights that learned (none for zero-shot), the names' vectors, and what apply() must know to build it again."""
    import torch

    folder = job.model_folder()
    path = course.weights / f"{best.strategy}-{task.name}.safetensors"
    kept = load_file(path) if path.is_file() else {}
    with torch.no_grad():
        names = (
            course.backbone.text(task.prompts).float().cpu() if task.prompts else torch.zeros(0, course.backbone.dim)
        )
    save_file({**kept, "names": names.contiguous()}, folder / WEIGHTS)
    job.write_card(
        backbone=course.params.backbone, strategy=best.strategy, title=" ".join(STRATEGIES[best.strategy]),
        task=task.name, kind=task.kind, classes=task.names if task.kind != "retrieval" else [],
        prompts=list(task.prompts),
        frames=int(task.train.clips.shape[1]), edge=int(task.train.clips.shape[2]), learning_rate=best.rate,
        validation=best.validation, test=best.test.headline, knobs=values_of(course.params),
    )  # fmt: skip
