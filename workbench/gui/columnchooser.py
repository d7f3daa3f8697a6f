"""Which columns the history shows: everything that some run has, found by a part of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.theme import theme
from workbench.store.columns import Column

KEY_ROLE = int(Qt.ItemDataRole.UserRole)
FIXED = ("star", "run")


class ColumnChooser(QDialog):
    """Every tick takes effect at once; the list stays open for more."""

    changed = Signal(object)
    """The keys now ticked: those that were shown keep their order, new ones follow."""

    def __init__(
        self, parent: QWidget, known: Mapping[str, Column], shown: Iterable[str],
        *, usual: Iterable[str], differing: Callable[[], list[str]],
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Columns of the history")
        self._known = known
        self._shown, self._usual, self._differing = list(shown), list(usual), differing
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Find a metric, result, knob …")
        self.filter.setAccessibleName("Find a column")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.tree = QTreeWidget(self)
        self.tree.ensurePolished()  # rows are as high as the style wants them from the first on
        self.tree.setHeaderHidden(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Columns")
        self.items: dict[str, QTreeWidgetItem] = {}
        self.groups: dict[str, QTreeWidgetItem] = {}
        self._fill(known)
        self.tree.itemChanged.connect(self._ticked)
        self._lay_out()

    def tick(self, key: str, *, on: bool) -> None:
        """Show or leave out a column."""
        self.items[key].setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def show_usual(self) -> None:
        """Back to the columns of somebody who has chosen none."""
        self._set(self._usual)

    def add_differing(self) -> None:
        """Add the knobs and inputs in which the runs shown differ."""
        self._set(dict.fromkeys([*self._shown, *self._differing()]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.filter.hasFocus():
            self.tree.setFocus()
            return
        super().keyPressEvent(event)

    def _fill(self, known: Mapping[str, Column]) -> None:
        groups = self.groups
        for key, column in known.items():
            if key in FIXED:
                continue
            if column.group not in groups:
                groups[column.group] = QTreeWidgetItem(self.tree, [column.group])
                groups[column.group].setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(groups[column.group], [column.title])
            item.setData(0, KEY_ROLE, key)
            item.setToolTip(0, column.help)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Checked if key in self._shown else Qt.CheckState.Unchecked)
            self.items[key] = item
        self.tree.expandAll()

    def _lay_out(self) -> None:
        px = theme().pixels
        usual = QPushButton("Usual columns")
        usual.setToolTip("Back to the columns that are shown when nobody has chosen any")
        usual.clicked.connect(lambda _=False: self.show_usual())
        differing = QPushButton("Add what differs")
        differing.setToolTip("Add the knobs and inputs in which the runs now shown differ")
        differing.clicked.connect(lambda _=False: self.add_differing())
        done = QPushButton("Done")
        done.setToolTip("Close this list (Esc)")
        done.clicked.connect(lambda _=False: self.accept())
        for button in (usual, differing, done):
            button.setAutoDefault(False)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(usual)
        row.addWidget(differing)
        row.addStretch(1)
        row.addWidget(done)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.filter)
        column.addWidget(self.tree, 1)
        column.addLayout(row)
        self.resize(px(440), px(560))

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        seen = set()
        for key, item in self.items.items():
            item.setHidden(not all(word in f"{key} {item.text(0)}".casefold() for word in words))
            if not item.isHidden():
                seen.add(self._known[key].group)
        for name, group in self.groups.items():
            group.setHidden(name not in seen)

    def _set(self, keys: Iterable[str]) -> None:
        wanted = list(keys)
        blocked = self.tree.blockSignals(True)
        for key, item in self.items.items():
            item.setCheckState(0, Qt.CheckState.Checked if key in wanted else Qt.CheckState.Unchecked)
        self.tree.blockSignals(blocked)
        self._shown = wanted
        self.changed.emit(list(wanted))

    def _ticked(self, item: QTreeWidgetItem) -> None:
        key, on = str(item.data(0, KEY_ROLE)), item.checkState(0) == Qt.CheckState.Checked
        if on != (key in self._shown):
            self._shown = [*self._shown, key] if on else [one for one in self._shown if one != key]
            self.changed.emit(list(self._shown))
