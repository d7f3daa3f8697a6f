"""The speaker encoder's training: utterances of a batch are told apart by whose centroid they lie at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_curve
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.speech.bank.rooms import noise, with_noise
from workbench.engine.speech.speaker_encoder import SpeakerEncoder, levelled

from .recipe import Sv2tts

Floats = NDArray[np.float32]

SCALE, OFFSET = 10.0, -5.0
GENTLY = 0.01
"""Scale and offset learn from gradients this much smaller (Wan and others, 2018, section 3)."""
QUIETEST_NOISE_DB = 5.0, 30.0
CLEAN_SHARE = 0.25


class Ge2e(nn.Module):
    """An encoder with the scale and the offset that make its cosines logits."""

    def __init__(self, encoder: SpeakerEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.scale = nn.Parameter(torch.tensor(SCALE))
        self.offset = nn.Parameter(torch.tensor(OFFSET))
        for one in (self.scale, self.offset):
            one.register_hook(lambda slope: slope * GENTLY)  # type: ignore[no-untyped-call]

    def forward(self, windows: Tensor) -> Tensor:
        """Logits (N · M, N) of windows (N, M, samples): M utterances of each of N speakers."""
        speakers, each = windows.shape[:2]
        vectors = self.encoder(windows.flatten(0, 1)).view(speakers, each, -1)
        return self.scale.clamp(min=1e-6) * similarities(vectors).flatten(0, 1) + self.offset


def similarities(vectors: Tensor) -> Tensor:
    """Cosines (N, M, N) of each utterance with each speaker's centroid, for vectors (N, M, D) of length 1.

    In its own speaker's centroid the utterance is left out (Wan and others, 2018, equations 5, 8 and 9).
    """
    speakers, each, _ = vectors.shape
    total = vectors.sum(1)
    centroids = F.normalize(total, dim=-1)
    without = F.normalize(total[:, None] - vectors, dim=-1)
    found = torch.einsum("jid,kd->jik", vectors, centroids)
    own = (vectors * without).sum(-1)
    same = torch.eye(speakers, dtype=torch.bool, device=vectors.device)[:, None].expand(-1, each, -1)
    return torch.where(same, own[..., None], found)


class Verification:
    """Crops of speakers' speech, drawn by seed, step and speaker alone, so that a resumed run sees the same.

    `voices` holds (samples,) int16 of each speaker, silence cut out. A batch is of N speakers, M crops each;
    N · M is the same however many speakers there are.
    """

    def __init__(self, model: Ge2e, voices: Sequence[NDArray[np.int16]], params: Sv2tts, *, seed: int) -> None:
        self.model: nn.Module = model
        self.shape = model.encoder.shape
        self.voices, self.params, self.seed = voices, params, seed
        self.together = min(params.batch_speakers, len(voices))
        self.each = params.batch_speakers * params.batch_utterances // self.together
        self.steps = 0

    @property
    def examples(self) -> int:
        return len(self.voices)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Windows (N, M, samples)."""
        return {"windows": torch.from_numpy(np.stack([self.crops(at) for at in indices]))}

    def crops(self, index: int) -> Floats:
        """(M, samples) of one speaker, some under noise, each at the encoder's level."""
        shape = self.shape
        length = round(shape.crop_s * shape.sample_rate_hz)
        chance = np.random.default_rng((self.seed, self.steps, index))
        wave = self.voices[index]
        starts = chance.integers(0, max(len(wave) - length, 0) + 1, self.each)
        return np.stack([self._heard(wave[start : start + length], length, chance) for start in starts.tolist()])

    def _heard(self, part: NDArray[np.int16], length: int, chance: np.random.Generator) -> Floats:
        shape = self.shape
        wave = np.pad(part, (0, length - len(part)), mode="wrap").astype(np.float32) / np.float32(32768)
        if chance.random() >= CLEAN_SHARE:
            under = noise(chance, "pink" if chance.random() < 0.5 else "white", length, shape.sample_rate_hz)
            wave = with_noise(wave, under, chance.uniform(*QUIETEST_NOISE_DB)).astype(np.float32)
        return levelled(wave, shape.level_db, wave)

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(math.prod(batch["windows"].shape[:2]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        windows = batch["windows"]
        logits = self.model(windows)
        whose = torch.arange(windows.shape[0], device=logits.device).repeat_interleave(windows.shape[1])
        return F.cross_entropy(logits.float(), whose, reduction="sum")

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])


# Verification -------------------------------------------------------------------------------


def equal_error_rate(scores: Floats, same: NDArray[np.bool_]) -> float:
    """Where as many impostors are taken as true speakers are refused, 0 … 1; between two thresholds linearly."""
    accepted, found, _ = roc_curve(same, scores)
    refused = 1 - found
    at = int(np.argmax(refused <= accepted))
    if at == 0:
        return float((refused[0] + accepted[0]) / 2)
    before, after = refused[at - 1] - accepted[at - 1], accepted[at] - refused[at]
    share = before / max(before + after, 1e-12)
    return float(accepted[at - 1] + share * (accepted[at] - accepted[at - 1]))


def trials(enrolled: Floats, asked: Floats, whose: Sequence[int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Cosines of every asked vector (n, D) with every enrolled speaker (k, D), and which pairs are true."""
    scores = asked @ enrolled.T
    same = np.asarray(whose)[:, None] == np.arange(len(enrolled))
    return scores.ravel(), same.ravel()


def unit(vectors: Floats) -> Floats:
    """Vectors (…, D) at length 1."""
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return found
