"""The encoder, the head that restores and is thrown away, and the encoder with a layer that names phones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine.speech.features import valid

from .recipe import Tera

EPS = 1e-12


def positions(frames: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sines and cosines of the frames' numbers, (T, width)."""
    at = torch.arange(frames, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    found = torch.zeros(frames, width, device=device)
    found[:, 0::2] = torch.sin(at * rates)
    found[:, 1::2] = torch.cos(at * rates)[:, : width // 2]
    return found


class Encoder(nn.Module):
    """Frames (B, T, F) to hidden states; post-norm transformer layers, as in BERT."""

    def __init__(self, *, bins: int, width: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.read = nn.Linear(bins, width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, hidden, dropout, "gelu", EPS, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """What goes into the first layer and comes out of each, all (B, T, width); padding is not attended to."""
        padding = ~valid(lengths, frames.shape[1])
        states = [self.entered(frames)]
        for layer in self.layers:
            states.append(layer(states[-1], src_key_padding_mask=padding))
        return states

    def entered(self, frames: Tensor) -> Tensor:
        """Frames with their places, before the first layer."""
        found: Tensor = self.drop(self.norm(self.read(frames) + positions(frames.shape[1], self.width, frames.device)))
        return found

    @torch.no_grad()
    def looks(self, frames: Tensor) -> Tensor:
        """Attention weights (heads, T, T) of the last layer for one utterance (1, T, F)."""
        lengths = torch.tensor([frames.shape[1]], device=frames.device)
        before = self(frames, lengths)[-2]
        last = self.layers[-1]
        if not isinstance(last, nn.TransformerEncoderLayer):
            raise TypeError("The last layer is no transformer layer.")
        _, weights = last.self_attn(before, before, before, need_weights=True, average_attn_weights=False)
        found: Tensor = weights[0]
        return found


class Restorer(nn.Module):
    """The encoder with a head that gives back clean frames (B, T, F)."""

    def __init__(self, encoder: Encoder, bins: int) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.width
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=EPS), nn.Linear(width, bins)
        )  # fmt: skip

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Frames (B, T, F) as they are believed to be without the alteration."""
        found: Tensor = self.head(self.encoder(frames, lengths)[-1])
        return found


class Tagger(nn.Module):
    """The encoder with a linear layer that names the phone of each frame."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.name = nn.Linear(encoder.width, classes)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, T, classes)."""
        found: Tensor = self.name(self.encoder(frames, lengths)[-1])
        return found


def make_encoder(params: Tera) -> Encoder:
    """An encoder that has learned nothing; raises InputError where width and heads do not fit."""
    if params.width % params.heads:
        raise InputError(
            "The width does not divide by the heads.", expected=f"a multiple of {params.heads}",
            received=str(params.width), fix="Change the width or the number of heads.", field="heads",
        )  # fmt: skip
    return Encoder(bins=params.mel_bins, width=params.width, layers=params.layers, heads=params.heads,
                   hidden=params.hidden, dropout=params.dropout)  # fmt: skip
