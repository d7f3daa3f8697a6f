"""Spectrograms for looking at: tiles of a fixed grid at any zoom, each made in a bounded time."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.signal

from workbench.core.audio import TILE_COLUMNS, SoundFile, SpectrogramSettings, SpectrogramTile
from workbench.core.problem import InputError
from workbench.engine.speech.opening import as_float, samples_of
from workbench.engine.text.cache import digest

FLOOR = 1e-12
MOST_FRAMES = 8
"""Frames whose power a column of a coarse level averages; more would cost time and show little else."""
CHUNK_VALUES = 1 << 20
LOWEST_LOG_HZ = 20.0


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """The HTK mel scale: 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz, np.float64) / 700.0)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """The frequency of a mel value (HTK)."""
    return 700.0 * (10.0 ** (np.asarray(mel, np.float64) / 2595.0) - 1.0)


def check(settings: SpectrogramSettings, sound: SoundFile) -> SpectrogramSettings:
    """The settings, if they make sense for this sound; raises InputError."""
    rate = sound.meta.sample_rate_hz
    faults = [
        (not 0.001 <= settings.window_s <= 1, "window_s", "0.001 to 1 s", settings.window_s),
        (not 0.0005 <= settings.column_s <= 10, "hop_s", "0.0005 to 10 s", settings.column_s),
        (not 8 <= settings.bins <= 4096, "bins", "8 to 4096", settings.bins),
        (settings.channel >= sound.meta.channels, "channel", f"below {sound.meta.channels}", settings.channel),
        (not 0 <= settings.low_hz < _high(settings, rate), "low_hz", "below high_hz", settings.low_hz),
        (settings.high_hz > rate / 2, "high_hz", f"at most {rate / 2:g}, half the sample rate", settings.high_hz),
    ]
    for wrong, field, expected, received in faults:
        if wrong:
            raise InputError(
                f"The spectrogram's {field} is out of range.", expected=expected, received=str(received),
                fix="Choose another value.", field=field,
            )  # fmt: skip
    return settings


def _high(settings: SpectrogramSettings, rate_hz: int) -> float:
    return settings.high_hz or rate_hz / 2


def edges_of(settings: SpectrogramSettings, rate_hz: int) -> np.ndarray:
    """The borders of the rows in Hz: (bins + 1,)."""
    low, high = settings.low_hz, _high(settings, rate_hz)
    if settings.scale == "linear":
        return np.linspace(low, high, settings.bins + 1)
    if settings.scale == "mel":
        return mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high), settings.bins + 1))
    return np.geomspace(max(low, min(LOWEST_LOG_HZ, high / 2)), high, settings.bins + 1)


@functools.lru_cache(maxsize=16)
def _axis(settings: SpectrogramSettings, rate_hz: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Window, rows × FFT bins weights, centres in Hz, FFT length."""
    length = max(round(settings.window_s * rate_hz), 4)
    name: object = ("gaussian", length / 6) if settings.window == "gaussian" else settings.window
    window = scipy.signal.get_window(name, length).astype(np.float32)
    # Twice the window's length: a tone between two bins loses no more than about a decibel.
    size = scipy.fft.next_fast_len(2 * length, real=True)
    edges = edges_of(settings, rate_hz)
    return window, weights_of(edges, size, rate_hz), (edges[1:] + edges[:-1]) / 2, size


def weights_of(edges: np.ndarray, size: int, rate_hz: int) -> np.ndarray:
    """Weights (bins, size // 2 + 1) float32 that average FFT bins over rows, or interpolate where rows are narrower."""
    step = rate_hz / size
    count = size // 2 + 1
    cells = (np.arange(count + 1) - 0.5) * step
    overlap = np.minimum(edges[1:, None], cells[None, 1:]) - np.maximum(edges[:-1, None], cells[None, :-1])
    weights = np.clip(overlap, 0, None)
    narrow = np.diff(edges) < step
    at = np.clip((edges[1:] + edges[:-1]) / 2 / step, 0, count - 1)[narrow]
    below = np.minimum(at.astype(int), count - 2)
    rows = np.flatnonzero(narrow)
    weights[rows] = 0
    weights[rows, below] = 1 - (at - below)
    weights[rows, below + 1] = at - below
    found: np.ndarray = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-30)).astype(np.float32)
    return found


