"""A dialog that adds runs to a comparison: the history, filtered by typing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from workbench.core.words import moment
from workbench.gui.link import Link
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.store.index import Index, RunRow


class RunPicker(QDialog):
    """`picked` carries a run's id; the dialog stays open for the next one."""

    picked = Signal(str)

    def __init__(self, parent: QWidget, link: Link, there: list[str]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Add runs to the comparison")
        self.resize(theme().pixels(720), theme().pixels(480))
        self._there = set(there)
        self._rows: list[RunRow] = []
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter")
        self.filter.setAccessibleName("Filter of the runs")
        self.filter.setClearButtonEnabled(True)
        self.sheet = Sheet(("run", "title", "state", "preset", "seed", "started"), numbers=("seed",))
        self.sheet.setAccessibleName("Runs that can be added")
        self.filter.textChanged.connect(self.sheet.set_filter)
        self.sheet.opened.connect(self._pick)
        self.sheet.chosen.connect(lambda run: self.add.setEnabled(bool(run)))
        self.note = QLabel("Reading the history…")
        self.note.setProperty("role", "dim")
        self._lay_out()
        link.background(lambda: Index(link.home.index, link.home.runs).refresh(), then=self.show_rows, owner=self)

    def show_rows(self, rows: list[RunRow]) -> None:
        """Offer the runs that are not compared yet."""
        self._rows = rows
        self._refresh()

    def _refresh(self) -> None:
        rows = [row for row in self._rows if row.id not in self._there]
        cells = [
            [row.id, row.config.title, row.state.phase, row.config.preset or row.config.arm, str(row.config.seed),
             moment(row.config.created)]
            for row in rows
        ]  # fmt: skip
        self.sheet.set_rows(cells, keys=[row.id for row in rows])
        self.note.setText("Double-click adds a run." if rows else "There are no other runs to add.")

    def _pick(self, run: str) -> None:
        self._there.add(run)
        self.picked.emit(run)
        self._refresh()

    def _lay_out(self) -> None:
        px = theme().pixels
        self.add = QPushButton("Add")
        self.add.setToolTip("Add the chosen run (Return)")
        self.add.setEnabled(False)
        self.add.clicked.connect(self.sheet.open_chosen)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        for button in (self.add, close):
            button.setAutoDefault(False)
        below = QHBoxLayout()
        below.addWidget(self.note, 1)
        below.addWidget(self.add)
        below.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(12), px(16), px(12))
        column.setSpacing(px(8))
        column.addWidget(self.filter)
        column.addWidget(self.sheet, 1)
        column.addLayout(below)
