"""Boxes as a list with numbers: label, centre, sides, turn; for the boxes that are chosen in the tree."""

from __future__ import annotations

import math

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from workbench.core.scenes import Box, BoxesDoc, Node
from workbench.core.volumes import Triple
from workbench.gui.scenes.numberbox import NumberBox
from workbench.gui.sidepanel import ShortList, row, words
from workbench.gui.theme import theme

LIST_PX = 100


class BoxEditor(QWidget):
    """`changed` carries the other BoxesDoc, what was done, and a key: the same again goes on with the step before."""

    changed = Signal(object, str, str)
    pointed = Signal(int)
    """Which box is marked in the list; −1 for none."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.doc: BoxesDoc | None = None
        self._filling = False
        self._id = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(6))
        column.addWidget(words("Boxes", "heading"))
        self.list = ShortList(LIST_PX)
        self.list.setAccessibleName("Boxes")
        self.list.currentRowChanged.connect(self._point)
        column.addWidget(self.list)
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(6))
        grid.setVerticalSpacing(px(4))
        self.label = QComboBox()
        self.label.setEditable(True)
        self.label.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.label.setAccessibleName("Label of the box")
        line = self.label.lineEdit()
        assert line is not None  # it is editable
        line.editingFinished.connect(lambda: self._relabel(self.label.currentText().strip()))
        self.label.activated.connect(lambda at: self._relabel(self.label.itemText(at)))
        grid.addWidget(words("Label", "dim"), 0, 0)
        grid.addWidget(self.label, 0, 1, 1, 3)
        self.numbers: dict[str, list[NumberBox]] = {}
        for at, (name, title, low) in enumerate((("centre", "Centre", -1e9), ("size", "Sides", 1e-6)), 1):
            grid.addWidget(words(title, "dim"), at, 0)
            self.numbers[name] = [NumberBox(low, 1e9, 0.1) for _ in range(3)]
            for axis, box in enumerate(self.numbers[name]):
                box.setAccessibleName(f"{title} {'xyz'[axis]}")
                box.valueChanged.connect(lambda _, name=name: self._renumber(name))
                grid.addWidget(box, at, 1 + axis)
        self.yaw = NumberBox(-360.0, 360.0, 5.0, "°")
        self.yaw.setAccessibleName("Turn about z in degrees")
        self.yaw.valueChanged.connect(lambda _: self._turn())
        grid.addWidget(words("Turn", "dim"), 3, 0)
        grid.addWidget(self.yaw, 3, 1)
        column.addLayout(grid)
        self._copy, self._delete = QPushButton("Copy"), QPushButton("Delete")
        self._copy.setToolTip("Put a copy of the marked box beside it")
        self._delete.setToolTip("Delete the marked box")
        self._copy.clicked.connect(lambda _=False: self._duplicate())
        self._delete.clicked.connect(lambda _=False: self._remove())
        column.addLayout(row(self._copy, self._delete))

    def show_node(self, node: Node | None) -> None:
        """Other boxes, or the same after a change."""
        doc = node.thing if node is not None and isinstance(node.thing, BoxesDoc) else None
        self.setVisible(doc is not None)
        other = node is None or node.id != self._id
        self._id = node.id if node is not None else ""
        if doc is None or (doc is self.doc and not other):
            self.doc = doc
            return
        self._filling = True
        at = -1 if other else self.list.currentRow()
        self.doc = doc
        titles = [_title(number, one) for number, one in enumerate(doc.boxes, 1)]
        if titles != [self.list.item(row).text() for row in range(self.list.count())]:
            self.list.clear()
            for title in titles:
                self.list.addItem(QListWidgetItem(title))
        labels = list(dict.fromkeys([*doc.names, *(one.label for one in doc.boxes)]))
        self.label.clear()
        self.label.addItems(labels)
        self._filling = False
        self.list.setCurrentRow(min(at, len(doc.boxes) - 1))
        self._point(self.list.currentRow())

    def mark(self, at: int) -> None:
        """Mark a box, as one that was clicked."""
        self.list.setCurrentRow(at)

    def marked(self) -> int:
        """Which box is marked; −1 for none."""
        return self.list.currentRow() if self.doc is not None else -1

    def _now(self) -> Box | None:
        at = self.list.currentRow()
        return self.doc.boxes[at] if self.doc is not None and 0 <= at < len(self.doc.boxes) else None

    def _point(self, at: int) -> None:
        if self._filling:
            return
        box = self._now()
        for widget in (self.label, self.yaw, self._copy, self._delete, *self.numbers["centre"], *self.numbers["size"]):
            widget.setEnabled(box is not None)
        if box is None:
            for field in (self.yaw, *self.numbers["centre"], *self.numbers["size"]):
                field.leave_blank()
        else:
            self._filling = True
            self.label.setCurrentIndex(self.label.findText(box.label, Qt.MatchFlag.MatchExactly))
            self.label.setEditText(box.label)
            for name in ("centre", "size"):
                for field, value in zip(self.numbers[name], getattr(box, name), strict=True):
                    field.fill(value)
            self.yaw.fill(math.degrees(box.yaw_rad))
            self._filling = False
        self.pointed.emit(at if box is not None else -1)

    # Changes

    def _put(self, box: Box, text: str, key: str) -> None:
        if self._filling or self.doc is None or box == self._now():
            return
        at = self.list.currentRow()
        boxes = (*self.doc.boxes[:at], box, *self.doc.boxes[at + 1 :])
        names = self.doc.names if box.label in ("", *self.doc.names) else (*self.doc.names, box.label)
        self.changed.emit(msgspec.structs.replace(self.doc, boxes=boxes, names=names), text, f"{key} {at}")

    def _relabel(self, label: str) -> None:
        box = self._now()
        if box is not None:
            self._put(msgspec.structs.replace(box, label=label), "label a box", "")

    def _renumber(self, name: str) -> None:
        box = self._now()
        if box is not None:
            x, y, z = (one.value() for one in self.numbers[name])
            there: Triple = (x, y, z)
            self._put(msgspec.structs.replace(box, **{name: there}), "change a box", name)

    def _turn(self) -> None:
        box = self._now()
        if box is not None:
            self._put(msgspec.structs.replace(box, yaw_rad=math.radians(self.yaw.value())), "turn a box", "yaw")

    def _duplicate(self) -> None:
        box, doc = self._now(), self.doc
        if box is not None and doc is not None:
            aside = (box.centre[0] + box.size[0], box.centre[1], box.centre[2])
            copy = msgspec.structs.replace(box, centre=aside, score=None)
            self.changed.emit(msgspec.structs.replace(doc, boxes=(*doc.boxes, copy)), "copy a box", "")
            self.list.setCurrentRow(self.list.count() - 1)

    def _remove(self) -> None:
        at, doc = self.list.currentRow(), self.doc
        if doc is not None and 0 <= at < len(doc.boxes):
            boxes = (*doc.boxes[:at], *doc.boxes[at + 1 :])
            self.changed.emit(msgspec.structs.replace(doc, boxes=boxes), "delete a box", "")


def _title(number: int, box: Box) -> str:
    score = f"   {box.score:.2f}" if box.score is not None else ""
    return f"{number}   {box.label or 'unlabelled'}{score}"
