"""The settings of how things of one kind are drawn; made row by row, filled from a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QColorDialog, QComboBox, QGridLayout, QLabel, QPushButton, QSlider, QWidget

from workbench.core.scenes import Node, PointsDoc
from workbench.gui.scenes import looks
from workbench.gui.scenes.classlist import ClassList, classes_of
from workbench.gui.scenes.colourbar import ColourBar
from workbench.gui.scenes.lookrows import ROWS, Choices, LookRow, mapped
from workbench.gui.scenes.numberbox import NumberBox
from workbench.gui.sidepanel import chooser, words
from workbench.gui.theme import theme

SHARE_STEPS = 100


class KindForm(QWidget):
    """`changed` carries a setting's name and its new value."""

    changed = Signal(str, object)

    def __init__(self, kind: str, parent: QWidget) -> None:
        super().__init__(parent)
        px = theme().pixels
        self.kind, self.ready = kind, False
        self.fields: dict[str, QWidget] = {}
        self._fill: dict[str, Callable[[Any], None]] = {}
        self._labels: dict[str, QLabel] = {}
        self._offered: dict[str, Choices] = {}
        self._bar: ColourBar | None = None
        self._classes: ClassList | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(8))
        self._grid.setVerticalSpacing(px(6))
        self._grid.setColumnStretch(1, 1)
        self._pieces = self._make()
        self.hide()

    def go_on(self) -> bool:
        """Make the next row, dressed already, which takes a few milliseconds; whether there was one."""
        self.ready = self.ready or next(self._pieces, None) is None
        return not self.ready

    def _make(self) -> Iterator[bool]:
        at = 0
        for row in ROWS[self.kind]:
            label, field = words(row.title, "dim"), self._field(row)
            label.setWordWrap(False)
            label.setBuddy(field)
            field.setAccessibleName(row.title)
            field.setToolTip(row.tip or row.title)
            self._labels[row.field], self.fields[row.field] = label, field
            at = self._lay(at, label, field)
            yield True
            if row.field == "colour_by":
                self._bar, self._classes = ColourBar(), ClassList()
                self._classes.changed.connect(lambda value: self.changed.emit("without", value))
                at = self._lay(self._lay(at, self._bar), self._classes)
                yield True

    def _lay(self, at: int, *across: QWidget) -> int:
        for column, one in enumerate(across):
            self._grid.addWidget(one, at, column, 1, 2 // len(across))
            one.ensurePolished()
        return at + 1

    def show_node(self, node: Node, look: Any) -> None:
        """Show the settings of a node of this kind, once all rows are there."""
        for row in ROWS[self.kind]:
            field, shown = self.fields[row.field], row.when(look, node)
            field.setVisible(shown)
            self._labels[row.field].setVisible(shown)
            if row.choices is not None and isinstance(field, QComboBox):
                self._offer(row, field, row.choices(node))
            self._fill[row.field](getattr(look, row.field))
            if row.fits and isinstance(field, NumberBox):
                whole = isinstance(look, looks.PointsLook | looks.MeshLook) and look.low == look.high == 0
                field.leave_open(row.field == "size" or whole)
        self._show_colours(node, look)

    def _offer(self, row: LookRow, box: QComboBox, choices: Choices) -> None:
        if list(choices) != self._offered.get(row.field):
            self._offered[row.field] = list(choices)
            box.clear()
            for value, told in choices:
                box.addItem(told, value)

    # Fields

    def _field(self, row: LookRow) -> QWidget:
        make = {"choice": self._choice, "switch": self._switch, "share": self._share, "number": self._number,
                "colour": self._colour}[row.kind]  # fmt: skip
        return make(row)

    def _choice(self, row: LookRow) -> QWidget:
        box: QComboBox = chooser(row.title)
        box.activated.connect(lambda at: self.changed.emit(row.field, box.itemData(at)))
        self._fill[row.field] = lambda value: box.setCurrentIndex(max(0, box.findData(value)))
        return box

    def _switch(self, row: LookRow) -> QWidget:
        box = QCheckBox()
        box.clicked.connect(lambda on: self.changed.emit(row.field, on))
        self._fill[row.field] = box.setChecked
        return box

    def _share(self, row: LookRow) -> QWidget:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, SHARE_STEPS)
        slider.valueChanged.connect(lambda value: self.changed.emit(row.field, value / SHARE_STEPS))

        def fill(value: float) -> None:
            slider.blockSignals(True)
            slider.setValue(round(value * SHARE_STEPS))
            slider.setAccessibleDescription(f"{100 * value:.0f} %")
            slider.blockSignals(False)

        self._fill[row.field] = fill
        return slider

    def _number(self, row: LookRow) -> QWidget:
        box = NumberBox(row.low, row.high, row.step, row.suffix)
        box.valueChanged.connect(lambda value: self.changed.emit(row.field, value))
        self._fill[row.field] = box.fill
        return box

    def _colour(self, row: LookRow) -> QWidget:
        button = ColourButton()
        button.chosen.connect(lambda colour: self.changed.emit(row.field, colour))
        self._fill[row.field] = button.fill
        return button

    # What the colours mean

    def _show_colours(self, node: Node, look: Any) -> None:
        if self._bar is None or self._classes is None:
            return
        self._bar.setVisible(mapped(look, node))
        if mapped(look, node):
            self._bar.show_map(look.colour_map, _span(node, look), backwards=getattr(look, "reversed", False))
        column = looks.way_of_points(node.thing, look)[1] if isinstance(node.thing, PointsDoc) else None
        classes = column is not None and column.kind == "class"
        self._classes.setVisible(classes)
        if classes and column is not None:
            self._classes.show_classes(classes_of(column), look.without)


def _span(node: Node, look: Any) -> tuple[float, float]:
    if isinstance(node.thing, PointsDoc):
        return looks.span_of_points(node.thing, look)
    low, high = getattr(look, "low", 0.0), getattr(look, "high", 0.0)
    if low != high:
        return low, high
    bounds = getattr(node.thing, "low", None), getattr(node.thing, "high", None)
    return (float(bounds[0][2]), float(bounds[1][2])) if None not in bounds else (0.0, 1.0)  # type: ignore[index]


class ColourButton(QPushButton):
    """Shows a colour and asks for another one; `chosen` carries it."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._now: looks.Rgb = looks.PLAIN
        self.clicked.connect(lambda _=False: self._ask())

    def fill(self, value: looks.Rgb) -> None:
        """A colour that nobody chose."""
        self._now = value
        self.setAccessibleDescription(QColor(*value).name())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)  # its border tells of the focus
        painter, inset = QPainter(self), theme().pixels(4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*self._now))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 3, 3)
        painter.end()

    def _ask(self) -> None:
        dialog = QColorDialog(QColor(*self._now), self)
        dialog.colorSelected.connect(lambda found: self.chosen.emit((found.red(), found.green(), found.blue())))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()
