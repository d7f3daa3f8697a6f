"""Gradient reversal: features learn to fool the classifier that stands on them.

Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation" (2015).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * -ctx.strength, None


def reverse(features: Tensor, strength: float) -> Tensor:
    """The features as they are; on the way back their gradient is multiplied by -strength."""
    reversed_: Tensor = _Reverse.apply(features, strength)  # type: ignore[no-untyped-call]
    return reversed_


def schedule(fraction: float, *, ceiling: float = 1.0, steepness: float = 10.0) -> float:
    """Strength at a fraction of the training: 0 at the start, close to `ceiling` after the first half.

    ceiling * (2 / (1 + exp(-steepness * fraction)) - 1); a noisy early classifier is not obeyed.
    """
    return ceiling * (2.0 / (1.0 + math.exp(-steepness * fraction)) - 1.0)


class GradientReversal(nn.Module):
    """`reverse` as a layer; `progress(fraction)` moves its strength along the schedule."""

    def __init__(self, *, ceiling: float = 1.0, steepness: float = 10.0) -> None:
        super().__init__()
        self.ceiling, self.steepness, self.strength = ceiling, steepness, 0.0

    def progress(self, fraction: float) -> None:
        """Set the strength for this fraction (0 to 1) of the training."""
        self.strength = schedule(fraction, ceiling=self.ceiling, steepness=self.steepness)

    def forward(self, features: Tensor) -> Tensor:
        """Features of any shape, unchanged."""
        return reverse(features, self.strength)
