"""Edits of the speakers of tiers: a name changes everywhere at once, new turns take the place of old ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.core.audio import Tier, TiersDoc
from workbench.core.speakers import words_with_speakers
from workbench.gui.undo import Edit

Told = Callable[[int, int], object]


class SpeakerEdit(Edit):
    """Other speakers for segments, as one undo step: (tier, segment, before, after)."""

    def __init__(self, doc: TiersDoc, changes: Sequence[tuple[int, int, str, str]], told: Told, *, text: str) -> None:
        super().__init__(text)
        self.doc, self.changes, self.told = doc, list(changes), told

    @property
    def nbytes(self) -> int:
        return 160 * len(self.changes)

    def forget(self) -> None:
        self.changes = []

    def redo(self) -> None:
        self._put(3)

    def undo(self) -> None:
        self._put(2)

    def _put(self, which: int) -> None:
        for change in self.changes:
            self.doc.tiers[change[0]].segments[change[1]].speaker = str(change[which])
        if self.changes:
            self.told(self.changes[0][0], -1)


def renames(doc: TiersDoc, old: str, new: str) -> list[tuple[int, int, str, str]]:
    """What changes when a speaker gets a name: (tier, segment, before, after); nothing for the same name."""
    return [
        (number, at, old, new)
        for number, tier in enumerate(doc.tiers)
        for at, one in enumerate(tier.segments)
        if one.speaker == old and old != new
    ]


def renamed(doc: TiersDoc, old: str, new: str, told: Told) -> SpeakerEdit | None:
    """A speaker's name in all tiers; a name that another one has makes them one. None where nothing changes."""
    changes = renames(doc, old, new)
    return SpeakerEdit(doc, changes, told, text=f"Rename {old}") if changes else None


def words_given(doc: TiersDoc, told: Told) -> SpeakerEdit | None:
    """The speakers of the speakers' tier for words and segments; None where they have them already."""
    changes = [(tier, at, doc.tiers[tier].segments[at].speaker, who) for tier, at, who in words_with_speakers(doc)]
    return SpeakerEdit(doc, changes, told, text="Speakers of words") if changes else None


class NewTurns(Edit):
    """A speakers' tier in the place of those that were there, and the words' speakers by it, as one undo step."""

    def __init__(self, doc: TiersDoc, tier: Tier, told: Told) -> None:
        super().__init__("Who spoke when")
        self.doc, self.tier, self.told = doc, tier, told
        self._before: list[Tier] = list(doc.tiers)
        self._words: SpeakerEdit | None = None

    @property
    def nbytes(self) -> int:
        return 200 * len(self.tier.segments) + (self._words.nbytes if self._words is not None else 0)

    def redo(self) -> None:
        self._before = list(self.doc.tiers)
        self.doc.tiers[:] = [*(one for one in self._before if one.kind != "speakers"), self.tier]
        self._words = words_given(self.doc, lambda tier, marked: None)
        if self._words is not None:
            self._words.redo()
        self.told(len(self.doc.tiers) - 1, -1)

    def undo(self) -> None:
        if self._words is not None:
            self._words.undo()
        self.doc.tiers[:] = self._before
        self.told(max(len(self.doc.tiers) - 1, 0), -1)
