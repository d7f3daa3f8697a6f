"""One encoder-decoder behind six pre- and post-nets, of transformers' SpeechT5 parts where there are some.

Ours are the log-mel speech pre-net (the published one hears waveforms, at ten times the cost), the text pre-nets
with one embedding for all, the quantiser, and heads for units, CTC and speakers.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import SpeechT5Config, SpeechT5Model
from transformers.models.speecht5.modeling_speecht5 import (
    SpeechT5DecoderWithoutPrenet,
    SpeechT5EncoderWithoutPrenet,
    SpeechT5ScaledPositionalEncoding,
    SpeechT5SpeechDecoderPostnet,
    SpeechT5SpeechDecoderPrenet,
    shift_spectrograms_right,
)

from workbench.core.problem import InputError
from workbench.engine.speech.features import valid

from .data import VECTOR
from .masking import STRIDE
from .quantiser import Quantiser
from .recipe import SpeechT5
from .words import ALPHABET, BOS, EOS, PAD

TEXT_MOST = 600
"""Characters that fit."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a network is built from; written beside its weights."""

    bins: int
    width: int
    layers: int
    heads: int
    hidden: int
    step_frames: int
    dropout: float
    units: int
    groups: int
    codes: int
    speakers: int
    vector: int = 0
    """Numbers of a voice's vector; 0: those of statistics."""

    @classmethod
    def of(cls, params: SpeechT5, speakers: int, vector: int = 0) -> Shape:
        """The shape that knobs ask for; raises InputError where widths do not divide."""
        for by, field in ((params.heads, "heads"), (2 * params.groups, "groups")):
            if params.width % by:
                raise InputError(
                    f"The width does not divide by {by}.", expected=f"a multiple of {by}", received=str(params.width),
                    fix=f"Change the width or the number of {field}.", field="width",
                )  # fmt: skip
        return cls(params.mel_bins, params.width, params.layers, params.heads, params.hidden, params.step_frames,
                   params.dropout, params.units, params.groups, params.codes, max(speakers, 1), vector)  # fmt: skip

    def config(self) -> SpeechT5Config:
        """The same for transformers."""
        return SpeechT5Config(
            vocab_size=len(ALPHABET), hidden_size=self.width, encoder_layers=self.layers, decoder_layers=self.layers,
            encoder_attention_heads=self.heads, decoder_attention_heads=self.heads, encoder_ffn_dim=self.hidden,
            decoder_ffn_dim=self.hidden, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
            positional_dropout=self.dropout, hidden_dropout=self.dropout, attention_dropout=self.dropout,
            activation_dropout=self.dropout, bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS,
            decoder_start_token_id=EOS, num_mel_bins=self.bins, speech_decoder_prenet_units=self.width,
            speaker_embedding_dim=self.vector or VECTOR * self.bins, speech_decoder_postnet_layers=3,
            speech_decoder_postnet_units=64, speech_decoder_postnet_dropout=self.dropout,
            reduction_factor=self.step_frames, max_text_positions=TEXT_MOST,
        )  # fmt: skip


class SpeechIn(nn.Module):
    """Log-mel frames (B, T, bins) as states (B, ⌈T / 2⌉, width): a convolution of stride 2, then places."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.read = nn.Conv1d(shape.bins, shape.width, 3, STRIDE, 1)
        self.norm = nn.LayerNorm(shape.width)
        self.hide = nn.Parameter(torch.empty(shape.width).uniform_())
        self.near = nn.Conv1d(shape.width, shape.width, 15, 1, 7, groups=8 if shape.width % 8 == 0 else 1)
        self.places = SpeechT5ScaledPositionalEncoding(shape.dropout, shape.width, 4000)  # type: ignore[no-untyped-call]

    def forward(self, mels: Tensor, hidden: Tensor | None = None) -> Tensor:
        """States; where `hidden` (B, N) is true, one learned vector stands in their place."""
        found = self.norm(F.gelu(self.read(mels.transpose(1, 2))).transpose(1, 2))
        if hidden is not None:
            found = torch.where(hidden[..., None], self.hide.to(found.dtype), found)
        found = found + F.gelu(self.near(found.transpose(1, 2))).transpose(1, 2)
        placed: Tensor = self.places(found)
        return placed


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Encoder states (B, N, width) and which of them are real (B, N)."""

    states: Tensor
    mask: Tensor


@dataclasses.dataclass(frozen=True)
class Spectra:
    """Frames (B, T, bins) before and after the post-net, stop logits (B, T), cross-attentions of each layer."""

    before: Tensor
    after: Tensor
    stops: Tensor
    looks: tuple[Tensor, ...]


