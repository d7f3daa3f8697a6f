"""What two models heard in the same sound: a tier of words for each, their differences marked, their error rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workbench.core.transcripts import Transcript, against_corrections
from workbench.core.words import count
from workbench.gui.sounds import correcting
from workbench.gui.sounds.tierstrip import TierStrip

BEFORE, AFTER = "before", "after"


class Reading(NamedTuple):
    """A model by its name, what it heard, and the places of the words that the other one heard otherwise."""

    title: str
    transcript: Transcript
    differs: set[int]


def show_pair(strip: TierStrip, readings: Sequence[Reading]) -> str:
    """Lay both below the sound; returns what there is to say of them, on several lines."""
    marks: set[tuple[str, float, str]] = set()
    lines = []
    rates = []
    for name, one in zip((BEFORE, AFTER), readings, strict=True):
        heard = one.transcript.words
        rate, segments = against_corrections(heard, strip.doc)
        correcting.add_words(strip, name, heard)
        marks |= {(name, heard[at].start_s, heard[at].text) for at in one.differs}
        lines.append(f"{name}: {one.title}, {len(one.differs)} of {count(len(heard), 'word')} differ")
        rates.append(f"    {name} {100 * rate.rate:.1f} % ({rate.errors} of {rate.words})")
    strip.differing = frozenset(marks)
    strip.redraw()
    if not segments:
        return "\n".join([*lines, "Correct or confirm segments to see word error rates."])
    return "\n".join([*lines, f"Word error rate on {count(segments, 'corrected segment')}:", *rates])
