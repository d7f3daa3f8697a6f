"""The networks: a backbone (Swin with its decoder, or a plain U-Net), the masked autoencoder, and the tasks' heads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.blocks.dynunet_block import UnetResBlock
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError
from workbench.engine.published import read_tensors
from workbench.engine.scenes.detection import Head, Pyramid, Said
from workbench.engine.scenes.publishedmae import load_published
from workbench.engine.scenes.swin3d import Decoder, Sides, Swin3d, Up, voxel_mask

from .data import SEEN_ALPHA
from .recipe import UNET, UNWEIGHTED, NerfMae

LEAST_ALPHA = 1e-6


class SwinBackbone(nn.Module):
    """The transformer and its decoder, by the names of the pretrained weights."""

    def __init__(self, params: NerfMae) -> None:
        super().__init__()
        self.encoder = Swin3d(
            patch=params.patch, width=params.width, depths=numbers(params.depths, "depths"),
            heads=numbers(params.heads, "heads"), window=params.window, drop_path=params.drop_path,
        )  # fmt: skip
        self.decoder = Decoder(self.encoder.widths, patch=params.patch)
        self.widths, self.strides = self.encoder.widths, self.encoder.strides
        self.out_width = self.decoder.out_width

    def features(self, grid: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Features (B, C_k, …) of a grid (B, 4, S, S, S), the last ones at `strides`."""
        found: list[Tensor] = self.encoder(grid, hidden)
        return found

    def decoded(self, features: Sequence[Tensor]) -> Tensor:
        """Features to (B, out_width, S, S, S)."""
        found: Tensor = self.decoder(features)
        return found