class Unified(nn.Module):
    """The network of all tasks."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.config = config = shape.config()
        self.core = SpeechT5Model(config, SpeechT5EncoderWithoutPrenet(config), SpeechT5DecoderWithoutPrenet(config))
        self.speech_in = SpeechIn(shape)
        self.letters = nn.Embedding(len(ALPHABET), shape.width, PAD)
        nn.init.normal_(self.letters.weight, 0.0, shape.width**-0.5)
        self.text_in, self.said_in = (
            SpeechT5ScaledPositionalEncoding(shape.dropout, shape.width, TEXT_MOST)  # type: ignore[no-untyped-call]
            for _ in range(2)
        )
        self.speech_said = SpeechT5SpeechDecoderPrenet(config)  # type: ignore[no-untyped-call]
        self.speech_out = SpeechT5SpeechDecoderPostnet(config)  # type: ignore[no-untyped-call]
        self.quantiser = Quantiser(shape.width, shape.groups, shape.codes)
        self.units = nn.Linear(shape.width, shape.units)
        self.ctc = nn.Linear(shape.width, len(ALPHABET))
        self.speaker = nn.Linear(shape.width, shape.speakers)

    # Into the encoder -----------------------------------------------------------------------

    def hear(self, mels: Tensor, lengths: Tensor, hidden: Tensor | None = None) -> Encoded:
        """Encode frames (B, T, bins) of so many real frames each."""
        states = self.speech_in(mels, hidden)
        return self._encoded(states, valid((lengths + STRIDE - 1) // STRIDE, states.shape[1]))

    def read(self, ids: Tensor) -> Encoded:
        """Encode characters (B, N), PAD where there are none."""
        return self._encoded(self.text_in(self._letters(ids)), ids != PAD)

    def _letters(self, ids: Tensor) -> Tensor:
        # Not scaled by √width, as published: scaled, what was just written is what is written next.
        found: Tensor = self.letters(ids)
        return found

    def _encoded(self, states: Tensor, mask: Tensor) -> Encoded:
        found = self.core.encoder(input_values=states, attention_mask=mask.long(), return_dict=True)
        return Encoded(found.last_hidden_state, mask)

    # Out of the decoder ---------------------------------------------------------------------

    def decode(self, embedded: Tensor, encoded: Encoded, mask: Tensor | None = None, **more: Any) -> Any:
        """The decoder's output on states (B, T, width)."""
        return self.core.decoder(
            input_values=embedded, attention_mask=None if mask is None else mask.long(),
            encoder_hidden_states=encoded.states, encoder_attention_mask=encoded.mask.long(), return_dict=True, **more,
        )  # fmt: skip

    def written(self, prefix: Tensor) -> Tensor:
        """Characters said so far (B, T) as what goes into the decoder."""
        found: Tensor = self.said_in(self._letters(prefix))
        return found

    def letters_of(self, states: Tensor) -> Tensor:
        """Logits (…, letters) of decoder states, by the embedding itself."""
        return F.linear(states, self.letters.weight)

    def write(self, encoded: Encoded, prefix: Tensor) -> Tensor:
        """Logits (B, T, letters) of what follows each of the characters (B, T), teacher-forced."""
        found = self.decode(self.written(prefix), encoded, prefix != PAD, use_cache=False)
        return self.letters_of(found.last_hidden_state)

    def say(self, encoded: Encoded, mels: Tensor, vectors: Tensor) -> Spectra:
        """Frames that follow each of (B, T, bins), −100 where padded, in the voices (B, D), teacher-forced."""
        before, mask = shift_spectrograms_right(
            mels, self.shape.step_frames, (mels[..., 0] != -100.0).long()
        )  # fmt: skip
        embedded = self.speech_said(before, vectors)
        found = self.decode(embedded, encoded, mask, use_cache=False, output_attentions=True)
        coarse, fine, stops = self.speech_out(found.last_hidden_state)
        return Spectra(coarse, fine, stops, found.cross_attentions)

    # Heads ----------------------------------------------------------------------------------

    def speaker_of(self, encoded: Encoded) -> Tensor:
        """Logits (B, speakers) of the mean over real encoder states."""
        mask = encoded.mask[..., None].to(encoded.states.dtype)
        found: Tensor = self.speaker((encoded.states * mask).sum(1) / mask.sum(1).clamp(min=1))
        return found


def shifted(ids: Tensor) -> Tensor:
    """What the decoder has said before each of the characters (B, T): EOS, then all but the last."""
    found = torch.full_like(ids, PAD)
    found[:, 1:] = ids[:, :-1]
    found[:, 0] = EOS
    return found
