"""The paper's network and its baselines: encoder, ASPP, residual decoder with channel attention.

Source: arXiv 2501.11196 (ResUNet, EfficientNet-B0 encoder, ASPP, channel attention). Widths, ratios
and dilations beyond the abstract are our own specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from monai.networks.blocks.squeeze_and_excitation import ChannelSELayer
from monai.networks.nets.efficientnet import EfficientNet, efficientnet_params
from torch import Tensor, nn
from torch.nn import functional as F

EncoderName = Literal["residual", "half", "b0", "b1", "b2", "b3", "b4"]
Attention = Literal["none", "SE", "CBAM"]

_BLOCKS = (
    "r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e6_i16_o24_se0.25", "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25", "r3_k5_s11_e6_i80_o112_se0.25", "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)  # fmt: skip
"""EfficientNet-B0's blocks (Tan and Le 2019), as MONAI's EfficientNetBNFeatures writes them."""
_NORM = ("batch", {"eps": 1e-3, "momentum": 0.1})
"""MONAI's momentum of 0.01 leaves 13 % of the initial statistics after 200 steps: short runs from scratch would
be tested with statistics that are not theirs."""


class EfficientEncoder(EfficientNet):
    """MONAI's EfficientNet as an encoder: features at 1/2, 1/4, 1/8, 1/16 and 1/32.

    `half` is width and depth 0.5 of B0. The classifier's own layers are dropped.
    """

    def __init__(self, name: EncoderName, channels: int, size: int) -> None:
        width, depth, drop = (0.5, 0.5, 0.0) if name == "half" else _coefficients(name)
        super().__init__(
            list(_BLOCKS), 2, channels, 1, width, depth, image_size=size, norm=_NORM, drop_connect_rate=drop
        )
        del self._conv_head, self._conv_head_padding, self._avg_pooling, self._bn1, self._dropout, self._fc
        self.widths = [block.output_filters for block in (self._blocks_args[k] for k in (0, 1, 2, 4, 6))]

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """(B, C, H, W) to five maps, finest first."""
        x = self._swish(self._bn0(self._conv_stem(self._conv_stem_padding(inputs))))
        found = []
        for number, block in enumerate(self._blocks, 1):
            x = block(x)
            if number in self.extract_stacks:
                found.append(x)
        return found


def _coefficients(name: str) -> tuple[float, float, float]:
    width, depth, _, _, drop = efficientnet_params[f"efficientnet-{name}"]
    return width, depth, drop


class ResidualBlock(nn.Module):
    """[conv 3×3, norm, ReLU] × 2 beside a 1×1 shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        total: Tensor = self.body(x) + self.shortcut(x)
        return total


class ResidualEncoder(nn.Module):
    """The plain encoder of the ResUNet baseline: two residual blocks at each of five scales."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        before = [channels, *widths[:-1]]
        self.stages = nn.ModuleList(
            nn.Sequential(ResidualBlock(a, b, stride=2), ResidualBlock(b, b))
            for a, b in zip(before, widths, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to five maps, finest first."""
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class PooledASPP(nn.Module):
    """Atrous spatial pyramid pooling with the global pooling branch that MONAI's SimpleASPP lacks.

    Source: Chen et al. 2017 (DeepLabv3): a 1×1 branch, a 3×3 branch per dilation, global pooling;
    concatenated and mixed by 1×1.
    """

    def __init__(self, inputs: int, outputs: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.one = _conv_norm(inputs, outputs, 1)
        self.dilated = nn.ModuleList(_conv_norm(inputs, outputs, 3, dilation=step) for step in dilations)
        # No norm: with one value per channel and image it would have nothing to measure.
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, outputs, 1), nn.ReLU(inplace=True))
        self.mix = _conv_norm(outputs * (2 + len(dilations)), outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        pooled = self.pooled(x).expand(-1, -1, *x.shape[2:])
        mixed: Tensor = self.mix(torch.cat([self.one(x), *(one(x) for one in self.dilated), pooled], 1))
        return mixed


def _conv_norm(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )  # fmt: skip


def fitting_dilations(side: int) -> tuple[int, ...]:
    """DeepLab's 6, 12 and 18 where the map is wide enough for them; 1, 2 and 4 on the small maps of desk sizes.

    A tap further away than the map is wide sees padding alone.
    """
    return (6, 12, 18) if side > 18 else (1, 2, 4)


class ChannelAttention(ChannelSELayer):
    """s = sigmoid(W2 ReLU(W1 GAP(x))), y = s · x; with `peaks` the global maximum goes through the same W (CBAM).

    Sources: Hu et al. 2018 (squeeze and excitation), Woo et al. 2018 (CBAM's channel part).
    """

    def __init__(self, channels: int, *, peaks: bool) -> None:
        super().__init__(2, channels, r=max(1, min(16, channels // 4)))
        self.peaks = peaks

    def weights(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C), 0 to 1."""
        body = self.fc[:-1]
        total = body(x.mean((2, 3)))
        if self.peaks:
            total = total + body(x.amax((2, 3)))
        return cast(Tensor, total.sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), each channel by its weight."""
        return x * self.weights(x)[:, :, None, None]


class Decoder(nn.Module):
    """Five steps up: bilinear × 2, the skip beside (none at the last), a residual block, channel attention."""

    def __init__(self, inputs: int, skips: Sequence[int], widths: Sequence[int], attention: Attention) -> None:
        super().__init__()
        before = [inputs, *widths[:-1]]
        beside = [*reversed(skips), 0]
        self.blocks = nn.ModuleList(
            ResidualBlock(a + s, b) for a, s, b in zip(before, beside, widths, strict=True)
        )  # fmt: skip
        self.attention = nn.ModuleList(
            nn.Identity() if attention == "none" else ChannelAttention(width, peaks=attention == "CBAM")
            for width in widths
        )

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The deepest map and the skips, finest first, to (B, widths[-1], H, W)."""
        beside: list[Tensor | None] = [*reversed(skips), None]
        for block, attend, skip in zip(self.blocks, self.attention, beside, strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = attend(block(x if skip is None else torch.cat([x, skip], 1)))
        return x


class TumourNet(nn.Module):
    """Encoder, ASPP or none, decoder, 1×1 head: (B, C, H, W) to logits (B, K, H, W); sides are multiples of 32."""

    def __init__(
        self,
        encoder: EfficientEncoder | ResidualEncoder,
        *,
        regions: int,
        widths: Sequence[int],
        attention: Attention = "SE",
        aspp: int = 0,
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        deepest = encoder.widths[-1]
        self.aspp: nn.Module = PooledASPP(deepest, aspp, dilations) if aspp else nn.Identity()
        self.decoder = Decoder(aspp or deepest, encoder.widths[:-1], widths, attention)
        self.head = nn.Conv2d(widths[-1], regions, 1)
        # Few pixels are tumour: starting at 5 % keeps the first steps from unlearning a bias.
        nn.init.constant_(cast(Tensor, self.head.bias), -3.0)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of each region."""
        *skips, deepest = self.encoder(x)
        logits: Tensor = self.head(self.decoder(self.aspp(deepest), skips))
        return logits
