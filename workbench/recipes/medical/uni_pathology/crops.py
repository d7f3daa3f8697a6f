"""Random views of tiles for self-distillation: crops, turns and colour, for a whole batch at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, by channel, as the paper's encoder takes them."""
_GREY = (0.299, 0.587, 0.114)


def normalised(tiles: Tensor) -> Tensor:
    """Bytes or 0 … 1 (B, 3, H, W) as the encoder sees them."""
    values = tiles.float() / 255 if tiles.dtype == torch.uint8 else tiles
    mean, spread = (torch.tensor(one, device=tiles.device)[:, None, None] for one in (MEAN, SPREAD))
    return (values - mean) / spread


def views(
    tiles: Tensor, size: int, area: tuple[float, float], chance: torch.Generator, *, stain: float = 0.0
) -> Tensor:
    """One random crop of each tile: 0 … 1 (B, 3, H, W) to (B, 3, size, size), changed in colour, not normalised.

    `stain` is how far its dyes are changed (see `stained`); 0 leaves them.
    """
    images = cropped(tiles, size, area, chance)
    return coloured(stained(images, stain, chance) if stain else images, chance)


def stained(images: Tensor, spread: float, chance: torch.Generator) -> Tensor:
    """As if by other dyes and another scanner: optical densities of the channels mixed, each image in its own way.

    Densities add up where light passes several dyes (Beer and Lambert), so a matrix near the identity, whose entries
    differ from it by normal deviates of `spread`, is another staining of the same tissue. After the stain
    augmentation of Tellez and others (2018), which scales haematoxylin and eosin alone.
    """
    mixing = torch.eye(3) + spread * torch.randn(len(images), 3, 3, generator=chance)
    density = -images.clamp(min=1 / 255).log()
    return torch.exp(-torch.einsum("bij,bjhw->bihw", mixing, density)).clamp(0, 1)


def cropped(tiles: Tensor, size: int, area: tuple[float, float], chance: torch.Generator) -> Tensor:
    """Crops of a random share of the tile's area, a random shape (3 : 4 … 4 : 3), turned by 90° and mirrored."""
    count = len(tiles)

    def draw(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=chance) * (high - low) + low

    share, shape = draw(*area).sqrt(), (draw(math.log(3 / 4), math.log(4 / 3)) / 2).exp()
    wide, high = (share * shape).clamp(max=1), (share / shape).clamp(max=1)
    over, down = draw(-1, 1) * (1 - wide), draw(-1, 1) * (1 - high)
    turn = torch.randint(4, (count,), generator=chance) * (math.pi / 2)
    flip = torch.randint(2, (count,), generator=chance) * 2.0 - 1
    c, s = turn.cos().round(), turn.sin().round()
    rows = [torch.stack([wide * c * flip, -wide * s, over], 1), torch.stack([high * s * flip, high * c, down], 1)]
    places = F.affine_grid(torch.stack(rows, 1), [count, 3, size, size], align_corners=False)
    return F.grid_sample(tiles, places, mode="bilinear", padding_mode="reflection", align_corners=False)


def coloured(images: Tensor, chance: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue of most, none of the colour of a fifth, half of them blurred."""
    count = len(images)

    def draw(spread: float, share: float) -> Tensor:
        value = (torch.rand(count, generator=chance) * 2 - 1) * spread
        return torch.where(torch.rand(count, generator=chance) < share, value, 0.0)[:, None, None, None]

    bright, contrast, saturation, hue = (draw(one, 0.8) for one in (0.3, 0.4, 0.3, 0.5))
    grey_only = torch.rand(count, generator=chance) < 0.2
    images = images * (1 + bright)
    middle = images.mean((1, 2, 3), keepdim=True)
    images = (images - middle) * (1 + contrast) + middle
    weights = torch.tensor(_GREY)[:, None, None]
    grey = (images * weights).sum(1, keepdim=True)
    colour = (images - grey) * (1 + saturation)
    colour = hue.cos() * colour + hue.sin() * (colour.roll(1, 1) - colour.roll(-1, 1)) / math.sqrt(3)
    images = grey + torch.where(grey_only[:, None, None, None], torch.zeros(()), colour)
    sigma = torch.rand(count, generator=chance) * 1.2 + 0.1
    soft = torch.rand(count, generator=chance) < 0.5
    return torch.where(soft[:, None, None, None], _blurred(images, sigma), images).clamp(0, 1)


def _blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of 5 × 5, each image with its own sigma (px)."""
    count, channels, high, wide = images.shape
    steps = torch.arange(-2, 3)[None]
    kernel = torch.exp(-(steps**2) / (2 * sigma[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = F.pad(images, (2, 2, 2, 2), mode="reflect").reshape(1, count * channels, high + 4, wide + 4)
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=count * channels)
    return F.conv2d(flat, kernel[:, None, :, None], groups=count * channels).reshape(images.shape)
