"""Undoable corrections of labels; each keeps the difference it makes, never a copy of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from workbench.core.documents import Span
from workbench.gui.labelledits import Draft, by_label
from workbench.gui.undo import Edit, KeyedEdit

Told = Callable[[Sequence[int]], None]


class Relabel(KeyedEdit):
    """Give examples other classes; `changes` by position."""

    def __init__(self, draft: Draft, changes: Mapping[int, str], told: Told) -> None:
        super().__init__(draft.labels, changes, told, text=by_label(changes))


Respanned = tuple[list[Span], list[Span]]


class Respan(Edit):
    """Take spans out of texts and put others in; `changes` maps a position to (taken, put)."""

    def __init__(self, draft: Draft, changes: Mapping[int, Respanned], told: Told, *, text: str) -> None:
        super().__init__(text)
        self.draft, self.told, self.changes = draft, told, dict(changes)

    @property
    def nbytes(self) -> int:
        return sum(200 + 100 * (len(taken) + len(put)) for taken, put in self.changes.values())

    def forget(self) -> None:
        self.changes = {}

    def redo(self) -> None:
        for at, (taken, put) in self.changes.items():
            self._swap(at, taken, put)
        self.told(list(self.changes))

    def undo(self) -> None:
        for at, (taken, put) in self.changes.items():
            self._swap(at, put, taken)
        self.told(list(self.changes))

    def _swap(self, at: int, away: Sequence[Span], back: Sequence[Span]) -> None:
        left = [one for one in self.draft.spans[at] if one not in away]
        self.draft.spans[at] = sorted([*left, *back], key=lambda one: (one.start, one.end))


def difference(old: Sequence[Span], new: Sequence[Span]) -> Respanned:
    """What leaves and what comes between two lists of spans."""
    return [one for one in old if one not in new], [one for one in new if one not in old]
