"""What is done to log-mel frames while a recogniser learns: pace, vocal tract, pauses, noise. SpecAugment comes later."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from workbench.engine.speech.features import FLOOR

from .recipe import Recognise

SNR_DB = (0.0, 30.0)
SLOPE = 2.5
"""A noise's spectrum rises or falls by as much from the lowest to the highest mel bin, in natural logs of magnitude."""
SPREAD = 0.5
"""Deviation of a noise's log magnitude from frame to frame, about that of a Rayleigh variable."""
PAUSE_FRAMES = 40


def altered(frames: Tensor, params: Recognise, chance: np.random.Generator, *, least: int) -> Tensor:
    """Log-mel frames (T, F) float32 as another voice in another place might have given them, (T', F).

    Never made shorter than `least` frames. The same chance gives the same frames.
    """
    pace = math.exp(chance.uniform(-1, 1) * math.log1p(params.speed))
    tract = math.exp(chance.uniform(-1, 1) * math.log1p(params.tract))
    length = max(round(len(frames) / pace), least)
    if params.speed > 0 and length != len(frames):
        frames = F.interpolate(frames.T[None], size=length, mode="linear", align_corners=False)[0].T
    if params.tract > 0:
        frames = stretched(frames, tract)
    before, after = chance.integers(0, PAUSE_FRAMES + 1, 2).tolist()
    frames = F.pad(frames, (0, 0, before, after), value=math.log(FLOOR))
    if chance.random() < params.noise:
        frames = noisy(frames, chance)
    return frames


def stretched(frames: Tensor, factor: float) -> Tensor:
    """Mel bin b of (T, F) comes from bin b · factor, interpolated; beyond the last bin the last one stays."""
    bins = frames.shape[1]
    at = (torch.arange(bins) * factor).clamp(max=bins - 1)
    low = at.floor().long().clamp(max=bins - 2)
    share = at - low
    return frames[:, low] * (1 - share) + frames[:, low + 1] * share


def noisy(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """(T, F) with steady noise of a random colour laid under it: powers add up, on average."""
    power = (2 * frames).exp()
    snr_db = chance.uniform(*SNR_DB)
    colour = torch.linspace(-0.5, 0.5, frames.shape[1]) * chance.uniform(-SLOPE, SLOPE)
    seed = int(chance.integers(2**62))
    ripple = torch.randn(frames.shape, generator=torch.Generator().manual_seed(seed)) * SPREAD
    noise = (2 * (colour + ripple)).exp()
    noise *= power.mean() / noise.mean() * 10 ** (-snr_db / 10)
    return 0.5 * (power + noise).log()
