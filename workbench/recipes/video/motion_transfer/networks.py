"""What watches clips, and the heads on it: coarse classes alone, coarse and fine ones, or both kept apart."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.reversal import GradientReversal
from workbench.engine.video.dist import CLIP_TEMPERATURE, Dist, DistSizes

from .recipe import COARSE, DISENTANGLED

Inputs = dict[str, Tensor]
"""What a body reads of B clips, by name; every tensor has the clips first."""

DIFFERENCE = 3.0
"""How much louder than the frames their differences are given."""
POOLED = (4, 2, 2)
"""Stretches of time, rows and columns that a clip is summed up in: one place for all would hide where things go."""
FINE_WEIGHT, VARIANT_WEIGHT, ALIKE_WEIGHT = 0.5, 0.3, 0.1
HEADS = 4


def differences(told: Tensor) -> Tensor:
    """How each frame of (B, T, …) differs from the one before, the first one not at all."""
    moved = torch.zeros_like(told)
    moved[:, 1:] = DIFFERENCE * (told[:, 1:] - told[:, :-1])
    return moved


class Differencing(nn.Module):
    """A small 3-D convolutional net that is shown frames and how each differs from the one before.

    Reads `clips` (B, T, H, W, 3) of bytes, tells features (B, width). About 55,000 weights as it stands.
    """

    def __init__(self, *, width: int = 56, channels: int = 24, dropout: float = 0.3) -> None:
        super().__init__()
        self.width = width
        self.see = nn.Conv3d(6, channels, (1, 6, 6), stride=(1, 4, 4), padding=(0, 1, 1))
        self.first = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        self.second = nn.Conv3d(channels, 2 * channels, (3, 1, 1), padding=(1, 0, 0))
        self.pool = nn.AdaptiveAvgPool3d(POOLED)
        cells = math.prod(POOLED)
        self.tell = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(2 * channels * cells, width), nn.ReLU())

    def forward(self, inputs: Inputs) -> Tensor:
        clips = inputs["clips"].float() / 255 - 0.5
        seen = torch.cat([clips, differences(clips)], -1).permute(0, 4, 1, 2, 3)  # (B, 6, T, H, W)
        for layer in (self.see, self.first, self.second):
            seen = F.relu(layer(seen))
        told: Tensor = self.tell(self.pool(seen))
        return told


class OverFrames(nn.Module):
    """A small transformer over what a frozen encoder says of each frame and of how it changes.

    Reads `frames` (B, T, E), tells (B, width).
    """

    def __init__(self, described: int, frames: int, *, width: int, dropout: float, layers: int = 2) -> None:
        super().__init__()
        self.width = width
        inner = HEADS * max(8, width // HEADS)
        self.norm = nn.LayerNorm(described)
        self.enter = nn.Linear(2 * described, inner)
        self.places = nn.Parameter(torch.randn(1, frames, inner) * 0.02)
        layer = nn.TransformerEncoderLayer(inner, HEADS, 2 * inner, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(inner), enable_nested_tensor=False)
        self.tell = nn.Linear(inner, width)

    def forward(self, inputs: Inputs) -> Tensor:
        told = self.norm(inputs["frames"])
        seen = self.enter(torch.cat([told, differences(told)], -1)) + self.places
        found: Tensor = self.tell(self.layers(seen).mean(1))
        return found


class DistBody(nn.Module):
    """DiST on what a frozen encoder's blocks say; reads `pixels` (B, F, 3, S, S) and `hidden` (B, T, L, 1 + P, C)."""

    def __init__(self, sizes: DistSizes) -> None:
        super().__init__()
        self.dist, self.width = Dist(sizes), sizes.shared

    def forward(self, inputs: Inputs) -> Tensor:
        hidden = inputs["hidden"].float().flatten(0, 1).unbind(1)
        return self.dist(inputs["pixels"].float(), hidden).features  # type: ignore[no-any-return]


class Pooled(nn.Module):
    """What a frozen video model says of a whole clip, as it is; reads `clip` (B, C)."""

    def __init__(self, described: int) -> None:
        super().__init__()
        self.width = described
        self.norm = nn.LayerNorm(described)

    def forward(self, inputs: Inputs) -> Tensor:
        found: Tensor = self.norm(inputs["clip"])
        return found


