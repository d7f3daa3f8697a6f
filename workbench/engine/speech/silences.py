"""Where a long sound may be cut: in silences, and where there are none at the quietest moment."""

from __future__ import annotations

import dataclasses

import numpy as np

FRAME_S = 0.02
LEAST_SILENCE_S, SURE_SILENCE_S = 0.15, 0.3
"""A cut may lie in the shorter ones; only in the longer ones does nobody speak on: plosives close for up to 0.2 s."""
FLOOR_DB = -75.0
"""What is quieter holds no speech: below the noise of 16 bits' last few steps."""
ABOVE_NOISE_DB, SHARE = 8.0, 0.35
"""A frame is silent when it is this near to the window's noise: so many dB above it, or such a share of the way
up to the window's speech where noise is loud."""
LEAST_RANGE_DB = 6.0
"""A window whose loudness varies less has no silences that could be told from it."""
SHORTEST_S, LONGEST_S = 4.0, 20.0
"""A piece ends in the longest silence between half and all of the longer length, else in one before that; models have
learned from utterances of such lengths."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch [start_s, end_s) to be read at once; `silent_end` tells that it ends in silence, `empty` that
    nothing in it is loud enough to be speech."""

    start_s: float
    end_s: float
    silent_end: bool
    empty: bool = False


def frame_db(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Energy of (n,) samples of full scale 1 in dB, a value per 20 ms; a last partial frame is left out."""
    size = max(round(FRAME_S * rate_hz), 1)
    whole = len(samples) // size
    frames = samples[: whole * size].reshape(whole, size).astype(np.float32)
    frames = frames - frames.mean(1, keepdims=True)  # a constant offset is no sound
    power = np.einsum("fs,fs->f", frames, frames) / size
    found: np.ndarray = 10 * np.log10(np.maximum(power, 1e-12))
    return found


def silent_frames(loudness_db: np.ndarray) -> np.ndarray:
    """Which of (frames,) are silent: nearer to the quietest tenth than to the loudest twentieth."""
    if not len(loudness_db):
        return np.zeros(0, bool)
    smooth = np.convolve(np.pad(loudness_db, 1, "edge"), np.ones(3) / 3, "valid")
    noise, speech = np.percentile(smooth, (10, 95))
    above = min(ABOVE_NOISE_DB, SHARE * (speech - noise)) if speech - noise >= LEAST_RANGE_DB else 0.0
    found: np.ndarray = smooth < max(FLOOR_DB, noise + above)
    return found


def first_piece(samples: np.ndarray, rate_hz: int, at_s: float, *, last: bool) -> Piece:
    """The piece that begins with (n,) samples at `at_s`; with `last` the sound ends with them.

    Samples should reach LONGEST_S and a little farther.
    """
    loudness = frame_db(samples, rate_hz)
    length_s = len(samples) / rate_hz
    if not len(loudness) or loudness.max() < FLOOR_DB:
        whole_s = length_s if last else min(length_s, LONGEST_S)
        return Piece(at_s, at_s + whole_s, silent_end=True, empty=True)
    if last and length_s <= LONGEST_S:
        return _piece(loudness, at_s, length_s, silent_end=True)
    cuts = [one for one in _silences(silent_frames(loudness)) if SHORTEST_S <= one[0] <= LONGEST_S]
    for fitting in ([one for one in cuts if one[0] >= LONGEST_S / 2], cuts):
        if fitting:
            middle_s, silence_s = max(fitting, key=lambda one: (round(one[1], 1), one[0]))
            return _piece(loudness, at_s, middle_s, silent_end=silence_s >= SURE_SILENCE_S)
    first, end = round(LONGEST_S / 2 / FRAME_S), min(round(LONGEST_S / FRAME_S), len(loudness))
    smooth = np.convolve(loudness, np.ones(5) / 5, "same")
    return _piece(loudness, at_s, (first + int(smooth[first:end].argmin())) * FRAME_S, silent_end=False)


def _piece(loudness: np.ndarray, at_s: float, length_s: float, *, silent_end: bool) -> Piece:
    within = loudness[: max(round(length_s / FRAME_S), 1)]
    return Piece(at_s, at_s + length_s, silent_end, bool(within.max() < FLOOR_DB))


def _silences(silent: np.ndarray) -> list[tuple[float, float]]:
    """The middles and lengths of silences that last long enough, in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    found = [((begin + end) / 2 * FRAME_S, (end - begin) * FRAME_S) for begin, end in runs]
    return [one for one in found if one[1] >= LEAST_SILENCE_S - 1e-9]
