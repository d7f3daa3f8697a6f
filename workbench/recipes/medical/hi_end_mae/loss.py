"""What segmentation training minimises: the paper's loss, and a weight for organs of few voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from monai.losses.dice import DiceLoss
from torch import Tensor, nn
from torch.nn import functional as F

from .data import Case, labels_of


class SquaredDice(nn.Module):
    """Dice with squared terms plus cross-entropy over all classes, summed over the batch, as in the paper's code.

    `weights` (K,) multiply the cross-entropy of each class's voxels; none treat all voxels alike.
    """

    def __init__(self, weights: Tensor | None = None) -> None:
        super().__init__()
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.dice: nn.Module = DiceLoss(to_onehot_y=True, softmax=True, squared_pred=True)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K, Z, Y, X) against classes (B, 1, Z, Y, X)."""
        logits = logits.float()
        by_voxel = F.cross_entropy(logits, target[:, 0].long(), reduction="none")
        if self.weights is not None:
            by_voxel = by_voxel * self.weights.to(logits.device)[target[:, 0].long()]
        total: Tensor = (self.dice(logits, target) + by_voxel.mean()) * len(logits)
        return total


def rarity(cases: Sequence[Case], classes: int, power: float) -> Tensor:
    """A weight for each class (K,): its share of the labelled voxels to the power −`power`, one for the mean voxel.

    A class without a voxel counts as one that has a single one.
    """
    counts = sum(np.bincount(np.ravel(labels_of(one)), minlength=classes)[:classes] for one in cases)
    shares = np.maximum(np.asarray(counts, np.float64), 1.0)
    shares /= shares.sum()
    weights = shares**-power
    return torch.from_numpy((weights / (weights * shares).sum()).astype(np.float32))
