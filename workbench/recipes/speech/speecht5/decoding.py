"""Answers without the truth at hand: text by beam search, speech by hearing one's own last frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache, EncoderDecoderCache

from workbench.engine import rng

from . import words
from .networks import Encoded, Unified
from .objectives import letters_batch

Floats = NDArray[np.float32]

DROPOUT_SEED = 31
"""The decoder's pre-net drops out while it speaks, as Tacotron's does; the same way each time."""
NEVER = (words.PAD, words.BOS, words.UNKNOWN, words.MASK)


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """A written answer: numbers without EOS, and the log of its probability, EOS included."""

    ids: tuple[int, ...]
    score: float

    @property
    def mean(self) -> float:
        """The score for each character, so that short answers are not preferred."""
        return self.score / (len(self.ids) + 1)


def _repeated(encoded: Encoded, times: int) -> Encoded:
    return Encoded(encoded.states.repeat_interleave(times, 0), encoded.mask.repeat_interleave(times, 0))


@torch.no_grad()
def hypotheses(model: Unified, encoded: Encoded, *, beam: int, longest: int) -> list[list[Hypothesis]]:
    """For each of a batch the answers that a beam search ends with, likeliest (per character) first.

    Where nothing has ended after `longest` characters, what has been written so far is the answer.
    """
    rows, device = len(encoded.states), encoded.states.device
    wide = _repeated(encoded, beam)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    prefix = torch.full((rows * beam, 1), words.EOS, device=device)
    scores = torch.full((rows, beam), -torch.inf, device=device)
    scores[:, 0] = 0.0
    ended: list[list[Hypothesis]] = [[] for _ in range(rows)]
    for _ in range(longest):
        embedded = model.written(prefix)[:, -1:]
        found = model.decode(embedded, wide, past_key_values=cache, use_cache=True)
        logits = model.letters_of(found.last_hidden_state[:, -1]).float()
        logits[:, list(NEVER)] = -torch.inf
        total = scores[..., None] + logits.log_softmax(-1).view(rows, beam, -1)
        letters = total.shape[-1]
        best, where = total.flatten(1).topk(2 * beam)
        origins, written = where // letters, where % letters
        keep = torch.zeros(rows, beam, dtype=torch.long, device=device)
        new = torch.full((rows, beam), words.EOS, device=device)
        scores = torch.full((rows, beam), -torch.inf, device=device)
        for row in range(rows):
            place = 0
            for at in range(2 * beam):
                value, origin, letter = float(best[row, at]), int(origins[row, at]), int(written[row, at])
                if value == -torch.inf or place == beam:
                    break
                if letter == words.EOS:
                    if at < beam and len(ended[row]) < beam:
                        ids = prefix[row * beam + origin, 1:].tolist()
                        ended[row].append(Hypothesis(tuple(ids), value))
                    continue
                keep[row, place], new[row, place], scores[row, place] = origin, letter, value
                place += 1
            if len(ended[row]) >= beam:
                scores[row] = -torch.inf
        chosen = (keep + torch.arange(rows, device=device)[:, None] * beam).flatten()
        prefix = torch.cat([prefix[chosen], new.view(-1, 1)], 1)
        if bool((scores == -torch.inf).all()):
            break
        cache.reorder_cache(chosen)  # type: ignore[arg-type]
    for row in range(rows):
        if not ended[row]:
            at = int(scores[row].argmax())
            ids = prefix[row * beam + at, 1:].tolist()
            ended[row].append(Hypothesis(tuple(ids), float(scores[row, at])))
        ended[row].sort(key=lambda one: -one.mean)
    return ended


@torch.no_grad()
def write(
    model: Unified, encoded: Encoded, *, beam: int, longest: int, ctc_weight: float = 0.0
) -> list[Hypothesis]:  # fmt: skip
    """The best answer of each of a batch; with a CTC weight, CTC has its say among the beam's answers.

    That is rescoring: (1 − w) · log p of the decoder + w · log p of CTC, both for each character.
    """
    found = hypotheses(model, encoded, beam=beam, longest=longest)
    if beam == 1 or ctc_weight == 0:
        return [one[0] for one in found]
    return [_rescored(model, encoded, row, one, ctc_weight) for row, one in enumerate(found)]


def _rescored(
    model: Unified, encoded: Encoded, row: int, found: Sequence[Hypothesis], weight: float
) -> Hypothesis:  # fmt: skip
    states, mask = encoded.states[row : row + 1], encoded.mask[row : row + 1]
    logits = model.ctc(states).float().log_softmax(-1).transpose(0, 1).expand(-1, len(found), -1)
    targets = letters_batch([[*one.ids] for one in found]).to(states.device)
    lengths = torch.tensor([len(one.ids) for one in found], device=states.device)
    losses = F.ctc_loss(logits, targets, mask.sum(1).expand(len(found)), lengths, blank=words.PAD, reduction="none")
    return max(
        zip(found, losses.tolist(), strict=True),
        key=lambda both: (1 - weight) * both[0].mean - weight * both[1] / (len(both[0].ids) + 1),
    )[0]


@dataclasses.dataclass(frozen=True)
class Speech:
    """A spoken answer: frames (T, bins), each one's stop probability (T,), and who was looked at while saying it.

    `looks` is (heads, steps, N) of the decoder's last layer, a step being several frames.
    """

    mel: Floats
    stops: Floats
    looks: Floats


@torch.no_grad()
def speak(
    model: Unified, encoded: Encoded, vectors: Tensor, *, threshold: float, ratio: float,
    frames: Sequence[int] | None = None,
) -> list[Speech]:  # fmt: skip
    """Say it, free-running, in the voices (B, D): until the stop probability reaches the threshold.

    At most `ratio` times as many frames as the encoder has states; `frames` tells lengths that are known beforehand
    (cleaned speech is as long as noisy speech), and then stop probabilities are not heeded.
    """
    step, bins = model.shape.step_frames, model.shape.bins
    real = encoded.mask.sum(1)
    most = [max(1, int(one * ratio) // step) for one in real.tolist()]
    if frames is not None:
        most = [-(-one // step) for one in frames]
    ends = list(most)
    sequence = encoded.states.new_zeros(len(most), 1, bins)
    said, stops, looks = [], [], []
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    open_ = set(range(len(most)))
    with rng.aside():
        rng.seed(DROPOUT_SEED)
        for at in range(max(most)):
            embedded = model.speech_said(sequence, vectors)[:, -1:]
            found = model.decode(embedded, encoded, past_key_values=cache, use_cache=True, output_attentions=True)
            state = found.last_hidden_state[:, -1]
            spectrum = model.speech_out.feat_out(state).view(len(most), step, bins)
            probability = model.speech_out.prob_out(state).float().sigmoid().view(len(most), step)
            said.append(spectrum)
            stops.append(probability)
            looks.append(found.cross_attentions[-1][:, :, -1].float())
            sequence = torch.cat([sequence, spectrum[:, -1:].to(sequence.dtype)], 1)
            for row in sorted(open_):
                stopped = frames is None and float(probability[row].max()) >= threshold
                if stopped or at + 1 >= most[row]:
                    ends[row] = at + 1
                    open_.discard(row)
            if not open_:
                break
    whole, ended = torch.cat(said, 1), torch.cat(stops, 1).cpu().numpy()
    looked = torch.stack(looks, 2).cpu().numpy()
    answers = []
    for row, end in enumerate(ends):
        fine = model.speech_out.postnet(whole[row : row + 1, : end * step])[0].float().cpu().numpy()
        length = end * step if frames is None else frames[row]
        count = int(real[row])
        answers.append(Speech(fine[:length], ended[row, :length], looked[row, :, :end, :count]))
    return answers
