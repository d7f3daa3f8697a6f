"""Stars, tags, titles and notes: shown at once, written behind the window's back, taken back one by one."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from workbench.core.problem import Problem
from workbench.core.words import count
from workbench.gui.history import HistoryList
from workbench.gui.link import Link
from workbench.store.index import RunRow
from workbench.store.notes import Notes, change_notes, change_tags


@dataclasses.dataclass(frozen=True)
class Edit:
    """What changes in one run's notes, and what would take it back."""

    run: str
    asked_tags: tuple[str, ...] = ()
    """The tags of run.json, which hold while nobody has said others."""
    fields: tuple[tuple[str, Any], ...] = ()
    before: tuple[tuple[str, Any], ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def inverse(self) -> Edit:
        """The edit that takes this one back."""
        return Edit(self.run, self.asked_tags, self.before, self.fields, self.remove, self.add)

    def applied(self, row: RunRow) -> Notes:
        """The run's notes after it."""
        tags = tuple(one for one in dict.fromkeys([*row.tags, *self.add]) if one not in self.remove)
        changed: dict[str, Any] = dict(self.fields) | ({"tags": tags} if self.add or self.remove else {})
        return msgspec.structs.replace(row.notes, **changed)

    def write(self, folder: Path) -> None:
        """Put it on disk."""
        if self.fields:
            change_notes(folder, **dict(self.fields))
        if self.add or self.remove:
            change_tags(folder, self.asked_tags, add=self.add, remove=self.remove)


class _Step(QUndoCommand):
    def __init__(self, text: str, edits: Sequence[Edit], annotations: Annotations) -> None:
        super().__init__(text)
        self._edits, self._annotations = edits, annotations

    def redo(self) -> None:
        self._annotations.apply(self._edits)

    def undo(self) -> None:
        self._annotations.apply([one.inverse() for one in self._edits])


class Annotations(QObject):
    """Edits in the order in which they were made; none is lost when the window closes."""

    written = Signal()

    def __init__(self, link: Link, view: HistoryList, parent: QObject) -> None:
        super().__init__(parent)
        self.link, self._view = link, view
        self.undo_stack = QUndoStack(self)
        self._unwritten: collections.deque[Edit] = collections.deque()
        self._writing = threading.Lock()
        view.model_.edited.connect(self.write)

    def star(self, rows: Sequence[RunRow]) -> None:
        """Star these runs, or take their stars away when all have one."""
        starred = not all(row.notes.star for row in rows)
        changed = [row for row in rows if row.notes.star != starred]
        self._push(
            "Star" if starred else "Unstar",
            [Edit(row.id, fields=(("star", starred),), before=(("star", row.notes.star),)) for row in changed],
        )

    def tag(self, rows: Sequence[RunRow], add: Iterable[str], remove: Iterable[str]) -> None:
        """Give tags to all of these runs, and take others from all of them."""
        edits = [
            Edit(
                row.id,
                row.config.tags,
                add=tuple(one for one in add if one not in row.tags),
                remove=tuple(one for one in remove if one in row.tags),
            )
            for row in rows
        ]
        self._push("Tags", [one for one in edits if one.add or one.remove])

    def write(self, run: str, field: str, text: str) -> None:
        """Set a run's note or title."""
        row = self._view.model_.row_of(run)
        if row is not None:
            before = row.notes.title if field == "title" else row.notes.note
            self._push(field.capitalize(), [Edit(run, fields=((field, text),), before=((field, before),))])

    def apply(self, edits: Sequence[Edit]) -> None:
        """Show edits now and write them soon."""
        rows = {row.id: row for row in self._view.model_.rows}
        self._view.replace_notes({one.run: one.applied(rows[one.run]) for one in edits if one.run in rows})
        self._unwritten.extend(edits)
        self.link.background(self._drain, then=lambda _: self.written.emit(), failed=self._failed, owner=self)

    def save_now(self) -> None:
        """Write what is left before the window goes; what then fails has nobody to be told to."""
        self._view.finish_writing()
        with contextlib.suppress(Problem):
            self._drain()

    def _push(self, text: str, edits: list[Edit]) -> None:
        if edits:
            named = text if len(edits) == 1 else f"{text} of {count(len(edits), 'run')}"
            self.undo_stack.push(_Step(named, edits, self))

    def _drain(self) -> None:
        """Write in order; one that cannot be written does not keep the next from it."""
        runs, troubles = self.link.home.runs, []
        with self._writing:
            while self._unwritten:
                edit = self._unwritten.popleft()
                try:
                    edit.write(runs / edit.run)
                except Problem as trouble:
                    troubles.append(trouble)
        if troubles:
            raise troubles[0]

    def _failed(self, record: Any) -> None:
        self.link.problem.emit(record)
        self.written.emit()  # the list shows again what stands on disk
