"""The table of a draft's examples: text, present label or spans, prediction, whether it was changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from workbench.gui.labelledits import Draft
from workbench.gui.theme import Tokens, theme
from workbench.gui.views.words import wrapped

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
ALL, CHANGED, DISPUTED = range(3)


class LabelModel(QAbstractTableModel):
    """Rows are positions of the draft; filtering permutes them."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = Draft.of_items([], "")
        self.shown: list[int] = []
        self._tokens: Tokens = theme().now
        self._columns: tuple[str, ...] = ("text", "label")

    def show(self, draft: Draft) -> None:
        """List all examples of a draft."""
        self.beginResetModel()
        self.draft = draft
        marked = "label" if draft.kind == "labels" else "spans"
        self._columns = ("text", marked, "predicted", "") if any(draft.predicted) else ("text", marked, "")
        self.shown = list(range(len(draft)))
        self.endResetModel()

    def filter(self, words: str, which: int) -> None:
        """List examples that hold all words, of all, the changed, or those the model disputes."""
        self.beginResetModel()
        wanted = words.casefold().split()
        self.shown = [at for at in range(len(self.draft)) if self._which(at, which) and self._holds(at, wanted)]
        self.endResetModel()

    def _which(self, at: int, which: int) -> bool:
        if which == CHANGED:
            return self.draft.changed(at)
        if which == DISPUTED:
            predicted = self.draft.predicted[at] if self.draft.predicted else ""
            return bool(predicted) and self.draft.kind == "labels" and predicted != self.draft.labels[at]
        return True

    def _holds(self, at: int, words: Sequence[str]) -> bool:
        if not words:
            return True
        haystack = f"{self.draft.texts[at]} {self._labels(at)}".casefold()
        return all(word in haystack for word in words)

    def touch(self, positions: Sequence[int]) -> None:
        """Examples were changed: draw them anew."""
        if self.shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.shown) - 1, len(self._columns) - 1))

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self._tokens = now
        self.touch([])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return self._columns[section] if role == Role.DisplayRole else None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        at, column = self.shown[index.row()], self._columns[index.column()]
        if role == Role.DisplayRole:
            return self._value(at, column)
        if role == Role.ToolTipRole:
            return wrapped(self.draft.texts[at]) if column == "text" else "changed" if not column else None
        if role == Role.ForegroundRole:
            return self._colour(at, column)
        return None

    def _value(self, at: int, column: str) -> str:
        if column == "text":
            return self.draft.texts[at][:400].replace("\n", " ")
        if column == "predicted":
            return self.draft.predicted[at]
        if column:
            return self._labels(at)
        return "●" if self.draft.changed(at) else ""

    def _labels(self, at: int) -> str:
        if self.draft.kind == "labels":
            return self.draft.labels[at]
        text, spans = self.draft.texts[at], self.draft.spans[at]
        words = [f"{text[one.start : one.end]} {one.label}" for one in spans[:3]]
        return ", ".join(words) + (f" +{len(spans) - 3}" if len(spans) > 3 else "")

    def _colour(self, at: int, column: str) -> QColor | None:
        if not column:
            return QColor(self._tokens.accent)
        if column == "predicted" and self._which(at, DISPUTED):
            return QColor(self._tokens.error)
        return None
