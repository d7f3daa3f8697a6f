"""The panel of what a film's file says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from workbench.gui.card import empty
from workbench.gui.sidepanel import words
from workbench.gui.theme import theme

WIDTH_PX = 288


class FactsPanel(QScrollArea):
    """Names at the left, values at the right; notes in a column below."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(px(WIDTH_PX))
        self.setAccessibleName("What the file says")
        self.rows: list[tuple[str, str]] = []
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, px(8), 0)
        column.setSpacing(px(8))
        column.addWidget(words("What the file says", "heading"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(px(12))
        self._grid.setVerticalSpacing(px(4))
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        column.addStretch(1)
        self.setWidget(inner)

    def show_rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Other facts."""
        if list(rows) == self.rows:
            return
        self.rows = list(rows)
        empty(self._grid)
        for at, (name, value) in enumerate(rows):
            label = words(name, "dim")
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            said = words(value, "body")
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label, at, 0)
            self._grid.addWidget(said, at, 1)
