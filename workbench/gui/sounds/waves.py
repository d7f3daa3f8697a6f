"""Sound as what a pixel shows: envelopes from samples or a pyramid, spectra, tones; knows no widgets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import TILE_COLUMNS, Scale, SoundFile, SoundMeta, SpectrogramSettings
from workbench.core.problem import InputError

FULL_SCALE = 32768.0
LOW_DB, STEP_DB = -121.5, 0.5
"""Tone 0 of a spectrogram and the step between tones; 255 is 6 dB above a full-scale sine."""
FLOOR_HZ = 20.0
BUCKET = 256
"""Samples under a bucket of the finest level that is made here."""


@dataclasses.dataclass
class Sound:
    """Samples (samples, channels), int16 or float32, memory-mapped; levels (buckets, channels, 3) finest first."""

    samples: NDArray[Any]
    meta: SoundMeta
    levels: list[tuple[int, NDArray[Any]]] = dataclasses.field(default_factory=list)
    source: str = ""
    complete: bool = True
    notes: tuple[str, ...] = ()

    @property
    def rate_hz(self) -> int:
        """Samples of a channel per second."""
        return self.meta.sample_rate_hz

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples [start, stop) as (frames, channels) float32, full scale 1."""
        return as_float(self.samples[max(0, start) : max(0, stop)])


