"""What the training loop is given: pretraining on speech and text at once, and each of the six tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.speecht5.modeling_speecht5 import SpeechT5SpectrogramLoss

from workbench.engine.speech.features import padded

from . import masking, quantiser, words
from .data import HOP_S, Item, Sound
from .networks import Encoded, Unified, shifted
from .recipe import ASR, SID, SPEECH_ONLY, ST, TEXT_ONLY, TTS, UNMIXED, SpeechT5

NOTHING = -100
DIVERSITY, SMOOTHING, CTC_SHARE = 0.1, 0.1, 0.5
"""Weights as published: of the diversity loss; of label smoothing in translation; of CTC in recognition."""
TOLD = 40
"""Losses are told apart about so many times a fit."""

Tell = Callable[[str, float, int], None]


class _Seeded:
    """Examples by position; what chance does with them depends on seed, step and position alone."""

    def __init__(self, model: Unified, params: SpeechT5, *, seed: int, tell: Tell | None, total: int) -> None:
        self.model: nn.Module = model
        self.net, self.params, self.seed = model, params, seed
        self.steps, self.tell, self.every = 0, tell, max(1, total // TOLD)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def chance(self, index: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.steps, index))

    def told(self, parts: Mapping[str, Tensor]) -> None:
        """Tell each loss by its name, now and then; reading one waits for the device."""
        if self.tell is not None and (self.steps % self.every == 0 or self.steps == 1):
            for name, value in parts.items():
                self.tell(name, float(value.detach()), self.steps)

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


def spectra_loss(model: Unified, guided: float) -> SpeechT5SpectrogramLoss:
    """The published loss of spoken answers: L1 before and after the post-net, stop BCE (weight 5), guided attention."""
    config = model.shape.config()
    config.use_guided_attention_loss = guided > 0
    config.guided_attention_loss_scale = guided
    return SpeechT5SpectrogramLoss(config)


def said_batch(mels: Sequence[np.ndarray]) -> Tensor:
    """Frames (B, T, bins) padded with −100, as transformers' loss counts them."""
    return nn.utils.rnn.pad_sequence(
        [torch.from_numpy(one) for one in mels], batch_first=True, padding_value=float(NOTHING)
    )


def letters_batch(texts: Sequence[Sequence[int]]) -> Tensor:
    """Numbers of characters (B, N), padded with PAD."""
    return nn.utils.rnn.pad_sequence(
        [torch.tensor(list(one)) for one in texts], batch_first=True, padding_value=words.PAD
    )


