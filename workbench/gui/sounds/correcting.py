"""A transcript's segments and its words as one thing: whoever corrects one of them corrects the other.

A transcript is a tier of segments with the tier of its words below, called after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.transcripts import SEGMENTS, Transcript, changes
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.tieredits import Replaced, TierEdit, TiersEdit
from workbench.gui.theme import tokens
from workbench.gui.undo import Edit

if TYPE_CHECKING:
    from workbench.gui.sounds.tierstrip import TierStrip

LEAST_WORD_S = 0.04


class Together(Edit):
    """Edits that are done and taken back as one; `told` hears the tier and segment to be marked each time."""

    def __init__(
        self,
        edits: Sequence[TiersEdit | TierEdit],
        told: Callable[[int, int], object],
        mark: tuple[int, int],
        text: str,
    ) -> None:
        super().__init__(text)
        self.edits, self.told, self.mark = list(edits), told, mark

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self.edits)

    def redo(self) -> None:
        for one in self.edits:
            one.redo()
        self.told(*self.mark)

    def undo(self) -> None:
        for one in reversed(self.edits):
            one.undo()
        self.told(*self.mark)


def _quiet(_tier: int, _marked: int) -> None:
    """Together tells, once."""


def words_name(name: str) -> str:
    """What the tier of a transcript's words is called."""
    return f"words of {name}"  # the column of names shows its beginning only


def partner(doc: TiersDoc, tier: int) -> int:
    """The words of a transcript's segments, or the segments of its words; -1 where a tier is neither."""
    name, kind = doc.tiers[tier].name, doc.tiers[tier].kind
    for at, one in enumerate(doc.tiers):
        if kind == "segments" and one.kind == "words" and one.name == words_name(name):
            return at
        if kind == "words" and one.kind == "segments" and name == words_name(one.name):
            return at
    return -1


def push_text(strip: TierStrip, text: str) -> None:
    """Another text for the marked segment, and what follows from it for its partner."""
    doc, tier, index = strip.doc, strip.tier, strip.marked
    if not strip.editable or strip.segment() is None:
        return
    change = tieredits.set_text(doc, tier, index, " ".join(text.split()))
    if change is not None:
        _push(strip, change, "Edit text")


def _push(strip: TierStrip, change: Replaced, text: str) -> None:
    every = [change, *_following(strip.doc, change.tier, change)]
    edits = [TiersEdit(strip.doc, one, _quiet, text="") for one in every]
    strip.document.push(Together(edits, strip.told, (change.tier, change.marked), text))


def confirm(strip: TierStrip) -> bool:
    """The marked segment is right as it stands; its words are sure then, too."""
    one = strip.segment()
    if one is None or not strip.editable or strip.doc.tiers[strip.tier].kind != "segments" or not one.text:
        return False
    new = msgspec.structs.replace(one, confidence=1.0, corrected=True)
    if new != one:
        change = Replaced(strip.tier, strip.marked, (msgspec.structs.replace(one),), (new,), strip.marked)
        _push(strip, change, "Confirm segment")
    return True


def _following(doc: TiersDoc, tier: int, change: Replaced) -> list[Replaced]:
    other = partner(doc, tier)
    if other < 0:
        return []
    old, new = change.old[0], change.new[0]
    rows = doc.tiers[other].segments
    if doc.tiers[tier].kind == "segments":
        inside = _places(rows, old)
        first = inside[0] if inside else sum(one.start_s < old.start_s for one in rows)
        before = tuple(msgspec.structs.replace(rows[at]) for at in inside)
        return [Replaced(other, first, before, tuple(laid_out(new, before)), -1)]
    at = tieredits.at_time(doc.tiers[other], (old.start_s + old.end_s) / 2)
    if at < 0:
        return []
    segment = rows[at]
    words = doc.tiers[tier].segments
    texts = [new.text if place == change.first else words[place].text for place in _places(words, segment)]
    said = " ".join(filter(None, texts))
    corrected = msgspec.structs.replace(segment, text=said, confidence=1.0, corrected=True)
    return [Replaced(other, at, (msgspec.structs.replace(segment),), (corrected,), -1)]


def _places(rows: Sequence[Segment], segment: Segment) -> list[int]:
    """Where the rows whose middle lies in a segment are; they follow each other."""
    return [at for at, one in enumerate(rows) if segment.start_s <= (one.start_s + one.end_s) / 2 < segment.end_s]


