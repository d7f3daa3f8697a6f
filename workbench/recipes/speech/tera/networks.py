"""The head that restores and is thrown away, and the encoder with a layer that names phones."""

from __future__ import annotations

from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine.speech.encoder import EPS, Encoder, start_near, start_published

from .recipe import Tera


class Restorer(nn.Module):
    """The encoder with a head that gives back clean frames (B, T, F)."""

    def __init__(self, encoder: Encoder, bins: int) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.width
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=EPS), nn.Linear(width, bins)
        )  # fmt: skip

    def forward(self, frames: Tensor, lengths: Tensor, starts: Tensor | None = None) -> Tensor:
        """Frames (B, T, F) as they are believed to be without the alteration."""
        found: Tensor = self.head(self.encoder(frames, lengths, starts)[-1])
        return found


class Tagger(nn.Module):
    """The encoder with a linear layer that names the phone of each frame."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.name = nn.Linear(encoder.width, classes)

    def forward(self, frames: Tensor, lengths: Tensor, starts: Tensor | None = None) -> Tensor:
        """Logits (B, T, classes)."""
        found: Tensor = self.name(self.encoder(frames, lengths, starts)[-1])
        return found


def make_encoder(params: Tera) -> Encoder:
    """An encoder that has learned nothing; raises InputError where width and heads, or layers, do not fit."""
    if params.width % params.heads:
        raise InputError(
            "The width does not divide by the heads.", expected=f"a multiple of {params.heads}",
            received=str(params.width), fix="Change the width or the number of heads.", field="heads",
        )  # fmt: skip
    if params.layer > params.layers:
        raise InputError(
            "The encoder has no such layer to probe.", expected=f"0 to {params.layers}", received=str(params.layer),
            fix="Lower the probed layer, or add layers.", field="layer",
        )  # fmt: skip
    encoder = Encoder(bins=params.mel_bins, width=params.width, layers=params.layers, heads=params.heads,
                      hidden=params.hidden, dropout=params.dropout)  # fmt: skip
    (start_near if params.start == "near frames" else start_published)(encoder)
    return encoder