class ConvUnet(nn.Module):
    """A plain U-Net of residual blocks with a skip at every size, as wide as the transformer at equal strides.

    Its first stride is the greatest power of two within the patch, so that detectors of both look at equal places.
    """

    def __init__(self, params: NerfMae) -> None:
        super().__init__()
        self.out_width = params.width // 2
        self.widths = (params.width, 2 * params.width, 4 * params.width)
        halvings = params.patch.bit_length() - 1
        self.strides = (2**halvings, 2 ** (halvings + 1), 2 ** (halvings + 2))
        sizes = (*(params.width // 2,) * halvings, *self.widths)
        self.stem = UnetResBlock(3, 4, sizes[0], 3, 1, "instance")
        pairs = list(itertools.pairwise(sizes))
        self.downs = nn.ModuleList([UnetResBlock(3, one, other, 3, 2, "instance") for one, other in pairs])
        self.ups = nn.ModuleList([Up(deep, shallow, factor=2) for shallow, deep in reversed(pairs)])

    def features(self, grid: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        found = [self.stem(grid)]
        for down in self.downs:
            found.append(down(found[-1]))
        return found

    def decoded(self, features: Sequence[Tensor]) -> Tensor:
        found = features[-1]
        for up, skip in zip(self.ups, reversed(features[:-1]), strict=True):
            found = up(found, skip)
        return found


def numbers(words: str, field: str) -> tuple[int, ...]:
    """Numbers from a knob's text; raises InputError where there are none."""
    found = tuple(int(word) for word in words.replace(",", " ").split() if word.isdigit())
    if not found or len(found) != len(words.replace(",", " ").split()) or min(found) < 1:
        raise InputError("These are no numbers.", expected="whole numbers above 0, such as '2, 2, 2'", received=words,
                         fix="Give one for each stage.", field=field)  # fmt: skip
    return found


def make_backbone(params: NerfMae) -> SwinBackbone | ConvUnet:
    """The network that `network` names; raises InputError where the cube is not made of whole tokens."""
    if params.network == UNET:
        deepest = 4 * 2 ** (params.patch.bit_length() - 1)
        why = str(deepest)
    else:
        deepest, why = params.patch, "the patch"
    if params.side % deepest:
        raise InputError("The cube is not made of whole tokens.", expected=f"a multiple of {why}",
                         received=str(params.side), fix="Choose another edge.", field="side")  # fmt: skip
    return ConvUnet(params) if params.network == UNET else SwinBackbone(params)


class MaskedAutoencoder(nn.Module):
    """The backbone with a layer that makes colour and opacity of what it decodes."""

    def __init__(self, params: NerfMae) -> None:
        super().__init__()
        swin = SwinBackbone(params)
        self.encoder, self.decoder = swin.encoder, swin.decoder
        self.out = nn.Conv3d(swin.out_width, 4, 1)
        self.patch, self.weighted = params.patch, params.pretrain != UNWEIGHTED
        if params.weights:
            load_published(self, read_tensors(Path(params.weights)))

    def tokens(self, grid: Tensor) -> Sides:
        """Tokens along each axis of a grid."""
        x, y, z = grid.shape[2:]
        return x // self.patch, y // self.patch, z // self.patch

    def forward(self, grid: Tensor, hidden: Tensor) -> Tensor:
        """Colour and the logit of opacity (B, 4, S, S, S) of grids of which tokens (X, Y, Z) are hidden."""
        found: Tensor = self.out(self.decoder(self.encoder(grid, hidden)))
        return found

    def losses(self, grid: Tensor, hidden: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Squared errors of colour, summed over channels, and of opacity (paper 09, section C).

        Colours are averaged over voxels that are there, hidden or not (over all valid ones without opacity weighting);
        opacity over valid hidden voxels.
        """
        said = self(grid, hidden).float()
        there = (grid[:, 3] > SEEN_ALPHA) if self.weighted else valid
        covered = voxel_mask(hidden, self.patch)[None] & valid
        return restoring_errors(said[:, :3], said[:, 3].sigmoid(), grid, there, covered)

    @torch.no_grad()
    def restored(self, grid: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Grids with hidden blocks emptied, and with what the network puts there, (B, 4, S, S, S) from 0 to 1."""
        said = self(grid, hidden).float()
        made = torch.cat([said[:, :3].clamp(0, 1), said[:, 3:].sigmoid()], 1)
        covered = voxel_mask(hidden, self.patch)[None, None]
        return torch.where(covered, torch.zeros_like(grid), grid), torch.where(covered, made, grid)


def restoring_errors(rgb: Tensor, alpha: Tensor, grid: Tensor, there: Tensor, covered: Tensor) -> tuple[Tensor, Tensor]:
    """Squared errors of colour (B, 3, S, S, S) where `there`, summed over channels, and of alpha where `covered`.

    `alpha`, `there` and `covered` are (B, S, S, S), `grid` is (B, 4, S, S, S).
    """
    colour = (rgb - grid[:, :3]).square().sum(1)
    return _mean(colour, there), _mean((alpha - grid[:, 3]).square(), covered)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)


# Heads ------------------------------------------------------------------------------------------


class Labeller(nn.Module):
    """Logits of each voxel's class, (B, K, S, S, S)."""

    def __init__(self, backbone: SwinBackbone | ConvUnet, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Conv3d(backbone.out_width, classes, 1)

    def forward(self, grid: Tensor) -> Tensor:
        """Grids (B, 4, S, S, S)."""
        found: Tensor = self.head(self.backbone.decoded(self.backbone.features(grid)))
        return found


class Detector(nn.Module):
    """What is said of boxes at every place of the feature pyramid."""

    def __init__(self, backbone: SwinBackbone | ConvUnet, *, width: int, turned: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.pyramid = Pyramid(backbone.widths, width)
        self.head = Head(width, backbone.strides, turned=turned)

    def forward(self, grid: Tensor) -> Said:
        """Grids (B, 4, S, S, S)."""
        features = self.backbone.features(grid)[-len(self.backbone.strides) :]
        said: Said = self.head(self.pyramid(features))
        return said


class Refiner(nn.Module):
    """Colour and alpha of a finer grid, (B, 4, uS, uS, uS): the coarse one interpolated, and what the network adds."""

    def __init__(self, backbone: SwinBackbone | ConvUnet, *, upscale: int) -> None:
        super().__init__()
        self.backbone, self.upscale = backbone, upscale
        width = backbone.out_width
        self.fine = nn.Conv3d(width, width, 3, padding=1)
        self.out = nn.Conv3d(width, 4, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, grid: Tensor) -> Tensor:
        """Grids (B, 4, S, S, S)."""
        decoded = self.backbone.decoded(self.backbone.features(grid))
        wide = self.fine(_finer(decoded, self.upscale))
        found: Tensor = interpolated(grid, self.upscale) + self.out(F.leaky_relu(wide, 0.01))
        return found


def interpolated(grid: Tensor, times: int) -> Tensor:
    """A grid (B, 4, X, Y, Z) made finer by trilinear interpolation.

    Colours count by their opacity: what is empty is black, and would darken every edge.
    """
    alpha = _finer(grid[:, 3:], times)
    colour = _finer(grid[:, :3] * grid[:, 3:], times) / alpha.clamp(min=LEAST_ALPHA)
    return torch.cat([colour, alpha], 1)


def _finer(grid: Tensor, times: int) -> Tensor:
    found: Tensor = F.interpolate(grid, scale_factor=times, mode="trilinear", align_corners=False)
    return found


def state_for(backbone: nn.Module, pretrained: dict[str, Any], *, decoder: bool) -> None:
    """Put the pretrained encoder, and its decoder where asked for, into a backbone."""
    wanted = ("encoder.", "decoder.") if decoder else ("encoder.",)
    own = backbone.state_dict()
    taken = {name: one for name, one in pretrained.items() if name.startswith(wanted) and name in own}
    backbone.load_state_dict(own | taken)
