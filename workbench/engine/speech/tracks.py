"""Pitch (YIN), energy and voice activity of a sound, frame by frame."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft
from scipy.ndimage import median_filter

from workbench.core.audio import SoundFile, Tracks
from workbench.core.problem import InputError
from workbench.engine.speech.opening import as_float, samples_of
from workbench.engine.speech.resampling import resample
from workbench.engine.text.cache import digest

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
THRESHOLD = 0.15
"""YIN's: the first dip of the normalised difference below it is the period (de Cheveigné and Kawahara, 2002)."""
VOICED_BELOW = 0.5
QUIETEST_DB = -60.0
ANALYSED_HZ = 16_000
CHUNK_FRAMES = 2048
SILENCE_DB = -120.0


def frames_at(samples: np.ndarray, centres: np.ndarray, length: int) -> np.ndarray:
    """Frames (n, length) of (samples,) float32 around sample numbers; zeros outside."""
    index = np.rint(centres).astype(np.int64)[:, None] + np.arange(length) - length // 2
    inside = (index >= 0) & (index < len(samples))
    found: np.ndarray = samples[np.clip(index, 0, max(len(samples) - 1, 0))] * inside
    return found


def difference(frames: np.ndarray, lags: int) -> np.ndarray:
    """YIN's cumulative-mean-normalised difference (n, lags + 1) of frames at least twice as long as `lags`."""
    width = frames.shape[1] - lags
    values = frames.astype(np.float64)
    size = scipy.fft.next_fast_len(frames.shape[1] + width, real=True)
    # Correlation of the first `width` samples with the frame shifted by each lag, by FFT.
    spectrum = scipy.fft.rfft(values, size, axis=1) * np.conj(scipy.fft.rfft(values[:, :width], size, axis=1))
    products = scipy.fft.irfft(spectrum, size, axis=1)[:, : lags + 1]
    energy = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values**2, 1)], 1)
    shifted = energy[:, width : width + lags + 1] - energy[:, : lags + 1]
    distance = np.maximum(shifted[:, :1] + shifted - 2 * products, 0)
    distance[:, 0] = 0
    mean = np.cumsum(distance, 1) / np.maximum(np.arange(lags + 1), 1)
    normal = np.where(mean > 1e-12, distance / np.maximum(mean, 1e-12), 1.0)
    normal[:, 0] = 1.0
    return normal