def as_float(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Samples at full scale 1."""
    if samples.dtype.kind == "i":
        return (samples / np.float32(np.iinfo(samples.dtype).max + 1.0)).astype(np.float32)
    return np.asarray(samples, np.float32)


def open_sound(found: SoundFile) -> Sound:
    """The arrays of a sound that the worker has read, memory-mapped; raises InputError where they are gone."""
    try:
        samples = _mapped(found.path)
        levels = [(one.samples_per_bucket, _mapped(one.path)[: one.buckets]) for one in found.pyramid.levels]
    except (OSError, ValueError) as error:
        raise InputError(
            "The samples of this sound cannot be opened.", expected="the worker's copy of them", received=str(error),
            fix="Open the file again.", place=found.path,
        ) from None  # fmt: skip
    if samples.ndim == 1:
        samples = samples[:, None]
    count = found.meta.samples or len(samples)
    return Sound(samples[:count], found.meta, levels, found.source or found.path, found.complete, found.notes)


def _mapped(path: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(Path(path), mmap_mode="r")
    return array


def pyramid_of(samples: NDArray[Any], *, factor: int = 8) -> list[tuple[int, NDArray[np.float32]]]:
    """Levels of detail of samples (samples, channels), each `factor` times coarser; for what no worker has read."""
    levels: list[tuple[int, NDArray[np.float32]]] = []
    size, count = BUCKET, len(samples)
    while count > size:
        if levels:
            rows = levels[-1][1]
            edges = np.arange(0, len(rows), factor)
            level = np.stack(
                [np.minimum.reduceat(rows[..., 0], edges), np.maximum.reduceat(rows[..., 1], edges),
                 np.sqrt(np.add.reduceat(rows[..., 2] ** 2, edges) / np.diff([*edges, len(rows)])[:, None])], axis=-1,
            )  # fmt: skip
        else:
            level = _buckets(samples, size)
        levels.append((size, level.astype(np.float32)))
        size *= factor
    return levels


def _buckets(samples: NDArray[Any], size: int, *, at_once: int = 1 << 20) -> NDArray[np.float32]:
    """Minimum, maximum and RMS of every `size` samples."""
    parts = []
    step = max(size, at_once // size * size)
    for start in range(0, len(samples), step):
        block = as_float(samples[start : start + step])
        edges = np.arange(0, len(block), size)
        counts = np.diff([*edges, len(block)])[:, None]
        rms = np.sqrt(np.add.reduceat(block * block, edges) / counts)
        parts.append(np.stack([np.minimum.reduceat(block, edges), np.maximum.reduceat(block, edges), rms], axis=-1))
    found: NDArray[np.float32] = np.concatenate(parts).astype(np.float32)
    return found


def envelope(sound: Sound, start: float, stop: float, columns: int) -> NDArray[np.float32]:
    """What `columns` pixels show of samples [start, stop): (columns, channels, 3) minimum, maximum, RMS.

    Pixels outside the sound are NaN. Read from the coarsest level that is no coarser than a pixel.
    """
    found = np.full((columns, sound.samples.shape[1], 3), np.nan, np.float32)
    per_pixel = (stop - start) / max(columns, 1)
    fits = [one for one in sound.levels if one[0] <= per_pixel]
    size, rows = fits[-1] if fits else (1, sound.samples)
    edges = np.floor((start + per_pixel * np.arange(columns + 1)) / size).astype(np.int64)
    last = len(rows)
    inside = np.flatnonzero((edges[:-1] < last) & (edges[1:] > 0))
    if not len(inside) or last == 0:
        return found
    lows = np.clip(edges[:-1][inside], 0, last - 1)
    highs = np.clip(np.maximum(edges[1:][inside], lows + 1), 1, last)
    first, end = int(lows[0]), int(highs[-1])
    block = rows[first:end]
    if size == 1:
        values = as_float(block)
        least, most, power = values, values, values * values
    else:
        least, most, power = block[..., 0], block[..., 1], block[..., 2] ** 2
    cuts = np.minimum(lows - first, len(block) - 1)
    counts = np.maximum(np.diff([*cuts, len(block)]), 1)[:, None]
    found[inside, :, 0] = np.minimum.reduceat(least, cuts)
    found[inside, :, 1] = np.maximum.reduceat(most, cuts)
    found[inside, :, 2] = np.sqrt(np.add.reduceat(power, cuts) / counts)
    return found


def to_axis(scale: Scale, hz: NDArray[Any] | float) -> Any:
    """Frequencies in Hz on an axis: Hz, mel (HTK) or octaves."""
    if scale == "mel":
        return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)
    return np.log2(np.maximum(hz, 1e-6)) if scale == "log" else np.asarray(hz, float)


def from_axis(scale: Scale, value: NDArray[Any] | float) -> Any:
    """The inverse of `to_axis`."""
    if scale == "mel":
        return 700.0 * (10.0 ** (np.asarray(value) / 2595.0) - 1.0)
    return 2.0 ** np.asarray(value) if scale == "log" else np.asarray(value, float)


def limits_hz(settings: SpectrogramSettings, rate_hz: int) -> tuple[float, float]:
    """The lowest and highest frequency that the rows cover."""
    high = min(settings.high_hz or rate_hz / 2, rate_hz / 2)
    low = max(settings.low_hz, FLOOR_HZ) if settings.scale == "log" else settings.low_hz
    return min(low, high / 2), high


def row_centres_hz(settings: SpectrogramSettings, rate_hz: int) -> NDArray[np.float64]:
    """The rows' frequencies, lowest first."""
    low, high = (float(to_axis(settings.scale, one)) for one in limits_hz(settings, rate_hz))
    steps = low + (np.arange(settings.bins) + 0.5) * (high - low) / settings.bins
    return np.asarray(from_axis(settings.scale, steps), np.float64)


class Analyser:
    """Turns samples (frames, channels) into columns of power in dB; a full-scale sine is 0 dB."""

    def __init__(self, settings: SpectrogramSettings, rate_hz: int) -> None:
        self.settings, self.rate_hz = settings, rate_hz
        self.width = max(16, round(settings.window_s * rate_hz))
        self.size = 1 << max(9, (self.width - 1).bit_length() + 1)
        self.window = _window(settings.window, self.width)
        place = row_centres_hz(settings, rate_hz) * self.size / rate_hz
        self._below = np.clip(np.floor(place).astype(int), 0, self.size // 2 - 1)
        self._share = np.clip(place - self._below, 0, 1).astype(np.float32)
        self._scale = np.float32((2.0 / self.window.sum()) ** 2)

    def columns(self, samples: NDArray[np.float32], centres: NDArray[np.int64]) -> NDArray[np.float32]:
        """Power (columns, bins) around sample positions; beyond the ends is silence."""
        mono = samples.mean(axis=1) if self.settings.channel < 0 else samples[:, self.settings.channel]
        half = self.width // 2
        padded = np.pad(mono, (half, self.width))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.width)[np.clip(centres, 0, len(mono))]
        spectrum = np.fft.rfft(frames * self.window, self.size, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) * self._scale
        rows = power[:, self._below] * (1 - self._share) + power[:, self._below + 1] * self._share
        found: NDArray[np.float32] = (10.0 * np.log10(np.maximum(rows, 1e-13))).astype(np.float32)
        return found


def _window(name: str, width: int) -> NDArray[np.float32]:
    if name == "gaussian":
        at = (np.arange(width) - (width - 1) / 2) / ((width - 1) / 2)
        return np.exp(-4.5 * at * at).astype(np.float32)
    makers = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman}
    return np.asarray(makers[name](width + 1)[:-1], np.float32)


def tile_columns(sound: Sound, settings: SpectrogramSettings, level: int, index: int) -> NDArray[np.float32]:
    """A tile (columns, bins) in dB, worked out here: for a sound that no worker has read."""
    step = settings.column_s * 2**level * sound.rate_hz
    total = int(np.ceil(len(sound.samples) / step))
    columns = np.arange(index * TILE_COLUMNS, min((index + 1) * TILE_COLUMNS, total))
    if not len(columns):
        return np.zeros((0, settings.bins), np.float32)
    analyser = Analyser(settings, sound.rate_hz)
    centres = np.round((columns + 0.5) * step).astype(np.int64)
    first = max(0, int(centres[0]) - analyser.width)
    block = sound.block(first, int(centres[-1]) + analyser.width)
    return analyser.columns(block, centres - first)


def tones(power_db: NDArray[Any]) -> NDArray[np.uint8]:
    """Power (columns, bins) as a picture (bins, columns) with the highest frequency on top; see LOW_DB, STEP_DB."""
    steps = np.clip((power_db - LOW_DB) / STEP_DB, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(steps.T[::-1])
