"""What the training loop is given: restoring altered crops, and naming the phones of crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.speech.features import padded

from .alter import alter
from .data import Utterance
from .networks import Restorer, Tagger
from .recipe import Tera

UNKNOWN = -1
"""The class of phones that training has not heard, and of padding."""


class _Crops:
    """Utterances by position, cropped by seed, step and position alone, so that a resumed run sees the same."""

    def __init__(self, model: nn.Module, utterances: Sequence[Utterance], params: Tera, *, seed: int) -> None:
        self.model, self.utterances, self.params, self.seed = model, utterances, params, seed
        self.steps = 0

    @property
    def examples(self) -> int:
        return len(self.utterances)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def crop(self, index: int) -> tuple[slice, np.random.Generator]:
        """Which frames of an utterance are taken, and the chance for what is done with them."""
        chance = np.random.default_rng((self.seed, self.steps, index))
        start = int(chance.integers(0, max(len(self.utterances[index].frames) - self.params.crop, 0) + 1))
        return slice(start, start + self.params.crop), chance

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


class Restoration(_Crops):
    """Clean frames from altered ones; the loss is the absolute error over the cells that count."""

    def __init__(self, model: Restorer, utterances: Sequence[Utterance], params: Tera, *, seed: int) -> None:
        super().__init__(model, utterances, params, seed=seed)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Clean and altered frames and marks (B, T, F), padded with zeros, the lengths and the starts (B,)."""
        return altered_batch([(self.utterances[at], *self.crop(at)) for at in indices], self.params)

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["marked"].sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return absolute_error(self.model, batch)


def altered_batch(
    chosen: Sequence[tuple[Utterance, slice, np.random.Generator]], params: Tera
) -> dict[str, Tensor]:  # fmt: skip
    """Crops of utterances, altered by the chance that comes with each."""
    clean: list[Tensor] = []
    changed: list[Tensor] = []
    marks: list[Tensor] = []
    for one, part, chance in chosen:
        frames = one.frames[part]
        altered, marked = alter(frames, params, chance)
        for held, made in ((clean, frames), (changed, altered), (marks, marked)):
            held.append(torch.from_numpy(np.asarray(made, np.float32)))
    batch, lengths = padded(clean)
    # Crops keep their places: an encoder that only heard the first frames would not know the later ones.
    starts = torch.tensor([part.start or 0 for _, part, _ in chosen], dtype=torch.float32)
    return {"clean": batch, "altered": padded(changed)[0], "marked": padded(marks)[0], "lengths": lengths,
            "starts": starts}  # fmt: skip


def absolute_error(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """The sum of absolute errors over the cells that are marked."""
    restored = model(batch["altered"], batch["lengths"], batch["starts"])
    total: Tensor = ((restored.float() - batch["clean"]).abs() * batch["marked"]).sum()
    return total


class Naming(_Crops):
    """Phones of frames, by the encoder and a linear layer; frames of unknown phones teach nothing."""

    def __init__(
        self, model: Tagger, utterances: Sequence[Utterance], places: Mapping[str, int], params: Any, *, seed: int
    ) -> None:
        super().__init__(model, utterances, params, seed=seed)
        self.places = places

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Frames (B, T, F), the lengths and starts (B,) and classes (B, T), −1 where padded."""
        frames, classes, starts = [], [], []
        for at in indices:
            part, _ = self.crop(at)
            one = self.utterances[at]
            starts.append(float(part.start))
            frames.append(torch.from_numpy(one.frames[part]))
            classes.append(torch.tensor([self.places.get(name, UNKNOWN) for name in one.phones[part]]))
        batch, lengths = padded(frames)
        target = nn.utils.rnn.pad_sequence(classes, batch_first=True, padding_value=UNKNOWN)
        return {"frames": batch, "lengths": lengths, "classes": target, "starts": torch.tensor(starts)}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float((batch["classes"] >= 0).sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        logits = self.model(batch["frames"], batch["lengths"], batch["starts"]).float()
        return F.cross_entropy(logits.flatten(0, 1), batch["classes"].flatten(), ignore_index=UNKNOWN, reduction="sum")
