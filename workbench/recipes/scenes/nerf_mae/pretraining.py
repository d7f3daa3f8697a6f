"""Masked pretraining: what training.fit optimises, and what is looked at while it goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place
from workbench.engine.scenes.swin3d import block_mask, voxel_mask
from workbench.engine.stages import Stage
from workbench.engine.training import fit

from . import show
from .data import SEEN_ALPHA, Drawing, Grid, batch_of
from .networks import MaskedAutoencoder, restoring_errors
from .recipe import NerfMae

LOOKS_AT = 8
"""Held-out grids whose restoration is measured, always with the same masks."""


AVERAGES = 150
"""At most so many grids without labels make the mean grid: files are read for it."""


class Restoring(Drawing):
    """The objective of pretraining: grids, mirrored and turned, of which one mask hides blocks in the whole batch."""

    def __init__(self, model: MaskedAutoencoder, grids: Sequence[Grid], params: NerfMae, *, seed: int) -> None:
        super().__init__(grids, params, seed=seed)
        self.model: nn.Module = model
        self.autoencoder = model

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Grids (B, 4, S, S, S), where they are valid (B, S, S, S), and which tokens are hidden (X, Y, Z)."""
        return batch_of(self.drawn(indices), self.params.side) | {
            "hidden": mask_of(self.params, self.seed * 1_000_003 + self.steps)
        }

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        colour, opacity = self.autoencoder.losses(batch["grid"], batch["hidden"], batch["valid"])
        return (colour + opacity) * len(batch["grid"])


def mask_of(params: NerfMae, seed: int) -> Tensor:
    """Which tokens of a cube are hidden, (X, Y, Z)."""
    tokens = params.side // params.patch
    chance = torch.Generator().manual_seed(seed % 2**63)
    return block_mask((tokens, tokens, tokens), params.block, params.mask_share, chance)


def mean_grid(grids: Sequence[Grid], side: int) -> Tensor:
    """What is known without looking, (4, S, S, S): each place's mean alpha, and mean colour where it is seen."""
    total, opaque, seen = torch.zeros(4, side, side, side), torch.zeros(side, side, side), torch.zeros(side, side, side)
    valid = torch.zeros(side, side, side)
    for at in range(min(AVERAGES, len(grids))):
        batch = batch_of([grids[at]], side)
        grid, there = batch["grid"][0].float(), batch["grid"][0, 3] > SEEN_ALPHA
        total[:3] += grid[:3] * there
        seen += there
        opaque += grid[3] * batch["valid"][0]
        valid += batch["valid"][0]
    total[:3] /= seen.clamp(min=1)
    total[3] = opaque / valid.clamp(min=1)
    return total


class Watcher:
    """Restores held-out grids while pretraining goes on; masks never change, whatever share training hides.

    What is not below the errors of the mean grid has learned no more than where walls are.
    """

    def __init__(self, job: Job, model: MaskedAutoencoder, grids: Sequence[Grid], params: NerfMae,
                 place: Place) -> None:  # fmt: skip
        self.job, self.model, self.params, self.place = job, model, params, place
        self.grids = [grids[at] for at in range(min(LOOKS_AT, len(grids)))]
        fixed = params.replace(mask_share=0.75)
        self.masks = [mask_of(fixed, 2024 + at) for at in range(len(self.grids))]

    def unseeing(self, unlabelled: Sequence[Grid]) -> tuple[float, float]:
        """Errors of colour and of opacity, over the same voxels, of who says the mean grid for every held-out one."""
        mean, sums = mean_grid(unlabelled, self.params.side)[None], np.zeros(2)
        for one, mask in zip(self.grids, self.masks, strict=True):
            batch = batch_of([one], self.params.side)
            grid = batch["grid"].float()
            covered = voxel_mask(mask, self.params.patch)[None] & batch["valid"]
            errors = restoring_errors(mean[:, :3], mean[:, 3], grid, grid[:, 3] > SEEN_ALPHA, covered)
            sums += [float(error) for error in errors]
        colour, opacity = sums / len(self.grids)
        return float(colour), float(opacity)

    @torch.no_grad()
    def evaluate(self, step: int) -> float:
        """The mean of both errors over held-out grids; colours are looked at where something is, for every arm."""
        self.model.eval()
        weighted, self.model.weighted = self.model.weighted, True
        sums = np.zeros(2)
        for one, mask in zip(self.grids, self.masks, strict=True):
            batch = self._placed(one)
            with self.place.autocast():
                errors = self.model.losses(batch["grid"], mask.to(self.place.device), batch["valid"])
            sums += [float(error) for error in errors]
        self.model.weighted = weighted
        colour, opacity = sums / len(self.grids)
        self.job.metric("reconstruction", colour, series="colour, held out", step=step)
        self.job.metric("reconstruction", opacity, series="opacity, held out", step=step)
        with self.job.preview("restored grid") as granted:
            if granted:
                self.show()
        return float(colour + opacity)

    @torch.no_grad()
    def show(self) -> None:
        """Held-out grids, what was left of them, and what was made of that; the first also as grids."""
        self.model.eval()
        rows = []
        for one, mask in list(zip(self.grids, self.masks, strict=True))[: show.SHOWN_GRIDS]:
            masked, restored = self.model.restored(self._placed(one)["grid"], mask.to(self.place.device))
            rows.append((one, masked[0], restored[0]))
        show.restoration(self.job, *rows[0])
        show.restorations(self.job, rows)

    def _placed(self, grid: Grid) -> dict[str, Any]:
        batch = batch_of([grid], self.params.side)
        return {name: batch[name].to(self.place.device) for name in ("grid", "valid")}


def pretrain(stage: Stage, unlabelled: Sequence[Grid], held_out: Sequence[Grid], params: NerfMae,
             place: Place) -> tuple[MaskedAutoencoder, float]:  # fmt: skip
    """A trained autoencoder, and its held-out error."""
    rng.seed(stage.seed)
    model = MaskedAutoencoder(params).to(place.device)
    counts = [sum(one.numel() for one in part.parameters()) for part in (model.encoder, model.decoder)]
    stage.log(f"Encoder of {spaced(counts[0])} parameters, decoder of {spaced(counts[1])}.")
    watcher = Watcher(stage, model, held_out, params, place)
    colour, opacity = watcher.unseeing(unlabelled)
    stage.log(f"The mean grid, which sees nothing, errs by {colour:.4f} (colour) and {opacity:.4f} (opacity) on "
              "held-out grids; a network that does no better has not learned of things yet.")  # fmt: skip
    result = fit(stage, Restoring(model, unlabelled, params, seed=stage.seed), params, place=place,
                 evaluate=watcher.evaluate, better="low")  # fmt: skip
    watcher.show()
    return model, math.nan if result.best_value is None else result.best_value


def restored(job: Job, state: dict[str, Tensor], held_out: Sequence[Grid], params: NerfMae, place: Place) -> None:
    """Measure and show what a network that was pretrained before makes of hidden blocks of held-out grids."""
    model = MaskedAutoencoder(params)
    own = model.state_dict()
    if missing := sorted(own.keys() - state.keys()):
        job.log(f"This network restores nothing: it lacks {len(missing)} tensors, such as {missing[0]}.")
        return
    model.load_state_dict({name: state[name] for name in own})
    watcher = Watcher(job, model.to(place.device), held_out, params, place)
    watcher.evaluate(0)
    watcher.show()
