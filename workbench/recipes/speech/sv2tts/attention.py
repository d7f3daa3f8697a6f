"""Tacotron 2's decoder: frames one after the other, by attention that knows where it has looked.

Shen and others, Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions, 2018, section 2.2;
the attention is Chorowski and others' (2015).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FILTERS, FILTER_WIDTH = 8, 31
POSTNET, POSTNET_WIDTH = 3, 5
MOST_STEPS = 400
DROPOUT = 0.5
STOP_AT = 0.5


class LocationAttention(nn.Module):
    """Scores from what is asked, what is there, and where was looked before."""

    def __init__(self, asked: int, there: int, width: int) -> None:
        super().__init__()
        self.ask = nn.Linear(asked, width, bias=False)
        self.key = nn.Linear(there, width, bias=False)
        self.filters = nn.Conv1d(2, FILTERS, FILTER_WIDTH, padding=FILTER_WIDTH // 2, bias=False)
        self.place = nn.Linear(FILTERS, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, asked: Tensor, keys: Tensor, mask: Tensor, last: Tensor, total: Tensor) -> Tensor:
        """Weights (B, P) for a question (B, asked) over keys (B, P, width)."""
        where = self.place(self.filters(torch.stack([last, total], 1)).transpose(1, 2))
        scores = self.score(torch.tanh(self.ask(asked)[:, None] + keys + where))[..., 0]
        found: Tensor = scores.masked_fill(~mask, -1e9).softmax(1)
        return found


class Decoder(nn.Module):
    """Groups of `reduction` frames, each from the last frame of the one before, and a postnet that refines all."""

    def __init__(self, read: int, bins: int, channels: int, reduction: int) -> None:
        super().__init__()
        self.bins, self.reduction, self.channels = bins, reduction, channels
        self.prenet = nn.ModuleList([nn.Linear(bins, channels), nn.Linear(channels, channels)])
        self.attention = LocationAttention(2 * channels, read, channels)
        self.look = nn.LSTMCell(channels + read, 2 * channels)
        self.draw = nn.LSTMCell(2 * channels + read, 2 * channels)
        self.frame = nn.Linear(2 * channels + read, bins * reduction)
        self.stop = nn.Linear(2 * channels + read, 1)
        sizes = [bins, *[2 * channels] * (POSTNET - 1), bins]
        self.postnet = nn.ModuleList(
            [nn.Conv1d(one, two, POSTNET_WIDTH, padding=POSTNET_WIDTH // 2)
             for one, two in itertools.pairwise(sizes)]
        )  # fmt: skip
        self.dropout = DROPOUT
        """The prenet's, which stays on when speaking."""

    def _start(self, read: Tensor) -> dict[str, Tensor]:
        count, phones, width = read.shape
        zeros = read.new_zeros
        first = zeros(count, phones)
        first[:, 0] = 1
        return {
            "look_h": zeros(count, 2 * self.channels), "look_c": zeros(count, 2 * self.channels),
            "draw_h": zeros(count, 2 * self.channels), "draw_c": zeros(count, 2 * self.channels),
            "weights": first, "total": zeros(count, phones), "context": zeros(count, width),
        }  # fmt: skip

    def _step(
        self, state: dict[str, Tensor], last: Tensor, read: Tensor, keys: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The next frames (B, reduction · bins) and the logit of having come to the end (B,); `state` moves on."""
        x = last
        for layer in self.prenet:
            x = F.dropout(F.relu(layer(x)), self.dropout, training=True)
        look = self.look(torch.cat([x, state["context"]], 1), (state["look_h"], state["look_c"]))
        weights = self.attention(look[0], keys, mask, state["weights"], state["total"])
        context = torch.bmm(weights[:, None], read)[:, 0]
        drawn = self.draw(torch.cat([look[0], context], 1), (state["draw_h"], state["draw_c"]))
        state.update(look_h=look[0], look_c=look[1], draw_h=drawn[0], draw_c=drawn[1], weights=weights,
                     total=state["total"] + weights, context=context)  # fmt: skip
        both = torch.cat([drawn[0], context], 1)
        return self.frame(both), self.stop(both)[:, 0]

    def _refined(self, frames: Tensor) -> Tensor:
        x = frames.transpose(1, 2)
        for at, layer in enumerate(self.postnet):
            x = layer(x)
            if at < POSTNET - 1:
                x = x.tanh()
        return frames + x.transpose(1, 2)

    def forward(self, read: Tensor, mask: Tensor, frames: Tensor) -> dict[str, Tensor]:
        """Teacher forcing on frames (B, T, bins): `before` and after the postnet `frames`, `stop`, `weights`."""
        count, length, _ = frames.shape
        state, keys = self._start(read), self.attention.key(read)
        made, stops, looks = [], [], []
        last = frames.new_zeros(count, self.bins)
        for at in range(0, length, self.reduction):
            drawn, stop = self._step(state, last, read, keys, mask)
            made.append(drawn.view(count, self.reduction, self.bins))
            stops.append(stop)
            looks.append(state["weights"])
            last = frames[:, min(at + self.reduction, length) - 1]
        before = torch.cat(made, 1)[:, :length]
        return {"before": before, "frames": self._refined(before), "stop": torch.stack(stops, 1),
                "weights": torch.stack(looks, 1)}  # fmt: skip

    @torch.no_grad()
    def speak(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (T, bins) until the end is told, and which phones were looked at (steps, P); one utterance."""
        state, keys = self._start(read), self.attention.key(read)
        mask = torch.ones(read.shape[:2], dtype=torch.bool, device=read.device)
        made, looks = [], []
        last = read.new_zeros(1, self.bins)
        for _ in range(MOST_STEPS):
            drawn, stop = self._step(state, last, read, keys, mask)
            group = drawn.view(1, self.reduction, self.bins)
            made.append(group)
            looks.append(state["weights"])
            last = group[:, -1]
            if float(stop.sigmoid()) > STOP_AT:
                break
        found: Tensor = self._refined(torch.cat(made, 1))
        return found[0], torch.cat(looks)


def diagonality(weights: Tensor) -> float:
    """How much attention (steps, P) runs from the first phone to the last: correlation of step and place, −1 … 1."""
    steps, phones = weights.shape
    if min(steps, phones) < 2:
        return 0.0
    place = (weights * torch.arange(phones, device=weights.device)).sum(1)
    both = torch.stack([torch.arange(steps, device=weights.device, dtype=place.dtype), place])
    found = torch.corrcoef(both)[0, 1]
    return float(found) if bool(torch.isfinite(found)) else 0.0
