"""The alterations of one utterance: blocks of time, a band of frequency, noise; and which cells are to be restored.

One utterance at a time, before any padding: what is padding is never guessed from frames of zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

from .recipe import TERA, Tera

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

ZEROED, REPLACED = 0.8, 0.1
"""How often an utterance's blocks are set to zero, and replaced by others; else they stay and are targets still."""


def check(params: Tera) -> None:
    """Raise InputError where nothing would ever be altered."""
    if params.representation == TERA and not (params.time or params.frequency or params.magnitude):
        raise InputError(
            "Nothing is altered, so there is nothing to restore.",
            expected="at least one of time, frequency, magnitude", received="none of them",
            fix="Switch one on, or choose the random encoder.", field="time",
        )  # fmt: skip


def alter(clean: Floats, params: Tera, chance: np.random.Generator) -> tuple[Floats, Mask]:
    """An altered copy of frames (T, F), and which cells (T, F) count; none do where chance altered nothing."""
    altered, marked = clean.copy(), np.zeros(clean.shape, np.bool_)
    if params.time:
        _alter_time(clean, altered, marked, params, chance)
    if params.frequency:
        bins = clean.shape[1]
        width = int(chance.integers(0, int(params.band * bins) + 1))
        low = int(chance.integers(0, bins - width + 1))
        altered[:, low : low + width] = 0
        marked[:, low : low + width] = True
    if params.magnitude and chance.random() < params.noise_probability:
        altered += chance.normal(0, params.noise_sigma, clean.shape).astype(np.float32)
        if not marked.any():
            marked[:] = True
    return altered, marked


def _alter_time(clean: Floats, altered: Floats, marked: Mask, params: Tera, chance: np.random.Generator) -> None:
    frames, block = len(clean), params.block
    room = frames - block + 1
    count = min(round(params.time_fraction * frames / block), room)
    if count <= 0:
        return  # too short for a block
    starts = chance.choice(room, count, replace=False)
    dice = chance.random()
    for start in starts.tolist():
        part = slice(start, start + block)
        marked[part] = True
        if dice < ZEROED:
            altered[part] = 0
        elif dice < ZEROED + REPLACED:
            other = int(chance.integers(room))
            altered[part] = clean[other : other + block]
