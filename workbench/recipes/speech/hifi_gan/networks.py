"""Generator and discriminators: transformers' HiFi-GAN generator in a small width, judged by periods and by scales."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from workbench.engine.speech.vocoders import MelAnalysis

RATES = {200: (5, 5, 8), 256: (4, 8, 8), 320: (5, 8, 8)}
"""By which factors frames become samples, for each hop."""
BLOCKS = (3, 7)
DILATIONS = (1, 3)
PERIODS = (2, 3, 5, 7, 11)
SCALES = 2
SLOPE = 0.1
LEAST_SCALE = 1e-2
"""Least deviation of a bin that frames are normalised with."""


def generator(mel: MelAnalysis, channels: int) -> Any:
    """A SpeechT5HifiGan for these frames; `channels` are those behind its first layer, halved by each upsampling."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    rates = RATES[mel.hop]
    model = SpeechT5HifiGan(SpeechT5HifiGanConfig(
        model_in_dim=mel.bins, sampling_rate=mel.sample_rate_hz, upsample_initial_channel=channels,
        upsample_rates=rates, upsample_kernel_sizes=tuple(2 * one + one % 2 for one in rates),
        resblock_kernel_sizes=BLOCKS, resblock_dilation_sizes=(DILATIONS,) * len(BLOCKS), normalize_before=True,
    ))  # fmt: skip
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            # As published all weights begin near 0, and short training would end before they have grown.
            module.reset_parameters()
    return model


def scale_by(model: Any, frames: Tensor) -> None:
    """Take each bin's mean and deviation from frames (N, bins)."""
    model.mean.copy_(frames.mean(0))
    model.scale.copy_(frames.std(0).clamp(min=LEAST_SCALE))


class Period(nn.Module):
    """Looks at every period-th sample: convolutions along time that mix no two phases (section 2.3 of the paper)."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, width, 2 * width, 4 * width, 4 * width]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(one, other, 5, stride=3, padding=2)) for one, other in itertools.pairwise(widths)
        )
        self.last = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Features of each layer, the scores last, of (B, n) samples; phases stand in the batch."""
        wave = F.pad(wave, (0, -wave.shape[1] % self.period), "reflect")
        x = wave.view(len(wave), -1, self.period).transpose(1, 2).reshape(-1, 1, wave.shape[1] // self.period)
        return _through(self.layers, self.last, x)


class Scale(nn.Module):
    """Looks at neighbouring samples, at half the rate for each `halvings`."""

    def __init__(self, halvings: int, width: int) -> None:
        super().__init__()
        self.halvings = halvings
        self.layers = nn.ModuleList([
            weight_norm(nn.Conv1d(1, width, 15, padding=7)),
            weight_norm(nn.Conv1d(width, 2 * width, 41, stride=4, groups=4, padding=20)),
            weight_norm(nn.Conv1d(2 * width, 4 * width, 41, stride=4, groups=8, padding=20)),
            weight_norm(nn.Conv1d(4 * width, 4 * width, 5, padding=2)),
        ])  # fmt: skip
        self.last = weight_norm(nn.Conv1d(4 * width, 1, 3, padding=1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Features of each layer, the scores last, of (B, n) samples."""
        x = wave[:, None]
        for _ in range(self.halvings):
            x = F.avg_pool1d(x, 4, 2, padding=2)
        return _through(self.layers, self.last, x)


def _through(layers: nn.ModuleList, last: nn.Module, x: Tensor) -> list[Tensor]:
    found = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        found.append(x)
    return [*found, last(x)]


class Pair(nn.Module):
    """The generator, and the discriminators that it has to deceive."""

    def __init__(self, made: nn.Module, width: int) -> None:
        super().__init__()
        self.generator = made
        self.judges = nn.ModuleList([*(Period(one, width) for one in PERIODS),
                                     *(Scale(one, width) for one in range(SCALES))])  # fmt: skip


def judged(judge: nn.Module, wave: Tensor) -> list[Tensor]:
    """What a discriminator finds, with its weights as constants: it must not learn from what the generator is told."""
    weights = {name: one.detach() for name, one in judge.named_parameters()}
    found: list[Tensor] = torch.func.functional_call(judge, weights, (wave,))
    return found
