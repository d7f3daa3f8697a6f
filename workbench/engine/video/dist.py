"""Disentangled space and time (DiST): a frozen image encoder beside a narrow 3D encoder that sees more frames.

Qing and others, Disentangling Spatial and Temporal Learning for Efficient Image-to-Video Transfer Learning, ICCV
2023. Written from the paper's description; B clips, F frames of a clip, T = F / gamma frames that the image
encoder sees, h · w patches of a frame, C the image encoder's width, D the integration branch's, W the temporal one's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError

HEAD_WIDTH = 64
"""Width of an attention head in the pooling: CLIP's own."""
CLIP_TEMPERATURE = 0.07
"""The temperature that CLIP's own training starts from; cosines are multiplied with its reciprocal. Every published
CLIP has ended at 100."""


@dataclasses.dataclass(frozen=True)
class DistSizes:
    """How large the new networks are; the defaults are the paper's for CLIP ViT-B/16 and Something-Something v2.

    The temporal encoder's patches are the image encoder's own. (The published configurations of ViT-L/14 keep 16
    pixels there, which gives another grid than the image encoder has.) `taps` are the image encoder's blocks whose
    outputs are read, from 0; empty: all.
    """

    channels: int = 768
    blocks: int = 12
    patch: int = 16
    grid: int = 14
    frames: int = 16
    gamma: int = 2
    integration: int = 384
    temporal: int = 96
    repeats: int = 2
    shared: int = 512
    """Width of the space that images and texts share; 0 leaves the D features, for a head of the caller's."""
    taps: tuple[int, ...] = ()
    spread: float = 0.02
    """Deviation of the first weights: the paper's. 0 lets it follow from each layer's inputs (torch's own): where
    networks are far narrower than the paper's, 0.02 says next to nothing."""

    def __post_init__(self) -> None:
        if self.frames % self.gamma:
            raise InputError(
                "The image encoder cannot see every frame that it should.", expected=f"a multiple of {self.gamma}",
                received=f"{self.frames} frames", fix="Change the frames, or the ratio gamma.", field="frames",
            )  # fmt: skip
        if any(not 0 <= one < self.blocks for one in self.taps):
            raise InputError(
                "This image encoder has fewer blocks.", expected=f"blocks from 0 to {self.blocks - 1}",
                received=str(self.taps), fix="Read other blocks.", field="taps",
            )  # fmt: skip

    @property
    def seen(self) -> int:
        """T, the frames of a clip that the image encoder sees: every gamma-th, from the first."""
        return self.frames // self.gamma

    @property
    def read(self) -> tuple[int, ...]:
        """The blocks whose outputs are read."""
        return self.taps or tuple(range(self.blocks))


def begin(module: nn.Module, spread: float = 0.02) -> None:
    """Weights from a normal distribution of deviation `spread`, cut off, or as they are for 0; biases 0."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv3d)):
            if spread:
                nn.init.trunc_normal_(part.weight, std=spread)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        if isinstance(part, nn.MultiheadAttention):
            if spread:
                nn.init.trunc_normal_(part.in_proj_weight, std=spread)
            nn.init.zeros_(part.in_proj_bias)


class QuickGelu(nn.Module):
    """x · sigmoid(1.702 x), CLIP's activation, by the one operation that keeps a single tensor for its gradient."""

    def forward(self, held: Tensor) -> Tensor:
        """The same shape."""
        return F.silu(1.702 * held) / 1.702


