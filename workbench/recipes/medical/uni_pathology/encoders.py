"""What describes a tile, whichever it is: pictures in, features out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.devices import Place

from .handmade import Handmade
from .networks import class_tokens

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

BATCH = 128


@dataclasses.dataclass(frozen=True)
class Network:
    """A frozen network; tiles (N, H, W, 3) to class tokens (N, d)."""

    model: Any
    place: Place

    @torch.no_grad()
    def __call__(self, tiles: Pixels, told: Callable[[int, int], None] | None = None) -> Floats:
        was = self.model.training
        self.model.eval()
        found = []
        for at in range(0, len(tiles), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(tiles[at : at + BATCH])).to(self.place.device)
            with self.place.autocast():
                found.append(class_tokens(self.model, batch.permute(0, 3, 1, 2)).float().cpu().numpy())
            if told is not None:
                told(at, len(tiles))
        self.model.train(was)
        return np.concatenate(found)


Describe = Network | Handmade
