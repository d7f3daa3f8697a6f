"""Where somebody speaks: frames that stand out of the noise of their surroundings, band by band."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
from scipy.ndimage import uniform_filter1d

RATE_HZ = 16_000
HOP_S, WINDOW_S = 0.010, 0.025
BANDS = 20
LOWEST_HZ, HIGHEST_HZ = 150.0, 6000.0
BLOCK_S, AROUND_S = 60.0, 15.0
"""The noise of a block is estimated with so much of what lies around it; memory does not grow with the sound."""
FLOOR_PERCENTILE = 10.0
QUIETEST_DB = -80.0
"""No band's noise is taken to be lower: dither and codec noise below it are no speech."""
DEEPEST_DB = 45.0
"""So far below the loud moments nothing counts: without noise, the room's echo would fill the pauses."""
STANDING_OUT = 8
"""How many of the bands, those furthest above their noise, tell speech."""
BEGINS_DB, GOES_ON_DB = 7.0, 5.0
PAUSE_S, SHORTEST_S, MARGIN_S = 0.3, 0.15, 0.03


def activity(samples: np.ndarray, progress: Callable[[int, int], None] = lambda done, of: None) -> np.ndarray:
    """How far frames stand out of the noise, in dB: (frames,) float32, frame k centred at (k + ½) · HOP_S.

    `samples` are (n,) int16 or float32 at RATE_HZ and may be memory-mapped. A band's noise is the 10th
    percentile of its power within about 15 s; a constant offset lies below all bands, hum within their noise.
    """
    hop = round(HOP_S * RATE_HZ)
    count = len(samples) // hop
    found = np.zeros(count, np.float32)
    block, around = round(BLOCK_S / HOP_S), round(AROUND_S / HOP_S)
    for start in range(0, count, block):
        stop = min(start + block, count)
        first, last = max(0, start - around), min(count, stop + around)
        power = _band_power_db(samples[first * hop : last * hop], last - first)
        low, high = np.percentile(power, (FLOOR_PERCENTILE, 95.0), axis=0)
        floor = np.maximum(np.maximum(low, high - DEEPEST_DB), QUIETEST_DB)
        above = np.maximum(power[start - first : stop - first] - floor, 0.0)
        found[start:stop] = np.partition(above, BANDS - STANDING_OUT, axis=1)[:, -STANDING_OUT:].mean(1)
        progress(stop, count)
    return uniform_filter1d(found, 5) if count else found


def _band_power_db(samples: np.ndarray, frames: int) -> np.ndarray:
    """Power of mel bands (frames, BANDS) in dB of a full-scale sine, smoothed over 50 ms."""
    hop, length = round(HOP_S * RATE_HZ), round(WINDOW_S * RATE_HZ)
    values = samples.astype(np.float32)
    if samples.dtype == np.int16:
        values *= np.float32(1 / 32768)
    lead = (length - hop) // 2
    padded = np.pad(values, (lead, length), "edge")
    view = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:frames]
    window = np.hanning(length).astype(np.float32)
    size = 512
    power = np.empty((len(view), BANDS), np.float32)
    filters = _filters(size)
    for at in range(0, len(view), 2048):
        part = view[at : at + 2048]
        # A constant offset would leak through the window's side lobes into the lower bands.
        spectrum = scipy.fft.rfft((part - part.mean(1, keepdims=True)) * window, size, axis=1)
        power[at : at + 2048] = (np.abs(spectrum) ** 2) @ filters
    power /= np.float32((window.sum() / 2) ** 2)
    smooth = uniform_filter1d(power, 5, axis=0)
    found: np.ndarray = 10 * np.log10(np.maximum(smooth, 1e-12))
    return found


def _filters(size: int) -> np.ndarray:
    """Rectangular bands (size // 2 + 1, BANDS), evenly spaced in mel; no bin is in two."""
    low, high = (float(2595 * np.log10(1 + hz / 700)) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mel = np.linspace(low, high, BANDS + 1)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hz = np.arange(size // 2 + 1) * RATE_HZ / size
    found: np.ndarray = ((hz[:, None] >= edges[:-1]) & (hz[:, None] < edges[1:])).astype(np.float32)
    return found


def stretches(above_db: np.ndarray) -> list[tuple[float, float]]:
    """Stretches [start_s, end_s) of speech from `activity`: pauses bridged, clicks left out, in order of time.

    Speech begins where frames stand out by BEGINS_DB and reaches as far as they do by GOES_ON_DB.
    """
    runs = [(start, stop) for start, stop in _runs(above_db > GOES_ON_DB)
            if float(above_db[start:stop].max()) >= BEGINS_DB]  # fmt: skip
    joined: list[list[float]] = []
    for start, stop in runs:
        start_s, end_s = max(start * HOP_S - MARGIN_S, 0.0), min(stop * HOP_S + MARGIN_S, len(above_db) * HOP_S)
        if joined and start_s - joined[-1][1] < PAUSE_S:
            joined[-1][1] = end_s
        else:
            joined.append([start_s, end_s])
    return [(start_s, end_s) for start_s, end_s in joined if end_s - start_s >= SHORTEST_S + 2 * MARGIN_S]


def _runs(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    change = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(change[::2].tolist(), change[1::2].tolist(), strict=True)
