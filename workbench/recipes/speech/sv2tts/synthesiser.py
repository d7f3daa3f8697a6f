"""From phones and a speaker vector to mel frames: phones are read, spread over their frames, and drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention import Decoder
from .recipe import ATTENTION, Sv2tts

KERNEL = 5
LONGEST = 200
"""Frames that a predicted phone may last."""


@dataclasses.dataclass(frozen=True)
class Size:
    """What a synthesiser is made of; kept with its weights."""

    phones: int
    bins: int
    speaker: int
    channels: int
    decoder_layers: int
    aligner: str
    reduction: int

    @staticmethod
    def of(params: Sv2tts, phones: int, speaker: int) -> Size:
        """The size that knobs ask for."""
        return Size(phones, params.mel_bins, speaker, params.channels, params.decoder_layers, params.aligner,
                    params.reduction)  # fmt: skip


class Convolution(nn.Module):
    """A convolution along time, layer norm, ReLU, and the input again where it has the same width."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.wind = nn.Conv1d(width_in, width, KERNEL, padding=KERNEL // 2)
        self.norm = nn.LayerNorm(width)
        self.skip = width_in == width

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) of (B, T, width_in)."""
        found = F.relu(self.norm(self.wind(x.transpose(1, 2)).transpose(1, 2)))
        return found + x if self.skip else found


class Reader(nn.Module):
    """Phones, in their context, beside the speaker vector: (B, P, 2 · channels + speaker)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.embed = nn.Embedding(size.phones, size.channels, padding_idx=0)
        self.wind = nn.Sequential(*(Convolution(size.channels, size.channels) for _ in range(2)))
        self.gru = nn.GRU(size.channels, size.channels, batch_first=True, bidirectional=True)

    def forward(self, phones: Tensor, counts: Tensor, vectors: Tensor) -> Tensor:
        there = (phones > 0)[..., None]
        read = self.wind(self.embed(phones)) * there
        packed = nn.utils.rnn.pack_padded_sequence(read, counts.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True,
                                                     total_length=phones.shape[1])  # fmt: skip
        return torch.cat([states, vectors[:, None].expand(-1, phones.shape[1], -1)], -1)


class Synthesiser(nn.Module):
    """Normalised mel frames from phones, speaker vectors and, where phones are spread by length, their lengths."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: Size, table: int = 0) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(size.bins))
        self.register_buffer("deviation", torch.ones(size.bins))
        self.reader = Reader(size)
        read = 2 * size.channels + size.speaker
        self.lengths = nn.Sequential(Convolution(read, size.channels), nn.Linear(size.channels, 1))
        self.table = nn.Embedding(table, size.speaker) if table else None
        if size.aligner == ATTENTION:
            self.decoder: nn.Module = Decoder(read, size.bins, size.channels, size.reduction)
        else:
            wide = 2 * size.channels
            layers = [Convolution(read + 2 if at == 0 else wide, wide) for at in range(size.decoder_layers)]
            self.decoder = nn.Sequential(*layers, nn.Linear(wide, size.bins))

    def scale_by(self, mels: Sequence[Tensor]) -> None:
        """Take each bin's mean and deviation from frames (T, bins)."""
        frames = torch.cat(list(mels))
        self.mean.copy_(frames.mean(0))
        self.deviation.copy_(frames.std(0).clamp(min=1e-3))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`frames` (B, T, bins) and log `lengths` (B, P); attention adds `before`, `stop` and `weights`."""
        read = self.reader(batch["phones"], batch["counts"], batch["vectors"])
        # The lengths' predictor must not pull at what the frames need.
        found = {"lengths": self.lengths(read.detach())[..., 0]}
        if self.size.aligner == ATTENTION:
            decoder: Any = self.decoder
            drawn: dict[str, Tensor] = decoder(read, batch["phones"] > 0, batch["frames"])
            return found | drawn
        return found | {"frames": self.decoder(spread(read, batch["lengths"]))}

    @torch.no_grad()
    def say(
        self, phones: Tensor, vector: Tensor, *, lengths: Tensor | None = None, stretch: float = 1.0
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Log-mel frames (T, bins) of phones (P,) by a speaker (D,), and lengths (P,) or attention's weights (T, P).

        `lengths` None predicts them, `stretch` times as long.
        """
        count = torch.tensor([len(phones)])
        read = self.reader(phones[None], count, vector[None])
        if self.size.aligner == ATTENTION:
            decoder: Any = self.decoder
            frames, told = decoder.speak(read)
        else:
            told = predicted(self.lengths(read)[0, :, 0], stretch) if lengths is None else lengths
            frames = self.decoder(spread(read, told[None]))[0]
        return frames * self.deviation + self.mean, told


def predicted(logs: Tensor, stretch: float) -> Tensor:
    """Lengths in whole frames from log(1 + frames); rounding errors are carried on, so the sum stays right."""
    wanted = (logs.float().exp() - 1).clamp(min=0, max=LONGEST) * stretch
    ends = wanted.cumsum(0).round()
    found = torch.diff(ends, prepend=ends.new_zeros(1)).long()
    return found if int(found.sum()) else torch.ones_like(found)


def spread(read: Tensor, lengths: Tensor) -> Tensor:
    """Each phone's row (B, P, C) as often as it has frames, with where in the phone a frame lies, (B, T, C + 2)."""
    rows = []
    for states, counts in zip(read, lengths, strict=True):
        often = torch.repeat_interleave(states, counts, 0)
        long = torch.repeat_interleave(counts, counts).float()
        starts = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        place = (torch.arange(len(long), device=read.device) - starts + 0.5) / long
        rows.append(torch.cat([often, place[:, None], long.log()[:, None] / 3], 1))
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)
