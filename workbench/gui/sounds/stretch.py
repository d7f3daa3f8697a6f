"""Another speed at the same pitch: waveform-similarity overlap-add (WSOLA; Verhelst and Roelands, 1993)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

FRAME_S, SEARCH_S = 0.04, 0.010
Read = Callable[[int, int], NDArray[np.float32]]


def stretched(
    read: Read, start: int, stop: int, speed: float, rate_hz: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Samples [start, stop) at a speed: (source sample that a block begins at, block (frames, channels)).

    `read(first, last)` gives samples (frames, channels) and fewer of them at the ends. Speed 1 copies.
    """
    if speed == 1.0:
        step = max(256, rate_hz // 50)
        for at in range(start, stop, step):
            yield at, read(at, min(at + step, stop))
        return
    frame = 2 * max(64, round(FRAME_S * rate_hz / 2))
    hop, search = frame // 2, round(SEARCH_S * rate_hz)
    window = np.hanning(frame + 1)[:-1, None].astype(np.float32)
    wanted = round((stop - start) / speed)
    follow: NDArray[np.float32] | None = None
    tail: NDArray[np.float32] | None = None
    done = 0
    while done < wanted:
        ideal = start + round(done * speed)
        begin = ideal if follow is None else ideal + _offset(read, ideal, follow, search, (start, stop))
        piece = _whole(read, begin, frame, start, stop)
        # The first half of the first frame has no predecessor to fade from.
        faded = piece[:hop] if tail is None else tail + piece[:hop] * window[:hop]
        yield min(ideal, stop), faded[: wanted - done]
        tail = piece[hop:] * window[hop:]
        follow = _whole(read, begin + hop, hop, start, stop)
        done += hop


def _whole(read: Read, begin: int, count: int, start: int, stop: int) -> NDArray[np.float32]:
    """Exactly `count` frames; silence beyond the ends."""
    first, last = max(begin, start), min(begin + count, stop)
    found = read(first, max(last, first))
    if len(found) == count:
        return found
    whole = np.zeros((count, found.shape[1]), np.float32)
    offset = first - begin
    whole[offset : offset + len(found)] = found[: max(count - offset, 0)]
    return whole


def _offset(read: Read, ideal: int, follow: NDArray[np.float32], search: int, ends: tuple[int, int]) -> int:
    """How far from `ideal` the sound is most like what would have followed naturally."""
    hop = len(follow)
    region = _whole(read, ideal - search, hop + 2 * search, *ends).mean(axis=1)
    template = follow.mean(axis=1)
    size = 1 << (len(region) + hop - 1).bit_length()
    spectrum = np.fft.rfft(region, size) * np.conj(np.fft.rfft(template, size))
    likeness = np.fft.irfft(spectrum, size)[: 2 * search + 1]
    power = np.concatenate(([0.0], np.cumsum(region.astype(np.float64) ** 2)))
    energy = np.sqrt(np.maximum(power[hop : hop + 2 * search + 1] - power[: 2 * search + 1], 1e-9))
    return int(np.argmax(likeness / energy)) - search
