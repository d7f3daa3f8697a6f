"""The losses of HiFi-GAN (Kong et al., 2020, section 2.4), and of its generator alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.engine.speech.features import stft
from workbench.engine.speech.vocoders import MelAnalysis

from .networks import Pair, judged
from .recipe import HIFI_GAN, HifiGanParams

Floats = NDArray[np.float32]

BETAS = (0.8, 0.99)
RESOLUTIONS_S = (0.016, 0.032, 0.064, 0.128)
"""Windows of the spectral loss; it hops by a quarter of each."""
LEAST = 1e-3
"""Magnitudes below this are as good as silence: 20 log₁₀ 10⁻³ of a window's sum is far below hearing."""


class Sounding:
    """Crops of recordings with their frames; the generator makes them sound, discriminators tell them apart."""

    def __init__(self, model: Pair, waves: Sequence[Floats], mel: MelAnalysis, params: HifiGanParams) -> None:
        self.model: nn.Module = model
        self.pair, self.mel, self.params = model, mel, params
        self.crop = max(8, round(params.crop_s / mel.hop_s))
        self.waves: list[Tensor] = []
        self.frames: list[Tensor] = []
        for one in waves:
            wave = torch.from_numpy(np.pad(one, (0, max(0, self.crop * mel.hop - len(one)))))
            self.waves.append(wave)
            self.frames.append(mel.log_mel(wave[None])[0])
        self.adversarial = False

    @property
    def examples(self) -> int:
        return len(self.waves)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The generator, and discriminators at half its rate: they learn from the first wrong sound on."""
        rate, decay = self.params.learning_rate, self.params.weight_decay
        groups = [{"params": list(self.pair.generator.parameters()), "lr": rate, "weight_decay": decay, "betas": BETAS}]
        if self.params.method == HIFI_GAN:
            groups.append({"params": list(self.pair.judges.parameters()), "lr": rate / 2, "weight_decay": decay,
                           "betas": BETAS})  # fmt: skip
        return groups

    def progress(self, fraction: float) -> None:
        """Discriminators join in late: of noise there is nothing to learn."""
        self.adversarial = self.params.method == HIFI_GAN and fraction >= self.params.judged_from

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """`frames` (B, crop, bins) and `waves` (B, crop · hop), cut where chance says."""
        hop = self.mel.hop
        frames, waves = [], []
        for at in indices:
            last = len(self.waves[at]) // hop - self.crop
            start = int(torch.randint(0, last + 1, (1,)))
            frames.append(self.frames[at][start : start + self.crop])
            waves.append(self.waves[at][start * hop : (start + self.crop) * hop])
        return {"frames": torch.stack(frames), "waves": torch.stack(waves)}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["waves"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Mel error, spectral error, and with discriminators the two sides of least squares and their features."""
        true = batch["waves"]
        made = self.pair.generator(batch["frames"]).float()
        total = self.params.mel_weight * (self.mel.log_mel(made) - self.mel.log_mel(true)).abs().mean()
        if self.params.spectral_weight:
            total = total + self.params.spectral_weight * spectral_error(made, true, self.mel.sample_rate_hz)
        if self.adversarial:
            total = total + self._contest(made, true)
        return total * len(true)

    def _contest(self, made: Tensor, true: Tensor) -> Tensor:
        """One backward for both sides: discriminators see the sound as given, the generator sees them as given."""
        total = made.new_zeros(())
        for judge in self.pair.judges:
            both = judge(torch.cat([true, made.detach()]))
            real, fake = both[-1].chunk(2)
            total = total + (real - 1).square().mean() + fake.square().mean()
            features = judged(judge, made)
            total = total + (features[-1] - 1).square().mean()
            for one, layer in zip(features[:-1], both[:-1], strict=True):
                known = layer.chunk(2)[0].detach()
                total = total + self.params.feature_weight * (one - known).abs().mean()
        return total


def spectral_error(made: Tensor, true: Tensor, rate_hz: int) -> Tensor:
    """Spectral convergence and log error of (B, n), the mean over four resolutions (Yamamoto et al., 2020)."""
    total = made.new_zeros(())
    for window_s in RESOLUTIONS_S:
        one, other = (_magnitudes(wave, rate_hz, window_s) for wave in (made, true))
        total = total + (one - other).norm() / other.norm().clamp(min=1e-3) + (one.log() - other.log()).abs().mean()
    return total / len(RESOLUTIONS_S)


def _magnitudes(wave: Tensor, rate_hz: int, window_s: float) -> Tensor:
    spectrum = stft(wave, rate_hz, window_s=window_s, hop_s=window_s / 4)
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=LEAST**2).sqrt()
