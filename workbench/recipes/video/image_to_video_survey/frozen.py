"""Strategies that leave the image model's features as they are: F0 to F3 and F5 of the survey's taxonomy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.video.imagelanguage import ImageLanguage

from .base import Encoded, Frozen, Options, Seen, Strategy, look, mean_of


def zeroed(layer: Any) -> Any:
    """The layer with all its weights at 0: added to something, it changes nothing at first."""
    for one in layer.parameters():
        nn.init.zeros_(one)
    return layer


def begun(*parameters: nn.Parameter) -> None:
    """Parameters drawn from a normal distribution of deviation 0.02, as queries and positions are."""
    for one in parameters:
        nn.init.trunc_normal_(one, std=0.02)


class ZeroShot(Frozen):
    """F0: the mean of normalised frame vectors, compared with texts; nothing learns."""

    order_blind = True

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        return Encoded(mean_of(seen.frames), seen.frames)


class LinearProbe(Frozen):
    """F1: one linear layer on the mean of normalised frame vectors."""

    order_blind = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.linear = zeroed(nn.Linear(self.dim, self.dim))

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        mean = mean_of(seen.frames)
        return Encoded(mean + self.linear(mean), seen.frames + self.linear(seen.frames))


class PostNetwork(Frozen):
    """F2: a network over the sequence of frame vectors, added to them (CLIP4Clip, Luo and others 2021: seqTransf)."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.places = nn.Parameter(torch.zeros(1, options.frames, self.dim))
        begun(self.places)
        self.out = zeroed(nn.Linear(self.dim, self.dim))

    def over_time(self, frames: Tensor) -> Tensor:
        """Frame vectors (B, T, D) to as many that know of each other."""
        raise NotImplementedError

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        given = F.normalize(seen.frames, dim=-1)
        # A position is small beside a vector of length 1 spread over D numbers: both are brought to one scale.
        frames = given + self.out(self.over_time(given * self.dim**0.5 + self.places[:, : given.shape[1]]))
        return Encoded(frames.mean(1), frames)


class PostTransformer(PostNetwork):
    """F2 with a transformer of `depth` layers over frame vectors."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        layer = nn.TransformerEncoderLayer(self.dim, _heads(self.dim), 2 * self.dim, dropout=0.0, activation="gelu",
                                           batch_first=True, norm_first=True)  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, options.depth, nn.LayerNorm(self.dim), enable_nested_tensor=False)

    def over_time(self, frames: Tensor) -> Tensor:
        found: Tensor = self.layers(frames)
        return found


class PostGru(PostNetwork):
    """F2 with a recurrent network that reads frame vectors in both directions."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.gru = nn.GRU(self.dim, self.dim // 2, batch_first=True, bidirectional=True)

    def over_time(self, frames: Tensor) -> Tensor:
        found: Tensor = self.gru(frames)[0]
        return found


