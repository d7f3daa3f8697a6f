"""What training does to clips: crops, colours and mirrors of each clip as a whole, and blends of two clips."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .recipe import DistImageToVideo

MIRRORED = (("left", "right"), ("leftwards", "rightwards"), ("clockwise", "counter-clockwise"))
"""Words that change places when a clip is mirrored."""
GREY = (0.299, 0.587, 0.114)


def mirrored_classes(names: Sequence[str]) -> list[int]:
    """The class of each class's mirror image: another one where its name tells left from right.

    −1 where there is no class of that name: such a clip must not be mirrored.
    """
    swaps = {one: other for pair in MIRRORED for one, other in (pair, pair[::-1])}
    word = re.compile(r"(?<![\w-])(" + "|".join(sorted(map(re.escape, swaps), key=len, reverse=True)) + r")(?![\w-])")
    places = {name.lower(): at for at, name in enumerate(names)}
    return [places.get(word.sub(lambda found: swaps[found[1]], name.lower()), -1) for name in names]


@dataclasses.dataclass(frozen=True)
class Mirrors:
    """For each task, the class that each class becomes."""

    classes: Mapping[str, Tensor]

    @classmethod
    def of(cls, tasks: Mapping[str, Sequence[str]]) -> Mirrors:
        """From the names of each task's classes."""
        return cls({name: torch.tensor(mirrored_classes(names)) for name, names in tasks.items()})


def altered(
    frames: Tensor, labels: Mapping[str, Tensor], params: DistImageToVideo, mirrors: Mirrors
) -> tuple[Tensor, dict[str, Tensor]]:
    """Clips (B, T, H, W, 3) uint8 and their classes (B,), changed as the knobs say; all frames of a clip alike.

    Chance is torch's, so that a run that goes on draws what it would have drawn.
    """
    labels = dict(labels)
    if params.flip:
        frames, labels = _mirrored(frames, labels, mirrors)
    if params.crop < 1:
        frames = torch.stack([_cropped(one, params.crop) for one in frames])
    if params.jitter or params.grey:
        frames = torch.stack([_coloured(one, params.jitter, params.grey) for one in frames])
    return frames, labels


def _mirrored(
    frames: Tensor, labels: dict[str, Tensor], mirrors: Mirrors
) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
    becomes = {name: mirrors.classes[name][one] for name, one in labels.items()}
    turned = torch.rand(len(frames)) < 0.5
    for one in becomes.values():
        turned &= one >= 0
    found = torch.where(turned[:, None, None, None, None], frames.flip(3), frames)
    return found, {name: torch.where(turned, becomes[name], one) for name, one in labels.items()}


def _cropped(clip: Tensor, least: float) -> Tensor:
    """A part of `least` to all of the area, about as wide as high, at the clip's own size."""
    high, wide = clip.shape[1:3]
    share = float(torch.empty(()).uniform_(least, 1)) ** 0.5
    stretch = float(torch.empty(()).uniform_(-0.285, 0.285).exp()) ** 0.5  # from 3 : 4 to 4 : 3
    rows = min(high, max(1, round(high * share * stretch)))
    columns = min(wide, max(1, round(wide * share / stretch)))
    top, left = (int(torch.randint(whole - part + 1, ())) for whole, part in ((high, rows), (wide, columns)))
    part = clip[:, top : top + rows, left : left + columns].permute(0, 3, 1, 2).float()
    found = F.interpolate(part, (high, wide), mode="bilinear", antialias=True, align_corners=False)
    return found.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _coloured(clip: Tensor, jitter: float, grey: float) -> Tensor:
    """Brightness and contrast by up to 1 ± jitter, saturation by half of that; grey now and then. Hue stays."""
    brightness, contrast = (float(one) for one in torch.empty(2).uniform_(1 - jitter, 1 + jitter))
    saturation = float(torch.empty(()).uniform_(1 - jitter / 2, 1 + jitter / 2))
    if float(torch.rand(())) < grey:
        saturation = 0.0
    held = clip.float() * brightness
    mean = (held @ held.new_tensor(GREY)).mean()
    held = (held - mean) * contrast + mean
    plain = (held @ held.new_tensor(GREY))[..., None]
    return ((held - plain) * saturation + plain).round().clamp(0, 255).to(torch.uint8)


# Two clips in one ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Blend:
    """How a batch is mixed with itself: each clip's partner, its own share, and the box of cutmix (empty: mixup)."""

    partners: Tensor
    share: float
    box: tuple[int, int, int, int] | None = None


def drawn(count: int, edge: int, params: DistImageToVideo) -> Blend | None:
    """A blend of `count` clips whose frames are `edge` pixels wide and high; None where none is asked for.

    Where both are on, each batch gets one of them (Zhang and others, 2018; Yun and others, 2019).
    """
    kinds = [one for one in (params.mixup, params.cutmix) if one > 0]
    if not kinds:
        return None
    cut = params.cutmix > 0 and (params.mixup <= 0 or float(torch.rand(())) < 0.5)
    alpha = params.cutmix if cut else params.mixup
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    partners = torch.randperm(count)
    if not cut:
        return Blend(partners, share)
    side = (1 - share) ** 0.5
    middle = torch.rand(2)
    low = [max(0, round((float(one) - side / 2) * edge)) for one in middle]
    high = [min(edge, round((float(one) + side / 2) * edge)) for one in middle]
    box = (low[0], high[0], low[1], high[1])
    inside = (box[1] - box[0]) * (box[3] - box[2])
    return Blend(partners, 1 - inside / edge**2, box)


def blended(pixels: Tensor, blend: Blend | None) -> Tensor:
    """Prepared frames (B, T, 3, S, S), each clip with its partner's in it."""
    if blend is None:
        return pixels
    partners = pixels[blend.partners.to(pixels.device)]
    if blend.box is None:
        return pixels * blend.share + partners * (1 - blend.share)
    top, bottom, left, right = blend.box
    found = pixels.clone()
    found[..., top:bottom, left:right] = partners[..., top:bottom, left:right]
    return found


def targets(labels: Tensor, classes: int, smoothing: float, blend: Blend | None) -> Tensor:
    """Soft targets (B, classes) that sum to 1: smoothed, and shared with the partner's class as the pixels are."""
    sure = F.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes
    if blend is None:
        return sure
    return sure * blend.share + sure[blend.partners.to(labels.device)] * (1 - blend.share)
