"""Tags of the chosen runs: ticked where all have it, half where some do, new ones typed below."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.problem import InputError
from workbench.core.words import count
from workbench.gui.theme import theme
from workbench.store.index import RunRow
from workbench.store.notes import checked_tag

ALL, SOME, NONE = Qt.CheckState.Checked, Qt.CheckState.PartiallyChecked, Qt.CheckState.Unchecked


class Tagger(QDialog):
    """Nothing changes until 'Set tags'; a half-ticked tag stays where it is."""

    settled = Signal(object, object)
    """Tags to give to all chosen runs, and tags to take from all of them."""

    def __init__(self, parent: QWidget, rows: Sequence[RunRow], known: Sequence[str]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Tags of {rows[0].id}" if len(rows) == 1 else f"Tags of {count(len(rows), 'run')}")
        self._before: dict[str, Qt.CheckState] = {}
        self.list = QListWidget(self)
        self.list.ensurePolished()  # rows are as high as the style wants them from the first on
        self.list.setAccessibleName("Tags")
        for tag in known:
            held = sum(tag in row.tags for row in rows)
            self._add(tag, ALL if held == len(rows) else SOME if held else NONE)
        self.line = QLineEdit()
        self.line.setPlaceholderText("New tag")
        self.line.setAccessibleName("New tag")
        self.line.textEdited.connect(lambda _: self._say(""))
        self._fault = QLabel()
        self._fault.setProperty("role", "error")
        self._fault.setWordWrap(True)
        self._fault.hide()
        self._lay_out()

    def add_typed(self) -> bool:
        """Put what was typed among the tags, ticked; False when it cannot be one."""
        if not self.line.text().strip():
            return True
        try:
            tag = checked_tag(self.line.text())
        except InputError as problem:
            self._say(f"{problem.what} Expected {problem.expected}.")
            return False
        item = next(iter(self.list.findItems(tag, Qt.MatchFlag.MatchExactly)), None) or self._add(tag, NONE)
        item.setCheckState(ALL)
        self.list.scrollToItem(item)
        self.line.clear()
        return True

    def settle(self) -> None:
        """Take over the ticks and close."""
        if not self.add_typed():
            return
        add: list[str] = []
        remove: list[str] = []
        for place in range(self.list.count()):
            item = self.list.item(place)
            tag, now = item.text(), item.checkState()
            if now != self._before[tag] and now != SOME:
                (add if now == ALL else remove).append(tag)
        self.settled.emit(add, remove)
        self.accept()

    def _add(self, tag: str, state: Qt.CheckState) -> QListWidgetItem:
        item = QListWidgetItem(tag, self.list)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(state)
        self._before[tag] = state
        return item

    def _say(self, text: str) -> None:
        self._fault.setText(text)
        self._fault.setVisible(bool(text))
        self.line.setProperty("wrong", bool(text))
        self.line.style().unpolish(self.line)
        self.line.style().polish(self.line)

    def _entered(self) -> None:
        """Return with a tag typed adds it; with none it takes everything over."""
        if self.line.text().strip():
            self.add_typed()
        else:
            self.settle()

    def _lay_out(self) -> None:
        px = theme().pixels
        add = QPushButton("Add")
        add.setToolTip("Put the new tag on the list (Enter)")
        add.clicked.connect(lambda _=False: self.add_typed())
        self.line.returnPressed.connect(self._entered)
        leave, settle = QPushButton("Leave as it was"), QPushButton("Set tags")
        leave.setToolTip("Change nothing (Esc)")
        leave.clicked.connect(lambda _=False: self.reject())
        settle.setToolTip("Give and take these tags (Enter with nothing typed)")
        settle.setProperty("role", "primary")
        settle.clicked.connect(lambda _=False: self.settle())
        for button in (add, leave, settle):
            button.setAutoDefault(False)
        typing, ending = QHBoxLayout(), QHBoxLayout()
        for row in (typing, ending):
            row.setSpacing(px(8))
        typing.addWidget(self.line, 1)
        typing.addWidget(add)
        ending.addStretch(1)
        ending.addWidget(leave)
        ending.addWidget(settle)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.list, 1)
        column.addLayout(typing)
        column.addWidget(self._fault)
        column.addLayout(ending)
        self.resize(px(360), px(320))
        self.line.setFocus()