class Tuned(nn.Module):
    """A video model that learns as a whole; reads `pixels` (B, T, 3, S, S)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.width = encoder, cast(int, encoder.width)

    def forward(self, inputs: Inputs) -> Tensor:
        found: Tensor = self.encoder(inputs["pixels"])
        return found


# Heads -------------------------------------------------------------------------------------------


class Mover(nn.Module):
    """A body with heads.

    `forward` gives the scores by name: `coarse` (B, K) always; `fine` (B, F) and, where the two are kept apart,
    `variant` (B, V), what the coarse part tells of the variant, through a reversed gradient, and `alike` (B,), the
    squared cosine of the two parts.
    """

    def __init__(self, body: nn.Module, *, heads: str, coarse: int, fine: int, variants: int) -> None:
        super().__init__()
        self.body, self.heads = body, heads
        width = cast(int, body.width)
        self.coarse_part: nn.Module = nn.Linear(width, width) if heads == DISENTANGLED else nn.Identity()
        self.coarse = nn.Linear(width, coarse)
        if heads != COARSE:
            self.fine_part: nn.Module = nn.Linear(width, width) if heads == DISENTANGLED else nn.Identity()
            self.fine = nn.Linear(width, fine)
        if heads == DISENTANGLED:
            self.reverse = GradientReversal()
            self.variant = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, variants))

    def progress(self, fraction: float) -> None:
        """Before each step: a reversed gradient grows stronger."""
        if self.heads == DISENTANGLED:
            self.reverse.progress(fraction)

    def features(self, inputs: Inputs) -> Tensor:
        """What the coarse head reads, (B, width)."""
        told: Tensor = self.coarse_part(self.body(inputs))
        return told

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        seen = self.body(inputs)
        mine = self.coarse_part(seen)
        told = {"coarse": self.coarse(mine)}
        if self.heads != COARSE:
            other = self.fine_part(seen)
            told["fine"] = self.fine(other)
        if self.heads == DISENTANGLED:
            told["variant"] = self.variant(self.reverse(mine))
            told["alike"] = F.cosine_similarity(mine, other, dim=1).square()
        return told


class Namer(nn.Module):
    """A body whose clips are compared with texts: exp(s) times the cosine with each name's vector.

    `coarse_names` (K, dim) and `fine_names` (F, dim) come from a frozen text encoder; a learned map of them, the same
    for all names, begins as no change. `by_variant`: fine names are what is learned, among the `known` ones.
    """

    coarse_names: Tensor
    fine_names: Tensor

    def __init__(
        self, body: nn.Module, coarse_names: Tensor, fine_names: Tensor, *, by_variant: bool, known: list[int]
    ) -> None:
        super().__init__()
        self.body, self.by_variant, self.known = body, by_variant, known
        dim = coarse_names.shape[1]
        self.tell = nn.Linear(cast(int, body.width), dim)
        self.words = nn.Linear(dim, dim)
        nn.init.zeros_(self.words.weight)
        nn.init.zeros_(self.words.bias)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / CLIP_TEMPERATURE)))
        self.register_buffer("coarse_names", F.normalize(coarse_names.detach().float(), dim=-1))
        self.register_buffer("fine_names", F.normalize(fine_names.detach().float(), dim=-1))

    def progress(self, fraction: float) -> None:
        """Nothing here changes with time."""

    def features(self, inputs: Inputs) -> Tensor:
        """The clip's vector in the space of texts, (B, dim), of unit length."""
        return F.normalize(self.tell(self.body(inputs)), dim=-1)

    def _compared(self, clips: Tensor, names: Tensor) -> Tensor:
        return self.scale.exp().clamp(max=100.0) * (clips @ F.normalize(names + self.words(names), dim=-1).T)

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        clips = self.features(inputs)
        if self.by_variant:
            return {"named": self._compared(clips, self.fine_names)}
        return {"coarse": self._compared(clips, self.coarse_names)}


def loss_of(told: dict[str, Tensor], batch: dict[str, Any], known: list[int]) -> Tensor:
    """The summed loss of a batch: cross-entropy of what is named, and what the other heads add with their weights.

    `batch` holds `label` (B,), the coarse or fine class, `fine` (B,) its place among the `known` fine classes, and
    `variant` (B,) its place among those of its coarse class. Names of unknown variants take no part.
    """
    if "named" in told:
        return F.cross_entropy(told["named"][:, known], batch["fine"], reduction="sum")
    loss = F.cross_entropy(told["coarse"], batch["coarse"], reduction="sum")
    if "fine" in told:
        loss = loss + FINE_WEIGHT * F.cross_entropy(told["fine"], batch["fine"], reduction="sum")
    if "variant" in told:
        loss = loss + VARIANT_WEIGHT * F.cross_entropy(told["variant"], batch["variant"], reduction="sum")
        loss = loss + ALIKE_WEIGHT * told["alike"].sum()
    return loss
