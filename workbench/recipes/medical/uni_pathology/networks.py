"""The encoder, the student and its teacher with the losses of DINOv2, and attention over a slide's tiles."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from transformers import Dinov2Config, Dinov2Model

from .crops import normalised


def make_encoder(*, size: int, patch: int, width: int, layers: int, heads: int, scale: float = 1e-5) -> Dinov2Model:
    """A vision transformer of DINOv2's shape for pictures of `size` px, with random weights; `scale` is LayerScale's.

    Weights spread as one over the root of the width: at 0.02, small networks say the same of every picture.
    """
    return Dinov2Model(
        Dinov2Config(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, patch_size=patch, image_size=size,
            layerscale_value=scale, mlp_ratio=4, initializer_range=width**-0.5,
        )
    )  # fmt: skip


def class_tokens(encoder: nn.Module, tiles: Tensor) -> Tensor:
    """Features (B, d): the class token behind the last norm, of bytes or 0 … 1 (B, 3, H, W)."""
    found: Tensor = encoder(normalised(tiles)).last_hidden_state[:, 0]
    return found


class Head(nn.Module):
    """Three layers down to a narrow unit vector, compared with prototypes of unit length.

    Inner layers are normalised over the batch (DINO's option): a fresh encoder says nearly the same of every
    picture, and a short run would never find what little differs.
    """

    def __init__(self, width: int, hidden: int, narrow: int, prototypes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(width, hidden), _over_batch(hidden), nn.GELU(),
            nn.Linear(hidden, hidden), _over_batch(hidden), nn.GELU(), nn.Linear(hidden, narrow),
        )  # fmt: skip
        for layer in self.body:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)
        self.last = weight_norm(nn.Linear(narrow, prototypes, bias=False))
        norms: Any = self.last.parametrizations
        norms.weight.original0.data.fill_(1)
        norms.weight.original0.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) to cosines with the prototypes (B, K)."""
        found: Tensor = self.last(F.normalize(self.body(features), dim=-1))
        return found


def _over_batch(width: int) -> nn.BatchNorm1d:
    """Always by the batch at hand, so that the teacher, which is never trained, does the same as the student."""
    return nn.BatchNorm1d(width, track_running_stats=False)


class Half(nn.Module):
    """An encoder with its heads for the class token and, where iBOT is on, for patches."""

    def __init__(self, encoder: Dinov2Model, head: Head, patches: Head | None) -> None:
        super().__init__()
        self.encoder, self.head, self.patches = encoder, head, patches

    def tokens(self, images: Tensor, masked: Tensor | None = None) -> Tensor:
        """Normalised pictures (B, 3, H, W), some of whose patches (B, N) are hidden, to tokens (B, 1 + N, d)."""
        found: Tensor = self.encoder(images, bool_masked_pos=masked).last_hidden_state
        return found


class SelfDistillation(nn.Module):
    """A student that learns what its teacher, its own running mean, says of other views of the same tile."""

    student_temperature = 0.1

    def __init__(self, student: Half, *, temperature: float, koleo: float) -> None:
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student)
        self.teacher.requires_grad_(False)
        self.temperature, self.koleo = temperature, koleo

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Move the teacher towards the student."""
        for old, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            old.lerp_(new, 1 - momentum)

    @torch.no_grad()
    def targets(self, large: Tensor) -> tuple[Tensor, Tensor]:
        """What the teacher says: shares of the prototypes (2B, K) of large views, and its tokens (2B, 1 + N, d)."""
        tokens = self.teacher.tokens(large)
        return balanced(self.teacher.head(tokens[:, 0]).float(), self.temperature), tokens

    def loss(self, large: Tensor, small: Tensor, masked: Tensor | None = None) -> Tensor:
        """Mean loss of a batch: large views (2, B, 3, H, W), small ones (V, B, 3, h, w), hidden patches (2B, N)."""
        count = large.shape[1]
        large = normalised(large.flatten(0, 1))
        told, teacher_tokens = self.targets(large)
        tokens = self.student.tokens(large, masked)
        # Large and small views apart: the head normalises over its batch, which their sizes must not tell apart.
        parts = [tokens[:, 0]]
        if len(small):
            parts.append(self.student.tokens(normalised(small.flatten(0, 1)))[:, 0])
        said = torch.cat([_by_view(self._said(one), count) for one in parts])
        wanted = _by_view(told, count)
        pairs = [(t, s) for t in range(2) for s in range(len(said)) if s != t]
        total = torch.stack([-(wanted[t] * said[s]).sum(-1).mean() for t, s in pairs]).mean()
        apart = torch.stack([koleo(one) for one in _by_view(tokens[:, 0], count)]).mean()
        total = total + self.koleo * apart
        if masked is not None and self.student.patches is not None and bool(masked.any()):
            total = total + self._patches(tokens[:, 1:][masked], teacher_tokens[:, 1:][masked])
        return total

    def _said(self, features: Tensor) -> Tensor:
        return F.log_softmax(self.student.head(features).float() / self.student_temperature, -1)

    def _patches(self, seen: Tensor, whole: Tensor) -> Tensor:
        """iBOT: what the student makes of hidden patches (M, d) against the teacher that sees them (M, d)."""
        if self.student.patches is None or self.teacher.patches is None:
            raise RuntimeError("This student has no head for patches.")
        with torch.no_grad():
            wanted = balanced(self.teacher.patches(whole).float(), self.temperature)
        said = F.log_softmax(self.student.patches(seen).float() / self.student_temperature, -1)
        return -(wanted * said).sum(-1).mean()


def _by_view(rows: Tensor, count: int) -> Tensor:
    """(V · count, K) to (V, count, K)."""
    return rows.reshape(-1, count, rows.shape[-1])


def balanced(logits: Tensor, temperature: float, *, rounds: int = 3) -> Tensor:
    """Sharpened shares (B, K), all prototypes asked equally often over the batch (Sinkhorn and Knopp)."""
    # One prototype for each of few pictures would make the columns' balance meaningless, but not wrong.
    shares = torch.exp((logits - logits.max()) / temperature).T
    shares = shares / shares.sum()
    prototypes, count = shares.shape
    for _ in range(rounds):
        shares = shares / shares.sum(1, keepdim=True).clamp(min=1e-12) / prototypes
        shares = shares / shares.sum(0, keepdim=True).clamp(min=1e-12) / count
    return (shares * count).T


def koleo(features: Tensor) -> Tensor:
    """KoLeo: minus the mean log distance (B, d) of each to its nearest neighbour on the sphere; 0 for one alone."""
    if len(features) < 2:
        return features.sum() * 0
    units = F.normalize(features.float(), dim=-1)
    with torch.no_grad():
        near = (units @ units.T).fill_diagonal_(-2).argmax(1)
    return -torch.log((units - units[near]).norm(dim=1) + 1e-8).mean()


def hidden_patches(count: int, patches: int, chance: torch.Generator) -> Tensor:
    """Which patches (count, patches) iBOT hides: 10 to 50 % of those of every second picture."""
    shares = torch.rand(count, generator=chance) * 0.4 + 0.1
    shares = torch.where(torch.rand(count, generator=chance) < 0.5, shares, torch.zeros(()))
    order = torch.rand(count, patches, generator=chance).argsort(1).argsort(1)
    return order < (shares * patches)[:, None]


class Abmil(nn.Module):
    """Gated attention over the tiles of one slide (Ilse and others, 2018), and a linear head."""

    def __init__(self, width: int, classes: int, *, hidden: int = 512, attention: int = 384) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.ReLU())
        self.what = nn.Sequential(nn.Linear(hidden, attention), nn.Tanh())
        self.gate = nn.Sequential(nn.Linear(hidden, attention), nn.Sigmoid())
        self.score = nn.Linear(attention, 1)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, d) of one slide to logits (classes,) and attention (N,), which sums to 1."""
        held = self.body(tiles)
        weights = self.score(self.what(held) * self.gate(held))[:, 0].softmax(0)
        return self.head(weights @ held), weights


def rising(start: float, fraction: float) -> float:
    """The teacher's momentum: from `start` to 1 along a cosine."""
    return 1 - (1 - start) * (math.cos(math.pi * fraction) + 1) / 2