class PostConvolution(PostNetwork):
    """F2 with two convolutions of three frames over frame vectors."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.layers = nn.Sequential(
            nn.Conv1d(self.dim, self.dim, 3, padding=1), nn.GELU(), nn.Conv1d(self.dim, self.dim, 3, padding=1),
            nn.GELU(),
        )  # fmt: skip

    def over_time(self, frames: Tensor) -> Tensor:
        found: Tensor = self.layers(frames.transpose(1, 2)).transpose(1, 2)
        return found


def _heads(width: int) -> int:
    return next(one for one in (8, 4, 2, 1) if width % one == 0)


class LayerDecoder(Frozen):
    """F3: a learned query looks at all tokens of all frames, block after block (EVL, Lin and others, ECCV 2022).

    Beside each token stand what a depthwise convolution over time makes of it, its frame's position, and where its
    patch went: how the backbone's own queries match the keys of the frame before and of the next one.
    """

    needs = "blocks"

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        width, blocks = self.width, int(backbone.layers)
        self.at = list(range(max(0, blocks - options.depth), blocks))
        grid = int(backbone.image_px) // int(backbone.patch)
        self.query = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.ParameterList(nn.Parameter(torch.zeros(1, options.frames, 1, width)) for _ in self.at)
        begun(self.query, *self.places)
        self.time = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1, groups=width) for _ in self.at)
        # What a match with a patch so many rows and columns away means, for each head, before and after.
        self.moved = nn.ParameterList(
            nn.Parameter(torch.zeros(2, self.heads, (2 * grid - 1) ** 2, width)) for _ in self.at
        )
        self.looks = nn.ModuleList(Look(width, self.heads) for _ in self.at)
        self.norm = nn.LayerNorm(width)
        self.out = zeroed(nn.Linear(width, self.dim))
        rows = torch.arange(grid * grid)
        down = rows[None, :] // grid - rows[:, None] // grid + grid - 1
        right = rows[None, :] % grid - rows[:, None] % grid + grid - 1
        self.register_buffer("apart", down * (2 * grid - 1) + right, persistent=False)

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        clips = len(seen.frames)
        query = self.query.expand(clips, -1, -1)
        for place, reader, time, where, moved in zip(self.at, self.looks, self.time, self.places, self.moved,
                                                   strict=True):  # fmt: skip
            tokens = seen.blocks[place]  # (B, T, N, C)
            rows = tokens.permute(0, 2, 3, 1).flatten(0, 1)  # (B · N, C, T)
            over = time(rows).unflatten(0, (clips, -1)).permute(0, 3, 1, 2)
            full = tokens + over + where[:, : tokens.shape[1]]
            if place > 0:  # what goes into the first block is not kept
                patches = full[:, :, 1:] + self._matches(self.backbone.blocks[place], seen.blocks[place - 1], moved)
                full = torch.cat([full[:, :, :1], patches], 2)
            query = reader(query, full.flatten(1, 2))
        found = self.out(self.norm(query[:, 0]))
        frames = F.normalize(seen.frames, dim=-1)
        return Encoded(frames.mean(1) + found, frames + found[:, None])

    def _matches(self, block: Any, tokens: Tensor, table: Tensor) -> Tensor:
        """What the shifts of patches between neighbouring frames tell, (B, T, P, C)."""
        with torch.no_grad():
            normal = block.layer_norm1(tokens[:, :, 1:])
            queries, keys = (
                part(normal).unflatten(-1, (self.heads, -1))
                for part in (block.self_attn.q_proj, block.self_attn.k_proj)
            )
            scale = queries.shape[-1] ** -0.5
            before, after = (
                (torch.einsum("btqhd,btkhd->bthqk", queries[:, one], keys[:, other]) * scale).softmax(-1)
                for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None)))
            )
        back, on = (
            torch.einsum("bthqr,hrc->btqc", self._shifts(each), meant)
            for each, meant in zip((before, after), table, strict=True)
        )
        return F.pad(back, (0, 0, 0, 0, 1, 0)) + F.pad(on, (0, 0, 0, 0, 0, 1))

    def _shifts(self, weights: Tensor) -> Tensor:
        """Weights of patches for each other (…, P, P) as weights of how far away they lie, (…, P, (2g − 1)²)."""
        apart: Any = self.apart
        found = weights.new_zeros(*weights.shape[:-1], (2 * round(apart.shape[0] ** 0.5) - 1) ** 2)
        return found.scatter(-1, apart.expand_as(weights), weights)


class Look(nn.Module):
    """A query's cross-attention over tokens, then an MLP; both are added to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_query, self.norm_tokens, self.norm = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """(B, 1, C) over (B, M, C)."""
        keys = self.norm_tokens(tokens)
        query = query + self.attention(self.norm_query(query), keys, keys, need_weights=False)[0]
        found: Tensor = query + self.mlp(self.norm(query))
        return found


class Distilled(Strategy):
    """F5: a small 3D network learns the task and, beside it, to say what the image model says of the frames.

    The teacher is asked in training only.
    """

    needs = "frames"
    asked_in_training_only = True
    starts_as_zero_shot = False

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        wide = 32
        # Halved twice in space and never in time, so that every frame keeps a vector of its own.
        self.layers = nn.Sequential(
            nn.Conv3d(3, wide, (3, 4, 4), stride=(1, 4, 4), padding=(1, 0, 0)), nn.GroupNorm(8, wide), nn.GELU(),
            nn.Conv3d(wide, 2 * wide, 3, stride=(1, 2, 2), padding=1), nn.GroupNorm(8, 2 * wide), nn.GELU(),
            nn.Conv3d(2 * wide, 4 * wide, 3, stride=(1, 2, 2), padding=1), nn.GroupNorm(8, 4 * wide), nn.GELU(),
        )  # fmt: skip
        self.out = nn.Linear(4 * wide, self.dim)

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        maps = self.layers(pixels.transpose(1, 2))  # (B, C, T, h, w)
        frames = self.out(maps.mean((3, 4)).transpose(1, 2))
        return Encoded(mean_of(frames), frames)

    def extra_loss(self, pixels: Tensor, seen: Seen | None, found: Encoded) -> Tensor | None:
        teacher = mean_of((seen or look(self.backbone, pixels, blocks=False)).frames)
        return self.options.distil * (1 - F.cosine_similarity(found.video, teacher, dim=-1))