class Pretraining(_Seeded):
    """Masked units, reconstruction and infilling, with codes mixed in (section 2.3).

    L = L_mlm (1) + L_1 (2) + L_bce + L_mle (3) + 0.1 L_d (5), which is equation 6.
    """

    def __init__(
        self, model: Unified, speech: Sequence[Sound], text: Sequence[str], params: SpeechT5, *, seed: int,
        units: Sequence[np.ndarray], tell: Tell | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, params, seed=seed, tell=tell, total=params.max_steps)
        self.speech, self.text, self.units = speech, [words.encode(one) for one in text], units
        self.spectra = spectra_loss(model, 0.0)
        self.hears, self.reads = params.start != TEXT_ONLY, params.start != SPEECH_ONLY
        self.mixes = params.start != UNMIXED

    @property
    def examples(self) -> int:
        return len(self.speech)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Speech and text of a step; an utterance's position also draws its sentence."""
        found: dict[str, Tensor] = {}
        chances = [self.chance(at) for at in indices]
        if self.hears:
            found |= self._speech(indices, chances)
        if self.reads:
            texts = [self.text[int(one.integers(len(self.text)))] for one in chances]
            found["shown"] = letters_batch([masking.infilled(*both) for both in zip(texts, chances, strict=True)])
            found["whole"] = letters_batch(texts)
        found["weight"] = torch.tensor(float(len(indices)))
        return found

    def _speech(self, indices: list[int], chances: Sequence[np.random.Generator]) -> dict[str, Tensor]:
        mels, hidden, units, vectors = [], [], [], []
        multiple = int(np.lcm(self.params.step_frames, masking.STRIDE))
        for at, chance in zip(indices, chances, strict=True):
            mel = self.speech[at].mel
            length = min(self.params.crop, len(mel)) // multiple * multiple
            start = int(chance.integers(0, (len(mel) - length) // masking.STRIDE + 1)) * masking.STRIDE
            mels.append(torch.from_numpy(mel[start : start + length]))
            first, count = start // masking.STRIDE, length // masking.STRIDE
            mask = masking.hidden_spans(count, HOP_S * masking.STRIDE, chance)
            hidden.append(torch.from_numpy(mask))
            units.append(torch.from_numpy(np.where(mask, self.units[at][first : first + count], NOTHING)))
            vectors.append(torch.from_numpy(self.speech[at].vector))
        batch, lengths = padded(mels)
        return {
            "mels": batch, "lengths": lengths, "said": said_batch([one.numpy() for one in mels]),
            "hidden": nn.utils.rnn.pad_sequence(hidden, batch_first=True),
            "units": nn.utils.rnn.pad_sequence(units, batch_first=True, padding_value=NOTHING),
            "vectors": torch.stack(vectors),
        }  # fmt: skip

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["weight"])

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        parts = self.parts(batch)
        self.told(parts)
        total = sum((value * (DIVERSITY if name == "diversity" else 1.0) for name, value in parts.items()
                     if name != "perplexity"), torch.zeros((), device=batch["weight"].device))  # fmt: skip
        return total * batch["weight"]

    def parts(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term of equation 6 by its name, unweighted, and how many codes are in use."""
        found: dict[str, Tensor] = {}
        coded = []
        if "mels" in batch:
            encoded = self.net.hear(batch["mels"], batch["lengths"], batch["hidden"])
            logits = self.net.units(encoded.states).float()
            found["units"] = F.cross_entropy(logits.flatten(0, 1), batch["units"].flatten(), ignore_index=NOTHING)
            mixed, codes = self._mixed(encoded)
            coded.append(codes)
            spectra = self.net.say(mixed, batch["said"], batch["vectors"])
            found["spectrogram"] = self.spectra(
                mixed.mask.long(), spectra.before.float(), spectra.after.float(), spectra.stops.float(), batch["said"]
            )
        if "shown" in batch:
            mixed, codes = self._mixed(self.net.read(batch["shown"]))
            coded.append(codes)
            logits = self.net.write(mixed, shifted(batch["whole"])).float()
            found["text"] = F.cross_entropy(logits.flatten(0, 1), batch["whole"].flatten(), ignore_index=words.PAD)
        if self.mixes:
            found["diversity"] = torch.stack([self.net.quantiser.diversity(one) for one in coded]).mean()
            found["perplexity"] = torch.stack([one.hard_perplexity for one in coded]).mean()
        return found

    def _mixed(self, encoded: Encoded) -> tuple[Encoded, quantiser.Coded]:
        coded = self.net.quantiser(encoded.states, encoded.mask, quantiser.temperature(self.steps))
        if not self.mixes:
            return encoded, coded
        return Encoded(quantiser.mixed(encoded.states, coded.codes), encoded.mask), coded


class Doing(_Seeded):
    """One of the six tasks, teacher-forced, with the published losses."""

    def __init__(
        self, task: str, model: Unified, items: Sequence[Item], params: SpeechT5, *, seed: int,
        tell: Tell | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, params, seed=seed, tell=tell, total=params.max_steps)
        self.task, self.items = task, items
        self.spectra = spectra_loss(model, params.guided)

    @property
    def examples(self) -> int:
        return len(self.items)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        return batch_of(self.task, [self.items[at] for at in indices])

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["weight"])

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        parts = self.parts(batch)
        self.told(parts)
        shares = {"CE": 1 - CTC_SHARE, "CTC": CTC_SHARE} if self.task == ASR else {}
        total = sum((value * shares.get(name, 1.0) for name, value in parts.items()),
                    torch.zeros((), device=batch["weight"].device))  # fmt: skip
        return total * batch["weight"]

    def parts(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term of a task's loss by its name."""
        encoded = encode(self.net, batch)
        if self.task == SID:
            return {"CE": F.cross_entropy(self.net.speaker_of(encoded).float(), batch["speaker"])}
        if self.task in (ASR, ST):
            logits = self.net.write(encoded, shifted(batch["answer"])).float()
            found = {"CE": F.cross_entropy(logits.flatten(0, 1), batch["answer"].flatten(), ignore_index=words.PAD,
                                           label_smoothing=SMOOTHING if self.task == ST else 0.0)}  # fmt: skip
            return found | ({"CTC": ctc_loss(self.net, encoded, batch["answer"])} if self.task == ASR else {})
        spectra = self.net.say(encoded, batch["said"], batch["vectors"])
        return {"spectrogram": self.spectra(
            encoded.mask.long(), spectra.before.float(), spectra.after.float(), spectra.stops.float(), batch["said"],
            spectra.looks,
        )}  # fmt: skip


def batch_of(task: str, items: Sequence[Item]) -> dict[str, Tensor]:
    """Examples of a task as tensors: what goes in, and what is to come out."""
    found: dict[str, Any] = {"weight": torch.tensor(float(len(items)))}
    if task == TTS:
        found["read"] = letters_batch([words.encode(one.read) for one in items])
    else:
        found["mels"], found["lengths"] = padded(
            [torch.from_numpy(one.heard) for one in items if one.heard is not None]
        )
    if task == SID:
        found["speaker"] = torch.tensor([one.speaker for one in items])
    elif task in (ASR, ST):
        found["answer"] = letters_batch([words.encode(one.answer) for one in items])
    else:
        found["said"] = said_batch([one.said for one in items if one.said is not None])
        found["vectors"] = torch.stack([torch.from_numpy(one.vector) for one in items if one.vector is not None])
    return found


def encode(model: Unified, batch: Mapping[str, Tensor]) -> Encoded:
    """Encode what goes in: characters, or frames."""
    return model.read(batch["read"]) if "read" in batch else model.hear(batch["mels"], batch["lengths"])


def ctc_loss(model: Unified, encoded: Encoded, answers: Tensor, *, reduction: str = "mean") -> Tensor:
    """CTC's loss of transcripts (B, N), PAD being the blank; one longer than the frames allow counts nothing."""
    logits = model.ctc(encoded.states).float().log_softmax(-1).transpose(0, 1)
    real = (answers != words.PAD) & (answers != words.EOS)
    return F.ctc_loss(logits, answers.masked_fill(~real, 0), encoded.mask.sum(1), real.sum(1), blank=words.PAD,
                      reduction=reduction, zero_infinity=True)  # fmt: skip
