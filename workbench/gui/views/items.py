"""The list that opens for a confusion cell, a lasso or the worst mistakes: read, filter, copy, relabel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QLineEdit, QPushButton, QTableView, QVBoxLayout, QWidget

from workbench.core.documents import Item
from workbench.core.words import spaced
from workbench.gui.actions import keymap, make_action
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette
from workbench.gui.views.base import as_csv
from workbench.gui.views.table import quiet_table
from workbench.gui.views.words import wrapped

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
COLUMNS = ("text", "true", "predicted", "score")


class ItemsModel(QAbstractTableModel):
    """Items for Qt; filtering and sorting permute positions, items are never copied."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self.shown: list[int] = []
        self.tokens: Tokens = theme().now
        self._words = ""
        self._sorted = (-1, Qt.SortOrder.AscendingOrder)

    def show(self, items: Sequence[Item]) -> None:
        """Take other items; filter and order stay."""
        self.items = list(items)
        self._arrange()

    def filter(self, words: str) -> None:
        """Only items that hold all of these words, anywhere."""
        self._words = words
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted = (column, order)
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        words = self._words.casefold().split()
        self.shown = [at for at, item in enumerate(self.items) if not words or _holds(item, words)]
        column, order = self._sorted
        if column >= 0:
            key = (lambda at: self.items[at].score) if column == 3 else (lambda at: self._value(at, column).casefold())
            self.shown.sort(key=key, reverse=order == Qt.SortOrder.DescendingOrder)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def item(self, row: int) -> Item:
        """The item in a shown row."""
        return self.items[self.shown[row]]

    def _value(self, at: int, column: int) -> str:
        item = self.items[at]
        return (item.text, item.label, item.predicted, f"{item.score:.2f}")[column]

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        at, column = self.shown[index.row()], index.column()
        if role == Role.DisplayRole:
            return self._value(at, column).replace("\n", " ")
        if role == Role.TextAlignmentRole and column == 3:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Role.ToolTipRole and column == 0:
            return wrapped(self.items[at].text)
        if role == Role.ForegroundRole and column == 2:
            item = self.items[at]
            wrong = bool(item.predicted) and item.predicted != item.label
            return QColor(self.tokens.error) if wrong else QColor(palette.ink(self.tokens.ok, self.tokens))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == 3 else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return COLUMNS[section] if role == Role.DisplayRole else None


def _holds(item: Item, words: Sequence[str]) -> bool:
    haystack = f"{item.text} {item.label} {item.predicted} {item.group}".casefold()
    return all(word in haystack for word in words)


class ItemsList(QWidget):
    """Examples with what is true and what was predicted, and the whole text of the chosen one.

    Signals: `relabel` carries the chosen items (all shown ones where none is chosen), `captioned`
    a line that counts them.
    """

    relabel = Signal(object)
    captioned = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ItemsModel()
        self.table = quiet_table(QTableView())
        self.table.setModel(self.model)
        self.table.setSortingEnabled(True)
        self.table.setAccessibleName("Examples")
        header = self.table.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(50)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter")
        keymap().explain(self.search, "examples.find")
        self.search.setAccessibleName("Filter the examples")
        self.search.setClearButtonEnabled(True)
        self.copy_button = QPushButton("Copy")
        keymap().explain(self.copy_button, "examples.copy")
        self.relabel_button = QPushButton("Relabel")
        keymap().explain(self.relabel_button, "examples.relabel")
        self.reader = QLabel()
        self.reader.setWordWrap(True)
        self.reader.setTextFormat(Qt.TextFormat.PlainText)
        self.reader.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reader.setMaximumHeight(theme().pixels(72))
        self.reader.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._lay_out()
        self._wire()
        theme().changed.connect(self.set_theme)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.search, 1)
        top.addWidget(self.copy_button)
        top.addWidget(self.relabel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self.reader)

    def _wire(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.copy_button.clicked.connect(self.copy)
        self.relabel_button.clicked.connect(lambda: self.relabel.emit(self.chosen()))
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._read())
        self.model.modelReset.connect(self._count)
        make_action(self, "examples.find", self.search.setFocus)
        make_action(self, "examples.copy", self.copy)
        make_action(self, "examples.relabel", self.relabel_button.click)

    def show_items(self, items: Sequence[Item]) -> None:
        """List these examples."""
        self.model.show(items)
        self.relabel_button.setEnabled(bool(items))
        if items:
            self.table.selectRow(0)
        self._read()

    def chosen(self) -> list[Item]:
        """The selected items when there are several, otherwise all that are shown."""
        rows = [index.row() for index in self.table.selectionModel().selectedRows()]
        return [self.model.item(row) for row in (rows if len(rows) > 1 else range(len(self.model.shown)))]

    def copy(self) -> None:
        """Put the chosen items on the clipboard as spreadsheets take them."""
        rows = [(one.text, one.label, one.predicted, one.score) for one in self.chosen()]
        QGuiApplication.clipboard().setText(as_csv(COLUMNS, rows, delimiter="\t"))

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.model.tokens = now
        self.table.viewport().update()

    def _filter(self, words: str) -> None:
        self.model.filter(words)
        if self.model.shown:
            self.table.selectRow(0)

    def _count(self) -> None:
        shown, whole = len(self.model.shown), len(self.model.items)
        noun = "example" if whole == 1 else "examples"
        self.captioned.emit(
            f"{spaced(whole)} {noun}" if shown == whole else f"{spaced(shown)} of {spaced(whole)} {noun}"
        )

    def _read(self) -> None:
        row = self.table.currentIndex().row()
        text = self.model.item(row).text if 0 <= row < len(self.model.shown) else ""
        self.reader.setText(text if len(text) <= 600 else text[:600] + " …")
        self.reader.setVisible(bool(text))
