"""What frozen features are worth: SimpleShot, nearest neighbours and a linear probe, from few labels and from all.

Whatever is estimated (means, prototypes, weights) comes from the labelled tiles that a call is given first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NEIGHBOURS = 20


@dataclasses.dataclass(frozen=True)
class SimpleShot:
    """Class means of centred features of unit length; the nearest one names a tile."""

    centre: Floats
    prototypes: Floats

    @classmethod
    def learn(cls, features: Floats, labels: Ints, classes: int) -> SimpleShot:
        """From labelled features (N, d); every class must have one."""
        centre = features.mean(0)
        units = _units(features - centre)
        return cls(centre, np.stack([units[labels == one].mean(0) for one in range(classes)]))

    def units(self, features: Floats) -> Floats:
        """Features as prototypes are compared with: centred by the labelled tiles' mean, of unit length."""
        return _units(features - self.centre)

    def similarity(self, features: Floats) -> Floats:
        """Minus the distance to each class's prototype (N, classes)."""
        units = self.units(features)
        square = (units**2).sum(1)[:, None] - 2 * units @ self.prototypes.T + (self.prototypes**2).sum(1)[None]
        return np.asarray(-np.sqrt(np.maximum(square, 0)), np.float32)


def _units(features: Floats) -> Floats:
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12), np.float32)


def simple_shot(support: Floats, labels: Ints, query: Floats, classes: int) -> Floats:
    """Scores (N, classes) of a query by prototypes."""
    return SimpleShot.learn(support, labels, classes).similarity(query)


def nearest(support: Floats, labels: Ints, query: Floats, classes: int) -> Floats:
    """Shares (N, classes) of the nearest labelled tiles, centred and of unit length: 20, or as many as a class has.

    The nearest one decides between classes with as many neighbours.
    """
    centre = support.mean(0)
    close = _units(query - centre) @ _units(support - centre).T
    count = min(NEIGHBOURS, max(1, len(support) // classes))
    order = np.argsort(-close, axis=1, kind="stable")[:, :count]
    votes = np.zeros((len(query), classes), np.float32)
    for place in range(count):
        votes[np.arange(len(query)), labels[order[:, place]]] += np.float32(1 + (1e-3 if place == 0 else 0))
    return np.asarray(votes / count, np.float32)


def linear(support: Floats, labels: Ints, query: Floats, classes: int, *, iterations: int = 1000) -> Floats:
    """Logits (N, classes) of a logistic regression learned by L-BFGS.

    Mean cross-entropy + ‖W‖ / 2 · 1/C with C = d · classes / 100; the norm is not squared, as in the paper's code.
    """
    x, y = torch.from_numpy(support).float(), torch.from_numpy(labels)
    layer = torch.nn.Linear(x.shape[1], classes)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer.reset_parameters()
    strength = 100 / (x.shape[1] * classes)
    solver = torch.optim.LBFGS(layer.parameters(), max_iter=iterations, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss: torch.Tensor = F.cross_entropy(layer(x), y) + strength * 0.5 * layer.weight.norm()
        torch.autograd.backward(loss)
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        found: Floats = layer(torch.from_numpy(query).float()).numpy()
    return found


PROTOCOLS: dict[str, Callable[[Floats, Ints, Floats, int], Floats]] = {
    "SimpleShot": simple_shot, "kNN-20": nearest, "linear probe": linear,
}  # fmt: skip


def balanced_accuracy(guess: Ints, truth: Ints, classes: int) -> float:
    """The mean over classes that are there of the share that is named right."""
    there = [one for one in range(classes) if (truth == one).any()]
    return float(np.mean([(guess[truth == one] == one).mean() for one in there]))


def supports(labels: Ints, shots: int, episodes: int, *, seed: int) -> list[Ints]:
    """`shots` tiles of every class for each episode, as places; the same for every encoder of a seed."""
    chance = np.random.default_rng((seed, shots, 17))
    kinds = np.unique(labels)
    by_class = [np.flatnonzero(labels == one) for one in kinds]
    return [np.concatenate([chance.choice(one, min(shots, len(one)), replace=False) for one in by_class])
            for _ in range(episodes)]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Episodes:
    """Balanced accuracy of every episode, and how often each query tile was named right (N,), from 0 to 1."""

    balanced: NDArray[np.float64]
    right: NDArray[np.float64]


def episodes(
    protocol: str, pool: tuple[Floats, Ints], query: tuple[Floats, Ints], *, places: Sequence[Ints], classes: int
) -> Episodes:
    """Learn from each episode's places in the labelled pool, name every query tile."""
    features, labels = pool
    tiles, truth = query
    rule, scores, right = PROTOCOLS[protocol], [], np.zeros(len(truth))
    for one in places:
        guess = rule(features[one], labels[one], tiles, classes).argmax(1)
        scores.append(balanced_accuracy(guess, truth, classes))
        right += guess == truth
    return Episodes(np.array(scores), right / len(places))
