"""The paper's networks: a 3-D vision transformer whose layers a masked decoder asks, and a UNETR on top of it.

Encoder E reads visible patches and a class token: (B, 1 + V, D). Taps are raw outputs of three of its blocks and
its normalised end. The hierarchical decoder starts from the end and lets all tokens, the masked ones among them,
query tap after tap, from deep to shallow, by cross-attention. Names of the encoder's tensors are those of the
published weights. Source: Hi-End-MAE (Medical Image Analysis 2025) and its code; UNETR: arXiv 2103.10504.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError

EPS = 1e-6
TAPS = 4
"""Three raw layers and the normalised end."""
FEW_KEYS = 128
"""Up to this many keys, a processor computes attention faster as two plain products."""


# Patches ------------------------------------------------------------------------------------


def patches_of(crops: Tensor, patch: int) -> Tensor:
    """Crops (B, 1, Z, Y, X) cut up: (B, N, patch³), voxels in the order (pz, py, px)."""
    batch, _, *size = crops.shape
    nz, ny, nx = (one // patch for one in size)
    cut = crops.reshape(batch, nz, patch, ny, patch, nx, patch)
    return cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(batch, nz * ny * nx, patch**3)


def crops_of(patches: Tensor, patch: int, grid: int) -> Tensor:
    """The reverse of patches_of for cubes: (B, grid³, patch³) to (B, 1, Z, Y, X)."""
    batch = len(patches)
    laid = patches.reshape(batch, grid, grid, grid, patch, patch, patch).permute(0, 1, 4, 2, 5, 3, 6)
    return laid.reshape(batch, 1, grid * patch, grid * patch, grid * patch)


def standardised(patches: Tensor) -> Tensor:
    """Each patch to mean 0 and standard deviation 1; eps decides what an empty one becomes."""
    return F.layer_norm(patches, patches.shape[-1:], eps=EPS)


def shown(predicted: Tensor, patches: Tensor) -> Tensor:
    """Standardised predictions back in the units of the patches they stand for (B, N, patch³)."""
    spread = (patches.var(-1, unbiased=False, keepdim=True) + EPS).sqrt()
    return predicted * spread + patches.mean(-1, keepdim=True)


def positions(grid: int, width: int) -> Tensor:
    """Fixed 3-D sine-cosine positions (1, grid³, width); raises InputError unless width divides by 6."""
    if width % 6:
        raise InputError(
            "A width does not fit three axes of sine and cosine.",
            expected="a multiple of 6",
            received=str(width),
            fix="Choose a width that divides by 6 (and by the number of heads).",
            field="width",
        )
    rates = 10_000.0 ** -(torch.arange(width // 6, dtype=torch.float32) / (width // 6))
    axes = torch.meshgrid(*[torch.arange(grid, dtype=torch.float32)] * 3, indexing="ij")
    angles = [axis.flatten()[:, None] * rates for axis in axes]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], 1)[None]


def shuffled(count: int, patches: int, *, chance: torch.Generator | None = None) -> Tensor:
    """A random order of the patches for each sample, (count, patches): the first ones stay visible."""
    return torch.rand(count, patches, generator=chance).argsort(1)


def picked(tokens: Tensor, order: Tensor) -> Tensor:
    """Tokens (B, N, D) at the places (B, K) of an order: (B, K, D)."""
    return tokens.gather(1, order[..., None].expand(-1, -1, tokens.shape[-1]))


def unshuffled(tokens: Tensor, order: Tensor) -> Tensor:
    """Decoder output (B, 1 + N, D), class token first, in the patches' own order (B, N, D)."""
    return picked(tokens[:, 1:], order.argsort(1))


# Transformer --------------------------------------------------------------------------------


class Mlp(nn.Module):
    """Two layers with GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        found: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return found


def _heads(tokens: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, parts, heads, width // parts // heads).permute(2, 0, 3, 1, 4).unbind(0)


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention of (B, heads, N, d) over (B, heads, M, d).

    On a processor torch's fused form pads heads this narrow and is slow in bfloat16: the two products written
    out are the same function, two to four times faster there (with the gradient; 8 × 4 heads, 55 or 216 keys).
    """
    if query.device.type == "cpu" and (query.dtype == torch.bfloat16 or key.shape[-2] <= FEW_KEYS):
        shares = (query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)).softmax(-1)
        found: Tensor = shares.to(value.dtype) @ value
        return found
    return F.scaled_dot_product_attention(query, key, value)