class TemporalBlock(nn.Module):
    """z + space(QuickGELU(time(LN(z)))), then QuickGELU: 3×1×1 before 1×3×3, in (B, W, F, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.time = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0))
        self.space = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1))
        self.act = QuickGelu()

    def forward(self, held: Tensor) -> Tensor:
        normal = self.norm(held.movedim(1, -1)).movedim(-1, 1)
        found: Tensor = self.act(held + self.space(self.act(self.time(normal))))
        return found


def pointwise(layer: nn.Conv3d, rows: Tensor) -> Tensor:
    """A convolution whose kernel covers its inputs without overlap, on rows (…, in · kernel) to (…, out)."""
    return F.linear(rows, layer.weight.flatten(1), layer.bias)


class OverTime(nn.Module):
    """Each token along time: down to a quarter, 3×1×1, QuickGELU, back up; (B, T, N, D) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // 4)
        self.down = nn.Conv3d(width, narrow, 1)
        self.time = nn.Conv3d(narrow, narrow, (3, 1, 1), padding=(1, 0, 0))
        self.up = nn.Conv3d(narrow, width, 1)
        self.act = QuickGelu()

    def forward(self, tokens: Tensor) -> Tensor:
        # A convolution of one place is a linear layer; only what is narrow is turned to have its channels first.
        narrow = pointwise(self.down, tokens).permute(0, 3, 1, 2)[..., None]  # (B, D / 4, T, N, 1)
        return pointwise(self.up, self.act(self.time(narrow))[..., 0].permute(0, 2, 3, 1))


class Exchange(nn.Module):
    """One layer of the integration branch: space and time told to each other, both as they were before."""

    def __init__(self, sizes: DistSizes) -> None:
        super().__init__()
        wide, narrow = sizes.integration, sizes.temporal
        self.gamma, self.grid = sizes.gamma, sizes.grid
        self.block = TemporalBlock(narrow)
        self.space = nn.Linear(sizes.channels, wide)
        self.up = nn.Linear(wide, narrow)
        self.down = nn.Conv3d(narrow, wide, (sizes.gamma, 1, 1), stride=(sizes.gamma, 1, 1))
        self.cls = nn.Parameter(torch.zeros(sizes.seen, wide))
        self.norm = nn.LayerNorm(wide)
        self.forth = nn.Sequential(nn.Linear(wide, wide), QuickGelu(), nn.Linear(wide, wide))
        self.over_time = OverTime(wide)

    def forward(self, time: Tensor, hidden: Tensor, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, W, F, h, w), the block's output (B, T, 1 + h · w, C) and the residue (B, T, 1 + h · w, D), 0 at first.

        Returns the temporal encoder's next state, the mixture and the next residue.
        """
        time = self.block(time)
        mixed = self.space(hidden) + rest
        up = self.up(mixed[:, :, 1:]).unflatten(2, (self.grid, self.grid)).permute(0, 4, 1, 2, 3)
        pairs = time.reshape(*time.shape[:2], -1, self.gamma, *time.shape[3:]).permute(
            0, 2, 4, 5, 1, 3
        )  # (B, T, h, w, W, gamma)
        down = pointwise(self.down, pairs.flatten(4).flatten(2, 3))  # (B, T, h · w, D)
        heads = self.cls[None, :, None].expand(len(down), -1, -1, -1)
        mixed, time = mixed + torch.cat([heads, down], 2), time + up.repeat_interleave(self.gamma, 2)
        normal = self.norm(mixed)
        return time, mixed, self.forth(normal) + self.over_time(normal)


class Look(nn.Module):
    """A query that looks at tokens (cross-attention, normalised apart), then an MLP of four times the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        if width > HEAD_WIDTH and width % HEAD_WIDTH:
            raise InputError(
                "The integration branch cannot be divided into heads.",
                expected=f"at most {HEAD_WIDTH}, or a multiple of it", received=str(width), fix="Choose a multiple.",
                field="integration",
            )  # fmt: skip
        self.norm_query, self.norm_key, self.norm_value = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, max(1, width // HEAD_WIDTH), batch_first=True)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), QuickGelu(), nn.Linear(4 * width, width)
        )

    def forward(self, query: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, D) over (N, M, D): the query after, and its weights (N, M), the heads' mean."""
        seen, weights = self.attention(self.norm_query(query), self.norm_key(tokens), self.norm_value(tokens))
        query = query + seen
        return query + self.mlp(query), weights[:, 0]