def power_of(samples: np.ndarray, centres: np.ndarray, settings: SpectrogramSettings, rate_hz: int) -> np.ndarray:
    """Power (frames, bins) around sample numbers `centres`, 1 for a full-scale sine; outside the sound is silence."""
    window, weights, _, size = _axis(settings, rate_hz)
    scale = np.float32((2 / window.sum()) ** 2)
    offsets = np.arange(len(window)) - len(window) // 2
    chunk = max(CHUNK_VALUES // (len(window) * samples.shape[1]), 1)
    found = np.empty((len(centres), settings.bins), np.float32)
    for start in range(0, len(centres), chunk):
        index = np.rint(centres[start : start + chunk]).astype(np.int64)[:, None] + offsets
        inside = (index >= 0) & (index < len(samples))
        picked = samples[np.clip(index, 0, len(samples) - 1).ravel()]
        frames = as_float(picked, settings.channel).reshape(index.shape) * inside
        spectrum = scipy.fft.rfft(frames * window, size, axis=1)
        found[start : start + chunk] = (np.abs(spectrum) ** 2 * scale) @ weights.T
    return found


def levels_for(sound: SoundFile, settings: SpectrogramSettings) -> int:
    """How many levels there are; the coarsest shows the whole sound in one tile."""
    columns = sound.meta.duration_s / settings.column_s
    return 1 + max(int(np.ceil(np.log2(max(columns / TILE_COLUMNS, 1)))), 0)


def tile(sound: SoundFile, settings: SpectrogramSettings, level: int, index: int) -> SpectrogramTile:
    """One tile, from the cache beside the sound or made now; raises InputError for a place outside the sound."""
    check(settings, sound)
    rate = sound.meta.sample_rate_hz
    width_s = settings.column_s * 2**level
    start_s = index * TILE_COLUMNS * width_s
    if not (0 <= level < 40 and index >= 0 and start_s < max(sound.meta.duration_s, 1e-9)):
        raise InputError(
            "There is no such tile of the spectrogram.", expected=f"a place within {sound.meta.duration_s:.3f} s",
            received=f"level {level}, tile {index}, at {start_s:.3f} s", field="index",
        )  # fmt: skip
    columns = min(TILE_COLUMNS, int(np.ceil((sound.meta.duration_s - start_s) / width_s - 1e-9)))
    full = columns == TILE_COLUMNS or sound.complete
    name = f"{level}-{index}.npy" if full else f"{level}-{index}-{sound.meta.samples}.npy"
    path = Path(sound.path).parent / "tiles" / digest(settings) / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        each = min(2**level, MOST_FRAMES)
        places = start_s + (np.arange(columns * each) + 0.5) * width_s / each
        values = _decibels(sound, settings, places, each)
        scratch = path.with_name(f"{path.stem}.{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            np.save(file, values)
        scratch.replace(path)
    centres = tuple(float(one) for one in _axis(settings, rate)[2])
    return SpectrogramTile(str(path), level, index, start_s, width_s, columns, centres)


def _decibels(sound: SoundFile, settings: SpectrogramSettings, places_s: np.ndarray, each: int) -> np.ndarray:
    """Mean power of groups of `each` frames around times: (places / each, bins) float32."""
    rate = sound.meta.sample_rate_hz
    power = power_of(samples_of(sound), places_s * rate, settings, rate)
    mean = power.reshape(len(places_s) // each, each, -1).mean(1)
    found: np.ndarray = (10 * np.log10(np.maximum(mean, FLOOR))).astype(np.float32)
    return found
