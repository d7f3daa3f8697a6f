"""How close a cloned voice is to the true one: cepstra, pitch, and what a judge hears."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.features import griffin_lim, mel_to_linear, mfcc
from workbench.engine.speech.tracks import pitch

from .data import HOP_S, SILENCE, WINDOW_S, Line

Floats = NDArray[np.float32]

CEPSTRA = 13
FFT_SIZE = 1024
PITCH_HOP_S = 0.010
PERIODIC = 0.5
SHORTEST_FRAMES = 2 * round(WINDOW_S / HOP_S)
SHARPENED = 1.3
"""Magnitudes to this power sound less muffled after a regression (Griffin-Lim's input in Tacotron has 1.2 to 1.5)."""


def cepstral_distance(made: Floats, line: Line) -> float:
    """Mel-cepstral distance in dB between frames (T, bins), over frames in which somebody speaks.

    10 √2 / ln 10 times the Euclidean distance of cepstra 1 to 13 (Kubichek, 1993), of which the loudness is none;
    cepstra are such that the log spectrum is the sum of c(m) · cos(m ω).
    """
    true, found = (mfcc(torch.from_numpy(one)[None], CEPSTRA + 1)[0, :, 1:] for one in (line.mels, made))
    spoken = np.repeat([one != SILENCE for one in line.phones], line.lengths)
    distance = (found - true).square().sum(1).sqrt()[torch.from_numpy(spoken)]
    return float(10 * math.sqrt(2) / math.log(10) * math.sqrt(2 / made.shape[1]) * distance.mean())


def sounding(log_mels: Floats, phases: int, *, seed: int = 0) -> Floats:
    """Samples (n,) at 16 kHz of log-mel frames (T, bins), with phases by Griffin and Lim's method.

    An untrained attention may end at once: fewer frames than a window holds are repeated, since phases need some.
    """
    if len(log_mels) < SHORTEST_FRAMES:
        log_mels = np.resize(log_mels, (SHORTEST_FRAMES, log_mels.shape[1]))
    magnitudes: Tensor = mel_to_linear(torch.from_numpy(log_mels)[None], RATE_HZ, FFT_SIZE)
    loud = magnitudes.square().sum(-1, keepdim=True)
    sharp = magnitudes**SHARPENED
    sharp = sharp * (loud / sharp.square().sum(-1, keepdim=True).clamp(min=1e-12)).sqrt()
    generator = torch.Generator().manual_seed(seed)
    found = griffin_lim(sharp, RATE_HZ, window_s=WINDOW_S, hop_s=HOP_S, iterations=phases, generator=generator)
    wave: Floats = found[0].numpy()
    return wave


def median_pitch_hz(wave: Floats) -> float:
    """The median pitch of voiced frames; nan where there is none."""
    centres = np.arange(0, len(wave), PITCH_HOP_S * RATE_HZ)
    hz, periodicity = pitch(wave, RATE_HZ, centres)
    voiced = hz[(hz > 0) & (periodicity > PERIODIC)]
    return float(np.median(voiced)) if len(voiced) else math.nan


def semitones(one_hz: float, other_hz: float) -> float:
    """The distance of two pitches; nan where one is unknown."""
    return abs(12 * math.log2(one_hz / other_hz)) if one_hz > 0 and other_hz > 0 else math.nan
