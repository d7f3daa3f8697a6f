"""Conversations of synthetic speakers who take turns: samples, and who spoke when to the sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from workbench.core.audio import Segment, Tier
from workbench.engine.speech.bank import rooms
from workbench.engine.speech.bank.rendering import RATE_HZ, Place, Utterance, render
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import Speaker


class Talk(msgspec.Struct, frozen=True):
    """How a conversation goes: turns of one to three sentences, pauses in seconds, loudness apart by ± `level_db`.

    `snr_db` None: without noise; else so far below the speech, over all the sound, pauses included.
    """

    turns: int = 12
    pauses_s: tuple[float, float] = (0.15, 1.2)
    sentences: tuple[int, int] = (1, 3)
    level_db: float = 4.0
    decay_s: float = 0.2
    noise: rooms.Noise = "pink"
    snr_db: float | None = None


class Conversation(msgspec.Struct):
    """(samples,) int16 at RATE_HZ, and the turns of the speakers, named by their ids; nobody talks over another."""

    samples: np.ndarray
    tier: Tier


def converse(
    speakers: Sequence[Speaker], talk: Talk, seed: int, *, split: str = "test", cache: Path | None = None
) -> Conversation:
    """A conversation in which every speaker has a turn and nobody follows himself; the same for a seed.

    A turn runs from the first word to the last of its sentences, pauses between them included.
    Raises KnownTrouble when espeak-ng is missing.
    """
    rng = np.random.default_rng([seed, 0xD1A2])
    order = _order(rng, len(speakers), talk.turns)
    counts = rng.integers(talk.sentences[0], talk.sentences[1] + 1, len(order)).tolist()
    texts = iter(general(split, sum(counts), seed))
    levels = 10 ** (rng.uniform(-talk.level_db, talk.level_db, len(speakers)) / 20)
    said = [
        Utterance(next(texts), speakers[who], Place(decay_s=talk.decay_s, direct_db=8.0), seed=seed)
        for who, count in zip(order, counts, strict=True) for _ in range(count)
    ]  # fmt: skip
    spoken = render(said, cache)
    pieces, turns = [np.zeros(round(rng.uniform(*talk.pauses_s) * RATE_HZ), np.float32)], list[Segment]()
    at = len(pieces[0])
    for who, count in zip(order, counts, strict=True):
        times = []
        for _ in range(count):
            one = next(spoken)
            times += [at / RATE_HZ + one.words[0].start_s, at / RATE_HZ + one.words[-1].end_s]
            wave = one.as_float() * np.float32(levels[who])
            gap = np.zeros(round(rng.uniform(0.05, 0.25) * RATE_HZ), np.float32)
            pieces += [wave, gap]
            at += len(wave) + len(gap)
        turns.append(Segment(times[0], times[-1], "", speakers[who].id))
        pause = np.zeros(round(rng.uniform(*talk.pauses_s) * RATE_HZ), np.float32)
        pieces.append(pause)
        at += len(pause)
    wave = np.concatenate(pieces)
    if talk.snr_db is not None:
        wave = rooms.with_noise(wave, rooms.noise(rng, talk.noise, len(wave), RATE_HZ), talk.snr_db)
    wave *= np.float32(min(1.0, 0.98 / max(float(np.abs(wave).max()), 1e-9)))
    return Conversation(np.rint(wave * 32767).astype(np.int16), Tier("speakers", "speakers", turns))


def _order(rng: np.random.Generator, speakers: int, turns: int) -> list[int]:
    """Who speaks, turn by turn: everybody first, then whoever is drawn, nobody twice in a row."""
    order = rng.permutation(speakers).tolist()
    while speakers > 1 and len(order) < turns:
        others = [one for one in range(speakers) if one != order[-1]]
        order.append(int(rng.choice(others)))
    return order[: max(turns, speakers)] if speakers > 1 else [0] * turns
