"""Sound as encoders hear it: read at 16 kHz, set to one level, log-mel frames; what a model is asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.engine.speech.features import cmvn, log_mel
from workbench.engine.speech.opening import as_float, open_whole, samples_of
from workbench.engine.speech.resampling import resample
from workbench.engine.text.cache import folder

Floats = NDArray[np.float32]

RATE_HZ = 16_000
LEVEL_DB = -25.0
ASKED_SEED = 9_999
"""The generated speaker and sentence that a model is asked about are of no run's parts."""


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


def asked_wave(asked: str, sample: str, sentence: str = "") -> tuple[Floats, str]:
    """Samples (n,) at 16 kHz and a title of what a model is asked about: a sound's path, or the sample's address.

    The sample is `sentence` (empty: one of the bank's) by a generated speaker. Raises InputError where there is no
    such file, or it is no sound, and KnownTrouble where espeak-ng is missing.
    """
    if asked == sample:
        from workbench.engine.speech.bank.rendering import Utterance, render
        from workbench.engine.speech.bank.sentences import general
        from workbench.engine.speech.bank.speakers import draw_speakers

        who = draw_speakers({"asked": 1}, ASKED_SEED)["asked"][0]
        (spoken,) = render([Utterance(sentence or general("test", 1, ASKED_SEED)[0], who)])
        return spoken.as_float(), spoken.utterance.text
    path = Path(asked)
    if not asked or not path.is_file():
        raise InputError(
            "There is no sound to listen to.", expected="a sound file, or the sample", received=path.name or "nothing",
            fix="Choose a file.", field="sound",
        )  # fmt: skip
    return read_wave(path), path.stem
