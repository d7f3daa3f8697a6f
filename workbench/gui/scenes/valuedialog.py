"""Selecting points by the values of a column: classes, or a range of a scalar or of the height."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.core.scenes import Column, Node, PointsDoc
from workbench.gui.scenes import selecting
from workbench.gui.scenes.classlist import classes_of
from workbench.gui.scenes.numberbox import NumberBox
from workbench.gui.scenes.selecting import How, Mask
from workbench.gui.sidepanel import chooser
from workbench.gui.theme import theme

HEIGHT = "height (z)"
WIDE_PX = 340
"""So that what it does with them is read whole."""
Test = Callable[[Any], Mask]
Take = Callable[[str, str, Test, How], object]
HOWS: tuple[tuple[How, str], ...] = (
    ("replace", "select only these"), ("add", "add them"), ("subtract", "take them away"),
)  # fmt: skip


class ValueDialog(QDialog):
    """`take` gets the node, the array's path, the test for its values, and how they are selected."""

    def __init__(self, parent: QWidget, node: Node, take: Take) -> None:
        super().__init__(parent)
        assert isinstance(node.thing, PointsDoc)
        self.node, self.thing, self._take = node, node.thing, take
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Select of {node.name} by value")
        self.setMinimumWidth(theme().pixels(WIDE_PX))
        self.columns = {one.name: one for one in self.thing.columns if one.kind in ("scalar", "class")}
        self.column: QComboBox = chooser("Column")
        self.column.addItems([*self.columns, HEIGHT])
        self.first = (0.0, 0.0)
        self.low, self.high = NumberBox(-1e12, 1e12, 0.1), NumberBox(-1e12, 1e12, 0.1)
        self.low.setAccessibleName("From")
        self.high.setAccessibleName("To")
        self.classes = QListWidget()
        self.classes.setAccessibleName("Classes")
        self.classes.setMinimumHeight(theme().pixels(140))
        self.how: QComboBox = chooser("How")
        for how, words in HOWS:
            self.how.addItem(words, how)
        self._form = QFormLayout()
        for title, widget in (("Column", self.column), ("From", self.low), ("To", self.high),
                              ("Classes", self.classes), ("How", self.how)):  # fmt: skip
            self._form.addRow(title, widget)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        select = buttons.addButton("Select", QDialogButtonBox.ButtonRole.AcceptRole)
        select.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        whole.addLayout(self._form)
        whole.addWidget(buttons)
        self.column.currentTextChanged.connect(lambda _: self._show())
        self._show()

    def _now(self) -> Column | None:
        return self.columns.get(self.column.currentText())

    def _classes(self) -> list[tuple[int, str]]:
        """The classes to choose among; none where they are too many to list, which are a range as other numbers are."""
        column = self._now()
        return classes_of(column) if column is not None and column.kind == "class" else []

    def _show(self) -> None:
        column, classes = self._now(), self._classes()
        self._form.setRowVisible(self.classes, bool(classes))
        for widget in (self.low, self.high):
            self._form.setRowVisible(widget, not classes)
        if classes:
            self.classes.clear()
            for number, name in classes:
                item = QListWidgetItem(name, self.classes)
                item.setData(Qt.ItemDataRole.UserRole, number)
                item.setCheckState(Qt.CheckState.Unchecked)
            return
        low, high = (column.low, column.high) if column is not None else (self.thing.low[2], self.thing.high[2])
        self.first = (low, high)
        self.low.fill(low)
        self.high.fill(high)

    def _bound(self, box: NumberBox, first: float) -> float:
        """The number of a box; the extreme itself where its six digits were left as they were."""
        return first if abs(box.value() - first) <= 1e-5 * max(1.0, abs(first)) else box.value()

    def accept(self) -> None:
        column, how = self._now(), self.how.currentData()
        if column is not None and self._classes():
            items = [self.classes.item(at) for at in range(self.classes.count())]
            wanted = [one.data(Qt.ItemDataRole.UserRole) for one in items if one.checkState() == Qt.CheckState.Checked]
            self._take(self.node.id, column.path, lambda values: selecting.with_classes(values, wanted), how)
        else:
            path = column.path if column is not None else self.thing.positions
            least, most = self._bound(self.low, self.first[0]), self._bound(self.high, self.first[1])
            self._take(self.node.id, path, lambda values: selecting.with_values(
                values[:, 2] if values.ndim == 2 else values, least, most), how)  # fmt: skip
        super().accept()
