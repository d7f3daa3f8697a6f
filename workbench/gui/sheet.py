"""A plain, sortable, filterable list of rows with one key each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from workbench.gui.theme import theme, tokens

Index = QModelIndex | QPersistentModelIndex
KEY_ROLE = int(Qt.ItemDataRole.UserRole)
SORT_ROLE = KEY_ROLE + 1


class _Rows(QAbstractTableModel):
    def __init__(self, columns: Sequence[str], numbers: Collection[str], colours: Mapping[str, str]) -> None:
        super().__init__()
        self._colours = colours
        self.columns, self._numbers = list(columns), {list(columns).index(one) for one in numbers}
        self.rows: list[list[str]] = []
        self.keys: list[str] = []
        self.ranks: list[list[Any]] = []

    def replace(self, rows: list[list[str]], keys: list[str], ranks: list[list[Any]]) -> None:
        self.beginResetModel()
        self.rows, self.keys, self.ranks = rows, keys, ranks
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.ForegroundRole:
            token = self._colours.get(self.rows[index.row()][index.column()])
            return QColor(getattr(tokens(), token)) if token else None
        if role == KEY_ROLE:
            return self.keys[index.row()]
        if role == SORT_ROLE:
            return self.ranks[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if index.column() in self._numbers else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in self._numbers else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None


class _Wrapped(QStyledItemDelegate):
    """As high as the text needs in its column; the style's own answer forgets the cell's padding."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        px, sheet = theme().pixels, self.parent()
        assert isinstance(sheet, QTableView)
        room = QRect(0, 0, sheet.columnWidth(index.column()) - px(28), 10_000)
        text = str(index.data())
        drawn = option.fontMetrics.boundingRect(room, int(Qt.TextFlag.TextWordWrap), text)
        return QSize(super().sizeHint(option, index).width(), drawn.height() + px(10))


class Sheet(QTableView):
    """Rows by key; double-click or Return opens one. `colours` maps a cell's text to the token it is drawn in.

    With `wrapped`, a text that is longer than the wide column takes as many lines as it needs.
    """

    opened = Signal(str)
    chosen = Signal(str)
    """The key of the row that is selected now; empty for none."""

    def __init__(
        self,
        columns: Sequence[str],
        *,
        numbers: Collection[str] = (),
        wide: str = "",
        colours: Mapping[str, str] | None = None,
        wrapped: bool = False,
    ) -> None:
        super().__init__()
        self._rows = _Rows(columns, numbers, colours or {})
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setFilterKeyColumn(-1)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setModel(self._sorted)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(wrapped)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme().pixels(28))
        if wrapped:
            self.setItemDelegate(_Wrapped(self))
            self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        # A last column of numbers stays beside its neighbours instead of standing alone at the far edge.
        head.setStretchLastSection(not wide and columns[-1] not in numbers)
        self._wide = list(columns).index(wide) if wide else None
        if self._wide is not None:
            head.setSectionResizeMode(self._wide, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.activated.connect(lambda _: self.open_chosen())
        self.selectionModel().selectionChanged.connect(self._told)
        self._fitted = False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._fitted:
            self._fit()

    def _fit(self) -> None:
        """Columns as wide as what is in them, the wide one what is left."""
        self.resizeColumnsToContents()
        if self._wide is not None:
            # The line above gives the wide column the width of its longest text, too, until the next resize.
            self.horizontalHeader().setSectionResizeMode(self._wide, QHeaderView.ResizeMode.Stretch)

    def set_rows(self, rows: list[list[str]], *, keys: list[str], ranks: list[list[Any]] | None = None) -> None:
        """Replace all rows; `ranks` are what columns are sorted by (default: the texts). Selection stays."""
        held = self.chosen_key()
        self._rows.replace(rows, keys, ranks or rows)
        if rows and not self._fitted:
            self._fit()
            self._fitted = True
        if held in keys:
            self.choose(held)
        else:
            self.chosen.emit("")

    def set_filter(self, text: str) -> None:
        """Only rows in which some cell has this text."""
        self._sorted.setFilterFixedString(text)

    def shown(self) -> int:
        """How many rows pass the filter."""
        return self._sorted.rowCount()

    def choose(self, key: str) -> None:
        """Select a row."""
        self.selectRow(self._sorted.mapFromSource(self._rows.index(self._rows.keys.index(key), 0)).row())

    def chosen_key(self) -> str:
        """The selected row's key; empty for none."""
        selected = self.selectionModel().selectedRows()
        return str(selected[0].data(KEY_ROLE)) if selected else ""

    def open_chosen(self) -> None:
        """Open the selected row."""
        if self.chosen_key():
            self.opened.emit(self.chosen_key())

    def _told(self, _now: QItemSelection, _before: QItemSelection) -> None:
        self.chosen.emit(self.chosen_key())
