"""A tiny classifier with dropout, trained by engine.training.fit; found through WORKBENCH_PLUGINS."""

from __future__ import annotations

import time

from workbench.core.job import Job
from workbench.core.kinds import Curve
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import LAB, Paper, recipe


class Tiny(Training):
    """The shared training knobs, and a brake."""

    learning_rate: float = knob(3e-3, "Step size at its peak", low=1e-7, high=1.0)
    rows: int = knob(512, "Training rows", low=8, high=100_000)
    step_s: float = knob(0.0, "Least time that a step takes", low=0.0, high=1.0, unit="s")


@recipe(
    tab=LAB,
    title="Tiny",
    paper=Paper("None", 2026),
    reads={},
    writes={"loss": Curve, "accuracy": Curve},
    presets={"smoke": Tiny(epochs=1), "desk": Tiny(), "paper": Tiny(epochs=30)},
)
def run(job: Job, p: Tiny) -> None:
    """Learn which of four clouds a point belongs to."""
    import torch
    from safetensors.torch import save_file
    from torch import nn

    from workbench.engine import rng
    from workbench.engine.devices import place_of
    from workbench.engine.training import fit

    chance = torch.Generator().manual_seed(7)
    features = torch.randn(p.rows, 16, generator=chance)  # (N, 16)
    labels = (features[:, 0] > 0).long() + 2 * (features[:, 1] * features[:, 2] > 0).long()  # (N,)
    rng.seed(job.seed)

    class Clouds:
        """The objective: cross-entropy summed over the rows of a batch."""

        model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 4))
        examples = p.rows

        def collate(self, indices: list[int]) -> dict[str, torch.Tensor]:
            """Rows at these positions; slowly, if asked."""
            time.sleep(p.step_s)
            return {"x": features[indices], "y": labels[indices]}

        def weight(self, batch: dict[str, torch.Tensor]) -> float:
            """Terms in the sum."""
            return float(len(batch["y"]))

        def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            """The sum."""
            return nn.functional.cross_entropy(self.model(batch["x"]), batch["y"], reduction="sum")

    objective = Clouds()

    def evaluate(step: int) -> float:
        objective.model.eval()
        with torch.no_grad():
            value = float((objective.model(features).argmax(1) == labels).float().mean())
        job.metric("accuracy", value, series="train", step=step)
        return value

    result = fit(job, objective, p, place=place_of(job), evaluate=evaluate)
    job.result("accuracy", result.best_value or 0.0)
    save_file(objective.model.state_dict(), job.model_folder() / "model.safetensors")
    job.write_card()
