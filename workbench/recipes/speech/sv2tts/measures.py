"""How close a cloned voice is to the true one: cepstra, pitch, and what a judge hears."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.speech import vocoders
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.features import mfcc
from workbench.engine.speech.tracks import pitch

from .data import SILENCE, Line

Floats = NDArray[np.float32]

CEPSTRA = 13
PITCH_HOP_S = 0.010
PERIODIC = 0.5
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


def how(bins: int, phases: int) -> dict[str, Any]:
    """What vocoders.choose is told of the synthesiser's frames, and of Griffin-Lim."""
    return {"mel": dataclasses.replace(vocoders.CLONING, bins=bins), "iterations": phases, "sharpened": SHARPENED}


def median_pitch_hz(wave: Floats) -> float:
    """The median pitch of voiced frames; nan where there is none."""
    centres = np.arange(0, len(wave), PITCH_HOP_S * RATE_HZ)
    hz, periodicity = pitch(wave, RATE_HZ, centres)
    voiced = hz[(hz > 0) & (periodicity > PERIODIC)]
    return float(np.median(voiced)) if len(voiced) else math.nan


def semitones(one_hz: float, other_hz: float) -> float:
    """The distance of two pitches; nan where one is unknown."""
    return abs(12 * math.log2(one_hz / other_hz)) if one_hz > 0 and other_hz > 0 else math.nan
