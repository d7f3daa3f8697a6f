"""What the training loop is given: clips of the known variants with the classes that are learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .data import Data
from .describing import Described
from .networks import loss_of


class Moving:
    """Naming motions (and variants) of the known set."""

    def __init__(self, model: nn.Module, clips: Described, data: Data) -> None:
        self.model, self.clips = model, clips
        self.known = data.known_fine
        rank = {fine: at for at, fine in enumerate(self.known)}
        fine = data.train.fine.tolist()
        self.labels = {
            "coarse": torch.from_numpy(data.coarse(data.train)),
            "fine": torch.tensor([rank[one] for one in fine]),
            "variant": torch.tensor([data.taxonomy.fine[one].place for one in fine]),
        }

    @property
    def examples(self) -> int:
        return len(self.labels["coarse"])

    def progress(self, fraction: float) -> None:
        """Before each step, with the fraction of steps done."""
        self.model.progress(fraction)  # type: ignore[operator]

    def collate(self, indices: list[int]) -> dict[str, Any]:
        """What the model reads of these clips, and their classes (B,)."""
        return {"inputs": self.clips.batch(indices), **{name: one[indices] for name, one in self.labels.items()}}

    def weight(self, batch: dict[str, Any]) -> float:
        return float(len(batch["coarse"]))

    def loss(self, batch: dict[str, Any]) -> Tensor:
        return loss_of(self.model(batch["inputs"]), batch, self.known)