class Pooling(nn.Module):
    """A spatial query over each frame's tokens, a temporal query over what it found, `repeats` times."""

    def __init__(self, width: int, frames: int, repeats: int) -> None:
        super().__init__()
        self.space_query, self.time_query = (nn.Parameter(torch.zeros(1, 1, width)) for _ in range(2))
        self.places = nn.Parameter(torch.zeros(1, frames, width))
        self.space = nn.ModuleList(Look(width) for _ in range(repeats))
        self.time = nn.ModuleList(Look(width) for _ in range(repeats))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, N, D) to (B, D), and the last spatial query's weights (B, T, N)."""
        clips, frames = tokens.shape[:2]
        flat = tokens.flatten(0, 1)
        query = self.space_query.expand(len(flat), -1, -1)
        whole = self.time_query.expand(clips, -1, -1)
        weights = flat.new_zeros(flat.shape[:2])
        for space, time in zip(self.space, self.time, strict=True):
            query, weights = space(query, flat)
            whole, _ = time(whole, query[:, 0].unflatten(0, (clips, frames)) + self.places)
        return whole[:, 0], weights.view(clips, frames, -1)


@dataclasses.dataclass(frozen=True)
class Seen:
    """A clip as DiST describes it: `features` (B, shared or D), and the spatial query's weights (B, T, h, w)."""

    features: Tensor
    attention: Tensor


class Dist(nn.Module):
    """The new networks of DiST; the image encoder stays outside, and no gradient reaches it."""

    def __init__(self, sizes: DistSizes) -> None:
        super().__init__()
        self.sizes = sizes
        patch = sizes.patch
        self.stem = nn.Conv3d(3, sizes.temporal, (5, patch, patch), stride=(1, patch, patch), padding=(2, 0, 0))
        self.layers = nn.ModuleList(Exchange(sizes) for _ in sizes.read)
        self.pooling = Pooling(sizes.integration, sizes.seen, sizes.repeats)
        self.space = nn.Linear(sizes.channels, sizes.integration)
        self.norm = nn.LayerNorm(sizes.integration)
        self.project = nn.Linear(sizes.integration, sizes.shared, bias=False) if sizes.shared else nn.Identity()
        begin(self, sizes.spread)
        loose = [self.pooling.space_query, self.pooling.time_query, self.pooling.places]
        for one in (*loose, *(layer.cls for layer in self.layers)):
            nn.init.trunc_normal_(one, std=0.02)  # type: ignore[arg-type]

    def forward(self, pixels: Tensor, hidden: Sequence[Tensor]) -> Seen:
        """Normalised frames (B, F, 3, S, S), and each image block's output (B · T, 1 + h · w, C) for every gamma-th.

        `hidden` are outputs of blocks, in their order, before the image encoder's last norm; those that `sizes` does
        not read may be there all the same.
        """
        sizes = self.sizes
        if len(hidden) != sizes.blocks or pixels.shape[1] != sizes.frames:
            raise ValueError(f"{sizes.blocks} blocks and {sizes.frames} frames are read, not {len(hidden)} and "
                             f"{pixels.shape[1]}")  # fmt: skip
        seen = [one.detach().view(len(pixels), sizes.seen, *one.shape[1:]) for one in hidden]
        time = self.stem(pixels.transpose(1, 2))
        mixed = rest = torch.zeros(())
        for at, layer in zip(sizes.read, self.layers, strict=True):
            time, mixed, rest = layer(time, seen[at], rest)
        pooled, weights = self.pooling(rest + mixed)
        pooled = pooled + self.space(seen[-1][:, :, 0].mean(1))
        features: Tensor = self.project(self.norm(pooled))
        return Seen(features, weights[:, :, 1:].reshape(len(pixels), sizes.seen, sizes.grid, sizes.grid))


class TextLogits(nn.Module):
    """Classes as frozen vectors of their names: exp(s) times the cosine; s is learned on from `scale` = exp(s)."""

    names: Tensor

    def __init__(self, names: Tensor, scale: float = 1 / CLIP_TEMPERATURE) -> None:
        super().__init__()
        self.register_buffer("names", F.normalize(names.detach().float(), dim=-1))
        self.scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim) to (B, classes)."""
        return self.scale.exp() * (F.normalize(features, dim=-1) @ self.names.T)


def soft_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed cross-entropy (B, classes) with soft targets, as mixed clips and smoothed labels have them."""
    return -(targets * F.log_softmax(logits.float(), -1)).sum()


def parts(network: nn.Module) -> Mapping[str, int]:
    """How many numbers each of a network's parts holds."""
    return {name: sum(one.numel() for one in part.parameters()) for name, part in network.named_children()}
