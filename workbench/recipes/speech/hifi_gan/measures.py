"""How far a sound that was made is from the recording whose frames it was made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.speech.features import log_mel, mfcc, stft
from workbench.engine.speech.tracks import pitch

Floats = NDArray[np.float32]

RESOLUTIONS_S = (0.010, 0.025, 0.050, 0.100)
"""Windows that no loss has, so that none of them is learned by heart."""
FLOOR_DB = 60.0
"""Bins so far below the recording's loudest count as silent in both."""
SPOKEN_DB = 40.0
CEPSTRA = 13
PITCH_HOP_S = 0.010
PERIODIC = 0.5


@dataclasses.dataclass(frozen=True)
class Off:
    """One utterance's distances; `pitch_st` is nan where nothing is voiced in both."""

    spectral_db: float
    convergence: float
    cepstral_db: float
    pitch_st: float
    voicing: float


def off(made: Floats, true: Floats, rate_hz: int) -> Off:
    """Distances of samples (n,) from the recording (m,), over what both have."""
    count = min(len(made), len(true))
    one, other = (torch.from_numpy(wave[:count])[None] for wave in (made, true))
    spectral, convergence = spectral_distance(one, other, rate_hz)
    semitones, voicing = pitch_errors(made[:count], true[:count], rate_hz)
    return Off(spectral, convergence, cepstral_distance(one, other, rate_hz), semitones, voicing)


def spectral_distance(made: Tensor, true: Tensor, rate_hz: int) -> tuple[float, float]:
    """Multi-resolution distances of (1, n): mean difference of log magnitudes in dB, and spectral convergence."""
    logs, shares = [], []
    for window_s in RESOLUTIONS_S:
        one, other = (stft(wave, rate_hz, window_s=window_s, hop_s=window_s / 4).abs() for wave in (made, true))
        least = other.max() * 10 ** (-FLOOR_DB / 20)
        shares.append(float((one - other).norm() / other.norm().clamp(min=1e-9)))
        difference = one.clamp(min=least).log10() - other.clamp(min=least).log10()
        logs.append(float(20 * difference.abs().mean()))
    return float(np.mean(logs)), float(np.mean(shares))


def cepstral_distance(made: Tensor, true: Tensor, rate_hz: int) -> float:
    """Mel-cepstral distortion in dB of (1, n), over frames that lie within 40 dB of the loudest.

    10 √2 / ln 10 times the Euclidean distance of cepstra 1 to 13 (Kubichek, 1993), from 80 mel bins of 25 ms.
    """
    mels = [log_mel(wave, rate_hz) for wave in (made, true)]
    loud = mels[1].exp().square().sum(-1).sqrt()[0]
    spoken = loud > loud.max() * 10 ** (-SPOKEN_DB / 20)
    one, other = (mfcc(mel, CEPSTRA + 1)[0, :, 1:] for mel in mels)
    distance = (one - other).square().sum(1).sqrt()[spoken]
    return float(10 * math.sqrt(2) / math.log(10) * math.sqrt(2 / mels[0].shape[-1]) * distance.mean())


def pitch_errors(made: Floats, true: Floats, rate_hz: int) -> tuple[float, float]:
    """Median pitch error in semitones where both are voiced, and the share of frames voiced in one of them only."""
    centres = np.arange(0, len(true), PITCH_HOP_S * rate_hz)
    tracks = [pitch(wave, rate_hz, centres) for wave in (made, true)]
    voiced = [(hz > 0) & (periodic > PERIODIC) for hz, periodic in tracks]
    both = voiced[0] & voiced[1]
    wrong = float((voiced[0] != voiced[1]).mean())
    if not both.any():
        return math.nan, wrong
    return float(np.median(np.abs(12 * np.log2(tracks[0][0][both] / tracks[1][0][both])))), wrong


NAMES = {
    "spectral_db": "spectral_distance_db", "convergence": "spectral_convergence", "cepstral_db": "cepstral_distance_db",
    "pitch_st": "pitch_error_semitones", "voicing": "voicing_error",
}  # fmt: skip
"""What claims call each distance."""


def mean(rows: Sequence[Off]) -> dict[str, float]:
    """The mean of each distance over utterances, by the names that claims judge; nothing where none is finite."""
    found = {}
    for field, name in NAMES.items():
        values = [getattr(one, field) for one in rows if math.isfinite(getattr(one, field))]
        if values:
            found[name] = float(np.mean(values))
    return found