def laid_out(segment: Segment, words: Sequence[Segment]) -> list[Segment]:
    """A segment's text as words: those that were there keep their times, others share out the time between them.

    As many other words as there were in a place take their times, one by one.
    """
    texts = segment.text.split()
    found: list[Segment] = []
    for same, run in itertools.groupby(changes([one.text for one in words], texts), key=lambda one: one.equal):
        steps = list(run)
        old = words[steps[0].first : steps[-1].last]
        new = texts[steps[0].other_first : steps[-1].other_last]
        if same or len(old) == len(new):
            found += [msgspec.structs.replace(one, text=text, confidence=1.0, corrected=True)
                      for one, text in zip(old, new, strict=True)]  # fmt: skip
        elif old:
            found += _shared(new, old[0].start_s, old[-1].end_s, segment)
        else:
            at = steps[0].first
            begin = found[-1].end_s if found else segment.start_s
            end = words[at].start_s if at < len(words) else segment.end_s
            if found and end - begin < LEAST_WORD_S * len(new):  # no room: the word before gives of its time
                before = found.pop()
                begin, new = before.start_s, [before.text, *new]
            found += _shared(new, begin, max(end, begin), segment)
    return found


def _shared(texts: Sequence[str], start_s: float, end_s: float, segment: Segment) -> list[Segment]:
    """Words one after the other over a gap, as long as they have letters."""
    whole = sum(len(one) + 1 for one in texts)
    found, at = [], start_s
    for text in texts:
        until = at + (end_s - start_s) * (len(text) + 1) / whole
        found.append(Segment(at, until, text, segment.speaker, 1.0, True))
        at = until
    return found


def add_transcript(strip: TierStrip, transcript: Transcript, name: str = SEGMENTS) -> tuple[str, bool]:
    """The tiers of a transcript below the others; an earlier one of that name that nobody corrected goes.

    Returns its name, and whether an earlier one went.
    """
    doc = strip.doc
    at = next((place for place, one in enumerate(doc.tiers) if one.name == name and one.kind == "segments"), -1)
    edits: list[TiersEdit | TierEdit] = []
    tiers = list(doc.tiers)
    if at >= 0 and partner(doc, at) >= 0 and not any(one.corrected for one in doc.tiers[at].segments):
        for place in sorted((at, partner(doc, at)), reverse=True):
            edits.append(TierEdit(doc, place, doc.tiers[place], _quiet, comes=False))
            del tiers[place]
    replaced = bool(edits)
    free = tieredits.free_name(TiersDoc(tiers), name)
    new = [Tier(free, "segments", list(transcript.segments)), Tier(words_name(free), "words", list(transcript.words))]
    for number, one in enumerate(new):
        edits.append(TierEdit(doc, len(tiers) + number, one, _quiet, comes=True))
    strip.document.push(Together(edits, strip.told, (len(tiers), -1), f"Transcribe to tier {free}"))
    return free, replaced


def add_words(strip: TierStrip, name: str, words: Sequence[Segment]) -> str:
    """A tier of words alone, in the place of an earlier one of that name; returns its name."""
    doc = strip.doc
    gone = [at for at, one in enumerate(doc.tiers) if one.name == name and one.kind == "words"]
    edits: list[TiersEdit | TierEdit] = [TierEdit(doc, at, doc.tiers[at], _quiet, comes=False) for at in reversed(gone)]
    left = len(doc.tiers) - len(gone)
    edits.append(TierEdit(doc, left, Tier(name, "words", list(words)), _quiet, comes=True))
    strip.document.push(Together(edits, strip.told, (left, -1), f"Tier {name}"))
    return name


def corrected_rows(doc: TiersDoc) -> list[Segment]:
    """Segments with a text that a person wrote or confirmed, over all tiers of segments."""
    return [one for tier in doc.tiers if tier.kind == "segments" for one in tier.segments if one.corrected and one.text]


def paint_marks(painter: QPainter, box: QRectF, one: Segment, *, differs: bool) -> None:
    """A line below what a person corrected, and one of another colour where two models heard differently."""
    now = tokens()
    if one.corrected or differs:
        painter.setPen(QPen(QColor(now.error if differs else now.ok), 3))
        painter.drawLine(
            QLineF(box.left() + 2, box.bottom() - 2, max(box.right() - 2, box.left() + 3), box.bottom() - 2)
        )
