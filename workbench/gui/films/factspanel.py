"""The panel of what a film's file says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from workbench.gui.card import empty
from workbench.gui.sidepanel import SidePanel, words
from workbench.gui.theme import theme

WIDTH_PX = 288


class FactsPanel(SidePanel):
    """Names at the left, values at the right; notes in a column below."""

    def __init__(self) -> None:
        super().__init__("What the file says", WIDTH_PX)
        px = theme().pixels
        self.rows: list[tuple[str, str]] = []
        column = self.make_column(right_px=8)
        column.addWidget(words("What the file says", "heading"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(px(12))
        self._grid.setVerticalSpacing(px(4))
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        column.addStretch(1)

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
