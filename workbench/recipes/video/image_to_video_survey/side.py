"""Side-tuning, F4: small networks beside the frozen image model, fed by what its blocks give."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.video.dist import Dist, DistSizes, Exchange
from workbench.engine.video.imagelanguage import ImageLanguage

from .base import Encoded, Frozen, Options, Seen
from .frozen import zeroed


class Rung(nn.Module):
    """One rung: a gate mixes what comes from below with a block's output; then along time, then an MLP."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(()))
        self.take = nn.Linear(channels, width)
        self.norm_time, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.time = nn.Conv1d(width, width, 3, padding=1)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, below: Tensor, block: Tensor) -> Tensor:
        """(B, T, N, w) and the block's output (B, T, N, C)."""
        share = torch.sigmoid(self.gate)
        held = share * self.take(block) + (1 - share) * below
        clips, _, tokens, _ = held.shape
        rows = self.norm_time(held).permute(0, 2, 3, 1).flatten(0, 1)  # (B · N, w, T)
        held = held + self.time(rows).unflatten(0, (clips, tokens)).permute(0, 3, 1, 2)
        found: Tensor = held + self.mlp(self.norm(held))
        return found


class Ladder(Frozen):
    """F4 as a ladder (LST, Sung and others, NeurIPS 2022) whose rungs also look along time."""

    needs = "blocks"

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        width = self.narrow = max(4, self.width // options.ladder)
        self.rungs = nn.ModuleList(Rung(self.width, width) for _ in range(int(backbone.layers)))
        self.norm = nn.LayerNorm(width)
        self.out = zeroed(nn.Linear(width, self.dim))

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        held = torch.zeros((), device=pixels.device)
        for rung, block in zip(self.rungs, seen.blocks, strict=True):
            held = rung(held.expand(*block.shape[:-1], self.narrow), block)
        frames = F.normalize(seen.frames, dim=-1) + self.out(self.norm(held.mean(2)))
        return Encoded(frames.mean(1), frames)


class DistSide(Frozen):
    """F4 as DiST (paper 05): a narrow 3D encoder exchanges with the blocks' outputs; both see all T frames."""

    needs = "blocks"
    starts_as_zero_shot = False

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.dist = Dist(DistSizes(
            channels=self.width, blocks=int(backbone.layers), patch=int(backbone.patch),
            grid=int(backbone.image_px) // int(backbone.patch), frames=options.frames, gamma=1,
            integration=options.integration, temporal=options.temporal, repeats=2, shared=self.dim,
        ))  # fmt: skip
        # What the last exchange would tell the temporal encoder is read by nobody: it does not count as learning.
        last: Exchange = self.dist.layers[-1]  # type: ignore[assignment]
        last.up.requires_grad_(False)

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        found = self.dist(pixels, [one.flatten(0, 1) for one in seen.blocks]).features
        return Encoded(F.normalize(found, dim=-1), seen.frames + found[:, None])