class SelfAttention(nn.Module):
    """All tokens ask all tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        query, key, value = _heads(self.qkv(tokens), 3, self.heads)
        seen = attended(query, key, value)
        found: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return found


class CrossAttention(nn.Module):
    """Decoder tokens ask the visible tokens of an encoder layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, tap: Tensor) -> Tensor:
        """(B, N, d) and (B, 1 + V, d) to (B, N, d)."""
        (query,), (key, value) = _heads(self.q(tokens), 1, self.heads), _heads(self.kv(tap), 2, self.heads)
        seen = attended(query, key, value)
        found: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return found

    def weights(self, tokens: Tensor, tap: Tensor) -> Tensor:
        """How much each token looks at each visible one, averaged over heads: (B, N, 1 + V)."""
        (query,), (key, _) = _heads(self.q(tokens), 1, self.heads), _heads(self.kv(tap), 2, self.heads)
        return (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(-1).mean(1)


class Block(nn.Module):
    """Pre-norm self-attention and MLP."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        after: Tensor = tokens + self.mlp(self.norm2(tokens))
        return after


class CrossBlock(nn.Module):
    """Pre-norm self-attention (may be left out), cross-attention to a tap, MLP."""

    def __init__(self, width: int, heads: int, *, self_attention: bool) -> None:
        super().__init__()
        self.norm0 = nn.LayerNorm(width, eps=EPS) if self_attention else None
        self.self_attn = SelfAttention(width, heads) if self_attention else None
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.cross_attn = CrossAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, 4 * width)

    def asking(self, tokens: Tensor) -> Tensor:
        """The tokens as they stand before they ask the tap."""
        if self.self_attn is None or self.norm0 is None:
            return tokens
        mixed: Tensor = tokens + self.self_attn(self.norm0(tokens))
        return mixed

    def forward(self, tokens: Tensor, tap: Tensor) -> Tensor:
        """(B, N, d) and a tap (B, 1 + V, d), which gets neither norm nor position here."""
        tokens = self.asking(tokens)
        tokens = tokens + self.cross_attn(self.norm1(tokens), tap)
        after: Tensor = tokens + self.mlp(self.norm2(tokens))
        return after


class PatchEmbed(nn.Module):
    """A patch's voxels to one token, by a convolution as wide as the patch."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(1, width, patch, patch)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, N, patch³) to (B, N, D): the convolution touches each voxel once, so it is a product."""
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class Encoder(nn.Module):
    """The vision transformer; `taps` are numbers of blocks from 1, the last one meaning the normalised end."""

    def __init__(self, *, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.patch, self.width, self.layers = patch, width, layers
        self.patch_embed = PatchEmbed(patch, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads, 4 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=EPS)
        initialise(self)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.data.view(width, -1))
        nn.init.normal_(self.cls_token, std=0.02)

    def forward(self, patches: Tensor, place: Tensor, *, class_token: bool = True) -> list[Tensor]:
        """Patches (B, V, patch³) and their positions (B, V, D): every block's output, then the normalised end."""
        tokens = self.patch_embed(patches) + place
        if class_token:
            tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], 1)
        found = []
        for block in self.blocks:
            tokens = block(tokens)
            found.append(tokens)
        return [*found, self.norm(tokens)]


def initialise(module: nn.Module) -> None:
    """Xavier weights and no biases for linear layers, as in the paper's code."""
    for one in module.modules():
        if isinstance(one, nn.Linear):
            nn.init.xavier_uniform_(one.weight)
            nn.init.zeros_(one.bias)


# Decoders -----------------------------------------------------------------------------------


class Decoder(nn.Module):
    """The hierarchical decoder: self-attention blocks, then one cross-attention block a tap, deep to shallow."""

    def __init__(
        self, *, encoder_width: int, width: int, heads: int, voxels: int, depth: int, self_attention: bool = True
    ) -> None:
        super().__init__()
        self.encoder_to_decoder = nn.ModuleList(nn.Linear(encoder_width, width) for _ in range(TAPS))
        self.blocks = nn.ModuleList(Block(width, heads, 4 * width) for _ in range(depth))
        self.cross_attention_blocks = nn.ModuleList(
            CrossBlock(width, heads, self_attention=self_attention) for _ in range(TAPS - 1)
        )
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, voxels)
        initialise(self)

    def start(self, taps: Sequence[Tensor]) -> Tensor:
        """The end of the encoder (the last tap) in the decoder's width."""
        first: Tensor = self.encoder_to_decoder[-1](taps[-1])
        return first

    def forward(self, tokens: Tensor, taps: Sequence[Tensor]) -> Tensor:
        """Tokens (B, 1 + N, d) and taps, shallow to deep and the end, to voxels (B, 1 + N, patch³)."""
        for block in self.blocks:
            tokens = block(tokens)
        for at, block in enumerate(self.cross_attention_blocks):
            tokens = block(tokens, self.tap(taps, at))
        voxels: Tensor = self.head(self.norm(tokens))
        return voxels

    def tap(self, taps: Sequence[Tensor], at: int) -> Tensor:
        """What the cross-attention block number `at` asks: the deepest tap first."""
        place = TAPS - 2 - at
        asked: Tensor = self.encoder_to_decoder[place](taps[place])
        return asked

    def looks(self, tokens: Tensor, taps: Sequence[Tensor]) -> list[Tensor]:
        """Cross-attention weights (B, 1 + N, 1 + V) of each tap, the deepest first."""
        found = []
        for block in self.blocks:
            tokens = block(tokens)
        for at, asking in enumerate(self.cross_attention_blocks):
            tap, block = self.tap(taps, at), cast(CrossBlock, asking)
            found.append(block.cross_attn.weights(block.norm1(block.asking(tokens)), tap))
            tokens = block(tokens, tap)
        return found


