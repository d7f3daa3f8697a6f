"""What the training loop is given: the CTC loss of altered utterances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from workbench.engine.speech.features import cmvn, padded, spec_augment
from workbench.engine.speech.recogniser import CtcRecogniser, frames_needed

from .alter import altered
from .data import Utterance
from .recipe import Recognise


class Transcribing:
    """Characters from frames; the loss is the negative log-likelihood of all transcripts (Graves et al., 2006, eq. 5).

    What is done to an utterance follows from seed, step and position alone, so that a resumed run hears the same.
    """

    def __init__(
        self, model: CtcRecogniser, utterances: Sequence[Utterance], params: Recognise, *, seed: int
    ) -> None:  # fmt: skip
        self.model, self.utterances, self.params, self.seed = model, utterances, params, seed
        self.lengths = [len(one.frames) for one in utterances]
        self.least = [frames_needed(one.targets) * model.shape.stride for one in utterances]
        self.steps = 0

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

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Normalised frames (B, T, F), lengths (B,), all targets in a row and how many are whose (B,)."""
        made = []
        for at in indices:
            chance = np.random.default_rng((self.seed, self.steps, at))
            frames = torch.from_numpy(self.utterances[at].frames.astype(np.float32))
            made.append(altered(frames, self.params, chance, least=self.least[at]))
        batch, lengths = padded(made)
        batch = cmvn(batch, lengths)
        if self.params.spec_augment:
            mark = int(np.random.default_rng((self.seed, self.steps, indices[0], 1)).integers(2**62))
            batch = spec_augment(batch, lengths, torch.Generator().manual_seed(mark))
        targets = [torch.tensor(self.utterances[at].targets) for at in indices]
        return {"frames": batch, "lengths": lengths, "targets": torch.cat(targets),
                "counts": torch.tensor([len(one) for one in targets])}  # fmt: skip

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["counts"].sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        scores, lengths = self.model(batch["frames"], batch["lengths"])
        return F.ctc_loss(scores.transpose(0, 1), batch["targets"], lengths, batch["counts"], reduction="sum")
