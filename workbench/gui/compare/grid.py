"""A table with one column a run: names stay in sight at the left, the best value of a row stands out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QAction, QColor, QFont, QGuiApplication, QIcon, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from workbench.gui.theme import theme, tokens
from workbench.gui.views.base import as_csv
from workbench.gui.views.table import quiet_table
from workbench.gui.views.words import wrapped

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
WIDEST_PX, NARROWEST_PX = 240, 88


@dataclasses.dataclass(frozen=True)
class GridRow:
    """A row's name, what a tooltip adds to it, its cells, and the places of the best ones."""

    name: str
    cells: tuple[str, ...]
    tip: str = ""
    winners: tuple[int, ...] = ()


class _Rows(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.heads: list[tuple[str, QIcon]] = []
        self.rows: list[GridRow] = []

    def replace(self, heads: list[tuple[str, QIcon]], rows: list[GridRow]) -> None:
        self.beginResetModel()
        self.heads, self.rows = heads, rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.heads)

    def data(self, index: Index, role: int = int(Role.DisplayRole)) -> Any:
        row, place = self.rows[index.row()], index.column()
        best = place in row.winners
        if role == Role.DisplayRole:
            return row.cells[place]
        if role == Role.ToolTipRole:
            return wrapped(row.cells[place] + ("\nThe best of these runs" if best else ""))
        if role == Role.ForegroundRole and best:
            return QColor(tokens().ok)
        if role == Role.FontRole and best:
            font = QFont(QGuiApplication.font())
            font.setBold(True)
            return font
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = int(Role.DisplayRole)) -> Any:
        if orientation == Qt.Orientation.Vertical:
            row = self.rows[section]
            if role == Role.DisplayRole:
                return row.name
            return wrapped(row.tip or row.name) if role == Role.ToolTipRole else None
        if role == Role.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        name, picture = self.heads[section]
        return {Role.DisplayRole: name, Role.ToolTipRole: wrapped(name), Role.DecorationRole: picture}.get(Role(role))


class Grid(QTableView):
    """Read, select and copy; rows are replaced as a whole, the place that was scrolled to stays."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        quiet_table(self)
        self._rows = _Rows()
        self.setModel(self._rows)
        self.setAccessibleName(name)
        self.setTabKeyNavigation(False)
        names = self.verticalHeader()
        names.setVisible(True)
        names.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        names.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        names.setTextElideMode(Qt.TextElideMode.ElideRight)
        names.setStyleSheet("QHeaderView::section { border: none; }")
        self.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        copy = QAction(f"Copy {name.lower()} as CSV", self)
        copy.setShortcut(QKeySequence("Ctrl+C"))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(lambda _=False: self.copy())
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def set_rows(self, heads: list[tuple[str, QIcon]], rows: list[GridRow]) -> None:
        """Show these rows; the same ones again cost nothing."""
        same_heads = [name for name, _ in heads] == [name for name, _ in self._rows.heads]
        if same_heads and rows == self._rows.rows:
            return
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        self._rows.replace(heads, rows)
        for place in range(len(heads)):
            wanted = self.sizeHintForColumn(place)
            head = self.horizontalHeader().sectionSizeHint(place)
            px = theme().pixels
            self.setColumnWidth(place, min(max(wanted, min(head, px(176)), px(NARROWEST_PX)), px(WIDEST_PX)))
        self.horizontalScrollBar().setValue(across)
        self.verticalScrollBar().setValue(down)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names never take more than two fifths of a narrow table."""
        super().resizeEvent(event)
        self.verticalHeader().setMaximumWidth(min(theme().pixels(WIDEST_PX), self.width() * 2 // 5))

    def rows(self) -> list[GridRow]:
        """What is shown."""
        return self._rows.rows

    def heads(self) -> list[str]:
        """The names of the columns."""
        return [name for name, _ in self._rows.heads]

    def copy(self) -> None:
        """Put the table on the clipboard, tab-separated as spreadsheets take it."""
        rows: Sequence[Sequence[str]] = [[row.name, *row.cells] for row in self._rows.rows]
        QGuiApplication.clipboard().setText(as_csv(["", *self.heads()], rows, delimiter="\t"))