class PlainDecoder(nn.Module):
    """The plain MAE's decoder: as many self-attention blocks as the other has in all, widened to its size."""

    def __init__(self, *, encoder_width: int, width: int, heads: int, voxels: int, depth: int, size: int) -> None:
        super().__init__()
        self.encoder_to_decoder = nn.Linear(encoder_width, width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, voxels)
        hidden = _hidden_for(size - parameters(self), width, depth)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        initialise(self)

    def start(self, taps: Sequence[Tensor]) -> Tensor:
        """The end of the encoder in the decoder's width."""
        first: Tensor = self.encoder_to_decoder(taps[-1])
        return first

    def forward(self, tokens: Tensor, taps: Sequence[Tensor]) -> Tensor:
        """Tokens (B, 1 + N, d) to voxels (B, 1 + N, patch³); no tap is asked."""
        for block in self.blocks:
            tokens = block(tokens)
        voxels: Tensor = self.head(self.norm(tokens))
        return voxels


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(one.numel() for one in module.parameters() if one.requires_grad)


def _hidden_for(size: int, width: int, depth: int) -> int:
    """The MLP width at which `depth` blocks have at least `size` parameters, and hardly more."""
    rest = size / depth - (4 * width * width + 9 * width)
    return max(width, math.ceil(rest / (2 * width + 1)))


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder with the loss over masked patches; `taps` as the encoder counts them."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder | PlainDecoder, *, grid: int, width: int, taps: Sequence[int],
        mask_share: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder_place: Tensor
        self.decoder_place: Tensor
        self.encoder, self.decoder = encoder, decoder
        self.grid, self.taps = grid, tuple(taps)
        self.visible = max(1, int(grid**3 * (1 - mask_share)))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.normal_(self.mask_token, std=0.02)
        self.register_buffer("encoder_place", positions(grid, encoder.width), persistent=False)
        self.register_buffer("decoder_place", positions(grid, width), persistent=False)

    def tapped(self, layers: Sequence[Tensor]) -> list[Tensor]:
        """The raw outputs of the tapped blocks, shallow to deep, and the normalised end.

        A tap that names the last block means that end (the ablation that asks the last layer alone).
        """
        last = self.encoder.layers
        return [layers[-1] if number == last else layers[number - 1] for number in self.taps]

    def opened(self, crops: Tensor, order: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the decoder starts from, (B, 1 + N, d) in shuffled order, and the taps (B, 1 + V, D)."""
        patches = patches_of(crops, self.encoder.patch)
        batch, seen = len(crops), order[:, : self.visible]
        place = self.encoder_place.expand(batch, -1, -1)
        taps = self.tapped(self.encoder(picked(patches, seen), picked(place, seen)))
        start = self.decoder.start(taps)
        masked = self.mask_token.to(start.dtype).expand(batch, order.shape[1] - self.visible, -1)
        where = F.pad(picked(self.decoder_place.expand(batch, -1, -1), order), (0, 0, 1, 0))
        return torch.cat([start, masked], 1) + where, taps

    def forward(self, crops: Tensor, order: Tensor) -> Tensor:
        """Predicted standardised voxels (B, 1 + N, patch³), class token first, then the shuffled patches."""
        tokens, taps = self.opened(crops, order)
        voxels: Tensor = self.decoder(tokens, taps)
        return voxels

    def loss(self, crops: Tensor, order: Tensor) -> Tensor:
        """The sum over the batch of each sample's mean squared error on its masked patches alone."""
        wanted = standardised(picked(patches_of(crops, self.encoder.patch), order[:, self.visible :]).float())
        found = self(crops, order)[:, 1 + self.visible :].float()
        return F.mse_loss(found, wanted, reduction="none").mean((1, 2)).sum()

    @torch.no_grad()
    def restored(self, crops: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """The masked crops (hidden patches at zero) and the restored ones, both (B, 1, Z, Y, X)."""
        patches = patches_of(crops, self.encoder.patch)
        hidden = torch.ones(order.shape, dtype=torch.bool, device=order.device)
        hidden.scatter_(1, order[:, : self.visible], False)
        guessed = shown(unshuffled(self(crops, order).float(), order), patches)
        masked = patches.masked_fill(hidden[..., None], 0.0)
        filled = torch.where(hidden[..., None], guessed, patches)
        both = [crops_of(one, self.encoder.patch, self.grid) for one in (masked, filled)]
        return both[0], both[1]

    @torch.no_grad()
    def looks(self, crops: Tensor, order: Tensor) -> Tensor:
        """Cross-attention between patches in their own order, (taps, N, N) of the first sample, deepest tap first.

        Columns of hidden patches, which nobody can look at, are zero; so is the class token's share.
        Raises TypeError for a decoder without cross-attention.
        """
        if not isinstance(self.decoder, Decoder):
            raise TypeError("A plain decoder does not look at the encoder's layers.")
        tokens, taps = self.opened(crops[:1], order[:1])
        count, seen = order.shape[1], order[0, : self.visible]
        found = torch.zeros(TAPS - 1, count, count)
        for at, weights in enumerate(self.decoder.looks(tokens, taps)):
            rows = unshuffled(weights, order[:1])[0].float().cpu()
            found[at][:, seen.cpu()] = rows[:, 1:]
        return found


# Segmentation -------------------------------------------------------------------------------


class Unetr(nn.Module):
    """A convolutional decoder on the encoder's taps and the image itself, for any patch size.

    Tokens (grid³) are doubled up to three times while the patch allows; from there a transposed convolution
    (where the rest is 2) or trilinear interpolation with a convolution reaches the voxels. A patch of 16 gives
    the UNETR of the paper; 12 and 6 end by interpolation.
    """

    def __init__(self, encoder: Encoder, *, grid: int, taps: Sequence[int], features: int, classes: int) -> None:
        from monai.networks.blocks.dynunet_block import UnetOutBlock
        from monai.networks.blocks.unetr_block import UnetrBasicBlock, UnetrPrUpBlock, UnetrUpBlock

        super().__init__()
        self.place: Tensor
        self.encoder, self.grid, self.taps = encoder, grid, tuple(taps)
        self.register_buffer("place", positions(grid, encoder.width), persistent=False)
        doublings = min(3, int(math.log2(encoder.patch)))
        self.rest = encoder.patch / 2**doublings
        widths = [features * 8, features * 4, features * 2]
        steps = [2 if at < doublings else 1 for at in range(3)]
        common: dict[str, Any] = {"spatial_dims": 3, "kernel_size": 3, "norm_name": "instance", "res_block": True}
        self.image = UnetrBasicBlock(in_channels=1, out_channels=features, stride=1, **common)
        self.skips = nn.ModuleList(
            UnetrPrUpBlock(
                in_channels=encoder.width, out_channels=width, num_layer=max(0, min(at + 1, doublings) - 1), stride=1,
                upsample_kernel_size=2 if doublings else 1, conv_block=True, **common,
            )
            for at, width in enumerate(widths)
        )  # fmt: skip
        self.ups = nn.ModuleList(
            UnetrUpBlock(in_channels=before, out_channels=width, upsample_kernel_size=step, **common)
            for before, width, step in zip([encoder.width, *widths], widths, steps, strict=False)
        )
        if self.rest == 2:
            self.last: nn.Module = UnetrUpBlock(
                in_channels=widths[-1], out_channels=features, upsample_kernel_size=2, **common
            )
        else:
            self.last = UnetrBasicBlock(in_channels=widths[-1] + features, out_channels=features, stride=1, **common)
        self.out = UnetOutBlock(spatial_dims=3, in_channels=features, out_channels=classes)

    def _volume(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, D) as they lie, (B, D, grid, grid, grid)."""
        return tokens.transpose(1, 2).reshape(len(tokens), -1, self.grid, self.grid, self.grid)

    def forward(self, crops: Tensor) -> Tensor:
        """Logits (B, classes, Z, Y, X) of crops (B, 1, Z, Y, X)."""
        place = self.place.expand(len(crops), -1, -1)
        layers = self.encoder(patches_of(crops, self.encoder.patch), place, class_token=False)
        found = self._volume(layers[-1])
        for up, skip, tap in zip(self.ups, self.skips, reversed(self.taps[:-1]), strict=True):
            found = up(found, skip(self._volume(layers[tap - 1])))
        image = self.image(crops)
        if self.rest == 2:
            found = self.last(found, image)
        else:
            found = F.interpolate(found, size=image.shape[2:], mode="trilinear", align_corners=False)
            found = self.last(torch.cat([found, image], 1))
        logits: Tensor = self.out(found)
        return logits
