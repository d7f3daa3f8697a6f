"""Facts as rows of a name and a value; what was made for one thing shows those of the next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from workbench.gui.sidepanel import words
from workbench.gui.theme import theme


class FactRows(QWidget):
    """Makes a row only where more are told of than ever before: labels are dear to make and cheap to fill."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.rows: tuple[tuple[str, str], ...] = ()
        self._labels: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(10))
        self._grid.setVerticalSpacing(px(3))
        self._grid.setColumnStretch(1, 1)

    def show_facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show these and no others."""
        if tuple(rows) == self.rows:
            return
        self.rows = tuple(rows)
        self.reserve(len(rows))
        for at, (label, said) in enumerate(self._labels):
            name, value = rows[at] if at < len(rows) else ("", "")
            label.setText(name)
            said.setText(value)
            for one in (label, said):
                one.setVisible(at < len(rows))
        self.setVisible(bool(rows))

    def reserve(self, many: int) -> None:
        """Have so many rows ready."""
        for at in range(len(self._labels), many):
            label, said = words("", "dim"), words("", "body")
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            said.setMinimumWidth(1)
            self._grid.addWidget(label, at, 0)
            self._grid.addWidget(said, at, 1)
            self._labels.append((label, said))
            for one in (label, said):
                one.hide()
