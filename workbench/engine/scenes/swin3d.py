"""A Swin transformer for grids in space, its decoder with skips, and masks of blocks (paper 09, section C).

Grids are (B, 4, X, Y, Z); tokens are cubes of `patch` voxels. Names of tensors are ours; those of the published
checkpoint are brought to them by publishedmae.py, so shapes and the order of channels follow it where it matters.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from monai.networks.blocks.dynunet_block import UnetResBlock
from monai.networks.blocks.mlp import MLPBlock
from monai.networks.layers.drop_path import DropPath
from monai.networks.nets.swin_unetr import WindowAttention, compute_mask, window_partition, window_reverse
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError

Sides = tuple[int, int, int]
WINDOW = 4
PERIOD = 10_000.0


def positions(sides: Sides, width: int) -> Tensor:
    """Sine and cosine of each token's place, (X, Y, Z, width) float32; width is a multiple of 6.

    A third of the channels for each axis, the second axis first: the published checkpoint has them in this order, and
    channels that blocks have mixed cannot be put into another one afterwards.
    """
    if width % 6:
        raise InputError("The width does not hold sines and cosines of three axes.", expected="a multiple of 6",
                         received=str(width), fix="Choose 24, 48 or 96.", field="width")  # fmt: skip
    rates = PERIOD ** -(torch.arange(width // 6, dtype=torch.float64) / (width / 6))
    parts = []
    for axis in (1, 0, 2):
        angles = torch.arange(sides[axis], dtype=torch.float64)[:, None] * rates
        waves = torch.cat([angles.sin(), angles.cos()], 1)
        shape = [1, 1, 1, width // 3]
        shape[axis] = sides[axis]
        parts.append(waves.view(shape).expand(*sides, width // 3))
    return torch.cat(parts, -1).float()


@functools.lru_cache(maxsize=16)
def _positions_on(sides: Sides, width: int, device: str) -> Tensor:
    """Positions where they are added: a copy from the host in each pass would make a GPU wait."""
    return positions(sides, width).to(device)


def block_mask(tokens: Sides, block: int, share: float, chance: torch.Generator) -> Tensor:
    """Which tokens are hidden, (X, Y, Z) bool: each block of `block`³ tokens with probability `share`.

    At least one block is hidden and one is seen, since a loss over nothing, or from nothing, teaches nothing.
    """
    counts = [-(-side // block) for side in tokens]
    drawn = torch.rand(counts, generator=chance)
    hidden = drawn < share
    if hidden.all():
        hidden.view(-1)[drawn.argmax()] = False
    if not hidden.any():
        hidden.view(-1)[drawn.argmin()] = True
    for axis in range(3):
        hidden = hidden.repeat_interleave(block, axis)
    return hidden[: tokens[0], : tokens[1], : tokens[2]].contiguous()


def voxel_mask(hidden: Tensor, patch: int) -> Tensor:
    """A mask of tokens (X, Y, Z) as one of voxels, (X·p, Y·p, Z·p)."""
    for axis in range(3):
        hidden = hidden.repeat_interleave(patch, axis)
    return hidden


@functools.lru_cache(maxsize=64)
def _shift_mask(sides: Sides, window: int, shift: Sides, device: str) -> Tensor:
    mask: Tensor = compute_mask(list(sides), (window,) * 3, shift, torch.device(device))  # type: ignore[no-untyped-call]
    return mask


class SwinBlock(nn.Module):
    """Attention within windows, every second time shifted by half a window, then two linear layers."""

    def __init__(self, width: int, heads: int, *, window: int, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, (window,) * 3, qkv_bias=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLPBlock(width, 4 * width, dropout_mode="swin")
        self.drop_path: nn.Module = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, X, Y, Z, C) of any side."""
        tokens = tokens + self.drop_path(self._attended(self.norm1(tokens)))
        found: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return found

    def _attended(self, tokens: Tensor) -> Tensor:
        sides, window = tokens.shape[1:4], self.window
        spare = [-side % window for side in sides]
        if any(spare):
            tokens = F.pad(tokens, (0, 0, 0, spare[2], 0, spare[1], 0, spare[0]))
        padded = (tokens.shape[1], tokens.shape[2], tokens.shape[3])
        # Where one window holds a whole side there is no other window to look into.
        shift = tuple(window // 2 if self.shifted and side > window else 0 for side in padded)
        mask = None
        if any(shift):
            tokens = torch.roll(tokens, [-one for one in shift], (1, 2, 3))
            mask = _shift_mask(padded, window, shift, str(tokens.device))
        looked = self.attn(window_partition(tokens, (window,) * 3), mask)  # type: ignore[no-untyped-call]
        windows = looked.view(-1, window, window, window, tokens.shape[-1])
        tokens = window_reverse(windows, (window,) * 3, [len(tokens), *padded])  # type: ignore[no-untyped-call]
        if any(shift):
            tokens = torch.roll(tokens, list(shift), (1, 2, 3))
        return tokens[:, : sides[0], : sides[1], : sides[2]].contiguous()


class Merging(nn.Module):
    """Eight neighbours become one token of twice the width; the first axis changes fastest among the eight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8 * width)
        self.reduction = nn.Linear(8 * width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, X, Y, Z, C) to (B, ⌈X/2⌉, ⌈Y/2⌉, ⌈Z/2⌉, 2C)."""
        x, y, z = tokens.shape[1:4]
        if x % 2 or y % 2 or z % 2:
            tokens = F.pad(tokens, (0, 0, 0, z % 2, 0, y % 2, 0, x % 2))
        eight = [tokens[:, i::2, j::2, k::2] for k in range(2) for j in range(2) for i in range(2)]
        found: Tensor = self.reduction(self.norm(torch.cat(eight, -1)))
        return found


class Stage(nn.Module):
    """A merging of tokens, except before the first stage, and blocks."""

    def __init__(self, merge: Merging | None, blocks: Sequence[SwinBlock]) -> None:
        super().__init__()
        self.merge = merge
        self.blocks = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of this stage from those of the one before."""
        if self.merge is not None:
            tokens = self.merge(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Swin3d(nn.Module):
    """The encoder: cubes of voxels, positions, a learned token where something is hidden, stages of blocks.

    Stage k has width · 2ᵏ channels and a token for every patch · 2ᵏ voxels. Raises InputError where heads do not
    divide their stage's width.
    """

    def __init__(
        self, *, channels: int = 4, patch: int = 4, width: int = 96, depths: Sequence[int] = (2, 2, 18, 2),
        heads: Sequence[int] = (3, 6, 12, 24), window: int = WINDOW, drop_path: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch, self.width = patch, width
        self.widths = tuple(width * 2**stage for stage in range(len(depths)))
        self.strides = tuple(patch * 2**stage for stage in range(len(depths)))
        _check(self.widths, heads)
        self.embed = nn.Conv3d(channels, width, patch, patch)
        self.embed_norm = nn.LayerNorm(width)
        self.mask_token = nn.Parameter(torch.zeros(width))
        drops = [drop_path * at / max(sum(depths) - 1, 1) for at in range(sum(depths))]
        self.stages = nn.ModuleList()
        for stage, (depth, count) in enumerate(zip(depths, heads, strict=True)):
            blocks = [SwinBlock(self.widths[stage], count, window=window, shifted=bool(at % 2), drop_path=drops.pop(0))
                      for at in range(depth)]  # fmt: skip
            self.stages.append(Stage(Merging(self.widths[stage - 1]) if stage else None, blocks))
        self.apply(_begin)
        nn.init.normal_(self.mask_token, std=0.02)

    def tokens(self, grid: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Tokens (B, X/p, Y/p, Z/p, C) with their positions; hidden ones are the mask's token and carry no position."""
        tokens = self.embed_norm(self.embed(grid).permute(0, 2, 3, 4, 1))
        sides = (tokens.shape[1], tokens.shape[2], tokens.shape[3])
        tokens = tokens + _positions_on(sides, self.width, str(tokens.device)).to(tokens)
        return tokens if hidden is None else torch.where(hidden[None, ..., None], self.mask_token.to(tokens), tokens)

    def forward(self, grid: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Each stage's features (B, C, X, Y, Z) of a grid whose sides are multiples of the patch.

        `hidden` (X/p, Y/p, Z/p) bool is one mask for the whole batch.
        """
        tokens, found = self.tokens(grid, hidden), []
        for stage in self.stages:
            tokens = stage(tokens)
            found.append(tokens.permute(0, 4, 1, 2, 3).contiguous())
        return found


def _check(widths: Sequence[int], heads: Sequence[int]) -> None:
    if len(widths) != len(heads) or any(width % count for width, count in zip(widths, heads, strict=False)):
        raise InputError(
            "The attention heads do not divide the widths of their stages.",
            expected=f"{len(widths)} numbers that divide {', '.join(map(str, widths))}",
            received=", ".join(map(str, heads)), fix="Take 3, 6, 12, … as the paper does.", field="heads",
        )  # fmt: skip


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


# The decoder ------------------------------------------------------------------------------------


class Up(nn.Module):
    """UNETR's up-block: a transposed convolution, the skip beside it where there is one, and a residual block.

    MONAI's UnetrUpBlock always has a skip and no bias before it; the published decoder's last block has no skip, and
    its biases count where a convolution's padding begins.
    """

    def __init__(self, width: int, out: int, *, factor: int, skip: bool = True) -> None:
        super().__init__()
        self.transp_conv = nn.ConvTranspose3d(width, out, factor, factor)
        self.conv_block = UnetResBlock(3, 2 * out if skip else out, out, 3, 1, "instance")

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        """(B, C, X, Y, Z) to (B, out, f·X, f·Y, f·Z), cut to the skip's sides where those are odd."""
        found = self.transp_conv(features)
        if skip is not None:
            x, y, z = skip.shape[2:]
            found = torch.cat([found[:, :, :x, :y, :z], skip], 1)
        blocked: Tensor = self.conv_block(found)
        return blocked


class Decoder(nn.Module):
    """From the stages' features back to voxels, with half the encoder's width at full size."""

    def __init__(self, widths: Sequence[int], *, patch: int) -> None:
        super().__init__()
        self.out_width = widths[0] // 2
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        self.ups = nn.ModuleList([Up(deep, shallow, factor=2) for deep, shallow in reversed(pairs)])
        self.last = Up(widths[0], self.out_width, factor=patch, skip=False)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features (B, C, …) of every stage to (B, width / 2, X, Y, Z)."""
        found = features[-1]
        for up, skip in zip(self.ups, reversed(features[:-1]), strict=True):
            found = up(found, skip)
        last: Tensor = self.last(found)
        return last