def pitch(samples: np.ndarray, rate_hz: float, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz (0 where unvoiced) and periodicity 0 … 1 around sample numbers of (n,) float32 samples."""
    lags, shortest = int(rate_hz / LOWEST_HZ) + 1, max(int(rate_hz / HIGHEST_HZ), 2)
    frames = frames_at(samples, centres, 2 * lags + 2)
    normal = difference(frames - frames.mean(1, keepdims=True), lags)
    search = normal[:, shortest:]
    rising = np.concatenate([search[:, 1:] >= search[:, :-1], np.ones((len(search), 1), bool)], 1)
    dips = (search < THRESHOLD) & rising
    at = np.where(dips.any(1), dips.argmax(1), search.argmin(1)) + shortest
    rows = np.arange(len(normal))
    value = normal[rows, at]
    inner = np.clip(at, 1, lags - 1)
    left, middle, right = normal[rows, inner - 1], normal[rows, inner], normal[rows, inner + 1]
    bend = left - 2 * middle + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0)
    period = inner + np.clip(shift, -0.5, 0.5)
    loud = energy_db(frames) > QUIETEST_DB
    voiced = (value < VOICED_BELOW) & loud
    return np.where(voiced, rate_hz / period, 0), np.clip(1 - value, 0, 1) * loud


def energy_db(frames: np.ndarray) -> np.ndarray:
    """RMS of (n, length) frames in dB, 0 for a constant full scale."""
    power = np.mean(frames.astype(np.float64) ** 2, 1)
    found: np.ndarray = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))
    return found


def active(energy: np.ndarray, hop_s: float, *, pause_s: float = 0.2, shortest_s: float = 0.06) -> np.ndarray:
    """Where somebody speaks, from energies in dB: above the noise floor, pauses bridged, clicks left out.

    The floor is the 10th percentile, the threshold 30 % of the way to the 95th, 6 dB above the floor
    at least. An even sound is speech throughout when it is louder than −45 dB.
    """
    if not len(energy):
        return np.zeros(0, bool)
    floor, top = np.percentile(energy, (10, 95))
    if top - floor < 6:
        return np.full(len(energy), bool(top > -45))
    speech = energy > floor + max(6.0, 0.3 * (top - floor))
    speech = _without_runs(speech, False, round(pause_s / hop_s))
    return _without_runs(speech, True, round(shortest_s / hop_s))


def _without_runs(mask: np.ndarray, value: bool, shorter_than: int) -> np.ndarray:
    """The mask with short runs of a value turned over; runs of silence at either end stay."""
    found = mask.copy()
    changes = np.flatnonzero(np.diff(mask.astype(np.int8))) + 1
    borders = [0, *changes.tolist(), len(mask)]
    for start, end in itertools.pairwise(borders):
        outer = start == 0 or end == len(mask)
        if mask[start] == value and end - start < shorter_than and (value or not outer):
            found[start:end] = not value
    return found


def speech_runs(speech: np.ndarray, hop_s: float, start_s: float = 0.0) -> list[tuple[float, float]]:
    """The stretches [start_s, end_s) in which a mask is true."""
    padded = np.concatenate([[False], speech.astype(bool), [False]]).astype(np.int8)
    change = np.flatnonzero(np.diff(padded))
    return [(start_s + a * hop_s, start_s + b * hop_s) for a, b in zip(change[::2], change[1::2], strict=True)]


def track(
    samples: np.ndarray, rate_hz: int, hop_s: float, progress: Callable[[int, int], None] = lambda done, of: None
) -> np.ndarray:
    """Pitch, periodicity, energy and speech of (n,) float32 samples: (frames, 4) float32, frame k at (k + ½) hop."""
    if rate_hz > ANALYSED_HZ:
        samples, rate_hz = resample(samples, rate_hz, ANALYSED_HZ), ANALYSED_HZ
    count = int(np.ceil(len(samples) / rate_hz / hop_s - 1e-9))
    centres = (np.arange(count) + 0.5) * hop_s * rate_hz
    found = np.zeros((count, 4), np.float32)
    for start in range(0, count, CHUNK_FRAMES):
        part = slice(start, start + CHUNK_FRAMES)
        found[part, 0], found[part, 1] = pitch(samples, rate_hz, centres[part])
        found[part, 2] = energy_db(frames_at(samples, centres[part], max(round(0.025 * rate_hz), 2)))
        progress(min(start + CHUNK_FRAMES, count), count)
    # A frame of another octave between two that agree is a slip.
    smooth = median_filter(found[:, 0], 3) if count >= 3 else found[:, 0]
    slip = (
        (found[:, 0] > 0) & (smooth > 0) & (np.abs(np.log2(np.maximum(found[:, 0], 1) / np.maximum(smooth, 1))) > 0.4)
    )
    found[slip, 0] = smooth[slip]
    found[:, 3] = active(found[:, 2], hop_s)
    return found


def tracks(
    sound: SoundFile,
    hop_s: float = 0.01,
    *,
    channel: int = -1,
    start_s: float = 0.0,
    end_s: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Tracks:
    """Tracks of a sound or of a stretch of it (`end_s` 0: to its end), kept beside it; raises InputError."""
    length_s, rate = sound.meta.duration_s, sound.meta.sample_rate_hz
    end_s = min(end_s or length_s, length_s)
    if not 0.001 <= hop_s <= 1 or not 0 <= start_s < end_s or channel >= sound.meta.channels:
        raise InputError(
            "This stretch cannot be analysed.",
            expected=f"a hop of 0.001 to 1 s, times within {length_s:.3f} s, a channel below {sound.meta.channels}",
            received=f"hop {hop_s} s, {start_s} to {end_s} s, channel {channel}", field="hop_s",
        )  # fmt: skip
    name = digest(hop_s, channel, start_s, end_s, sound.meta.samples)
    path = Path(sound.path).parent / "tracks" / f"{name}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = samples_of(sound)[round(start_s * rate) : round(end_s * rate)]
        values = track(as_float(part, channel), rate, hop_s, progress)
        scratch = path.with_name(f"{path.stem}.{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            np.save(file, values)
        scratch.replace(path)
    frames = np.load(path, mmap_mode="r", allow_pickle=False).shape[0]
    return Tracks(str(path), start_s, hop_s, frames)
