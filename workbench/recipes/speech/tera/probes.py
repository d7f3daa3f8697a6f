"""Probes: small classifiers on frozen features, one fixed recipe for all representations.

300 AdamW steps on standardised features, three rates of which development utterances choose one. Means and
deviations come from what a probe learns from, and nothing of the test is used before it is tested.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

RATES = (1e-3, 3e-3, 1e-2)
BATCH = 512
CONTEXT = 5
"""Frames on either side that a stacked log-mel frame holds."""


class Probe(nn.Module):
    """A linear layer, or two with a ReLU between; features with a layer axis (N, L, D) are mixed by learned weights."""

    def __init__(self, shape: tuple[int, ...], classes: int, hidden: int) -> None:
        super().__init__()
        width = shape[-1]
        self.mix = nn.Parameter(torch.zeros(shape[0])) if len(shape) == 2 else None
        self.name: nn.Module = nn.Linear(width, classes)
        if hidden:
            self.name = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, classes)."""
        if self.mix is not None:
            features = (features * self.mix.softmax(0)[:, None]).sum(1)
        found: Tensor = self.name(features)
        return found


@dataclasses.dataclass(frozen=True)
class Learned:
    """A probe with the standardisation of what it learned from, its rate and its accuracy on development frames."""

    probe: Probe
    mean: Tensor
    deviation: Tensor
    rate: float
    development: float

    @torch.no_grad()
    def __call__(self, features: Floats) -> Ints:
        """The class of each row (N,)."""
        return self.logits(features).argmax(1).numpy()

    @torch.no_grad()
    def logits(self, features: Floats) -> Tensor:
        """Scores (N, classes)."""
        found: Tensor = self.probe((torch.from_numpy(features) - self.mean) / self.deviation)
        return found

    @property
    def weights(self) -> list[float]:
        """The share of each layer, where several were given."""
        return [] if self.probe.mix is None else [float(one) for one in self.probe.mix.detach().softmax(0)]


def learn(
    train: tuple[Floats, Ints], development: tuple[Floats, Ints], *, classes: int, steps: int, hidden: int = 0,
    seed: int = 0, rates: Sequence[float] = RATES,
) -> Learned:  # fmt: skip
    """The best of the rates by development accuracy; rows of class −1 (unknown in training) count as wrong there."""
    x, y = torch.from_numpy(train[0]), torch.from_numpy(train[1])
    mean, deviation = x.mean(0), x.std(0, correction=0).clamp(min=1e-5)
    x = (x - mean) / deviation
    best: Learned | None = None
    for rate in rates:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            probe = Probe(tuple(x.shape[1:]), classes, hidden)
        _fit(probe, x, y, rate=rate, steps=steps, seed=seed)
        found = Learned(probe, mean, deviation, rate, 0.0)
        accuracy = float((found(development[0]) == development[1]).mean())
        if best is None or accuracy > best.development:
            best = dataclasses.replace(found, development=accuracy)
    if best is None:
        raise ValueError("a probe needs at least one rate")
    return best


def _fit(probe: Probe, x: Tensor, y: Tensor, *, rate: float, steps: int, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=rate, weight_decay=0.01)
    for _ in range(steps):
        rows = torch.randint(0, len(x), (min(BATCH, len(x)),), generator=chance)
        loss = F.cross_entropy(probe(x[rows]), y[rows])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
    probe.eval()


def stacked(frames: Floats) -> Floats:
    """Frames (T, F) with five on either side, (T, 11 F); the ends are repeated."""
    padded = np.pad(frames, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    return np.concatenate([padded[at : at + len(frames)] for at in range(2 * CONTEXT + 1)], 1)


def split(values: NDArray[np.bool_], lengths: Sequence[int]) -> Floats:
    """For claims: of each utterance how many rows were right, and how many it has, (N, 2)."""
    ends = np.cumsum(lengths)
    parts = np.split(values, ends[:-1])
    return np.array([[float(one.sum()), float(len(one))] for one in parts], np.float32)
