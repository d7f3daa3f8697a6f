"""Sound as encoders hear it: read at 16 kHz, set to one level, log-mel frames normalised by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.speech.features import cmvn, log_mel
from workbench.engine.speech.opening import as_float, open_whole, samples_of
from workbench.engine.speech.resampling import resample
from workbench.engine.text.cache import folder

Floats = NDArray[np.float32]

RATE_HZ = 16_000
LEVEL_DB = -25.0


def read_wave(path: Path, start_s: float = 0.0, end_s: float = 0.0) -> Floats:
    """Samples (n,) at 16 kHz, the mean of all channels, from `start_s` to `end_s` (0: the end).

    Raises InputError where the file is no sound.
    """
    sound = open_whole(path, folder("sounds"))
    rate_hz = sound.meta.sample_rate_hz
    samples = samples_of(sound)
    part = samples[round(start_s * rate_hz) : round(end_s * rate_hz) if end_s else len(samples)]
    found: Floats = resample(as_float(np.asarray(part)), rate_hz, RATE_HZ)
    return found


def levelled(wave: Floats, level_db: float = LEVEL_DB) -> Floats:
    """Samples (n,) whose root mean square lies so many dB below full scale; silence stays silence."""
    power = float(np.sqrt((wave.astype(np.float64) ** 2).mean())) if len(wave) else 0.0
    return (wave * np.float32(10 ** (level_db / 20) / max(power, 1e-9))).astype(np.float32)


def normal_log_mel(wave: Floats, *, bins: int, window_s: float = 0.025, hop_s: float = 0.010) -> Floats:
    """Frames (T, bins) of samples (n,) at 16 kHz: levelled, log-mel, mean 0 and variance 1 of each bin."""
    mels = log_mel(torch.from_numpy(levelled(wave))[None], RATE_HZ, bins=bins, window_s=window_s, hop_s=hop_s)
    found: Floats = cmvn(mels, torch.tensor([mels.shape[1]]))[0].numpy()
    return found
