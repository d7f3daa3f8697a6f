"""Slides as bags of tile features: attention pooling learned from slide labels, and MI-SimpleShot without learning."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional as F

from workbench.core.job import Job

from .networks import Abmil
from .protocols import SimpleShot
from .recipe import UniPathology

Floats = NDArray[np.float32]

TOP = 5
"""MI-SimpleShot: how many tiles speak for a slide."""
DECAY = 1e-5


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A slide's tiles as features (N, d) at level-0 places (N, 2), its label, and each tile's share of tumour."""

    name: str
    label: int
    features: Floats
    places: NDArray[np.int64]
    tumour: Floats | None = None


def balanced_order(labels: Sequence[int], count: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """`count` slides to learn from, every class as likely as the others."""
    numbers = np.bincount(labels)
    weights = 1 / numbers[np.asarray(labels)]
    return np.asarray(chance.choice(len(labels), count, p=weights / weights.sum()), np.int64)


def learn(job: Job, slides: Sequence[Encoded], params: UniPathology, *, classes: int, seed: int) -> Abmil:
    """Train the pooling: one slide a step, AdamW, a cosine without warm-up, classes drawn alike. In eval mode.

    It has no checkpoint: it takes seconds, and a resumed run does it again.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Abmil(slides[0].features.shape[1], classes, hidden=params.mil_width, attention=params.mil_attention)
    solver = torch.optim.AdamW(model.parameters(), lr=params.mil_rate, weight_decay=DECAY)
    steps = params.mil_epochs * len(slides)
    course = torch.optim.lr_scheduler.CosineAnnealingLR(solver, steps)
    chance = np.random.default_rng((seed, 23))
    tensors = [torch.from_numpy(one.features) for one in slides]
    labels = [one.label for one in slides]
    for epoch in range(params.mil_epochs):
        total = 0.0
        for at in balanced_order(labels, len(slides), chance):
            logits, _ = model(tensors[at])
            loss = F.cross_entropy(logits[None], torch.tensor([labels[at]]))
            torch.autograd.backward(loss)
            solver.step()
            solver.zero_grad(set_to_none=True)
            course.step()
            total += loss.item()
        job.metric("slide_loss", total / len(slides), series="train", step=epoch + 1)
        job.progress(epoch + 1, params.mil_epochs)
    return model.eval()


@torch.no_grad()
def judged(model: Abmil, features: Floats) -> tuple[Floats, Floats]:
    """Probabilities of the classes (classes,) and attention (N,) of one slide."""
    logits, weights = model(torch.from_numpy(features))
    return _array(logits.softmax(0)), _array(weights)


def _array(one: Tensor) -> Floats:
    found: Floats = one.numpy().astype(np.float32)
    return found


def likeness(shot: SimpleShot, features: Floats, kind: int) -> Floats:
    """How much nearer each tile (N,) is to the prototype of `kind` than to the nearest other one."""
    near = shot.similarity(features)
    others = np.delete(near, kind, axis=1)
    return np.asarray(near[:, kind] - others.max(1), np.float32)


def top_mean(scores: Floats, count: int = TOP) -> float:
    """The mean of the `count` highest (of all, where there are fewer)."""
    return float(np.sort(scores)[-count:].mean())


def auc(labels: Sequence[int], scores: Sequence[float] | NDArray[np.floating]) -> float:
    """Area under the ROC curve of two classes; 0.5 where only one of them is there."""
    if len(set(labels)) < 2:
        return 0.5
    return float(roc_auc_score(labels, scores))


def attention_auroc(tumour: Floats, attention: Floats) -> float | None:
    """How well attention (N,) ranks tiles with more than half tumour; None where a slide has one kind only."""
    inside = (tumour > 0.5).astype(int)
    return auc(list(inside), attention) if 0 < inside.sum() < len(inside) else None


def ranks(attention: Floats) -> Floats:
    """Attention as its rank within the slide, 0 to 1: what a heat map shows."""
    order = attention.argsort(kind="stable").argsort(kind="stable")
    return np.asarray(order / max(len(order) - 1, 1), np.float32)
