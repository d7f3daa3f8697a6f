"""How wrong an answer is: characters, spectra after time warping, n-grams, speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.speech.features import mfcc

Floats = NDArray[np.float32]

CEPSTRA = 13
"""Mel-cepstral distortion leaves the first of these, the loudness, out."""
DB = 20 / math.log(10)
"""Decibels of a natural log of magnitudes."""


def chrf(said: Sequence[str], truth: Sequence[str]) -> float:
    """chrF of a whole test (Popović, 2015; six characters, beta 2) by sacrebleu, 0 to 1."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(said), [list(truth)]).score) / 100


def warped(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The cheapest path through costs (T, S) from corner to corner, in steps of one (dynamic time warping)."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    # Cells of one diagonal depend on those of the two before alone, so each diagonal is one operation.
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        best = np.minimum(np.minimum(total[i - 1, j], total[i, j - 1]), total[i - 1, j - 1])
        total[i, j] = cost[i - 1, j - 1] + best
    at, place, path = rows, columns, [(rows - 1, columns - 1)]
    while (at, place) != (1, 1):
        steps = ((at - 1, place - 1), (at - 1, place), (at, place - 1))
        at, place = min(steps, key=lambda one: total[one])
        path.append((at - 1, place - 1))
    return path[::-1]


def distortion_db(said: Floats, truth: Floats) -> float:
    """Mel-cepstral distortion in dB between log-mel frames (T, bins) and (S, bins), averaged over the warped path.

    (10 / ln 10) · √(2 Σ Δc²) over cepstra 1 to 12 (Kubichek, 1993), c being those of ln |S| = c₀ + 2 Σ cₙ cos nω.
    They are taken of mel bins, not of a vocoder's spectra: numbers compare with those of this program alone.
    """
    # An orthonormal DCT's coefficients are √(2 bins) times those cepstra.
    scale = math.sqrt(2 * said.shape[1])
    one, two = (_cepstra(mel) / scale for mel in (said, truth))
    square = (one**2).sum(1)[:, None] + (two**2).sum(1)[None] - 2 * one @ two.T
    cost = 10 / math.log(10) * np.sqrt(2 * np.maximum(square, 0))
    return float(np.mean([cost[at] for at in warped(cost)]))


def _cepstra(mel: Floats) -> NDArray[np.float64]:
    found: NDArray[np.float64] = mfcc(torch.from_numpy(np.ascontiguousarray(mel))[None], CEPSTRA)[0].double().numpy()
    return found[:, 1:]


def spectral_distance_db(said: Floats, truth: Floats) -> float:
    """Log-spectral distance in dB between log-mel frames (T, bins) of the same length: RMS over bins, mean over T."""
    frames = min(len(said), len(truth))
    difference = DB * (said[:frames].astype(np.float64) - truth[:frames])
    return float(np.sqrt((difference**2).mean(1)).mean())
