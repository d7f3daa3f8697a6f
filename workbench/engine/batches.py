"""Which examples make up each step, and how the learning rate moves: pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

BLOCK = 16
"""With lengths given, examples are sorted within shuffled blocks of this many batches."""


class Order:
    """The examples of every step's batch, from the seed and the step alone, so nothing is saved.

    With `lengths`, batches hold examples of similar length (less padding, same examples per epoch).
    """

    def __init__(self, examples: int, batch: int, seed: int, *, lengths: Sequence[int] | None = None) -> None:
        self.examples, self.size, self.seed, self.lengths = examples, batch, seed, lengths
        self.per_epoch = math.ceil(examples / batch)
        self._epoch, self._batches = -1, list[list[int]]()

    def batch(self, step: int) -> list[int]:
        """The positions of a step's examples (steps count from 0); one batch of an epoch may be short."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffle(epoch)
        return self._batches[place]

    def _shuffle(self, epoch: int) -> list[list[int]]:
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(self.examples, generator=chance).tolist()
        if self.lengths is None:
            return _cut(order, self.size)
        blocks = _cut(order, self.size * BLOCK)
        batches = [one for block in blocks for one in _cut(sorted(block, key=self.lengths.__getitem__), self.size)]
        return [batches[place] for place in torch.randperm(len(batches), generator=chance).tolist()]


def _cut(positions: list[int], size: int) -> list[list[int]]:
    return [positions[at : at + size] for at in range(0, len(positions), size)]


def schedule(step: int, total: int, warmup: float) -> float:
    """The factor on the learning rate: linear rise over the share `warmup`, then linear fall to 0."""
    rising = math.ceil(total * warmup)
    return (step + 1) / rising if step < rising else (total - step) / max(total - rising, 1)
