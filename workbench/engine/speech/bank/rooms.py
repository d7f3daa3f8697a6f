"""What lies between a mouth and a microphone: spectral tilt, a room, noise."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.fft
import scipy.signal

Noise = Literal["white", "pink", "hum"]


def tilted(samples: np.ndarray, rate_hz: int, db_per_octave: float) -> np.ndarray:
    """(n,) samples with a spectrum that leans by so much around 1 kHz, between 125 Hz and 8 kHz."""
    spectrum = scipy.fft.rfft(samples, scipy.fft.next_fast_len(len(samples), real=True))
    hz = np.linspace(0, rate_hz / 2, len(spectrum))
    gain_db = db_per_octave * np.log2(np.clip(hz, 125, 8000) / 1000)
    size = scipy.fft.next_fast_len(len(samples), real=True)
    found: np.ndarray = scipy.fft.irfft(spectrum * 10 ** (gain_db / 20), size)[: len(samples)]
    return found.astype(np.float32)


def impulse_response(rng: np.random.Generator, rate_hz: int, *, decay_s: float, direct_db: float) -> np.ndarray:
    """A room's answer to a click: the direct sound first, then decaying noise.

    `decay_s` is the time in which reverberation falls by 60 dB, `direct_db` the direct sound's energy
    over that of all the rest. Times of what is said stay as they are.
    """
    length = max(int(decay_s * rate_hz), 2)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    first = int(0.002 * rate_hz)
    tail[:first] = 0
    tail *= 10 ** (-direct_db / 20) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    tail[0] = 1.0
    found: np.ndarray = tail.astype(np.float32)
    return found


def in_room(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """(n,) samples as heard in a room, at their own loudness and length."""
    heard = scipy.signal.fftconvolve(samples, response)[: len(samples)]
    loud = float(np.sqrt((samples**2).mean()))
    found: np.ndarray = heard * (loud / max(float(np.sqrt((heard**2).mean())), 1e-9))
    return found.astype(np.float32)


def noise(rng: np.random.Generator, kind: Noise, length: int, rate_hz: int) -> np.ndarray:
    """(length,) samples of noise with a power of 1: white, pink (power falls by 3 dB an octave), or mains hum."""
    if kind == "hum":
        t = np.arange(length) / rate_hz
        made = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 9))
        made = made + 0.1 * rng.standard_normal(length)
    else:
        made = rng.standard_normal(length)
        if kind == "pink":
            spectrum = scipy.fft.rfft(made)
            spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
            made = scipy.fft.irfft(spectrum, length)
    found: np.ndarray = np.asarray(made) / np.sqrt(np.mean(np.asarray(made) ** 2))
    return found.astype(np.float32)


def with_noise(samples: np.ndarray, background: np.ndarray, snr_db: float) -> np.ndarray:
    """(n,) samples with noise of power 1 laid under them, so many dB below their own power."""
    loud = float(np.sqrt((samples**2).mean()))
    return samples + background * np.float32(loud * 10 ** (-snr_db / 20))
