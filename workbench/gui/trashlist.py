"""The deleted runs: put back, or removed for good."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.words import count
from workbench.gui.theme import theme
from workbench.store.trash import Discarded

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)


class TrashList(QDialog):
    """What lies in the trash, the newest run first; emptying it takes a second press."""

    restored = Signal(object)
    """The runs to put back, as a list of Discarded."""
    emptied = Signal()

    def __init__(self, parent: QWidget, runs: Sequence[Discarded]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Deleted runs")
        self.list = QListWidget(self)
        self.list.ensurePolished()
        self.list.setAccessibleName("Deleted runs")
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        for one in runs:
            QListWidgetItem(one.run, self.list).setData(ITEM_ROLE, one)
        self.list.itemSelectionChanged.connect(self._judge)
        self.list.itemActivated.connect(lambda _: self.put_back())
        self._words = QLabel(
            f"{count(len(runs), 'run')}, whole with models and notes." if runs else "Nothing was deleted."
        )
        self._words.setProperty("role", "dim")
        self._words.setWordWrap(True)
        self.back, self.empty = QPushButton("Put back"), QPushButton("Empty the trash")
        self._sure = False
        self._lay_out()
        self.empty.setEnabled(bool(runs))
        self._judge()

    def put_back(self) -> None:
        """Ask for the chosen runs, and close."""
        chosen = [item.data(ITEM_ROLE) for item in self.list.selectedItems()]
        if chosen:
            self.restored.emit(chosen)
            self.accept()

    def press_empty(self) -> None:
        """The first press says what the second does."""
        if self._sure:
            self.emptied.emit()
            self.accept()
        self._sure = True
        self.empty.setText("Remove for good")
        self._words.setProperty("role", "error")
        self._words.setText(
            f"{count(self.list.count(), 'run')} will be gone with models and notes. Press again to do it."
        )
        self._words.style().unpolish(self._words)
        self._words.style().polish(self._words)

    def _judge(self) -> None:
        chosen = bool(self.list.selectedItems())
        self.back.setEnabled(chosen)
        self.back.setToolTip("Into the history again (Enter)" if chosen else "Choose a deleted run first")

    def _lay_out(self) -> None:
        px = theme().pixels
        close = QPushButton("Close")
        close.setToolTip("Leave the trash as it is (Esc)")
        self.empty.setToolTip("Remove all deleted runs for good, after a second press")
        self.back.clicked.connect(lambda _=False: self.put_back())
        self.empty.clicked.connect(lambda _=False: self.press_empty())
        close.clicked.connect(lambda _=False: self.reject())
        row = QHBoxLayout()
        row.setSpacing(px(8))
        for button in (self.empty, self.back, close):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.insertStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.list, 1)
        column.addWidget(self._words)
        column.addLayout(row)
        self.resize(px(480), px(360))
