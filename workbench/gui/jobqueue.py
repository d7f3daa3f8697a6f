"""Waiting runs in their order; a row that is dragged shows where it would go, and the worker decides."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from workbench.gui.jobrow import JobRow
from workbench.gui.theme import theme


class JobQueue(QWidget):
    """`reordered` carries the order that a person wants; the rows move when the worker has it."""

    reordered = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme().pixels(2))
        self._line = QFrame(self)
        self._line.setObjectName("dropLine")
        self._line.hide()
        self._rows: list[JobRow] = []
        self._wanted: list[str] = []
        self._gap = 0

    def adopt(self, row: JobRow) -> None:
        """Listen to a new row."""
        row.moved.connect(self._move)
        row.dragged.connect(self._drag)
        row.dropped.connect(self._drop)

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """Put rows into this order; those that stay keep their focus."""
        self._wanted = []
        if list(rows) == self._rows:
            return
        self._rows = list(rows)
        for place, row in enumerate(self._rows):
            self._column.insertWidget(place, row)

    def order(self) -> list[str]:
        """The runs, the next one first."""
        return [row.run for row in self._rows]

    def _move(self, run: str, by: int) -> None:
        order = self._wanted or self.order()  # what was asked for a moment ago and is under way
        at = order.index(run)
        to = min(max(at + by, 0), len(order) - 1)
        if to != at:
            order.insert(to, order.pop(at))
            self._ask(order)

    def _drag(self, row: JobRow, where: QPoint) -> None:
        row.mark_dragged(True)
        y = self.mapFromGlobal(where).y()
        self._gap = sum(one.geometry().center().y() < y for one in self._rows)
        edge = self._rows[self._gap].y() - 2 if self._gap < len(self._rows) else self._rows[-1].geometry().bottom()
        self._line.setGeometry(0, max(0, edge), self.width(), theme().pixels(2))
        self._line.show()
        self._line.raise_()
        self._reveal(y)

    def _drop(self, row: JobRow, kept: bool) -> None:
        row.mark_dragged(False)
        self._line.hide()
        order = self.order()
        at = order.index(row.run) if row.run in order else -1
        to = self._gap - (at < self._gap)
        if kept and at >= 0 and to != at:
            order.insert(to, order.pop(at))
            self._ask(order)

    def _ask(self, order: list[str]) -> None:
        self._wanted = order
        self.reordered.emit(list(order))

    def _reveal(self, y: int) -> None:
        """Scroll along while a row is held at the edge."""
        holder: QWidget | None = self
        while holder is not None and not isinstance(holder, QScrollArea):
            holder = holder.parentWidget()
        inside = holder.widget() if isinstance(holder, QScrollArea) else None
        if isinstance(holder, QScrollArea) and inside is not None:
            holder.ensureVisible(0, self.mapTo(inside, QPoint(0, y)).y(), 0, theme().pixels(24))
