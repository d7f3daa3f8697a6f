"""A stretch of a sound transcribed anew: its words take the place of what the transcript held there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from workbench.core.audio import Segment
from workbench.core.transcripts import SEGMENTS, Transcript, within
from workbench.gui.sounds.correcting import Together, add_transcript, partner
from workbench.gui.sounds.tieredits import Replaced, TiersEdit

if TYPE_CHECKING:
    from workbench.gui.sounds.tierstrip import TierStrip

LEAST_S = 0.02
"""Of a word that is heard again at the edge, less than this beside the old one is the old one's end."""


class Placed(NamedTuple):
    """Where the words went: the tier's name, how many words they replaced, how many segments were left alone."""

    name: str
    replaced: int
    kept: int
    """Segments in the stretch that a person corrected or confirmed."""


def put_stretch(strip: TierStrip, found: Transcript, name: str = SEGMENTS) -> Placed:
    """The words of [`start_s`, `reached_s`) of a sound in the transcript's two tiers, as one undo step.

    Only what an earlier transcript held in the stretch goes. Segments that a person corrected stay, and words that
    were heard anew within them are passed by. Where there is no transcript, the tiers begin with these words.
    """
    doc = strip.doc
    at = next((place for place, one in enumerate(doc.tiers) if one.name == name and one.kind == "segments"), -1)
    other = partner(doc, at) if at >= 0 else -1
    if other < 0:
        return Placed(add_transcript(strip, found, name)[0], 0, 0)
    start_s, end_s = found.start_s, found.reached_s
    segments, words = doc.tiers[at].segments, doc.tiers[other].segments
    touched = [one for one in segments if one.start_s < end_s and one.end_s > start_s]
    sure = [one for one in touched if one.corrected]

    def is_sure(word: Segment) -> bool:
        return any(within([word], one.start_s, one.end_s) for one in sure)

    inside = within(words, start_s, end_s)
    gone = [one for one in inside if not is_sure(one)]
    kept = [one for one in inside if is_sure(one)]
    first_word = sum((one.start_s + one.end_s) / 2 < start_s for one in words)
    around = [*words[max(first_word - 1, 0) : first_word], *kept, *words[first_word + len(inside) :][:1]]
    heard = _fitted([one for one in found.words if not is_sure(one)], [*around, *sure])
    new_words = sorted([*kept, *heard], key=lambda one: one.start_s)
    pieces = [part for one in found.segments for part in _parted(one, within(heard, one.start_s, one.end_s), sure)]
    for one in touched:
        pieces += [one] if one.corrected else _left_of(one, words, (start_s, end_s))
    pieces.sort(key=lambda one: one.start_s)
    first = segments.index(touched[0]) if touched else sum(one.start_s < start_s for one in segments)
    changes = (
        Replaced(at, first, tuple(map(msgspec.structs.replace, touched)), tuple(pieces)),
        Replaced(other, first_word, tuple(map(msgspec.structs.replace, inside)), tuple(new_words)),
    )
    edits = [TiersEdit(doc, one, lambda tier, marked: None, text="") for one in changes]
    strip.document.push(Together(edits, strip.told, (at, -1), f"Transcribe a stretch of {name}"))
    return Placed(name, len(gone), len(sure))


def _fitted(heard: Sequence[Segment], around: Sequence[Segment]) -> list[Segment]:
    """Words cut to where nothing else is; those of which too little is left are the beginning or end of another."""
    found = []
    for word in heard:
        middle = (word.start_s + word.end_s) / 2
        start_s = max([word.start_s, *(one.end_s for one in around if one.start_s <= middle and one.end_s <= middle)])
        end_s = min([word.end_s, *(one.start_s for one in around if one.start_s > middle)])
        covered = any(one.start_s <= middle < one.end_s for one in around)
        if not covered and end_s - start_s >= min(LEAST_S, word.end_s - word.start_s):
            found.append(msgspec.structs.replace(word, start_s=start_s, end_s=end_s))
    return found


def _parted(like: Segment, words: Sequence[Segment], between: Sequence[Segment]) -> list[Segment]:
    """A segment's words as segments that do not run over those that stand between them."""
    runs = itertools.groupby(words, key=lambda word: sum(one.start_s <= word.start_s for one in between))
    return [part for _, run in runs if (part := _piece(like, list(run))) is not None]


def _piece(like: Segment, words: Sequence[Segment]) -> Segment | None:
    """Words as one segment with the speaker of another; None for no words."""
    if not words:
        return None
    sure = sum(one.confidence for one in words) / len(words)
    said = " ".join(one.text for one in words)
    return Segment(words[0].start_s, words[-1].end_s, said, like.speaker, sure)


def _left_of(one: Segment, words: Sequence[Segment], stretch: tuple[float, float]) -> list[Segment]:
    """What stays of a segment that a stretch runs into: its words before and its words after."""
    start_s, end_s = stretch
    its = within(words, one.start_s, one.end_s)
    if not its:
        return [] if within([one], start_s, end_s) else [one]
    parts = (within(its, one.start_s, start_s), within(its, end_s, one.end_s))
    return [piece for part in parts if (piece := _piece(one, part)) is not None]
