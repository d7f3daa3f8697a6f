"""A small transformer over log-mel frames: what TERA pretrains, and what other recipes take as their upstream."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workbench.engine.speech.features import valid

EPS = 1e-12
LOOKS = (-4, -2, 2, 4)
"""How many frames away the heads look at first; a block is five frames."""
SHARP = 2.0
"""Weight of places in the first queries and keys."""


def rates_of(width: int, device: torch.device | None = None) -> Tensor:
    """Radians per frame of the sines and cosines that tell places, (ceil(width / 2),), the fastest first."""
    return torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))


def positions(numbers: Tensor, width: int) -> Tensor:
    """Sines and cosines of frames' numbers (…,), as (…, width)."""
    angles = numbers[..., None] * rates_of(width, numbers.device)
    found: Tensor = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)[..., :width]
    return found


class Encoder(nn.Module):
    """Frames (B, T, F) to hidden states; post-norm transformer layers, as in BERT."""

    def __init__(self, *, bins: int, width: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.hidden = width, heads, hidden
        self.read = nn.Linear(bins, width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, hidden, dropout, "gelu", EPS, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, frames: Tensor, lengths: Tensor, starts: Tensor | None = None) -> list[Tensor]:
        """What goes into the first layer and comes out of each, all (B, T, width); padding is not attended to.

        `starts` (B,) are the numbers of the first frames within their utterances, 0 where it is None.
        """
        # Crops are mostly of one length; without a mask attention is faster.
        padding = ~valid(lengths, frames.shape[1]) if bool((lengths < frames.shape[1]).any()) else None
        states = [self.entered(frames, starts)]
        for layer in self.layers:
            states.append(layer(states[-1], src_key_padding_mask=padding))
        return states

    def entered(self, frames: Tensor, starts: Tensor | None = None) -> Tensor:
        """Frames with their places, before the first layer."""
        numbers = torch.arange(frames.shape[1], device=frames.device, dtype=torch.float32)
        if starts is not None:
            numbers = numbers + starts[:, None]
        found: Tensor = self.drop(self.norm(self.read(frames) + positions(numbers, self.width)))
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


@torch.no_grad()
def start_near(encoder: Encoder) -> None:
    """Set queries and keys so that each head begins by looking at frames a little before or after its own.

    With q and k the same sines and cosines, those of k turned by the offset o, q·k = s² Σ cos ω(Δ − o) is greatest
    at a distance of Δ = o frames (Vaswani et al. 2017, section 3.5: turned places are linear in places). From random
    weights it takes thousands of steps to find that out, and restoring a gap begins with what lies beside it.
    """
    width = encoder.width
    for layer in encoder.layers:
        attention = layer.self_attn
        if not isinstance(attention, nn.MultiheadAttention):
            raise TypeError("The layer has no attention.")
        part = width // attention.num_heads
        rates = rates_of(width)[: part // 2]
        for head in range(attention.num_heads):
            query, key = torch.zeros(part, width), torch.zeros(part, width)
            for at, turn in enumerate((rates * LOOKS[head % len(LOOKS)]).tolist()):
                pair = slice(2 * at, 2 * at + 2)
                query[pair, pair] = SHARP * torch.eye(2)
                key[pair, pair] = SHARP * torch.tensor(
                    [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
                )
            attention.in_proj_weight[head * part : (head + 1) * part] = query
            attention.in_proj_weight[width + head * part : width + (head + 1) * part] = key
        attention.in_proj_bias[: 2 * width] = 0


def start_published(encoder: nn.Module) -> None:
    """Weights of deviation 0.02 and no biases, as BERT and the published code begin; norms stay as they are."""
    for module in encoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_weight, std=0.02)
            nn.init.zeros_(module.in_proj_bias)
