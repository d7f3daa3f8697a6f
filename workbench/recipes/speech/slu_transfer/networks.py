"""The shared speech encoder, the recogniser's two heads, and the decoder that says action, object and location."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine.speech.features import valid

from .recipe import SluTransfer

START, END = 0, 1
"""Of every decoder's vocabulary; what is said follows from 2 on."""
SLOTS = ("action", "object", "location")
KERNEL = 5


def positions(count: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sines and cosines of places, (count, width) (Vaswani et al., 2017, section 3.5)."""
    at = torch.arange(count, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    found = torch.zeros(count, width, device=device)
    found[:, 0::2] = torch.sin(at * rates)
    found[:, 1::2] = torch.cos(at * rates)[:, : width // 2]
    return found


class SpeechEncoder(nn.Module):
    """Frames (B, T, F) to states (B, ⌈T/4⌉, width): two convolutions of stride 2, then transformer layers."""

    def __init__(self, *, bins: int, width: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Conv1d(bins, width, KERNEL, 2, KERNEL // 2)
        self.second = nn.Conv1d(width, width, KERNEL, 2, KERNEL // 2)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, hidden, dropout, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.still = 0
        """Layers from the input on, the convolutions with the first, that no gradient reaches for now."""

    @staticmethod
    def shortened(lengths: Tensor) -> Tensor:
        """How many states so many frames give."""
        return ((lengths + 1) // 2 + 1) // 2

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, S, width) and their numbers (B,); padding is neither convolved in nor attended to."""
        short = self.shortened(lengths)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.still):
            states = self._entered(frames, lengths, short)
        padding = ~valid(short, states.shape[1])
        for at, layer in enumerate(self.layers):
            with torch.set_grad_enabled(torch.is_grad_enabled() and at >= self.still):
                states = layer(states, src_key_padding_mask=padding)
        return self.norm(states), short

    def _entered(self, frames: Tensor, lengths: Tensor, short: Tensor) -> Tensor:
        found = frames.transpose(1, 2)
        for convolve, count in ((self.first, (lengths + 1) // 2), (self.second, short)):
            found = nn.functional.gelu(convolve(found))
            found = found * valid(count, found.shape[2])[:, None]
        entered: Tensor = self.drop(found.transpose(1, 2) + positions(found.shape[2], self.width, frames.device))
        return entered


class Decoder(nn.Module):
    """Says a sequence over a vocabulary while it looks at the encoder's states; one transformer layer and more."""

    def __init__(self, words: int, *, width: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Embedding(words, width)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, hidden, dropout, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, said: Tensor, states: Tensor, lengths: Tensor) -> Tensor:
        """Decoder states (B, L, width) after each prefix of what was said (B, L)."""
        found = self.embed(said) + positions(said.shape[1], self.width, said.device)
        ahead = nn.Transformer.generate_square_subsequent_mask(said.shape[1], device=said.device)
        padding = ~valid(lengths, states.shape[1])
        for layer in self.layers:
            found = layer(found, states, tgt_mask=ahead, memory_key_padding_mask=padding, tgt_is_causal=True)
        normal: Tensor = self.norm(found)
        return normal

    @torch.no_grad()
    def looks(self, said: Tensor, states: Tensor) -> Tensor:
        """Where each said word's step looks in the last layer, (L, S), the mean over heads; one utterance."""
        found = self.embed(said) + positions(said.shape[1], self.width, said.device)
        ahead = nn.Transformer.generate_square_subsequent_mask(said.shape[1], device=said.device)
        for layer in self.layers[:-1]:
            found = layer(found, states, tgt_mask=ahead, tgt_is_causal=True)
        last = self.layers[-1]
        if not isinstance(last, nn.TransformerDecoderLayer):
            raise TypeError("The last layer is no transformer layer.")
        normal = last.norm1(found)
        found = found + last.self_attn(normal, normal, normal, attn_mask=ahead, need_weights=False)[0]
        _, weights = last.multihead_attn(last.norm2(found), states, states, need_weights=True)
        looked: Tensor = weights[0]
        return looked


class Recogniser(nn.Module):
    """The encoder with a CTC head and an attention decoder over units (phones or characters)."""

    def __init__(self, encoder: SpeechEncoder, units: int, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.ctc = nn.Linear(encoder.width, units + 1)  # blank is class 0
        self.say = nn.Linear(encoder.width, units + 2)  # START and END come first


class Gate(nn.Module):
    """Component fusion (Shan et al., 2019): a text network's view of the prefix, let in by a gate.

    g = σ(W [s; b] + c), f = [s; g · b], logits = W ReLU(W f), with decoder state s and text state b.
    """

    def __init__(self, width: int, text: int, words: int) -> None:
        super().__init__()
        self.read = nn.Linear(text, width)
        self.gate = nn.Linear(2 * width, width)
        self.fuse = nn.Linear(2 * width, width)
        self.say = nn.Linear(width, words)

    def forward(self, states: Tensor, texts: Tensor) -> Tensor:
        """Logits (B, L, words) of decoder states (B, L, width) and text states (B, L, text)."""
        view = self.read(texts)
        gate = torch.sigmoid(self.gate(torch.cat([states, view], -1)))
        logits: Tensor = self.say(torch.relu(self.fuse(torch.cat([states, gate * view], -1))))
        return logits


class Understander(nn.Module):
    """Frames to action, object and location, one after the other; with recognition heads beside it where wanted.

    With `texts` (N, D) the gate lets in a text network's view of the slots said so far; `rows` (words³,) gives the
    row of each prefix, read as a number to the base of the vocabulary.
    """

    def __init__(
        self, encoder: SpeechEncoder, decoder: Decoder, *, recogniser: Recogniser | None = None,
        texts: Tensor | None = None, rows: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder, self.decoder, self.recogniser = encoder, decoder, recogniser
        self.texts: Tensor | None
        self.rows: Tensor | None
        self.register_buffer("texts", texts, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        words = decoder.embed.num_embeddings
        self.say: nn.Module = (
            nn.Linear(encoder.width, words) if texts is None else Gate(encoder.width, texts.shape[1], words)
        )

    def forward(self, said: Tensor, states: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, L, words) after each prefix of what was said (B, L)."""
        found = self.decoder(said, states, lengths)
        if self.texts is None or self.rows is None:
            logits: Tensor = self.say(found)
        else:
            logits = self.say(found, self.texts[self.rows[self._numbers(said)]])
        return logits

    def _numbers(self, said: Tensor) -> Tensor:
        """Each prefix of `said` (B, L) as a number; after three slots there is nothing more to read."""
        found = torch.zeros_like(said)
        for at in range(1, said.shape[1]):
            here = found[:, at - 1] * self.decoder.embed.num_embeddings + said[:, at]
            found[:, at] = here if at <= len(SLOTS) else found[:, at - 1]
        return found


def check_shape(params: SluTransfer) -> None:
    """Raise InputError where width and heads do not fit, or more layers are frozen than there are."""
    if params.width % params.heads:
        raise InputError(
            "The width does not divide by the heads.", expected=f"a multiple of {params.heads}",
            received=str(params.width), fix="Change the width or the number of heads.", field="heads",
        )  # fmt: skip
    if params.frozen_layers > params.layers:
        raise InputError(
            "More layers are to be frozen than the encoder has.", expected=f"at most {params.layers}",
            received=str(params.frozen_layers), fix="Freeze fewer layers.", field="frozen_layers",
        )  # fmt: skip


def make_encoder(params: SluTransfer) -> SpeechEncoder:
    """An encoder that has learned nothing."""
    return SpeechEncoder(bins=params.mel_bins, width=params.width, layers=params.layers, heads=params.heads,
                         hidden=params.hidden, dropout=params.dropout)  # fmt: skip


def make_decoder(params: SluTransfer, words: int) -> Decoder:
    """A decoder over so many words, START and END among them."""
    return Decoder(words, width=params.width, layers=params.decoder_layers, heads=params.heads, hidden=params.hidden,
                   dropout=params.dropout)  # fmt: skip
