"""What the training loop is given: recognising sentences, and understanding commands (with recognition beside)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.speech.features import padded, spec_augment

from .data import Utterance
from .networks import END, START, Recogniser, SpeechEncoder, Understander
from .recipe import SluTransfer

PADDING = -100
"""What no loss counts."""
FEWEST_FRAMES = 5


def fits_ctc(one: Utterance) -> bool:
    """Whether there are states enough for the units: one for each, and one between two that are the same."""
    states = int(SpeechEncoder.shortened(torch.tensor(len(one.frames))))
    twins = sum(left == right for left, right in zip(one.units, one.units[1:], strict=False))
    return states >= len(one.units) + twins


class Batches:
    """Frames of utterances, padded; stretches are hidden by seed, step and batch, so a resumed run sees the same."""

    def __init__(
        self, model: nn.Module, utterances: Sequence[Utterance], params: SluTransfer, *, seed: int
    ) -> None:  # fmt: skip
        self.model, self.utterances, self.params, self.seed = model, utterances, params, seed
        self.steps = 0
        self.lengths = [len(one.frames) for one in utterances]

    @property
    def examples(self) -> int:
        return len(self.utterances)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]

    def frames(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Frames (B, T, F) with stretches hidden, and their lengths (B,)."""
        batch, lengths = padded([torch.from_numpy(self.utterances[at].frames) for at in indices])
        if self.params.augment and batch.shape[1] > FEWEST_FRAMES:
            chance = torch.Generator().manual_seed(hash((self.seed, self.steps, indices[0])) % 2**31)
            batch = spec_augment(batch, lengths, chance, widest_bins=max(self.params.mel_bins // 5, 1))
        return batch, lengths


class Recognition(Batches):
    """CTC and the decoder's cross-entropy on transcripts: a · CTC + (1 - a) · CE, summed over utterances."""

    def __init__(self, model: Recogniser, utterances: Sequence[Utterance], units: Sequence[str], params: Any, *,
                 seed: int) -> None:  # fmt: skip
        super().__init__(model, utterances, params, seed=seed)
        self.network = model
        self.places = {unit: at for at, unit in enumerate(units)}

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Frames, lengths, and units (B, U) padded with -100; units of training are all known."""
        batch, lengths = self.frames(indices)
        return {"frames": batch, "lengths": lengths, "units": self.units(indices)}

    def units(self, indices: Sequence[int]) -> Tensor:
        """Places in the vocabulary (B, U), padded with -100."""
        rows = [torch.tensor([self.places[unit] for unit in self.utterances[at].units], dtype=torch.long)
                for at in indices]  # fmt: skip
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING)

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["units"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        states, lengths = self.network.encoder(batch["frames"], batch["lengths"])
        return recognition_loss(self.network, states, lengths, batch["units"], self.params)


def recognition_loss(
    model: Recogniser, states: Tensor, lengths: Tensor, units: Tensor, params: SluTransfer
) -> Tensor:  # fmt: skip
    """The sum over utterances of a · CTC + (1 - a) · CE, both a mean over an utterance's units."""
    counts = (units >= 0).sum(1)
    scores = model.ctc(states).float().log_softmax(-1).transpose(0, 1)
    ctc = F.ctc_loss(scores, (units + 1).clamp(min=0), lengths, counts, blank=0, reduction="none", zero_infinity=True)
    total = params.ctc_weight * (ctc / counts.clamp(min=1)).sum()
    if params.ctc_weight == 1:
        return total
    said, wanted = spoken(units)
    logits = model.say(model.decoder(said, states, lengths)).float()
    entropy = F.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=PADDING, reduction="none",
                              label_smoothing=params.smoothing)  # fmt: skip
    return total + (1 - params.ctc_weight) * (entropy.sum(1) / (counts + 1)).sum()


def spoken(words: Tensor) -> tuple[Tensor, Tensor]:
    """What a decoder reads and is to say, (B, L + 1) each, of places (B, L) padded with -100; START, words, END."""
    count = (words >= 0).sum(1)
    moved = torch.where(words >= 0, words + 2, PADDING)
    start = torch.full((len(words), 1), START, dtype=torch.long, device=words.device)
    said = torch.cat([start, moved.clamp(min=END)], 1)
    wanted = torch.cat([moved, torch.full_like(start, PADDING)], 1)
    wanted[torch.arange(len(words), device=words.device), count] = END
    return said, wanted


class Understanding(Batches):
    """Cross-entropy of action, object, location and end; with recognition (1 - m) · L_slu + m · L_asr."""

    def __init__(
        self, model: Understander, commands: Sequence[Utterance], words: Sequence[str], units: Sequence[str],
        params: Any, *, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(model, commands, params, seed=seed)
        self.network = model
        self.words = {word: at for at, word in enumerate(words)}
        self.units = {unit: at for at, unit in enumerate(units)}

    def progress(self, fraction: float) -> None:
        """Layers that stand still at first learn from the step on that they were told to."""
        super().progress(fraction)
        self.network.encoder.still = self.params.frozen_layers if self.steps <= self.params.frozen_steps else 0

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Frames, lengths, slot places (B, 3), and units (B, U) padded with -100 where recognition goes on."""
        batch, lengths = self.frames(indices)
        found = {"frames": batch, "lengths": lengths,
                 "slots": torch.tensor([places_of(self.utterances[at], self.words) for at in indices])}  # fmt: skip
        if self.network.recogniser is not None:
            rows = [torch.tensor([self.units[unit] for unit in self.utterances[at].units if unit in self.units],
                                 dtype=torch.long) for at in indices]  # fmt: skip
            found["units"] = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING)
        return found

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["slots"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        states, lengths = self.network.encoder(batch["frames"], batch["lengths"])
        said, wanted = spoken(batch["slots"])
        logits = self.network(said, states, lengths).float()
        entropy = F.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=PADDING, reduction="none",
                                  label_smoothing=self.params.smoothing)  # fmt: skip
        total = entropy.sum(1).sum() / wanted.shape[1]
        if self.network.recogniser is None:
            return total
        share = self.params.recognition_weight
        beside = recognition_loss(self.network.recogniser, states, lengths, batch["units"], self.params)
        return (1 - share) * total + share * beside


def places_of(one: Utterance, words: dict[str, int]) -> list[int]:
    """The three slots as places in the slot vocabulary; raises KeyError for a value that training has not."""
    if one.intent is None:
        raise ValueError(f"{one.name} has no intent")
    return [words[f"{slot}={value}"] for slot, value in zip(("action", "object", "location"), one.intent, strict=True)]
