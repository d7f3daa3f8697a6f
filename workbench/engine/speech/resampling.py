"""Other sample rates, by libsoxr's high-quality filter; whole arrays, or streams of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr


def resample(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """(n,) or (n, channels) samples at another rate, as float32 of full scale 1 (int16 is brought there).

    The length is n · to / from, rounded; the delay is compensated.
    """
    values = samples.astype(np.float32)
    if samples.dtype == np.int16:
        values *= np.float32(1 / 32768)
    if from_hz == to_hz or not len(values):
        return values
    found: np.ndarray = soxr.resample(values, from_hz, to_hz)
    return found.astype(np.float32, copy=False)


def resample_stream(blocks: Iterable[np.ndarray], from_hz: float, to_hz: float, channels: int) -> Iterator[np.ndarray]:
    """Blocks of (n, channels) float32 at another rate; memory does not grow with their number."""
    if from_hz == to_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32")
    for block in blocks:
        found = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        if len(found):
            yield found
    last = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
    if len(last):
        yield last
