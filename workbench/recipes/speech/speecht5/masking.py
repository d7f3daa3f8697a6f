"""What pretraining hides and how it is named: spans of speech, infilled text, units by k-means.

Sections and equations are those of Ao and others, SpeechT5, 2021 (arXiv 2110.07205), section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from .words import EOS, MASK

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SPAN_S, SPANS_START = 0.2, 0.08
"""Speech is hidden in spans of 200 ms (10 frames of 20 ms), which begin at 8 % of such frames."""
TEXT_SHARE, TEXT_SPAN = 0.3, 3.5
"""Of a text 30 % is hidden, in spans whose lengths are Poisson-distributed (BART, Lewis and others, 2019)."""
STRIDE = 2
"""Frames that the speech pre-net makes one of."""
FRAMES_MOST = 60_000
"""k-means sees at most so many frames."""


def hidden_spans(length: int, frame_s: float, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Which of so many encoder frames of `frame_s` are hidden, (length,); at least one span where one fits."""
    span = max(1, round(SPAN_S / frame_s))
    found = np.zeros(length, bool)
    if length <= span:
        return found
    count = max(1, int(length * SPANS_START * frame_s / 0.020 + chance.random()))
    for start in chance.choice(length - span + 1, size=min(count, length - span + 1), replace=False):
        found[start : start + span] = True
    return found


def infilled(ids: Sequence[int], chance: np.random.Generator) -> list[int]:
    """A text (ended by EOS) with spans of characters each replaced by one MASK; spans of length 0 insert one.

    As BART does: about 30 % of the characters are hidden, lengths are Poisson (3.5).
    """
    body = list(ids[:-1]) if ids and ids[-1] == EOS else list(ids)
    left = round(TEXT_SHARE * len(body))
    while left > 0:
        length = min(int(chance.poisson(TEXT_SPAN)), left)
        open_ = [at for at in range(len(body) - length + 1) if MASK not in body[at : at + max(length, 1)]]
        if not open_:
            break
        start = open_[int(chance.integers(len(open_)))]
        body[start : start + length] = [MASK]
        # A span of length 0 hides nothing, yet counts, so that this ends.
        left -= max(length, 1)
    return [*body, EOS]


def pooled(mel: Floats) -> Floats:
    """Frames (T, bins) as the encoder counts them, (⌈T / 2⌉, 2 bins): two beside each other, the last repeated."""
    even = mel if len(mel) % STRIDE == 0 else np.concatenate([mel, mel[-1:]])
    return np.ascontiguousarray(even.reshape(len(even) // STRIDE, -1))


def learn_units(mels: Sequence[Floats], count: int, seed: int) -> Floats:
    """Centres (count, 2 bins) of normalised frames by k-means: the hidden units z of equation 1."""
    frames = np.concatenate([pooled(one) for one in mels])
    chance = np.random.default_rng(seed)
    if len(frames) > FRAMES_MOST:
        frames = frames[np.sort(chance.choice(len(frames), FRAMES_MOST, replace=False))]
    means = MiniBatchKMeans(min(count, len(frames)), random_state=seed, n_init=3, batch_size=2048).fit(frames)
    centres: Floats = means.cluster_centers_.astype(np.float32)
    return centres


def units_of(mel: Floats, centres: Floats) -> Ints:
    """The nearest centre of each encoder frame, (⌈T / 2⌉,)."""
    frames = pooled(mel)
    distance = (centres**2).sum(1)[None] - 2 * frames @ centres.T
    found: Ints = distance.argmin(1).astype(np.int64)
    return found
