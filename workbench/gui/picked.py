"""The examples behind a confusion cell or a lasso, as a list."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QToolButton

from workbench.core.documents import Item
from workbench.gui.card import Card
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens
from workbench.gui.words import count

MOST_ROWS = 500


class PickedCard(Card):
    """Hidden until something is picked."""

    def __init__(self) -> None:
        super().__init__("Picked")
        self._table = QTableWidget(0, 4)
        self._table.setHorizontalHeaderLabels(["text", "label", "predicted", "score"])
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setShowGrid(False)
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        head = self._table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._table.setAccessibleName("Picked examples")
        self.set_body(self._table, margin=8)
        close = QToolButton()
        close.setIcon(icon("mdi6.close", tokens().dim))
        close.setToolTip("Close the list")
        close.setAccessibleName("Close the list")
        close.clicked.connect(self.hide)
        self.header.addWidget(close)
        self.setMinimumHeight(theme().pixels(120))
        self.hide()

    def show_items(self, items: list[Any], title: str) -> None:
        """List these examples; nothing picked hides the list."""
        self.setVisible(bool(items))
        self.set_title(title or "Picked")
        shown = items[:MOST_ROWS]
        more = f", first {MOST_ROWS} shown" if len(items) > MOST_ROWS else ""
        self.set_caption(count(len(items), "example") + more)
        self._table.setRowCount(len(shown))
        for row, item in enumerate(shown):
            self._fill(row, item)

    def _fill(self, row: int, item: Item) -> None:
        score = f"{item.score:.2f}" if item.score else ""
        for column, text in enumerate((item.text, item.label, item.predicted, score)):
            cell = QTableWidgetItem(" ".join(text.split()))
            cell.setToolTip(text if column == 0 else "")
            self._table.setItem(row, column, cell)
