"""Self-distillation as an objective for the training loop: views by seed and step, the teacher kept beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import crops
from .networks import Half, Head, SelfDistillation, hidden_patches, make_encoder, rising
from .recipe import UniPathology

LARGE, SMALL = (0.32, 1.0), (0.1, 0.32)
"""Shares of a tile's area that large and small crops show."""
HIDDEN, NARROW = 2, 0.5
"""Widths of the heads, in encoder widths."""


def make_student(params: UniPathology) -> SelfDistillation:
    """Student and teacher, alike at the start."""
    encoder = make_encoder(size=params.tile, patch=params.patch, width=params.width, layers=params.layers,
                           heads=params.heads, scale=params.layer_scale)  # fmt: skip

    def head() -> Head:
        return Head(params.width, HIDDEN * params.width, max(8, int(NARROW * params.width)), params.prototypes)

    half = Half(encoder, head(), head() if params.ibot else None)
    return SelfDistillation(half, temperature=params.temperature, koleo=params.koleo)


class Distillation:
    """What fit optimises. Crops depend on the seed, the step and the tiles alone, so a resumed run sees the same."""

    def __init__(self, model: SelfDistillation, tiles: NDArray[np.uint8], params: UniPathology, *, seed: int) -> None:
        self.model: nn.Module = model
        self.pair, self.params, self.seed, self.steps = model, params, seed, 0
        self.tiles = torch.from_numpy(np.ascontiguousarray(tiles))

    @property
    def examples(self) -> int:
        return len(self.tiles)

    def progress(self, fraction: float) -> None:
        """Before each step: the teacher follows what the step before has made of the student."""
        if self.steps:
            self.pair.follow(rising(self.params.momentum, fraction))
        self.steps += 1

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Large crops (B, 2, 3, H, W), small ones (B, V, 3, h, w) and which patches are hidden (B, 2, N)."""
        params = self.params
        words = np.random.SeedSequence((self.seed, self.steps, indices[0])).generate_state(1, np.uint64)
        chance = torch.Generator().manual_seed(int(words[0] >> 1))
        tiles = self.tiles[indices].permute(0, 3, 1, 2).float() / 255
        stain = params.stain_mixing
        large = [crops.views(tiles, params.tile, LARGE, chance, stain=stain) for _ in range(2)]
        small = [crops.views(tiles, params.small_crop, SMALL, chance, stain=stain) for _ in range(params.small_crops)]
        batch = {"large": torch.stack(large, 1)}
        if small:
            batch["small"] = torch.stack(small, 1)
        if params.ibot:
            count = (params.tile // params.patch) ** 2
            batch["hidden"] = hidden_patches(2 * len(indices), count, chance).reshape(-1, 2, count)
        return batch

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["large"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        large = batch["large"].transpose(0, 1)
        small = batch["small"].transpose(0, 1) if "small" in batch else large[:0]
        hidden = batch["hidden"].transpose(0, 1).flatten(0, 1) if "hidden" in batch else None
        return self.pair.loss(large, small, hidden) * large.shape[1]

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "teacher": dict(self.pair.teacher.state_dict())}

    def load_state(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])
        self.pair.teacher.load_state_dict(state["teacher"])
