"""Where a long sound may be cut: in silences, and where there are none at the quietest moment."""

from __future__ import annotations

import dataclasses

import numpy as np

FRAME_S = 0.02
LEAST_SILENCE_S = 0.2
FLOOR_DB = -75.0
"""What is quieter holds no speech: below the noise of 16 bits' last few steps."""
ABOVE_NOISE_DB, BELOW_SPEECH_DB = 8.0, 18.0
"""A frame is silent when it is this near to the window's noise and this far below its speech."""
SHORTEST_S, LONGEST_S = 4.0, 20.0
"""A piece ends in the last silence between these lengths; models have learned from utterances like that."""


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
    """Which of (frames,) are silent: near the quietest tenth, or far below the loudest twentieth."""
    if not len(loudness_db):
        return np.zeros(0, bool)
    noise, speech = np.percentile(loudness_db, (10, 95))
    edge = max(FLOOR_DB, min(noise + ABOVE_NOISE_DB, speech - BELOW_SPEECH_DB))
    found: np.ndarray = loudness_db < edge
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
    cuts = _silences(silent_frames(loudness))
    fitting = [middle for middle in cuts if SHORTEST_S <= middle <= LONGEST_S]
    if fitting:
        return _piece(loudness, at_s, fitting[-1], silent_end=True)
    first, end = round(LONGEST_S / 2 / FRAME_S), min(round(LONGEST_S / FRAME_S), len(loudness))
    smooth = np.convolve(loudness, np.ones(5) / 5, "same")
    return _piece(loudness, at_s, (first + int(smooth[first:end].argmin())) * FRAME_S, silent_end=False)


def _piece(loudness: np.ndarray, at_s: float, length_s: float, *, silent_end: bool) -> Piece:
    within = loudness[: max(round(length_s / FRAME_S), 1)]
    return Piece(at_s, at_s + length_s, silent_end, bool(within.max() < FLOOR_DB))


def _silences(silent: np.ndarray) -> list[float]:
    """The middles of silences that last long enough, in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(begin + end) / 2 * FRAME_S for begin, end in runs if (end - begin) * FRAME_S >= LEAST_SILENCE_S]
