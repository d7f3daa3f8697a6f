"""Synthetic speakers, drawn so that no two of them are alike, also across splits."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from workbench.core.problem import InputError

VARIANTS = (
    "f1", "f4", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "adam", "Andrea", "Annie", "belinda", "boris", "david",
    "edward", "Gene", "Jacky", "Lee", "linda", "Mario", "max", "Michael", "paul", "robert", "steph", "travis",
)  # fmt: skip
"""espeak-ng's variants that sound like a person and say the same words the same way each time.

Those with breath (f2, f3, f5, Alicia, victor) do not: its noise differs from process to process.
"""
TRACT = (0.85, 1.18)
PITCH, PITCH_RANGE, RATE_WPM, TILT_DB = (15, 85), (20, 80), (140, 200), (-3.0, 3.0)
APART = 0.2
"""Speakers of one variant differ by this much at least: the distance of their knobs, each scaled to 0 … 1."""
MOST_DRAWS = 2000
MOST_SPEAKERS = 8192


class Speaker(msgspec.Struct, frozen=True):
    """A voice: espeak-ng's variant, vocal-tract factor (formants times it), pitch, rate, tilt in dB per octave."""

    id: str
    language: str
    variant: str
    tract: float
    pitch: int
    pitch_range: int
    rate_wpm: int
    tilt_db: float

    @property
    def voice(self) -> str:
        """The name that espeak-ng knows."""
        return f"{self.language}+{self.variant}" if self.variant else self.language


def distance(one: Speaker, other: Speaker) -> float:
    """How unlike two speakers are; speakers of different variants are unlike enough, infinitely so."""
    if one.variant != other.variant or one.language != other.language:
        return math.inf
    scaled = (
        (one.tract - other.tract) / (TRACT[1] - TRACT[0]),
        (one.pitch - other.pitch) / (PITCH[1] - PITCH[0]),
        (one.pitch_range - other.pitch_range) / (PITCH_RANGE[1] - PITCH_RANGE[0]),
        (one.rate_wpm - other.rate_wpm) / (RATE_WPM[1] - RATE_WPM[0]),
        (one.tilt_db - other.tilt_db) / (TILT_DB[1] - TILT_DB[0]),
    )
    return math.hypot(*scaled)


def draw_speakers(counts: Mapping[str, int], seed: int, *, language: str = "en-us") -> dict[str, list[Speaker]]:
    """So many speakers a split, at least APART from each other within and across splits; the same for a seed.

    Raises InputError when so many cannot be told apart.
    """
    if sum(counts.values()) > MOST_SPEAKERS:
        raise _too_many(MOST_SPEAKERS, sum(counts.values()))
    rng = np.random.default_rng([seed, 0x5BEA])
    found: dict[str, list[Speaker]] = {}
    everyone: dict[str, list[Speaker]] = {}
    for split, count in counts.items():
        found[split] = []
        draws = 0
        while len(found[split]) < count:
            draws += 1
            if draws > MOST_DRAWS + 50 * count:
                raise _too_many(sum(map(len, found.values())), sum(counts.values()))
            one = _drawn(rng, f"{split}-{len(found[split]):04d}", language)
            alike = everyone.setdefault(one.variant, [])
            if all(distance(one, other) >= APART for other in alike):
                found[split].append(one)
                alike.append(one)
    return found


def _too_many(most: int, asked: int) -> InputError:
    return InputError(
        "So many speakers cannot be told apart.", expected=f"about {most} in all splits", received=str(asked),
        fix="Ask for fewer speakers.", field="speakers",
    )  # fmt: skip


def _drawn(rng: np.random.Generator, name: str, language: str) -> Speaker:
    return Speaker(
        id=name, language=language, variant=VARIANTS[rng.integers(len(VARIANTS))],
        tract=round(float(rng.uniform(*TRACT)), 3), pitch=int(rng.integers(PITCH[0], PITCH[1] + 1)),
        pitch_range=int(rng.integers(PITCH_RANGE[0], PITCH_RANGE[1] + 1)),
        rate_wpm=int(rng.integers(RATE_WPM[0], RATE_WPM[1] + 1)), tilt_db=round(float(rng.uniform(*TILT_DB)), 2),
    )  # fmt: skip
